"""The road detector on real pictures, through the product's own backend.

A find is right from an IoU of 0.5. Precision and recall are at the thresholds that the shipped
model.yaml states, so they are what a user gets; AP50 is over all thresholds. A plate cut by the
picture's edge is not reported (`backends/tidy.py`), though some sets label such plates. Vehicles
that show no plate are looked at twice (`backends/cascade.py`), as `ioc-edge detect` does.
"""

import csv
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from edge.training.measure import Boxes, Tally, no_boxes
from tests.bench.table import show

from ioc_edge.backends import VEHICLES, Detection, Detector, Image, open_detector
from ioc_edge.backends.manifest import Manifest
from ioc_edge.backends.tidy import tidied

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "edge" / "models" / "detector" / "model.yaml"
CAR_LABELS = ROOT / "tests" / "data" / "vision" / "car-detection" / "labels.csv"
# Low enough to draw the whole precision-recall curve.
FLOOR = 0.02
ANY = "any vehicle"
ANY_CUT = "any vehicle, cut ones too"
MOST_PLATES = 60
# Of version 0.3.0, counted by this same code: precision, recall, AP50.
BEFORE: Mapping[tuple[str, str], tuple[float, float, float]] = {
    ("vehicles val", "car"): (0.600, 0.493, 0.489),
    ("vehicles val", "motorbike"): (0.521, 0.612, 0.531),
    ("vehicles val", "bus"): (0.0, 0.0, 0.012),
    ("vehicles val", "truck"): (0.444, 0.400, 0.320),
    ("vehicles val", "all four"): (0.522, 0.376, 0.338),
    ("riders/plates val", "plate"): (0.692, 0.704, 0.726),
    ("vn_scenes", "plate"): (0.590, 1.000, 0.803),
    ("openalpr_eu", "plate"): (0.452, 0.560, 0.414),
    ("car-detection.mp4", ANY): (0.889, 0.727, 0.938),
}
# What the issue asks for: precision, recall, AP50; 0 where it asks nothing.
ASKED: Mapping[tuple[str, str], tuple[float, float, float]] = {
    ("vn_scenes", "plate"): (0.95, 0.95, 0),
    ("riders/plates val", "plate"): (0, 0.95, 0),
    ("openalpr_eu", "plate"): (0, 0.90, 0),
    ("vehicles val", "all four"): (0, 0, 0.75),
    ("vehicles val", "motorbike"): (0, 0.85, 0),
    ("car-detection.mp4", ANY): (0.90, 0.90, 0),
}
# Plate detectors of open-image-models (YOLOv9, its README, on its own pictures).
PUBLISHED = (
    ("open-image-models t-384", 0.942, 0.863, 0.920),
    ("open-image-models t-640", 0.966, 0.896, 0.958),
    ("open-image-models s-608", 0.957, 0.917, 0.966),
)


@dataclass(frozen=True)
class Picture:
    """A picture with what must be found, by label, and what may be."""

    image: Image
    truth: Mapping[str, Boxes]
    vague: Mapping[str, Boxes]


def _yolo(folder: Path, labels: Mapping[int, str]) -> Iterator[Picture]:
    for file in sorted((folder / "images").iterdir()):
        image = cv2.imread(str(file))
        height, width = image.shape[:2]
        rows: dict[str, list[list[float]]] = {label: [] for label in labels.values()}
        for line in (folder / "labels" / f"{file.stem}.txt").read_text().splitlines():
            kind, cx, cy, w, h = (float(cell) for cell in line.split()[:5])
            if (label := labels.get(int(kind))) is not None:
                left, top = (cx - w / 2) * width, (cy - h / 2) * height
                rows[label].append([left, top, left + w * width, top + h * height])
        yield Picture(image, {label: _array(boxes) for label, boxes in rows.items()}, {})


def _scenes(folder: Path) -> Iterator[Picture]:
    for file in sorted(folder.glob("*.json")):
        note = json.loads(file.read_text())
        boxes = [_corners(plate["bbox_xywh"]) for plate in note["plates"]]
        yield Picture(cv2.imread(str(folder / note["file"])), {"plate": _array(boxes)}, {})


def _openalpr(folder: Path) -> Iterator[Picture]:
    """Only the plate to be read is labelled, so precision is a lower bound here."""
    for file in sorted(folder.glob("*.txt")):
        rows = [line.split("\t") for line in file.read_text().splitlines() if line.strip()]
        boxes = [_corners([float(cell) for cell in row[1:5]]) for row in rows]
        yield Picture(cv2.imread(str(folder / rows[0][0])), {"plate": _array(boxes)}, {})


def _car_park(clip: Path) -> Iterator[Picture]:
    rows: dict[int, list[dict[str, str]]] = {}
    with CAR_LABELS.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows.setdefault(int(row["frame"]), []).append(row)
    reader, number = cv2.VideoCapture(str(clip)), 0
    while True:
        ok, image = reader.read()
        if not ok:
            return
        if number % 10 == 0:
            split: tuple[list[list[float]], list[list[float]]] = ([], [])
            for row in rows.get(number, []):
                box = _corners([float(row[key]) for key in ("x", "y", "w", "h")])
                split[float(row["visible"]) <= 0.5].append(box)
            whole, cut = _array(split[0]), _array(split[1])
            yield Picture(image, {ANY: whole, ANY_CUT: np.concatenate([whole, cut])}, {ANY: cut})
        number += 1


