"""Whether two ways of running a model say the same of the same pictures."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ioc_edge.backends import Detection, Image, Reading, area, common_area
from ioc_edge.backends.manifest import Manifest
from ioc_edge.backends.network import Network, NetworkClassifier, NetworkDetector, NetworkReader
from ioc_edge.backends.runner import Arrays, Runner, TensorSpec

# What a model says of one picture, by its task.
Said: TypeAlias = list[Detection] | Reading | dict[str, float] | None

# Root mean square difference over the spread of the reference. TensorRT multiplies float32
# in TF32 (10 bits of mantissa) on every GPU that has it; half precision has as many bits in
# all places; eight bits flip by whole steps.
DRIFT: Final[Mapping[str, float]] = {"fp32": 0.01, "fp16": 0.02, "int8": 0.10}
# Answers this near their threshold may fall on either side of it.
NEAR: Final = 0.05
SAME_BOX: Final = 0.8
SAME_CONFIDENCE: Final = 0.1


@dataclass
class Watched:
    """A runner that keeps what went in and came out, and how long each run took."""

    runner: Runner
    fed: list[dict[str, NDArray[Any]]] = field(default_factory=list)
    given: list[dict[str, NDArray[Any]]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """As the runner's."""
        return self.runner.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """As the runner's."""
        return self.runner.outputs

    @property
    def metadata(self) -> Mapping[str, str]:
        """As the runner's."""
        return self.runner.metadata

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """As the runner's, kept."""
        # The feeder's memory is the next picture's too.
        self.fed.append({name: array.copy() for name, array in inputs.items()})
        started = time.perf_counter()
        found = self.runner.run(inputs)
        self.seconds.append(time.perf_counter() - started)
        self.given.append(found)
        return found


@dataclass(frozen=True, slots=True)
class Trial:
    """What a model said of some pictures, one at a time as a camera brings them."""

    said: tuple[Said, ...]
    fed: tuple[dict[str, NDArray[Any]], ...]
    given: tuple[dict[str, NDArray[Any]], ...]
    run_ms: float
    whole_ms: float


def tried(manifest: Manifest, runner: Runner, pictures: Sequence[Image]) -> Trial:
    """Run a model over pictures, (h, w, 3) uint8 BGR; times are medians a picture."""
    watched = Watched(runner)
    says = _consumer(Network(manifest, watched))
    for kept in (watched.fed, watched.given, watched.seconds):
        kept.clear()
    said, seconds = [], []
    for picture in pictures:
        started = time.perf_counter()
        said.append(says(picture))
        seconds.append(time.perf_counter() - started)
    return Trial(
        tuple(said),
        tuple(watched.fed),
        tuple(watched.given),
        float(np.median(watched.seconds)) * 1e3,
        float(np.median(seconds)) * 1e3,
    )


def drift(ours: Sequence[Arrays], theirs: Sequence[Arrays]) -> float:
    """The worst output's root mean square difference, as a share of the reference's spread.

    Args:
        ours: Outputs by name, a mapping for each run.
        theirs: The reference's, for the same inputs.
    """
    worst = 0.0
    for name in theirs[0]:
        mine = np.concatenate([one[name].astype(np.float64).ravel() for one in ours])
        reference = np.concatenate([one[name].astype(np.float64).ravel() for one in theirs])
        if not np.isfinite(mine).all():
            return float("inf")
        spread = max(float(reference.std()), 1e-9)
        worst = max(worst, float(np.sqrt(np.mean((mine - reference) ** 2))) / spread)
    return worst


def agreeing(manifest: Manifest, ours: Sequence[Said], theirs: Sequence[Said]) -> tuple[int, int]:
    """How many of the things that either is sure of the other says too, and how many there are.

    A thing is a box of a detector, otherwise a picture; what lies at a threshold is none.
    """
    judged = [
        verdict
        for one, other in zip(ours, theirs, strict=True)
        for verdict in (*_confirmed(manifest, one, other), *_confirmed(manifest, other, one))
    ]
    return sum(judged), len(judged)


def _consumer(network: Network) -> Any:  # noqa: ANN401 one picture in, Said out
    """What turns one picture into what the model says of it."""
    if network.manifest.task == "detector":
        detector = NetworkDetector(network)
        return lambda picture: detector.detect([picture])[0]
    if network.manifest.task == "reader":
        reader = NetworkReader(network)
        return lambda picture: reader.read([picture])[0]
    classifier = NetworkClassifier(network)
    return lambda picture: classifier.classify([picture])[0]


def _confirmed(manifest: Manifest, ours: Said, theirs: Said) -> list[bool]:
    """For each thing that they are sure of, whether we say it too."""
    if isinstance(theirs, list):
        found = ours if isinstance(ours, list) else []
        sure = [one for one in theirs if one.confidence >= manifest.least(one.label) + NEAR]
        return [any(_same_thing(one, other) for other in found) for one in sure]
    if isinstance(theirs, dict):
        best = max(theirs, key=lambda label: theirs[label])
        mine = ours.get(best, 0.0) if isinstance(ours, dict) else 0.0
        return [abs(mine - theirs[best]) < SAME_CONFIDENCE]
    if theirs is None or theirs.margin < 2 * NEAR:
        return []
    if ours is None or not isinstance(ours, Reading):
        return [False]
    return [ours.text == theirs.text or ours.margin < 2 * NEAR]


def _same_thing(one: Detection, other: Detection) -> bool:
    common = common_area(one.box, other.box)
    return (
        one.label == other.label
        and common >= SAME_BOX * (area(one.box) + area(other.box) - common)
        and abs(one.confidence - other.confidence) <= SAME_CONFIDENCE
    )
