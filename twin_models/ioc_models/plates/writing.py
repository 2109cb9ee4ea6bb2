"""Plates as people write them, and as much of one as a public lobby may see."""

from typing import Final, Literal

from ioc_models.plates.grammar import Plate, fits
from ioc_models.plates.law import Layout
from ioc_models.plates.letters import normalise

# A number of five figures carries a dot after the third.
_LONG: Final = 5
_HIDDEN: Final = "•"


def for_people(
    text: str,
    *,
    layout: Layout | None = None,
    lines: Literal[1, 2] | None = None,
    vehicle: str | None = None,
) -> str:
    """As painted on the metal: 69A12345 -> 69A-123.45; unknown layouts stay as they are.

    Args:
        text: A plate in any spelling.
        layout: Which of the layouts that fit; the first when left out.
        lines: Rows of the plate; `fits` says what it rules out.
        vehicle: What carries it, likewise.
    """
    found = fits(text, lines=lines, vehicle=vehicle) or fits(text)
    if layout is not None:
        found = tuple(plate for plate in found if plate.layout == layout) or found
    return _painted(found[0]) if found else text


def masked(text: str) -> str:
    """What a public lobby may see: the province code, when it stands first, and dots."""
    found = fits(text)
    plain = normalise(text)
    if not found or found[0].province is None or not plain[:2].isdigit():
        return _HIDDEN * max(len(text), 1)
    return plain[:2] + _HIDDEN * (len(plain) - 2)


def _painted(plate: Plate) -> str:
    number = plate.number
    if len(number) == _LONG:
        number = f"{number[:3]}.{number[3:]}"
    if plate.layout == "diplomatic":
        middle = (plate.country, plate.series)
        if plate.form.index("s") < plate.form.index("c"):
            middle = (plate.series, plate.country)
        return "-".join((str(plate.province), *middle, number))
    if plate.layout == "military":
        return f"{plate.series}-{number}"
    if plate.form.startswith("s"):
        return f"{plate.series}{plate.province}-{number}"
    if len(plate.series) == 1:
        return f"{plate.province}{plate.series}-{number}"
    return f"{plate.province}-{plate.series} {number}"
