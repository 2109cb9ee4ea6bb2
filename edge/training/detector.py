"""Train and export the vehicle and plate detector.

    python detector.py train --work /var/tmp/detector --minutes 60
    python detector.py export --work /var/tmp/detector --to ../models/detector

The pictures are found through IOC_REAL_DATA. Training resumes from its last checkpoint.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
import onnx
import torch
from augment import canvas_of
from guesses import HEIGHT, WIDTH, write_guesses
from loss import Grid, Targets, loss
from manifest import write_manifest
from network import STRIDES, Detector, Exported, centres, hold_early, load_coco, steps
from sources import LABELS, Sample, read_rendered, read_split
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


Batch: TypeAlias = tuple[Tensor, Tensor, Tensor]
BOXES_MAX = 60
# Weights in smaller tensors are kept whole.
HALVED_FROM = 1000
SCORE = 0.4
EMA_DECAY = 0.996
WARM_STEPS = 80


@dataclass(frozen=True)
class Recipe:
    """One stage of training."""

    work: Path
    minutes: float
    size: tuple[int, int] = (416, 256)
    batch: int = 16
    rate: float = 6e-4
    trunk_share: float = 0.3
    rendered: Path | None = None
    rendered_share: float = 0.3
    guesses: Path | None = None
    threads: int = 1
    seed: int = 7


class Canvases(IterableDataset):  # type: ignore[type-arg]
    """Endless augmented batches; each stage and worker has its own random stream."""

    def __init__(self, samples: list[Sample], recipe: Recipe, start: int) -> None:
        self.samples, self.recipe, self.start = samples, recipe, start
        weights = np.array([sample.weight for sample in samples], np.float64)
        drawn = np.array([sample.name.startswith("rendered") for sample in samples])
        if drawn.any():
            weights[drawn] *= recipe.rendered_share / weights[drawn].sum()
            weights[~drawn] *= (1 - recipe.rendered_share) / weights[~drawn].sum()
        self.odds = np.cumsum(weights / weights.sum())
        self.odds[-1] = 1.0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.recipe.seed, self.start, info.id if info else 0])
        while True:
            canvases = [
                canvas_of(self.samples, self.odds, self.recipe.size, rng)
                for _ in range(self.recipe.batch)
            ]
            most = max(1, min(BOXES_MAX, max(len(canvas.boxes) for canvas in canvases)))
            boxes = torch.full((len(canvases), most, 5), -1.0)
            for row, canvas in zip(boxes, canvases, strict=True):
                count = min(len(canvas.boxes), most)
                row[:count] = torch.from_numpy(canvas.boxes[:count].astype(np.float32))
            pictures = torch.from_numpy(np.stack([canvas.picture for canvas in canvases]))
            known = torch.from_numpy(np.stack([canvas.known for canvas in canvases]))
            yield pictures, boxes, known


def cells_known(known: Tensor) -> Tensor:
    """Spread (n, classes, h/8, w/8) over the cells of all scales, (n, a, classes)."""
    levels = [
        known[:, :, step // 2 :: step, step // 2 :: step]
        for step in (s // STRIDES[0] for s in STRIDES)
    ]
    return torch.cat([level.flatten(2) for level in levels], 2).transpose(1, 2)


def data_root() -> Path:
    """The folder of labelled pictures.

    Raises:
        SystemExit: IOC_REAL_DATA is not set.
    """
    if not (root := os.environ.get("IOC_REAL_DATA")):
        raise SystemExit("IOC_REAL_DATA must name the folder with vehicles/ and riders/")
    return Path(root)


def _optimizer(model: Detector, recipe: Recipe) -> torch.optim.AdamW:
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        trunk = name.startswith(("stem", "stages"))
        groups.setdefault((trunk, weight.ndim > 1), []).append(weight)
    return torch.optim.AdamW(
        {
            "params": params,
            "scale": recipe.trunk_share if trunk else 1.0,
            "weight_decay": 0.02 if matrix else 0.0,
        }
        for (trunk, matrix), params in groups.items()
    )


def _blend(average: Detector, model: Detector, step: int) -> None:
    decay = min(EMA_DECAY, (1 + step) / (20 + step))
    for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def _save(file: Path, state: dict[str, object]) -> None:
    # A checkpoint cut short must never replace a whole one.
    torch.save(state, file.with_suffix(".part"))
    file.with_suffix(".part").replace(file)


def train(recipe: Recipe, coco: Path | None) -> None:
    """Run one stage until its minutes are spent; the rate falls along a cosine of the time."""
    torch.manual_seed(recipe.seed)
    # A pool of OpenCV threads started here would be dead, and waited for, in the forked loader.
    cv2.setNumThreads(0)
    torch.set_num_threads(recipe.threads)
    recipe.work.mkdir(parents=True, exist_ok=True)
    checkpoint = recipe.work / "last.pt"
    samples = list(read_split(data_root(), "train", recipe.guesses))
    samples += list(read_rendered(recipe.rendered)) if recipe.rendered else []
    model, step = Detector(), 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["average"])
        step = int(saved["step"])
    elif coco:
        load_coco(model, coco)
    average = copy.deepcopy(model).requires_grad_(requires_grad=False)
    print(f"{len(samples)} pictures, from step {step}", flush=True)
    _run(recipe, model, average, samples, step)


def _answers(model: Detector, pictures: Tensor) -> tuple[Tensor, Tensor]:
    x = pictures.permute(0, 3, 1, 2).float().div(255).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, sides = model.raw(x)
    return logits.float(), sides.float()


def _rate(recipe: Recipe, spent: float, steps: int) -> float:
    fall = 0.02 + 0.98 * (1 + math.cos(math.pi * min(spent, 1))) / 2
    return recipe.rate * min(1.0, (steps + 1) / WARM_STEPS) * fall


def _run(
    recipe: Recipe, model: Detector, average: Detector, samples: list[Sample], step: int
) -> None:
    canvases = Canvases(samples, recipe, step)
    loader = DataLoader(canvases, batch_size=None, num_workers=1, prefetch_factor=4)
    model.train().to(memory_format=torch.channels_last)
    hold_early(model)
    optimizer, grid = _optimizer(model, recipe), Grid(centres(*recipe.size), steps(*recipe.size))
    began, first, sums = time.monotonic(), step, torch.zeros(3)
    for pictures, boxes, known in loader:
        spent = (time.monotonic() - began) / (recipe.minutes * 60)
        for group in optimizer.param_groups:
            group["lr"] = _rate(recipe, spent, step - first) * group["scale"]
        parts = torch.stack(
            loss(*_answers(model, pictures), grid, Targets(boxes, cells_known(known)))
        )
        optimizer.zero_grad()
        parts.sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        _blend(average, model, step - first)
        sums += parts.detach()
        step += 1
        if step % 50 == 0:
            rows = " ".join(f"{value / 50:.3f}" for value in sums.tolist())
            print(step, f"{spent:.3f} class, box, side {rows}", flush=True)
            sums.zero_()
        if step % 100 == 0 or spent >= 1:
            state = {"model": model.state_dict(), "average": average.state_dict(), "step": step}
            _save(recipe.work / "last.pt", state)
        if spent >= 1:
            break


def _halved(file: Path) -> None:
    """Store the large weights as float16; the runtime widens them once, when it loads."""
    model = onnx.load(file)
    casts = []
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if (
            values.dtype != np.float32
            or values.size < HALVED_FROM
            or tensor.name.endswith("centres")
        ):
            continue
        name = tensor.name
        small = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half")
        tensor.CopyFrom(small)
        casts.append(onnx.helper.make_node("Cast", [small.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, file)


def export(checkpoint: Path, to: Path, version: str, thresholds: Mapping[str, float]) -> None:
    """Write the averaged weights as ONNX with decoding inside."""
    model = Detector()
    model.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    to.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        Exported(model, WIDTH, HEIGHT).eval(),
        (torch.zeros(1, 3, HEIGHT, WIDTH),),
        str(to / "model.onnx"),
        opset_version=17,
        input_names=["images"],
        output_names=["output0"],
        dynamic_axes={"images": {0: "n"}, "output0": {0: "n"}},
        dynamo=False,
    )
    _halved(to / "model.onnx")
    write_manifest(to, version=version, size=(WIDTH, HEIGHT), thresholds=thresholds)


def _threshold(text: str) -> tuple[str, float]:
    label, _, score = text.partition("=")
    if label not in LABELS:
        message = f"{label!r} is none of {', '.join(LABELS)}"
        raise argparse.ArgumentTypeError(message)
    return label, float(score)


def main() -> None:
    """Read the command line and do the one thing it asks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    teach = commands.add_parser("train")
    teach.add_argument("--work", type=Path, required=True)
    teach.add_argument("--minutes", type=float, required=True)
    teach.add_argument("--coco", type=Path, help="folder of NanoDet-G's weights to start from")
    teach.add_argument("--guesses", type=Path, help="what the weights before training see")
    teach.add_argument("--rendered", type=Path)
    teach.add_argument("--rendered-share", type=float, default=0.3)
    teach.add_argument("--size", type=int, nargs=2, default=(416, 256))
    teach.add_argument("--batch", type=int, default=16)
    teach.add_argument("--rate", type=float, default=6e-4)
    teach.add_argument("--threads", type=int, default=1)
    teach.add_argument("--seed", type=int, default=7)
    ask = commands.add_parser("guess")
    ask.add_argument("--coco", type=Path, required=True)
    ask.add_argument("--to", type=Path, required=True)
    write = commands.add_parser("export")
    write.add_argument("--checkpoint", type=Path, required=True)
    write.add_argument("--to", type=Path, required=True)
    write.add_argument("--version", required=True)
    write.add_argument("--threshold", type=_threshold, action="append", default=[])
    given = vars(parser.parse_args())
    match given.pop("command"):
        case "train":
            coco = given.pop("coco")
            train(Recipe(**{**given, "size": tuple(given["size"])}), coco)
        case "guess":
            write_guesses(data_root(), given["coco"], given["to"])
        case _:
            thresholds = dict.fromkeys(LABELS, SCORE) | dict(given["threshold"])
            export(given["checkpoint"], given["to"], given["version"], thresholds)


if __name__ == "__main__":
    main()
