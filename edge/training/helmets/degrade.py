"""What lens, light, weather and coding do to a crop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from heads import Picture
    from numpy.random import Generator


def shrink(picture: Picture, factor: float, rng: Generator) -> Picture:
    """Lose detail as a farther camera would: down by a factor, and up again."""
    height, width = picture.shape[:2]
    small = (max(2, round(width / factor)), max(2, round(height / factor)))
    down = (cv2.INTER_AREA, cv2.INTER_LINEAR)[int(rng.integers(2))]
    up = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[int(rng.integers(2))]
    return cv2.resize(
        cv2.resize(picture, small, interpolation=down), (width, height), None, 0, 0, up
    )


def _colours(picture: Picture, rng: Generator) -> Picture:
    hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + rng.normal(0, 12)) % 180
    hsv[..., 1] *= rng.uniform(0, 1.5)
    turned: Picture = cv2.cvtColor(hsv.clip(0, 255).astype(np.uint8), cv2.COLOR_HSV2BGR)
    return turned


def _light(picture: Picture, rng: Generator) -> Picture:
    x = picture.astype(np.float32) / 255
    x = x * rng.uniform(0.65, 1.4) + rng.normal(0, 0.06)
    x = x * (1 + rng.normal(0, 0.09, 3).astype(np.float32))
    if rng.random() < 0.25:  # night, or against the light
        x = x.clip(0, 1) ** np.float32(rng.uniform(1.3, 2.0)) * np.float32(rng.uniform(0.6, 1.0))
    elif rng.random() < 0.2:  # haze
        x = x * np.float32(rng.uniform(0.4, 0.8)) + np.float32(rng.uniform(0.15, 0.4))
    if rng.random() < 0.25:  # a street lamp, a shadow's edge
        across = int(rng.integers(2))
        ramp = np.linspace(
            rng.uniform(0.5, 1), rng.uniform(1, 1.6), x.shape[across], dtype=np.float32
        )[:: rng.choice([-1, 1])]
        x = x * (ramp[None, :, None] if across else ramp[:, None, None])
    dim: Picture = (x.clip(0, 1) * 255).astype(np.uint8)
    return dim


def _smear(picture: Picture, rng: Generator) -> Picture:
    reach = int(rng.integers(2, max(3, picture.shape[1] // 12)))
    if rng.random() < 0.5:
        return cv2.GaussianBlur(picture, (0, 0), reach / 2.5)
    kernel = np.zeros((reach, reach), np.float32)
    start, end = rng.integers(reach, size=2)
    cv2.line(kernel, (0, int(start)), (reach - 1, int(end)), 1.0)
    return cv2.filter2D(picture, -1, kernel / max(1e-6, float(kernel.sum())))


def _rain(picture: Picture, rng: Generator) -> Picture:
    height, width = picture.shape[:2]
    layer, slant = np.zeros((height, width), np.uint8), rng.uniform(-0.3, 0.3)
    for _ in range(int(rng.integers(6, 30))):
        x, y, length = (
            rng.uniform(0, width),
            rng.uniform(0, height),
            rng.uniform(0.05, 0.3) * height,
        )
        end = (int(x + slant * length), int(y + length))
        cv2.line(layer, (int(x), int(y)), end, int(rng.integers(40, 150)), 1, cv2.LINE_AA)
    return cv2.add(picture, cv2.cvtColor(layer, cv2.COLOR_GRAY2BGR))


def _grain(picture: Picture, rng: Generator) -> Picture:
    noise = np.empty(picture.shape, np.int16)
    cv2.randn(noise, 0, float(rng.uniform(2, 14)))
    noisy: Picture = (picture.astype(np.int16) + noise).clip(0, 255).astype(np.uint8)
    return noisy


def _packed(picture: Picture, rng: Generator) -> Picture:
    _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 85))])
    return cv2.imdecode(code, cv2.IMREAD_COLOR)


def degrade(picture: Picture, rng: Generator) -> Picture:
    """A crop as another camera, in another weather, would have sent it."""
    for effect, odds in (
        (_colours, 0.5), (_light, 0.8), (_rain, 0.06),
        (_smear, 0.25), (_grain, 0.3), (_packed, 0.35),
    ):  # fmt: skip
        if rng.random() < odds:
            picture = effect(picture, rng)
    if rng.random() < 0.08:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return picture


def view(picture: Picture, centre: tuple[float, float], scale: float, size: tuple[int, int],
         rng: Generator, *, border: int | None = None) -> tuple[Picture, np.ndarray]:  # fmt: skip
    """A crop of `size` (width, height) around a point, with a little turn, shear and mirror.

    Returns:
        The crop and the (2, 3) matrix from picture to crop.
    """
    angle = np.deg2rad(rng.normal(0, 5)) if rng.random() < 0.6 else 0.0
    stretch, flip = np.exp(rng.normal(0, 0.07)), (-1.0 if rng.random() < 0.5 else 1.0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * turn @ np.diag([flip * stretch, 1 / stretch])
    matrix = np.concatenate([linear, (np.array(size) / 2 - linear @ np.array(centre))[:, None]], 1)
    source, first = picture, matrix
    if scale < 0.7 and rng.random() < 0.7:
        source = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        first = matrix.copy()
        first[:, :2] /= scale
    mode = cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT
    crop = cv2.warpAffine(
        source, first, size, flags=cv2.INTER_LINEAR, borderMode=mode, borderValue=(border or 0,) * 3
    )
    return crop, matrix
