"""Letters drawn with strokes: the shapes on Vietnamese plates and on the picture's caption.

Every glyph is a set of polylines in a unit box (x right, y down). They are our own drawing, so no
font file and no font licence travels with the project.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Stroke = list[tuple[float, float]]
Image = NDArray[np.uint8]

_SUB = 4  # cv2 counts in 1/16 px: smooth strokes without drawing larger first
_GAP = {".": 0.22, ":": 0.22, "-": 0.5, " ": 0.55, "/": 0.7, "1": 0.72, "I": 0.3}
_SLIM = {"1": 0.5, "I": 0.0, "/": 0.7, "-": 0.5, ".": 0.0, ":": 0.0}


def _arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float) -> Stroke:
    """Part of an ellipse; degrees, 0 to the right and 90 down."""
    angles = np.radians(np.linspace(start, end, 18))
    return [(cx + rx * float(np.cos(a)), cy + ry * float(np.sin(a))) for a in angles]


def _turned(strokes: list[Stroke]) -> list[Stroke]:
    return [[(1 - x, 1 - y) for x, y in stroke] for stroke in strokes]


_ROUND = [*_arc(0.5, 0.32, 0.5, 0.32, 180, 360), *_arc(0.5, 0.68, 0.5, 0.32, 0, 180), (0.0, 0.32)]
_OPEN = [*_arc(0.5, 0.32, 0.5, 0.32, 335, 180), *_arc(0.5, 0.68, 0.5, 0.32, 180, 25)]
_SIX = [_arc(0.5, 0.68, 0.49, 0.32, 0, 360), _arc(0.95, 0.68, 0.94, 0.68, 180, 262)]
_DEE: Stroke = [
    (0.0, 0.0),
    *_arc(0.38, 0.36, 0.62, 0.36, 270, 360),
    *_arc(0.38, 0.64, 0.62, 0.36, 0, 90),
    (0.0, 1.0),
    (0.0, 0.0),
]
_PEE: list[Stroke] = [
    [(0.0, 1.0), (0.0, 0.0), *_arc(0.52, 0.28, 0.46, 0.28, 270, 450), (0.0, 0.56)]
]

GLYPHS: dict[str, list[Stroke]] = {
    "0": [_ROUND],
    "1": [[(0.0, 0.2), (0.75, 0.0), (0.75, 1.0)]],
    "2": [[*_arc(0.5, 0.3, 0.48, 0.3, 188, 395), (0.02, 1.0), (1.0, 1.0)]],
    "3": [[*_arc(0.47, 0.24, 0.45, 0.24, 195, 450), *_arc(0.47, 0.73, 0.51, 0.27, 270, 525)]],
    "4": [[(0.74, 1.0), (0.74, 0.0), (0.0, 0.7), (1.0, 0.7)]],
    "5": [[(0.93, 0.0), (0.12, 0.0), (0.06, 0.47), *_arc(0.48, 0.69, 0.5, 0.31, 228, 508)]],
    "6": _SIX,
    "7": [[(0.0, 0.0), (1.0, 0.0), (0.36, 1.0)]],
    "8": [_arc(0.5, 0.24, 0.42, 0.24, 0, 360), _arc(0.5, 0.73, 0.5, 0.27, 0, 360)],
    "9": _turned(_SIX),
    "A": [[(0.0, 1.0), (0.5, 0.0), (1.0, 1.0)], [(0.17, 0.68), (0.83, 0.68)]],
    "B": [
        [(0.0, 0.0), *_arc(0.5, 0.24, 0.42, 0.24, 270, 450), (0.0, 0.48)],
        [(0.0, 0.48), *_arc(0.52, 0.74, 0.46, 0.26, 270, 450), (0.0, 1.0), (0.0, 0.0)],
    ],
    "C": [_OPEN],
    "D": [_DEE],
    "Đ": [_DEE, [(-0.22, 0.5), (0.42, 0.5)]],
    "E": [[(1.0, 0.0), (0.0, 0.0), (0.0, 1.0), (1.0, 1.0)], [(0.0, 0.48), (0.86, 0.48)]],
    "F": [[(1.0, 0.0), (0.0, 0.0), (0.0, 1.0)], [(0.0, 0.48), (0.86, 0.48)]],
    "G": [[*_OPEN, (0.98, 0.56), (0.56, 0.56)]],
    "H": [[(0.0, 0.0), (0.0, 1.0)], [(1.0, 0.0), (1.0, 1.0)], [(0.0, 0.5), (1.0, 0.5)]],
    "I": [[(0.0, 0.0), (0.0, 1.0)]],
    "J": [[(0.9, 0.0), *_arc(0.45, 0.7, 0.45, 0.3, 0, 170)]],
    "K": [[(0.0, 0.0), (0.0, 1.0)], [(0.96, 0.0), (0.0, 0.62)], [(0.32, 0.42), (1.0, 1.0)]],
    "L": [[(0.0, 0.0), (0.0, 1.0), (0.95, 1.0)]],
    "M": [[(0.0, 1.0), (0.0, 0.0), (0.5, 0.72), (1.0, 0.0), (1.0, 1.0)]],
    "N": [[(0.0, 1.0), (0.0, 0.0), (1.0, 1.0), (1.0, 0.0)]],
    "O": [_ROUND],
    "Ô": [_ROUND, [(0.18, -0.14), (0.5, -0.32), (0.82, -0.14)]],
    "Ỏ": [_ROUND, [*_arc(0.5, -0.32, 0.16, 0.1, 180, 430), (0.5, -0.14)]],
    "P": _PEE,
    "Q": [_ROUND, [(0.6, 0.75), (1.0, 1.05)]],
    "R": [*_PEE, [(0.45, 0.56), (1.0, 1.0)]],
    "S": [[*_arc(0.5, 0.25, 0.46, 0.25, 335, 90), *_arc(0.5, 0.745, 0.5, 0.255, 270, 515)]],
    "T": [[(0.0, 0.0), (1.0, 0.0)], [(0.5, 0.0), (0.5, 1.0)]],
    "U": [[(0.0, 0.0), *_arc(0.5, 0.68, 0.5, 0.32, 180, 0), (1.0, 0.0)]],
    "V": [[(0.0, 0.0), (0.5, 1.0), (1.0, 0.0)]],
    "W": [[(0.0, 0.0), (0.25, 1.0), (0.5, 0.2), (0.75, 1.0), (1.0, 0.0)]],
    "X": [[(0.0, 0.0), (1.0, 1.0)], [(1.0, 0.0), (0.0, 1.0)]],
    "Y": [[(0.0, 0.0), (0.5, 0.5), (1.0, 0.0)], [(0.5, 0.5), (0.5, 1.0)]],
    "Z": [[(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]],
    "-": [[(0.0, 0.52), (1.0, 0.52)]],
    "/": [[(0.0, 1.0), (1.0, 0.0)]],
    ".": [[(0.0, 1.0), (0.0, 1.0)]],
    ":": [[(0.0, 0.3), (0.0, 0.3)], [(0.0, 0.85), (0.0, 0.85)]],
    " ": [],
}


@lru_cache(maxsize=512)
def advance(character: str) -> float:
    """Width of a character's cell, in widths of a full letter."""
    return _GAP.get(character, 1.0)


def text_width(text: str, letter_px: float, gap_px: float) -> float:
    """Length of a line in pixels."""
    return sum(advance(c) * letter_px for c in text) + gap_px * (len(text) - 1)


def draw_text(  # noqa: PLR0913
    image: Image,
    text: str,
    *,
    left: float,
    top: float,
    letter_px: float,
    height_px: float,
    stroke_px: float,
    gap_px: float,
    colour: tuple[int, int, int],
) -> None:
    """Draw one line; `left` and `top` are where the strokes' outer edge begins."""
    inset = stroke_px / 2
    thickness = max(1, round(stroke_px))
    for character in text:
        cell = advance(character) * letter_px
        width = _SLIM.get(character, 1.0) * letter_px if character in _SLIM else cell
        span = max(0.0, width - stroke_px)
        x0 = left + (cell - span) / 2 if character in _SLIM else left + inset
        for stroke in GLYPHS[character]:
            points = np.array(stroke, dtype=np.float64)
            points = points * (span, height_px - stroke_px) + (x0, top + inset)
            whole = np.round(points * (1 << _SUB)).astype(np.int32)
            cv2.polylines(image, [whole], False, colour, thickness, cv2.LINE_AA, _SUB)  # noqa: FBT003
        left += cell + gap_px
