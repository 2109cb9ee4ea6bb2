"""The empty street through the lens, in the light of the hour."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ioc_edge.scene.camera import Camera
from ioc_edge.scene.ground import LEFT, LINE_DEPTH, NEAR, PX_PER_M, from_above
from ioc_edge.scene.houses import stand_walls
from ioc_edge.scene.junction import HALF_ROAD, STOP_Y
from ioc_edge.scene.weather import Light

FloatArray = NDArray[np.float64]
Image = NDArray[np.uint8]


def stop_line() -> FloatArray:
    """(4, 2) ground corners of the filmed approach's stop line, metres."""
    return np.array(
        [[0.15, STOP_Y], [6.35, STOP_Y], [6.35, STOP_Y + LINE_DEPTH], [0.15, STOP_Y + LINE_DEPTH]]
    )


def approach() -> FloatArray:
    """(4, 2) ground corners of the lanes that lead to the stop line, metres."""
    return np.array([[0.1, 1.0], [HALF_ROAD, 1.0], [HALF_ROAD, STOP_Y], [0.1, STOP_Y]])


def backdrop(camera: Camera, light: Light, rng: Generator) -> Image:
    """The empty street as the camera sees it: (h, w, 3) uint8 BGR."""
    ground = _seen(camera, from_above(rng, wet=light.wet))
    stand_walls(camera, ground, rng)
    # Fine grain of the near asphalt, below the resolution of the plan.
    grain = rng.normal(0, 5, (*ground.shape[:2], 1)).astype(np.float32)
    rough = np.clip(ground + grain * np.linspace(0.2, 1.0, camera.height)[:, None, None], 0, 255)
    graded = _graded(rough.astype(np.uint8), camera, light, rng)
    return np.ascontiguousarray(cv2.GaussianBlur(graded, (0, 0), 0.6))


def _seen(camera: Camera, plan: Image) -> Image:
    """The plan through the lens, at twice the size and averaged down: far lines do not crawl."""
    to_ground = np.array([[1 / PX_PER_M, 0, LEFT], [0, 1 / PX_PER_M, NEAR], [0, 0, 1]])
    twice = np.diag([2.0, 2.0, 1.0])
    size = (camera.width * 2, camera.height * 2)
    matrix = twice @ camera.homography @ to_ground
    big = cv2.warpPerspective(
        plan, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(150, 152, 150)
    )
    small = cv2.resize(big, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


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
