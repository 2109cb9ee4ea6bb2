"""What a signal shows, look by look; since when, the rules make out (`ioc_models.violations`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast

import numpy as np

from ioc_edge.backends import Box, Classifier, Image, open_classifier

LightState: TypeAlias = Literal["red", "amber", "green", "dark", "unknown"]

# The word of the models' manifests for "no lamp is lit" and ours.
_OFF: Final = "off"
# A head this much wider than high lies on its side.
_LYING: Final = 1.3
# Three lamps need a few pixels each; below this nothing is to be seen.
LEAST_TALL_PX: Final = 8
LEAST_WIDE_PX: Final = 3


@dataclass(frozen=True, slots=True)
class LightLook:
    """What one region of one frame shows; `confidence` is the share of belief, 0 to 1."""

    state: LightState
    confidence: float


class LightReader:
    """Says of each configured region which lamp is lit. One thread at a time."""

    def __init__(self, classifier: Classifier) -> None:
        self.model = classifier.model
        self._classifier = classifier

    @classmethod
    def open(cls, manifest: Path, threads: int = 1) -> "LightReader":
        """The reader of a model.yaml.

        Raises:
            ModelInvalid: The manifest or the weights cannot be used.
        """
        return cls(open_classifier(manifest, threads))

    def states(self, frame: Image, regions: Sequence[Box]) -> list[LightLook]:
        """A look at each region, left, top, right, bottom in pixels of a BGR frame.

        A region outside the frame or too small to hold lamps is `unknown`.
        """
        looks = [LightLook("unknown", 0.0)] * len(regions)
        crops = [head_crop(frame, region) for region in regions]
        seen = [index for index, crop in enumerate(crops) if crop is not None]
        shares = self._classifier.classify([crop for crop in crops if crop is not None])
        for index, share in zip(seen, shares, strict=True):
            word = max(share, key=lambda name: share[name])
            state = "dark" if word == _OFF else word
            looks[index] = LightLook(cast("LightState", state), min(1.0, share[word]))
        return looks


def head_crop(frame: Image, region: Box) -> Image | None:
    """A signal head cut out and stood up, red on top; None where there is too little of it.

    A lying head has its red lamp on the left where traffic keeps to the right.
    """
    left, top = max(0, round(region[0])), max(0, round(region[1]))
    crop = frame[top : max(top, round(region[3])), left : max(left, round(region[2]))]
    height, width = crop.shape[:2]
    if width > _LYING * height:
        crop = np.ascontiguousarray(np.rot90(crop, -1))
        height, width = width, height
    return None if height < LEAST_TALL_PX or width < LEAST_WIDE_PX else crop
