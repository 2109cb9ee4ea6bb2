"""All that stands still: asphalt, markings, kerbs, shop fronts, trees, and the signal's pole."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ioc_edge.scene.camera import Camera
from ioc_edge.scene.spec import Light as Phase
from ioc_edge.scene.traffic import CROSS_Y, HALF_ROAD, STOP_BACK, STOP_Y
from ioc_edge.scene.weather import Light

FloatArray = NDArray[np.float64]
Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

# The ground is painted from above, then seen through the homography.
_PX_PER_M = 40
_LEFT, _RIGHT, _NEAR, _FAR = -34.0, 34.0, 1.0, 76.0
_WHITE, _YELLOW = (226, 230, 230), (60, 190, 226)
_LINE_DEPTH = 0.35
_CORNER = 3.2
_ARMS = (12.7 - CROSS_Y, 15.2 - CROSS_Y)  # zebra, from the middle of the junction
POLE = (7.15, 13.4)
_LAMP_BGR: dict[Phase, Colour] = {
    "red": (60, 50, 255),
    "yellow": (40, 200, 255),
    "green": (140, 240, 60),
}
_HEADS = (2.15, 3.05)  # lower and upper edge of the signal head, metres


def stop_line() -> FloatArray:
    """(4, 2) ground corners of the filmed approach's stop line, metres."""
    return np.array(
        [[0.15, STOP_Y], [6.35, STOP_Y], [6.35, STOP_Y + _LINE_DEPTH], [0.15, STOP_Y + _LINE_DEPTH]]
    )


def approach() -> FloatArray:
    """(4, 2) ground corners of the lanes that lead to the stop line, metres."""
    return np.array([[0.1, 1.0], [HALF_ROAD, 1.0], [HALF_ROAD, STOP_Y], [0.1, STOP_Y]])


def backdrop(camera: Camera, light: Light, rng: Generator) -> Image:
    """The empty street as the camera sees it: (h, w, 3) uint8 BGR."""
    ground = _seen(camera, _from_above(rng, wet=light.wet))
    _walls(camera, ground, rng)
    graded = _graded(ground, camera, light, rng)
    return np.ascontiguousarray(cv2.GaussianBlur(graded, (0, 0), 0.55))


def _px(x: float, y: float) -> tuple[int, int]:
    return round((x - _LEFT) * _PX_PER_M), round((y - _NEAR) * _PX_PER_M)


def _rect(
    image: NDArray[np.generic], box: tuple[float, float, float, float], colour: object
) -> None:
    x0, y0, x1, y1 = box
    cv2.rectangle(image, _px(x0, y0), _px(x1, y1), colour, -1)


