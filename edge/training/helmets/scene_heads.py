"""Riders of the simulated junction with their heads, for a small share of the training pictures.

    python scene_heads.py --to /var/tmp/helmets/rendered --clips 14 --first-seed 3000

Needs the ioc_edge package on the path. Seeds below 1000 are left to demos and tests.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from ioc_edge.scene import SceneSpec, Script, render

# The renderer tells a rider's box, not the head's: it is the upper quarter, about square.
HEAD_SHARE = 0.25
SHORTEST_PX = 60
VISIBLE_MIN = 0.75


def spec_of(seed: int) -> SceneSpec:
    """A scene whose light, weather, lens and traffic follow from the seed."""
    rng = np.random.default_rng(seed)
    return SceneSpec(
        seed=seed,
        fps=0.4,
        seconds=25,
        time_of_day=str(rng.choice(["day", "dusk", "night"], p=[0.5, 0.25, 0.25])),  # type: ignore[arg-type]
        rain=bool(rng.random() < 0.25),
        view="plates" if rng.random() < 0.6 else "junction",
        density=float(rng.uniform(1.0, 2.5)),
        tapered=False,
        script=Script(red_light=0, wrong_way=0, no_helmet=16, speeding=0),
    )


def main() -> None:
    """Render the clips that the folder does not hold yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=14)
    parser.add_argument("--first-seed", type=int, default=3000)
    told = parser.parse_args()
    told.to.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    for seed in range(told.first_seed, told.first_seed + told.clips):
        if list(told.to.glob(f"{seed}-*.npz")):
            continue
        for picture, truth in render(spec_of(seed)):
            count = 0
            for bike in truth.boxes:
                people = [one for one in truth.boxes if one.track == bike.track]
                people = [one for one in people if one.label == "person"]
                left, top, right, bottom = bike.xyxy
                clear = bike.visible >= VISIBLE_MIN and bottom - top >= SHORTEST_PX
                # Which of two heads is the bare one is not told.
                if bike.label != "motorbike" or not clear or (not bike.helmet and len(people) > 1):
                    continue
                heads = [_head(one.xyxy, bare=not bike.helmet) for one in people]
                pad = 0.3 * (bottom - top)
                x, y = max(0, int(left - pad)), max(0, int(top - pad))
                crop = picture[y : int(bottom + pad), x : int(right + pad)]
                shift = np.array([x, y, x, y])
                np.savez_compressed(
                    told.to / f"{seed}-{truth.index}-{count}.npz",
                    picture=crop,
                    heads=np.array([[h[0], *(np.array(h[1:]) - shift)] for h in heads]),
                    rider=np.array(bike.xyxy) - shift,
                )
                count += 1


def _head(person: tuple[float, float, float, float], *, bare: bool) -> tuple[float, ...]:
    left, top, right, bottom = person
    tall, middle = HEAD_SHARE * (bottom - top), (left + right) / 2
    half = min(right - left, tall) / 2
    return (float(bare), middle - half, top, middle + half, top + tall)


if __name__ == "__main__":
    main()
