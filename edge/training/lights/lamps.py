"""Drawn signal heads: three lamps or two, arrows, digits, night, sun, dust, and things in front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from numpy.random import Generator

Picture: TypeAlias = NDArray[np.uint8]
Colours: TypeAlias = NDArray[np.float32]

# As manifests name them; "off" is a head in which no lamp is lit.
STATES = ("red", "amber", "green", "off", "unknown")
RED, AMBER, GREEN, DARK, UNKNOWN = range(5)
# Drawn at this size, then shrunk to what a camera would have.
TALL, WIDE = 192, 72
# Hue ranges in OpenCV degrees: LED reds lean to pink, greens to cyan.
_HUES = {RED: (-9, 6), AMBER: (12, 25), GREEN: (58, 95)}


@dataclass(frozen=True)
class Head:
    """Where the lamps are and how the box looks."""

    centres: list[tuple[float, float]]
    radius: float
    order: list[int]


def _colour(state: int, rng: Generator, *, bright: float) -> Colours:
    low, high = _HUES[state]
    hue = rng.uniform(low, high) % 180
    pixel = np.uint8([[[hue, rng.uniform(170, 255), 255]]])
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32) * bright


def _backdrop(rng: Generator, scraps: list[Picture]) -> Colours:
    if scraps and rng.random() < 0.75:
        scrap = scraps[int(rng.integers(len(scraps)))]
        height, width = scrap.shape[:2]
        side = int(rng.integers(16, max(17, min(height, width) // 2)))
        y, x = int(rng.integers(0, height - side)), int(rng.integers(0, width - side))
        return cv2.resize(scrap[y : y + side, x : x + side], (WIDE, TALL)).astype(np.float32)
    top, bottom = rng.uniform(20, 255, 3), rng.uniform(20, 255, 3)
    mix = np.linspace(0, 1, TALL)[:, None, None]
    return (
        np.broadcast_to(top * (1 - mix) + bottom * mix, (TALL, WIDE, 3)).astype(np.float32).copy()
    )


def _housing(canvas: Colours, rng: Generator) -> Head:
    count = 3 if rng.random() < 0.88 else 2
    length, breadth = TALL * rng.uniform(0.72, 0.98), WIDE * rng.uniform(0.62, 0.98)
    x, y = WIDE / 2 + rng.normal(0, 3), TALL / 2 + rng.normal(0, 5)
    tone = rng.uniform(8, 70) if rng.random() < 0.85 else rng.uniform(70, 190)
    colour = (tone + rng.normal(0, 6, 3)).clip(0, 255)
    if rng.random() < 0.1:  # yellow or green painted boxes
        colour = np.array([[30, 150, 190], [50, 90, 40]][int(rng.integers(2))]) * rng.uniform(
            0.5, 1
        )
    corner, other = (
        (int(x - breadth / 2), int(y - length / 2)),
        (int(x + breadth / 2), int(y + length / 2)),
    )
    if rng.random() < 0.15:  # a backing board with its border
        edge = int(rng.integers(3, 10))
        a, b = (corner[0] - edge, corner[1] - edge), (other[0] + edge, other[1] + edge)
        cv2.rectangle(canvas, a, b, (rng.uniform(150, 255, 3)).tolist(), -1)
    cv2.rectangle(canvas, corner, other, colour.tolist(), -1, cv2.LINE_AA)
    step = length / count
    radius = min(step * rng.uniform(0.3, 0.46), breadth * 0.46)
    centres = [(x + rng.normal(0, 1), y - length / 2 + step * (i + 0.5)) for i in range(count)]
    order = [RED, AMBER, GREEN] if count == 3 else [RED, GREEN]
    return Head(centres, radius, order)


def _shape(head: Head, at: int, rng: Generator, arrow: str | None) -> Colours:
    """The lit part of a lamp, 0..1 over the canvas."""
    mask = np.zeros((TALL, WIDE), np.float32)
    (x, y), r = head.centres[at], head.radius
    if arrow is None:
        cv2.circle(mask, (round(x * 16), round(y * 16)), round(r * 16), 1.0, -1, cv2.LINE_AA, 4)
        if rng.random() < 0.2:  # single LEDs can be told apart when near
            grid = (np.indices(mask.shape) % int(rng.integers(4, 8))).min(0) > 0
            mask *= 0.45 + 0.55 * grid
        return mask
    turn = {"left": 0.0, "up": np.pi / 2, "right": np.pi}[arrow]
    points = np.array(
        [[-1, 0], [-0.1, -0.8], [-0.1, -0.3], [0.9, -0.3], [0.9, 0.3], [-0.1, 0.3], [-0.1, 0.8]]
    )
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    corners = points @ spin.T * r * 0.9 + [x, y]
    cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return mask


def _digits(canvas: Colours, head: Head, at: int, colour: Colours, rng: Generator) -> None:
    """A countdown in an unlit lamp's place, in the colour of the lit one or in amber."""
    x, y = head.centres[at]
    mask = np.zeros((TALL, WIDE), np.uint8)
    text = str(int(rng.integers(0, 99)))
    scale = head.radius / 14
    place = (int(x - head.radius * 0.8), int(y + head.radius * 0.5))
    cv2.putText(mask, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, max(1, int(scale * 2)))
    canvas += mask[..., None].astype(np.float32) / 255 * (colour - canvas)


