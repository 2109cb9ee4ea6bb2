"""What sees, reads and tells apart, behind three protocols; the `open_...` functions pick one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ioc_models.events import ModelRef

Image: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.floating[Any]]
# Left, top, right, bottom in pixels.
Box: TypeAlias = tuple[float, float, float, float]

PLATE: Final = "plate"
# What carries a plate and is counted; `vehicle` is all that motion alone can say.
VEHICLES: Final = frozenset({"car", "motorbike", "bus", "truck", "van", "bicycle", "vehicle"})


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing in a picture."""

    box: Box
    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at one plate.

    `text` holds letters of the plate alphabet alone, `characters` the confidence of
    each; `raw` is what was read before any rule about plates; `margin` is the share
    of belief by which `text` leads `runner_up`; `ground` is the plate's colour, None
    where the reader does not look at it.
    """

    text: str
    raw: str
    confidence: float
    characters: tuple[float, ...]
    lines: Literal[1, 2]
    runner_up: str = ""
    margin: float = 1.0
    ground: str | None = None


class Detector(Protocol):
    """Finds vehicles and plates. Called from the inference thread alone."""

    @property
    def model(self) -> ModelRef | None:
        """The weights behind it; None when there are none."""
        ...

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        """Detections for each frame, (h, w, 3) uint8 BGR."""
        ...


class Reader(Protocol):
    """Reads plates. Called from the inference thread alone."""

    @property
    def model(self) -> ModelRef | None:
        """The weights behind it."""
        ...

    def read(self, crops: Sequence[Image]) -> list[Reading | None]:
        """A reading for each crop, (h, w, 3) uint8 BGR; None where nothing is legible."""
        ...


class Classifier(Protocol):
    """Says what a picture shows. Called from the inference thread alone."""

    @property
    def model(self) -> ModelRef | None:
        """The weights behind it."""
        ...

    def classify(self, pictures: Sequence[Image]) -> list[dict[str, float]]:
        """The share of each label for each picture, (h, w, 3) uint8 BGR."""
        ...


def open_detectors(
    choice: str | Path, cameras: int, threads: int, plates: Path | None = None
) -> list[Detector]:
    """A detector for each camera; weights are loaded once and shared.

    A trained detector is backed by motion: what large thing moves and is unknown to it
    is a `vehicle`.

    Args:
        choice: "motion", or the path of a model.yaml.
        cameras: How many are wanted; background subtraction learns each view apart.
        threads: Of the inference runtime.
        plates: The model.yaml of a detector of plates, whose word on them goes.

    Raises:
        ModelInvalid: The manifest or the weights cannot be used.
        BackendUnavailable: The manifest asks for an accelerator that is not here.
    """
    from ioc_edge.backends.both import WithMotion, WithPlates  # noqa: PLC0415 load what is used
    from ioc_edge.backends.motion import MotionDetector  # noqa: PLC0415 load what is used

    own = open_detector(plates, threads) if plates is not None else None
    if str(choice) == "motion":
        moving = [MotionDetector() for _ in range(cameras)]
        return [WithPlates(one, own) for one in moving] if own else [*moving]
    shared = open_detector(Path(choice), threads)
    shared = WithPlates(shared, own) if own else shared
    return [WithMotion(shared, MotionDetector()) for _ in range(cameras)]


def open_detector(
    path: Path, threads: int = 1, *, confidence: float | None = None, closer: bool = False
) -> Detector:
    """The detector of a model.yaml by itself, for pictures that have no before.

    Args:
        path: The model.yaml.
        threads: Of the inference runtime.
        confidence: From which a detection counts, instead of the manifest's own thresholds;
            a vehicle may then be found under several names, as curves of precision need it.
        closer: Vehicles that show no plate are looked at once more, enlarged. Up to twice the
            time for each picture; on film they come near by themselves.

    Raises:
        ModelInvalid: The manifest or the weights cannot be used.
        BackendUnavailable: The manifest asks for an accelerator that is not here.
    """
    from ioc_edge.backends.cascade import SecondLook  # noqa: PLC0415
    from ioc_edge.backends.network import NetworkDetector, open_network  # noqa: PLC0415
    from ioc_edge.backends.tidy import Tidy  # noqa: PLC0415

    plain = NetworkDetector(
        open_network(path, frozenset({"detector"}), threads), confidence=confidence
    )
    twice = closer and PLATE in plain.labels and plain.labels & VEHICLES
    return Tidy(SecondLook(plain) if twice else plain, one_name=confidence is None)


def open_classifier(path: Path, threads: int = 1) -> Classifier:
    """The classifier of a model.yaml: riders' heads, lights, whatever its labels say.

    Raises:
        ModelInvalid: The manifest or the weights cannot be used.
        BackendUnavailable: The manifest asks for an accelerator that is not here.
    """
    from ioc_edge.backends.network import NetworkClassifier, open_network  # noqa: PLC0415

    return NetworkClassifier(open_network(path, frozenset({"classifier", "lights"}), threads))


def open_reader(choice: str | Path, threads: int = 1, *, second_opinion: bool = False) -> Reader:
    """The plate reader of that name.

    Args:
        choice: "ppocr", or the path of a model.yaml.
        threads: Of the inference runtime.
        second_opinion: Ask PP-OCR too where a reader of a model.yaml is not sure.

    Raises:
        ModelInvalid: No such reader, or its weights cannot be used.
        BackendUnavailable: The manifest asks for an accelerator that is not here.
    """
    from ioc_edge.backends.ppocr import PpOcrReader  # noqa: PLC0415 load what is used

    if str(choice) == "ppocr":
        return PpOcrReader(threads=threads)
    from ioc_edge.backends.network import NetworkReader, open_network  # noqa: PLC0415

    reader = NetworkReader(open_network(Path(choice), frozenset({"reader"}), threads))
    if not second_opinion:
        return reader
    from ioc_edge.backends.second import WithSecondOpinion  # noqa: PLC0415

    return WithSecondOpinion(reader, PpOcrReader(threads=threads))


def area(box: Box) -> float:
    """Of a box, in square pixels; 0 for one turned inside out."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def common_area(one: Box, other: Box) -> float:
    """Of what two boxes share, in square pixels."""
    return area(
        (
            max(one[0], other[0]),
            max(one[1], other[1]),
            min(one[2], other[2]),
            min(one[3], other[3]),
        )
    )
