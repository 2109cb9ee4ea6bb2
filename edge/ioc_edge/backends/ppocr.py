"""Plate reading with the PP-OCR recogniser of the rapidocr wheel, and what a plate can say.

The network knows 18,708 characters; a plate has 31. Belief in look-alikes (lower case,
O for 0) is folded onto the plate's alphabet, then a beam search over the CTC output
prefers a text that can legally exist, if the picture nearly says so itself.
"""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ioc_edge.backends import Floats, Image, Reading
from ioc_edge.backends.onnx import new_session
from ioc_edge.errors import ModelInvalid
from ioc_models import plates
from ioc_models.events import ModelRef

HEIGHT: Final = 48
MAX_WIDTH: Final = 480
# A crop narrower than this, in heights, has two rows; they overlap a little because
# boxes are never exact (measured on 189 real crops).
TWO_ROWS_BELOW: Final = 2.4
UPPER_ROW_ENDS: Final = 0.53
LOWER_ROW_STARTS: Final = 0.47
BEAM: Final = 16
WORTH_A_BRANCH: Final = 2e-3
# Nats by which a text is held back before the picture speaks: the grammar is a prior,
# and never turns a clear picture into another text. Two-letter series exist since
# 2023 alone, four-figure numbers are from before 2010.
ILLEGAL: Final = 8.0
TWO_LETTERS: Final = 2.2
FOUR_FIGURES: Final = 1.5
ROW_CANDIDATES: Final = 12
# Share of belief that a letter lends to one it is taken for (seen on real crops; the
# network has hardly met a Đ).
LOOK_ALIKES: Final = (
    *(("D", "Đ", 0.3), ("0", "Đ", 0.02), ("0", "D", 0.02), ("8", "B", 0.02), ("9", "B", 0.01)),
    *(("5", "S", 0.02), ("2", "Z", 0.02), ("6", "G", 0.02), ("1", "T", 0.02), ("T", "1", 0.05)),
    *(("0", "U", 0.02), ("7", "T", 0.01), ("D", "0", 0.02), ("B", "8", 0.02), ("L", "1", 0.01)),
)
FOLDED: Final = {"O": "0", "Q": "0", "I": "1", "Ð": "Đ"}


@dataclass(frozen=True, slots=True)
class Guess:
    """A row's text with its log probability and the confidence of each character."""

    text: str
    score: float
    characters: tuple[float, ...]


class PpOcrReader:
    """Reads one- and two-line plates on the CPU, about 30 ms each.

    Raises:
        ModelInvalid: The rapidocr wheel is not installed or has another layout.
    """

    def __init__(self, *, threads: int = 1) -> None:
        self._weights = _weights()
        self._session = new_session(self._weights, threads)
        self._input = self._session.get_inputs()[0].name
        known = self._session.get_modelmeta().custom_metadata_map["character"].splitlines()
        # Index 0 is CTC's blank; the exporter appends the space at the end.
        self._characters = ["", *known, " "]
        self._columns, self._owners = _fold(self._characters)

    @cached_property
    def model(self) -> ModelRef | None:
        """Name and hash of the weights."""
        digest = hashlib.sha256(self._weights.read_bytes()).hexdigest()
        return ModelRef(name=self._weights.stem, sha256=digest)

    def read(self, crops: Sequence[Image]) -> list[Reading | None]:
        """A reading for each crop; None where no letter of a plate is seen."""
        return [self._one(crop) for crop in crops]

    def _one(self, crop: Image) -> Reading | None:
        rows = split_rows(crop)
        beliefs = self._session.run(None, {self._input: _batch(rows)})[0]
        raw = "".join(self._greedy(belief) for belief in beliefs)[:40]
        guesses = [beam_search(self._folded(belief)) for belief in beliefs]
        return choose(guesses, raw, 2 if len(rows) == 2 else 1)  # noqa: PLR2004 rows of a plate

    def _greedy(self, belief: Floats) -> str:
        best = belief.argmax(axis=1)
        fresh = np.append(True, best[1:] != best[:-1]) & (best != 0)
        return "".join(self._characters[index] for index in best[fresh])

    def _folded(self, belief: Floats) -> Floats:
        """(T, 1 + alphabet): blank with separators first, then each letter's share."""
        folded = np.zeros((len(belief), 1 + len(plates.ALPHABET)), np.float64)
        for column, owner in zip(self._columns, self._owners, strict=True):
            folded[:, owner] += belief[:, column]
        before = folded.copy()
        for seen, meant, share in LOOK_ALIKES:
            folded[:, letter_column(meant)] += share * before[:, letter_column(seen)]
        return folded


def letter_column(letter: str) -> int:
    """Column of a letter in folded belief; the blank has column 0."""
    return 1 + plates.ALPHABET.index(letter)


def split_rows(crop: Image) -> list[Image]:
    """The plate's rows, from the top."""
    height, width = crop.shape[:2]
    if width >= TWO_ROWS_BELOW * height:
        return [crop]
    return [crop[: round(height * UPPER_ROW_ENDS)], crop[round(height * LOWER_ROW_STARTS) :]]


