"""The ground as a plan: asphalt, pavement, kerbs, wear and road paint."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ioc_edge.scene.junction import CROSS_Y, HALF_ROAD, STOP_BACK, STOP_Y

Image = NDArray[np.uint8]
Plane = NDArray[np.float32]

# Painted from above, then seen through the homography.
PX_PER_M = 36
LEFT, RIGHT, NEAR, FAR = -30.0, 30.0, 2.0, 66.0
LINE_DEPTH = 0.35
_WHITE, _YELLOW = (226, 230, 230), (60, 190, 226)
_CORNER = 3.2
_COARSE_PX = 10
_ARMS = (12.7 - CROSS_Y, 15.2 - CROSS_Y)  # zebra, from the middle of the junction


def _px(x: float, y: float) -> tuple[int, int]:
    return round((x - LEFT) * PX_PER_M), round((y - NEAR) * PX_PER_M)


def _rect(image: Plane, box: tuple[float, float, float, float], colour: float) -> None:
    x0, y0, x1, y1 = box
    cv2.rectangle(image, _px(x0, y0), _px(x1, y1), colour, -1)


def _cloud(shape: tuple[int, int], cells: float, rng: Generator) -> Plane:
    """Smooth noise of unit spread; `cells` is its grain in pixels."""
    small = rng.standard_normal(
        (max(2, int(shape[0] / cells)), max(2, int(shape[1] / cells))), dtype=np.float32
    )
    # Cubic costs three times as much and shows only where the grain is coarse.
    smooth = cv2.INTER_CUBIC if cells > _COARSE_PX else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(small, shape[::-1], interpolation=smooth), np.float32)


def from_above(rng: Generator, *, wet: bool) -> Image:
    """The ground as a plan, y growing downwards in the array."""
    shape = (int((FAR - NEAR) * PX_PER_M), int((RIGHT - LEFT) * PX_PER_M))
    grey = _pavement(shape, rng)
    road = _road_mask(shape)
    tone = float(rng.uniform(82, 112)) * (0.72 if wet else 1.0)
    asphalt = tone + 4.0 * _cloud(shape, 150, rng) + 1.6 * _cloud(shape, 14, rng)
    asphalt += 4.0 * _cloud(shape, 1.5, rng)
    asphalt = _worn_tracks(asphalt, rng)
    _scars(asphalt, rng)
    asphalt -= grey
    asphalt *= road
    grey += asphalt
    _kerbs(grey, road)
    # Stone and tar are nearly grey: colour begins with the road paint, on few pixels.
    image = cv2.cvtColor(np.clip(grey, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    return _marked(np.asarray(image, np.uint8), rng)


def _marked(image: Image, rng: Generator) -> Image:
    """The plan with its road paint, worn here and there."""
    shape = (image.shape[0], image.shape[1])
    cover, yellow = _markings(shape)
    wear = np.clip(0.9 + 0.14 * _cloud(shape, 5, rng) + 0.1 * _cloud(shape, 60, rng), 0.25, 1)
    cover *= wear * float(rng.uniform(0.72, 0.96))
    for colour, where in ((_YELLOW, yellow & (cover > 0)), (_WHITE, ~yellow & (cover > 0))):
        share = cover[where][:, None]
        ground = image[where].astype(np.float32)
        image[where] = (ground + share * (np.array(colour, np.float32) - ground)).astype(np.uint8)
    return image


def _pavement(shape: tuple[int, int], rng: Generator) -> Plane:
    base = 138 + 6 * _cloud(shape, 90, rng) + 4 * _cloud(shape, 3, rng)
    tile = round(0.5 * PX_PER_M)
    rows = rng.normal(0, 5, (shape[0] // tile + 1, shape[1] // tile + 1)).astype(np.float32)
    base += rows.repeat(tile, axis=0).repeat(tile, axis=1)[: shape[0], : shape[1]]
    base[::tile] -= 22
    base[:, ::tile] -= 22
    return np.asarray(base, np.float32)


def _road_mask(shape: tuple[int, int]) -> Plane:
    mask = np.zeros(shape, dtype=np.float32)
    near, far = CROSS_Y - HALF_ROAD, CROSS_Y + HALF_ROAD
    _rect(mask, (-HALF_ROAD, NEAR, HALF_ROAD, FAR), 1.0)
    _rect(mask, (LEFT, near, RIGHT, far), 1.0)
    for sx in (-1, 1):
        for edge, sy in ((near, -1), (far, 1)):
            x0, y0 = sx * HALF_ROAD, edge
            x1, y1 = x0 + sx * _CORNER, y0 + sy * _CORNER
            _rect(mask, (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), 1.0)
            cv2.circle(mask, _px(x1, y1), round(_CORNER * PX_PER_M), 0.0, -1, cv2.LINE_AA)
    return mask


def _worn_tracks(asphalt: Plane, rng: Generator) -> Plane:
    """Lanes are polished where the wheels run and dark with oil between them."""
    across = np.linspace(LEFT, RIGHT, asphalt.shape[1], dtype=np.float32)
    bands = np.zeros_like(across)
    for middle in (-1.75, 1.75):
        for offset in (-0.75, 0.75):
            bands += 7 * np.exp(-(((across - middle - offset) / 0.3) ** 2))
        bands -= 8 * np.exp(-(((across - middle) / 0.35) ** 2))
    for middle in (-4.7, 4.7):
        bands += 5 * np.exp(-(((across - middle) / 0.9) ** 2))
    return np.asarray(asphalt + bands * float(rng.uniform(0.6, 1.3)), np.float32)


def _kerbs(image: Plane, road: Plane) -> None:
    """A pale stone edge with the gutter's shadow beside it."""
    solid = (road > 0.5).astype(np.uint8)  # noqa: PLR2004
    wide = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (17, 17))
    thin = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    stone = (cv2.dilate(solid, wide) - solid).astype(bool)
    gutter = (solid - cv2.erode(solid, thin)).astype(bool)
    image[stone] = 182
    image[gutter] *= 0.72


