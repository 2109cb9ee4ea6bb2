"""Train and export the network that finds the heads of the riders in a crop of one motorbike.

    python finder.py train --work /var/tmp/helmets/finder --minutes 20 --imagenet LITE0.pth
    python finder.py export --work /var/tmp/helmets/finder --to ../../models/helmets

The pictures are found through IOC_REAL_DATA. Training resumes from its last checkpoint.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from degrade import degrade, shrink, view
from describe import describe
from extra import read_marked, read_rendered
from heads import BARE, Floats, Picture, Street, read
from judge import overlap, tensor
from loop import Recipe, resume, run
from torch import Tensor, nn
from torch.nn import functional
from trunk import FRONT, Trunk, Unit, load_imagenet

if TYPE_CHECKING:
    from numpy.random import Generator

LABELS = ("helmet", "no_helmet")
WIDTH, HEIGHT, STRIDE = 128, 160, 8
BATCH = 24
GREY = 114
CONFIDENCE = 0.3
BOXES_MAX = 12
# A box with less than this share of itself in view is neither taught nor punished.
VISIBLE_MIN = 0.5
SIDE_MIN_PX = 7.0
# Pictures hold unlabelled heads of people at a distance or on foot.
DOUBT_WEIGHT = 0.3
# There are as many rendered pictures as real ones; they must not weigh as much.
RENDERED_SHARE = 0.25


class Separable(nn.Module):
    """Depthwise, then pointwise."""

    def __init__(self, channels: int, kernel: int = 3) -> None:
        super().__init__()
        self.depth = Unit(channels, channels, kernel, groups=channels)
        self.point = Unit(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Look around, then mix."""
        return self.point(self.depth(x))


