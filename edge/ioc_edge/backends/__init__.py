"""What sees and what reads, behind two protocols; `open_detectors` and `open_reader` pick one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ioc_models.events import ModelRef

Image: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.floating[Any]]

PLATE: Final = "plate"
# What carries a plate and is counted; `vehicle` is all that motion alone can say.
VEHICLES: Final = frozenset({"car", "motorbike", "bus", "truck", "van", "bicycle", "vehicle"})


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing in a picture: `box` is left, top, right, bottom in pixels."""

    box: tuple[float, float, float, float]
    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at one plate.

    `text` holds letters of the plate alphabet alone, `characters` the confidence of
    each; `raw` is what was read before any rule about plates; `margin` is the share
    of belief by which `text` leads `runner_up`.
    """

    text: str
    raw: str
    confidence: float
    characters: tuple[float, ...]
    lines: Literal[1, 2]
    runner_up: str = ""
    margin: float = 1.0


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


def open_detectors(choice: str | Path, cameras: int, threads: int) -> list[Detector]:
    """A detector for each camera; weights are loaded once and shared.

    Args:
        choice: "motion", or the path of a model.yaml.
        cameras: How many are wanted; background subtraction learns each view apart.
        threads: Of the inference runtime.

    Raises:
        ModelInvalid: The manifest or the weights cannot be used.
        BackendUnavailable: The manifest asks for an accelerator that is not here.
    """
    if str(choice) == "motion":
        from ioc_edge.backends.motion import MotionDetector  # noqa: PLC0415 load what is used

        return [MotionDetector() for _ in range(cameras)]
    from ioc_edge.backends.onnx import Manifest, OnnxDetector  # noqa: PLC0415 load what is used

    manifest = Manifest.load(Path(choice))
    if manifest.backend == "tensorrt":
        from ioc_edge.backends.tensorrt import TensorRtDetector  # noqa: PLC0415 a Jetson's alone

        shared: Detector = TensorRtDetector(manifest)
    else:
        shared = OnnxDetector(manifest, threads=threads)
    return [shared] * cameras


def open_reader(choice: str, threads: int) -> Reader:
    """The plate reader of that name; "ppocr" is the one there is.

    Raises:
        ModelInvalid: No such reader, or its weights are missing.
    """
    from ioc_edge.backends.ppocr import PpOcrReader  # noqa: PLC0415 load what is used
    from ioc_edge.errors import ModelInvalid  # noqa: PLC0415

    if choice != "ppocr":
        raise ModelInvalid(choice, "the only reader is 'ppocr'")
    return PpOcrReader(threads=threads)
