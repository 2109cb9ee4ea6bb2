"""How far a camera's picture has moved since the scene file was drawn on it."""

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from ioc_edge.backends import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH: Final = 320
# Each part of the picture is asked apart: a lorry moves some of them, the camera all.
COLUMNS: Final = 3
ROWS: Final = 2
LEAST_RESPONSE: Final = 0.3
# Grey levels; a part flatter than this, sky, fog or a dead sensor, has nothing to hold on to.
LEAST_SPREAD: Final = 6.0
# Parts that must agree, and how closely, in small pixels.
LEAST_PARTS: Final = 4
AGREE_PX: Final = 0.6
# Less than this is what the correlation cannot tell.
STILL_PX: Final = 0.3
# The street is learnt anew as the light changes, but only while the picture is where it was.
RENEW_FRAMES: Final = 300


class Steadiness:
    """Phase correlation of each frame's parts with the street as it was (Kuglin, Hines 1975)."""

    def __init__(self) -> None:
        self._reference: NDArray[np.float32] | None = None
        self._age = 0

    def shift(self, image: Image) -> tuple[float, float]:
        """Right and down, in pixels of the frame, (h, w, 3) uint8 BGR; 0 where it cannot tell."""
        height, width = image.shape[:2]
        size = (WIDTH, max(32, round(WIDTH * height / width)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        now = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
        if self._reference is None or self._reference.shape != now.shape:
            self._reference, self._age = now, 0
            return 0.0, 0.0
        moves = _moves(self._reference, now)
        if len(moves) < LEAST_PARTS:
            return 0.0, 0.0
        middle = np.median(moves, axis=0)
        if (np.abs(moves - middle).max(axis=1) <= AGREE_PX).sum() < LEAST_PARTS:
            return 0.0, 0.0
        self._age += 1
        still = float(np.abs(middle).max()) < STILL_PX
        if still and self._age >= RENEW_FRAMES:
            self._reference, self._age = now, 0
        scale = 0.0 if still else width / size[0]
        return float(middle[0]) * scale, float(middle[1]) * scale


def _moves(before: "NDArray[np.float32]", now: "NDArray[np.float32]") -> "NDArray[np.float64]":
    """(n, 2): right and down of each part that can tell."""
    high, wide = before.shape[0] // ROWS, before.shape[1] // COLUMNS
    window = np.asarray(cv2.createHanningWindow((wide, high), cv2.CV_32F), np.float32)
    found: list[tuple[float, float]] = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            part = np.s_[row * high : (row + 1) * high, column * wide : (column + 1) * wide]
            old, new = np.ascontiguousarray(before[part]), np.ascontiguousarray(now[part])
            if min(old.std(), new.std()) < LEAST_SPREAD:
                continue
            move, response = cv2.phaseCorrelate(old, new, window)
            if response >= LEAST_RESPONSE:
                found.append((float(move[0]), float(move[1])))
    return np.array(found).reshape(-1, 2)
