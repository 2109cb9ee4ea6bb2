"""Training canvases from samples: all scales, mosaics, pasted plates, night, blur and grain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from sources import LABELS, PLATE, Floats, Picture, Sample
from synthetic import Rng, draw_decoy, draw_plate, paste, write_caption

if TYPE_CHECKING:
    from collections.abc import Sequence

GREY = 114
CELL = 8
# A box that keeps less than this share of itself in view is neither taught nor punished.
VISIBLE_MIN = 0.35
SIDE_MIN_PX = 4.0


@dataclass
class Canvas:
    """A training picture, its boxes and, per cell of 8 pixels, the classes whose absence counts."""

    picture: Picture
    boxes: Floats
    known: Floats

    @classmethod
    def blank(cls, width: int, height: int) -> Canvas:
        """Grey, and nothing on it."""
        known = np.ones((len(LABELS), height // CELL, width // CELL), np.float32)
        return cls(np.full((height, width, 3), GREY, np.uint8), np.zeros((0, 5), np.float32), known)


def _cells(box: Floats, shape: tuple[int, ...]) -> tuple[slice, slice]:
    left, top = np.floor(box[:2] / CELL).astype(int)
    right, bottom = np.ceil(box[2:] / CELL).astype(int)
    return slice(max(top, 0), min(bottom, shape[1])), slice(max(left, 0), min(right, shape[2]))


def _zoom(sample: Sample, width: int, height: int, rng: Rng) -> tuple[float, Floats]:
    """A scale and the picture point to look at."""
    h, w = sample.picture.shape[:2]
    fit = min(width / w, height / h)
    focus = np.array([rng.uniform(0.3, 0.7) * w, rng.uniform(0.3, 0.7) * h], np.float32)
    scale = fit * np.exp(rng.uniform(np.log(0.75), np.log(2.4)))
    if len(sample.boxes) and rng.random() < 0.5:
        kind, *box = sample.boxes[rng.integers(len(sample.boxes))]
        low, high = (0.03, 0.6) if kind == PLATE else (0.05, 0.8)
        share = np.exp(rng.uniform(np.log(low), np.log(high)))
        scale = np.clip(width * share / max(box[2] - box[0], 1), fit * 0.6, fit * 9)
        spread = np.array([width, height]) / scale * 0.35
        focus = (
            np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
            + rng.uniform(-1, 1, 2) * spread
        )
    elif rng.random() < 0.3:
        scale, focus = fit, np.array([w / 2, h / 2])
    return float(scale), focus.astype(np.float32)


def _matrix(sample: Sample, width: int, height: int, rng: Rng) -> Floats:
    scale, focus = _zoom(sample, width, height, rng)
    angle = np.deg2rad(rng.normal(0, 3)) if rng.random() < 0.5 else 0.0
    stretch = np.exp(rng.normal(0, 0.08))
    flip = -1.0 if rng.random() < 0.5 else 1.0
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = linear @ np.diag([flip * stretch, 1 / stretch])
    shift = np.array([width / 2, height / 2]) - linear @ focus
    return np.concatenate([linear, shift[:, None]], 1).astype(np.float32)


def _moved(boxes: Floats, matrix: Floats) -> Floats:
    left, top, right, bottom = boxes[:, 1:].T
    corners = np.stack(
        [
            np.stack([left, top], 1),
            np.stack([right, top], 1),
            np.stack([right, bottom], 1),
            np.stack([left, bottom], 1),
        ],
        1,
    )
    corners = corners @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([boxes[:, :1], corners.min(1), corners.max(1)], 1)


def _view(picture: Picture, matrix: Floats, size: tuple[int, int], rng: Rng) -> Picture:
    # The edge shrinks without a filter, other senders with one: the network meets both.
    if (scale := float(np.hypot(*matrix[:, 0]))) < 0.6 and rng.random() < 0.6:
        factor = max(scale * 1.2, 0.05)
        picture = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        matrix = matrix.copy()
        matrix[:, :2] /= factor
    return cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(GREY,) * 3)


def place(canvas: Canvas, sample: Sample, window: tuple[int, int, int, int], rng: Rng) -> None:
    """Draw a sample, through a random view, into a window (x0, y0, x1, y1) of the canvas."""
    x0, y0, x1, y1 = window
    width, height = x1 - x0, y1 - y0
    matrix = _matrix(sample, width, height, rng)
    view = _view(sample.picture, matrix, (width, height), rng)
    canvas.picture[y0:y1, x0:x1] = view
    canvas.known[:, y0 // CELL : y1 // CELL, x0 // CELL : x1 // CELL] = sample.known[:, None, None]
    moved = _moved(np.concatenate([sample.boxes, sample.vague]), matrix)
    seen = moved.copy()
    seen[:, 1::2] = seen[:, 1::2].clip(0, width)
    seen[:, 2::2] = seen[:, 2::2].clip(0, height)
    sides = seen[:, 3:] - seen[:, 1:3]
    share = sides.prod(1) / np.maximum((moved[:, 3:] - moved[:, 1:3]).prod(1), 1e-6)
    good = (
        (share >= VISIBLE_MIN)
        & (sides.min(1) >= SIDE_MIN_PX)
        & (np.arange(len(seen)) < len(sample.boxes))
    )
    seen[:, 1:] += np.array([x0, y0, x0, y0], np.float32)
    for box in seen[~good & (sides.min(1) > 0)]:
        rows, columns = _cells(box[1:], canvas.known.shape)
        canvas.known[int(box[0]), rows, columns] = 0
    canvas.boxes = np.concatenate([canvas.boxes, seen[good]])


def _hidden(boxes: Floats, box: Floats) -> bool:
    both = np.minimum(boxes[:, 3:], box[2:]) - np.maximum(boxes[:, 1:3], box[:2])
    return bool((both.clip(0).prod(1) > 0.1 * (boxes[:, 3:] - boxes[:, 1:3]).prod(1)).any())


def add_plates(canvas: Canvas, rng: Rng) -> None:
    """Paste one to three drawn plates or decoys where they hide nothing."""
    height, width = canvas.picture.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        size = width * float(np.exp(rng.uniform(np.log(0.03), np.log(0.5))))
        centre = (rng.uniform(0, width), rng.uniform(0, height))
        reach = np.array(
            [centre[0] - size / 2, centre[1] - size / 2, centre[0] + size / 2, centre[1] + size / 2]
        )
        if _hidden(canvas.boxes, reach):
            continue
        real = rng.random() < 0.65
        card = draw_plate(rng) if real else draw_decoy(rng)
        box = paste(canvas.picture, card, size, centre, rng)
        around = np.array(
            [box[0] - size * 0.25, box[1] - size * 0.25, box[2] + size * 0.25, box[3] + size * 0.25]
        )
        rows, columns = _cells(around.astype(np.float32), canvas.known.shape)
        canvas.known[PLATE, rows, columns] = 1
        clipped = box.clip(0, [width, height, width, height])
        if real and (clipped[2:] - clipped[:2]).prod() > VISIBLE_MIN * (box[2:] - box[:2]).prod():
            canvas.boxes = np.concatenate([canvas.boxes, [[PLATE, *clipped]]]).astype(np.float32)
        elif real:
            canvas.known[PLATE, rows, columns] = 0


def shoot(picture: Picture, rng: Rng) -> Picture:
    """What light, lens and camera do: colour, night, blur, grain and compression."""
    x = picture.astype(np.float32) / 255
    if rng.random() < 0.8:
        x = x * rng.uniform(0.6, 1.4) + rng.normal(0, 0.06)
        x = x * (1 + rng.normal(0, 0.08, 3).astype(np.float32))
    if rng.random() < 0.25:
        x = x.clip(0, 1) ** np.float32(rng.uniform(1.2, 2.2)) * np.float32(rng.uniform(0.5, 1.0))
    if rng.random() < 0.5:
        grey = x.mean(2, keepdims=True)
        x = grey + (x - grey) * np.float32(rng.uniform(0, 1.6))
    if rng.random() < 0.25:
        length = int(rng.integers(2, 7))
        kernel = np.zeros((length, length), np.float32)
        cv2.line(
            kernel, (0, int(rng.integers(length))), (length - 1, int(rng.integers(length))), 1.0
        )
        x = (
            cv2.filter2D(x, -1, kernel / kernel.sum())
            if rng.random() < 0.5
            else cv2.blur(x, (length // 2 + 1,) * 2)
        )
    if rng.random() < 0.4:
        grain = np.empty(x.shape, np.int8)
        cv2.randn(grain, 0, float(rng.uniform(2, 16)))
        x = x + grain.astype(np.float32) / 255
    y = (x.clip(0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.3:
        _, packed = cv2.imencode(".jpg", y, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 85))])
        y = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return y


def canvas_of(samples: Sequence[Sample], odds: Floats, size: tuple[int, int], rng: Rng) -> Canvas:
    """One augmented training canvas of (width, height), both multiples of 32."""
    width, height = size
    canvas = Canvas.blank(width, height)

    def any_sample() -> Sample:
        return samples[int(np.searchsorted(odds, rng.random()))]

    if rng.random() < 0.2:
        x = int(rng.uniform(0.35, 0.65) * width) // 32 * 32
        y = int(rng.uniform(0.35, 0.65) * height) // 32 * 32
        for window in ((0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)):
            place(canvas, any_sample(), window, rng)
    else:
        place(canvas, any_sample(), (0, 0, width, height), rng)
    if rng.random() < 0.35:
        add_plates(canvas, rng)
    if rng.random() < 0.15:
        box = np.array(write_caption(canvas.picture, rng), np.float32)
        rows, columns = _cells(box, canvas.known.shape)
        canvas.known[PLATE, rows, columns] = 1
    canvas.picture = shoot(canvas.picture, rng)
    return canvas
