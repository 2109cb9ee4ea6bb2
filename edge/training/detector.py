"""Train, export and measure the vehicle and plate detector.

    python detector.py train --work /var/tmp/detector --minutes 60
    python detector.py export --work /var/tmp/detector --to ../models/detector
    python detector.py evaluate --model ../models/detector/model.onnx

The pictures are found through IOC_REAL_DATA. Training resumes from its last checkpoint.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
import time
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
import onnxruntime
import torch
from augment import canvas_of
from loss import Targets, loss
from manifest import write_manifest
from measure import HEIGHT, WIDTH, per_class, scene_recall
from network import STRIDES, Detector, Exported, centres, hold_early, hold_front, load_imagenet
from sources import Sample, read_rendered, read_split
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measure import Network
    from sources import Floats

Batch: TypeAlias = tuple[Tensor, Tensor, Tensor]
Step: TypeAlias = tuple[list[Tensor], Tensor, Tensor]
BOXES_MAX = 60
EMA_DECAY = 0.996
WARM_STEPS = 80


@dataclass(frozen=True)
class Recipe:
    """One stage of training."""

    work: Path
    minutes: float
    size: tuple[int, int] = (416, 256)
    batch: int = 16
    rate: float = 1.5e-3
    trunk_share: float = 0.3
    rendered: Path | None = None
    rendered_share: float = 0.3
    threads: int = 1
    seed: int = 7
    pool: int = 0


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
        trunk = name.startswith(("stem", "blocks"))
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


def _peek(samples: list[Sample]) -> Tensor:
    size = (384, 256)
    pictures = [cv2.resize(sample.picture, size) for sample in samples[:: len(samples) // 32]]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


def _save(file: Path, state: dict[str, object]) -> None:
    # A checkpoint cut short must never replace a whole one.
    torch.save(state, file.with_suffix(".part"))
    file.with_suffix(".part").replace(file)


def train(recipe: Recipe, imagenet: Path | None) -> None:
    """Run one stage until its minutes are spent; the rate falls along a cosine of the time."""
    torch.manual_seed(recipe.seed)
    # A pool of OpenCV threads started here would be dead, and waited for, in the forked loader.
    cv2.setNumThreads(0)
    torch.set_num_threads(recipe.threads)
    recipe.work.mkdir(parents=True, exist_ok=True)
    checkpoint = recipe.work / "last.pt"
    samples = list(read_split(data_root(), "train"))
    samples += list(read_rendered(recipe.rendered)) if recipe.rendered else []
    model, step = Detector(), 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["average"])
        step = int(saved["step"])
    elif imagenet:
        load_imagenet(model, imagenet, _peek(samples))
    average = copy.deepcopy(model).requires_grad_(requires_grad=False)
    print(f"{len(samples)} pictures, from step {step}", flush=True)
    _run(recipe, model, average, samples, step)


def _front(model: Detector, pictures: Tensor) -> list[Tensor]:
    x = pictures.permute(0, 3, 1, 2).float().div(255).contiguous(memory_format=torch.channels_last)
    return model.front(x)


def _live(_: Recipe, model: Detector, loader: DataLoader[Batch]) -> Iterator[Step]:
    """Batches whose trunk learns too."""
    hold_early(model)
    for pictures, boxes, known in loader:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            yield _front(model, pictures), boxes, known


def fill_pool(recipe: Recipe, model: Detector, loader: DataLoader[Batch], file: Path) -> None:
    """Show the model's front a number of canvases once and keep its maps."""
    model.eval()
    pool: list[Step] = []
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for pictures, boxes, known in loader:
            pool.append((_front(model, pictures), boxes, known))
            if len(pool) * recipe.batch >= recipe.pool:
                break
    torch.save(pool, file)


def _pooled(recipe: Recipe, model: Detector, loader: DataLoader[Batch]) -> Iterator[Step]:
    """Batches from a pool of canvases that the front has seen once; a step costs a third."""
    file = recipe.work / "pool.pt"
    if not file.exists():
        fill_pool(recipe, model, loader, file)
    model.train()
    hold_front(model)
    pool: list[Step] = torch.load(file, weights_only=True)
    print(f"pool of {len(pool)} batches", flush=True)
    rng = np.random.default_rng(recipe.seed)
    while True:
        for index in rng.permutation(len(pool)):
            yield pool[index]


def _rate(recipe: Recipe, spent: float, steps: int) -> float:
    fall = 0.02 + 0.98 * (1 + math.cos(math.pi * min(spent, 1))) / 2
    return recipe.rate * min(1.0, (steps + 1) / WARM_STEPS) * fall


