"""From what was drawn to what is true of a frame: boxes, visibility, readable plates."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ioc_edge.scene.painter import Sprite
from ioc_edge.scene.spec import Box, Point, Rect
from ioc_edge.scene.traffic import State

FloatArray = NDArray[np.float64]
Owner = NDArray[np.int32]

_MIN_VISIBLE = 0.02
_MIN_AREA_PX = 4.0
# Smallest letters that a person reads without guessing, and the blur that still lets them.
_READABLE_PX, _READABLE_SMEAR, _UNCOVERED = 8.0, 0.28, 0.97


@dataclass
class Shown:
    """A vehicle drawn into a frame.

    Attributes:
        drawn_px: Pixels of its silhouette inside the picture before anything covered it.
    """

    state: State
    sprite: Sprite
    drawn_px: int


def boxes_of(item: Shown, owner: Owner, edges: Rect) -> Iterator[Box]:
    """Boxes of a vehicle, its riders and its plate.

    Args:
        item: The vehicle as drawn.
        owner: (h, w) int32, the track that each pixel of the finished frame belongs to.
        edges: The part of the frame below the caption, pixels.
    """
    whole = item.sprite.bounds
    rect = _clip(whole, edges)
    if _area(rect) < _MIN_AREA_PX or item.drawn_px == 0:
        return
    track = item.state.rider.track
    inside = _area(rect) / max(1.0, _area(whole))
    kept = np.count_nonzero(owner[_rows(rect)] == track) / item.drawn_px
    visible = float(min(1.0, kept * inside))
    if visible < _MIN_VISIBLE:
        return
    vehicle = _with_plate(_vehicle(item, rect, visible), item, owner, edges)
    yield vehicle
    yield from _people(vehicle, item, owner, edges)
    if vehicle.plate_xyxy is not None:
        share = _share(owner, vehicle.plate_xyxy, track)
        yield vehicle.model_copy(
            update={
                "label": "plate", "xyxy": vehicle.plate_xyxy, "visible": share,
                "helmet": None, "footprint_m": None,
            }
        )  # fmt: skip


def _vehicle(item: Shown, rect: Rect, visible: float) -> Box:
    state, rider = item.state, item.state.rider
    a, b, c, d = (_point(corner) for corner in state.footprint)
    heading = float(np.degrees(np.arctan2(state.heading[1], state.heading[0])))
    return Box(
        track=rider.track,
        label=rider.label,
        xyxy=rect,
        visible=round(visible, 4),
        plate=rider.plate.text if rider.plate else None,
        plate_lines=rider.plate.lines if rider.plate else None,
        plate_ground=rider.plate.ground if rider.plate else None,
        speed_kmh=round(state.speed * 3.6, 3),
        position_m=_point(np.array(state.position)),
        heading_deg=round(heading % 360, 3),
        footprint_m=(a, b, c, d),
        helmet=rider.helmet,
    )


def _with_plate(vehicle: Box, item: Shown, owner: Owner, edges: Rect) -> Box:
    """Add where the plate is; it counts only when all four corners are in the picture."""
    quad, plate = item.sprite.plate, item.state.rider.plate
    if quad is None or plate is None:
        return vehicle
    rect = _outline(quad)
    if _clip(rect, edges) != rect or _area(rect) < _MIN_AREA_PX:
        return vehicle
    share = _share(owner, rect, vehicle.track)
    if share < _MIN_VISIBLE:
        return vehicle
    side = (np.linalg.norm(quad[3] - quad[0]) + np.linalg.norm(quad[2] - quad[1])) / 2
    char_px = float(side) * plate.letter_share
    sharp = item.sprite.smear_px < char_px * _READABLE_SMEAR
    legible = char_px >= _READABLE_PX and sharp and share >= _UNCOVERED
    return vehicle.model_copy(
        update={"plate_xyxy": rect, "plate_char_px": round(char_px, 2), "plate_legible": legible}
    )


def _people(vehicle: Box, item: Shown, owner: Owner, edges: Rect) -> Iterator[Box]:
    """Each rider on board, with a box of their own."""
    for seat, outline in item.sprite.riders.items():
        rect = _clip(outline, edges)
        if _area(rect) < _MIN_AREA_PX:
            continue
        inside = _area(rect) / max(1.0, _area(outline))
        seen = min(vehicle.visible, inside * _covered(owner, rect, vehicle.track))
        worn = item.state.rider.body.riders[seat] if vehicle.label == "motorbike" else None
        yield vehicle.model_copy(
            update={
                "label": "person", "xyxy": rect, "helmet": worn, "plate": None,
                "plate_xyxy": None, "plate_char_px": None, "plate_legible": False,
                "plate_lines": None, "plate_ground": None, "footprint_m": None,
                "visible": round(seen, 4),
            }
        )  # fmt: skip


def _covered(owner: Owner, rect: Rect, track: int) -> float:
    """1 minus the share of a box that nearer things hide; background does not count."""
    region = owner[_rows(rect)]
    others = np.count_nonzero((region != 0) & (region != track))
    return 1.0 - others / max(1, region.size)


def _share(owner: Owner, rect: Rect, track: int) -> float:
    """Share of a box's inner pixels that belong to the track."""
    x0, y0, x1, y1 = rect
    dx, dy = (x1 - x0) * 0.12, (y1 - y0) * 0.12
    region = owner[_rows((x0 + dx, y0 + dy, x1 - dx, y1 - dy))]
    return round(float(np.count_nonzero(region == track)) / max(1, region.size), 4)


def _rows(rect: Rect) -> tuple[slice, slice]:
    x0, y0, x1, y1 = rect
    return slice(int(y0), int(np.ceil(y1))), slice(int(x0), int(np.ceil(x1)))


def _clip(rect: Rect, edges: Rect) -> Rect:
    x0, y0, x1, y1 = rect
    left, right = (min(max(v, edges[0]), edges[2]) for v in (x0, x1))
    top, low = (min(max(v, edges[1]), edges[3]) for v in (y0, y1))
    return round(left, 2), round(top, 2), round(right, 2), round(low, 2)


def _outline(quad: FloatArray) -> Rect:
    (x0, y0), (x1, y1) = quad.min(axis=0), quad.max(axis=0)
    return round(float(x0), 2), round(float(y0), 2), round(float(x1), 2), round(float(y1), 2)


def _area(rect: Rect) -> float:
    return max(0.0, rect[2] - rect[0]) * max(0.0, rect[3] - rect[1])


def _point(corner: FloatArray) -> Point:
    return round(float(corner[0]), 4), round(float(corner[1]), 4)
