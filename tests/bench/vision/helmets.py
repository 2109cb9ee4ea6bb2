"""Helmets on real riders, through the product's own readers: given boxes, and from the picture.

A no-helmet answer counts from the confidence at which the rules let a look count. The pictures
are the `val` split of riders/helmets: other clips than were trained on, of the same sources.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from tests.bench.table import show

from ioc_edge.backends import Box, Detection, Image, area, common_area, open_detector
from ioc_edge.riders import Head, HelmetReader, rides
from ioc_models.rule_settings import Helmet

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "edge" / "models"
SURE = Helmet().sure
SOURCES = {"nckh": "Vietnam, close", "hi-xnpr5": "fixed camera", "project-5oigw": "roadside"}
# Boxes of bare heads were estimated and are loose, so a find is right from here.
SAME_HEAD = 0.25
# Of a rider-with-bike box nobody labelled the head of: the part where it must be.
HEAD_SHARE = 0.45


@dataclass(frozen=True)
class Street:
    """One picture: heads with and without helmets, rider boxes, and parts to leave out."""

    source: str
    image: Image
    covered: list[Box]
    bare: list[Box]
    riders: list[Detection]
    vague: list[Box]


@dataclass
class Count:
    """Accusations and what became of the bare heads."""

    bare: int = 0
    covered: int = 0
    found: int = 0
    right: int = 0
    wrong: int = 0
    elsewhere: int = 0

    def row(self, name: str) -> list[object]:
        """For the table."""
        said = self.right + self.wrong
        precision = f"{self.right / said:.3f}" if said else "-"
        recall = f"{self.right / self.bare:.3f}" if self.bare else "-"
        heads = self.bare + self.covered
        return [name, self.bare, self.covered, f"{self.found / max(1, heads):.3f}", self.right,
                self.wrong, self.elsewhere, precision, recall]  # fmt: skip


@dataclass
class Tally:
    """Counts by source and over all."""

    rows: dict[str, Count] = field(default_factory=dict)

    def of(self, source: str) -> list[Count]:
        """The counts that a picture of this source adds to."""
        return [
            self.rows.setdefault(SOURCES[source], Count()),
            self.rows.setdefault("all", Count()),
        ]

    def table(self, title: str) -> None:
        """Print it."""
        heads = ("source", "bare", "helmet", "heads seen", "right", "wrong", "elsewhere",
                 "precision", "recall")  # fmt: skip
        order = sorted(self.rows, key=lambda name: name == "all")
        show(title, heads, [self.rows[name].row(name) for name in order])


def streets(root: Path, split: str = "val") -> Iterator[Street]:
    """The labelled pictures of a split."""
    for line in (root / "manifest.jsonl").read_text().splitlines():
        note = json.loads(line)
        if not note["file"].startswith(f"{split}/"):
            continue
        image = np.asarray(cv2.imread(str(root / note["file"])), np.uint8)
        height, width = image.shape[:2]
        boxes: dict[int, list[Box]] = {kind: [] for kind in range(6)}
        label = (root / note["file"].replace("images", "labels")).with_suffix(".txt")
        for row in label.read_text().splitlines():
            kind, x, y, w, h = (float(cell) for cell in row.split())
            left, top = (x - w / 2) * width, (y - h / 2) * height
            boxes[int(kind)].append((left, top, left + w * width, top + h * height))
        riders = [Detection(box, "motorbike", 1.0) for box in (*boxes[2], *boxes[3])]
        people = [Detection(box, "person", 1.0) for box in boxes[5]]
        vague: list[Box] = []
        for left, top, right, bottom in note.get("head_unknown_riders") or []:
            cut = top + (bottom - top) * HEAD_SHARE
            vague.append((left * width, top * height, right * width, cut * height))
        yield Street(note["source"], image, boxes[0], boxes[1], [*riders, *people], vague)


def given(reader: HelmetReader, pictures: Sequence[Street], sure: float) -> Tally:
    """Every labelled head judged in its labelled box."""
    tally = Tally()
    for street in pictures:
        heads = reader.judge(street.image, [*street.bare, *street.covered])
        said = [head.answer(sure) == "no_helmet" for head in heads]
        for count in tally.of(street.source):
            count.bare += len(street.bare)
            count.covered += len(street.covered)
            count.found += len(heads)
            count.right += sum(said[: len(street.bare)])
            count.wrong += sum(said[len(street.bare) :])
    return tally


def _iou(one: Box, other: Box) -> float:
    common = common_area(one, other)
    return common / max(area(one) + area(other) - common, 1e-6)


def _matches(head: Head, boxes: Sequence[Box]) -> int | None:
    best = max(range(len(boxes)), key=lambda place: _iou(head.box, boxes[place]), default=None)
    return best if best is not None and _iou(head.box, boxes[best]) >= SAME_HEAD else None


def _is_vague(head: Head, street: Street) -> bool:
    x, y = (head.box[0] + head.box[2]) / 2, (head.box[1] + head.box[3]) / 2
    return any(a <= x <= c and b <= y <= d for a, b, c, d in street.vague)


def from_picture(
    reader: HelmetReader, pictures: Sequence[Street], found: Sequence[Sequence[Detection]],
    sure: float,
) -> Tally:  # fmt: skip
    """Heads found on motorbikes.

    What answers to no labelled head is counted apart: the fixed camera's val clips label no bare
    head at all, and most of those answers are bare heads when looked at (MODEL_CARD.md).
    """
    tally = Tally()
    for street, detections in zip(pictures, found, strict=True):
        size = street.image.shape[1], street.image.shape[0]
        heads = [
            head for ride in reader.heads(street.image, rides(detections, size)) for head in ride
        ]
        truth = [*street.bare, *street.covered]
        seen: set[int] = set()
        right: set[int] = set()
        wrong = elsewhere = 0
        for head in heads:
            place = _matches(head, truth)
            if place is not None:
                seen.add(place)
            if head.answer(sure) != "no_helmet":
                continue
            if place is None:
                elsewhere += not _is_vague(head, street)
            elif place < len(street.bare):
                right.add(place)
            else:
                wrong += 1
        for count in tally.of(street.source):
            count.bare += len(street.bare)
            count.covered += len(street.covered)
            count.found += len(seen)
            count.right += len(right)
            count.wrong += wrong
            count.elsewhere += elsewhere
    return tally


def baselines(pictures: Sequence[Street]) -> list[list[object]]:
    """What answers without looking reach, and dark hair: no helmet where the crown is dark."""
    bare = sum(len(street.bare) for street in pictures)
    covered = sum(len(street.covered) for street in pictures)
    dark = [0, 0]
    for street in pictures:
        for place, boxes in enumerate((street.bare, street.covered)):
            for left, top, right, bottom in boxes:
                crown = street.image[int(top) : int(top + (bottom - top) / 2) + 1,
                                     int(left) : int(right) + 1]  # fmt: skip
                hsv = cv2.cvtColor(crown, cv2.COLOR_BGR2HSV)
                dark[place] += bool(np.median(hsv[..., 2]) < 75 and np.median(hsv[..., 1]) < 90)
    return [
        ["everybody wears one (the usual answer)", "-", "0.000"],
        ["nobody wears one", f"{bare / (bare + covered):.3f}", "1.000"],
        ["dark crown is hair", f"{dark[0] / max(1, sum(dark)):.3f}", f"{dark[0] / bare:.3f}"],
    ]


def best_recall(reader: HelmetReader, pictures: Sequence[Street], least: float) -> float:
    """The recall at the loosest threshold that keeps the precision, given boxes."""
    rows: list[tuple[float, bool]] = []
    for street in pictures:
        heads = reader.judge(street.image, [*street.bare, *street.covered])
        rows += [(head.bare, place < len(street.bare)) for place, head in enumerate(heads)]
    rows.sort(reverse=True)
    right = np.cumsum([hit for _, hit in rows])
    precision = right / np.arange(1, len(rows) + 1)
    kept = np.flatnonzero(precision >= least)
    return float(right[kept[-1]] / right[-1]) if len(kept) else 0.0


def _milliseconds(reader: HelmetReader, pictures: Sequence[Street]) -> list[list[object]]:
    """Per head judged and per motorbike looked at; the median of pictures, one core."""
    judged, looked = [], []
    for street in pictures[:80]:
        boxes = [*street.bare, *street.covered]
        began = time.process_time()
        reader.judge(street.image, boxes)
        judged.append((time.process_time() - began) * 1e3 / max(1, len(boxes)))
        riding = rides(street.riders, (street.image.shape[1], street.image.shape[0]))
        if riding:
            began = time.process_time()
            reader.heads(street.image, riding)
            looked.append((time.process_time() - began) * 1e3 / len(riding))
    return [
        ["head judged", f"{np.median(judged):.2f}", "3"],
        ["motorbike: heads found and judged", f"{np.median(looked):.2f}", "-"],
    ]


def main() -> None:
    """Print the tables."""
    data = os.environ.get("IOC_REAL_DATA")
    if not data:
        print("\nhelmets: IOC_REAL_DATA is not set; nothing to measure with")
        return
    pictures = list(streets(Path(data) / "riders" / "helmets"))
    reader = HelmetReader.open(MODELS / "helmets")
    given(reader, pictures, SURE).table(f"no helmet, labelled boxes, sure from {SURE}")
    recall = best_recall(reader, pictures, 0.95)
    show(
        "the same, beside other answers",
        ("who answers", "precision", "recall"),
        [["judge, loosest threshold with precision 0.95 (asked 0.80)", ">= 0.950", f"{recall:.3f}"],
         *baselines(pictures)],
    )  # fmt: skip
    riders = [street.riders for street in pictures]
    from_picture(reader, pictures, riders, SURE).table("no helmet, heads found on labelled riders")
    detector = open_detector(MODELS / "detector" / "model.yaml")
    found = [detector.detect([street.image])[0] for street in pictures]
    from_picture(reader, pictures, found, SURE).table("no helmet, from the picture alone")
    show("CPU ms", ("what", "ms", "asked"), _milliseconds(reader, pictures))


if __name__ == "__main__":
    main()
