"""Covers people, and vehicles that nobody accuses, in a picture before it leaves the box.

What is covered cannot be brought back: a covered part keeps a handful of averages of its
pixels, rounded, and nothing else. Mosaics of 14 and more cells across a face still let a
network tell people apart (McPherson, Shokri, Shmatikov 2016, "Defeating Image Obfuscation
with Deep Learning"); heads keep 3 here, bodies and vehicles 6, plates 1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import cv2
import numpy as np

from ioc_edge.backends import PLATE, VEHICLES, Box, Detection, Image, area, common_area
from ioc_edge.backends.faces import Face
from ioc_edge.lettering import write

CAPTION: Final = "Đã che người và xe khác · People and other vehicles are covered"
PERSON: Final = "person"
OPEN_VEHICLES: Final = frozenset({"motorbike", "bicycle"})
# Cells across the shorter side of what is covered.
BODY_CELLS: Final = 6
HEAD_CELLS: Final = 3
PLATE_CELLS: Final = 1
# Of far people too: no cell is smaller.
LEAST_CELL_PX: Final = 4.0
# Averages are rounded to this many levels.
LEVELS: Final = 16
# Shares of a box's sides. A rider's head stands above a box that holds the bike alone.
ABOVE_OPEN: Final = 0.6
HEAD_OF_OPEN: Final = 0.35
HEAD_OF_PERSON: Final = 0.3
GLASS_OF_CAR: Final = 0.55
AROUND_FACE: Final = 0.35
AROUND_BODY: Final = 0.06
AROUND_PLATE: Final = 0.15
# Of a head that is the evidence, this much from the top stays: helmet or hair, no face.
CROWN: Final = 0.4
SAME: Final = 0.5
INSIDE: Final = 0.5
NESTED: Final = 0.8
# A doubted vehicle that fills more of the picture than this is none.
DOUBTED_SHARE: Final = 0.3
CAPTION_SHARE: Final = 0.035
LEAST_CAPTION_PX: Final = 16
LEAST_CAPTIONED_WIDTH: Final = 320
_INK: Final = (230, 230, 230)
_PAPER: Final = (28, 24, 20)


class Finder(Protocol):
    """Finds faces; `backends.faces.FaceFinder` is one."""

    def find(self, image: Image) -> list[Face]:
        """Faces in a picture, (h, w, 3) uint8 BGR."""
        ...


@dataclass(frozen=True, slots=True)
class Sight:
    """Whom a picture is about and what else was seen in it, in the picture's pixels.

    Attributes:
        vehicle: The vehicle that the event is about; None when it is about none.
        plates: Its plate, which stays readable.
        crowns: Heads of its riders whose helmet, or lack of one, is the evidence: their
            upper part stays visible.
        shown: What else must stay as it is: the traffic light's box.
        seen: Everything that the detector found in this frame.
        doubted: What it may have found: covered, but never over the vehicle.
    """

    vehicle: Box | None = None
    plates: tuple[Box, ...] = ()
    crowns: tuple[Box, ...] = ()
    shown: tuple[Box, ...] = ()
    seen: tuple[Detection, ...] = ()
    doubted: tuple[Detection, ...] = ()

    def within(self, left: float, top: float) -> "Sight":
        """The same in the pixels of a cut-out whose corner lies there."""

        def moved(box: Box) -> Box:
            return box[0] - left, box[1] - top, box[2] - left, box[3] - top

        return Sight(
            vehicle=None if self.vehicle is None else moved(self.vehicle),
            plates=tuple(map(moved, self.plates)),
            crowns=tuple(map(moved, self.crowns)),
            shown=tuple(map(moved, self.shown)),
            seen=tuple(replace(one, box=moved(one.box)) for one in self.seen),
            doubted=tuple(replace(one, box=moved(one.box)) for one in self.doubted),
        )


def looked_again(sight: Sight, found: Iterable[Detection], image: Image) -> Sight:
    """The sight with what a second, more suspicious look found in the picture.

    People count as if they had been seen at once. Of vehicles it is wrong too often to
    let them cover the one that the picture is about.
    """
    most = DOUBTED_SHARE * image.shape[0] * image.shape[1]
    people, others = [], []
    for one in found:
        if one.label == PERSON:
            people.append(one)
        elif area(one.box) <= most:
            others.append(one)
    return replace(sight, seen=(*sight.seen, *people), doubted=(*sight.doubted, *others))


@dataclass(frozen=True, slots=True)
class Cover:
    """One part to cover, and how many averages are left of its shorter side."""

    box: Box
    cells: int


def veil(image: Image, sight: Sight, faces: Iterable[Box] = ()) -> Image:
    """The picture with everybody covered but the vehicle it is about; a copy.

    Covered whole: other vehicles and their plates, people who do not ride the vehicle.
    Of the vehicle itself: its riders' heads, or its windows. Everywhere: faces. The plate
    of the vehicle is put back last.
    """
    result = image.copy()
    behind, over = covers(sight)
    _paint(result, image, behind)
    if sight.vehicle is not None:
        _restore(result, image, sight.vehicle)
    _paint(result, image, over)
    for box in sight.shown:
        _restore(result, image, box)
    _paint(result, image, [Cover(grown(box, AROUND_FACE), HEAD_CELLS) for box in faces])
    for left, top, right, bottom in sight.crowns:
        _restore(result, image, (left, top, right, top + CROWN * (bottom - top)))
    for box in _own_plates(sight):
        _restore(result, image, box)
    return result


def covers(sight: Sight) -> tuple[list[Cover], list[Cover]]:
    """What to cover behind the vehicle that the picture is about, and what over it."""
    behind = [_cover(one) for one in sight.doubted]
    over = own_covers(sight)
    own = sight.vehicle
    for one in sight.seen:
        if one.label == PLATE:
            if not _is_own_plate(one.box, sight):
                over.append(_cover(one))
        elif not _belongs(one, sight):
            larger = own is not None and area(one.box) > area(own)
            (behind if larger else over).append(_cover(one))
    return behind, over


def own_covers(sight: Sight) -> list[Cover]:
    """Heads or windows of the vehicle that the picture is about."""
    if sight.vehicle is None:
        return []
    own = sight.vehicle
    labels = _own_labels(sight)
    riders = [one.box for one in sight.seen if one.label == PERSON and _rides(one.box, own)]
    heads = [Cover(_top(grown(box, AROUND_BODY), HEAD_OF_PERSON), HEAD_CELLS) for box in riders]
    left, top, right, bottom = own
    height = bottom - top
    if labels and OPEN_VEHICLES.isdisjoint(labels):
        return [*heads, Cover((left, top, right, top + GLASS_OF_CAR * height), BODY_CELLS)]
    zone = (left, top - ABOVE_OPEN * height, right, top + HEAD_OF_OPEN * height)
    return [*heads, Cover(zone, BODY_CELLS)]


def captioned(image: Image) -> Image:
    """The picture with a strip below it that says it was covered; pixels keep their places."""
    height, width = image.shape[:2]
    if width < LEAST_CAPTIONED_WIDTH:
        return image
    tall = max(LEAST_CAPTION_PX, round(CAPTION_SHARE * height))
    strip = np.full((tall, width, 3), _PAPER, np.uint8)
    write(strip, CAPTION, (tall // 2, round(tall * 0.72)), size=round(tall * 0.6), ink=_INK)
    return np.vstack([image, strip])


def grown(box: Box, share: float) -> Box:
    """A box with a margin, as a share of its sides."""
    dx, dy = (box[2] - box[0]) * share, (box[3] - box[1]) * share
    return box[0] - dx, box[1] - dy, box[2] + dx, box[3] + dy


def _cover(one: Detection) -> Cover:
    if one.label == PLATE:
        return Cover(grown(one.box, AROUND_PLATE), PLATE_CELLS)
    left, top, right, bottom = grown(one.box, AROUND_BODY)
    if one.label in OPEN_VEHICLES:
        top -= ABOVE_OPEN * (one.box[3] - one.box[1])
    return Cover((left, top, right, bottom), BODY_CELLS)


def _top(box: Box, share: float) -> Box:
    return box[0], box[1], box[2], box[1] + share * (box[3] - box[1])


def _belongs(one: Detection, sight: Sight) -> bool:
    """Whether it is the vehicle itself, found once more, or somebody who rides it."""
    if sight.vehicle is None:
        return False
    if one.label == PERSON:
        return _rides(one.box, sight.vehicle)
    if _same(one.box, sight.vehicle):
        return True
    # A second, smaller box on the same vehicle; of another class it is another vehicle,
    # such as a motorbike before a car.
    shared = common_area(one.box, sight.vehicle)
    return one.label in _own_labels(sight) and shared >= NESTED * area(one.box)


def _own_labels(sight: Sight) -> list[str]:
    own = sight.vehicle
    return [
        one.label
        for one in sight.seen
        if one.label in VEHICLES and own is not None and _same(one.box, own)
    ]


def _same(one: Box, other: Box) -> bool:
    shared = common_area(one, other)
    return shared >= SAME * (area(one) + area(other) - shared)


def _rides(person: Box, vehicle: Box) -> bool:
    """Most of the person lies in the vehicle's box or just above it."""
    left, top, right, bottom = vehicle
    seat = (left, top - ABOVE_OPEN * (bottom - top), right, bottom)
    return common_area(person, seat) >= INSIDE * area(person)


