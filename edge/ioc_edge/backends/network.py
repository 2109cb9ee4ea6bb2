"""Detectors, readers and classifiers that any model.yaml describes, on any runner."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from ioc_edge.backends import Detection, Image, Reading
from ioc_edge.backends.decoders import Answer, disagrees
from ioc_edge.backends.decoders.boxes import Boxes
from ioc_edge.backends.decoders.classes import Softmax
from ioc_edge.backends.decoders.letters import LETTER_DECODERS, Belief
from ioc_edge.backends.manifest import Manifest, Task
from ioc_edge.backends.picture import Feeder, Placement, split_rows
from ioc_edge.backends.runner import Runner, TensorSpec, open_runner
from ioc_edge.beliefs import read_rows, read_slots
from ioc_edge.errors import ModelInvalid

# More pictures at once hardly go faster on a core, and a late plate waits for all.
MOST_AT_ONCE: Final = 8
KINDS: Final = frozenset({"float32", "float16", "uint8"})


class Network:
    """A graph that agrees with its manifest. One thread at a time.

    Raises:
        ModelInvalid: The graph's input is not what the manifest says, or it does not run.
    """

    def __init__(self, manifest: Manifest, runner: Runner) -> None:
        self.manifest = manifest
        self.model = manifest.model
        self._runner = runner
        self._input = _checked_input(manifest, runner)
        # None where the graph takes any number of pictures.
        self._batch = self._input.shape[0]
        self._feeder = Feeder(manifest.input, self._input.dtype)
        self.first = self._try()

    def answers(self, pictures: Sequence[Image]) -> Iterator[tuple[Answer, int, Placement]]:
        """For each picture, BGR uint8: the answer it is in, its place there and in the tensor."""
        most = self._batch or MOST_AT_ONCE
        for start in range(0, len(pictures), most):
            some = pictures[start : start + most]
            tensor, placements = self._feeder.feed(some, self._batch or len(some))
            answer = self._runner.run({self._input.name: tensor})
            for index, lies in enumerate(placements):
                yield answer, index, lies

    def _try(self) -> Answer:
        """One real answer: shapes that the file leaves open are known only then."""
        wanted = self.manifest.input
        column = np.linspace(0, 255, wanted.width).astype(np.uint8)
        ramp = np.broadcast_to(column[None, :, None], (wanted.height, wanted.width, 3))
        try:
            return next(self.answers([np.ascontiguousarray(ramp)]))[0]
        except ModelInvalid:
            raise
        except Exception as error:  # runtimes raise their own unexported classes
            raise ModelInvalid(self.manifest.weights, f"the graph does not run: {error}") from error


class NetworkDetector:
    """Finds what its manifest's labels say."""

    def __init__(self, network: Network, *, confidence: float | None = None) -> None:
        self.model = network.model
        self.labels = frozenset(label for label in network.manifest.ours if label is not None)
        self._network = network
        self._boxes = Boxes(network.manifest, network.first, confidence=confidence)

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        """Detections for each frame, boxes in the frame's own pixels."""
        return [self._boxes.decode(*one) for one in self._network.answers(frames)]


class NetworkReader:
    """Reads plates by fixed slots or by CTC, rows apart where the manifest says so."""

    def __init__(self, network: Network) -> None:
        self.model = network.model
        self._network = network
        manifest = network.manifest
        self._decoder = LETTER_DECODERS[manifest.decoder](manifest, network.first)
        self.slots = self._decoder.slots
        # From here a reading may stand alone; None where the manifest does not say.
        said = "confidence" in manifest.thresholds.model_fields_set
        self.sure = manifest.thresholds.confidence if said else None
        self._split = manifest.decoder == "ctc" and manifest.rows == "split"

    def read(self, crops: Sequence[Image]) -> list[Reading | None]:
        """A reading for each crop; None where no letter of a plate is seen."""
        beliefs = self.beliefs(crops)
        return [self.reading(crop, own) for crop, own in zip(crops, beliefs, strict=True)]

    def beliefs(self, crops: Sequence[Image]) -> list[list[Belief]]:
        """What the network itself believes of each plate: one belief, or one for each row."""
        rows = [split_rows(crop) if self._split else [crop] for crop in crops]
        flat = (
            self._decoder.belief(answer, index)
            for answer, index, _ in self._network.answers([row for some in rows for row in some])
        )
        return [[next(flat) for _ in some] for some in rows]

    def reading(self, crop: Image, beliefs: Sequence[Belief]) -> Reading | None:
        """The plate behind the belief of one crop."""
        first = beliefs[0]
        lines = first.lines or (2 if len(split_rows(crop)) == 2 else 1)  # noqa: PLR2004 rows
        raw = "".join(belief.raw for belief in beliefs)[:40]
        if self.slots:
            reading = read_slots(first.letters, lines, ground=first.ground)
        else:
            reading = read_rows([belief.letters for belief in beliefs], raw, lines)
        # `raw` in the network's own letters, which may be more than a plate has.
        return reading and replace(reading, raw=raw, ground=first.ground)


class NetworkClassifier:
    """Says what a picture shows, among its manifest's labels."""

    def __init__(self, network: Network) -> None:
        self.model = network.model
        self._network = network
        self._softmax = Softmax(network.manifest, network.first)

    def classify(self, pictures: Sequence[Image]) -> list[dict[str, float]]:
        """The share of each label for each picture, (h, w, 3) uint8 BGR."""
        return [
            self._softmax.decode(answer, index)
            for answer, index, _ in self._network.answers(pictures)
        ]


def open_network(path: Path, tasks: frozenset[Task], threads: int) -> Network:
    """The network of a model.yaml, ready to run.

    Raises:
        ModelInvalid: The manifest, the weights or both together cannot be used.
        BackendUnavailable: The manifest asks for an accelerator that is not here.
    """
    manifest = Manifest.load(path)
    if manifest.task not in tasks:
        wanted = " or ".join(sorted(tasks))
        raise ModelInvalid(path, f"task: a {wanted} is needed here, this is a {manifest.task}")
    runner = open_runner(
        manifest.weights,
        sha256=manifest.sha256,
        backend=manifest.backend,
        threads=threads,
        most=MOST_AT_ONCE,
    )
    return Network(manifest, runner)


def _checked_input(manifest: Manifest, runner: Runner) -> TensorSpec:
    """The graph's one input, if it is as the manifest says."""
    if len(runner.inputs) != 1:
        names = [spec.name for spec in runner.inputs]
        raise disagrees(
            manifest, f"it wants {len(names)} inputs {names}, a picture is one; export it plain"
        )
    (spec,) = runner.inputs
    wanted = manifest.input
    if not spec.takes((spec.shape[0] or 1, *wanted.shape)):
        raise disagrees(
            manifest,
            f"its input is {spec}; 'input' makes ({spec.shape[0] or 'any'}, "
            f"{', '.join(str(length) for length in wanted.shape)}); mend width, height, layout "
            "or color",
        )
    if spec.dtype.name not in KINDS:
        raise disagrees(manifest, f"its input is {spec}; pictures are fed as {sorted(KINDS)}")
    plain = wanted.scale == 1 and not any(wanted.mean) and set(wanted.std) == {1.0}
    if spec.dtype == np.uint8 and not plain:
        raise disagrees(
            manifest, "it takes bytes (uint8) and scales them itself; write 'scale: 1', no mean"
        )
    return spec
