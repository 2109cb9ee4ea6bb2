"""Boxes from detectors: YOLOv8 and its heirs, YOLOX, RT-DETR, DetectNet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ioc_edge.backends import Detection, Floats
from ioc_edge.backends.decoders import Answer, disagrees, required, shapes, sharpened
from ioc_edge.backends.manifest import Manifest
from ioc_edge.backends.picture import Placement

# Boxes beyond the best of these are noise, and suppression is quadratic.
MOST_CANDIDATES: Final = 1000
CORNERS: Final = 4
# Left, top, right, bottom, score, class.
END_TO_END: Final = 6
# Hugging Face, the authors' own and RF-DETR's exporter.
RTDETR_NAMES: Final = (
    *(("logits", "pred_boxes"), ("pred_logits", "pred_boxes"), ("labels", "dets")),
)
# DetectNet's boxes are distances to the cell's centre in units of this many pixels
# (NVIDIA's DeepStream parser of the form: `bboxNorm` 35, `gcCenters` + 0.5).
DETECTNET_UNIT: Final = 35.0
DETECTNET_CENTRE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes (n, 4) as corners in the tensor's pixels, a score and a class for each."""

    boxes: Floats
    scores: Floats
    classes: NDArray[np.integer[Any]]


class BoxDecoder(Protocol):
    """Reads one form of detector. Made from one real answer, which it checks."""

    repeats: bool

    def candidates(self, answer: Answer, index: int) -> Candidates:
        """What stands in the answer for picture `index` of the batch."""
        ...


class YoloV8:
    """(B, 4 + labels, N) or (B, N, 4 + labels): centre, size, a score for each label.

    With `end_to_end: true` (B, N, 6): corners, score, class, repeats already gone.
    """

    def __init__(self, manifest: Manifest, answer: Answer) -> None:
        self.repeats = not manifest.end_to_end
        self._end_to_end = manifest.end_to_end
        self._name = required(manifest, answer, ["boxes"])["boxes"]
        shape = answer[self._name].shape
        rows = END_TO_END if manifest.end_to_end else CORNERS + len(manifest.labels)
        if len(shape) != 3 or rows not in shape[1:]:  # noqa: PLR2004 batch, rows, boxes
            raise disagrees(manifest, _wrong_rows(manifest, shape, rows))
        # Rows first is the usual export; more boxes than rows settles a square one.
        self._rows_last = shape[2] == rows if manifest.end_to_end else shape[1] != rows
        if not manifest.end_to_end:
            rows_first = self._rows_first(answer[self._name][0])
            _check_shares(manifest, rows_first[CORNERS:])

    def candidates(self, answer: Answer, index: int) -> Candidates:
        """Every anchor with its likeliest label."""
        rows = self._rows_first(answer[self._name][index])
        if self._end_to_end:
            return Candidates(rows[:4].T, rows[4], rows[5].astype(np.intp))
        classes, scores = _likeliest(rows[CORNERS:])
        return Candidates(_corners(rows[:CORNERS].T), scores, classes)

    def _rows_first(self, output: NDArray[Any]) -> NDArray[Any]:
        return output.T if self._rows_last else output


class YoloX:
    """(B, N, 5 + labels): offset in the cell, log of the size, objectness, label scores.

    Cells run over `strides` from the finest, row by row. With `decoded: true` centre and
    size are in pixels already.
    """

    repeats = True

    def __init__(self, manifest: Manifest, answer: Answer) -> None:
        self._name = required(manifest, answer, ["boxes"])["boxes"]
        self._decoded = manifest.decoded
        shape = answer[self._name].shape
        rows = CORNERS + 1 + len(manifest.labels)
        if len(shape) != 3 or shape[2] != rows:  # noqa: PLR2004 batch, boxes, rows
            raise disagrees(manifest, _wrong_rows(manifest, shape, rows))
        _check_shares(manifest, answer[self._name][0][:, CORNERS:])
        width, height = manifest.input.width, manifest.input.height
        self._cells, self._sizes = _grid(width, height, manifest.strides)
        if not self._decoded and len(self._cells) != shape[1]:
            raise disagrees(
                manifest,
                f"{width}x{height} with strides {list(manifest.strides)} has {len(self._cells)} "
                f"cells, output '{self._name}' has {shape[1]}; mend 'input' or 'strides'",
            )

    def candidates(self, answer: Answer, index: int) -> Candidates:
        """Every cell with its likeliest label."""
        output = answer[self._name][index]
        classes, scores = _likeliest(output[:, CORNERS + 1 :].T)
        boxes = output[:, :CORNERS].astype(np.float32)
        if not self._decoded:
            centres = (boxes[:, :2] + self._cells) * self._sizes
            boxes = np.hstack([centres, np.exp(np.minimum(boxes[:, 2:], 12.0)) * self._sizes])
        return Candidates(_corners(boxes), scores * output[:, CORNERS], classes)


