"""What a camera, the weather and a codec make of a plate: the crop that the detector would cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from drawing import Floats, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drawing import Painted, Rng

WIDTH, HEIGHT = 160, 64
# A letter of which less than this is in the picture is none.
LEAST_SEEN = 0.55
_WAYS_UP = (cv2.INTER_LINEAR, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA)


@dataclass
class Shot:
    """A crop in the network's size.

    Attributes:
        picture: (HEIGHT, WIDTH, 3) uint8 RGB.
        places: (n, 4) float32 in its pixels: centre x, y, half width, half height.
        seen: (n,) bool; letters that the crop cuts off are not seen.
    """

    picture: Picture
    places: Floats
    seen: Floats


def shoot(plate: Painted, backdrops: Sequence[Picture], rng: Rng, *, hard: float) -> Shot:
    """Photograph a plate.

    Args:
        plate: From the front.
        backdrops: What stands around plates, any size.
        rng: Draws the conditions.
        hard: 0 for an easy day, 1 for everything the street does.
    """
    tall_drawn = float(plate.places[:, 3].mean()) * 2
    least = 26 - 17 * hard
    tall = float(np.exp(rng.uniform(np.log(least), np.log(64))))  # letter height in the crop
    quad = _quad(plate.picture.shape[1], plate.picture.shape[0], tall / tall_drawn, hard, rng)
    low, high = quad.min(0), quad.max(0)
    span = high - low
    slack = np.array([_slack(rng, hard) for _ in range(4)]) * span[[0, 1, 0, 1]]
    low, high = low - slack[:2], high + slack[2:]
    size = np.maximum(np.ceil(high - low), 8).astype(int)
    size = np.minimum(size, 640)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    corners *= (plate.picture.shape[1], plate.picture.shape[0])
    seen_at = (quad - low).astype(np.float32)
    turn = np.asarray(cv2.getPerspectiveTransform(corners, seen_at), np.float64)
    picture = _backdrop(backdrops, (int(size[0]), int(size[1])), rng)
    _frame_and_plate(picture, plate, turn, rng)
    places = _moved(plate.places, turn)
    picture = degrade(picture, tall, rng, hard=hard)
    places, seen = _clipped(places, size)
    way = _WAYS_UP[int(rng.integers(len(_WAYS_UP)))]
    way = cv2.INTER_AREA if size[0] > 1.5 * WIDTH else way
    final = np.asarray(cv2.resize(picture, (WIDTH, HEIGHT), interpolation=way), np.uint8)
    stretch = np.array([WIDTH / size[0], HEIGHT / size[1]] * 2, np.float32)
    return Shot(final, (places * stretch).astype(np.float32), seen)


def _slack(rng: Rng, hard: float) -> float:
    """Share of the plate's size by which the detector's box is off on one side."""
    roll = rng.random()
    if roll < 0.5:
        return float(rng.uniform(-0.01, 0.04))
    if roll < 0.9:
        return float(rng.uniform(0.0, 0.06 + 0.08 * hard))
    return float(rng.uniform(-0.05 * hard, 0.06 + 0.16 * hard))


def _quad(width: int, height: int, scale: float, hard: float, rng: Rng) -> Floats:
    """The plate's corners as the camera sees them, clockwise from top left."""
    half = np.array([width, height], np.float64) * scale / 2
    points = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64) * half
    # Seen from the side or from above: one axis is foreshortened, and the far edge is smaller.
    points *= (rng.uniform(1 - 0.35 * hard, 1.08), rng.uniform(1 - 0.2 * hard, 1.05))
    swing, tilt = rng.normal(0, 0.05 * hard + 0.01, 2)
    points *= 1 + (points / half) @ np.array([[swing], [tilt]])
    angle = np.radians(
        rng.normal(0, 2 + 5 * hard) if rng.random() < 0.9 else rng.uniform(-22, 22) * hard
    )
    shear = rng.normal(0, 0.03 + 0.12 * hard)
    cos, sin = np.cos(angle), np.sin(angle)
    lean = np.array([[1, shear], [rng.normal(0, 0.02 + 0.05 * hard), 1]])
    turned: Floats = points @ lean.T @ np.array([[cos, sin], [-sin, cos]])
    return turned