def _own_plates(sight: Sight) -> Sequence[Box]:
    if sight.plates or sight.vehicle is None:
        return sight.plates
    return [one.box for one in sight.seen if one.label == PLATE and _is_own_plate(one.box, sight)]


def _is_own_plate(box: Box, sight: Sight) -> bool:
    if sight.plates:
        return any(common_area(box, own) >= INSIDE * area(box) for own in sight.plates)
    own = sight.vehicle
    return own is not None and common_area(box, own) >= INSIDE * area(box)


def _paint(result: Image, image: Image, parts: Iterable[Cover]) -> None:
    for part in parts:
        left, top, right, bottom = _pixels(part.box, image)
        if right > left and bottom > top:
            here = slice(top, bottom), slice(left, right)
            result[here] = covered(image[here], part.cells)


def covered(part: Image, cells: int) -> Image:
    """What is left of a part of a picture: `cells` averages across its shorter side, rounded."""
    height, width = part.shape[:2]
    cell = max(LEAST_CELL_PX, min(height, width) / cells)
    columns, rows = max(1, round(width / cell)), max(1, round(height / cell))
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    step = 256 // LEVELS
    rounded = small // step * step + step // 2
    return np.asarray(
        cv2.resize(rounded, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8
    )


def _restore(result: Image, image: Image, box: Box) -> None:
    left, top, right, bottom = _pixels(box, image)
    result[top:bottom, left:right] = image[top:bottom, left:right]


def _pixels(box: Box, image: Image) -> tuple[int, int, int, int]:
    height, width = image.shape[:2]
    left, right = (int(np.clip(edge, 0, width)) for edge in (np.floor(box[0]), np.ceil(box[2])))
    top, bottom = (int(np.clip(edge, 0, height)) for edge in (np.floor(box[1]), np.ceil(box[3])))
    return left, top, right, bottom
