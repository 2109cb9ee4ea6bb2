"""How well an exported reader does: on rendered plates and on real ones it never learned from.

Also finds the temperature by which its belief is divided (Guo 2017: the one that makes the held
texts likeliest).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import onnxruntime as ort

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[3] / "twin_models")]

from camera import HEIGHT, WIDTH  # noqa: E402 after the path is set
from drawing import Floats, Picture, codes  # noqa: E402
from real import cut, known  # noqa: E402
from registrations import GROUNDS, SLOTS  # noqa: E402

from ioc_edge.beliefs import read_slots  # noqa: E402
from ioc_models.plates import ALPHABET  # noqa: E402


class Held(NamedTuple):
    """Plates with their answers: pictures (n, 64, 160, 3) RGB, slots (n, 10), rows, grounds."""

    pictures: Picture
    slots: Picture
    rows: Picture
    grounds: Picture


def stretched(crop: Picture) -> Picture:
    """As the edge feeds it: averaged where it shrinks."""
    h, w = crop.shape[:2]
    way = cv2.INTER_AREA if w > WIDTH or h > HEIGHT else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (WIDTH, HEIGHT), interpolation=way), np.uint8)


def rendered(path: Path) -> Held:
    """A shard."""
    labels = np.load(path.with_suffix(".npz"))
    pictures = np.load(path)
    return Held(pictures, labels["slots"], labels["rows"], labels["grounds"])


def real(riders: Path, part: str) -> Held:
    """Labelled real plates of a part."""
    plates = known(riders, part)
    return Held(
        np.stack([stretched(cut(plate)) for plate in plates]),
        np.stack([codes(plate.text, SLOTS) for plate in plates]),
        np.array([plate.lines - 1 for plate in plates], np.uint8),
        np.array([GROUNDS.index(plate.ground) for plate in plates], np.uint8),
    )


def answers(model: Path, pictures: Picture) -> tuple[Floats, Floats, Floats]:
    """Logits of slots, rows and ground."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    parts = []
    for start in range(0, len(pictures), 64):
        batch = pictures[start : start + 64].transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
        parts.append(session.run(["slots", "rows", "ground"], {"images": batch}))
    slots, rows, ground = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return slots, rows, ground


def shares(logits: Floats, temperature: float = 1.0) -> Floats:
    """Softmax over the last axis."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(-1, keepdims=True)
    belief: Floats = np.exp(scaled)
    belief /= belief.sum(-1, keepdims=True)
    return belief


def best_temperature(logits: Floats, slots: Picture) -> float:
    """The temperature at which whole texts are likeliest."""

    def unlikely(temperature: float) -> float:
        belief = shares(logits, temperature)
        right = np.take_along_axis(belief, slots[..., None].astype(np.int64), -1)[..., 0]
        return float(-np.log(right + 1e-12).sum(1).mean())

    tried = np.exp(np.linspace(np.log(0.3), np.log(3), 60))
    return float(min(tried, key=unlikely))


def calibration_error(confidence: Floats, right: Floats, bins: int = 10) -> float:
    """Expected calibration error over equally wide bins."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    total = 0.0
    for one in range(bins):
        inside = place == one
        if inside.any():
            total += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return float(total)


def text_of(slots: Picture) -> str:
    """Letters of non-empty slots."""
    return "".join(ALPHABET[column - 1] for column in slots if column)


def report(model: Path, name: str, held: Held, temperature: float) -> Floats:
    """Print one line and hand back the slots' logits."""
    slots, rows, ground = answers(model, held.pictures)
    belief = shares(slots, temperature)
    straight = (slots.argmax(-1) == held.slots).all(1)
    letters = (slots.argmax(-1) == held.slots)[held.slots > 0].mean()
    seen_rows = rows.argmax(-1)
    readings = [
        read_slots(one, 2 if row else 1, ground=GROUNDS[int(colour)])
        for one, row, colour in zip(belief, seen_rows, ground.argmax(-1), strict=True)
    ]
    truth = [text_of(one) for one in held.slots]
    right = np.array([r is not None and r.text == t for r, t in zip(readings, truth, strict=True)])
    sure = np.array([r.confidence if r else 0.0 for r in readings])
    order = np.argsort(-sure)
    kept = order[: round(0.85 * len(order))]
    least = sure[kept].min()
    print(
        f"{name:24s} n {len(truth):5d}  letters {letters:.4f}  raw {straight.mean():.3f}  "
        f"grammar {right.mean():.3f}  at 85 % {right[kept].mean():.4f} from {least:.2f}  "
        f"ECE {calibration_error(sure, right):.3f}  rows {(seen_rows == held.rows).mean():.3f}  "
        f"ground {(ground.argmax(-1) == held.grounds).mean():.3f}  "
        f"T* {best_temperature(slots, held.slots):.2f}",
        flush=True,
    )
    return slots


def main() -> None:
    """Print a table."""
    ask = argparse.ArgumentParser()
    ask.add_argument("--model", type=Path, required=True)
    ask.add_argument("--rendered", type=Path, nargs="*", default=[])
    ask.add_argument("--riders", type=Path)
    ask.add_argument("--temperature", type=float, default=1.0)
    args = ask.parse_args()
    for path in args.rendered:
        report(args.model, path.stem, rendered(path), args.temperature)
    if args.riders:
        for part in ("train", "hold"):
            report(args.model, f"real {part}", real(args.riders, part), args.temperature)


if __name__ == "__main__":
    main()
