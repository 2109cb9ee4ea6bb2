"""What a detector finds, without what cannot be true: two names for a vehicle, halves of plates."""

from collections.abc import Sequence
from typing import Final

from ioc_edge.backends import PLATE, VEHICLES, Box, Detection, Detector, Image, area, common_area

# Two boxes of vehicles that share this much of their union are one vehicle with two names.
SAME_VEHICLE: Final = 0.7
# A plate with this share of itself in a surer one is a part of it.
PART_OF_PLATE: Final = 0.8
# A plate this near the picture's edge goes on outside it; what is left would be read wrong.
EDGE_PX: Final = 1.0


class Tidy:
    """Wraps a detector; its classes are suppressed one by one, which leaves these.

    With `one_name` off, a vehicle may have several names: what a curve over all
    confidences is drawn from.
    """

    def __init__(self, detector: Detector, *, one_name: bool = True) -> None:
        self.model = detector.model
        self._detector = detector
        self._one_name = one_name

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        """Detections for each frame, the surest first."""
        found = self._detector.detect(frames)
        return [
            tidied(some, frame.shape[1], frame.shape[0], one_name=self._one_name)
            for some, frame in zip(found, frames, strict=True)
        ]


def tidied(
    found: Sequence[Detection], width: int, height: int, *, one_name: bool = True
) -> list[Detection]:
    """One box for each vehicle and each whole plate in a picture of that size."""
    kept: list[Detection] = []
    for one in sorted(found, key=lambda thing: -thing.confidence):
        if one.label == PLATE:
            fits = not _is_cut(one.box, width, height) and not _is_part(one, kept)
        else:
            fits = not one_name or one.label not in VEHICLES or not _is_named(one, kept)
        if fits:
            kept.append(one)
    return kept


def _is_cut(box: Box, width: int, height: int) -> bool:
    left, top, right, bottom = box
    near = min(left, top, width - right, height - bottom)
    return near <= EDGE_PX


def _is_part(plate: Detection, surer: Sequence[Detection]) -> bool:
    return any(
        common_area(plate.box, other.box) >= PART_OF_PLATE * area(plate.box)
        for other in surer
        if other.label == PLATE
    )


def _is_named(vehicle: Detection, surer: Sequence[Detection]) -> bool:
    for other in surer:
        if other.label in VEHICLES and other.label != vehicle.label:
            shared = common_area(vehicle.box, other.box)
            if shared >= SAME_VEHICLE * (area(vehicle.box) + area(other.box) - shared):
                return True
    return False
