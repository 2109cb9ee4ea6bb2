"""A second, closer look for the plates of vehicles that show none at the first.

A plate of 24x7 pixels in a wide picture is about one cell of the network. The vehicles without a
plate are cut out, enlarged and laid beside each other on one board, which is looked at once more:
at most one more run of the same network for each frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from ioc_edge.backends import PLATE, VEHICLES, Box, Detection, Detector, Image, area, common_area

BOARD: Final = (640, 384)
GREY: Final = 114
# The surest, largest vehicles; more would come out too small to gain anything.
MOST_VEHICLES: Final = 4
LEAST_CONFIDENCE: Final = 0.3
# A plate at least this sure, and lying so far within a vehicle, is that vehicle's.
SURE_PLATE: Final = 0.5
WITHIN: Final = 0.8
MARGIN: Final = 0.05
MOST_ENLARGED: Final = 6.0
SAME_PLATE: Final = 0.5
# What goes on outside its tile is half a plate.
EDGE_PX: Final = 1.0


@dataclass(frozen=True, slots=True)
class Tile:
    """Where a cut of the frame lies on the board."""

    lies: Box
    left: int
    top: int
    scale: float

    def back(self, found: Detection) -> Detection | None:
        """A detection on the board in the frame's pixels; None if it is not whole in this tile."""
        (x0, y0, x1, y1), (left, top, right, bottom) = self.lies, found.box
        if min(left - x0, top - y0, x1 - right, y1 - bottom) < EDGE_PX:
            return None
        box = (
            (left - x0) / self.scale + self.left,
            (top - y0) / self.scale + self.top,
            (right - x0) / self.scale + self.left,
            (bottom - y0) / self.scale + self.top,
        )
        return Detection(box, found.label, found.confidence)


class SecondLook:
    """Wraps a detector that knows vehicles and plates."""

    def __init__(self, detector: Detector) -> None:
        self.model = detector.model
        self._detector = detector

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        """Detections for each frame, with the plates of the second look among them."""
        found = self._detector.detect(frames)
        boards = [
            (index, *laid_out(frame, some))
            for index, frame in enumerate(frames)
            if (some := plateless(found[index]))
        ]
        closer = self._detector.detect([board for _, board, _ in boards]) if boards else []
        for (index, _, tiles), seen in zip(boards, closer, strict=True):
            again = [back for one in seen for back in _all_back(one, tiles)]
            found[index] = with_plates(found[index], again)
        return found


def plateless(found: Sequence[Detection]) -> list[Detection]:
    """The largest vehicles within which no sure plate was found."""
    plates = [one for one in found if one.label == PLATE and one.confidence >= SURE_PLATE]
    vehicles = [
        one
        for one in found
        if one.label in VEHICLES
        and one.confidence >= LEAST_CONFIDENCE
        and all(common_area(one.box, plate.box) < WITHIN * area(plate.box) for plate in plates)
    ]
    return sorted(vehicles, key=lambda one: -area(one.box))[:MOST_VEHICLES]


def laid_out(frame: Image, vehicles: Sequence[Detection]) -> tuple[Image, list[Tile]]:
    """One to four vehicles on a board (h, w, 3), and where each lies."""
    side = 1 if len(vehicles) == 1 else 2
    width, height = BOARD[0] // side, BOARD[1] // side
    board = np.full((BOARD[1], BOARD[0], 3), GREY, np.uint8)
    tiles = []
    for place, vehicle in enumerate(vehicles):
        left, top, right, bottom = _around(vehicle.box, frame.shape[1], frame.shape[0])
        scale = min(width / (right - left), height / (bottom - top), MOST_ENLARGED)
        size = (max(1, int((right - left) * scale)), max(1, int((bottom - top) * scale)))
        x, y = place % side * width, place // side * height
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        cut = frame[top:bottom, left:right]
        board[y : y + size[1], x : x + size[0]] = cv2.resize(cut, size, interpolation=way)
        tiles.append(Tile((x, y, x + size[0], y + size[1]), left, top, scale))
    return board, tiles


def with_plates(found: Sequence[Detection], again: Sequence[Detection]) -> list[Detection]:
    """Both looks together; of two boxes on one plate the surer stays."""
    plates: list[Detection] = []
    for one in sorted([*found, *again], key=lambda thing: -thing.confidence):
        if one.label == PLATE and all(_iou(one.box, other.box) <= SAME_PLATE for other in plates):
            plates.append(one)
    return [one for one in found if one.label != PLATE] + plates


def _all_back(found: Detection, tiles: Sequence[Tile]) -> list[Detection]:
    if found.label != PLATE:
        return []
    return [back for tile in tiles if (back := tile.back(found)) is not None]


def _around(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """A box with some margin, in whole pixels of the picture, never empty."""
    left, top, right, bottom = box
    across, down = MARGIN * (right - left), MARGIN * (bottom - top)
    x, y = min(max(0, int(left - across)), width - 1), min(max(0, int(top - down)), height - 1)
    return (
        x,
        y,
        max(x + 1, min(width, int(right + across))),
        max(y + 1, min(height, int(bottom + down))),
    )


def _iou(one: Box, other: Box) -> float:
    shared = common_area(one, other)
    return shared / max(area(one) + area(other) - shared, 1e-9)
