"""Plate reading with the PP-OCR recogniser of the rapidocr wheel, and what a plate can say.

The network knows 18,708 characters; a plate has 31. Belief in look-alikes (lower case,
O for 0) is folded onto the plate's alphabet; `ioc_edge.beliefs` makes the text of it.
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ioc_edge.backends import Floats, Image, Reading
from ioc_edge.backends.decoders.letters import Belief, Columns
from ioc_edge.backends.picture import split_rows
from ioc_edge.backends.runner import OrtRunner
from ioc_edge.beliefs import letter_column, read_rows
from ioc_edge.errors import ModelInvalid
from ioc_models.events import ModelRef

HEIGHT: Final = 48
MAX_WIDTH: Final = 480
# Share of belief that a letter lends to one it is taken for (seen on real crops; the
# network has hardly met a Đ).
LOOK_ALIKES: Final = (
    *(("D", "Đ", 0.3), ("0", "Đ", 0.02), ("0", "D", 0.02), ("8", "B", 0.02), ("9", "B", 0.01)),
    *(("5", "S", 0.02), ("2", "Z", 0.02), ("6", "G", 0.02), ("1", "T", 0.02), ("T", "1", 0.05)),
    *(("0", "U", 0.02), ("7", "T", 0.01), ("D", "0", 0.02), ("B", "8", 0.02), ("L", "1", 0.01)),
)


class PpOcrReader:
    """Reads one- and two-line plates on the CPU, about 30 ms each.

    Raises:
        ModelInvalid: The rapidocr wheel is not installed or has another layout.
    """

    def __init__(self, *, threads: int = 1) -> None:
        self._weights = _weights()
        self._runner = OrtRunner(self._weights, threads=threads)
        self._input = self._runner.inputs[0].name
        known = self._runner.metadata["character"].splitlines()
        # Index 0 is CTC's blank; the exporter appends the space at the end.
        self._columns = Columns(["", *known, " "])

    @cached_property
    def model(self) -> ModelRef | None:
        """Name and hash of the weights."""
        digest = hashlib.sha256(self._weights.read_bytes()).hexdigest()
        return ModelRef(name=self._weights.stem, sha256=digest)

    def read(self, crops: Sequence[Image]) -> list[Reading | None]:
        """A reading for each crop; None where no letter of a plate is seen."""
        return [self.reading(self.beliefs(crop)) for crop in crops]

    def beliefs(self, crop: Image, lines: Literal[1, 2] | None = None) -> list[Belief]:
        """What the network believes of each row, from the top."""
        rows = split_rows(crop, lines)
        (answer,) = self._runner.run({self._input: _batch(rows)}).values()
        return [Belief(self._folded(belief), self._columns.greedy(belief)) for belief in answer]

    def reading(self, beliefs: Sequence[Belief]) -> Reading | None:
        """The plate behind its rows' belief."""
        raw = "".join(belief.raw for belief in beliefs)[:40]
        lines: Literal[1, 2] = 2 if len(beliefs) == 2 else 1  # noqa: PLR2004 rows of a plate
        return read_rows([belief.letters for belief in beliefs], raw, lines)

    def _folded(self, belief: Floats) -> Floats:
        """(T, 1 + alphabet): blank with separators first, then each letter's share."""
        folded = self._columns.fold(belief)
        before = folded.copy()
        for seen, meant, share in LOOK_ALIKES:
            folded[:, letter_column(meant)] += share * before[:, letter_column(seen)]
        return folded


def _batch(rows: Sequence[Image]) -> NDArray[np.float32]:
    """Rows scaled to 48 pixels of height, -1..1, padded to the widest."""
    sized: list[Image] = []
    for row in rows:
        width = round(row.shape[1] * HEIGHT / max(1, row.shape[0]))
        size = (min(MAX_WIDTH, max(HEIGHT, width)), HEIGHT)
        sized.append(np.asarray(cv2.resize(row, size), np.uint8))
    batch = np.zeros((len(sized), 3, HEIGHT, max(row.shape[1] for row in sized)), np.float32)
    for target, row in zip(batch, sized, strict=True):
        target[:, :, : row.shape[1]] = row.transpose(2, 0, 1) / 127.5 - 1.0
    return batch


def _weights() -> Path:
    """The recogniser's file, found without importing the wheel and its heavy friends."""
    spec = find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise ModelInvalid("rapidocr", "the wheel is not installed")
    found = sorted((Path(spec.origin).parent / "models").glob("*_rec_*.onnx"))
    if not found:
        raise ModelInvalid(spec.origin, "the wheel holds no *_rec_*.onnx")
    return found[-1]
