"""Passenger cars: sedans, hatchbacks, pickups, vans."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ioc_edge.scene.carparts import (
    DARK,
    RIM,
    SEAM,
    TRIM,
    Profile,
    deeper,
    hang_plate,
    inset,
    mix,
    panel_at,
    wheels,
)
from ioc_edge.scene.dice import chance
from ioc_edge.scene.plates import Plate
from ioc_edge.scene.solids import (
    AMBER,
    GLASS,
    HEAD,
    TAIL,
    Body,
    Colour,
    Paint,
    Piece,
    Sculptor,
    Vec,
)

# White, silver, black and grey first: that is what is bought.
CAR_COLOURS: tuple[Colour, ...] = (
    (212, 214, 216), (218, 218, 216), (208, 210, 212), (176, 178, 182), (150, 152, 156),
    (34, 32, 32), (44, 42, 46), (28, 28, 28), (110, 110, 114), (70, 70, 74),
    (30, 28, 150), (36, 34, 112), (128, 70, 28), (90, 46, 22), (70, 92, 60),
    (92, 128, 160), (34, 60, 98), (150, 158, 120), (60, 140, 200),
)  # fmt: skip
_SKY_GLASS = Paint((74, 64, 56), gloss=0.9)
_BUMPER_M = 1.0
TALL_M = 1.65  # from here on: roof rails, cladding, often a business plate
_LENS = Paint((96, 84, 196), gloss=0.3, glow="tail")


@dataclass(frozen=True)
class Shape:
    """Side view of a car: lengths in metres, x from the middle, front positive.

    Attributes:
        deck: Height of the shoulder from tail to nose, as (x, z).
        cabin: Rear base, rear roof, front roof, front base of the glasshouse, x each.
    """

    length: float
    width: float
    roof: float
    deck: Profile
    cabin: tuple[float, float, float, float]


SHAPES: dict[str, Shape] = {
    "sedan": Shape(
        4.5, 1.76, 1.46,
        ((-2.25, 0.86), (-2.1, 1.0), (-1.3, 1.02), (0.6, 0.98), (1.95, 0.9), (2.25, 0.76)),
        (-1.55, -0.75, 0.25, 1.05),
    ),
    "hatch": Shape(
        3.8, 1.7, 1.52,
        ((-1.9, 0.9), (-1.8, 1.02), (-1.0, 1.03), (0.7, 1.0), (1.6, 0.93), (1.9, 0.78)),
        (-1.84, -1.4, 0.3, 1.1),
    ),
    "suv": Shape(
        4.6, 1.86, 1.74,
        ((-2.3, 1.02), (-2.2, 1.14), (-1.0, 1.16), (0.8, 1.12), (2.05, 1.06), (2.3, 0.9)),
        (-2.24, -1.9, 0.35, 1.15),
    ),
    "mpv": Shape(
        4.55, 1.8, 1.72,
        ((-2.27, 0.96), (-2.2, 1.06), (-1.0, 1.07), (1.1, 1.02), (2.0, 0.94), (2.27, 0.78)),
        (-2.24, -1.95, 0.75, 1.6),
    ),
    "pickup": Shape(
        5.2, 1.86, 1.8,
        ((-2.6, 1.04), (-2.5, 1.1), (-0.7, 1.1), (1.1, 1.1), (2.3, 1.04), (2.6, 0.84)),
        (-0.75, -0.6, 0.6, 1.35),
    ),
    "van": Shape(
        5.2, 1.94, 2.25,
        ((-2.6, 1.1), (-2.55, 1.16), (-1.0, 1.16), (1.2, 1.12), (2.3, 1.0), (2.6, 0.8)),
        (-2.56, -2.45, 1.25, 2.25),
    ),
}  # fmt: skip


def car(rng: Generator, shape: Shape, plate: Plate, colour: Colour) -> Body:
    """A passenger car of the given shape."""
    make = Sculptor()
    paint = Paint(colour, gloss=0.45)
    wheels(make, shape.length * 0.31, -shape.length * 0.3, shape.width / 2, 0.33)
    rear, front = _lower(make, shape, paint)
    _glasshouse(make, shape, paint)
    _tail(make, shape, rear, plate, high=chance(rng, 0.6))
    _nose(make, shape, front, plate)
    if shape is SHAPES["pickup"]:
        _bed(make, shape)
    return make.done(shape.length, shape.width, shape.roof)


def ambulance(shape: Shape, plate: Plate, beat: int) -> Body:
    """A white van with a bar of red and blue beacons, of which one side is lit at a time."""
    make = Sculptor()
    paint = Paint((238, 240, 240), gloss=0.45)
    wheels(make, shape.length * 0.31, -shape.length * 0.3, shape.width / 2, 0.33)
    rear, front = _lower(make, shape, paint)
    _glasshouse(make, shape, paint)
    _tail(make, shape, rear, plate, high=True)
    _nose(make, shape, front, plate)
    for x in (1.0, -2.3):
        for side, lit, dark in (
            (1, (255, 90, 30), (96, 40, 20)),
            (-1, (40, 30, 255), (26, 20, 96)),
        ):
            on = (side > 0) == (beat == 0)
            cloud = [
                (x + dx, side * y, shape.roof + dz)
                for dx in (-0.15, 0.15)
                for y in (0.12, 0.72)
                for dz in (0.0, 0.16)
            ]
            lamp = make.hull(cloud, Paint(lit if on else dark, glow="tail" if on else ""))
            lamp.bias_m = -1.5
    return make.done(shape.length, shape.width, shape.roof + 0.16)


def _station(shape: Shape, x: float) -> float:
    """Half width at x: the corners of the bumpers are rounded."""
    share = abs(x) / (shape.length / 2)
    return shape.width / 2 * float(np.interp(share, (0.9, 0.97, 1.0), (1.0, 0.96, 0.84)))


def _lower(make: Sculptor, shape: Shape, paint: Paint) -> tuple[Piece, Piece]:
    """The body below the windows; returns the rear and the front face."""
    rows = []
    for x, z in shape.deck:
        half = _station(shape, x)
        rows.append([(half * 0.94, 0.24), (half, 0.5), (half * 0.99, z - 0.08), (half * 0.9, z)])
    for (x0, _), (x1, _), back, ahead in zip(
        shape.deck, shape.deck[1:], rows, rows[1:], strict=False
    ):
        for level in range(3):
            (b0, zb0), (b1, zb1) = back[level], back[level + 1]
            (a0, za0), (a1, za1) = ahead[level], ahead[level + 1]
            dress = (TRIM if shape.roof > TALL_M else deeper(paint)) if level == 0 else paint
            left = [(x1, a0, za0), (x0, b0, zb0), (x0, b1, zb1), (x1, a1, za1)]
            right = [(x0, -b0, zb0), (x1, -a0, za0), (x1, -a1, za1), (x0, -b1, zb1)]
            for corners in (left, right):
                panel = make.face(corners, dress)
                if level == 1:
                    _doors(make, panel, corners)
        top_b, top_a = back[3], ahead[3]
        deck = [(x0, -top_b[0], top_b[1]), (x1, -top_a[0], top_a[1])]
        make.face([*deck, (x1, top_a[0], top_a[1]), (x0, top_b[0], top_b[1])], paint)
    return _cap(make, shape.deck[0][0], rows[0], paint), _cap(
        make, shape.deck[-1][0], rows[-1], paint
    )


def _doors(make: Sculptor, panel: Piece, corners: Sequence[Vec]) -> None:
    """Seams and handles on the long middle panels; bumpers have none."""
    a, b, c, d = corners
    if abs(a[0] - b[0]) < _BUMPER_M:
        return
    for share in (0.02, 0.52):
        seam = [
            mix(a, b, share),
            mix(a, b, share + 0.012),
            mix(d, c, share + 0.012),
            mix(d, c, share),
        ]
        make.face(seam, SEAM, on=panel)
        low, high = mix(a, d, 0.78), mix(b, c, 0.78)
        low_2, high_2 = mix(a, d, 0.86), mix(b, c, 0.86)
        start, stop = share + 0.05, share + 0.14
        grip = [
            mix(low, high, start),
            mix(low, high, stop),
            mix(low_2, high_2, stop),
            mix(low_2, high_2, start),
        ]
        make.face(grip, SEAM, on=panel)


def _cap(make: Sculptor, x: float, rows: Profile, paint: Paint) -> Piece:
    """Bumper and panel that close the body at one end."""
    left = [(x, half, z) for half, z in rows]
    right = [(x, -half, z) for half, z in reversed(rows)]
    ring = [*left, *right] if x < 0 else [*reversed(right), *reversed(left)]
    piece = make.face(list(reversed(ring)), paint)
    half, low = rows[0][0], rows[0][1]
    make.face(panel_at(x, -half, half, low, 0.42), TRIM, on=piece)
    return piece


def _glasshouse(make: Sculptor, shape: Shape, paint: Paint) -> None:
    rear, rear_roof, front_roof, front = shape.cabin
    base = _ring4(rear, front, shape.width / 2 * 0.9, _deck_at(shape, rear), _deck_at(shape, front))
    brow = shape.roof - 0.08
    eaves = _ring4(rear_roof, front_roof, shape.width / 2 * 0.76, brow - 0.03, brow)
    crown = _ring4(
        rear_roof + 0.14, front_roof - 0.14, shape.width / 2 * 0.66, shape.roof - 0.03, shape.roof
    )
    for index in range(4):
        low_a, low_b = base[index], base[(index + 1) % 4]
        top_a, top_b = eaves[index], eaves[(index + 1) % 4]
        _pane(make, (low_a, low_b, top_b, top_a), paint, side=index % 2 == 1)
        cap_a, cap_b = crown[index], crown[(index + 1) % 4]
        make.face([top_a, top_b, cap_b, cap_a], paint)
    roof = make.face(crown, paint)
    if shape.roof > TALL_M:
        _rails(make, shape, roof)


def _ring4(rear: float, front: float, half: float, low: float, high: float) -> list[Vec]:
    """Rear left, rear right, front right, front left: anticlockwise from above."""
    return [(rear, half, low), (rear, -half, low), (front, -half, high), (front, half, high)]


def _pane(make: Sculptor, corners: Sequence[Vec], paint: Paint, *, side: bool) -> None:
    """A window with its frame; the upper part mirrors the sky, a pillar parts side windows."""
    pane = make.face(corners, paint)
    glass = inset(corners, 0.88)
    make.face(glass, GLASS, on=pane)
    a, b, c, d = glass
    make.face([mix(a, d, 0.55), mix(b, c, 0.55), c, d], _SKY_GLASS, on=pane)
    if side:
        post = [mix(a, b, 0.47), mix(a, b, 0.53), mix(d, c, 0.5), mix(d, c, 0.44)]
        make.face(post, paint, on=pane)


def _rails(make: Sculptor, shape: Shape, roof: Piece) -> None:
    """Roof rails of the taller cars."""
    x0, x1 = shape.cabin[1] + 0.3, shape.cabin[2] - 0.3
    for side in (1, -1):
        y = side * shape.width / 2 * 0.6
        ring = [(x0, y - 0.02, 0.0), (x1, y - 0.02, 0.0), (x1, y + 0.02, 0.0), (x0, y + 0.02, 0.0)]
        make.face([(x, v, shape.roof + 0.01) for x, v, _ in ring], TRIM, on=roof)


def _deck_at(shape: Shape, x: float) -> float:
    for (x0, z0), (x1, z1) in zip(shape.deck, shape.deck[1:], strict=False):
        if x0 <= x <= x1:
            return z0 + (z1 - z0) * (x - x0) / (x1 - x0)
    return shape.deck[0][1]


def _tail(make: Sculptor, shape: Shape, rear: Piece, plate: Plate, *, high: bool) -> None:
    x, half, z = shape.deck[0][0] - 0.01, shape.width / 2 * 0.84, shape.deck[0][1]
    make.face(panel_at(x, -half, half, 0.4, 0.6), rear.paint, on=rear)
    make.face(panel_at(x, -half * 0.97, half * 0.97, 0.6, 0.615), SEAM, on=rear)
    for side in (1, -1):
        inner, outer = sorted((side * half * 0.6, side * half * 0.98))
        make.face(panel_at(x, inner, outer, z - 0.25, z - 0.05), TAIL, on=rear)
        make.face(panel_at(x, inner + 0.03, outer - 0.03, z - 0.15, z - 0.08), _LENS, on=rear)
        make.face(panel_at(x, inner + 0.03, outer - 0.03, z - 0.23, z - 0.19), AMBER, on=rear)
        make.lamp("tail", (x, side * half * 0.8, z - 0.15))
    middle = z - 0.17 if high and plate.layout != "long" else 0.5
    width = plate.size_m[0] / 2 + 0.05
    tall = plate.size_m[1] / 2 + 0.03
    make.face(panel_at(x, -width, width, middle - tall, middle + tall), SEAM, on=rear)
    hang_plate(make, x - 0.02, middle, plate, on=rear)


def _nose(make: Sculptor, shape: Shape, front: Piece, plate: Plate) -> None:
    x, half, z = shape.deck[-1][0] + 0.01, shape.width / 2 * 0.84, shape.deck[-1][1]
    make.face(panel_at(x, -half * 0.52, half * 0.52, z - 0.18, z - 0.04), DARK, on=front)
    make.face(panel_at(x, -half * 0.5, half * 0.5, z - 0.115, z - 0.1), RIM, on=front)
    for side in (1, -1):
        inner, outer = sorted((side * half * 0.55, side * half * 0.98))
        make.face(panel_at(x, inner, outer, z - 0.17, z - 0.02), HEAD, on=front)
        make.face(panel_at(x, inner, outer, 0.32, 0.4), DARK, on=front)
        make.lamp("head", (x, side * half * 0.8, z - 0.08))
        mirror_x, mirror_y = shape.cabin[3] - 0.25, side * (shape.width / 2 + 0.07)
        make.ball((mirror_x, mirror_y, _deck_at(shape, shape.cabin[3]) + 0.08), 0.085, front.paint)
    make.face(panel_at(x, -half * 0.7, half * 0.7, 0.26, 0.36), DARK, on=front)
    hang_plate(make, x + 0.02, 0.45, plate, on=front)


def _bed(make: Sculptor, shape: Shape) -> None:
    """The load floor of a pickup, seen from above."""
    half = shape.width / 2 * 0.74
    make.face(
        [(-2.45, half, 1.115), (-2.45, -half, 1.115), (-0.85, -half, 1.115), (-0.85, half, 1.115)],
        DARK,
    )
