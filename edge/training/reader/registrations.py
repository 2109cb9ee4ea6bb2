"""Texts to paint: every Vietnamese layout by its grammar, and some that no grammar allows.

The network must read, not guess, so letters are spread evenly (rare ones and Đ as often as A)
and a share of the texts breaks the rules. Layouts follow TT 79/2024/TT-BCA; the military ones
TT 169/2021/TT-BQP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ioc_models.plates import ALPHABET, MOTORBIKE_SECOND, SERIES

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    Rng: TypeAlias = np.random.Generator

SLOTS = 10
GROUNDS = ("white", "yellow", "blue", "red")
SPECIAL = ("LD", "DA", "KT", "HC", "CD", "MK", "TĐ", "RM", "R", "T")
MILITARY = "ABCDEFGHKLMNPQRSTUVX"
# The reader's alphabet has no Q, so QT (international bodies) cannot be read.
DIPLOMATIC = ("NG", "NN", "CV")
LETTERS = ALPHABET[10:]
# Chance that a legal text is broken: one letter replaced by any other.
BROKEN = 0.06


@dataclass(frozen=True)
class Registration:
    """What one plate says and how.

    Attributes:
        rows: As painted, separators included; one or two.
        shape: "long", "short" or "motorbike".
        red_letters: Diplomatic plates paint their series red.
    """

    rows: tuple[str, ...]
    shape: str
    ground: str
    red_letters: bool = False

    @property
    def text(self) -> str:
        """Letters and figures alone, top row first."""
        return "".join(c for row in self.rows for c in row if c in ALPHABET)


def _figures(rng: Rng, count: int) -> str:
    return "".join(str(d) for d in rng.integers(0, 10, count))


def _one(rng: Rng, letters: str) -> str:
    return letters[int(rng.integers(len(letters)))]


def _number(rng: Rng, figures: int) -> str:
    number = _figures(rng, figures)
    if figures == 4:
        return number if rng.random() < 0.85 else f"{number[:2]}.{number[2:]}"
    return f"{number[:3]}.{number[3:]}" if rng.random() < 0.8 else number


def _count(rng: Rng, old: float) -> int:
    return 4 if rng.random() < old else 5


def _ground(rng: Rng) -> str:
    roll = rng.random()
    return "white" if roll < 0.72 else "yellow" if roll < 0.86 else "blue"


def _motorbike(rng: Rng) -> Registration:
    kind = rng.random()
    old = 0.05
    if kind < 0.48:
        series = _one(rng, SERIES) + _one(rng, "123456789")
        old = 0.5
    elif kind < 0.72:
        series = _one(rng, SERIES) + _one(rng, MOTORBIKE_SECOND)
    elif kind < 0.86:
        series = "MĐ" + _one(rng, "123456789") * int(rng.random() < 0.7)
    elif kind < 0.94:
        series = SPECIAL[int(rng.integers(len(SPECIAL)))]
    else:
        series = _one(rng, LETTERS) + _one(rng, LETTERS + "0123456789")
    joint = ("-", "-", "-", "", " ", ".")[int(rng.integers(6))]
    top = f"{rng.integers(10, 100)}{joint}{series}"
    return Registration((top, _number(rng, _count(rng, old))), "motorbike", _ground(rng))


def _car_series(rng: Rng) -> str:
    if rng.random() < 0.18:
        return SPECIAL[int(rng.integers(len(SPECIAL)))]
    return _one(rng, LETTERS if rng.random() < 0.2 else SERIES)


def _car_long(rng: Rng) -> Registration:
    joint = ("-", "-", "-", "", " ")[int(rng.integers(5))]
    row = f"{rng.integers(10, 100)}{_car_series(rng)}{joint}{_number(rng, _count(rng, 0.2))}"
    return Registration((row,), "long", _ground(rng))


def _car_short(rng: Rng) -> Registration:
    joint = ("", "", "", "-", " ")[int(rng.integers(5))]
    top = f"{rng.integers(10, 100)}{joint}{_car_series(rng)}"
    return Registration((top, _number(rng, _count(rng, 0.2))), "short", _ground(rng))


def _military(rng: Rng) -> Registration:
    letters = "".join(c for c in MILITARY if c in ALPHABET)
    unit, number = _one(rng, letters) + _one(rng, letters), _figures(rng, 4)
    shown = f"{number[:2]}-{number[2:]}" if rng.random() < 0.7 else number
    if rng.random() < 0.45:
        return Registration((f"{unit}{_one(rng, '- ')}{shown}",), "long", "red")
    return Registration((unit, shown), "motorbike" if rng.random() < 0.5 else "short", "red")


def _diplomatic(rng: Rng) -> Registration:
    country, number = _figures(rng, 3), _figures(rng, 2)
    series = DIPLOMATIC[int(rng.integers(len(DIPLOMATIC)))]
    head, tail = f"{rng.integers(10, 100)}-{country}", f"{series}-{number}"
    if rng.random() < 0.4:
        return Registration((f"{head}-{tail}",), "long", "white", red_letters=True)
    shape = "motorbike" if rng.random() < 0.5 else "short"
    return Registration((head, tail), shape, "white", red_letters=rng.random() < 0.8)


def _lawless(rng: Rng) -> Registration:
    """Any letters in any places; layouts and lengths that resemble plates."""

    def some(count: int) -> str:
        return "".join(_one(rng, ALPHABET) for _ in range(count))

    ground = GROUNDS[int(rng.integers(len(GROUNDS)))]
    if rng.random() < 0.4:
        return Registration((some(int(rng.integers(6, 10))),), "long", ground)
    shape = "motorbike" if rng.random() < 0.6 else "short"
    return Registration(
        (some(int(rng.integers(2, 6))), some(int(rng.integers(3, 6)))), shape, ground
    )


_KINDS: tuple[tuple[float, Callable[[Rng], Registration]], ...] = (
    (0.42, _motorbike),
    (0.63, _car_long),
    (0.78, _car_short),
    (0.83, _military),
    (0.87, _diplomatic),
    (1.01, _lawless),
)


def draw(rng: Rng) -> Registration:
    """One registration of any kind."""
    roll = rng.random()
    made = next(make for below, make in _KINDS if roll < below)(rng)
    if rng.random() >= BROKEN:
        return made
    row = int(rng.integers(len(made.rows)))
    text = made.rows[row]
    place = int(rng.integers(len(text)))
    broken = text[:place] + _one(rng, ALPHABET) + text[place + 1 :]
    rows = (*made.rows[:row], broken, *made.rows[row + 1 :])
    changed = Registration(rows, made.shape, made.ground, red_letters=made.red_letters)
    return changed if len(changed.text) <= SLOTS else made