def _run(
    recipe: Recipe, model: Detector, average: Detector, samples: list[Sample], step: int
) -> None:
    canvases = Canvases(samples, recipe, step)
    loader = DataLoader(canvases, batch_size=None, num_workers=1, prefetch_factor=4)
    model.train().to(memory_format=torch.channels_last)
    batches = (_pooled if recipe.pool else _live)(recipe, model, loader)
    ready = next(batches)
    optimizer, points = _optimizer(model, recipe), centres(*recipe.size)
    began, first, sums = time.monotonic(), step, torch.zeros(2)
    for maps, boxes, known in chain([ready], batches):
        spent = (time.monotonic() - began) / (recipe.minutes * 60)
        for group in optimizer.param_groups:
            group["lr"] = _rate(recipe, spent, step - first) * group["scale"]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, sides = model.answer(maps)
        wanted = Targets(boxes, cells_known(known))
        parts = torch.stack(loss(logits.float(), sides.float(), points, wanted))
        optimizer.zero_grad()
        parts.sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        _blend(average, model, step - first)
        sums += parts.detach()
        step += 1
        if step % 50 == 0:
            rows = [f"{value / 50:.3f}" for value in sums.tolist()]
            print(step, f"{spent:.3f} class {rows[0]} box {rows[1]}", flush=True)
            sums.zero_()
        if step % 100 == 0 or spent >= 1:
            state = {"model": model.state_dict(), "average": average.state_dict(), "step": step}
            _save(recipe.work / "last.pt", state)
        if spent >= 1:
            break


def export(work: Path, to: Path, version: str, score: float) -> None:
    """Write the averaged weights as ONNX with decoding inside."""
    model = Detector()
    model.load_state_dict(torch.load(work / "last.pt", weights_only=True)["average"])
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
    write_manifest(to, version=version, width=WIDTH, height=HEIGHT, score=score)


def open_onnx(file: Path) -> Network:
    """The exported model on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def run(blob: Floats) -> Floats:
        output: Floats = session.run(None, {"images": blob})[0]
        return output

    return run


def evaluate(file: Path, rendered: Path | None) -> None:
    """Print AP50 per class on the validation splits, plate recall on the scenes, and the speed."""
    network, root = open_onnx(file), data_root()
    for label, (precision, count) in per_class(network, read_split(root, "val")).items():
        print(f"AP50 {label:10s} {precision:.3f}  of {count} boxes")
    if rendered:
        for label, (precision, count) in per_class(network, read_rendered(rendered)).items():
            print(f"rendered AP50 {label:10s} {precision:.3f}  of {count} boxes")
    for score in (0.1, 0.15, 0.2, 0.25, 0.3):
        right, total, wrong = scene_recall(network, root / "vn_scenes", score)
        print(f"vn_scenes at {score}: {right}/{total} plates, {wrong} boxes too many")
    blob = np.zeros((1, 3, HEIGHT, WIDTH), np.float32)
    times = []
    for _ in range(30):
        began = time.perf_counter()
        network(blob)
        times.append(time.perf_counter() - began)
    best, median = 1000 * min(times), 1000 * sorted(times)[15]
    print(f"one thread: best {best:.1f} ms, median {median:.1f} ms per frame")


def main() -> None:
    """Read the command line and do the one thing it asks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    teach = commands.add_parser("train")
    teach.add_argument("--work", type=Path, required=True)
    teach.add_argument("--minutes", type=float, required=True)
    teach.add_argument("--imagenet", type=Path, help="EfficientNet-Lite0 weights to start from")
    teach.add_argument("--rendered", type=Path)
    teach.add_argument("--rendered-share", type=float, default=0.3)
    teach.add_argument("--size", type=int, nargs=2, default=(416, 256))
    teach.add_argument("--batch", type=int, default=16)
    teach.add_argument("--rate", type=float, default=1.5e-3)
    teach.add_argument("--pool", type=int, default=0, help="canvases, trunk held still")
    teach.add_argument("--threads", type=int, default=1)
    teach.add_argument("--seed", type=int, default=7)
    write = commands.add_parser("export")
    write.add_argument("--work", type=Path, required=True)
    write.add_argument("--to", type=Path, required=True)
    write.add_argument("--version", default="0.1.0")
    write.add_argument("--score", type=float, default=0.2)
    test = commands.add_parser("evaluate")
    test.add_argument("--model", type=Path, required=True)
    test.add_argument("--rendered", type=Path)
    given = vars(parser.parse_args())
    match given.pop("command"):
        case "train":
            imagenet = given.pop("imagenet")
            train(Recipe(**{**given, "size": tuple(given["size"])}), imagenet)
        case "export":
            export(given["work"], given["to"], given["version"], given["score"])
        case _:
            evaluate(given["model"], given["rendered"])


if __name__ == "__main__":
    main()