def _scars(image: Plane, rng: Generator) -> None:
    """Patches, cracks and manhole covers."""
    for _ in range(int(rng.integers(3, 8))):
        x, y = float(rng.uniform(-6, 5)), float(rng.uniform(3, 30))
        box = (x, y, x + float(rng.uniform(0.5, 2.2)), y + float(rng.uniform(0.5, 3)))
        (x0, y0), (x1, y1) = _px(*box[:2]), _px(*box[2:])
        image[y0:y1, x0:x1] *= float(rng.uniform(0.8, 0.93))
    for _ in range(int(rng.integers(5, 11))):
        at = np.array([rng.uniform(-6, 6), rng.uniform(4, 32)])
        steps = rng.normal(0, 0.16, (24, 2)) + rng.normal(0, 0.12, 2)
        line = np.array([_px(*p) for p in at + np.cumsum(steps, axis=0)], dtype=np.int32)
        cv2.polylines(image, [line], False, 64.0, 1, cv2.LINE_AA)  # noqa: FBT003
    for _ in range(int(rng.integers(2, 4))):
        spot = _px(float(rng.uniform(-5, 5)), float(rng.uniform(6, 26)))
        cv2.circle(image, spot, round(0.36 * PX_PER_M), 68.0, -1, cv2.LINE_AA)
        cv2.circle(image, spot, round(0.27 * PX_PER_M), 90.0, 2, cv2.LINE_AA)


def _markings(shape: tuple[int, int]) -> tuple[Plane, NDArray[np.bool_]]:
    """Where road paint lies, (h, w) float32 0-1, and where it is yellow, (h, w) bool."""
    yellow = np.zeros(shape, dtype=bool)
    cover = np.zeros(shape, dtype=np.float32)
    near, far = STOP_Y, CROSS_Y + STOP_BACK
    for x in (-0.14, 0.06):
        for y0, y1 in ((NEAR, near), (far, FAR)):
            _rect(cover, (x, y0, x + 0.11, y1), 1.0)
    middle = _px(-0.4, 0)[0], _px(0.4, 0)[0]
    for y0, y1 in ((NEAR, near), (far, FAR)):
        yellow[_px(0, y0)[1] : _px(0, y1)[1], middle[0] : middle[1]] = True
    _dividers(cover, near, far)
    for box in (
        (0.15, near, 6.35, near + LINE_DEPTH),
        (-6.35, far - LINE_DEPTH, -0.25, far),
        (-STOP_BACK, CROSS_Y - 6.35, -STOP_BACK + LINE_DEPTH, CROSS_Y - 0.25),
        (STOP_BACK - LINE_DEPTH, CROSS_Y + 0.25, STOP_BACK, CROSS_Y + 6.35),
    ):
        _rect(cover, box, 1.0)
    for step in np.arange(-6.05, 6.0, 0.9):
        for a, b in (_ARMS, (-_ARMS[1], -_ARMS[0])):
            _rect(cover, (step, CROSS_Y + a, step + 0.45, CROSS_Y + b), 1.0)
            _rect(cover, (a, CROSS_Y + step, b, CROSS_Y + step + 0.45), 1.0)
    for x, y in ((1.75, 6.6), (1.75, -4.0)):
        _arrow(cover, x, y)
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.8), np.float32)
    return cover, yellow


def _dividers(cover: Plane, near: float, far: float) -> None:
    """Between cars and two-wheelers: solid at the line, broken before it."""
    for x in (3.42, -3.53):
        _rect(cover, (x, near - 5.5, x + 0.11, near), 1.0)
        for y in np.arange(near - 9.0, NEAR - 2, -4.0):
            _rect(cover, (x, y, x + 0.11, y + 2.0), 1.0)
        for y in np.arange(far, FAR, 4.0):
            _rect(cover, (x, y, x + 0.11, y + 2.0), 1.0)
    for y in (CROSS_Y - 3.5, CROSS_Y + 3.4):
        for x in [*np.arange(STOP_BACK + 1, RIGHT, 4.0), *np.arange(-STOP_BACK - 3, LEFT, -4.0)]:
            _rect(cover, (float(x), y, float(x) + 2.0, y + 0.11), 1.0)
    for y0 in (CROSS_Y - 0.14, CROSS_Y + 0.06):
        _rect(cover, (LEFT, y0, -STOP_BACK, y0 + 0.11), 1.0)
        _rect(cover, (STOP_BACK, y0, RIGHT, y0 + 0.11), 1.0)


def _arrow(cover: Plane, x: float, y: float) -> None:
    """A straight-ahead arrow, stretched along the road as the standard has it."""
    _rect(cover, (x - 0.08, y - 1.4, x + 0.08, y + 0.4), 1.0)
    tip = np.array([_px(x - 0.28, y + 0.4), _px(x + 0.28, y + 0.4), _px(x, y + 1.6)], np.int32)
    cv2.fillConvexPoly(cover, tip, 1.0)