def _backdrop(backdrops: Sequence[Picture], size: tuple[int, int], rng: Rng) -> Picture:
    if rng.random() < 0.5 and backdrops:
        whole = backdrops[int(rng.integers(len(backdrops)))]
        h, w = whole.shape[:2]
        ph, pw = max(4, int(h * rng.uniform(0.1, 0.6))), max(4, int(w * rng.uniform(0.1, 0.6)))
        y, x = int(rng.integers(0, h - ph + 1)), int(rng.integers(0, w - pw + 1))
        return np.asarray(cv2.resize(whole[y : y + ph, x : x + pw], size), np.uint8)
    small = rng.normal(0, 1, (5, 7, 1)) * rng.uniform(5, 40) + rng.uniform(15, 200)
    small = small + rng.normal(0, 12, 3)
    soft = np.clip(small, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _frame_and_plate(picture: Picture, plate: Painted, turn: Floats, rng: Rng) -> None:
    height, width = plate.picture.shape[:2]
    size = (picture.shape[1], picture.shape[0])
    if rng.random() < 0.3:  # a frame around the plate, a shadow under it
        edge = rng.uniform(0.02, 0.1) * height
        ring = np.array([[-edge, -edge], [width + edge, -edge], [width + edge, height + edge]])
        ring = np.vstack([ring, [[-edge, height + edge]]])
        tone = tuple(float(v) for v in np.clip(rng.uniform(5, 180) + rng.normal(0, 15, 3), 0, 255))
        spots = _points(ring, turn)
        cv2.fillConvexPoly(picture, np.round(spots * 16).astype(np.int32), tone, cv2.LINE_AA, 4)
    shrink = float(np.sqrt(abs(np.linalg.det(turn[:2, :2]))))
    source = plate.picture
    if shrink < 0.7:  # warping skips pixels: blur first, or thin strokes break
        source = np.asarray(cv2.GaussianBlur(source, (0, 0), 0.42 / shrink), np.uint8)
    alpha = _outline(height, width, rng)
    seen = cv2.warpPerspective(
        source, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    cover = cv2.warpPerspective(alpha, turn, size, flags=cv2.INTER_LINEAR)
    cv2.copyTo(seen, (cover > 127).astype(np.uint8), picture)


def _outline(height: int, width: int, rng: Rng) -> Picture:
    alpha = np.zeros((height, width), np.uint8)
    r = int(rng.uniform(0.0, 0.1) * height)
    cv2.rectangle(alpha, (r, 0), (width - 1 - r, height - 1), 255, -1)
    cv2.rectangle(alpha, (0, r), (width - 1, height - 1 - r), 255, -1)
    if r:
        for x, y in (
            (r, r),
            (width - 1 - r, r),
            (r, height - 1 - r),
            (width - 1 - r, height - 1 - r),
        ):
            cv2.circle(alpha, (x, y), r, 255, -1)
    return alpha


def _points(points: Floats, turn: Floats) -> Floats:
    flat = np.hstack([points, np.ones((len(points), 1))]) @ np.asarray(turn).T
    moved: Floats = flat[:, :2] / flat[:, 2:]
    return moved


def _moved(places: Floats, turn: Floats) -> Floats:
    """Letters' boxes after a perspective turn, as upright boxes around the turned ones."""
    if not len(places):
        return places
    signs = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])
    edges = (places[:, None, :2] + signs * places[:, None, 2:]).reshape(-1, 2)
    spots = _points(edges, turn).reshape(-1, 4, 2)
    middle = _points(places[:, :2], turn)
    half = np.abs(spots - middle[:, None]).max(1)
    return np.hstack([middle, half])


