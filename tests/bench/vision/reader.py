"""The plate reader on real crops, beside the PP-OCR recogniser read in the same run.

Through the product's own readers, so preprocessing, grammar and confidence are what a user
gets. Nothing measured here was trained on.
"""

import csv
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tests.bench.table import show

from ioc_edge.backends import Image, Reader, Reading, open_reader
from ioc_edge.errors import ModelInvalid
from ioc_models import plates

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "edge" / "models" / "reader" / "model.yaml"
# The figures: exact match, precision where 85 % are answered, calibration error.
ASKED = ("asked", ">= 0.95", "", ">= 0.99", "<= 0.05", "<= 2")
PUBLISHED = ("PP-OCRv6 + grammar, before", "0.833", "", "", "", "")
ANSWERED = 0.85
BINS = 10
# Laplacian variance of the crop at 160 px width below which it counts as blurred.
SHARP = 300.0
REPEATS = 3


@dataclass(frozen=True)
class Crop:
    """One real plate and its text."""

    image: Image
    text: str
    lines: int
    source: str

    @property
    def sharp(self) -> bool:
        """Whether its edges are crisp at a common size."""
        grey = cv2.cvtColor(self.image, cv2.COLOR_BGR2GRAY)
        small = cv2.resize(grey, (160, 116), interpolation=cv2.INTER_AREA)
        return float(cv2.Laplacian(small, cv2.CV_64F).var()) >= SHARP


def crops_of(folder: Path) -> list[Crop]:
    """The plate crops with labels.csv."""
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        Crop(
            np.asarray(cv2.imread(str(folder / row["file"])), np.uint8),
            row["text"],
            int(row["lines"]),
            row["source_subset"],
        )
        for row in rows
    ]


def scenes_of(folder: Path) -> list[Crop]:
    """Readable plates of the scene frames, cut by their labelled boxes."""
    found = []
    for file in sorted(folder.glob("*.json")):
        note = json.loads(file.read_text(encoding="utf-8"))
        frame = np.asarray(cv2.imread(str(folder / note["file"])), np.uint8)
        for plate in note["plates"]:
            if not plate["text"]:
                continue
            x, y, w, h = (float(edge) for edge in plate["bbox_xywh"])
            rows = slice(max(0, round(y - 0.02 * h)), round(y + 1.02 * h))
            part = frame[rows, max(0, round(x - 0.02 * w)) : round(x + 1.02 * w)]
            lines = 1 if w > 2.4 * h else 2
            found.append(Crop(np.ascontiguousarray(part), plate["text"], lines, "scene"))
    return found


@dataclass(frozen=True)
class Result:
    """What one reader made of all crops."""

    readings: Sequence[Reading | None]
    crops: Sequence[Crop]
    ms: float

    def right(self, keep: Callable[[Crop], bool] = lambda _: True) -> tuple[int, int]:
        """Exactly read, out of how many."""
        chosen = [
            (reading, crop)
            for reading, crop in zip(self.readings, self.crops, strict=True)
            if keep(crop)
        ]
        return sum(r is not None and r.text == c.text for r, c in chosen), len(chosen)

    def raw_right(self) -> int:
        """Exactly read before any rule about plates."""
        pairs = zip(self.readings, self.crops, strict=True)
        return sum(r is not None and plates.normalise(r.raw) == c.text for r, c in pairs)

    def by_confidence(self) -> tuple[np.ndarray, np.ndarray]:
        """Confidences from the surest down, and whether each was right."""
        sure = np.array([r.confidence if r else 0.0 for r in self.readings])
        pairs = zip(self.readings, self.crops, strict=True)
        true = np.array([r is not None and r.text == c.text for r, c in pairs])
        order = np.argsort(-sure)
        return sure[order], true[order]

    def precision_at(self, share: float) -> tuple[float, float]:
        """Precision among the surest share of crops, and the confidence they start from."""
        sure, true = self.by_confidence()
        count = max(1, round(share * len(sure)))
        return float(true[:count].mean()), float(sure[count - 1])

    def calibration_error(self) -> float:
        """Expected calibration error over equal bins of confidence."""
        sure, true = self.by_confidence()
        place = np.minimum((sure * BINS).astype(int), BINS - 1)
        gaps = [
            (place == one).mean() * abs(sure[place == one].mean() - true[place == one].mean())
            for one in range(BINS)
            if (place == one).any()
        ]
        return float(sum(gaps))


