"""Of the heads and plates that people labelled in real pictures, how many are covered."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from tests.bench import table

from ioc_edge.backends import (
    PLATE,
    VEHICLES,
    Box,
    Detection,
    Detector,
    Image,
    area,
    common_area,
    open_detector,
)
from ioc_edge.backends.faces import FaceFinder
from ioc_edge.evidence import suspicious
from ioc_edge.privacy import Sight, looked_again, veil
from ioc_edge.settings import BUILT_IN_DETECTOR

HEADS = ("with_helmet", "no_helmet")
# A head is covered when four fifths of the ellipse in its box are.
COVERED = 0.8
OPEN = 0.9
INSIDE = 0.8
WAYS = ("faces alone", "covers alone", "as shipped")
Labels = list[tuple[str, Box]]


def main() -> None:
    """Print the share of heads and plates covered, by source and by what covers them."""
    folder = os.environ.get("IOC_REAL_DATA")
    if not folder:
        print("\nprivacy: no IOC_REAL_DATA, nothing to measure on")
        return
    helmets = Path(folder) / "riders" / "helmets"
    counted = _count(helmets, open_detector(BUILT_IN_DETECTOR))
    for way in WAYS:
        heads = [counted[key] for key in counted if key[1:] == ("heads covered", way)]
        counted["all", "heads covered", way] = [sum(column) for column in zip(*heads, strict=True)]
    rows = [
        [source, what, *(_share(*counted[source, what, way]) for way in WAYS)]
        for source, what in sorted({key[:2] for key in counted})
    ]
    table.show(
        "Covered in evidence pictures, riders/helmets val (goal 0.95; baseline: faces alone)",
        ["source", "what", *WAYS],
        rows,
    )


def _count(helmets: Path, detector: Detector) -> dict[tuple[str, str, str], list[int]]:
    finder, watcher = FaceFinder(), suspicious(BUILT_IN_DETECTOR)
    names = (helmets / "classes.txt").read_text().split()
    counted: dict[tuple[str, str, str], list[int]] = {}
    for line in (helmets / "manifest.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if not entry["file"].startswith("val/"):
            continue
        image = cv2.imread(str(helmets / entry["file"]))
        labels = _labels(helmets / entry["file"], names, image)
        seen = tuple(detector.detect([image])[0])
        own = max((one.box for one in seen if one.label in VEHICLES), key=area, default=None)
        faces = [face.box for face in finder.find(image)]
        again = looked_again(Sight(vehicle=own, seen=seen), watcher.detect([image])[0], image)
        sights = {
            "faces alone": (Sight(), faces),
            "covers alone": (Sight(vehicle=own, seen=seen), []),
            "as shipped": (again, faces),
        }
        for way, (sight, found) in sights.items():
            for what, hit in _judge(labels, sight.seen or seen, own, _mask(image, sight, found)):
                count = counted.setdefault((entry["source"], what, way), [0, 0])
                count[0] += hit
                count[1] += 1
    return counted


def _judge(
    labels: Labels, seen: Sequence[Detection], own: Box | None, mask: Image
) -> list[tuple[str, bool]]:
    """An event needs its plate to be found, so only found plates must stay readable."""
    known = [one.box for one in seen if one.label == PLATE]
    found = []
    for name, box in labels:
        if name in HEADS:
            found.append(("heads covered", _covered(mask, box) >= COVERED))
        elif name == "plate" and own is not None:
            share = float(_part(mask, box).mean())
            if common_area(box, own) < INSIDE * area(box):
                found.append(("other plates covered", share >= COVERED))
            elif any(common_area(box, plate) >= INSIDE * area(box) for plate in known):
                found.append(("own plates readable", share <= 1 - OPEN))
    return found


def _mask(image: Image, sight: Sight, faces: Sequence[Box]) -> Image:
    """1 where a pixel was changed; noise makes sure that a change shows."""
    noise = np.random.default_rng(1).integers(0, 256, image.shape, np.uint8)
    return (veil(noise, sight, faces) != noise).any(axis=2).astype(np.uint8)


def _covered(mask: Image, box: Box) -> float:
    part = _part(mask, box)
    ellipse = np.zeros_like(part)
    height, width = part.shape
    cv2.ellipse(ellipse, (width // 2, height // 2), (width // 2, height // 2), 0, 0, 360, 1, -1)
    return float(part[ellipse > 0].mean())


def _part(mask: Image, box: Box) -> Image:
    left, top, right, bottom = (max(0, round(edge)) for edge in box)
    return mask[top : max(bottom, top + 1), left : max(right, left + 1)]


def _labels(picture: Path, names: Sequence[str], image: Image) -> Labels:
    path = picture.parent.parent / "labels" / f"{picture.stem}.txt"
    height, width = image.shape[:2]
    found: Labels = []
    for line in path.read_text().splitlines():
        kind, cx, cy, w, h = (float(word) for word in line.split())
        x, y, dx, dy = cx * width, cy * height, w * width / 2, h * height / 2
        found.append((names[int(kind)], (x - dx, y - dy, x + dx, y + dy)))
    return found


def _share(hits: int, of: int) -> str:
    return f"{hits / of:.3f} ({of})"


if __name__ == "__main__":
    main()