def _unlit(canvas: Colours, head: Head, rng: Generator, *, most: float) -> None:
    """All lamps without light; coloured glass shows its colour in daylight, `most` at most."""
    glass, tinted = rng.uniform(12, 120), rng.random() < 0.35
    for at, state in enumerate(head.order):
        colour = np.full(3, glass, np.float32) + rng.normal(0, 5, 3)
        if tinted:
            share = rng.uniform(0.4, 0.9)
            tint = _colour(state, rng, bright=rng.uniform(0.15, most))
            colour = colour * (1 - share) + tint * share
        mask = _shape(head, at, rng, None)
        canvas += mask[..., None] * (colour.clip(0, 255).astype(np.float32) - canvas)
    if rng.random() < 0.5:  # hoods
        for x, y in head.centres:
            axes = (int(head.radius * 1.1), int(head.radius * 1.1))
            tone = rng.uniform(5, 60)
            cv2.ellipse(
                canvas, (int(x), int(y)), axes, 0, 180, 360, (tone,) * 3, int(rng.integers(2, 7))
            )


def _lit(canvas: Colours, head: Head, state: int, rng: Generator, night: float) -> None:
    at = head.order.index(state)
    dim = rng.uniform(0.5, 1.0) if rng.random() < 0.3 else 1.0
    colour = _colour(state, rng, bright=dim)
    arrow = str(rng.choice(["left", "up", "right"])) if rng.random() < 0.22 else None
    mask = _shape(head, at, rng, arrow)
    core = cv2.GaussianBlur(mask, (0, 0), head.radius * 0.18)
    white = rng.uniform(0.0, 0.75) if rng.random() < 0.5 else rng.uniform(0.6, 1.0) * night
    heart = colour + (np.float32(255) - colour) * (core**2)[..., None] * white
    canvas += mask[..., None] * (heart - canvas)
    glow = night * rng.uniform(0.2, 1.0) + rng.uniform(0, 0.12)
    if night and rng.random() < 0.15:  # a lens that is dirty or wet: all is drowned in the colour
        glow *= rng.uniform(2, 6)
    for reach, share in ((0.5, 0.6), (1.3, 0.45), (3.0, 0.25)):
        halo = cv2.GaussianBlur(mask, (0, 0), head.radius * reach)
        canvas += halo[..., None] * colour * share * glow
    if night > 0.5 and rng.random() < 0.15:  # streak across the lens
        x, y = head.centres[at]
        tilt, streak = rng.uniform(-0.7, 0.7), np.zeros((TALL, WIDE), np.float32)
        cv2.line(
            streak,
            (0, int(y - tilt * x)),
            (WIDE, int(y + tilt * (WIDE - x))),
            1.0,
            int(rng.integers(2, 14)),
        )
        canvas += cv2.GaussianBlur(streak, (0, 0), 3)[..., None] * colour * 0.8
    if rng.random() < 0.12 and len(head.order) == 3:
        free = [i for i in range(3) if i != at]
        _digits(canvas, head, int(rng.choice(free)), colour, rng)


