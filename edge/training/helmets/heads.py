"""The labelled pictures of riders: heads, riders, and places where a head may stand unlabelled."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

Floats: TypeAlias = NDArray[np.float32]
Picture: TypeAlias = NDArray[np.uint8]

HELMET, BARE, UNKNOWN = 0, 1, 2
# Class numbers of classes.txt.
_WITH, _WITHOUT, _RIDER_BIKE, _MOTORBIKE, _PERSON = 0, 1, 2, 3, 5
# A rider's head lies in this upper share of the rider-with-bike box.
HEAD_SHARE = 0.45


@dataclass(frozen=True)
class Street:
    """One picture.

    Attributes:
        picture: (h, w, 3) uint8 BGR.
        heads: (n, 5) class (HELMET or BARE), left, top, right, bottom in pixels.
        riders: (m, 4) a rider with the bike; where the source labels neither, empty.
        vague: (k, 4) where heads may be that nobody labelled.
        nothing: (j, 4) squares that were taken for heads and are none.
    """

    name: str
    group: str
    picture: Picture
    heads: Floats
    riders: Floats
    vague: Floats
    nothing: Floats = field(default_factory=lambda: np.zeros((0, 4), np.float32))


def data_root() -> Path:
    """The folder of labelled pictures.

    Raises:
        SystemExit: IOC_REAL_DATA is not set.
    """
    if not (root := os.environ.get("IOC_REAL_DATA")):
        raise SystemExit("IOC_REAL_DATA must name the folder with riders/ and vehicles/")
    return Path(root)


def corners(rows: Floats, width: int, height: int) -> Floats:
    """Boxes (n, 4) in pixels from centre and size in shares."""
    size = np.array([width, height], np.float32)
    middle, side = rows[:, :2] * size, rows[:, 2:] * size
    return np.concatenate([middle - side / 2, middle + side / 2], 1)


def riders_of(motorbikes: Floats, persons: Floats) -> Floats:
    """Each motorbike with the people on it."""
    riders = []
    for bike in motorbikes:
        box = bike.copy()
        for person in persons:
            across = min(bike[2], person[2]) - max(bike[0], person[0])
            down = min(bike[3], person[3]) - max(bike[1], person[1])
            if across > 0.5 * (person[2] - person[0]) and down > 0.2 * (person[3] - person[1]):
                box[:2] = np.minimum(box[:2], person[:2])
                box[2:] = np.maximum(box[2:], person[2:])
        riders.append(box)
    return np.array(riders, np.float32).reshape(-1, 4)


def read(split: str) -> Iterator[Street]:
    """The pictures of a split of riders/helmets."""
    root = data_root() / "riders" / "helmets"
    for line in (root / "manifest.jsonl").read_text().splitlines():
        note = json.loads(line)
        if note["file"].startswith(f"{split}/"):
            yield _street(root, note)


def _street(root: Path, note: dict[str, object]) -> Street:
    file = root / str(note["file"])
    label = root / str(note["file"]).replace("images", "labels")
    picture = cv2.imread(str(file))
    height, width = picture.shape[:2]
    text = label.with_suffix(".txt").read_text().split()
    rows = np.array(text, np.float32).reshape(-1, 5)
    boxes, kinds = corners(rows[:, 1:], width, height), rows[:, 0].astype(int)
    head = (kinds == _WITH) | (kinds == _WITHOUT)
    riders = np.concatenate(
        [
            boxes[kinds == _RIDER_BIKE],
            riders_of(boxes[kinds == _MOTORBIKE], boxes[kinds == _PERSON]),
        ]
    )
    silent = np.array(note.get("head_unknown_riders") or [], np.float32).reshape(-1, 4)
    vague = silent * np.array([width, height] * 2, np.float32)
    vague[:, 3] = vague[:, 1] + (vague[:, 3] - vague[:, 1]) * HEAD_SHARE
    heads = np.concatenate([kinds[head, None].astype(np.float32), boxes[head]], 1)
    group = f"{note['source']}/{note['scene']}"
    return Street(file.name, group, picture, heads, riders, vague)
