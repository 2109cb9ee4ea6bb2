"""What a detector could find of a vehicle, without painting it: its box and the heads on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ioc_edge.scene.camera import NEAR_M, Camera
from ioc_edge.scene.solids import Body
from ioc_edge.scene.spec import Rect
from ioc_edge.scene.traffic import State

FloatArray = NDArray[np.float64]
# A ball as large as this on a rider is a helmet or a head of hair.
_HEAD_M = 0.1
_LEAST_PX = 4.0


@dataclass(frozen=True)
class Outline:
    """A vehicle in the picture.

    Attributes:
        box: Cut to the picture, pixels.
        whole: The same before it was cut.
        heads: Box and whether it wears a helmet, the driver first.
        distance_m: From the lens to its nearest corner on the ground.
    """

    state: State
    box: Rect
    whole: Rect
    heads: tuple[tuple[Rect, bool], ...]
    distance_m: float


def outline(camera: Camera, state: State, edges: Rect) -> Outline | None:
    """The outline of a vehicle; None when the picture does not show it."""
    body = state.body
    hx, hy = state.heading
    turn = np.array([[hx, -hy, 0.0], [hy, hx, 0.0], [0.0, 0.0, 1.0]])
    points = camera.seen_from(body.points @ turn.T + np.array([*state.position, 0.0]))
    front = points[points[:, 2] >= NEAR_M]
    if len(front) < 3:  # noqa: PLR2004
        return None
    pixels = camera.pixels(front)
    (x0, y0), (x1, y1) = pixels.min(axis=0), pixels.max(axis=0)
    if len(front) < len(points):
        y1 = max(y1, camera.height + 1.0)
    whole = (float(x0), float(y0), float(x1), float(y1))
    box = _cut(whole, edges)
    if box[2] - box[0] < _LEAST_PX or box[3] - box[1] < _LEAST_PX:
        return None
    away = state.footprint - camera.centre[:2]
    distance = float(np.sqrt((away * away).sum(axis=1).min()))
    return Outline(state, box, whole, _heads(camera, body, points), distance)


def _heads(camera: Camera, body: Body, points: FloatArray) -> tuple[tuple[Rect, bool], ...]:
    focal = float(camera.matrix[0, 0])
    found: dict[int, Rect] = {}
    for piece in body.pieces:
        if piece.kind != "ball" or piece.rider < 0 or piece.radius < _HEAD_M:
            continue
        at = points[piece.rows][0]
        if at[2] < NEAR_M:
            continue
        x, y = camera.pixels(at[None])[0]
        radius = focal * piece.radius / float(at[2])
        found[piece.rider] = (
            float(x - radius), float(y - radius), float(x + radius), float(y + radius),
        )  # fmt: skip
    return tuple((found[seat], body.riders[seat]) for seat in sorted(found))


def _cut(rect: Rect, edges: Rect) -> Rect:
    x0, y0, x1, y1 = rect
    return (
        min(max(x0, edges[0]), edges[2]), min(max(y0, edges[1]), edges[3]),
        min(max(x1, edges[0]), edges[2]), min(max(y1, edges[1]), edges[3]),
    )  # fmt: skip
