"""A plate seen from the front, with the place of every letter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
from letters import NARROW, Face
from numpy.typing import NDArray

from ioc_models.plates import ALPHABET

if TYPE_CHECKING:
    from registrations import Registration

Picture: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.floating[Any]]
Rng: TypeAlias = np.random.Generator

# Width over height, height in pixels as drawn, letters' share of the plate's height (a row),
# letter width over letter height. QCVN 08:2024/BCA and the sizes before it.
_SHAPES = {
    "long": ((4.2, 4.85), 66, (0.66, 0.82), (0.42, 0.62)),
    "short": ((1.35, 2.15), 124, (0.34, 0.42), (0.44, 0.66)),
    "motorbike": ((1.22, 1.55), 128, (0.35, 0.43), (0.40, 0.60)),
}
# RGB of ground and ink; several tones each, since paint fades and bulbs are yellow.
_GROUNDS = {
    "white": ((236, 236, 232), (222, 222, 214), (200, 200, 196), (232, 226, 204)),
    "yellow": ((240, 190, 40), (226, 168, 26), (248, 208, 84), (200, 160, 50)),
    "blue": ((20, 74, 150), (30, 90, 170), (22, 50, 110), (50, 96, 150)),
    "red": ((178, 30, 38), (150, 20, 25), (196, 50, 50), (130, 34, 30)),
}
_DARK = ((22, 22, 24), (36, 34, 34), (52, 52, 56), (26, 26, 40))
_LIGHT = ((236, 238, 238), (222, 222, 216), (206, 210, 214))
_RED = ((170, 24, 30), (190, 60, 56))


@dataclass
class Painted:
    """A frontal picture and its letters.

    Attributes:
        picture: (h, w, 3) uint8 RGB.
        places: (n, 4) float32 of each letter, reading order: centre x, y, half width, half height.
    """

    picture: Picture
    places: Floats


def paint(plate: Registration, odds: tuple[list[Face], list[float]], rng: Rng) -> Painted:
    """Draw one plate, new or worn."""
    aspects, height, talls, wides = _SHAPES[plate.shape]
    width = round(height * rng.uniform(*aspects))
    face = odds[0][int(rng.choice(len(odds[0]), p=odds[1]))]
    masks = face.weights[int(rng.integers(3))]
    ink = np.zeros((height, width), np.uint8)
    red = np.zeros((height, width), np.uint8)
    tall, wide = height * rng.uniform(*talls), rng.uniform(*wides)
    even = rng.random() * 0.7 + 0.3  # 1: every letter as wide as the next
    places: list[tuple[float, float, float, float]] = []
    for row, text in enumerate(plate.rows):
        size = tall * (rng.uniform(0.8, 1.0) if row == 0 and len(plate.rows) == 2 else 1.0)
        centre = _row_centre(row, len(plate.rows), height, rng)
        target = red if plate.red_letters and any(c in "NGQTCV" for c in text) else ink
        places += _row(target, text, masks, centre, size, wide, even, rng)
    ground = _tone(rng, _GROUNDS[plate.ground])
    bright = plate.ground in {"white", "yellow"}
    dark = _tone(rng, _DARK if bright else _LIGHT)
    _border(ink, rng)
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = ground
    _emboss(picture, ink, rng)
    if rng.random() < 0.2:
        ink = _faded(ink, rng)
    picture = _mix(picture, ink, dark)
    if plate.red_letters:
        picture = _mix(picture, red, _tone(rng, _RED))
    _fittings(picture, plate, rng)
    _wear(picture, ground, dark, rng)
    return Painted(np.clip(picture, 0, 255).astype(np.uint8), np.array(places, np.float32))


def _tone(rng: Rng, tones: tuple[tuple[int, int, int], ...]) -> Floats:
    tone = np.array(tones[int(rng.integers(len(tones)))], np.float32)
    return np.clip(tone + rng.normal(0, 7, 3), 0, 255).astype(np.float32)


def _row_centre(row: int, rows: int, height: int, rng: Rng) -> float:
    if rows == 1:
        return height * rng.uniform(0.47, 0.53)
    return height * (rng.uniform(0.25, 0.31) if row == 0 else rng.uniform(0.69, 0.755))


def _row(
    ink: Picture,
    text: str,
    masks: dict[str, Picture],
    centre: float,
    tall: float,
    wide: float,
    even: float,
    rng: Rng,
) -> list[tuple[float, float, float, float]]:
    """Set one line in the middle of its row, squeezed where it is too long."""
    width = ink.shape[1]
    gap = tall * rng.uniform(0.06, 0.22)
    cells = []
    for c in text:
        if c in masks:
            natural = masks[c].shape[1] / masks[c].shape[0]
            share = natural if c in NARROW else even * wide + (1 - even) * natural
            cells.append(tall * (min(share, wide * 0.75) if c in NARROW else share))
        else:
            cells.append(tall * {"-": 0.32, ".": 0.1, " ": 0.25}[c])
    length = sum(cells) + gap * (len(text) - 1)
    room = width * rng.uniform(0.8, 0.94)
    loose = len(text) > 3 and rng.random() < 0.5
    fit = room / length if loose and length < room < 1.25 * length else min(1.0, room / length)
    if len(text) <= 4 and _spread_out(rng) and length < 0.8 * room:
        # Four figures of an old plate stand far apart.
        spread = (room * rng.uniform(0.72, 1.0) - length) / max(1, len(text) - 1)
        gap, fit = gap + max(0.0, spread), 1.0
        length = sum(cells) + gap * (len(text) - 1)
    fit_gap = gap * fit
    left = (width - length * fit) / 2 + rng.normal(0, 0.008) * width
    places = []
    for c, cell in zip(text, cells, strict=True):
        across = cell * fit
        if c in masks:
            _stamp(ink, masks[c], left, centre - tall / 2, across, tall)
            places.append((left + across / 2, centre, max(across, 0.3 * tall) / 2, tall / 2))
        elif c in "-.":
            _joint(ink, c, left, centre, across, tall, rng)
        left += across + fit_gap
    return places


def _spread_out(rng: Rng) -> bool:
    """Whether a short row is spread over the plate."""
    return bool(rng.random() < 0.5)


def _stamp(ink: Picture, mask: Picture, left: float, top: float, wide: float, tall: float) -> None:
    x0, y0 = round(left), round(top)
    w, h = max(2, round(wide)), max(4, round(tall))
    letter = cv2.resize(mask, (w, h), interpolation=cv2.INTER_AREA)
    a, b = max(0, y0), min(ink.shape[0], y0 + h)
    c, d = max(0, x0), min(ink.shape[1], x0 + w)
    if b > a and d > c:
        part = ink[a:b, c:d]
        np.maximum(part, letter[a - y0 : b - y0, c - x0 : d - x0], out=part)


def _joint(
    ink: Picture, c: str, left: float, centre: float, wide: float, tall: float, rng: Rng
) -> None:
    stroke = max(2, round(tall * rng.uniform(0.09, 0.15)))
    if c == "-":
        y, far = round(centre), round(left + wide)
        cv2.line(ink, (round(left), y), (far, y), 255, stroke, cv2.LINE_AA)
    else:
        low = centre + (tall * 0.4 if rng.random() < 0.7 else 0.0)
        cv2.circle(ink, (round(left + wide / 2), round(low)), max(1, stroke // 2 + 1), 255, -1)


def _border(ink: Picture, rng: Rng) -> None:
    if rng.random() < 0.15:
        return
    height, width = ink.shape
    inset, thick = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    cv2.rectangle(ink, (inset, inset), (width - inset - 1, height - inset - 1), 255, thick)


def _emboss(picture: Floats, ink: Picture, rng: Rng) -> None:
    """Light on one flank of the pressed letters, shadow on the other."""
    if rng.random() < 0.5:
        return
    dx, dy = int(rng.integers(-2, 3)), int(rng.integers(1, 3))
    soft = cv2.GaussianBlur(ink, (0, 0), 1.2).astype(np.float32)
    relief = np.roll(soft, (dy, dx), (0, 1)) - np.roll(soft, (-dy, -dx), (0, 1))
    picture += (relief * (rng.uniform(-0.35, 0.35)))[..., None]


def _faded(ink: Picture, rng: Rng) -> Picture:
    """Paint that wore off in patches."""
    height, width = ink.shape
    patch = rng.uniform(0, 1, (4, 8)).astype(np.float32)
    cover = cv2.resize(patch, (width, height), interpolation=cv2.INTER_CUBIC)
    left = np.clip(rng.uniform(0.35, 0.8) + cover, 0, 1)
    return np.asarray(ink * left, np.uint8)


def _mix(picture: Floats, ink: Picture, colour: Floats) -> Floats:
    share = (ink.astype(np.float32) / 255)[..., None]
    return picture * (1 - share) + colour * share


def _fittings(picture: Floats, plate: Registration, rng: Rng) -> None:
    """Bolts, the province's sticker, a dealer's line under the border."""
    height, width = picture.shape[:2]
    if rng.random() < 0.45:
        tone = float(rng.uniform(20, 220))
        radius = round(height * (0.05 if plate.shape == "long" else 0.032) * rng.uniform(0.7, 1.4))
        y = rng.uniform(0.06, 0.14) if rng.random() < 0.5 else rng.uniform(0.42, 0.56)
        for x in (rng.uniform(0.08, 0.3), rng.uniform(0.7, 0.92)):
            at = (round(x * width), round(y * height))
            cv2.circle(picture, at, max(1, radius), (tone, tone, tone), -1, cv2.LINE_AA)
            if rng.random() < 0.5:
                shade = tone * 0.6
                cv2.circle(picture, at, max(1, radius), (shade, shade, shade), 1, cv2.LINE_AA)
    if rng.random() < 0.15:
        at = (round(rng.uniform(0.05, 0.95) * width), round(rng.uniform(0.4, 0.55) * height))
        colour = tuple(float(v) for v in rng.uniform(40, 230, 3))
        cv2.circle(picture, at, max(2, round(height * 0.045)), colour, -1, cv2.LINE_AA)


def _wear(picture: Floats, ground: Floats, dark: Floats, rng: Rng) -> None:
    """Mud, scratches and peeling, lightly enough that a person still reads the text."""
    height, width = picture.shape[:2]
    if rng.random() < 0.3:
        mud = rng.normal(0, 1, (5, 9)).astype(np.float32)
        grain = rng.normal(0, 0.5, (height // 3, width // 3)).astype(np.float32)
        size = (width, height)
        cover = cv2.resize(mud, size, interpolation=cv2.INTER_CUBIC) + cv2.resize(grain, size)
        share = np.clip(cover - rng.uniform(0.9, 2.0), 0, 1)[..., None] * rng.uniform(0.3, 0.9)
        tone = np.array([110, 90, 66], np.float32) * rng.uniform(0.5, 1.5)
        picture += (tone - picture) * share
    for _ in range(int(rng.poisson(0.25))):  # a lamp's glint on a bolt or on a plastic cover
        a = rng.uniform(0.05, 0.95, 2) * (width, height)
        b = a + rng.normal(0, 0.14, 2) * height
        tone = tuple(float(v) for v in rng.uniform(235, 255, 3))
        start, end = (int(a[0]), int(a[1])), (int(b[0]), int(b[1]))
        cv2.line(picture, start, end, tone, int(rng.integers(1, 6)), cv2.LINE_AA)
    for _ in range(int(rng.poisson(0.5))):
        a, b = rng.uniform(0, 1, 2) * (width, height), rng.uniform(0, 1, 2) * (width, height)
        b = a + (b - a) * 0.4
        tone = ground if rng.random() < 0.5 else dark
        start, end = (int(a[0]), int(a[1])), (int(b[0]), int(b[1]))
        cv2.line(picture, start, end, tuple(float(v) for v in tone), 1, cv2.LINE_AA)


def codes(text: str, slots: int) -> NDArray[np.uint8]:
    """Columns of a text's letters, 0 after its end."""
    out = np.zeros(slots, np.uint8)
    out[: len(text)] = [1 + ALPHABET.index(c) for c in text]
    return out
