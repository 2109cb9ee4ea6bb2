"""Train, export and measure the network that says helmet, no helmet or unknown of a head.

    python judge.py train --work /var/tmp/helmets/judge --minutes 18 --imagenet LITE0.pth
    python judge.py export --work /var/tmp/helmets/judge --to ../../models/helmets

The pictures are found through IOC_REAL_DATA. Training resumes from its last checkpoint.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from degrade import degrade, shrink, view
from describe import describe
from extra import read_marked, read_rendered
from heads import BARE, HELMET, UNKNOWN, Floats, Picture, Street, read
from loop import Recipe, resume, run
from torch import Tensor, nn
from torch.nn import functional
from trunk import FRONT, Trunk, load_imagenet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator

LABELS = ("helmet", "no_helmet", "unknown")
SIDE = 64
# A crop is a square of this many times the head's longer side: hair, strap and neck tell as well.
REACH = 1.5
BATCH = 64
# The front of the trunk stays as ImageNet taught it, so its maps of a crop are made once and
# learnt from a few times, in other company; then fresh crops take their place.
POOL, PASSES = 4096, 3
# There are as many rendered heads as real ones; they must not weigh as much.
RENDERED_SHARE = 0.12
# How often each answer is shown.
SHARES = {HELMET: 0.4, BARE: 0.38, UNKNOWN: 0.22}
SMOOTHING = 0.04


class Judge(nn.Module):
    """Logits (n, 3) for crops (n, 3, 64, 64) float32 RGB in 0..1."""

    def __init__(self, *, contrast: bool = True) -> None:
        super().__init__()
        self.contrast = contrast
        self.trunk = Trunk()
        self.last = nn.Linear(112 * 2 + 40, len(LABELS))

    def forward(self, x: Tensor) -> Tensor:
        """Answer crops."""
        return self.answer(self.front(x))

    def front(self, x: Tensor) -> Tensor:
        """The trunk's map at stride 8; with `contrast`, of crops brought to the same light.

        Grey morning cameras and glaring noon then look alike, and so do hair and helmets in both.
        """
        if not self.contrast:
            return self.trunk.front(x)
        mean = x.mean((1, 2, 3), keepdim=True)
        spread = (x - mean).square().mean((1, 2, 3), keepdim=True).sqrt()
        return self.trunk.front((x - mean) / (spread + 0.04) * 0.25 + 0.5)

    def answer(self, front: Tensor) -> Tensor:
        """Mean and peak of what the trunk sees, from the map of its front."""
        middle, coarse = front, self.trunk.rest(front)
        seen = torch.cat([coarse.mean((2, 3)), coarse.amax((2, 3)), middle.mean((2, 3))], 1)
        return self.last(functional.dropout(seen, 0.2, self.training))


class Answers(nn.Module):
    """Judges as they are exported: the mean of all over the crop and its mirror image."""

    def __init__(self, judges: list[Judge], mercy: float) -> None:
        super().__init__()
        self.judges = nn.ModuleList(judges)
        self.register_buffer("mercy", torch.tensor([0.0, -mercy, 0.0]))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, 3)."""
        both = (images, images.flip(3))
        said = torch.stack([judge(view) for judge in self.judges for view in both])
        return said.mean(0) + self.mercy


@dataclass(frozen=True)
class Looks:
    """Everything that a batch is drawn from."""

    streets: list[Street]
    heads: dict[int, list[tuple[int, int]]]
    odds: dict[int, Floats]

    @classmethod
    def of(cls, streets: list[Street]) -> Looks:
        """Weigh heads so that a place with many near-repeats does not drown the others."""
        heads: dict[int, list[tuple[int, int]]] = {HELMET: [], BARE: []}
        for place, street in enumerate(streets):
            for index, head in enumerate(street.heads):
                heads[int(head[0])].append((place, index))
        odds = {}
        for kind, rows in heads.items():
            crowd = Counter(streets[place].group for place, _ in rows)
            sources = Counter(streets[place].group.split("/")[0] for place, _ in rows)
            weights = np.array([
                crowd[streets[p].group] ** -0.5
                * sources[streets[p].group.split("/")[0]] ** -0.5
                * (RENDERED_SHARE if streets[p].group.startswith("rendered") else 1.0)
                for p, _ in rows
            ])  # fmt: skip
            odds[kind] = np.cumsum(weights / weights.sum()).astype(np.float32)
        return cls(streets, heads, odds)

    def draw(self, kind: int, rng: Generator) -> tuple[Street, Floats]:
        """A head of a kind and its picture."""
        at = min(int(np.searchsorted(self.odds[kind], rng.random())), len(self.heads[kind]) - 1)
        place, index = self.heads[kind][at]
        return self.streets[place], self.streets[place].heads[index, 1:]


