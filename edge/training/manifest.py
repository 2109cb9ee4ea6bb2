"""Writes the model.yaml that the edge reads beside the weights."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from network import LABELS

if TYPE_CHECKING:
    from pathlib import Path

ATTRIBUTION = """
Nepali Vehicle Annotation by ai-protocol (Roboflow Universe), CC BY 4.0, images resized, remapped.
'Helmet Detection Project' by nckh-2023 (Roboflow Universe), MIT.
'helmet detection motor' by project-5oigw (Roboflow Universe), CC BY 4.0, changed.
'Romanian Dataset of License Plates', Copyright (c) 2020 Robert Lucian Chiriac, MIT.
'License Plates' by Samrat Sahoo / Roboflow, from Open Images, changed; labels by Google, CC BY 4.0.
Its photos: CC BY 2.0 by their authors.
EfficientNet-Lite0 weights, Copyright (c) 2020 ML Illustrated, Apache-2.0, pruned and retrained.
"""


def write_manifest(folder: Path, *, version: str, width: int, height: int, score: float) -> None:
    """Describe `model.onnx` of a folder in `model.yaml`, sealed with its SHA-256."""
    seal = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    lines = [
        "name: camau-road-detector",
        f"version: {version}",
        "task: detector",
        "file: model.onnx",
        f"sha256: {seal}",
        "decoder: yolov8",
        "backend: onnx",
        "input:",
        f"  {{width: {width}, height: {height}, layout: NCHW, color: RGB, letterbox: 114,",
        "   scale: 0.00392156862745098, mean: [0, 0, 0], std: [1, 1, 1]}",
        f"labels: [{', '.join(LABELS)}]",
        f"thresholds: {{confidence: {score}, iou: 0.5}}",
        "licence: Apache-2.0 (weights and code; see MODEL_CARD.md for the pictures)",
        "attribution:",
        *(f'  - "{line}"' for line in ATTRIBUTION.split("\n") if line),
    ]
    (folder / "model.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