class RtDetr:
    """Logits (B, Q, labels) and boxes (B, Q, 4): centre and size as shares of the picture."""

    repeats = False

    def __init__(self, manifest: Manifest, answer: Answer) -> None:
        self._names = _as_exported(answer) or required(manifest, answer, ["logits", "boxes"])
        if manifest.outputs:
            self._names = required(manifest, answer, ["logits", "boxes"])
        self._logits = manifest.scores == "logits"
        self._size = np.array([manifest.input.width, manifest.input.height] * 2, np.float32)
        logits, boxes = (answer[self._names[role]].shape for role in ("logits", "boxes"))
        wanted = (len(boxes) == len(logits) == 3) and boxes[2] == CORNERS  # noqa: PLR2004 rank
        if not wanted or logits[1] != boxes[1] or logits[2] != len(manifest.labels):
            raise disagrees(
                manifest,
                f"'rtdetr' reads logits (B, Q, {len(manifest.labels)} labels) and boxes "
                f"(B, Q, 4); the graph gives {shapes(answer)}",
            )
        values = answer[self._names["logits"]]
        within = bool(values.min() >= 0 and values.max() <= 1)
        if within == self._logits:
            given = "within 0..1; write 'scores: probabilities'"
            raise disagrees(
                manifest,
                f"it gives scores {given if within else 'outside 0..1; write scores: logits'}",
            )

    def candidates(self, answer: Answer, index: int) -> Candidates:
        """Every query with its likeliest label."""
        classes, scores = _likeliest(answer[self._names["logits"]][index].T)
        if self._logits:
            scores = (1.0 / (1.0 + np.exp(-np.clip(scores, -30, 30)))).astype(np.float32)
        boxes = _corners(answer[self._names["boxes"]][index].astype(np.float32))
        return Candidates(boxes * self._size, scores, classes)


class DetectNet:
    """TAO's DetectNet_v2 (LPDNet, TrafficCamNet): coverage (B, C, h, w), boxes (B, 4C, h, w)."""

    repeats = True

    def __init__(self, manifest: Manifest, answer: Answer) -> None:
        labels = len(manifest.labels)
        self._names = dict(manifest.outputs) or {
            role: name
            for name, array in answer.items()
            for role, depth in (("coverage", labels), ("boxes", CORNERS * labels))
            if array.ndim == 4 and array.shape[1] == depth  # noqa: PLR2004 rank
        }
        if set(self._names) != {"coverage", "boxes"} or not set(self._names.values()) <= set(
            answer
        ):
            raise disagrees(
                manifest,
                f"'detectnet' reads coverage (B, {labels}, h, w) and boxes (B, {4 * labels}, h, w) "
                f"for {labels} labels; the graph gives {shapes(answer)}",
            )
        rows, columns = answer[self._names["coverage"]].shape[2:]
        steps = manifest.input.height / rows, manifest.input.width / columns
        self._down = (np.arange(rows, dtype=np.float32) * steps[0] + DETECTNET_CENTRE)[:, None]
        self._across = (np.arange(columns, dtype=np.float32) * steps[1] + DETECTNET_CENTRE)[None]
        _check_shares(manifest, answer[self._names["coverage"]])

    def candidates(self, answer: Answer, index: int) -> Candidates:
        """Every cell of every label's map."""
        coverage = answer[self._names["coverage"]][index]
        labels, rows, columns = coverage.shape
        edges = answer[self._names["boxes"]][index].reshape(labels, CORNERS, rows, columns)
        edges = edges.astype(np.float32) * DETECTNET_UNIT
        left, top = self._across - edges[:, 0], self._down - edges[:, 1]
        right, bottom = self._across + edges[:, 2], self._down + edges[:, 3]
        boxes = np.stack([left, top, right, bottom], axis=-1).reshape(-1, CORNERS)
        return Candidates(boxes, coverage.reshape(-1), np.repeat(np.arange(labels), rows * columns))


BOX_DECODERS: Final[Mapping[str, Callable[[Manifest, Answer], BoxDecoder]]] = {
    "yolov8": YoloV8,
    "yolox": YoloX,
    "rtdetr": RtDetr,
    "detectnet": DetectNet,
}