def _corners(xywh: Sequence[float]) -> list[float]:
    left, top, width, height = xywh
    return [left, top, left + width, top + height]


def _array(rows: Sequence[Sequence[float]]) -> Boxes:
    return np.array(rows, np.float32).reshape(-1, 4)


def sets(root: Path) -> dict[str, Iterator[Picture]]:
    """The labelled sets, read while they are used."""
    vehicles = {0: "car", 1: "motorbike", 2: "bus", 3: "truck"}
    return {
        "vehicles val": _yolo(root / "vehicles" / "val", vehicles),
        "riders/plates val": _yolo(root / "riders" / "plates" / "val", {0: "plate"}),
        "vn_scenes": _scenes(root / "vn_scenes"),
        "openalpr_eu": _openalpr(root / "openalpr_eu"),
        "car-detection.mp4": _car_park(root / "clips" / "car-detection.mp4"),
    }


def _named(found: Sequence[Detection], label: str) -> list[Detection]:
    labels = VEHICLES if label in {ANY, ANY_CUT} else {label}
    return [one for one in found if one.label in labels]


@dataclass
class Measured:
    """One class over a set: what ships finds, and what the curve is drawn from."""

    shipped: Tally
    curve: Tally

    @property
    def figures(self) -> tuple[float, float, float]:
        """Precision and recall as shipped, AP50."""
        return (*self.shipped.at(0.0), self.curve.average_precision())


def count(
    detector: Detector, pictures: Iterator[Picture], limits: Mapping[str, float]
) -> dict[str, Measured]:
    """What a detector that is asked for everything finds of each label.

    What ships is the same from each label's threshold on, with one name for each vehicle.
    """
    measured: dict[str, Measured] = {}
    for picture in pictures:
        (found,) = detector.detect([picture.image])
        height, width = picture.image.shape[:2]
        sure = tidied([one for one in found if one.confidence >= limits[one.label]], width, height)
        for label, truth in picture.truth.items():
            both = measured.setdefault(label, Measured(Tally(), Tally()))
            for tally, some in ((both.shipped, sure), (both.curve, found)):
                mine = _named(some, label)
                boxes = _array([one.box for one in mine])
                scores = [one.confidence for one in mine]
                tally.add(boxes, scores, truth, picture.vague.get(label, no_boxes()))
    return measured


def _cells(name: str, label: str, boxes: int, ours: tuple[float, float, float]) -> list[object]:
    before, asked = BEFORE.get((name, label)), ASKED.get((name, label))
    cells: list[object] = [f"{name}: {label}", boxes]
    for place, figure in enumerate(ours):
        cells += [
            f"{figure:.3f}",
            f"{before[place]:.3f}" if before else "-",
            f"{asked[place]:.2f}" if asked and asked[place] else "-",
        ]
    return cells


def rows(name: str, measured: Mapping[str, Measured]) -> list[list[object]]:
    """Lines of the table for one set."""
    lines = [
        _cells(name, label, one.shipped.truths, one.figures) for label, one in measured.items()
    ]
    if name == "vehicles val":
        mean = np.nanmean(np.array([one.figures for one in measured.values()]), axis=0)
        total = sum(one.shipped.truths for one in measured.values())
        lines.append(_cells(name, "all four", total, (mean[0], mean[1], mean[2])))
    return lines


def _milliseconds(detector: Detector) -> float:
    frame = np.full((720, 1280, 3), 114, np.uint8)
    times = []
    for _ in range(20):
        began = time.process_time()
        detector.detect([frame])
        times.append(time.process_time() - began)
    return 1000 * sorted(times)[len(times) // 2]


def main() -> None:
    """Print the table."""
    if not (root := os.environ.get("IOC_REAL_DATA")):
        print("\ndetector: IOC_REAL_DATA does not name the real pictures; nothing measured")
        return
    path = Path(os.environ.get("IOC_BENCH_DETECTOR", MODEL))
    manifest, lines = Manifest.load(path), []
    limits = {label: manifest.least(label) for label in manifest.labels}
    detector = open_detector(path, confidence=FLOOR, closer=True)
    for name, pictures in sets(Path(root)).items():
        lines += rows(name, count(detector, pictures, limits))
    heads = ["set: class", "boxes"]
    for figure in ("precision", "recall", "AP50"):
        heads += [figure, "0.3.0", "asked"]
    show(f"road detector {manifest.version}, real pictures", heads, lines)
    show(
        "plate detectors as published, on their own pictures",
        ["model", "precision", "recall", "AP50"],
        PUBLISHED,
    )
    cost = _milliseconds(open_detector(path))
    print(f"  {cost:.1f} ms of one core per frame, {1000 / cost:.1f} frames per second per core")
    print("  (pictures of vehicles without a plate are looked at twice, film is not)")


if __name__ == "__main__":
    main()
