"""Trains the recogniser from a ring of rendered shards; goes on from its last checkpoint."""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[3] / "twin_models")]

from lessons import Lesson, loss  # noqa: E402 after the path is set
from slotnet import SlotNet  # noqa: E402

EMA = 0.999
WARMUP = 200
# A shard is drawn from until each of its plates was seen so often, if the renderer keeps up.
SAVE_EVERY = 200
# Drawn once: normal numbers cost more than the first convolution.
GRAIN = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0))


@dataclass
class Shard:
    """Pictures on disk and their labels in memory."""

    pictures: NDArray[np.uint8]
    slots: NDArray[np.uint8]
    places: NDArray[np.float16]
    rows: NDArray[np.uint8]
    grounds: NDArray[np.int8]

    @classmethod
    def open(cls, path: Path) -> Shard:
        """Map the pictures, read the rest."""
        with np.load(path.with_suffix(".npz")) as held:
            return cls(
                np.load(path, mmap_mode="r"),
                held["slots"],
                held["places"],
                held["rows"],
                held["grounds"].astype(np.int8),
            )


class Ring:
    """All shards of a folder; looks for new ones now and then."""

    def __init__(self, folder: Path, real: Path | None, share: float) -> None:
        self._folder = folder
        self._real = Shard.open(real) if real else None
        self._share = share if real else 0.0
        self._shards: dict[Path, Shard] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take in new shards and let go of removed ones."""
        paths = [p for p in sorted(self._folder.glob("[0-9]*.npy")) if p.stem.isdigit()]
        self._shards = {p: self._shards.get(p) or Shard.open(p) for p in paths}

    def __len__(self) -> int:
        return len(self._shards)

    def draw(self, count: int, rng: np.random.Generator) -> Lesson:
        """A batch: a few shards' plates, some real ones among them."""
        real = int(rng.binomial(count, self._share))
        shards = list(self._shards.values())
        # The newest shards have been seen least.
        lean = np.geomspace(1.0, 5.0, len(shards))
        chosen = rng.choice(len(shards), 4, p=lean / lean.sum())
        parts = [(shards[i], n) for i, n in zip(chosen, _split(count - real, 4), strict=True)]
        if self._real is not None and real:
            parts.append((self._real, real))
        picked = [(s, np.sort(rng.choice(len(s.rows), n, replace=False))) for s, n in parts if n]

        def join(name: str) -> NDArray[np.generic]:
            return np.concatenate([getattr(s, name)[i] for s, i in picked])

        return Lesson(
            _varied(torch.from_numpy(join("pictures")).permute(0, 3, 1, 2), rng),
            torch.from_numpy(join("slots").astype(np.int64)),
            torch.from_numpy(join("places").astype(np.float32)),
            torch.from_numpy(join("rows").astype(np.int64)),
            torch.from_numpy(join("grounds").astype(np.int64)),
        )