def overlap(boxes: Floats, box: Floats) -> float:
    """The largest IoU of a box with any of some boxes."""
    if not len(boxes):
        return 0.0
    near = np.maximum(boxes[:, :2], box[:2])
    far = np.minimum(boxes[:, 2:], box[2:])
    inner = (far - near).clip(0).prod(1)
    both = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    return float((inner / (both - inner)).max())


def jittered(box: Floats, rng: Generator) -> tuple[tuple[float, float], float]:
    """Centre and longer side of a head box that a detector, or a hand, drew 30 % wrong."""
    width, height = box[2:] - box[:2]
    side = max(width, height)
    x = (box[0] + box[2]) / 2 + rng.uniform(-0.22, 0.22) * width
    y = (box[1] + box[3]) / 2 + rng.uniform(-0.22, 0.22) * height
    return (float(x), float(y)), float(side * np.exp(rng.uniform(np.log(0.72), np.log(1.38))))


def _elsewhere(looks: Looks, rng: Generator) -> tuple[Street, tuple[float, float], float]:
    """A square that holds no head: bike, back, road, wall, or the edge of a head."""
    while True:
        street = looks.streets[int(rng.integers(len(looks.streets)))]
        if len(street.nothing):
            box = street.nothing[int(rng.integers(len(street.nothing)))]
            return street, *jittered(box, rng)
        height, width = street.picture.shape[:2]
        side = float(np.exp(rng.uniform(np.log(14), np.log(max(30, height * 0.4)))))
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        if len(street.heads) and rng.random() < 0.6:
            head = street.heads[int(rng.integers(len(street.heads))), 1:]
            side = float((head[3] - head[1]) * np.exp(rng.normal(0, 0.35)))
            x = (head[0] + head[2]) / 2 + rng.normal(0, 1.6) * side
            y = (head[1] + head[3]) / 2 + abs(rng.normal(0, 2.2)) * side
        box = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2], np.float32)
        inside = 0 <= x < width and 0 <= y < height
        if inside and overlap(street.heads[:, 1:], box) < 0.06 and overlap(street.vague, box) == 0:
            return street, (float(x), float(y)), side


