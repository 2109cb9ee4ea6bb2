"""How good boxes are: hits at an IoU, precision, recall, and the area under their curve.

Plain numpy, so that the benchmark of the product and the trainer count alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

# Boxes (n, 4): left, top, right, bottom.
Boxes: TypeAlias = NDArray[np.float32]

IOU_MATCH = 0.5


def no_boxes() -> Boxes:
    """An empty list of boxes."""
    return np.zeros((0, 4), np.float32)


def _common(boxes: Boxes, box: Boxes) -> Boxes:
    sides = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
    shared: Boxes = sides.clip(0).prod(1)
    return shared


def ious(boxes: Boxes, box: Boxes) -> Boxes:
    """IoU of many boxes (n, 4) with one (4,); 0 with a box of no area."""
    shared = _common(boxes, box)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    shares: Boxes = shared / np.maximum(areas - shared, 1e-9)
    return shares


def within(boxes: Boxes, box: Boxes) -> Boxes:
    """The share of one box (4,) that lies in each of many (n, 4)."""
    shares: Boxes = _common(boxes, box) / max(float((box[2:] - box[:2]).prod()), 1e-9)
    return shares


def hits(
    found: Boxes, scores: Sequence[float], truth: Boxes, vague: Boxes, iou: float = IOU_MATCH
) -> list[tuple[float, bool]]:
    """The score of each find of one picture, and whether it is right.

    The surest find takes the free truth that it overlaps most. A find that meets no truth but
    matches a vague thing, or lies mostly within one, counts neither way.

    Args:
        found: Boxes (n, 4).
        scores: One for each.
        truth: Boxes (m, 4) that must be found.
        vague: Boxes (k, 4) too hidden or small to be asked for.
        iou: From which overlap a find is right.
    """
    free = np.ones(len(truth), bool)
    judged = []
    for index in np.argsort([-score for score in scores], kind="stable"):
        box = found[index]
        match = ious(truth, box) * free
        if right := bool(len(match) and match.max() >= iou):
            free[match.argmax()] = False
        elif len(vague) and max(ious(vague, box).max(), within(vague, box).max()) >= iou:
            continue
        judged.append((float(scores[index]), right))
    return judged


@dataclass
class Tally:
    """Finds of one class over many pictures."""

    truths: int = 0
    judged: list[tuple[float, bool]] = field(default_factory=list)

    def add(
        self, found: Boxes, scores: Sequence[float], truth: Boxes, vague: Boxes | None = None
    ) -> None:
        """Count one picture."""
        self.truths += len(truth)
        self.judged += hits(found, scores, truth, no_boxes() if vague is None else vague)

    def average_precision(self) -> float:
        """Area under the interpolated precision-recall curve; NaN where nothing is to be found."""
        if not self.truths:
            return float("nan")
        right = np.cumsum([hit for _, hit in sorted(self.judged, key=lambda row: -row[0])] or [0])
        precision = right / np.arange(1, len(right) + 1)
        ceiling = np.maximum.accumulate(precision[::-1])[::-1]
        recall = np.concatenate([[0], right / self.truths])
        return float((np.diff(recall) * ceiling).sum())

    def at(self, score: float) -> tuple[float, float]:
        """Precision and recall of the finds from a score on; NaN where there are none."""
        taken = [hit for sure, hit in self.judged if sure >= score]
        precision = sum(taken) / len(taken) if taken else float("nan")
        recall = sum(taken) / self.truths if self.truths else float("nan")
        return precision, recall

    def best(self) -> tuple[float, float]:
        """The score at which F1 is greatest, and that F1."""
        best = (1.0, 0.0)
        for score in sorted({sure for sure, _ in self.judged}):
            precision, recall = self.at(score)
            if (both := precision + recall) > 0 and 2 * precision * recall / both > best[1]:
                best = (score, 2 * precision * recall / both)
        return best
