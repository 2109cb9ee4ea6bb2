"""The labelled pictures, each with the classes whose absence its source can vouch for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LABELS = ("car", "motorbike", "bus", "truck", "bicycle", "person", "plate")
CAR, MOTORBIKE, BUS, TRUCK, BICYCLE, PERSON, PLATE = range(len(LABELS))
VEHICLES = (CAR, MOTORBIKE, BUS, TRUCK)
# In the "rider with bike" boxes the machine begins about a third below the top of the helmet.
RIDER_ABOVE_BIKE = 0.35
# A guess at least this sure is taught as a box.
SURE_SCORE = 0.45
SAME_IOU = 0.45

Picture: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]


class Source(NamedTuple):
    """One folder and file prefix: what its label numbers mean and what else it labels.

    A class in `absent` was labelled wherever it shows, so its absence is evidence. A class that is
    only in `classes` teaches where it is, never where it is not.
    """

    folder: str
    prefix: str
    classes: dict[int, int]
    absent: tuple[int, ...]
    weight: float


SOURCES = (
    Source("vehicles", "np_", {0: CAR, 1: MOTORBIKE, 2: BUS, 3: TRUCK}, VEHICLES, 1.0),
    Source("riders/plates", "nckh_", {0: PLATE}, (PLATE,), 0.9),
    Source("riders/plates", "ro_", {0: PLATE}, (PLATE,), 0.7),
    # The generic "vehicle" of these pictures has no class of ours; its boxes are not used.
    Source("riders/plates", "oi_", {0: PLATE}, (PLATE,), 2.5),
    # Riders only: bikes parked behind them stand unlabelled.
    Source("riders/helmets", "nckh_", {2: MOTORBIKE, 4: PLATE}, (PLATE,), 0.7),
    # Street pictures whose own labels are not ours: what the weights before training see in them.
    Source("riders/helmets", "thcam_", {}, (), 0.4),
    Source("riders/lights/frames", "cinta_", {}, (), 0.5),
    Source("riders/helmets", "thside_", {3: MOTORBIKE, 5: PERSON}, (MOTORBIKE, PERSON), 0.4),
)


@dataclass(frozen=True)
class Sample:
    """A picture (h, w, 3) RGB with boxes (n, 5) float32: class, left, top, right, bottom in pixels.

    `vague` boxes, of the same form, are things too hidden or small to be taught or punished.
    """

    name: str
    picture: Picture
    boxes: Floats
    known: Floats = field(repr=False)
    weight: float = 1.0
    vague: Floats = field(default_factory=lambda: np.zeros((0, 5), np.float32))


def known_mask(absent: tuple[int, ...]) -> Floats:
    """1 for each class whose absence the source vouches for."""
    mask = np.zeros(len(LABELS), np.float32)
    mask[list(absent)] = 1
    return mask


def _boxes(rows: list[list[float]], source: Source, width: int, height: int) -> Floats:
    boxes = []
    for number, cx, cy, w, h in rows:
        if (kind := source.classes.get(int(number))) is None:
            continue
        top = cy - h / 2
        if source.folder.endswith("helmets") and source.prefix == "nckh_" and kind == MOTORBIKE:
            rider_top, rider_bottom = top, cy + h * 0.3
            boxes.append([PERSON, cx - w * 0.42, rider_top, cx + w * 0.42, rider_bottom])
            top += h * RIDER_ABOVE_BIKE
        boxes.append([kind, cx - w / 2, top, cx + w / 2, cy + h / 2])
    scale = np.array([1, width, height, width, height], np.float32)
    return np.array(boxes, np.float32).reshape(-1, 5) * scale


def _iou(boxes: Floats, box: Floats) -> Floats:
    inner = (np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])).clip(0).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    return inner / (areas - inner)


def guessed(sample: Sample, source: Source, rows: list[list[float]]) -> Sample:
    """Fill in the classes that a source does not label with what other weights saw.

    Sure guesses become boxes, unsure ones vague, and where there is neither, the class is absent.

    Args:
        sample: With the source's own labels.
        source: It is believed in all that it labels.
        rows: Class, score, left, top, right, bottom of each guess.
    """
    boxes, vague = sample.boxes, []
    if PERSON not in source.absent:
        # Riders cut out of rider-with-bike boxes are poor boxes; they only forbid punishment.
        vague += list(boxes[boxes[:, 0] == PERSON])
        boxes = boxes[boxes[:, 0] != PERSON]
    for kind, score, *sides in rows:
        box = np.array(sides, np.float32)
        mine = boxes[boxes[:, 0] == kind, 1:]
        if kind in source.absent or (len(mine) and _iou(mine, box).max() > SAME_IOU):
            continue
        row = np.array([kind, *sides], np.float32)
        if score >= SURE_SCORE:
            boxes = np.concatenate([boxes, row[None]])
        else:
            vague.append(row)
    known = np.ones(len(LABELS), np.float32)
    known[PLATE] = sample.known[PLATE]
    doubt = np.array(vague, np.float32).reshape(-1, 5)
    return replace(sample, boxes=boxes, known=known, vague=doubt)


def read_split(root: Path, split: str, guesses: Path | None = None) -> Iterator[Sample]:
    """All pictures of a split, decoded, in the order of their names.

    Args:
        root: The folder of labelled pictures.
        split: "train" or "val".
        guesses: JSON of guessed boxes per picture; sources that teach no class are read only with
            it.
    """
    seen = json.loads(guesses.read_text()) if guesses else {}
    for source in SOURCES:
        if not (source.classes or guesses):
            continue
        for file in sorted((root / source.folder / split / "images").glob(f"{source.prefix}*")):
            label = root / source.folder / split / "labels" / f"{file.stem}.txt"
            rows = [[float(v) for v in line.split()[:5]] for line in label.read_text().splitlines()]
            picture = cv2.imread(str(file))
            if picture is None:
                continue
            height, width = picture.shape[:2]
            name = f"{source.folder}/{split}/images/{file.name}"
            sample = Sample(
                name,
                np.ascontiguousarray(picture[..., ::-1]),
                _boxes(rows, source, width, height),
                known_mask(source.absent),
                source.weight,
            )
            yield guessed(sample, source, seen[name]) if name in seen else sample


def read_rendered(folder: Path) -> Iterator[Sample]:
    """Frames that `scenes.py` rendered; everything in them is labelled."""
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as frame:
            picture = cv2.imdecode(frame["jpeg"], cv2.IMREAD_COLOR)
            yield Sample(
                file.stem,
                np.ascontiguousarray(picture[..., ::-1]),
                frame["boxes"],
                frame["known"],
                1.0,
                frame["vague"],
            )
