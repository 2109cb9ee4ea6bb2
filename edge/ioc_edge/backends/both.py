"""Two detectors that make up for each other: a network and motion, vehicles and plates."""

from collections.abc import Sequence
from typing import Final

from ioc_edge.backends import PLATE, VEHICLES, Detection, Detector, Image, area, common_area

# Enough to begin a track, too little to outvote the network about what it is.
CONFIDENCE: Final = 0.45
# A blob that a known thing covers this much is that thing, its shadow included.
KNOWN: Final = 0.15
# Smaller than this share of the picture is people and leaves; the network finds those.
LEAST_SHARE: Final = 0.015


class WithMotion:
    """One for each camera: the network may be shared, the background is the camera's own."""

    def __init__(self, network: Detector, motion: Detector) -> None:
        self.model = network.model
        self._network = network
        self._motion = motion

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        """What the network finds, and as `vehicle` what large thing moves unknown to it."""
        known = self._network.detect(frames)
        moving = self._motion.detect(frames)
        return [
            found + [_unknown(blob) for blob in blobs if _is_unknown(blob, found, frame)]
            for found, blobs, frame in zip(known, moving, frames, strict=True)
        ]


class WithPlates:
    """One network's vehicles and people, another's plates."""

    def __init__(self, network: Detector, plates: Detector) -> None:
        self.model = network.model
        self._network = network
        self._plates = plates

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        """Everything but plates from the first, plates from the second."""
        both = zip(self._network.detect(frames), self._plates.detect(frames), strict=True)
        return [
            [one for one in seen if one.label != PLATE]
            + [one for one in plates if one.label == PLATE]
            for seen, plates in both
        ]


def _unknown(blob: Detection) -> Detection:
    return Detection(blob.box, "vehicle", min(blob.confidence, CONFIDENCE))


def _is_unknown(blob: Detection, found: Sequence[Detection], frame: Image) -> bool:
    large = area(blob.box) >= LEAST_SHARE * frame.shape[0] * frame.shape[1]
    return large and all(
        common_area(blob.box, thing.box) < KNOWN * min(area(blob.box), area(thing.box))
        for thing in found
        if thing.label in VEHICLES or thing.label == "person"
    )
