"""Faces in a picture, found by YuNet; used only to cover them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ioc_edge.backends import Box, Image
from ioc_edge.backends.manifest import check_weights
from ioc_edge.backends.runner import OrtRunner
from ioc_edge.errors import ModelInvalid, in_words
from ioc_models.events import ModelRef

BUILT_IN: Final = Path(__file__).resolve().parents[2] / "models" / "faces" / "model.yaml"
STRIDES: Final = (8, 16, 32)
# The network halves a picture five times.
MULTIPLE: Final = 32
# Wider pictures are searched at this width: a face of 16 pixels in full HD is still found,
# full HD camera, and the search stays under a tenth of a second.
WIDEST: Final = 1280
# Smaller pictures are enlarged: faces under ten pixels are not found otherwise.
ENLARGE_BELOW: Final = 640


class Manifest(BaseModel):
    """What model.yaml says; unknown keys are notes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    file: str
    sha256: str
    confidence: float = Field(gt=0, lt=1)
    iou: float = Field(gt=0, lt=1)


@dataclass(frozen=True, slots=True)
class Face:
    """One face."""

    box: Box
    confidence: float


class FaceFinder:
    """YuNet on the CPU. Called from the inference thread alone."""

    def __init__(self, path: Path = BUILT_IN, *, threads: int = 1) -> None:
        """Load the weights.

        Raises:
            ModelInvalid: Unreadable, incomplete, or the weights are not those named.
        """
        try:
            self._manifest = Manifest.model_validate(yaml.safe_load(path.read_text("utf-8")))
        except (OSError, yaml.YAMLError) as error:
            raise ModelInvalid(path, str(error)) from error
        except ValidationError as error:
            raise ModelInvalid(path, in_words(error, "manifest")) from error
        check_weights(path, self._manifest.file, self._manifest.sha256)
        self.model = ModelRef(name=self._manifest.name, sha256=self._manifest.sha256)
        self._runner = OrtRunner(path.parent / self._manifest.file, threads=threads)

    def find(self, image: Image) -> list[Face]:
        """Faces in a picture, (h, w, 3) uint8 BGR, surest first, in its own pixels."""
        scale = _scale(image.shape[1], image.shape[0])
        tensor = _prepared(image, scale)
        given = self._runner.run({"input": tensor})
        width = tensor.shape[3]
        boxes, scores = [], []
        for stride in STRIDES:
            score = np.sqrt(given[f"cls_{stride}"][0, :, 0] * given[f"obj_{stride}"][0, :, 0])
            sure = np.flatnonzero(score >= self._manifest.confidence)
            boxes.append(_corners(given[f"bbox_{stride}"][0], sure, stride, width // stride))
            scores.append(score[sure])
        return self._distinct(np.vstack(boxes) / scale, np.concatenate(scores), image.shape)

    def _distinct(
        self, boxes: NDArray[Any], scores: NDArray[Any], shape: tuple[int, ...]
    ) -> list[Face]:
        if not len(boxes):
            return []
        sizes = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
        kept = cv2.dnn.NMSBoxes(
            sizes.tolist(), scores.tolist(), self._manifest.confidence, self._manifest.iou
        )
        limit = np.array([shape[1], shape[0], shape[1], shape[0]])
        faces = []
        for index in np.array(kept).ravel():
            left, top, right, bottom = np.clip(boxes[index], 0, limit).tolist()
            faces.append(Face((left, top, right, bottom), float(scores[index])))
        return faces


def _scale(width: int, height: int) -> float:
    longest = max(width, height)
    if longest > WIDEST:
        return WIDEST / longest
    return min(2.0, ENLARGE_BELOW / longest) if longest < ENLARGE_BELOW else 1.0


def _prepared(image: Image, scale: float) -> NDArray[np.float32]:
    """(1, 3, h, w) float32 BGR 0..255, padded with black to multiples of 32."""
    if scale != 1.0:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=how), np.uint8)
    height, width = image.shape[:2]
    canvas = np.zeros(
        (1, 3, -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE), np.float32
    )
    canvas[0, :, :height, :width] = image.transpose(2, 0, 1)
    return canvas


def _corners(
    given: NDArray[np.float32], which: NDArray[np.intp], stride: int, columns: int
) -> NDArray[Any]:
    """Left, top, right, bottom of cells: centres as offsets from a cell, sizes as logarithms."""
    cells = np.stack([which % columns, which // columns], axis=1)
    centres = (cells + given[which, :2]) * stride
    halves = np.exp(given[which, 2:4]) * (stride / 2)
    return np.hstack([centres - halves, centres + halves])