def read_all(reader: Reader, crops: Sequence[Crop]) -> Result:
    """Read one plate at a time, as a camera does; the best of a few rounds is the time."""
    best = float("inf")
    readings: list[Reading | None] = []
    for _ in range(REPEATS):
        began = time.process_time()
        readings = [reader.read([crop.image])[0] for crop in crops]
        best = min(best, (time.process_time() - began) / len(crops) * 1000)
    return Result(readings, crops, best)


def _summary(name: str, result: Result) -> tuple[object, ...]:
    right, of = result.right()
    precision, least = result.precision_at(ANSWERED)
    return (
        name,
        f"{right / of:.3f} ({right}/{of})",
        f"{result.raw_right() / of:.3f}",
        f"{precision:.3f} from {least:.2f}",
        f"{result.calibration_error():.3f}",
        f"{result.ms:.1f}",
    )


def _parts(results: dict[str, Result]) -> None:
    cuts: tuple[tuple[str, Callable[[Crop], bool]], ...] = (
        ("one line", lambda crop: crop.lines == 1),
        ("two lines", lambda crop: crop.lines == 2),
        ("with Đ", lambda crop: "Đ" in crop.text),
        ("under 300 px wide", lambda crop: crop.image.shape[1] < 300),
        ("300 px and more", lambda crop: crop.image.shape[1] >= 300),
        ("sharp", lambda crop: crop.sharp),
        ("blurred", lambda crop: not crop.sharp),
    )
    rows = []
    for name, keep in cuts:
        told = [result.right(keep) for result in results.values()]
        if told[0][1]:
            rows.append((name, told[0][1], *(f"{right / of:.3f}" for right, of in told)))
    show("  by layout, size and blur: exact", ("part", "n", *results), rows)


def _curve(results: dict[str, Result]) -> None:
    rows = [
        (f"{share:.0%}", *(f"{result.precision_at(share)[0]:.3f}" for result in results.values()))
        for share in (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.5)
    ]
    show("  precision among the surest", ("answered", *results), rows)


def _measure(title: str, readers: dict[str, Reader], crops: Sequence[Crop]) -> None:
    results = {name: read_all(reader, crops) for name, reader in readers.items()}
    heads = ("reader", "exact", "raw", "precision at 85 %", "ECE", "CPU ms/plate")
    rows = [_summary(name, result) for name, result in results.items()]
    show(title, heads, [*rows, PUBLISHED, ASKED])
    _parts(results)
    _curve(results)


def main() -> None:
    """Read every real set that is here."""
    data = os.environ.get("IOC_REAL_DATA")
    if not data or not (Path(data) / "vn_plate_crops").is_dir():
        print("plate reader: IOC_REAL_DATA names no folder with vn_plate_crops; nothing to read")
        return
    readers: dict[str, Reader] = {"ours": open_reader(MODEL)}
    try:
        readers["PP-OCR"] = open_reader("ppocr")
        readers["both"] = open_reader(MODEL, second_opinion=True)
    except ModelInvalid as error:
        print(f"plate reader: without PP-OCR ({error})")
    _measure("vn_plate_crops, 72 real crops", readers, crops_of(Path(data) / "vn_plate_crops"))
    _measure("vn_scenes, cut by their boxes", readers, scenes_of(Path(data) / "vn_scenes"))


if __name__ == "__main__":
    main()