def _cloud(shape: tuple[int, int], cells: float, rng: Generator) -> NDArray[np.float32]:
    """Smooth noise of unit spread; `cells` is its grain in pixels."""
    small = rng.standard_normal(
        (max(2, int(shape[0] / cells)), max(2, int(shape[1] / cells))), dtype=np.float32
    )
    return np.asarray(cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _from_above(rng: Generator, *, wet: bool) -> Image:
    """The ground as a plan, y growing downwards in the array."""
    shape = (int((_FAR - _NEAR) * _PX_PER_M), int((_RIGHT - _LEFT) * _PX_PER_M))
    image = np.empty((*shape, 3), dtype=np.float32)
    image[:] = _pavement(shape, rng)[..., None]
    road = _road_mask(shape)
    tone = float(rng.uniform(82, 112)) * (0.72 if wet else 1.0)
    asphalt = tone + 5.0 * _cloud(shape, 130, rng) + 3.0 * _cloud(shape, 14, rng)
    asphalt += 5.0 * _cloud(shape, 2.2, rng)
    asphalt = _worn_tracks(asphalt, rng)
    tint = np.array([1.02, 1.0, 0.985], dtype=np.float32)
    share = road[..., None]
    image += share * (asphalt[..., None] * tint - image)
    _kerbs(image, road)
    _scars(image, rng)
    paint, alpha = _markings(shape)
    wear = np.clip(0.9 + 0.14 * _cloud(shape, 5, rng) + 0.1 * _cloud(shape, 60, rng), 0.25, 1)
    alpha *= wear[..., None] * float(rng.uniform(0.72, 0.96))
    image += alpha * (paint - image)
    return np.clip(image, 0, 255).astype(np.uint8)


def _pavement(shape: tuple[int, int], rng: Generator) -> NDArray[np.float32]:
    base = 138 + 6 * _cloud(shape, 90, rng) + 4 * _cloud(shape, 3, rng)
    tile = round(0.5 * _PX_PER_M)
    rows = rng.normal(0, 5, (shape[0] // tile + 1, shape[1] // tile + 1)).astype(np.float32)
    base += np.kron(rows, np.ones((tile, tile), np.float32))[: shape[0], : shape[1]]
    base[::tile] -= 22
    base[:, ::tile] -= 22
    return np.asarray(base, np.float32)


def _road_mask(shape: tuple[int, int]) -> NDArray[np.float32]:
    mask = np.zeros(shape, dtype=np.float32)
    near, far = CROSS_Y - HALF_ROAD, CROSS_Y + HALF_ROAD
    _rect(mask, (-HALF_ROAD, _NEAR, HALF_ROAD, _FAR), 1.0)
    _rect(mask, (_LEFT, near, _RIGHT, far), 1.0)
    for sx in (-1, 1):
        for edge, sy in ((near, -1), (far, 1)):
            x0, y0 = sx * HALF_ROAD, edge
            x1, y1 = x0 + sx * _CORNER, y0 + sy * _CORNER
            _rect(mask, (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), 1.0)
            cv2.circle(mask, _px(x1, y1), round(_CORNER * _PX_PER_M), 0.0, -1, cv2.LINE_AA)
    return mask


def _worn_tracks(asphalt: NDArray[np.float32], rng: Generator) -> NDArray[np.float32]:
    """Lanes are polished where the wheels run and dark with oil between them."""
    across = np.linspace(_LEFT, _RIGHT, asphalt.shape[1], dtype=np.float32)
    bands = np.zeros_like(across)
    for middle in (-1.75, 1.75):
        for offset in (-0.75, 0.75):
            bands += 7 * np.exp(-(((across - middle - offset) / 0.3) ** 2))
        bands -= 8 * np.exp(-(((across - middle) / 0.35) ** 2))
    for middle in (-4.7, 4.7):
        bands += 5 * np.exp(-(((across - middle) / 0.9) ** 2))
    return np.asarray(asphalt + bands * float(rng.uniform(0.6, 1.3)), np.float32)


def _kerbs(image: NDArray[np.float32], road: NDArray[np.float32]) -> None:
    """A pale stone edge with the gutter's shadow beside it."""
    solid = (road > 0.5).astype(np.uint8)  # noqa: PLR2004
    wide = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (17, 17))
    thin = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    stone = (cv2.dilate(solid, wide) - solid).astype(bool)
    gutter = (solid - cv2.erode(solid, thin)).astype(bool)
    image[stone] = (178, 182, 184)
    image[gutter] *= 0.72


def _scars(image: NDArray[np.float32], rng: Generator) -> None:
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
        cv2.polylines(image, [line], False, (62, 62, 62), 1, cv2.LINE_AA)  # noqa: FBT003
    for _ in range(int(rng.integers(2, 4))):
        spot = _px(float(rng.uniform(-5, 5)), float(rng.uniform(6, 26)))
        cv2.circle(image, spot, round(0.36 * _PX_PER_M), (66, 68, 70), -1, cv2.LINE_AA)
        cv2.circle(image, spot, round(0.27 * _PX_PER_M), (88, 90, 92), 2, cv2.LINE_AA)


def _markings(shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Road paint and where it lies: colours (h, w, 3), coverage (h, w, 1)."""
    paint = np.empty((*shape, 3), dtype=np.float32)
    paint[:] = _WHITE
    cover = np.zeros(shape, dtype=np.float32)
    near, far = STOP_Y, CROSS_Y + STOP_BACK
    for x in (-0.14, 0.06):
        for y0, y1 in ((_NEAR, near), (far, _FAR)):
            _rect(cover, (x, y0, x + 0.11, y1), 1.0)
    middle = _px(-0.4, 0)[0], _px(0.4, 0)[0]
    for y0, y1 in ((_NEAR, near), (far, _FAR)):
        paint[_px(0, y0)[1] : _px(0, y1)[1], middle[0] : middle[1]] = _YELLOW
    _dividers(cover, near, far)
    for box in (
        (0.15, near, 6.35, near + _LINE_DEPTH),
        (-6.35, far - _LINE_DEPTH, -0.25, far),
        (-STOP_BACK, CROSS_Y - 6.35, -STOP_BACK + _LINE_DEPTH, CROSS_Y - 0.25),
        (STOP_BACK - _LINE_DEPTH, CROSS_Y + 0.25, STOP_BACK, CROSS_Y + 6.35),
    ):
        _rect(cover, box, 1.0)
    for step in np.arange(-6.05, 6.0, 0.9):
        for a, b in (_ARMS, (-_ARMS[1], -_ARMS[0])):
            _rect(cover, (step, CROSS_Y + a, step + 0.45, CROSS_Y + b), 1.0)
            _rect(cover, (a, CROSS_Y + step, b, CROSS_Y + step + 0.45), 1.0)
    for x, y in ((1.75, 6.6), (1.75, -4.0)):
        _arrow(cover, x, y)
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.8), np.float32)
    return paint, cover[..., None]


def _dividers(cover: NDArray[np.float32], near: float, far: float) -> None:
    """Between cars and two-wheelers: solid at the line, broken before it."""
    for x in (3.42, -3.53):
        _rect(cover, (x, near - 5.5, x + 0.11, near), 1.0)
        for y in np.arange(near - 9.0, _NEAR - 2, -4.0):
            _rect(cover, (x, y, x + 0.11, y + 2.0), 1.0)
        for y in np.arange(far, _FAR, 4.0):
            _rect(cover, (x, y, x + 0.11, y + 2.0), 1.0)
    for y in (CROSS_Y - 3.5, CROSS_Y + 3.4):
        for x in [*np.arange(STOP_BACK + 1, _RIGHT, 4.0), *np.arange(-STOP_BACK - 3, _LEFT, -4.0)]:
            _rect(cover, (float(x), y, float(x) + 2.0, y + 0.11), 1.0)
    for y0 in (CROSS_Y - 0.14, CROSS_Y + 0.06):
        _rect(cover, (_LEFT, y0, -STOP_BACK, y0 + 0.11), 1.0)
        _rect(cover, (STOP_BACK, y0, _RIGHT, y0 + 0.11), 1.0)


def _arrow(cover: NDArray[np.float32], x: float, y: float) -> None:
    """A straight-ahead arrow, stretched along the road as the standard has it."""
    _rect(cover, (x - 0.08, y - 1.4, x + 0.08, y + 0.4), 1.0)
    tip = np.array([_px(x - 0.28, y + 0.4), _px(x + 0.28, y + 0.4), _px(x, y + 1.6)], np.int32)
    cv2.fillConvexPoly(cover, tip, 1.0)


def _seen(camera: Camera, plan: Image) -> Image:
    """The plan through the lens, at twice the size and averaged down: far lines do not crawl."""
    to_ground = np.array([[1 / _PX_PER_M, 0, _LEFT], [0, 1 / _PX_PER_M, _NEAR], [0, 0, 1]])
    twice = np.diag([2.0, 2.0, 1.0])
    size = (camera.width * 2, camera.height * 2)
    matrix = twice @ camera.homography @ to_ground
    big = cv2.warpPerspective(
        plan, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(150, 152, 150)
    )
    small = cv2.resize(big, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def _walls(camera: Camera, image: Image, rng: Generator) -> None:
    """Shop fronts at the far corners, then trees before them."""
    _sky(camera, image)
    for side in (-1, 1):
        x = side * float(rng.uniform(10.0, 11.5))
        y = float(rng.uniform(32.5, 34.0))
        street = [(x, 80.0), (x, y)] if side > 0 else [(x, y), (x, 80.0)]
        _facade(camera, image, street[0], street[1], rng)
        corner = [(x, y), (x + 40.0, y)] if side > 0 else [(x - 40.0, y), (x, y)]
        _facade(camera, image, corner[0], corner[1], rng)
    trees = sorted(
        ((side * float(rng.uniform(8, 9.4)), y + float(rng.uniform(-1, 1)))
         for side in (-1, 1) for y in (33.0, 41.0, 50.0, 60.0)),
        key=lambda p: -p[1],
    )  # fmt: skip
    for x, y in trees:
        _tree(camera, image, (x, y), rng)


def _sky(camera: Camera, image: Image) -> None:
    """Above the horizon; most mountings do not see it."""
    pitch_row = camera.project(np.array([[camera.centre[0], 500.0, 0.0]]))[0, 1]
    row = int(np.clip(pitch_row, 0, camera.height))
    image[:row] = (222, 214, 205)


def _facade(
    camera: Camera,
    image: Image,
    start: tuple[float, float],
    end: tuple[float, float],
    rng: Generator,
) -> None:
    """A row of shop houses over a ground line, its left end first as seen from the street."""
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    tall, scale = 7.0, 22
    texture = _shops(round(length * scale), round(tall * scale), scale, rng)
    (x0, y0), (x1, y1) = start, end
    corners = np.array([[x0, y0, tall], [x1, y1, tall], [x1, y1, 0.15], [x0, y0, 0.15]])
    height, width = texture.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    target = camera.project(corners).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    size = (camera.width, camera.height)
    warped = cv2.warpPerspective(texture, matrix, size, flags=cv2.INTER_LINEAR)
    mask = np.zeros(image.shape[:2], dtype=np.uint8)
    cv2.fillConvexPoly(mask, np.round(target * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    image[mask > 127] = warped[mask > 127]  # noqa: PLR2004


def _shops(width: int, height: int, scale: int, rng: Generator) -> Image:
    image = np.full((height, width, 3), 170, dtype=np.uint8)
    left = 0
    while left < width:
        front = round(float(rng.uniform(3.6, 5.4)) * scale)
        wall = tuple(int(v) for v in rng.integers(120, 232, 3))
        cv2.rectangle(image, (left, 0), (left + front, height), wall, -1)
        base, sign = height - round(2.7 * scale), height - round(3.6 * scale)
        board = tuple(int(v) for v in rng.integers(20, 220, 3))
        cv2.rectangle(image, (left + 3, sign), (left + front - 3, base), board, -1)
        _lettering(image, left + 8, sign + 4, front - 16, base - sign - 8, rng)
        _shopfront(image, left, base, front, height, rng)
        for x in (left + front // 4, left + front * 3 // 4):
            pane = (x - scale // 2, scale // 2), (x + scale // 2, sign - scale // 3)
            cv2.rectangle(image, *pane, (84, 76, 70), -1)
        cv2.line(image, (left, 0), (left, height), (70, 70, 70), 2)
        left += front
    return image


def _shopfront(image: Image, left: int, base: int, front: int, height: int, rng: Generator) -> None:
    """A shutter that is down, or a dark open shop."""
    box = (left + 6, base + 4), (left + front - 6, height)
    if rng.random() < 0.5:
        tone = int(rng.integers(120, 190))
        cv2.rectangle(image, *box, (tone, tone, tone - 8), -1)
        for y in range(base + 8, height, 6):
            cv2.line(image, (left + 6, y), (left + front - 6, y), (tone - 40,) * 3, 1)
    else:
        cv2.rectangle(image, *box, (52, 56, 60), -1)
        for _ in range(9):
            x, y = (
                int(rng.integers(left + 8, left + front - 10)),
                int(rng.integers(base + 10, height)),
            )
            goods = tuple(int(v) for v in rng.integers(50, 200, 3))
            cv2.rectangle(image, (x, y), (x + 9, y + 12), goods, -1)


def _lettering(image: Image, left: int, top: int, width: int, height: int, rng: Generator) -> None:
    """Bars that read as lettering from afar; they spell nothing on purpose."""
    ink = tuple(int(v) for v in rng.integers(190, 255, 3))
    x = left
    while x < left + width - 6:
        step = int(rng.integers(4, 9))
        cv2.rectangle(image, (x, top + height // 4), (x + step - 2, top + height * 3 // 4), ink, 1)
        x += step + 1


def _tree(camera: Camera, image: Image, at: tuple[float, float], rng: Generator) -> None:
    x, y = at
    foot, head = camera.project(np.array([[x, y, 0.0], [x, y, 3.0]]))
    scale = float(camera.matrix[0, 0] / camera.seen_from(np.array([[x, y, 2.0]]))[0, 2])
    trunk = np.array(
        [
            foot + (-0.14 * scale, 0),
            foot + (0.14 * scale, 0),
            head + (0.1 * scale, 0),
            head - (0.1 * scale, 0),
        ]
    )
    cv2.fillConvexPoly(image, np.round(trunk * 16).astype(np.int32), (52, 66, 84), cv2.LINE_AA, 4)
    for _ in range(70):
        spread = rng.normal(0, (0.8, 0.8, 0.5))
        point = camera.project(np.array([[x + spread[0], y + spread[1] * 0.3, 3.9 + spread[2]]]))[0]
        tone = float(rng.uniform(0.5, 1.1)) + 0.25 * float(spread[2])
        green = tuple(int(np.clip(v * tone, 0, 255)) for v in (58, 112, 78))
        centre = (int(point[0] * 16), int(point[1] * 16))
        cv2.circle(
            image, centre, int(scale * rng.uniform(0.12, 0.4) * 16), green, -1, cv2.LINE_AA, 4
        )


def _graded(image: Image, camera: Camera, light: Light, rng: Generator) -> Image:
    """Daylight picture turned into the hour of the clip."""
    gain = light.ambient + light.direct * max(0.2, float(light.sun[2]))
    lit = image.astype(np.float32) * gain.astype(np.float32)
    if light.lamps > 0.3:  # noqa: PLR2004
        lit += (
            image
            * _street_lamps(camera, rng)[..., None]
            * np.float32(light.lamps)
            * np.array([0.16, 0.28, 0.36], np.float32)
        )
    if light.wet:
        sheen = np.linspace(0.35, 0.0, image.shape[0], dtype=np.float32)[:, None, None]
        shine = cv2.GaussianBlur(lit, (1, 0) if image.shape[0] % 2 else (3, 3), 6)
        lit = lit * (1 - sheen * 0.4) + sheen * (
            0.4 * shine + 70 * light.ambient.astype(np.float32)
        )
    return np.clip(lit, 0, 255).astype(np.uint8)


def _street_lamps(camera: Camera, rng: Generator) -> NDArray[np.float32]:
    """Pools of light under the lamps, (h, w) float32, 0-1."""
    inverse = np.linalg.inv(camera.homography)
    cols, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    ground = np.stack((cols, rows, np.ones_like(cols)), axis=-1) @ inverse.T
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = ground[..., 0] / ground[..., 2], ground[..., 1] / ground[..., 2]
    pools = np.zeros(x.shape, dtype=np.float32)
    for lx, ly in ((5.5, 8.0), (-6.0, 17.0), (6.5, 24.0), (-5.5, 34.0), (6.0, 44.0)):
        reach = float(rng.uniform(5.0, 7.5))
        pools += np.exp(-(((x - lx) ** 2 + (y - ly) ** 2) / reach**2)).astype(np.float32)
    above = ground[..., 2] <= 0 if ground[-1, 0, 2] > 0 else ground[..., 2] >= 0
    pools[above] = 0.15
    return np.clip(np.nan_to_num(pools), 0, 1.3)


@dataclass(frozen=True)
class Pole:
    """The signal beside the stop line, drawn once per phase.

    Attributes:
        image: BGRA sprite per phase, colours multiplied by alpha; None when out of the picture.
        left: Column of the sprites' first pixel; `top` is its row.
        head: Box of the signal head in pixels, None when it is out of the picture.
    """

    image: dict[Phase, Image]
    left: int
    top: int
    head: tuple[float, float, float, float] | None


def pole(camera: Camera, light: Light) -> Pole:
    """The signal pole of the filmed approach."""
    x, y = POLE
    low, high = _HEADS
    corners = camera.project(
        np.array([[x - 0.19, y, high], [x + 0.19, y, high], [x + 0.19, y, low], [x - 0.19, y, low]])
    )
    stem = camera.project(
        np.array(
            [
                [x - 0.06, y, high + 0.2],
                [x + 0.06, y, high + 0.2],
                [x + 0.07, y, 0],
                [x - 0.07, y, 0],
            ]
        )
    )
    everything = np.vstack((corners, stem))
    margin = 18.0
    x0, y0 = (max(0, int(v)) for v in everything.min(axis=0) - margin)
    x1 = min(camera.width, int(everything[:, 0].max() + margin))
    y1 = min(camera.height, int(everything[:, 1].max() + margin))
    if x1 <= x0 or y1 <= y0:
        return Pole({}, 0, 0, None)
    images = {
        phase: _pole_image((y1 - y0, x1 - x0), corners - (x0, y0), stem - (x0, y0), phase, light)
        for phase in _LAMP_BGR
    }
    box = (*corners.min(axis=0), *corners.max(axis=0))
    inside = box[0] >= 0 and box[1] >= 0 and box[2] < camera.width
    head = (float(box[0]), float(box[1]), float(box[2]), float(box[3])) if inside else None
    return Pole(images, x0, y0, head)


def _pole_image(
    shape: tuple[int, int], head: FloatArray, stem: FloatArray, phase: Phase, light: Light
) -> Image:
    image = np.zeros((*shape, 4), dtype=np.uint8)
    gain = float(np.mean(light.ambient + light.direct * 0.5))

    def fill(points: FloatArray, grey: int) -> None:
        tone = int(grey * gain)
        whole = np.round(points * 16).astype(np.int32)
        cv2.fillConvexPoly(image, whole, (tone, tone, tone, 255), cv2.LINE_AA, 4)

    fill(stem, 150)
    fill(head, 36)
    height = float(head[2, 1] - head[1, 1])
    radius = height * 0.13
    middle = head.mean(axis=0)
    for index, name in enumerate(("red", "yellow", "green")):
        centre = middle + ((index - 1) * (head[3] - head[0]) / 3.05)
        lit = name == phase
        b, g, r = _LAMP_BGR[phase] if lit else (26, 28, 30)
        spot = (int(centre[0] * 16), int(centre[1] * 16))
        cv2.circle(image, spot, max(16, int(radius * 16)), (b, g, r, 255), -1, cv2.LINE_AA, 4)
    return image
