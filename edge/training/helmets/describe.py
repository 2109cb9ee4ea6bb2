"""Writes finder.yaml and judge.yaml, which the edge reads beside the weights."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ATTRIBUTION = (
    "'Helmet Detection Project' by nckh-2023 (Roboflow Universe), MIT.",
    "'helmet-detection' by hi-xnpr5 (Roboflow Universe), CC BY 4.0, changed.",
    "'helmet detection motor' by project-5oigw (Roboflow Universe), CC BY 4.0, changed.",
    "Nepali Vehicle Annotation by ai-protocol (Roboflow Universe), CC BY 4.0, heads marked.",
    "EfficientNet-Lite0 weights, Copyright (c) 2020 ML Illustrated, Apache-2.0, retrained.",
)


def describe(weights: Path, version: str, task: str, lines: tuple[str, ...]) -> None:
    """Describe an ONNX file in a .yaml of the same name, sealed with its SHA-256."""
    seal = hashlib.sha256(weights.read_bytes()).hexdigest()
    text = [
        f"name: camau-rider-heads-{weights.stem}",
        f"version: {version}",
        f"task: {task}",
        f"file: {weights.name}",
        f"sha256: {seal}",
        *lines,
        "licence: Apache-2.0 (weights and code; see MODEL_CARD.md for the pictures)",
        "attribution:",
        *(f'  - "{line}"' for line in ATTRIBUTION),
    ]
    weights.with_suffix(".yaml").write_text("\n".join(text) + "\n", encoding="utf-8")
