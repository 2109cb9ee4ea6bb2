"""The signal's pole beside the stop line."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ioc_edge.scene.camera import Camera
from ioc_edge.scene.spec import Light as Phase
from ioc_edge.scene.weather import Light

FloatArray = NDArray[np.float64]
Image = NDArray[np.uint8]

POLE = (7.15, 13.4)
_HEADS = (2.15, 3.05)  # lower and upper edge of the signal head, metres
_LAMP_BGR: dict[Phase, tuple[int, int, int]] = {
    "red": (60, 50, 255), "yellow": (40, 200, 255), "green": (140, 240, 60),
}  # fmt: skip


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
