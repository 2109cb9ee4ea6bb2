"""Heads on motorbikes: how many, and whether each wears a helmet; in doubt, unknown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import cv2
import numpy as np

from ioc_edge.backends import (
    Box,
    Classifier,
    Detection,
    Detector,
    Image,
    area,
    common_area,
    open_classifier,
    open_detector,
)

Answer: TypeAlias = Literal["helmet", "no_helmet", "unknown"]

MOTORBIKE: Final = "motorbike"
PERSON: Final = "person"
# A person rides if so much of their width is over the machine and so much of their height.
OVER_BIKE: Final = 0.5
IN_BIKE: Final = 0.15
# Detectors differ in whether a motorbike's box holds the rider. Without a person on it,
# the view reaches this many of the box's heights above it, and to the sides.
ABOVE: Final = 0.45
AROUND: Final = 0.08
# Heads whose longer side is under this are counted, not judged: below it hair and helmets look
# alike (MODEL_CARD.md).
LEAST_HEAD_PX: Final = 14.0
# A narrower view holds no head that could be found.
LEAST_VIEW_PX: Final = 12
# The judge's belief that a box holds a head at all, below which it is dropped.
IS_HEAD: Final = 0.5
# A crop for judging is a square of this many times the head's longer side.
REACH: Final = 1.5
# Two boxes share a head if so much of the smaller one is common; a passenger's head behind the
# driver's shares less.
SAME_HEAD: Final = 0.45
# A further head on a motorbike must be nearly as sure as its surest: halves of heads, mirrors and
# knots of hair are found too, but less.
FURTHER: Final = 0.6
# A crop is made at least this wide before it is stretched or shrunk by the network's feeder.
_CROP_PX: Final = 96


@dataclass(frozen=True, slots=True)
class Ride:
    """A motorbike in a frame, and where its riders' heads can be."""

    bike: Box
    view: Box


@dataclass(frozen=True, slots=True)
class Head:
    """A rider's head in a frame.

    Attributes:
        helmet: Share of belief that it wears a helmet; `bare` that it wears none.
        found: The finder's score; 1 where the box was given.
    """

    box: Box
    helmet: float
    bare: float
    found: float = 1.0

    @property
    def size(self) -> float:
        """The longer side of the box, in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])

    def answer(self, sure: float) -> Answer:
        """What is believed with at least this share."""
        if self.bare >= sure:
            return "no_helmet"
        return "helmet" if self.helmet >= sure else "unknown"


def rides(detections: Sequence[Detection], size: tuple[int, int]) -> list[Ride]:
    """The motorbikes among detections, each with the view in which to look for heads.

    Args:
        detections: Of one frame; only `motorbike` and `person` matter.
        size: Width and height of the frame.
    """
    people = [one.box for one in detections if one.label == PERSON]
    return [
        Ride(one.box, _view(one.box, [p for p in people if _rides_on(p, one.box)], size))
        for one in detections
        if one.label == MOTORBIKE
    ]


def _rides_on(person: Box, bike: Box) -> bool:
    across = min(person[2], bike[2]) - max(person[0], bike[0])
    down = min(person[3], bike[3]) - max(person[1], bike[1])
    return across >= OVER_BIKE * (person[2] - person[0]) and down >= IN_BIKE * (
        person[3] - person[1]
    )


def _view(bike: Box, people: Sequence[Box], size: tuple[int, int]) -> Box:
    boxes = [bike, *people]
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
    width, height = right - left, bottom - top
    if not people:
        top -= ABOVE * height
    return (
        max(0.0, left - AROUND * width),
        max(0.0, top - AROUND * height),
        min(float(size[0]), right + AROUND * width),
        min(float(size[1]), bottom),
    )


class HelmetReader:
    """Finds riders' heads and says of each whether it wears a helmet. One thread at a time."""

    def __init__(self, finder: Detector, judge: Classifier) -> None:
        self.models = [model for model in (finder.model, judge.model) if model is not None]
        self._finder, self._judge = finder, judge

    @classmethod
    def open(cls, folder: Path, threads: int = 1) -> "HelmetReader":
        """From a folder with finder.yaml and judge.yaml.

        Raises:
            ModelInvalid: A manifest or its weights cannot be used.
        """
        return cls(
            open_detector(folder / "finder.yaml", threads),
            open_classifier(folder / "judge.yaml", threads),
        )

    def heads(self, frame: Image, riding: Sequence[Ride]) -> list[list[Head]]:
        """For each ride the heads of those on it; a head belongs to one ride alone."""
        crops = [_cut(frame, ride.view) for ride in riding]
        seen = [index for index, crop in enumerate(crops) if crop is not None]
        found = self._finder.detect([crop for crop in crops if crop is not None])
        claims: list[tuple[float, int, Detection]] = []
        for index, detections in zip(seen, found, strict=True):
            left, top = (int(side) for side in riding[index].view[:2])
            for one in detections:
                box = (one.box[0] + left, one.box[1] + top, one.box[2] + left, one.box[3] + top)
                fit = _fit(box, riding[index])
                if fit > 0:
                    moved = Detection(box, one.label, one.confidence)
                    claims.append((one.confidence * fit, index, moved))
        owned = _settled(claims)
        judged = self._shares(frame, [one.box for _, one in owned])
        heads: list[list[Head]] = [[] for _ in riding]
        for (index, one), verdict in zip(owned, judged, strict=True):
            if verdict.helmet + verdict.bare >= IS_HEAD:
                heads[index].append(_known(verdict, one.confidence))
        return heads

    def judge(self, frame: Image, boxes: Sequence[Box]) -> list[Head]:
        """Judge heads whose boxes are known, in the order given; too small ones are unknown."""
        return [_known(head, 1.0) for head in self._shares(frame, boxes)]

    def _shares(self, frame: Image, boxes: Sequence[Box]) -> list[Head]:
        crops = [head_square(frame, box) for box in boxes]
        return [
            Head(box, share.get("helmet", 0.0), share.get("no_helmet", 0.0))
            for box, share in zip(boxes, self._judge.classify(crops), strict=True)
        ]