def one_look(looks: Looks, kind: int, rng: Generator) -> Picture:
    """An augmented crop of a kind."""
    if kind == UNKNOWN:
        street, centre, side = _elsewhere(looks, rng)
    else:
        street, box = looks.draw(kind, rng)
        centre, side = jittered(box, rng)
    scale = SIDE / (side * REACH)
    crop, _ = view(street.picture, centre, scale, (SIDE, SIDE), rng)
    # From here on as a camera would have seen a head of 12 to 60 pixels.
    seen = float(np.exp(rng.uniform(np.log(12), np.log(60))))
    if (factor := SIDE / REACH / min(seen, side)) > 1.1 and rng.random() < 0.7:
        crop = shrink(crop, factor, rng)
    crop = degrade(crop, rng)
    if rng.random() < 0.12:
        x, y = rng.integers(0, SIDE, 2)
        w, h = rng.integers(8, SIDE // 2, 2)
        crop[y : y + h, x : x + w] = rng.integers(0, 255, 3)
    return crop


def tensor(crops: list[Picture]) -> Tensor:
    """Crops BGR uint8 as the network wants them."""
    stacked = np.ascontiguousarray(np.stack(crops)[..., ::-1].transpose(0, 3, 1, 2))
    return torch.from_numpy(stacked).float() / 255


def plain_look(picture: Picture, box: Floats) -> Picture:
    """The crop of a head as the edge cuts it."""
    side = float(max(box[2] - box[0], box[3] - box[1])) * REACH
    scale, middle = SIDE / side, (box[:2] + box[2:]) / 2
    if scale < 0.7:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        middle, scale = middle * scale, 1.0
    shift = SIDE / 2 - middle * scale
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return cv2.warpAffine(
        picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def known_heads(split: str) -> tuple[Tensor, Floats, list[str]]:
    """Plain crops of a split, their kinds and their sources."""
    crops, kinds, sources = [], [], []
    for street in read(split):
        for head in street.heads:
            crops.append(plain_look(street.picture, head[1:]))
            kinds.append(head[0])
            sources.append(street.group.split("/")[0])
    return tensor(crops), np.array(kinds, np.float32), sources


def fill(looks: Looks, model: Judge, rng: Generator) -> tuple[Tensor, Tensor]:
    """A pool of fresh crops as the front sees them, and their kinds."""
    maps, kinds = [], []
    for _ in range(POOL // BATCH):
        wanted = rng.choice(len(LABELS), BATCH, p=[SHARES[k] for k in range(len(LABELS))])
        crops = tensor([one_look(looks, int(kind), rng) for kind in wanted])
        with torch.no_grad():
            front = model.front(crops.contiguous(memory_format=torch.channels_last))
        maps.append(front.half())
        kinds.append(torch.from_numpy(wanted))
    return torch.cat(maps), torch.cat(kinds)


def batches(looks: Looks, model: Judge, rng: Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of front maps and kinds."""
    while True:
        maps, kinds = fill(looks, model, rng)
        for _ in range(PASSES):
            for rows in torch.from_numpy(rng.permutation(POOL)).split(BATCH):
                yield maps[rows].float(), kinds[rows]


def reached(average: nn.Module, shown: Tensor, kinds: Floats) -> str:
    """Bare heads of the validation split accused rightly, and others wrongly."""
    with torch.no_grad():
        belief = torch.cat([average(part) for part in shown.split(64)]).softmax(1).numpy()
    bare, total = belief[:, BARE], int((kinds == BARE).sum())
    return " ".join(
        f"at {cut}: {int(((bare > cut) & (kinds == BARE)).sum())} of {total} right, "
        f"{int(((bare > cut) & (kinds != BARE)).sum())} wrong;"
        for cut in (0.5, 0.7, 0.85)
    )


def train(recipe: Recipe, imagenet: Path | None, rendered: Path | None) -> None:
    """Train until the minutes are spent."""
    torch.manual_seed(recipe.seed)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    looks = Looks.of([*read("train"), *read_marked(), *read_rendered(rendered)])
    model = Judge(contrast=not recipe.work.name.endswith("plain"))
    if imagenet and not (recipe.work / "last.pt").exists():
        load_imagenet(model.trunk, imagenet)
    # The sequence goes on where it stood: a resumed stage must not see its first batches again.
    rng = np.random.default_rng([recipe.seed, resume(model, recipe)])
    shown, kinds, _ = known_heads("val")
    model.train().to(memory_format=torch.channels_last)
    model.trunk.hold(blocks=FRONT)
    drawn = batches(looks, model, rng)

    def loss_of_next() -> Tensor:
        maps, target = next(drawn)
        logits = model.answer(maps.contiguous(memory_format=torch.channels_last))
        return functional.cross_entropy(logits, target, label_smoothing=SMOOTHING)

    def begin() -> None:
        model.train()
        model.trunk.hold(blocks=FRONT)

    run(recipe, model, loss_of_next, lambda average: reached(average, shown, kinds), begin)


def export(works: list[Path], to: Path, version: str, mercy: float) -> None:
    """Write the averaged weights of all judges as one ONNX with its manifest.

    Args:
        works: Where the checkpoints are; of the plain ones the name ends in "plain".
        to: The folder of the model.
        version: Of the model.
        mercy: Taken off the logit of `no_helmet`. Training shows as many bare heads as covered
            ones; on the road they are rarer, and the logarithm of how much is what Bayes takes.
    """
    judges = []
    for work in works:
        judges.append(Judge(contrast=not work.name.endswith("plain")))
        saved = torch.load(work / "last.pt", weights_only=True)
        judges[-1].load_state_dict(saved["average"])
    to.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        Answers(judges, mercy).eval(),
        (torch.zeros(1, 3, SIDE, SIDE),),
        str(to / "judge.onnx"),
        opset_version=17,
        input_names=["images"],
        output_names=["classes"],
        dynamic_axes={"images": {0: "n"}, "classes": {0: "n"}},
        dynamo=False,
    )
    lines = (
        "decoder: softmax",
        "scores: logits",
        f"input: {{width: {SIDE}, height: {SIDE}, layout: NCHW, color: RGB, stretch: true,",
        "        resize: area}",
        f"labels: [{', '.join(LABELS)}]",
        f"notes: {{mercy: {mercy}}}",
    )
    describe(to / "judge.onnx", version, "classifier", lines)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("train", "export"))
    parser.add_argument("--work", type=Path, required=True, nargs="+")
    parser.add_argument("--minutes", type=float, default=18)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--imagenet", type=Path)
    parser.add_argument("--rendered", type=Path)
    parser.add_argument("--to", type=Path)
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--mercy", type=float, default=0.0)
    told = parser.parse_args()
    if told.command == "train":
        train(
            Recipe(told.work[0], told.minutes, told.rate, seed=told.seed),
            told.imagenet,
            told.rendered,
        )
    else:
        export(told.work, told.to, told.version, told.mercy)


if __name__ == "__main__":
    main()
