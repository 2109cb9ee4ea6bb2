"""Background subtraction: finds what moves before a fixed camera, and knows no classes."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from ioc_edge.backends import Detection, Image
from ioc_models.events import ModelRef

# A vehicle covers at least this share of the picture; less is leaves and noise.
MIN_AREA_SHARE: Final = 0.002
# A change of more than this is the sun or the camera, not a vehicle.
MAX_AREA_SHARE: Final = 0.5
# Enough for what is counted. At 480, motion takes 4 to 6 ms a frame instead of 2.
WORK_WIDTH: Final = 320
SHADOW: Final = 127
# Frames until the background is known; before that all the world seems to move.
LEARNING_FRAMES: Final = 15


class MotionDetector:
    """MOG2 on a shrunken picture. One for each camera: it learns that camera's view."""

    model: ModelRef | None = None

    def __init__(self) -> None:
        self._background = cv2.createBackgroundSubtractorMOG2(history=300, detectShadows=True)
        self._seen = 0

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        """Moving areas as label `vehicle`; confidence is the share of the box that moves."""
        return [self._one(frame) for frame in frames]

    def _one(self, frame: Image) -> list[Detection]:
        scale = WORK_WIDTH / frame.shape[1]
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        mask = self._background.apply(cv2.GaussianBlur(small, (5, 5), 0))
        self._seen += 1
        if self._seen <= LEARNING_FRAMES:
            return []
        _, moving = cv2.threshold(mask, SHADOW, 255, cv2.THRESH_BINARY)
        moving = cv2.morphologyEx(moving, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        moving = cv2.morphologyEx(moving, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
        _, _, blobs, _ = cv2.connectedComponentsWithStats(moving)
        return [
            Detection(
                (left / scale, top / scale, (left + width) / scale, (top + height) / scale),
                "vehicle",
                min(1.0, area / (width * height)),
            )
            for left, top, width, height, area in blobs[1:].tolist()
            if MIN_AREA_SHARE * moving.size < area < MAX_AREA_SHARE * moving.size
        ]
