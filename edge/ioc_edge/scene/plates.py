"""Legal Vietnamese plates of every layout, as text and as a picture.

Series letters, grounds and sizes follow TT 79/2024/TT-BCA and QCVN 08:2024/BCA.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ioc_edge.scene.dice import chance, pick
from ioc_edge.scene.glyphs import draw_text, text_width
from ioc_edge.scene.spec import Ground

Image = NDArray[np.uint8]
Layout = Literal["long", "short", "motorbike"]

# Shares of the rarer kinds.
_MILITARY, _DIPLOMATIC, _STATE, _OLD, _ELECTRIC = 0.03, 0.02, 0.05, 0.08, 0.1

CAR_SERIES = "ABCDEFGHKLMNPSTUVXYZ"
BIKE_SECOND = "ABCDEFHKLMNPRSTUVXYZ"
STATE_SERIES = "ABCDEFGHKLM"
_UNUSED_PROVINCES = frozenset({13, 42, 44, 45, 46, 80, 87, 91, 96})
OTHER_PROVINCES = tuple(n for n in range(11, 100) if n not in _UNUSED_PROVINCES)
_OLD_DIGITS = 4  # registrations before 2010 that are still on the road
_MILITARY_UNITS = ("TM", "TC", "AA", "BB", "KA", "QA", "HB", "AD", "BT", "PM")

# Millimetres: QCVN 08:2024/BCA. Letters are ours: as tall as the rows leave room for.
SIZE_MM: dict[Layout, tuple[int, int]] = {
    "long": (520, 110),
    "short": (330, 165),
    "motorbike": (190, 140),
}
_LETTER_MM: dict[Layout, tuple[float, float, float, float]] = {  # width, height, stroke, gap
    "long": (43, 79, 11.0, 10),
    "short": (43, 62, 9.5, 9),
    "motorbike": (26.5, 54, 7.6, 6),
}
_PX_PER_MM: dict[Layout, float] = {"long": 0.75, "short": 0.9, "motorbike": 1.4}
_GROUND_BGR: dict[Ground, tuple[int, int, int]] = {
    "white": (232, 236, 236),
    "yellow": (40, 190, 240),
    "blue": (150, 74, 20),
    "red": (38, 30, 178),
}
_INK_BGR: dict[Ground, tuple[int, int, int]] = {
    "white": (24, 22, 22),
    "yellow": (20, 24, 26),
    "blue": (236, 238, 238),
    "red": (236, 238, 238),
}


@dataclass(frozen=True)
class Plate:
    """One registration.

    Attributes:
        text: Canonical: no separators, Đ kept.
        rows: What is painted, separators included; one or two rows.
        ink_red: Diplomatic plates carry red series letters.
    """

    text: str
    rows: tuple[str, ...]
    layout: Layout
    ground: Ground
    ink_red: bool = False

    @property
    def lines(self) -> Literal[1, 2]:
        """Number of rows."""
        return 1 if len(self.rows) == 1 else 2

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height in metres."""
        width, height = SIZE_MM[self.layout]
        return width / 1000, height / 1000

    @property
    def letter_share(self) -> float:
        """Height of a letter relative to the plate's."""
        return _LETTER_MM[self.layout][1] / SIZE_MM[self.layout][1]


def _province(rng: Generator) -> str:
    """Mostly Cà Mau: 69, and 94 since the merger with Bạc Liêu (TT 51/2025/TT-BCA)."""
    if chance(rng, 0.55):
        return "69"
    return "94" if chance(rng, 0.55) else str(pick(rng, OTHER_PROVINCES))


def _digits(rng: Generator, count: int = 5) -> str:
    return f"{int(rng.integers(1, 10**count)):0{count}d}"


def _dotted(digits: str) -> str:
    return f"{digits[:3]}.{digits[3:]}" if len(digits) > _OLD_DIGITS else digits


def _military(rng: Generator, layout: Layout) -> Plate:
    unit, number = pick(rng, _MILITARY_UNITS), _digits(rng, 4)
    shown = f"{number[:2]}-{number[2:]}"
    rows = (f"{unit}-{shown}",) if layout == "long" else (unit, shown)
    return Plate(unit + number, rows, layout, "red")


