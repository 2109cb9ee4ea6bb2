"""Glyph masks cut from free fonts and from the simulator's own strokes.

Fonts are looked up by file name in the system's folders; whichever is missing is left out and
named, since weights depend on it. No font file travels with the project: only weights do.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ioc_edge.scene.glyphs import draw_text
from ioc_models.plates import ALPHABET

Mask = NDArray[np.uint8]
TALL = 72
# (file name, times as likely): narrow, even strokes look most like the Vietnamese dies.
FONTS = (
    ("OSP-DIN.ttf", 4),
    ("RG2014B.ttf", 3),
    ("RG2014C.ttf", 4),
    ("RG2014D.ttf", 3),
    ("RG2014E.ttf", 1),
    ("BarlowCondensed_500Medium.ttf", 4),
    ("BarlowCondensed_600SemiBold.ttf", 4),
    ("BarlowSemiCondensed_500Medium.ttf", 2),
    ("PathwayGothicOne_400Regular.ttf", 2),
    ("Oswald_400Regular.ttf", 2),
    ("SairaCondensed_500Medium.ttf", 2),
    ("ArchivoNarrow_600SemiBold.ttf", 1),
    ("Rajdhani_600SemiBold.ttf", 1),
    ("RobotoCondensed-Regular.ttf", 2),
    ("RobotoCondensed-Bold.ttf", 1),
    ("Roboto-Medium.ttf", 1),
    ("BebasNeue-Regular.otf", 2),
    ("BebasNeue-Bold.otf", 1),
    ("B612-Bold.otf", 1),
    ("B612-Regular.otf", 1),
    ("LiberationSans-Bold.ttf", 1),
    ("DejaVuSansCondensed-Bold.ttf", 1),
    ("Play-Bold.ttf", 1),
    ("Cabin-Bold.otf", 1),
)
FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
STROKES = (7, 9, 11)  # of the simulator's glyphs, in pixels of a 72 px letter
STROKE_ODDS = 3
# Letters that stay narrower than their neighbours whatever the die.
NARROW = frozenset("1")


class Face:
    """One style of every letter, in three weights: thinner, as it is, thicker."""

    def __init__(self, masks: dict[str, Mask]) -> None:
        self.weights = [{c: _reweighed(m, step) for c, m in masks.items()} for step in (-1, 0, 1)]


def faces(extra: Path | None = None) -> tuple[list[Face], list[float]]:
    """All faces with their odds.

    Args:
        extra: A further folder to look for fonts in.
    """
    found: dict[str, Path] = {}
    for folder in (*FOLDERS, *((extra,) if extra else ())):
        for path in folder.rglob("*.[to]tf"):
            found.setdefault(path.name, path)
    made, odds = [], []
    for name, times in FONTS:
        if name not in found:
            print("font is missing:", name)
            continue
        made.append(Face(_cut(found[name])))
        odds.append(float(times))
    for stroke in STROKES:
        made.append(Face(_drawn(stroke)))
        odds.append(float(STROKE_ODDS))
    total = sum(odds)
    return made, [share / total for share in odds]


def _cut(path: Path) -> dict[str, Mask]:
    font = ImageFont.truetype(str(path), 100)
    masks = {letter: _trimmed(_set(font, letter)) for letter in ALPHABET if letter != "Đ"}
    barred, unknown = _set(font, "Đ"), _set(font, "\uffff")
    own = bool(barred.any()) and not np.array_equal(barred, unknown)
    masks["Đ"] = _trimmed(barred) if own else _barred(masks["D"])
    return masks


def _set(font: ImageFont.FreeTypeFont, letter: str) -> Mask:
    canvas = Image.new("L", (220, 220))
    ImageDraw.Draw(canvas).text((50, 40), letter, font=font, fill=255)
    return np.asarray(canvas)


def _barred(dee: Mask) -> Mask:
    """A Đ made of a D, for fonts that have none."""
    width = dee.shape[1]
    out = round(0.18 * width)
    canvas = np.zeros((TALL, width + out), np.uint8)
    canvas[:, out:] = dee
    cv2.rectangle(canvas, (0, TALL // 2 - 4), (out + width // 2, TALL // 2 + 4), 255, -1)
    return canvas


def _drawn(stroke: int) -> dict[str, Mask]:
    masks = {}
    for letter in ALPHABET:
        canvas = np.zeros((TALL + 40, 100, 3), np.uint8)
        draw_text(
            canvas,
            letter,
            left=30,
            top=20,
            letter_px=TALL * 0.5,
            height_px=TALL,
            stroke_px=stroke,
            gap_px=0,
            colour=(255, 255, 255),
        )
        masks[letter] = _trimmed(canvas[..., 0])
    return masks


def _trimmed(canvas: Mask) -> Mask:
    """Cut to its ink and scaled to the common height."""
    rows, columns = np.flatnonzero(canvas.max(1) > 40), np.flatnonzero(canvas.max(0) > 40)
    ink = canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    width = max(4, round(ink.shape[1] * TALL / ink.shape[0]))
    return np.asarray(cv2.resize(ink, (width, TALL), interpolation=cv2.INTER_AREA), np.uint8)


def _reweighed(mask: Mask, step: int) -> Mask:
    if step == 0:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    return np.asarray((cv2.dilate if step > 0 else cv2.erode)(mask, kernel), np.uint8)
