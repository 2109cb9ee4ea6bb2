"""The recogniser: a small convolutional trunk, and ten queries that each look for one letter."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ioc_models.plates import ALPHABET

HEIGHT, WIDTH = 64, 160
SLOTS = 10
CLASSES = 1 + len(ALPHABET)
STRIDE = 8
CELLS = (HEIGHT // STRIDE, WIDTH // STRIDE)


class Answer(NamedTuple):
    """What the network says of a batch.

    Attributes:
        slots: (B, SLOTS, CLASSES) logits in reading order, column 0 for "no letter".
        rows: (B, 2) logits: one line, two lines.
        ground: (B, 4) logits: white, yellow, blue, red.
        gaze: (B, SLOTS, cells) where each slot looks; sums to one.
        cells: (B, CLASSES, h, w) logits of the letter around each cell, for training alone.
    """

    slots: Tensor
    rows: Tensor
    ground: Tensor
    gaze: Tensor
    cells: Tensor


def _conv(
    inside: int, outside: int, size: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    pad = dilation * (size // 2)
    return nn.Sequential(
        nn.Conv2d(inside, outside, size, stride, pad, dilation, bias=False),
        nn.BatchNorm2d(outside),
    )


class Residual(nn.Module):
    """3x3 down to half the channels, 1x1 back."""

    def __init__(self, channels: int, inner: int, dilation: int = 1) -> None:
        super().__init__()
        self.narrow = _conv(channels, inner, dilation=dilation)
        self.widen = _conv(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        inner = torch.relu(self.narrow(x))
        return torch.relu(x + self.widen(inner))


class Look(nn.Module):
    """Slots look at the picture, then at each other.

    The order of letters is known only together: a slot that sees the fourth letter learns from
    its neighbours whether it is the fourth.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ask = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.among = nn.Linear(width, 3 * width)
        self.among_out = nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))

    def _attend(self, ask: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        batch, count, width = ask.shape
        deep = width // self.heads
        q = ask.reshape(batch, count, self.heads, deep).transpose(1, 2)
        k = key.reshape(batch, -1, self.heads, deep).permute(0, 2, 3, 1)
        v = value.reshape(batch, -1, self.heads, deep).transpose(1, 2)
        share = torch.softmax(q @ k * deep**-0.5, dim=-1)
        return (share @ v).transpose(1, 2).reshape(batch, count, width), share

    def forward(self, slots: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
        """New slots, and the first head's gaze (B, slots, cells)."""
        seen, gaze = self._attend(
            self.ask(self.norms[0](slots)), self.key(picture), self.value(picture)
        )
        slots = slots + self.out(seen)
        ask, key, value = self.among(self.norms[1](slots)).chunk(3, -1)
        told, _ = self._attend(ask, key, value)
        slots = slots + self.among_out(told)
        return slots + self.think(self.norms[2](slots)), gaze[:, 0]


class SlotNet(nn.Module):
    """Reads a plate's crop, stretched whole to 160x64, RGB, values -1..1."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            _conv(3, 16, stride=2),
            nn.ReLU(),
            _conv(16, 32, stride=2),
            nn.ReLU(),
            Residual(32, 24),
            _conv(32, 96, stride=2),
            nn.ReLU(),
            Residual(96, 48),
            Residual(96, 48, dilation=2),
            Residual(96, 48),
        )
        self.lift = nn.Conv2d(96, width, 1)
        self.cells = nn.Conv2d(width, CLASSES, 1)
        self.places = nn.Parameter(torch.randn(CELLS[0] * CELLS[1], width) * 0.02)
        self.slots = nn.Parameter(torch.randn(SLOTS, width) * 0.02)
        self.whole = nn.Linear(width, width)
        self.looks = nn.ModuleList([Look(width, 4), Look(width, 2)])
        self.norm = nn.LayerNorm(width)
        self.letter = nn.Linear(width, CLASSES)
        self.rows = nn.Linear(width, 2)
        self.ground = nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Answer:
        """Logits for (B, 3, 64, 160) pictures."""
        features = torch.relu(self.lift(self.trunk(x)))
        picture = features.flatten(2).transpose(1, 2)
        overall = picture.mean(1)
        picture = picture + self.places
        slots = self.slots + self.whole(overall)[:, None]
        slots, _ = self.looks[0](slots, picture)
        slots, gaze = self.looks[1](slots, picture)
        return Answer(
            self.letter(self.norm(slots)),
            self.rows(overall),
            self.ground(overall),
            gaze,
            self.cells(features),
        )


class Reader(nn.Module):
    """The part that ships: slots, rows, ground."""

    def __init__(self, network: SlotNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As in `Answer`."""
        answer = self.network(x)
        return answer.slots, answer.rows, answer.ground
