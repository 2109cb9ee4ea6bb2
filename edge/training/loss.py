"""Which cells answer for which box, and what a wrong answer costs.

Assignment follows TOOD (Feng et al., 2021): a cell inside a box is worth score^0.5 * IoU^4, the ten
best per box learn it, and their target score is that worth scaled to the box's best IoU. A side's
distance is learnt as a distribution (Li et al., 2020, generalised focal loss).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

CANDIDATES = 10
SCORE_POWER, IOU_POWER = 0.5, 4.0
BOX_GAIN = 5.0
SIDE_GAIN = 1.0
EPS = 1e-7


class Targets(NamedTuple):
    """Boxes (n, m, 5) padded with class -1, and known classes per cell (n, a, classes)."""

    boxes: Tensor
    known: Tensor


class Grid(NamedTuple):
    """Cell centres (a, 2) in pixels, and each cell's stride (a,)."""

    points: Tensor
    steps: Tensor


def corners(points: Tensor, sides: Tensor) -> Tensor:
    """Boxes (n, a, 4) as left, top, right, bottom."""
    return torch.cat([points - sides[..., :2], points + sides[..., 2:]], -1)


def overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU, and GIoU's penalty: the share of the smallest common box that neither covers."""
    inner = (
        (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2]))
        .clamp(min=0)
        .prod(-1)
    )
    outer = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - inner
    return inner / (union + EPS), (outer - union) / (outer + EPS)


@torch.no_grad()
def assign(
    scores: Tensor, predicted: Tensor, points: Tensor, boxes: Tensor
) -> tuple[Tensor, Tensor]:
    """The box index per cell (n, a), -1 for none, and its target score (n, a)."""
    real = boxes[..., 0] >= 0
    kinds = boxes[..., 0].clamp(min=0).long()
    near = points[None, None] - boxes[:, :, None, 1:3]
    far = boxes[:, :, None, 3:] - points[None, None]
    inside = (torch.cat([near, far], -1).amin(-1) > 0) & real[..., None]
    iou = overlap(predicted[:, None], boxes[:, :, None, 1:])[0]
    score = scores.transpose(1, 2).gather(1, kinds[..., None].expand(-1, -1, scores.shape[1]))
    worth = (score**SCORE_POWER * iou**IOU_POWER + EPS) * inside
    # A box between all cell centres (a small plate) still needs its nearest cell.
    middle = (boxes[:, :, None, 1:3] + boxes[:, :, None, 3:]) / 2
    nearest = torch.zeros_like(inside).scatter_(
        2, (points[None, None] - middle).abs().amax(-1).argmin(-1, keepdim=True), value=True
    )
    worth = worth + EPS * (nearest & real[..., None] & ~inside)
    best = worth.topk(CANDIDATES, dim=2)
    chosen = torch.zeros_like(worth).scatter_(2, best.indices, 1.0).bool() & (worth > 0)
    worth = worth * chosen
    peak = worth.amax(2, keepdim=True)
    target = worth / (peak + EPS * 1e-3) * (iou * chosen).amax(2, keepdim=True).clamp(min=0.1)
    top, owner = worth.max(1)
    owner = torch.where(top > 0, owner, -1)
    return owner, target.gather(1, owner.clamp(min=0)[:, None]).squeeze(1) * (owner >= 0)


def _spread(sides: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy (k,) of distance logits (k, 4, bins) with the two bins around each distance."""
    wanted = wanted.clamp(0, sides.shape[-1] - 1.01)
    low = wanted.floor().long()
    share = wanted - low
    belief = sides.log_softmax(-1)
    near = belief.gather(-1, low[..., None]).squeeze(-1)
    far = belief.gather(-1, low[..., None] + 1).squeeze(-1)
    return -((1 - share) * near + share * far).mean(-1)


def loss(logits: Tensor, sides: Tensor, grid: Grid, targets: Targets) -> tuple[Tensor, ...]:
    """Class, box and distribution loss of a batch, each a scalar.

    Args:
        logits: Of the classes, (n, a, classes).
        sides: Of the distances to left, top, right and bottom, (n, a, 4, bins).
        grid: Where the cells are.
        targets: What they should say.
    """
    bins = torch.arange(sides.shape[-1], dtype=sides.dtype)
    predicted = corners(grid.points, sides.softmax(-1) @ bins * grid.steps[:, None])
    owner, quality = assign(logits.sigmoid(), predicted.detach(), grid.points, targets.boxes)
    mine = targets.boxes.gather(1, owner.clamp(min=0)[..., None].expand(-1, -1, 5))
    kinds = functional.one_hot(mine[..., 0].clamp(min=0).long(), logits.shape[-1])
    wanted = kinds * quality[..., None]
    known = torch.maximum(targets.known, (kinds * (owner >= 0)[..., None]).to(targets.known.dtype))
    entropy = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    total = quality.sum().clamp(min=1.0)
    taken = owner >= 0
    boxes, weight = mine[taken][:, 1:], quality[taken]
    iou, penalty = overlap(predicted[taken], boxes)
    box = ((1 - iou + penalty) * weight).sum() / total
    place, cell = grid.points.expand(len(owner), -1, -1)[taken], grid.steps.expand(len(owner), -1)
    distances = torch.cat([place - boxes[:, :2], boxes[:, 2:] - place], 1) / cell[taken][:, None]
    side = (_spread(sides[taken], distances) * weight).sum() / total
    return (entropy * known).sum() / total, BOX_GAIN * box, SIDE_GAIN * side
