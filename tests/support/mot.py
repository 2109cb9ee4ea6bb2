"""Tracking scores: CLEAR MOT (Bernardin & Stiefelhagen 2008) and IDF1 (Ristani et al. 2016).

Held against py-motmetrics 1.4.0, which itself does not run on numpy 2.
`python -m tests.support.mot gt.txt test.txt` prints them for two MOT15 files.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Rect = tuple[float, float, float, float]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts over all frames; the shares follow from them."""

    objects: int
    guesses: int
    matches: int
    switches: int
    false_positives: int
    misses: int
    fragmentations: int
    idtp: int
    distance: float

    @property
    def idf1(self) -> float:
        return 2 * self.idtp / max(1, self.objects + self.guesses)

    @property
    def idp(self) -> float:
        return self.idtp / max(1, self.guesses)

    @property
    def idr(self) -> float:
        return self.idtp / max(1, self.objects)

    @property
    def mota(self) -> float:
        return 1 - (self.misses + self.switches + self.false_positives) / max(1, self.objects)

    @property
    def motp(self) -> float:
        """Mean of 1 - IoU over what was matched: smaller is better, as motmetrics has it."""
        return self.distance / max(1, self.found)

    @property
    def found(self) -> int:
        return self.matches + self.switches

    @property
    def precision(self) -> float:
        return self.found / max(1, self.found + self.false_positives)

    @property
    def recall(self) -> float:
        return self.found / max(1, self.objects)

    def __add__(self, other: "Scores") -> "Scores":
        """Of two clips together, ids of one being none of the other's."""
        sums = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return Scores(**sums)


@dataclass
class Accumulator:
    """Takes frames in order; `scores` may be asked at any time.

    Args:
        most: Largest 1 - IoU at which a guess can be an object.
    """

    most: float = 0.5
    _paired: dict[int, int] = field(default_factory=dict)
    _together: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    _seen: dict[int, list[bool]] = field(default_factory=lambda: defaultdict(list))
    _guesses: int = 0
    _false: int = 0
    _switches: int = 0
    _distance: float = 0.0

    def add(self, objects: Mapping[int, Rect], guesses: Mapping[int, Rect]) -> None:
        """One frame: boxes by id, left, top, right, bottom."""
        ours, theirs = list(objects), list(guesses)
        far = distances(list(objects.values()), list(guesses.values()), self.most)
        for i, j in zip(*np.nonzero(np.isfinite(far)), strict=True):
            self._together[ours[i], theirs[j]] += 1
        pairs = self._kept(ours, theirs, far)
        pairs |= self._fresh(ours, theirs, far, pairs)
        self._distance += sum(float(far[i, j]) for i, j in pairs.items())
        for i, name in enumerate(ours):
            self._seen[name].append(i in pairs)
        self._guesses += len(theirs)
        self._false += len(theirs) - len(pairs)

    def _kept(self, ours: list[int], theirs: list[int], far: Matrix) -> dict[int, int]:
        """Pairs of earlier frames that still hold."""
        kept: dict[int, int] = {}
        for i, name in enumerate(ours):
            guess = self._paired.get(name)
            j = theirs.index(guess) if guess in theirs else None
            if j is not None and j not in kept.values() and np.isfinite(far[i, j]):
                kept[i] = j
        return kept

    def _fresh(
        self, ours: list[int], theirs: list[int], far: Matrix, kept: Mapping[int, int]
    ) -> dict[int, int]:
        """The closest pairing of the rest, as many pairs as can be."""
        open_ = far.copy()
        open_[list(kept), :] = np.inf
        open_[:, list(kept.values())] = np.inf
        finite = np.isfinite(open_)
        if not finite.any():
            return {}
        dear = 2 * min(open_.shape) * float(open_[finite].max()) + 1
        rows, columns = linear_sum_assignment(np.where(finite, open_, dear))
        fresh = {int(i): int(j) for i, j in zip(rows, columns, strict=True) if finite[i, j]}
        for i, j in fresh.items():
            self._switches += self._paired.get(ours[i], theirs[j]) != theirs[j]
            self._paired[ours[i]] = theirs[j]
        return fresh

    @property
    def scores(self) -> Scores:
        """Of all frames so far."""
        found = sum(sum(seen) for seen in self._seen.values())
        objects = sum(len(seen) for seen in self._seen.values())
        return Scores(
            objects=objects,
            guesses=self._guesses,
            matches=found - self._switches,
            switches=self._switches,
            false_positives=self._false,
            misses=objects - found,
            fragmentations=sum(gaps(seen) for seen in self._seen.values()),
            idtp=self._identified(),
            distance=self._distance,
        )

    def _identified(self) -> int:
        """Frames that the best one-to-one pairing of whole paths explains."""
        if not self._together:
            return 0
        ours = sorted({name for name, _ in self._together})
        theirs = sorted({name for _, name in self._together})
        common = np.zeros((len(ours), len(theirs)))
        for (name, guess), frames in self._together.items():
            common[ours.index(name), theirs.index(guess)] = frames
        rows, columns = linear_sum_assignment(-common)
        return int(common[rows, columns].sum())


def gaps(seen: Sequence[bool]) -> int:
    """How often a path is lost between its first and its last sight."""
    if not any(seen):
        return 0
    first, last = seen.index(True), len(seen) - 1 - list(reversed(seen)).index(True)
    span = seen[first : last + 1]
    return sum(before and not now for before, now in pairwise(span))


def distances(objects: Sequence[Rect], guesses: Sequence[Rect], most: float) -> Matrix:
    """1 - IoU of every pair, infinite where it is above `most`."""
    if not objects or not guesses:
        return np.full((len(objects), len(guesses)), np.inf)
    a, b = np.array(objects, np.float64)[:, None], np.array(guesses, np.float64)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    common = np.maximum(sides, 0).prod(axis=-1)
    whole = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1)
    shares = np.divide(common, whole - common, out=np.zeros_like(common), where=common > 0)
    far = 1 - shares
    return np.where(far > most, np.inf, far)


def read_mot15(path: Path, least: float = -1) -> dict[int, dict[int, Rect]]:
    """Boxes by frame and id of a MOT15 file; rows below a confidence are left out.

    Truth is read with `least=1`: what is marked 0 there counts for nothing.
    """
    frames: dict[int, dict[int, Rect]] = defaultdict(dict)
    for line in path.read_text(encoding="utf-8").splitlines():
        frame, name, x, y, width, height, confidence = (float(n) for n in line.split(",")[:7])
        if confidence >= least:
            frames[int(frame)][int(name)] = (x, y, x + width, y + height)
    return dict(frames)


def scored(
    truth: Mapping[int, Mapping[int, Rect]], guessed: Mapping[int, Mapping[int, Rect]]
) -> Scores:
    """Of a whole clip; a frame that neither has does not exist."""
    accumulator = Accumulator()
    for frame in sorted({*truth, *guessed}):
        accumulator.add(truth.get(frame, {}), guessed.get(frame, {}))
    return accumulator.scores


def together(clips: Iterable[Scores]) -> Scores:
    """Of several clips."""
    first, *others = clips
    for other in others:
        first += other
    return first


if __name__ == "__main__":
    result = scored(read_mot15(Path(sys.argv[1]), least=1), read_mot15(Path(sys.argv[2])))
    for name in ("idf1", "idp", "idr", "mota", "motp", "precision", "recall"):
        print(f"{name} {getattr(result, name):.12f}")
    print(result)
