"""Detection with onnxruntime, as described by a model.yaml beside the weights."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
import onnxruntime
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ioc_edge.backends import Detection, Floats, Image
from ioc_edge.errors import ModelInvalid
from ioc_models.events import ModelRef

GREY: Final = 114


class Manifest(BaseModel):
    """What a detector's weights want and give; unknown keys are the trainer's own notes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    file: str
    sha256: str
    decoder: Literal["yolov8"]
    backend: Literal["onnx", "tensorrt"] = "onnx"
    width: int = Field(ge=32, le=4096)
    height: int = Field(ge=32, le=4096)
    labels: tuple[str, ...] = Field(min_length=1)
    confidence: float = Field(default=0.25, gt=0, lt=1)
    iou: float = Field(default=0.5, gt=0, lt=1)
    folder: Path = Path()

    @classmethod
    def load(cls, path: Path) -> "Manifest":
        """Read a model.yaml and check its weights against their hash.

        Raises:
            ModelInvalid: Unreadable, incomplete, or the weights are not those named.
        """
        try:
            raw = yaml.safe_load(path.read_text(encoding="utf-8"))
            manifest = cls.model_validate({**raw, "folder": path.parent})
            found = hashlib.sha256(manifest.weights.read_bytes()).hexdigest()
        except (OSError, TypeError, yaml.YAMLError, ValidationError) as error:
            raise ModelInvalid(path, str(error)) from error
        if found != manifest.sha256:
            raise ModelInvalid(path, f"weights have sha256 {found}, not {manifest.sha256}")
        return manifest

    @property
    def weights(self) -> Path:
        """The ONNX file."""
        return self.folder / self.file

    @property
    def model(self) -> ModelRef:
        """As events name it."""
        return ModelRef(name=self.name, sha256=self.sha256)


def new_session(weights: Path, threads: int) -> Any:  # noqa: ANN401 onnxruntime has no types
    """An onnxruntime session that keeps to `threads` of the box's few cores.

    Raises:
        ModelInvalid: onnxruntime refuses the file.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads would burn the core that decodes the video.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            str(weights), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime raises its own unexported classes
        raise ModelInvalid(weights, str(error)) from error


class OnnxDetector:
    """YOLO-style detector on the CPU."""

    def __init__(self, manifest: Manifest, *, threads: int = 1) -> None:
        self.model = manifest.model
        self._manifest = manifest
        self._session = new_session(manifest.weights, threads)
        self._input = self._session.get_inputs()[0].name

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        """Detections for each frame, boxes in the frame's own pixels."""
        return [self._one(frame) for frame in frames]

    def _one(self, frame: Image) -> list[Detection]:
        tensor, scale, shift = letterbox(frame, self._manifest.width, self._manifest.height)
        (output,) = self._session.run(None, {self._input: tensor})
        return decode_yolov8(output[0], self._manifest, frame.shape[:2], scale, shift)


def letterbox(
    frame: Image, width: int, height: int
) -> tuple[NDArray[np.float32], float, tuple[float, float]]:
    """Fit a BGR picture into (1, 3, height, width) float32 RGB 0..1, proportions kept."""
    scale = min(width / frame.shape[1], height / frame.shape[0])
    new_w, new_h = round(frame.shape[1] * scale), round(frame.shape[0] * scale)
    left, top = (width - new_w) // 2, (height - new_h) // 2
    canvas = np.full((height, width, 3), GREY, np.uint8)
    canvas[top : top + new_h, left : left + new_w] = cv2.resize(
        frame, (new_w, new_h), interpolation=cv2.INTER_LINEAR
    )
    tensor = canvas[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(tensor), scale, (left, top)


def decode_yolov8(
    output: Floats,
    manifest: Manifest,
    size: tuple[int, int],
    scale: float,
    shift: tuple[float, float],
) -> list[Detection]:
    """Boxes from (4 + labels, anchors): centre, size and one score for each label.

    Args:
        output: As the network gives it, in letterboxed pixels.
        manifest: Labels and thresholds.
        size: Height and width of the frame.
        scale: Frame pixels times this are letterboxed pixels.
        shift: Left and top of the picture in the letterbox.
    """
    labels = output[4:].argmax(axis=0)
    scores = output[4:].max(axis=0)
    sure = scores >= manifest.confidence
    boxes, labels, scores = output[:4, sure].T, labels[sure], scores[sure]
    if not len(boxes):
        return []
    corners = np.hstack([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]])
    kept = cv2.dnn.NMSBoxesBatched(
        corners.tolist(), scores.tolist(), labels.tolist(), manifest.confidence, manifest.iou
    )
    limit = np.array([size[1], size[0], size[1], size[0]])
    offset = np.array([*shift, *shift])
    found = []
    for index in kept:
        left, top, width, height = corners[index]
        box = (np.array([left, top, left + width, top + height]) - offset) / scale
        box = np.clip(box, 0, limit).tolist()
        found.append(
            Detection(
                (box[0], box[1], box[2], box[3]),
                manifest.labels[int(labels[index])],
                float(scores[index]),
            )
        )
    return found