class Finder(nn.Module):
    """Logits (n, a, 2) and distances to the four sides in pixels (n, a, 4), stride 8."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.lateral = nn.ModuleList([Unit(40, channels), Unit(112, channels)])
        self.context = Separable(channels, 5)
        self.scores = nn.Sequential(
            Separable(channels), Separable(channels), nn.Conv2d(channels, len(LABELS), 1)
        )
        self.sides = nn.Sequential(
            Separable(channels), Separable(channels), nn.Conv2d(channels, 4, 1)
        )
        nn.init.constant_(self.scores[-1].bias, -4.0)
        nn.init.constant_(self.sides[-1].bias, 0.4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """From (n, 3, h, w) float32 RGB in 0..1."""
        middle, coarse = self.trunk(x)
        coarse = functional.interpolate(self.lateral[1](coarse), scale_factor=2.0)
        y = self.context(self.lateral[0](middle) + coarse)
        sides = self.sides(y).clamp(-6, 4).exp() * STRIDE
        return self.scores(y).flatten(2).transpose(1, 2), sides.flatten(2).transpose(1, 2)


def centres() -> Tensor:
    """Cell centres (a, 2) in input pixels, row by row."""
    y, x = torch.meshgrid(
        torch.arange(HEIGHT // STRIDE), torch.arange(WIDTH // STRIDE), indexing="ij"
    )
    return (torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * STRIDE


class Exported(nn.Module):
    """The finder with its decoding inside: centre, size, probabilities, (n, 4 + classes, a)."""

    def __init__(self, finder: Finder) -> None:
        super().__init__()
        self.finder = finder
        self.register_buffer("centres", centres())

    def forward(self, images: Tensor) -> Tensor:
        """Decode in input pixels."""
        logits, sides = self.finder(images)
        near, far = sides[..., :2], sides[..., 2:]
        middle = self.centres + (far - near) / 2
        return torch.cat([middle, near + far, logits.sigmoid()], 2).transpose(1, 2)


@dataclass(frozen=True)
class Canvas:
    """A training crop: heads (n, 5) in its pixels and, per cell, the weight of an empty answer."""

    picture: Picture
    heads: Floats
    weight: Floats


def _moved(boxes: Floats, matrix: Floats) -> Floats:
    left, top, right, bottom = boxes.T
    points = np.stack([[left, top], [right, top], [right, bottom], [left, bottom]])
    points = points.transpose(2, 0, 1) @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([points.min(1), points.max(1)], 1).astype(np.float32)


def _window(street: Street, rng: Generator) -> tuple[tuple[float, float], float]:
    """Where to look and the scale from picture to crop."""
    height, width = street.picture.shape[:2]
    if len(street.riders) and rng.random() < 0.6:
        box = street.riders[int(rng.integers(len(street.riders)))]
        size = (box[2:] - box[:2]) * np.exp(rng.uniform(np.log(0.85), np.log(1.5)))
        scale = min(WIDTH / size[0], HEIGHT / size[1])
        middle = (box[:2] + box[2:]) / 2 + rng.normal(0, 0.08, 2) * size
        return (float(middle[0]), float(middle[1])), float(scale)
    marked = np.concatenate([street.heads[:, 1:], street.nothing])
    if len(marked) and rng.random() < 0.85:
        head = marked[int(rng.integers(len(marked)))]
        tall = float(head[3] - head[1])
        scale = float(np.exp(rng.uniform(np.log(11), np.log(56)))) / tall
        x = (head[0] + head[2]) / 2 + rng.uniform(-0.35, 0.35) * WIDTH / scale
        y = (head[1] + head[3]) / 2 + rng.uniform(-0.1, 0.4) * HEIGHT / scale
        return (float(x), float(y)), scale
    scale = float(np.exp(rng.uniform(np.log(0.3), np.log(2.0))))
    return (float(rng.uniform(0, width)), float(rng.uniform(0, height))), scale


def _cells(weight: Floats, box: Floats, value: float) -> None:
    left, top = np.floor(box[:2] / STRIDE).astype(int).clip(0)
    right, bottom = np.ceil(box[2:] / STRIDE).astype(int).clip(0)
    weight[top:bottom, left:right] = value


def canvas_of(street: Street, rng: Generator) -> Canvas:
    """One augmented crop around a rider, a head or nothing."""
    centre, scale = _window(street, rng)
    scale = min(scale, 6.0)
    picture, matrix = view(
        street.picture, centre, scale, (WIDTH, HEIGHT), rng, border=int(rng.integers(90, 140))
    )
    weight = np.full((HEIGHT // STRIDE, WIDTH // STRIDE), DOUBT_WEIGHT, np.float32)
    for rider in _moved(street.riders, matrix):
        _cells(weight, rider, 1.0)
    moved = _moved(street.heads[:, 1:], matrix)
    seen = moved.clip(0, [WIDTH, HEIGHT, WIDTH, HEIGHT]).astype(np.float32)
    sides = (seen[:, 2:] - seen[:, :2]).clip(0)
    share = sides.prod(1) / np.maximum((moved[:, 2:] - moved[:, :2]).prod(1), 1e-6)
    good = (share >= VISIBLE_MIN) & (sides.min(1, initial=1e3) >= SIDE_MIN_PX)
    for head in seen:
        around = (head[2:] - head[:2]) * 1.2
        _cells(weight, np.concatenate([head[:2] - around, head[2:] + around * [1, 3]]), 1.0)
    for box in (*_moved(street.vague, matrix), *seen[~good]):
        _cells(weight, box, 0.0)
    for box in _moved(street.nothing, matrix):
        _cells(weight, box, 1.0)
    if rng.random() < 0.3:
        picture = shrink(picture, float(np.exp(rng.uniform(0, np.log(2.5)))), rng)
    heads = np.concatenate([street.heads[good, :1], seen[good]], 1)[:BOXES_MAX]
    return Canvas(degrade(picture, rng), heads.astype(np.float32), weight)


def _targets(canvas: Canvas, points: Floats) -> tuple[Floats, Floats]:
    """Class (a,), -1 for none, and box (a, 4) of each cell; the smallest head wins a cell."""
    kinds = np.full(len(points), -1, np.int64)
    boxes = np.zeros((len(points), 4), np.float32)
    order = np.argsort(-(canvas.heads[:, 3:] - canvas.heads[:, 1:3]).prod(1))
    for kind, *box in canvas.heads[order]:
        corner, other = np.array(box[:2]), np.array(box[2:])
        middle, reach = (corner + other) / 2, np.maximum((other - corner) * 0.28, STRIDE * 0.55)
        inside = (np.abs(points - middle) < reach).all(1)
        inside &= (points > corner).all(1) & (points < other).all(1)
        if not inside.any():
            inside[np.abs(points - middle).sum(1).argmin()] = True
        kinds[inside], boxes[inside] = int(kind), box
    return kinds, boxes


def _giou(boxes: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    inner = (
        torch.minimum(boxes[:, 2:], truth[:, 2:]) - torch.maximum(boxes[:, :2], truth[:, :2])
    ).clamp(min=0).prod(1)  # fmt: skip
    union = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (truth[:, 2:] - truth[:, :2]).prod(1) - inner
    hull = (
        torch.maximum(boxes[:, 2:], truth[:, 2:]) - torch.minimum(boxes[:, :2], truth[:, :2])
    ).prod(1)
    iou = inner / union.clamp(min=1e-3)
    return iou, iou - (hull - union) / hull.clamp(min=1e-3)


def loss_of(model: Finder, canvases: list[Canvas], points: Tensor) -> Tensor:
    """Quality-weighted class loss and GIoU of the cells near the middle of a head."""
    pictures = tensor([canvas.picture for canvas in canvases])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, sides = model(pictures.contiguous(memory_format=torch.channels_last))
    logits, sides = logits.float(), sides.float()
    wanted = [_targets(canvas, points.numpy()) for canvas in canvases]
    kinds = torch.from_numpy(np.stack([kind for kind, _ in wanted]))
    truth = torch.from_numpy(np.stack([box for _, box in wanted]))
    weight = torch.from_numpy(np.stack([canvas.weight.reshape(-1) for canvas in canvases]))
    near, far = points - sides[..., :2], points + sides[..., 2:]
    boxes, mine = torch.cat([near, far], -1), kinds >= 0
    iou, giou = _giou(boxes[mine], truth[mine])
    target = torch.zeros_like(logits)
    target[mine, kinds[mine]] = 0.3 + 0.7 * iou.detach().clamp(0, 1)
    cost = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    hard = torch.where(target > 0, target, logits.sigmoid().detach().square() * 0.75)
    weight = torch.where(mine, torch.ones_like(weight), weight)[..., None]
    count = mine.sum().clamp(min=1)
    return (cost * hard * weight).sum() / count + 1.5 * (1 - giou).sum() / count


def _weights(streets: list[Street]) -> Floats:
    odds = np.array([
        (0.25 + len(s.heads)) ** 0.5
        * (1.6 if (s.heads[:, 0] == BARE).any() else 1.0)
        * (RENDERED_SHARE if s.group.startswith("rendered") else 1.0)
        for s in streets
    ])  # fmt: skip
    return np.cumsum(odds / odds.sum()).astype(np.float32)


def found_share(model: nn.Module, streets: list[Street]) -> str:
    """Heads found in crops of labelled riders or around heads, and boxes that match none."""
    exported, right, total, wrong = Exported(model), 0, 0, 0
    for street in streets:
        for rider in street.riders:
            size = rider[2:] - rider[:2]
            scale = min(WIDTH / size[0], HEIGHT / size[1]) / 1.1
            middle = (rider[:2] + rider[2:]) / 2
            shift = np.array([WIDTH, HEIGHT]) / 2 - scale * middle
            matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
            crop = cv2.warpAffine(street.picture, matrix, (WIDTH, HEIGHT), borderValue=(GREY,) * 3)
            rows = exported(tensor([crop]))[0].T.numpy()
            scores = rows[:, 4:].max(1)
            corner = rows[:, :2] - rows[:, 2:4] / 2
            kept = cv2.dnn.NMSBoxes(
                np.concatenate([corner, rows[:, 2:4]], 1).tolist(), scores.tolist(), 0.3, 0.45
            )
            found = np.concatenate([corner, corner + rows[:, 2:4]], 1)[np.array(kept, int)]
            truth = _moved(street.heads[:, 1:], matrix)
            inside = (truth[:, :2] > -3).all(1) & (truth[:, 2:] < [WIDTH + 3, HEIGHT + 3]).all(1)
            hits = sum(overlap(found, box) > 0.35 for box in truth[inside])
            right, total = right + hits, total + int(inside.sum())
            wrong += sum(overlap(truth, box) < 0.2 for box in found)
    return f"{right} of {total} heads, {wrong} boxes elsewhere"


def train(recipe: Recipe, imagenet: Path | None, rendered: Path | None) -> None:
    """Train until the minutes are spent."""
    torch.manual_seed(recipe.seed)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    streets, held = [*read("train"), *read_marked(), *read_rendered(rendered)], list(read("val"))
    model, points, odds = Finder(), centres(), _weights(streets)
    if imagenet and not (recipe.work / "last.pt").exists():
        load_imagenet(model.trunk, imagenet)
    rng = np.random.default_rng([recipe.seed, resume(model, recipe)])

    def loss_of_next() -> Tensor:
        places = np.searchsorted(odds, rng.random(BATCH)).clip(0, len(streets) - 1)
        return loss_of(model, [canvas_of(streets[place], rng) for place in places], points)

    def peek(average: nn.Module) -> str:
        with torch.no_grad():
            return found_share(average, held)

    def begin() -> None:
        model.train().to(memory_format=torch.channels_last)
        model.trunk.hold(blocks=FRONT)

    run(recipe, model, loss_of_next, peek, begin)


def export(work: Path, to: Path, version: str) -> None:
    """Write the averaged weights as ONNX with their manifest."""
    model = Finder()
    model.load_state_dict(torch.load(work / "last.pt", weights_only=True)["average"])
    to.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        Exported(model).eval(),
        (torch.zeros(1, 3, HEIGHT, WIDTH),),
        str(to / "finder.onnx"),
        opset_version=17,
        input_names=["images"],
        output_names=["output0"],
        dynamic_axes={"images": {0: "n"}, "output0": {0: "n"}},
        dynamo=False,
    )
    lines = (
        "decoder: yolov8",
        f"input: {{width: {WIDTH}, height: {HEIGHT}, layout: NCHW, color: RGB, letterbox: {GREY},",
        "        resize: area}",
        f"labels: [{', '.join(LABELS)}]",
        f"thresholds: {{confidence: {CONFIDENCE}, iou: 0.45}}",
    )
    describe(to / "finder.onnx", version, "detector", lines)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("train", "export"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--imagenet", type=Path)
    parser.add_argument("--rendered", type=Path)
    parser.add_argument("--to", type=Path)
    parser.add_argument("--version", default="0.1.0")
    told = parser.parse_args()
    if told.command == "train":
        train(
            Recipe(told.work, told.minutes, told.rate, seed=told.seed), told.imagenet, told.rendered
        )
    else:
        export(told.work, told.to, told.version)


if __name__ == "__main__":
    main()