def _sunned(canvas: Colours, head: Head, rng: Generator) -> None:
    """Low sun in the lamps: all of them shine a little, none of them is lit."""
    if rng.random() < 0.5:
        for x, y in head.centres:
            mask = np.zeros((TALL, WIDE), np.float32)
            r = head.radius * rng.uniform(0.3, 0.8)
            place = (int(x + rng.normal(0, 3)), int(y - head.radius * 0.3))
            cv2.ellipse(mask, place, (int(r), int(r * 0.6)), 0, 0, 360, 1.0, -1)
            mask = cv2.GaussianBlur(mask, (0, 0), 2)[..., None]
            canvas += mask * rng.uniform(0.3, 0.9) * (np.float32(245) - canvas)
    veil = rng.uniform(0.1, 0.55)
    sun = np.array([200, 235, 255], np.float32) if rng.random() < 0.5 else np.float32(255)
    canvas += veil * (sun - canvas)


def cover(picture: Picture, rng: Generator, scraps: list[Picture]) -> Picture:
    """Something large in front: a lorry's side, a branch, a bus."""
    height, width = picture.shape[:2]
    out = picture.copy()
    if scraps and rng.random() < 0.6:
        scrap = scraps[int(rng.integers(len(scraps)))]
        side = int(rng.integers(8, max(9, min(scrap.shape[:2]) // 2)))
        y, x = (int(rng.integers(0, s - side)) for s in scrap.shape[:2])
        patch = cv2.resize(scrap[y : y + side, x : x + side], (width, height))
    else:
        patch = np.full_like(picture, 0) + rng.uniform(0, 255, 3).astype(np.uint8)
        for _ in range(int(rng.integers(0, 4))):
            at = int(rng.integers(0, height))
            cv2.line(
                patch,
                (0, at),
                (width, at + int(rng.normal(0, 6))),
                rng.uniform(0, 255, 3).tolist(),
                int(rng.integers(1, 8)),
            )
    share = rng.uniform(0.86, 1.0)
    if rng.random() < 0.5:
        cut = int(width * share)
        if rng.random() < 0.5:
            out[:, :cut] = patch[:, :cut]
        else:
            out[:, width - cut :] = patch[:, width - cut :]
    else:
        cut = int(height * share)
        out[height - cut :] = patch[height - cut :]
    return out


def draw(state: int, rng: Generator, scraps: list[Picture]) -> Picture:
    """A signal head in a state, (192, 72, 3) uint8 BGR."""
    canvas = _backdrop(rng, scraps)
    night = float(rng.uniform(0.4, 1.0)) if rng.random() < 0.4 else 0.0
    canvas *= np.float32(1 - night * 0.85)
    head = _housing(canvas, rng)
    if state == AMBER and AMBER not in head.order:
        head.order[int(rng.integers(2))] = AMBER
    # Beside a lit lamp a red glass in the sun may look brighter than red lamps do elsewhere.
    _unlit(canvas, head, rng, most=0.8 if state in _HUES else 0.45)
    canvas *= np.float32(1 - night * rng.uniform(0.0, 0.6))
    if state in _HUES and rng.random() < 0.12 and not night:
        _sunned(canvas, head, rng)
    if state in _HUES:
        _lit(canvas, head, state, rng, night)
    elif rng.random() < 0.35 and not night:
        _sunned(canvas, head, rng)
    picture: Picture = canvas.clip(0, 255).astype(np.uint8)
    return cover(picture, rng, scraps) if state == UNKNOWN else picture
