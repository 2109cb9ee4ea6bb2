"""Signal heads: real crops and frames, and drawn ones for what the real ones do not show.

The real ones are the `val` split of riders/lights (junctions of the same towns may recur).
Drawn heads come from the generator of the training, with seeds that training never used; they
say whether dark and hidden heads are told apart at all, not how they look on a street.
"""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from edge.training.lights import lamps
from tests.bench.table import show

from ioc_edge.backends import Image
from ioc_edge.lights import LightReader, head_crop

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "edge" / "models" / "lights" / "model.yaml"
STATES = ("red", "amber", "green", "dark", "unknown")
DRAWN_EACH = 120
ASKED = 0.97
# Hues in OpenCV's half degrees.
HUES: Mapping[str, tuple[tuple[int, int], ...]] = {
    "red": ((0, 10), (165, 180)), "amber": ((11, 32),), "green": ((45, 100),),
}  # fmt: skip


def by_colour(crop: Image) -> str:
    """The baseline: the lamp colour with most bright, saturated pixels."""
    hsv = cv2.cvtColor(crop, cv2.COLOR_BGR2HSV)
    strong = (hsv[..., 1] > 100) & (hsv[..., 2] > 140)
    counts = {
        name: sum(int((strong & (hsv[..., 0] >= a) & (hsv[..., 0] <= b)).sum()) for a, b in ranges)
        for name, ranges in HUES.items()
    }
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= 0.01 * crop.shape[0] * crop.shape[1] else "dark"


def _said(reader: LightReader, crop: Image) -> str:
    return reader.states(crop, [(0, 0, crop.shape[1], crop.shape[0])])[0].state


def _crops(folder: Path) -> list[tuple[str, Image]]:
    return [
        (state, np.asarray(cv2.imread(str(file)), np.uint8))
        for state in STATES[:3]
        for file in sorted((folder / state).glob("*.jpg"))
    ]


def _frames(folder: Path) -> list[tuple[str, Image]]:
    """Heads cut from whole frames by their boxes, a tenth looser on each side."""
    found = []
    for file in sorted((folder / "images").glob("*.jpg")):
        frame = np.asarray(cv2.imread(str(file)), np.uint8)
        height, width = frame.shape[:2]
        for line in (folder / "labels" / f"{file.stem}.txt").read_text().splitlines():
            kind, x, y, w, h = (float(cell) for cell in line.split())
            half_w, half_h = w * width * 0.6, h * height * 0.6
            x, y = x * width, y * height
            crop = head_crop(frame, (x - half_w, y - half_h, x + half_w, y + half_h))
            if crop is not None:
                found.append((STATES[int(kind)], crop))
    return found


def _drawn() -> list[tuple[str, Image]]:
    rng = np.random.default_rng(990_001)
    heads = []
    for place, state in enumerate(lamps.STATES):
        name = "dark" if state == "off" else state
        for _ in range(DRAWN_EACH):
            tall = int(rng.integers(14, 90))
            size = max(6, tall * 3 // 8), tall
            drawn = lamps.draw(place, rng, [])
            head = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)
            heads.append((name, np.asarray(head, np.uint8)))
    return heads


def _confusion(title: str, reader: LightReader, heads: Sequence[tuple[str, Image]]) -> None:
    said = [(truth, _said(reader, crop)) for truth, crop in heads]
    truths = [state for state in STATES if any(truth == state for truth, _ in said)]
    rows = [
        [f"is {truth}", *(sum(pair == (truth, state) for pair in said) for state in STATES)]
        for truth in truths
    ]
    show(title, ("", *(f"read {state}" for state in STATES)), rows)


def _shares(reader: LightReader, heads: Sequence[tuple[str, Image]]) -> list[str]:
    ours = np.mean([_said(reader, crop) == truth for truth, crop in heads])
    base = np.mean([by_colour(crop) == truth for truth, crop in heads])
    return [f"{ours:.3f}", f"{base:.3f}"]


def main() -> None:
    """Print the tables."""
    reader = LightReader.open(MODEL)
    sets: dict[str, list[tuple[str, Image]]] = {}
    if data := os.environ.get("IOC_REAL_DATA"):
        folder = Path(data) / "riders" / "lights"
        sets["real crops, val"] = _crops(folder / "crops" / "val")
        sets["real frames, val"] = _frames(folder / "frames" / "val")
    else:
        print("\nlights: IOC_REAL_DATA is not set; drawn heads alone")
    sets["drawn"] = _drawn()
    for name, heads in sets.items():
        _confusion(name, reader, heads)
    rows = [[name, len(heads), *_shares(reader, heads)] for name, heads in sets.items()]
    title = f"share of heads read right (asked on real crops: {ASKED})"
    show(title, ("heads", "count", "network", "colour threshold"), rows)
    crops = [crop for heads in sets.values() for _, crop in heads][:300]
    began = time.process_time()
    for crop in crops:
        _said(reader, crop)
    spent = (time.process_time() - began) * 1e3 / len(crops)
    show("CPU ms", ("what", "ms"), [["signal head", f"{spent:.3f}"]])


if __name__ == "__main__":
    main()