def beam_search(belief: Floats) -> list[Guess]:
    """The likeliest texts of a row, by CTC prefix beam search (Hannun 2017).

    Args:
        belief: (T, 1 + alphabet), blank first; rows need not sum to one.
    """
    # text -> [ends in blank, ends in its last letter, confidence of each letter]
    beams: dict[str, tuple[float, float, tuple[float, ...]]] = {"": (1.0, 0.0, ())}
    for step in belief:
        grown: dict[str, tuple[float, float, tuple[float, ...]]] = {}
        letters = [
            (plates.ALPHABET[i], float(step[i + 1]))
            for i in np.flatnonzero(step[1:] > WORTH_A_BRANCH)
        ]
        for text, (blank, letter, peaks) in beams.items():
            _grow(grown, text, (blank + letter) * float(step[0]), 0.0, peaks)
            for symbol, share in letters:
                if text.endswith(symbol):
                    peak = (*peaks[:-1], max(peaks[-1], share))
                    _grow(grown, text, 0.0, letter * share, peak)
                    _grow(grown, text + symbol, 0.0, blank * share, (*peaks, share))
                else:
                    _grow(grown, text + symbol, 0.0, (blank + letter) * share, (*peaks, share))
        best = sorted(grown.items(), key=lambda item: -(item[1][0] + item[1][1]))[:BEAM]
        total = max(sum(entry[0] + entry[1] for _, entry in best), 1e-30)
        # Rescaled at each step, or a long row underflows; ratios are all that counts.
        beams = {text: (b / total, n / total, peaks) for text, (b, n, peaks) in best}
    return [
        Guess(text, float(np.log(max(b + n, 1e-30))), peaks)
        for text, (b, n, peaks) in beams.items()
    ]


def choose(rows: Sequence[Sequence[Guess]], raw: str, lines: Literal[1, 2]) -> Reading | None:
    """Join the rows' guesses and take the best after the grammar's prior."""
    joined = [Guess("", 0.0, ())]
    for guesses in rows:
        joined = [
            Guess(a.text + b.text, a.score + b.score, a.characters + b.characters)
            for a in joined
            for b in guesses[:ROW_CANDIDATES]
        ]
    fitting = [guess for guess in joined if 1 <= len(guess.text) <= 12]  # noqa: PLR2004 the wire
    if not fitting:
        return None
    scores = {guess.text: guess.score - held_back(guess.text, lines) for guess in fitting}
    ranked = sorted(fitting, key=lambda guess: -scores[guess.text])
    belief = np.exp(np.array([scores[guess.text] for guess in ranked]))
    shares = belief / belief.sum()
    best = ranked[0]
    return Reading(
        text=best.text,
        raw=raw,
        confidence=float(np.exp(np.mean(np.log(np.clip(best.characters, 1e-6, 1.0))))),
        characters=tuple(min(1.0, share) for share in best.characters),
        lines=lines,
        runner_up=ranked[1].text if len(ranked) > 1 else "",
        margin=float(shares[0] - shares[1]) if len(ranked) > 1 else 1.0,
    )


def held_back(text: str, lines: Literal[1, 2]) -> float:
    """Nats against a text before the picture speaks."""
    plate = plates.parse(text)
    if plate is None:
        return ILLEGAL
    against = 0.0
    if lines == 2 and len(plate.series) == 2 and plate.series.isalpha():  # noqa: PLR2004 rows
        against += 0.0 if "Đ" in plate.series else TWO_LETTERS
    if len(plate.number) == 4:  # noqa: PLR2004 figures
        against += FOUR_FIGURES
    return against


def _grow(
    beams: dict[str, tuple[float, float, tuple[float, ...]]],
    text: str,
    blank: float,
    letter: float,
    peaks: tuple[float, ...],
) -> None:
    old = beams.get(text)
    if old is None:
        beams[text] = (blank, letter, peaks)
    else:
        kept = peaks if sum(peaks) > sum(old[2]) else old[2]
        beams[text] = (old[0] + blank, old[1] + letter, kept)


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


def _fold(characters: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Columns of the network's output that a plate may use, and the letter each means."""
    columns, owners = [0], [0]
    for column, character in enumerate(characters[1:], start=1):
        plain = unicodedata.normalize("NFKC", character).upper()
        plain = FOLDED.get(plain, plain)
        if len(plain) == 1 and plain in plates.ALPHABET:
            columns.append(column)
            owners.append(1 + plates.ALPHABET.index(plain))
        elif plain in {"-", ".", " ", "·", "•", ":", ","}:
            columns.append(column)
            owners.append(0)
    return np.array(columns), np.array(owners)


def _weights() -> Path:
    """The recogniser's file, found without importing the wheel and its heavy friends."""
    spec = find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise ModelInvalid("rapidocr", "the wheel is not installed")
    found = sorted((Path(spec.origin).parent / "models").glob("*_rec_*.onnx"))
    if not found:
        raise ModelInvalid(spec.origin, "the wheel holds no *_rec_*.onnx")
    return found[-1]
