"""Fills a ring of shards with rendered plates while training reads from it.

A shard is `NNNNN.npy` (pictures) beside `NNNNN.npz` (labels); the oldest is removed when the
ring is full, so the trainer sees each plate a few times and then never again.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[3] / "twin_models")]

from camera import HEIGHT, WIDTH, Shot, shoot  # noqa: E402 after the path is set
from drawing import Picture, Rng, codes, paint  # noqa: E402
from letters import Face, faces  # noqa: E402
from registrations import GROUNDS, SLOTS, Registration, draw  # noqa: E402

SHARD = 4096
VIEWS = 3  # of each drawing: drawing costs more than photographing
# Shards after which the conditions are as hard as they get.
RAMP = 20
MOST = 0.85


class Batch:
    """Samples on their way to a shard."""

    def __init__(self, count: int) -> None:
        self.pictures = np.zeros((count, HEIGHT, WIDTH, 3), np.uint8)
        self.slots = np.zeros((count, SLOTS), np.uint8)
        self.places = np.full((count, SLOTS, 4), np.nan, np.float32)
        self.rows = np.zeros(count, np.uint8)
        self.grounds = np.zeros(count, np.uint8)
        self.filled = 0

    def add(self, plate: Registration, shot: Shot) -> bool:
        """Keep one sample; letters that the crop cut off are no part of its text."""
        text = "".join(c for c, seen in zip(plate.text, shot.seen, strict=True) if seen)
        if len(text) < 4:
            return False
        at = self.filled
        self.pictures[at] = shot.picture
        self.slots[at] = codes(text, SLOTS)
        self.places[at, : len(text)] = shot.places[shot.seen]
        self.rows[at] = len(plate.rows) - 1
        self.grounds[at] = GROUNDS.index(plate.ground)
        self.filled += 1
        return True

    def save(self, stem: Path) -> None:
        """Write both files; the pictures appear last, since readers look for them."""
        np.savez(
            stem.with_suffix(".npz"),
            slots=self.slots,
            places=self.places.astype(np.float16),
            rows=self.rows,
            grounds=self.grounds,
        )
        np.save(stem.with_suffix(".tmp.npy"), self.pictures)
        stem.with_suffix(".tmp.npy").rename(stem.with_suffix(".npy"))


def shard(
    odds: tuple[list[Face], list[float]],
    backdrops: list[Picture],
    *,
    seed: int,
    hard: float,
    count: int = SHARD,
) -> Batch:
    """Render one shard; the same seed gives the same pictures."""
    rng = np.random.default_rng(seed)
    cv2.setRNGSeed(seed % (2**31))
    batch = Batch(count)
    while batch.filled < count:
        plate = draw(rng)
        painted = paint(plate, odds, rng)
        for _ in range(VIEWS):
            if batch.filled < count:
                # Some easy ones at all times, so that letters stay sharp in mind.
                level = hard * (1.0 if rng.random() < 0.75 else float(rng.random()))
                batch.add(plate, shoot(painted, backdrops, rng, hard=level))
    return batch


def load_backdrops(folder: Path | None, rng: Rng, most: int = 300) -> list[Picture]:
    """Street pictures to put behind plates, small; none when there is no folder."""
    if folder is None:
        return []
    paths = sorted(folder.rglob("*.jpg"))
    chosen = [paths[i] for i in rng.permutation(len(paths))[:most]]
    found = []
    for path in chosen:
        picture = cv2.imread(str(path))
        if picture is not None:
            scale = 320 / max(picture.shape[:2])
            small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            found.append(np.ascontiguousarray(small[..., ::-1], np.uint8))
    return found


def main() -> None:
    """Render until stopped."""
    ask = argparse.ArgumentParser()
    ask.add_argument("--to", type=Path, required=True)
    ask.add_argument("--fonts", type=Path, help="a further folder of fonts")
    ask.add_argument("--backdrops", type=Path, help="folder of street pictures that may train")
    ask.add_argument("--ring", type=int, default=30, help="shards kept")
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--hard", type=float, help="fixed level instead of the ramp")
    ask.add_argument("--only", type=int, help="stop after so many shards")
    args = ask.parse_args()
    cv2.setNumThreads(1)
    args.to.mkdir(parents=True, exist_ok=True)
    odds = faces(args.fonts)
    backdrops = load_backdrops(args.backdrops, np.random.default_rng(args.seed))
    done = sorted(int(p.stem) for p in args.to.glob("[0-9]*.npy") if p.stem.isdigit())
    number = done[-1] + 1 if done else 0
    last = number + args.only if args.only else None
    while last is None or number < last:
        began = time.process_time()
        hard = args.hard if args.hard is not None else min(MOST, 0.3 + (MOST - 0.3) * number / RAMP)
        seed = args.seed * 1_000_003 + number
        shard(odds, backdrops, seed=seed, hard=hard).save(args.to / f"{number:05d}")
        spent = time.process_time() - began
        print(f"shard {number} hard {hard:.2f}: {SHARD / spent:.0f} a CPU second", flush=True)
        for old in sorted(args.to.glob("[0-9]*.npy"))[: -args.ring]:
            old.unlink(missing_ok=True)
            old.with_suffix(".npz").unlink(missing_ok=True)
        number += 1


if __name__ == "__main__":
    main()