class Boxes:
    """Candidates of any decoder into detections: thresholds, the box's words, no repeats."""

    def __init__(
        self, manifest: Manifest, answer: Answer, *, confidence: float | None = None
    ) -> None:
        self._decoder = BOX_DECODERS[manifest.decoder](manifest, answer)
        self._iou = manifest.thresholds.iou
        self._temperature = manifest.calibration.temperature
        self._labels = manifest.ours
        # A label that is left out can never be sure enough.
        self._least = np.array(
            [
                2.0 if label is None else confidence or manifest.least(label)
                for label in manifest.ours
            ]
        )

    def decode(self, answer: Answer, index: int, lies: Placement) -> list[Detection]:
        """Detections in picture `index` of the batch, boxes in its own pixels."""
        found = self._decoder.candidates(answer, index)
        scores = sharpened(found.scores, self._temperature)
        classes = np.clip(found.classes, 0, len(self._labels) - 1)
        sure = np.flatnonzero(scores >= self._least[classes])
        sure = sure[np.argsort(-scores[sure], kind="stable")][:MOST_CANDIDATES]
        boxes, scores, classes = lies.back(found.boxes[sure]), scores[sure], classes[sure]
        if self._decoder.repeats:
            kept = unrepeated(boxes, scores, classes, self._iou)
            boxes, scores, classes = boxes[kept], scores[kept], classes[kept]
        return [
            Detection((left, top, right, bottom), str(self._labels[label]), min(1.0, score))
            for (left, top, right, bottom), score, label in zip(
                boxes.tolist(), scores.tolist(), classes.tolist(), strict=True
            )
            if right > left and bottom > top
        ]


def unrepeated(
    boxes: Floats, scores: Floats, classes: NDArray[np.integer[Any]], iou: float
) -> NDArray[np.intp]:
    """Indices that stay when of two boxes of a class that overlap the surer one is kept."""
    if len(boxes) < 2:  # noqa: PLR2004 one box repeats none
        return np.arange(len(boxes))
    sized = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    kept = cv2.dnn.NMSBoxesBatched(sized.tolist(), scores.tolist(), classes.tolist(), 0.0, iou)
    return np.asarray(kept, np.intp)


def _likeliest(scores: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For (labels, n): the best label and its score; one label needs no search."""
    if len(scores) == 1:
        return np.zeros(scores.shape[1], np.intp), scores[0].astype(np.float32)
    classes = scores.argmax(axis=0)
    return classes, scores[classes, np.arange(scores.shape[1])].astype(np.float32)


def _corners(boxes: NDArray[Any]) -> NDArray[np.float32]:
    """(n, 4) of centre and size as left, top, right, bottom."""
    half = boxes[:, 2:] / 2
    return np.hstack([boxes[:, :2] - half, boxes[:, :2] + half]).astype(np.float32)


def _grid(
    width: int, height: int, strides: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row of every cell (n, 2) and its size in pixels (n, 1)."""
    cells, sizes = [], []
    for stride in strides:
        down, across = np.mgrid[0 : height // stride, 0 : width // stride]
        cells.append(np.stack([across, down], axis=-1).reshape(-1, 2))
        sizes.append(np.full((across.size, 1), stride))
    return np.vstack(cells).astype(np.float32), np.vstack(sizes).astype(np.float32)


def _check_shares(manifest: Manifest, scores: NDArray[Any]) -> None:
    if scores.size and not (scores.min() >= -1e-3 and scores.max() <= 1 + 1e-3):  # noqa: PLR2004 rounding
        raise disagrees(
            manifest,
            f"what should be scores of {len(manifest.labels)} labels lies outside 0..1; this "
            f"graph has another form than '{manifest.decoder}', or was exported without its head",
        )


def _wrong_rows(manifest: Manifest, shape: tuple[int, ...], rows: int) -> str:
    return (
        f"'{manifest.decoder}' with {len(manifest.labels)} labels needs {rows} numbers a box, "
        f"the output has shape {shape}; mend 'labels', 'decoder' or 'end_to_end'"
    )


def _as_exported(answer: Answer) -> dict[str, str]:
    """The names that the usual exporters of RT-DETR and its heirs give."""
    for logits, boxes in (
        ("logits", "pred_boxes"),
        ("pred_logits", "pred_boxes"),
        ("labels", "dets"),
    ):
        if logits in answer and boxes in answer:
            return {"logits": logits, "boxes": boxes}
    return {}
