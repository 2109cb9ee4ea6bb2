"""Number plates drawn from scratch, and look-alikes that are not plates."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

if TYPE_CHECKING:
    from sources import Floats, Picture

LETTERS = "ABCDEFGHKLMNPSTUVXYZ"
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_PLAIN,
)
# (ground, ink): private, commercial, state, army, and worn or dirty versions of the first.
COLOURS = (
    ((235, 235, 230), (20, 20, 20)),
    ((215, 215, 200), (40, 40, 40)),
    ((180, 180, 178), (50, 50, 55)),
    ((235, 190, 40), (20, 20, 20)),
    ((30, 60, 150), (240, 240, 240)),
    ((150, 20, 25), (240, 240, 240)),
)
Rng: TypeAlias = np.random.Generator


def _digits(rng: Rng, count: int) -> str:
    return "".join(str(d) for d in rng.integers(0, 10, count))


def _lines(rng: Rng, *, tall: bool) -> list[str]:
    letter = LETTERS[rng.integers(len(LETTERS))]
    serial = _digits(rng, int(rng.integers(4, 6)))
    serial = f"{serial[:3]}.{serial[3:]}" if len(serial) == 5 and rng.random() < 0.8 else serial
    head = f"{rng.integers(11, 100)}{rng.choice(['-', '', ' '])}{letter}"
    head += str(rng.integers(1, 10)) if tall and rng.random() < 0.8 else ""
    return [head, serial] if tall else [f"{head}{rng.choice(['-', ' ', ''])}{serial}"]


def _write(
    plate: Picture, text: str, top: int, bottom: int, ink: tuple[int, int, int], rng: Rng
) -> None:
    font = FONTS[rng.integers(len(FONTS))]
    thick = int(rng.integers(3, 10))
    (w, h), _ = cv2.getTextSize(text, font, 3, thick)
    patch = np.zeros((h + 24, w + 24), np.uint8)
    cv2.putText(patch, text, (12, h + 12), font, 3, 255, thick, cv2.LINE_AA)
    width = int(plate.shape[1] * rng.uniform(0.78, 0.96))
    patch = cv2.resize(patch, (width, bottom - top), interpolation=cv2.INTER_AREA)
    left = (plate.shape[1] - width) // 2
    alpha = patch[..., None].astype(np.float32) / 255
    zone = plate[top:bottom, left : left + width]
    zone[:] = zone * (1 - alpha) + np.array(ink) * alpha


def draw_plate(rng: Rng) -> Picture:
    """One upright plate, (h, w, 3) RGB, about 280 pixels wide."""
    tall = rng.random() < 0.65
    width, height = 280, int(280 / (rng.uniform(1.2, 1.55) if tall else rng.uniform(3.2, 4.8)))
    ground, ink = COLOURS[rng.choice(len(COLOURS), p=[0.45, 0.2, 0.1, 0.1, 0.1, 0.05])]
    plate = np.empty((height, width, 3), np.uint8)
    plate[:] = ground
    lines = _lines(rng, tall=tall)
    edge = int(rng.integers(4, 12))
    step = (height - 2 * edge) // len(lines)
    for row, text in enumerate(lines):
        _write(plate, text, edge + row * step, edge + (row + 1) * step, ink, rng)
    if rng.random() < 0.7:
        cv2.rectangle(plate, (3, 3), (width - 4, height - 4), ink, int(rng.integers(1, 4)))
    return plate


def draw_decoy(rng: Rng) -> Picture:
    """Something flat that is no plate: a blank card, a striped panel, a ring, a blotch, a sign."""
    width, height = 280, int(280 / rng.uniform(0.4, 5))
    card = np.empty((height, width, 3), np.uint8)
    card[:] = rng.integers(0, 256, 3)
    kind = rng.integers(6)
    ink = tuple(int(v) for v in rng.integers(0, 256, 3))
    if kind == 1:
        for x in range(0, width, int(rng.integers(20, 60))):
            cv2.rectangle(card, (x, 0), (x + int(rng.integers(5, 20)), height), ink, -1)
    elif kind == 2:
        radius = max(4, min(width, height) // 3)
        cv2.circle(card, (width // 2, height // 2), radius, ink, int(rng.integers(3, 12)))
    elif kind == 3:
        grain = rng.integers(0, 256, (max(2, height // 40), 6, 3)).astype(np.uint8)
        card[:] = cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)
    elif kind >= 4:
        lines = [_words(rng) for _ in range(int(rng.integers(1, 5)))]
        step = max(10, (height - 12) // len(lines))
        for row, text in enumerate(lines):
            top = 6 + row * step
            if top + step <= height:
                _write(card, text, top, top + step, ink, rng)
    return card


def _words(rng: Rng) -> str:
    """What shop signs, stickers and clocks say: never the form of a plate."""
    if rng.random() < 0.25:
        return rng.choice(["0", "09", "1800 "]) + _digits(rng, int(rng.integers(8, 10)))
    letters = [chr(65 + int(code)) for code in rng.integers(0, 26, int(rng.integers(3, 11)))]
    word = "".join(letters)
    return word if rng.random() < 0.6 else word.capitalize()


def write_caption(picture: Picture, rng: Rng) -> tuple[int, int, int, int]:
    """Burn a camera's clock or name into a picture; returns left, top, right, bottom."""
    date = f"{rng.integers(1, 29):02d}-{rng.integers(1, 13):02d}-20{rng.integers(18, 27)}"
    clock = f"{rng.integers(24):02d}:{rng.integers(60):02d}:{rng.integers(60):02d}"
    text = str(rng.choice([f"{date} {clock}", clock, f"CAM {rng.integers(1, 99):02d}", date]))
    font, scale = FONTS[rng.integers(len(FONTS))], float(rng.uniform(0.3, 0.9))
    (width, height), below = cv2.getTextSize(text, font, scale, 1)
    left = int(rng.integers(0, max(1, picture.shape[1] - width)))
    top = int(rng.choice([2, picture.shape[0] - height - below - 2]))
    ink = (255, 255, 255) if rng.random() < 0.6 else tuple(int(v) for v in rng.integers(0, 256, 3))
    if rng.random() < 0.4:
        end = (left + width, top + height + below)
        cv2.rectangle(picture, (left, top), end, (0, 0, 0), -1)
    cv2.putText(picture, text, (left, top + height), font, scale, ink, 1, cv2.LINE_AA)
    return left, top, left + width, top + height + below


def paste(
    picture: Picture, card: Picture, width: float, centre: tuple[float, float], rng: Rng
) -> Floats:
    """Put a card into a picture in place, tilted and lit; returns its box (4,) in pixels."""
    h, w = card.shape[:2]
    size = np.array([width, width * h / w])
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * size
    corners += rng.normal(0, 0.035, (4, 2)) * size.min()
    angle = np.deg2rad(rng.normal(0, 6))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = (corners @ turn.T + centre).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(
        np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32), corners
    )
    light = np.linspace(rng.uniform(0.4, 1.1), rng.uniform(0.4, 1.1), w, dtype=np.float32)[
        None, :, None
    ]
    lit = np.clip(card * light, 0, 255).astype(np.uint8)
    if width < w / 2:
        lit = cv2.blur(lit, (int(w / width / 2) * 2 + 1,) * 2)
    view = (picture.shape[1], picture.shape[0])
    warped = cv2.warpPerspective(lit, matrix, view, flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(
        np.full((h, w), 255, np.uint8), matrix, view, flags=cv2.INTER_LINEAR
    )
    alpha = cover[..., None].astype(np.float32) / 255
    picture[:] = picture * (1 - alpha) + warped * alpha
    return np.concatenate([corners.min(0), corners.max(0)])
