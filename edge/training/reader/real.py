"""Real plates whose text was read by eye: cut from the street pictures, some to learn from.

`labels.csv` names picture (below the riders folder), box, text and part. Parts are split by
plate, not by picture: a plate in `hold` is never trained on, from no angle.
"""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[3] / "twin_models")]

from camera import HEIGHT, WIDTH, degrade  # noqa: E402 after the path is set
from drawing import Floats, Picture, Rng, codes  # noqa: E402
from registrations import GROUNDS, SLOTS  # noqa: E402
from render import Batch  # noqa: E402

LABELS = Path(__file__).parent / "labels.csv"


@dataclass(frozen=True)
class Known:
    """One labelled plate in a picture; the box is left, top, right, bottom in pixels."""

    picture: Path
    box: tuple[float, float, float, float]
    text: str
    lines: int
    ground: str


def known(riders: Path, part: str) -> list[Known]:
    """Plates of a part ("train" or "hold").

    Args:
        riders: The folder with plates/train/images and so on.
        part: Which rows of labels.csv.
    """
    found = []
    with LABELS.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["part"] != part:
                continue
            path = riders / row["picture"]
            notes = path.parent.parent / "labels" / f"{path.stem}.txt"
            line = notes.read_text(encoding="utf-8").splitlines()[int(row["box"])]
            _, cx, cy, w, h = (float(cell) for cell in line.split()[:5])
            tall, wide = _rgb(path).shape[:2]
            box = ((cx - w / 2) * wide, (cy - h / 2) * tall)
            far = ((cx + w / 2) * wide, (cy + h / 2) * tall)
            found.append(Known(path, (*box, *far), row["text"], int(row["lines"]), row["ground"]))
    return found


def _rgb(path: Path) -> Picture:
    picture = cv2.imread(str(path))
    if picture is None:
        raise FileNotFoundError(path)
    return np.ascontiguousarray(picture[..., ::-1], np.uint8)


def cut(plate: Known, slack: float = 0.02) -> Picture:
    """The crop, RGB, a little wider than the box on all sides."""
    left, top, right, bottom = plate.box
    dx, dy = (right - left) * slack, (bottom - top) * slack
    picture = _rgb(plate.picture)
    rows = slice(max(0, round(top - dy)), round(bottom + dy))
    return np.ascontiguousarray(picture[rows, max(0, round(left - dx)) : round(right + dx)])


def vary(plate: Known, rng: Rng) -> Picture:
    """Another view of a known plate: moved, leaned, lit and packed anew."""
    picture = _rgb(plate.picture)
    left, top, right, bottom = plate.box
    size = np.array([right - left, bottom - top])
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    out = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32) * rng.uniform(
        -0.02, 0.09, (4, 2)
    )
    source: Floats = (corners + (out * size)).astype(np.float32)
    scale = float(rng.uniform(0.7, 1.6))
    w, h = (max(8, round(float(edge) * scale)) for edge in size)
    target = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    turn = cv2.getPerspectiveTransform(source, target)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    view = cv2.warpPerspective(picture, turn, (w, h), flags=way, borderMode=cv2.BORDER_REPLICATE)
    worse = degrade(np.asarray(view, np.uint8), 0.4 * h, rng, hard=float(rng.uniform(0, 0.45)))
    return np.asarray(cv2.resize(worse, (WIDTH, HEIGHT)), np.uint8)


def main() -> None:
    """Write one shard of varied real plates, every plate as often as the next."""
    ask = argparse.ArgumentParser()
    ask.add_argument("--riders", type=Path, required=True)
    ask.add_argument("--to", type=Path, required=True, help="the shard's .npy")
    ask.add_argument("--count", type=int, default=1536)
    ask.add_argument("--seed", type=int, default=1)
    args = ask.parse_args()
    rng = np.random.default_rng(args.seed)
    by_text: dict[str, list[Known]] = {}
    for plate in known(args.riders, "train"):
        by_text.setdefault(plate.text, []).append(plate)
    texts = sorted(by_text)
    batch = Batch(args.count)
    for at in range(args.count):
        some = by_text[texts[at % len(texts)]]
        plate = some[int(rng.integers(len(some)))]
        batch.pictures[at] = vary(plate, rng)
        batch.slots[at] = codes(plate.text, SLOTS)
        batch.rows[at] = plate.lines - 1
        batch.grounds[at] = GROUNDS.index(plate.ground)
    batch.save(args.to.with_suffix(""))
    print(len(texts), "plates,", args.count, "views")


if __name__ == "__main__":
    main()