def _split(count: int, parts: int) -> list[int]:
    return [count // parts + (i < count % parts) for i in range(parts)]


def _varied(raw: Tensor, rng: np.random.Generator) -> Tensor:
    """Bytes to -1..1 with cheap changes of light: a plate seen again is not quite the same."""
    count = len(raw)

    def spread(sigma: float, channels: int) -> Tensor:
        return torch.from_numpy(rng.normal(0, sigma, (count, channels, 1, 1)).astype(np.float32))

    gain = torch.exp(spread(0.12, 1))
    x = raw.float().mul_(gain / 127.5).add_(spread(0.08, 1) + spread(0.04, 3) - gain)
    for at in np.flatnonzero(rng.random(count) < 0.2):
        start = int(rng.integers(0, len(GRAIN) - x[at].numel()))
        x[at] += GRAIN[start : start + x[at].numel()].view(x[at].shape) * rng.uniform(0, 0.1)
    for at in np.flatnonzero(rng.random(count) < 0.15):  # a leaf, a cable, mud
        h, w = int(rng.integers(3, 12)), int(rng.integers(3, 14))
        top, left = int(rng.integers(0, 64 - h)), int(rng.integers(0, 160 - w))
        x[at, :, top : top + h, left : left + w] = float(rng.uniform(-1, 1))
    for at in np.flatnonzero(rng.random(count) < 0.1):
        x[at] = x[at].mean(0, keepdim=True)
    return x


class Trainer:
    """Network, averaged network, optimiser and the minutes already spent."""

    def __init__(self, work: Path, rate: float, minutes: float) -> None:
        self.work = work
        self.rate = rate
        self.minutes = minutes
        self.network = SlotNet().to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).eval()
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=rate, weight_decay=0.02, betas=(0.9, 0.98), fused=True
        )
        self.steps = 0
        self.seconds = 0.0
        last = work / "last.pt"
        if last.exists():
            held = torch.load(last)
            self.network.load_state_dict(held["network"])
            self.average.load_state_dict(held["average"])
            self.optimiser.load_state_dict(held["optimiser"])
            self.steps, self.seconds = held["steps"], held["seconds"]

    def save(self) -> None:
        """Write `last.pt` whole or not at all."""
        held = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
            "seconds": self.seconds,
        }
        torch.save(held, self.work / "last.tmp")
        (self.work / "last.tmp").rename(self.work / "last.pt")

    def _schedule(self) -> None:
        gone = min(1.0, self.seconds / (60 * self.minutes))
        rate = self.rate * (0.02 + 0.98 * 0.5 * (1 + float(np.cos(np.pi * gone))))
        rate *= min(1.0, (self.steps + 1) / WARMUP)
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def step(self, lesson: Lesson) -> dict[str, float]:
        """Learn from one batch."""
        began = time.monotonic()
        self._schedule()
        pictures = lesson.pictures.contiguous(memory_format=torch.channels_last)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            answer = self.network(pictures)
        answer = type(answer)(*(part.float() for part in answer))
        total, parts = loss(answer, lesson)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimiser.step()
        self._follow()
        self.steps += 1
        self.seconds += time.monotonic() - began
        slots = answer.slots.detach().argmax(-1)
        parts["exact"] = float((slots == lesson.slots).all(1).float().mean())
        return parts

    @torch.no_grad()
    def _follow(self) -> None:
        keep = min(EMA, (1 + self.steps) / (10 + self.steps))
        here, there = self.network.state_dict(), self.average.state_dict()
        for name, value in there.items():
            if value.dtype.is_floating_point:
                value.lerp_(here[name], 1 - keep)
            else:
                value.copy_(here[name])


def main() -> None:
    """Train until the minutes are spent."""
    ask = argparse.ArgumentParser()
    ask.add_argument("--work", type=Path, required=True)
    ask.add_argument("--ring", type=Path, required=True)
    ask.add_argument("--real", type=Path, help="a shard of real plates (real.py makes it)")
    ask.add_argument("--real-share", type=float, default=0.06)
    ask.add_argument("--minutes", type=float, default=90)
    ask.add_argument("--batch", type=int, default=64)
    ask.add_argument("--rate", type=float, default=2e-3)
    ask.add_argument("--seed", type=int, default=1)
    args = ask.parse_args()
    torch.set_num_threads(1)
    args.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    trainer = Trainer(args.work, args.rate, args.minutes)
    rng = np.random.default_rng(args.seed + trainer.steps)
    ring = Ring(args.ring, args.real, args.real_share)
    while not len(ring):
        time.sleep(2)
        ring.refresh()
    seen: dict[str, float] = {}
    began, at = time.monotonic(), trainer.steps
    while trainer.seconds < 60 * args.minutes:
        for name, value in trainer.step(ring.draw(args.batch, rng)).items():
            seen[name] = seen.get(name, value) * 0.95 + value * 0.05
        if trainer.steps % 50 == 0:
            pace = (trainer.steps - at) * args.batch / (time.monotonic() - began)
            line = {name: round(value, 3) for name, value in seen.items()}
            line |= {"step": trainer.steps, "min": round(trainer.seconds / 60, 1)}
            print(json.dumps(line | {"a_second": round(pace), "shards": len(ring)}), flush=True)
            began, at = time.monotonic(), trainer.steps
            ring.refresh()
        if trainer.steps % SAVE_EVERY == 0:
            trainer.save()
    trainer.save()


if __name__ == "__main__":
    main()