def _clipped(places: Floats, size: Floats) -> tuple[Floats, Floats]:
    low, high = places[:, :2] - places[:, 2:], places[:, :2] + places[:, 2:]
    inside = np.clip(np.minimum(high, size) - np.maximum(low, 0), 0, None)
    share = (inside / (2 * places[:, 2:])).prod(1)
    return places, share >= LEAST_SEEN


def degrade(picture: Picture, tall: float, rng: Rng, *, hard: float) -> Picture:
    """Light, optics, sensor and codec at the crop's own size.

    Args:
        picture: (h, w, 3) uint8 RGB.
        tall: Height of a letter in pixels; blur is measured by it.
        rng: Draws the conditions.
        hard: As in `shoot`.
    """
    x = picture.astype(np.float32)
    x = _light(x, rng, hard)
    x = _blurred(x, tall, rng, hard)
    x = _rain(x, tall, rng, hard)
    noise = rng.random()
    if noise < 0.6:
        sigma = abs(rng.normal(0, 3 + 9 * hard)) if noise < 0.45 else rng.uniform(4, 8 + 14 * hard)
        grain = np.empty(x.shape if rng.random() < 0.5 else x.shape[:2], np.float32)
        loud = np.array(sigma * np.clip(tall / 26, 0.35, 1.0))
        cv2.randn(grain, np.zeros(1), loud.reshape(1))
        x = x + (grain if grain.ndim == 3 else grain[..., None])
    y = np.clip(x, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:  # a camera's own sharpening leaves halos
        soft = cv2.GaussianBlur(y, (0, 0), rng.uniform(0.8, 2.0))
        amount = rng.uniform(0.3, 1.6)
        y = np.asarray(cv2.addWeighted(y, 1 + amount, soft, -amount, 0), np.uint8)
    if rng.random() < 0.3 * hard + 0.1:  # colours are stored at half or a quarter the size
        y = _poor_colour(y, rng)
    if rng.random() < 0.55:
        y = _packed(y, int(rng.integers(round(70 - 48 * hard), 95)))
    return np.asarray(y, np.uint8)


def _light(x: Floats, rng: Rng, hard: float) -> Floats:
    height, width = x.shape[:2]
    if rng.random() < 0.5 * hard + 0.1:  # uneven: shadow of a branch, a lamp at one side
        rows, columns = (2, 3) if rng.random() < 0.6 else (4, 6)
        map_ = rng.uniform(1 - 0.6 * hard, 1.25, (rows, columns)).astype(np.float32)
        x = x * cv2.resize(map_, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    if rng.random() < 0.12 * hard:  # a hard shadow's edge
        a, b, c = rng.normal(0, 1, 3)
        gx, gy = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
        side = 1 / (1 + np.exp(-np.clip((a * gx + b * gy + c * 0.5) * 12, -30, 30)))
        x = x * (1 - (1 - rng.uniform(0.3, 0.7)) * side[..., None]).astype(np.float32)
    if rng.random() < 0.12 * hard:  # headlights and flash: a washed-out patch
        cx, cy = rng.uniform(0, 1, 2)
        gx, gy = np.meshgrid(np.linspace(0, 1, width) - cx, np.linspace(0, 1, height) - cy)
        spot = np.exp(-(gx**2 + gy**2) / (2 * rng.uniform(0.1, 0.4) ** 2)).astype(np.float32)
        x = x + spot[..., None] * rng.uniform(40, 170)
    roll = rng.random()
    if roll < 0.18 * hard:  # overexposed: retro-reflective ground swallows thin strokes
        x = x * rng.uniform(1.0, 1.3) + rng.uniform(10, 110)
    elif roll < 0.42 * hard:  # night
        x = 255 * (np.clip(x, 0, 255) / 255) ** rng.uniform(1.0, 2.2) * rng.uniform(0.15, 0.8)
    elif roll < 0.8:
        mean = float(x.mean())
        x = (x - mean) * rng.uniform(0.45, 1.25) + mean * rng.uniform(0.6, 1.2)
    if rng.random() < 0.6:
        x = x * (1 + rng.normal(0, 0.03 + 0.06 * hard, 3)).astype(np.float32)
    if rng.random() < 0.3:
        grey = x.mean(2, keepdims=True)
        x = grey + (x - grey) * np.float32(rng.uniform(0, 1.4))
    return x


def _blurred(x: Floats, tall: float, rng: Rng, hard: float) -> Floats:
    if rng.random() < 0.5:
        sigma = abs(rng.normal(0, 0.01 + 0.055 * hard)) * tall
        if sigma > 0.25:
            soft = cv2.GaussianBlur(x, (0, 0), min(float(sigma), 0.12 * tall))
            x = np.asarray(soft, np.float32)
    if rng.random() < 0.12 + 0.2 * hard:
        length = abs(rng.normal(0, 0.05 + 0.13 * hard)) * tall
        length = min(length, 0.38 * tall)
        if length > 1:
            streak = _streak(float(length), rng.uniform(0, np.pi))
            x = np.asarray(cv2.filter2D(x, -1, streak), np.float32)
    if rng.random() < 0.3:  # scaled down once more, by a recorder or a web page
        share = rng.uniform(max(0.3, min(1.0, 9.5 / tall)), 1.0)
        h, w = x.shape[:2]
        small = (max(8, round(w * share)), max(8, round(h * share)))
        few = cv2.resize(x, small, interpolation=cv2.INTER_AREA)
        x = np.asarray(cv2.resize(few, (w, h)), np.float32)
    return x


def _streak(length: float, angle: float) -> Floats:
    size = int(np.ceil(length)) | 1
    kernel = np.zeros((size, size), np.float32)
    half = (length - 1) / 2
    middle = size // 2
    dx, dy = half * np.cos(angle), half * np.sin(angle)
    start = (round((middle - dx) * 16), round((middle - dy) * 16))
    end = (round((middle + dx) * 16), round((middle + dy) * 16))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA, 4)
    return kernel / max(float(kernel.sum()), 1e-6)


def _rain(x: Floats, tall: float, rng: Rng, hard: float) -> Floats:
    """Streaks of falling drops, and drops that sit on the housing's glass."""
    roll = rng.random()
    height, width = x.shape[:2]
    if roll < 0.05 * hard:
        veil = np.zeros((height, width), np.float32)
        for _ in range(int(rng.integers(2, 12))):
            a = rng.uniform(0, 1, 2) * (width, height)
            b = a + np.array([rng.normal(0, 0.2), rng.uniform(0.5, 2.0)]) * tall
            cv2.line(veil, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), 1.0, 1, cv2.LINE_AA)
        x = x + veil[..., None] * rng.uniform(20, 70)
    elif roll < 0.1 * hard:
        soft = cv2.GaussianBlur(x, (0, 0), max(0.5, 0.15 * tall))
        mask = np.zeros((height, width), np.float32)
        for _ in range(int(rng.integers(1, 5))):
            at = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
            cv2.circle(mask, at, max(2, int(rng.uniform(0.15, 0.6) * tall)), 1.0, -1)
        x = x + (soft * rng.uniform(0.9, 1.2) - x) * mask[..., None]
    return x


def _poor_colour(y: Picture, rng: Rng) -> Picture:
    parts = cv2.cvtColor(y, cv2.COLOR_RGB2YCrCb)
    h, w = y.shape[:2]
    share = int(rng.integers(2, 5))
    small = cv2.resize(parts[..., 1:], (max(1, w // share), max(1, h // share)))
    parts[..., 1:] = cv2.resize(small, (w, h))
    return np.asarray(cv2.cvtColor(parts, cv2.COLOR_YCrCb2RGB), np.uint8)


def _packed(y: Picture, quality: int) -> Picture:
    _, coded = cv2.imencode(".jpg", y, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
