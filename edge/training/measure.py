"""Average precision on the validation splits and plate recall on the Vietnamese scenes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import cv2
import numpy as np
from augment import GREY
from network import LABELS
from sources import PLATE, Floats, Picture, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

WIDTH, HEIGHT = 640, 384
IOU_MATCH = 0.5
NMS_IOU = 0.5
# Low enough to draw the whole precision-recall curve.
SCORE_FLOOR = 0.01
CANDIDATES_MAX = 400

Network: TypeAlias = Callable[[Floats], Floats]


class Found(NamedTuple):
    """Detections of one picture in its own pixels: boxes (n, 4), scores (n,), classes (n,)."""

    boxes: Floats
    scores: Floats
    kinds: Floats


def letterbox(picture: Picture) -> tuple[Floats, float, tuple[float, float]]:
    """The network's input (1, 3, 384, 640) with the scale and offset that lead back.

    Bilinear without a filter, as the edge does it: what is measured is what runs.
    """
    h, w = picture.shape[:2]
    scale = min(WIDTH / w, HEIGHT / h)
    size = (round(w * scale), round(h * scale))
    left, top = (WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2
    board = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    board[top : top + size[1], left : left + size[0]] = cv2.resize(picture, size)
    return board.transpose(2, 0, 1)[None].astype(np.float32) / 255, scale, (left, top)


def detect(network: Network, picture: Picture, floor: float = SCORE_FLOOR) -> Found:
    """Run the network on an RGB picture and keep one box per object and class."""
    blob, scale, offset = letterbox(picture)
    rows = network(blob)[0].T
    kinds = rows[:, 4:].argmax(1)
    scores = rows[:, 4:].max(1)
    keep = np.flatnonzero(scores >= floor)
    keep = keep[scores[keep].argsort()[::-1][:CANDIDATES_MAX]]
    rows, kinds, scores = rows[keep], kinds[keep], scores[keep]
    corner = rows[:, :2] - rows[:, 2:4] / 2
    boxes = np.concatenate([corner, rows[:, 2:4]], 1)
    order = cv2.dnn.NMSBoxesBatched(boxes.tolist(), scores.tolist(), kinds.tolist(), floor, NMS_IOU)
    chosen = np.array(order, int).reshape(-1)
    boxes = np.concatenate([corner, corner + rows[:, 2:4]], 1)[chosen]
    return Found((boxes - np.tile(offset, 2)) / scale, scores[chosen], kinds[chosen])


def ious(boxes: Floats, box: Floats) -> Floats:
    """IoU of many boxes (n, 4) with one."""
    inner = (np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])).clip(0).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    return inner / (areas - inner)


def _hits(
    found: Found, truth: Floats, kind: int, vague: Floats | None = None
) -> list[tuple[float, bool]]:
    free = np.ones(len(truth), bool)
    hits = []
    mine = found.kinds == kind
    for score, box in sorted(
        zip(found.scores[mine], found.boxes[mine], strict=True), key=lambda r: -r[0]
    ):
        match = ious(truth, box) * free if len(truth) else np.zeros(0)
        if hit := bool(len(match) and match.max() >= IOU_MATCH):
            free[match.argmax()] = False
        elif vague is not None and len(vague) and ious(vague, box).max() >= IOU_MATCH / 2:
            continue
        hits.append((float(score), hit))
    return hits


def average_precision(hits: list[tuple[float, bool]], truths: int) -> float:
    """Area under the interpolated precision-recall curve; NaN where there is nothing to find."""
    if not truths:
        return float("nan")
    right = np.cumsum([hit for _, hit in sorted(hits, key=lambda r: -r[0])] or [0])
    precision = right / np.arange(1, len(right) + 1)
    ceiling = np.maximum.accumulate(precision[::-1])[::-1]
    recall = np.concatenate([[0], right / truths])
    return float((np.diff(recall) * ceiling).sum())


def per_class(network: Network, samples: Iterable[Sample]) -> dict[str, tuple[float, int]]:
    """AP50 and number of boxes per class, over the pictures whose source labels the class fully."""
    hits: dict[int, list[tuple[float, bool]]] = {kind: [] for kind in range(len(LABELS))}
    truths = dict.fromkeys(hits, 0)
    for sample in samples:
        found = detect(network, sample.picture)
        for kind in np.flatnonzero(sample.known):
            truth = sample.boxes[sample.boxes[:, 0] == kind, 1:]
            truths[int(kind)] += len(truth)
            vague = sample.vague[sample.vague[:, 0] == kind, 1:]
            hits[int(kind)] += _hits(found, truth, int(kind), vague)
    return {LABELS[k]: (average_precision(hits[k], truths[k]), truths[k]) for k in hits}


def scene_recall(network: Network, folder: Path, score: float) -> tuple[int, int, int]:
    """Plates found in the Vietnamese scenes at a score, plates there, and boxes that match none."""
    right = total = wrong = 0
    for file in sorted(folder.glob("*.json")):
        label = json.loads(file.read_text())
        picture = cv2.imread(str(folder / label["file"]))[..., ::-1]
        truth = np.array([plate["bbox_xywh"] for plate in label["plates"]], np.float32)
        truth[:, 2:] += truth[:, :2]
        found = detect(network, np.ascontiguousarray(picture), score)
        hits = [hit for _, hit in _hits(found, truth, PLATE)]
        right, total, wrong = right + sum(hits), total + len(truth), wrong + len(hits) - sum(hits)
    return right, total, wrong
