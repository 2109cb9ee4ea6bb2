"""Light and air: what the hour and the rain do to colours, lamps, exposure and noise."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ioc_edge.scene.spec import SceneSpec, TimeOfDay

FloatArray = NDArray[np.float64]
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Light:
    """Illumination of a scene; colours are BGR gains.

    Attributes:
        sun: (3,) float64 unit vector towards the sun.
        direct: Gain of faces square to the sun.
        ambient: Gain of the sky's light.
        shadow: How much a shadow darkens, 0-1.
        lamps: Strength of head and tail lights in the picture, 0-1.
        exposure_s: Shutter time.
        noise: Standard deviation of the sensor noise, grey levels.
        wet: Whether the road shines.
    """

    sun: FloatArray
    direct: FloatArray
    ambient: FloatArray
    shadow: float
    lamps: float
    exposure_s: float
    noise: float
    wet: bool


_GAINS: dict[
    TimeOfDay, tuple[tuple[float, float, float], tuple[float, float, float], float, float]
] = {
    # each: direct and ambient gain in BGR, depth of shadows, strength of lamps
    "day": ((0.58, 0.64, 0.68), (0.66, 0.63, 0.61), 0.5, 0.0),
    "dusk": ((0.1, 0.2, 0.32), (0.5, 0.42, 0.4), 0.28, 0.55),
    "night": ((0.05, 0.09, 0.11), (0.2, 0.21, 0.22), 0.35, 1.0),
}
_EXPOSURE_S: dict[TimeOfDay, float] = {"day": 1 / 600, "dusk": 1 / 300, "night": 1 / 220}
_NOISE: dict[TimeOfDay, float] = {"day": 1.6, "dusk": 3.0, "night": 4.6}


def light_of(spec: SceneSpec, rng: Generator) -> Light:
    """The light of a clip; seeds move the sun and the clouds."""
    direct, ambient, shadow, lamps = _GAINS[spec.time_of_day]
    cloud = float(rng.uniform(0.25, 1.0)) * (0.25 if spec.rain else 1.0)
    angle, height = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0.6, 1.2))
    if spec.time_of_day == "dusk":
        height = 0.28
    sun = np.array([np.cos(angle) * np.cos(height), np.sin(angle) * np.cos(height), np.sin(height)])
    gain = float(rng.uniform(0.92, 1.06)) * (0.88 if spec.rain else 1.0)
    lost = np.array(direct) * (1 - cloud) * 0.6
    return Light(
        sun=sun,
        direct=np.array(direct) * cloud * gain,
        ambient=(np.array(ambient) + lost) * gain,
        shadow=shadow * (0.45 + 0.55 * cloud),
        lamps=max(lamps, 0.35 if spec.rain else 0.0),
        exposure_s=_EXPOSURE_S[spec.time_of_day] * float(rng.uniform(0.7, 1.3)),
        noise=_NOISE[spec.time_of_day] * float(rng.uniform(0.7, 1.3)),
        wet=spec.rain,
    )


class Sensor:
    """The last steps of a frame: haze, rain streaks and sensor noise, in place."""

    _NOISE_TILES = 3

    def __init__(self, spec: SceneSpec, light: Light, rng: Generator) -> None:
        self._rng = rng
        height, width = spec.height, spec.width
        margin = 64
        shape = (height + margin, width + margin)
        grain = rng.normal(0, light.noise, (*shape, 1)) + rng.normal(
            0, light.noise / 2, (*shape, 3)
        )
        self._plus = np.clip(np.round(grain), 0, 255).astype(np.uint8)
        self._minus = np.clip(np.round(-grain), 0, 255).astype(np.uint8)
        self._margin = margin
        self._streaks = [self._rain(height, width) for _ in range(4)] if spec.rain else []

    def __call__(self, frame: Image) -> None:
        """Degrade a (h, w, 3) uint8 frame."""
        height, width = frame.shape[:2]
        if self._streaks:
            layer = self._streaks[int(self._rng.integers(len(self._streaks)))]
            cv2.add(frame, layer, dst=frame)
        for tile, change in ((self._plus, cv2.add), (self._minus, cv2.subtract)):
            dy, dx = (int(v) for v in self._rng.integers(0, self._margin, 2))
            change(frame, tile[dy : dy + height, dx : dx + width], dst=frame)

    def _rain(self, height: int, width: int) -> Image:
        layer = np.zeros((height, width), dtype=np.uint8)
        scale = width / 1280
        for _ in range(420):
            x, y = self._rng.uniform(-40, width), self._rng.uniform(-60, height)
            length = float(self._rng.uniform(14, 60)) * scale
            slant = float(self._rng.uniform(0.08, 0.2))
            shine = int(self._rng.integers(18, 58))
            ends = [
                (int(x * 16), int(y * 16)),
                (int((x + slant * length) * 16), int((y + length) * 16)),
            ]
            cv2.line(layer, ends[0], ends[1], shine, 1, cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(layer, (0, 0), 0.9)
        return np.asarray(cv2.cvtColor(soft, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
