"""Renders labelled frames of the simulated junction for training and for measuring.

    python scenes.py --to /var/tmp/rendered --clips 100 --first-seed 1000

Needs the ioc_edge package on the path. Seeds below 1000 are left to demos and tests, so that no
clip shown anywhere was trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from sources import LABELS

from ioc_edge.scene import SceneSpec, camera, render

if TYPE_CHECKING:
    from sources import Picture

    from ioc_edge.scene import Box, FrameTruth
    from ioc_edge.scene.spec import View

SIZE = (960, 540)
RENDERED = (1280, 720)
# Less of a vehicle in view, or a narrower plate, is neither taught nor punished.
VISIBLE_MIN = 0.3
PLATE_MIN_PX = 14.0
# The caption strip is drawn over the finished picture, so `visible` does not know of it.
CAPTION_PX = 30.0


# Other mountings than the two of the product, up to almost straight down: metres above the road,
# degrees from the horizon to the lower edge, focal length in picture widths.
OTHER_SHARE = 0.35
HEIGHTS, LOWER_EDGES, FOCALS = (4.0, 12.0), (35.0, 102.0), (0.7, 1.3)
PRODUCT_MOUNTS = dict(camera._MOUNT)  # noqa: SLF001 the renderer offers no other mounting


def spec_of(seed: int) -> SceneSpec:
    """A scene whose camera, light, weather, lens and traffic follow from the seed."""
    rng = np.random.default_rng(seed)
    view: View = "plates" if rng.random() < 0.5 else "junction"
    camera._MOUNT.update(PRODUCT_MOUNTS)  # noqa: SLF001
    if rng.random() < OTHER_SHARE:
        height, edge, focal = (float(rng.uniform(*span)) for span in (HEIGHTS, LOWER_EDGES, FOCALS))
        camera._MOUNT[view] = (height, edge, focal, 0.0)  # noqa: SLF001
    return SceneSpec(
        seed=seed,
        width=RENDERED[0],
        height=RENDERED[1],
        fps=0.4,
        seconds=25,
        time_of_day=str(rng.choice(["day", "dusk", "night"], p=[0.5, 0.2, 0.3])),  # type: ignore[arg-type]
        rain=bool(rng.random() < 0.25),
        view=view,
        density=float(rng.uniform(0.5, 2.5)),
        tapered=False,
    )


def _is_clear(box: Box) -> bool:
    left, top, right, bottom = box.xyxy
    if bottom - max(top, CAPTION_PX) < (bottom - top) / 2:
        return False
    return box.visible >= VISIBLE_MIN and (box.label != "plate" or right - left >= PLATE_MIN_PX)


def _rows(boxes: list[Box]) -> np.ndarray:
    scale = SIZE[0] / RENDERED[0]
    rows = [[LABELS.index(box.label), *(side * scale for side in box.xyxy)] for box in boxes]
    return np.array(rows, np.float32).reshape(-1, 5)


def save(picture: Picture, truth: FrameTruth, file: Path) -> None:
    """Write one frame (h, w, 3) BGR as JPEG with its clear and its vague boxes."""
    small = cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 92])
    clear = [box for box in truth.boxes if _is_clear(box)]
    vague = [box for box in truth.boxes if not _is_clear(box)]
    known = np.ones(len(LABELS), np.float32)
    np.savez(file, jpeg=jpeg, boxes=_rows(clear), vague=_rows(vague), known=known)


def main() -> None:
    """Render the clips that the folder does not hold yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=1000)
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    for seed in range(given.first_seed, given.first_seed + given.clips):
        if list(given.to.glob(f"rendered-{seed}-*.npz")):
            continue
        for picture, truth in render(spec_of(seed)):
            save(picture, truth, given.to / f"rendered-{seed}-{truth.index}.npz")


if __name__ == "__main__":
    main()
