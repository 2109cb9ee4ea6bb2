"""Shop houses and trees at the far corners."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ioc_edge.scene.camera import Camera
from ioc_edge.scene.dice import chance

FloatArray = NDArray[np.float64]
Image = NDArray[np.uint8]


def stand_walls(camera: Camera, image: Image, rng: Generator) -> None:
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
    if chance(rng, 0.5):
        tone = int(rng.integers(120, 190))
        cv2.rectangle(image, *box, (tone, tone, tone - 8), -1)
        for y in range(base + 8, height, 6):
            cv2.line(image, (left + 6, y), (left + front - 6, y), (tone - 40,) * 3, 1)
    else:
        cv2.rectangle(image, *box, (58, 62, 66), -1)
        for shelf in range(base + 12, height - 4, 14):
            for x in range(left + 10, left + front - 14, 11):
                share = float(rng.uniform(0.6, 0.95))
                goods = tuple(int(share * v) for v in rng.integers(80, 132, 3))
                cv2.rectangle(
                    image, (x, shelf), (x + int(rng.integers(4, 9)), shelf + 9), goods, -1
                )


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
    wide = np.array([0.14 * scale, 0.0])
    trunk = np.array(
        [
            foot - wide,
            foot + wide,
            head + wide * 0.7,
            head - wide * 0.7,
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
