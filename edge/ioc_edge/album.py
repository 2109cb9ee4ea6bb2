"""Pictures of what a camera saw lately, small, for proofs of what is certain only seconds later."""

from collections import deque
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from ioc_edge.backends import Box, Detection, Image

ALBUM_GAP_S: Final = 0.25
ALBUM_S: Final = 16.0
# A vehicle that stands for minutes needs a picture of how it came.
OLD_GAP_S: Final = 15.0
OLD_S: Final = 1800.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A page of the album: the frame, small, and what was seen in it."""

    at: float
    content: bytes
    boxes: Mapping[int, Box]
    plates: Mapping[int, Box]
    heads: Mapping[int, tuple[Box, ...]]
    seen: tuple[Detection, ...]

    def image(self) -> Image:
        """The frame again."""
        decoded = cv2.imdecode(np.frombuffer(self.content, np.uint8), cv2.IMREAD_COLOR)
        return np.asarray(decoded, np.uint8)


class Album:
    """Pictures of the last seconds, and few of the last half hour where one may be needed."""

    def __init__(self, *, long: bool) -> None:
        self._long = long
        self._recent: deque[Picture] = deque()
        self._old: deque[Picture] = deque()

    def wants(self, at: float) -> bool:
        """Whether a picture of now belongs in it."""
        return not self._recent or at - self._recent[-1].at >= ALBUM_GAP_S

    def add(self, picture: Picture) -> None:
        """Take a picture; times rise."""
        self._recent.append(picture)
        while self._recent[0].at < picture.at - ALBUM_S:
            gone = self._recent.popleft()
            if self._long and (not self._old or gone.at - self._old[-1].at >= OLD_GAP_S):
                self._old.append(gone)
        while self._old and self._old[0].at < picture.at - OLD_S:
            self._old.popleft()

    def nearest(
        self, since: float, until: float, at: float, tracks: Container[int]
    ) -> Picture | None:
        """The picture nearest to a moment among those of a span.

        One that shows one of the tracks is preferred; None when there is none at all.
        """
        found = [one for one in (*self._old, *self._recent) if since <= one.at <= until]
        showing = [one for one in found if any(track in tracks for track in one.boxes)]
        return min(showing or found, key=lambda one: abs(one.at - at), default=None)