def _diplomatic(rng: Generator, layout: Layout) -> Plate:
    country, series = f"{int(rng.integers(11, 900)):03d}", pick(rng, ("NG", "QT", "NN"))
    number = _digits(rng, 2)
    rows = (f"80-{country}", f"{series}-{number}")
    shown = ("-".join(rows),) if layout == "long" else rows
    return Plate(f"80{country}{series}{number}", shown, layout, "white", ink_red=True)


def car_plate(rng: Generator, layout: Layout, *, business: bool = False) -> Plate:
    """A plate of a car, bus or truck.

    Args:
        rng: Draws the registration.
        layout: `long` or `short`.
        business: Passenger or goods transport: black on yellow.
    """
    if business:
        return _civil(rng, layout, "yellow")
    kind = float(rng.random())
    if kind < _MILITARY:
        return _military(rng, layout)
    if kind < _MILITARY + _DIPLOMATIC:
        return _diplomatic(rng, layout)
    return _civil(rng, layout, "blue" if chance(rng, _STATE) else "white")


def _civil(rng: Generator, layout: Layout, ground: Ground) -> Plate:
    letter = pick(rng, STATE_SERIES if ground == "blue" else CAR_SERIES)
    old = ground == "white" and chance(rng, _OLD)
    digits = _digits(rng, _OLD_DIGITS) if old else _digits(rng)
    series = _province(rng) + letter
    rows = (f"{series}-{_dotted(digits)}",) if layout == "long" else (series, _dotted(digits))
    return Plate(series + digits, rows, layout, ground)


def bike_plate(rng: Generator) -> Plate:
    """A plate of a motorbike: two letters since 15 August 2023, letter and digit before."""
    ground: Ground = "blue" if chance(rng, _STATE) else "white"
    digits = _digits(rng)
    if ground == "blue":
        series = pick(rng, STATE_SERIES) + str(rng.integers(1, 10))
    elif chance(rng, _ELECTRIC):
        series = "MĐ" + str(rng.integers(1, 10))
    elif chance(rng, 0.5):
        series = pick(rng, CAR_SERIES) + pick(rng, BIKE_SECOND)
    else:
        series = pick(rng, CAR_SERIES) + str(rng.integers(1, 10))
        digits = digits[1:] if chance(rng, _OLD) and digits[1:].strip("0") else digits
    province = _province(rng)
    rows = (f"{province}-{series}", _dotted(digits))
    return Plate(province + series + digits, rows, "motorbike", ground)


def paint(plate: Plate, rng: Generator) -> Image:
    """Picture of a plate, seen from the front: (h, w, 3) uint8 BGR.

    Dirt and wear come from `rng`, lightly: the text stays readable.
    """
    scale = _PX_PER_MM[plate.layout]
    width, height = (round(mm * scale) for mm in SIZE_MM[plate.layout])
    ink = (30, 24, 170) if plate.ink_red else _INK_BGR[plate.ground]
    image = np.empty((height, width, 3), dtype=np.uint8)
    image[:] = _GROUND_BGR[plate.ground]
    rim = max(2, round(3 * scale))
    cv2.rectangle(image, (rim, rim), (width - rim - 1, height - rim - 1), ink, max(1, rim // 2))
    letter, tall, stroke, gap = (mm * scale for mm in _LETTER_MM[plate.layout])
    pitch = height / len(plate.rows)
    for row, text in enumerate(plate.rows):
        fit = min(1.0, (width - 6 * rim) / text_width(text, letter, gap))
        squeezed, space = letter * fit, gap * fit
        # Rows lean to the middle: the rim needs room above and below.
        centre = (row + 0.5) * pitch + (len(plate.rows) - 1) * (0.5 - row) * 1.5 * rim
        draw_text(
            image,
            text,
            left=(width - text_width(text, squeezed, space)) / 2,
            top=centre - tall / 2,
            letter_px=squeezed,
            height_px=tall,
            stroke_px=stroke,
            gap_px=space,
            colour=ink,
        )
    return _worn(image, rng)


def _worn(image: Image, rng: Generator) -> Image:
    height, width = image.shape[:2]
    grime = rng.normal(1.0, 0.05, (6, 10)).astype(np.float32)
    shade = cv2.resize(grime, (width, height), interpolation=cv2.INTER_CUBIC)
    worn = image * (np.asarray(shade) * float(rng.uniform(0.86, 1.0)))[..., None]
    return np.asarray(np.clip(worn, 0, 255), dtype=np.uint8)