def _known(verdict: Head, found: float) -> Head:
    """With the finder's score; of too small a head nothing is believed."""
    if verdict.size < LEAST_HEAD_PX:
        return Head(verdict.box, 0.0, 0.0, found)
    return Head(verdict.box, verdict.helmet, verdict.bare, found)


def _fit(head: Box, ride: Ride) -> float:
    """How well a head sits on a motorbike, 0 to 1: over it, and in its upper part."""
    width, height = ride.bike[2] - ride.bike[0], ride.bike[3] - ride.bike[1]
    x, y = (head[0] + head[2]) / 2, (head[1] + head[3]) / 2
    aside = max(0.0, abs(x - (ride.bike[0] + ride.bike[2]) / 2) / max(width, 1.0) - 0.5)
    if aside > 0.25 or y > ride.bike[1] + 0.5 * height:  # noqa: PLR2004 shares of the bike's box
        return 0.0
    return 1.0 - 2 * aside


def _settled(claims: Iterable[tuple[float, int, Detection]]) -> list[tuple[int, Detection]]:
    """Each head once, for the ride that it fits best."""
    owned: list[tuple[int, Detection]] = []
    surest: dict[int, float] = {}
    for _, index, one in sorted(claims, key=lambda claim: -claim[0]):
        if any(_is_same(one.box, other.box) for _, other in owned):
            continue
        if one.confidence >= FURTHER * surest.setdefault(index, one.confidence):
            owned.append((index, one))
    return owned


def _is_same(one: Box, other: Box) -> bool:
    smaller = min(area(one), area(other))
    return common_area(one, other) >= SAME_HEAD * max(smaller, 1e-6)


def _cut(frame: Image, box: Box) -> Image | None:
    left, top, right, bottom = (int(side) for side in box)
    crop = frame[top:bottom, left:right]
    return crop if min(crop.shape[:2]) >= LEAST_VIEW_PX else None


def head_square(frame: Image, box: Box) -> Image:
    """The square around a head, its surroundings included, edges of the frame repeated.

    Large heads are averaged down here: a network fed every fifth pixel sees noise.
    """
    side = max(2.0, REACH * max(box[2] - box[0], box[3] - box[1]))
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    left, top, size = round(x - side / 2), round(y - side / 2), max(2, round(side))
    height, width = frame.shape[:2]
    rows = np.clip(np.arange(top, top + size), 0, height - 1)
    columns = np.clip(np.arange(left, left + size), 0, width - 1)
    crop = frame[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if crop.shape[:2] != (size, size):
        crop = crop[rows - rows[0]][:, columns - columns[0]]
    if size > _CROP_PX:
        crop = np.asarray(cv2.resize(crop, (_CROP_PX, _CROP_PX), interpolation=cv2.INTER_AREA))
    return np.ascontiguousarray(crop)
