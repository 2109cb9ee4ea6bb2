"""How far a camera's picture has moved since the scene file was drawn on it."""

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from ioc_edge.backends import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Traffic fills few of these pixels; the street behind it is what is compared.
WIDTH: Final = 240
# Peaks weaker than this are traffic, rain or night, no shift.
LEAST_RESPONSE: Final = 0.25
# The street is learnt anew as the light changes, but only while the picture is where it was.
RENEW_FRAMES: Final = 300
STILL_PX: Final = 0.25


class Steadiness:
    """Phase correlation of each frame with the street as it was (Kuglin, Hines 1975)."""

    def __init__(self) -> None:
        self._reference: NDArray[np.float32] | None = None
        self._window: NDArray[np.float32] | None = None
        self._age = 0

    def shift(self, image: Image) -> tuple[float, float]:
        """Right and down, in pixels of the frame, (h, w, 3) uint8 BGR; 0 where it cannot tell."""
        height, width = image.shape[:2]
        size = (WIDTH, max(16, round(WIDTH * height / width)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        now = grey.astype(np.float32)
        if self._reference is None or self._reference.shape != now.shape:
            self._reference, self._age = now, 0
            self._window = np.asarray(cv2.createHanningWindow(size, cv2.CV_32F), np.float32)
            return 0.0, 0.0
        (dx, dy), response = cv2.phaseCorrelate(self._reference, now, self._window)
        if response < LEAST_RESPONSE:
            return 0.0, 0.0
        self._age += 1
        if self._age >= RENEW_FRAMES and max(abs(dx), abs(dy)) < STILL_PX:
            self._reference, self._age = now, 0
        # Less than the correlation can tell is nothing.
        scale = width / size[0] if max(abs(dx), abs(dy)) > STILL_PX else 0.0
        return dx * scale, dy * scale
