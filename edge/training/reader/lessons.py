"""What the network is marked by: letters, where it looks, rows and ground."""

from __future__ import annotations

from typing import NamedTuple

import torch
from slotnet import CELLS, STRIDE, Answer
from torch import Tensor
from torch.nn import functional

# Of the side lessons beside the text itself.
GAZE, CELL, ROWS, GROUND = 0.15, 0.3, 0.1, 0.1
# A cell this near to a letter's middle, in half letters, shows that letter; beyond `OUTSIDE`
# of every letter it shows none; between the two it teaches nothing.
INSIDE, OUTSIDE = 0.62, 1.15


class Lesson(NamedTuple):
    """A batch with its answers.

    Attributes:
        pictures: (B, 3, 64, 160) float, -1..1.
        slots: (B, SLOTS) int64.
        places: (B, SLOTS, 4) float, NaN where unknown or empty.
        rows: (B,) int64.
        grounds: (B,) int64; negative where nobody looked.
    """

    pictures: Tensor
    slots: Tensor
    places: Tensor
    rows: Tensor
    grounds: Tensor


def loss(
    answer: Answer, lesson: Lesson, smoothing: float = 0.02
) -> tuple[Tensor, dict[str, float]]:
    """Mean loss of a batch and its parts."""
    text = functional.cross_entropy(
        answer.slots.flatten(0, 1), lesson.slots.flatten(), label_smoothing=smoothing
    )
    parts = {"text": text}
    known = ~torch.isnan(lesson.places).any(-1)
    places = torch.nan_to_num(lesson.places, nan=-1e4)
    far = _far(places)  # (B, SLOTS, cells)
    aim = torch.softmax(-(far.square()) * 1.5, -1)
    looked = -(aim * torch.log(answer.gaze.float() + 1e-6)).sum(-1)
    parts["gaze"] = (looked * known).sum() / known.sum().clamp(min=1)
    parts["cell"] = _cell_loss(answer.cells, lesson.slots, far, known)
    parts["rows"] = functional.cross_entropy(answer.rows, lesson.rows)
    parts["ground"] = functional.cross_entropy(answer.ground, lesson.grounds, ignore_index=-1)
    total = text + GAZE * parts["gaze"] + CELL * parts["cell"]
    total = total + ROWS * parts["rows"] + GROUND * parts["ground"]
    return total, {name: float(part.detach()) for name, part in parts.items()}


def _far(places: Tensor) -> Tensor:
    """(B, SLOTS, cells): each cell's distance to each letter, in half letters, worse axis."""
    ys = (torch.arange(CELLS[0]) + 0.5) * STRIDE
    xs = (torch.arange(CELLS[1]) + 0.5) * STRIDE
    gy, gx = (axis.flatten() for axis in torch.meshgrid(ys, xs, indexing="ij"))
    half = places[..., 2:].clamp(min=5.0)
    dx = (gx - places[..., :1]).abs() / half[..., :1]
    dy = (gy - places[..., 1:2]).abs() / half[..., 1:]
    return torch.maximum(dx, dy)


def _cell_loss(cells: Tensor, slots: Tensor, far: Tensor, known: Tensor) -> Tensor:
    far = far.masked_fill(~known[..., None], 1e4)
    nearest, which = far.min(1)
    letter = slots.gather(1, which)
    target = torch.where(nearest < INSIDE, letter, -1)
    target = torch.where(nearest > OUTSIDE, 0, target)
    target = target.masked_fill(~known.any(-1, keepdim=True), -1)
    weight = torch.where(target == 0, 0.3, 1.0)
    each = functional.cross_entropy(
        cells.flatten(2).float(), target, ignore_index=-1, reduction="none"
    )
    weight = weight * (target >= 0)
    return (each * weight).sum() / weight.sum().clamp(min=1)
