"""Four wheels and more: sedans, hatchbacks, pickups, vans, lorries and buses."""

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.random import Generator

from ioc_edge.scene.plates import Plate
from ioc_edge.scene.solids import (
    AMBER,
    GLASS,
    HEAD,
    RUBBER,
    TAIL,
    Body,
    Colour,
    Paint,
    Piece,
    Sculptor,
    Vec,
    disc,
)

Profile = Sequence[tuple[float, float]]

CAR_COLOURS: tuple[Colour, ...] = (
    (228, 230, 232), (238, 238, 236), (176, 178, 182), (120, 120, 124), (34, 32, 32),
    (44, 42, 46), (30, 28, 150), (36, 34, 112), (128, 70, 28), (90, 46, 22),
    (70, 92, 60), (92, 128, 160), (34, 60, 98), (60, 140, 200), (150, 158, 120),
)  # fmt: skip
_DARK = Paint((26, 26, 28))
_TRIM = Paint((44, 44, 46))
_RIM = Paint((140, 142, 146), gloss=0.4)


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
        ((-2.25, 0.86), (-2.1, 1.0), (-1.3, 1.03), (0.6, 0.97), (1.9, 0.84), (2.25, 0.68)),
        (-1.55, -0.75, 0.25, 1.05),
    ),
    "hatch": Shape(
        3.8, 1.7, 1.52,
        ((-1.9, 0.9), (-1.8, 1.02), (-1.0, 1.03), (0.7, 1.0), (1.6, 0.88), (1.9, 0.7)),
        (-1.84, -1.4, 0.3, 1.1),
    ),
    "suv": Shape(
        4.6, 1.86, 1.74,
        ((-2.3, 1.02), (-2.2, 1.14), (-1.0, 1.16), (0.8, 1.12), (2.05, 1.02), (2.3, 0.82)),
        (-2.24, -1.9, 0.35, 1.15),
    ),
    "mpv": Shape(
        4.55, 1.8, 1.72,
        ((-2.27, 0.96), (-2.2, 1.06), (-1.0, 1.07), (1.1, 1.02), (2.0, 0.9), (2.27, 0.72)),
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
    _wheels(make, shape.length * 0.31, -shape.length * 0.3, shape.width / 2, 0.33)
    rear, front = _lower(make, shape, paint)
    _glasshouse(make, shape, paint)
    _tail(make, shape, rear, plate, high=bool(rng.random() < 0.6))
    _nose(make, shape, front, plate)
    if shape is SHAPES["pickup"]:
        _bed(make, shape)
    return make.done(shape.length, shape.width, shape.roof)


def _station(shape: Shape, x: float) -> float:
    """Half width at x: the corners of the bumpers are rounded."""
    edge = shape.length / 2 - abs(x)
    return shape.width / 2 * (0.84 if edge < 0.02 else 0.97 if edge < 0.2 else 1.0)  # noqa: PLR2004


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
            dress = _TRIM if level == 0 else paint
            make.face([(x1, a0, za0), (x0, b0, zb0), (x0, b1, zb1), (x1, a1, za1)], dress)
            make.face([(x0, -b0, zb0), (x1, -a0, za0), (x1, -a1, za1), (x0, -b1, zb1)], dress)
        top_b, top_a = back[3], ahead[3]
        deck = [(x0, -top_b[0], top_b[1]), (x1, -top_a[0], top_a[1])]
        make.face([*deck, (x1, top_a[0], top_a[1]), (x0, top_b[0], top_b[1])], paint)
    return _cap(make, shape.deck[0][0], rows[0], paint), _cap(
        make, shape.deck[-1][0], rows[-1], paint
    )


def _cap(make: Sculptor, x: float, rows: Profile, paint: Paint) -> Piece:
    """Bumper and panel that close the body at one end."""
    left = [(x, half, z) for half, z in rows]
    right = [(x, -half, z) for half, z in reversed(rows)]
    ring = [*left, *right] if x < 0 else [*reversed(right), *reversed(left)]
    piece = make.face(list(reversed(ring)) if x < 0 else list(reversed(ring)), paint)
    half, low = rows[0][0], rows[0][1]
    make.face(_panel(x, -half, half, low, 0.42), _TRIM, on=piece)
    return piece


def _panel(x: float, right: float, left: float, low: float, high: float) -> list[Vec]:
    """A rectangle on the rear (x < 0) or the front, anticlockwise from outside."""
    corners: list[Vec] = [(x, left, low), (x, right, low), (x, right, high), (x, left, high)]
    return corners if x < 0 else list(reversed(corners))


def _glasshouse(make: Sculptor, shape: Shape, paint: Paint) -> None:
    rear, rear_roof, front_roof, front = shape.cabin
    base, top = shape.width / 2 * 0.9, shape.width / 2 * 0.74
    low, roof = _deck_at(shape, rear), shape.roof
    low_front = _deck_at(shape, front)
    rl, rr = (rear, base, low), (rear, -base, low)
    fl, fr = (front, base, low_front), (front, -base, low_front)
    trl, trr = (rear_roof, top, roof - 0.04), (rear_roof, -top, roof - 0.04)
    tfl, tfr = (front_roof, top, roof), (front_roof, -top, roof)
    sides = ((fl, rl, trl, tfl), (rr, fr, tfr, trr))
    for corners in (*sides, (rl, rr, trr, trl), (fr, fl, tfl, tfr)):
        pane = make.face(corners, paint)
        make.face(_inset(corners, 0.86), GLASS, on=pane)
        if corners in sides:
            a, b, c, d = (
                corners if corners is sides[0] else (corners[1], corners[0], *corners[:1:-1])
            )
            pillar = [_mix(a, b, 0.46), _mix(a, b, 0.52), _mix(d, c, 0.48), _mix(d, c, 0.42)]
            make.face(pillar, paint, on=pane)
    make.face([trl, trr, tfr, tfl], paint)


def _mix(a: Vec, b: Vec, share: float) -> Vec:
    x, y, z = (p + (q - p) * share for p, q in zip(a, b, strict=True))
    return x, y, z


def _inset(corners: Sequence[Vec], share: float) -> list[Vec]:
    middle: Vec = tuple(sum(c[i] for c in corners) / len(corners) for i in range(3))  # type: ignore[assignment]
    return [_mix(middle, corner, share) for corner in corners]


def _deck_at(shape: Shape, x: float) -> float:
    for (x0, z0), (x1, z1) in zip(shape.deck, shape.deck[1:], strict=False):
        if x0 <= x <= x1:
            return z0 + (z1 - z0) * (x - x0) / (x1 - x0)
    return shape.deck[0][1]


def _tail(make: Sculptor, shape: Shape, rear: Piece, plate: Plate, *, high: bool) -> None:
    x, half, z = shape.deck[0][0] - 0.01, shape.width / 2 * 0.84, shape.deck[0][1]
    for side in (1, -1):
        inner, outer = side * half * 0.62, side * half * 0.97
        lamp = _panel(x, min(inner, outer), max(inner, outer), z - 0.24, z - 0.06)
        make.face(lamp, TAIL, on=rear)
        blink = _panel(x, min(inner, outer), max(inner, outer), z - 0.3, z - 0.25)
        make.face(blink, AMBER, on=rear)
        make.lamp("tail", (x, side * half * 0.8, z - 0.15))
    make.face(_panel(x, -half * 0.94, half * 0.94, 0.45, 0.49), _DARK, on=rear)
    middle = (z - 0.22) if high and plate.lines == 2 else 0.58 if plate.lines == 1 else 0.56
    hang_plate(make, x - 0.02, middle, plate, on=rear)


def _nose(make: Sculptor, shape: Shape, front: Piece, plate: Plate) -> None:
    x, half, z = shape.deck[-1][0] + 0.01, shape.width / 2 * 0.84, shape.deck[-1][1]
    make.face(_panel(x, -half * 0.55, half * 0.55, z - 0.17, z - 0.03), _DARK, on=front)
    for side in (1, -1):
        inner, outer = side * half * 0.58, side * half * 0.98
        lamp = _panel(x, min(inner, outer), max(inner, outer), z - 0.15, z - 0.02)
        make.face(lamp, HEAD, on=front)
        make.lamp("head", (x, side * half * 0.8, z - 0.08))
    make.face(_panel(x, -half * 0.7, half * 0.7, 0.28, 0.36), _DARK, on=front)
    hang_plate(make, x + 0.02, 0.45 if plate.lines == 2 else 0.44, plate, on=front)  # noqa: PLR2004


def hang_plate(make: Sculptor, x: float, z: float, plate: Plate, *, on: Piece | None) -> None:
    """Fix a plate upright with its middle at height z; it faces outward from the body."""
    width, height = plate.size_m
    side = width / 2 if x < 0 else -width / 2
    top, low = z + height / 2, z - height / 2
    make.plate([(x, side, top), (x, -side, top), (x, -side, low), (x, side, low)], on=on)


def _bed(make: Sculptor, shape: Shape) -> None:
    """The load floor of a pickup, seen from above."""
    half = shape.width / 2 * 0.74
    make.face(
        [(-2.45, half, 1.115), (-2.45, -half, 1.115), (-0.85, -half, 1.115), (-0.85, half, 1.115)],
        _DARK,
    )


def _wheels(make: Sculptor, front: float, rear: float, half: float, radius: float) -> None:
    for x in (front, rear):
        for side in (1.0, -1.0):
            outer, inner = side * (half + 0.005), side * (half - 0.2)
            ring = disc((x, outer, radius), radius, side)
            tyre = make.hull([*ring, *disc((x, inner, radius), radius, side)], RUBBER)
            tyre.bias_m = 2.0
            face = make.face(disc((x, outer + side * 0.012, radius), radius, side), RUBBER)
            face.bias_m = -1.2
            make.face(disc((x, outer + side * 0.02, radius), radius * 0.62, side), _RIM, on=face)


def _box(make: Sculptor, xs: Profile, half: float, low: float, paint: Paint) -> list[Piece]:
    """A prism over (x, top) at both ends; returns left, right, rear, front and roof faces."""
    (x0, z0), (x1, z1) = xs
    a, b, c, d = (x0, half, low), (x0, -half, low), (x1, -half, low), (x1, half, low)
    e, f, g, h = (x0, half, z0), (x0, -half, z0), (x1, -half, z1), (x1, half, z1)
    sides = [[d, a, e, h], [b, c, g, f], [a, b, f, e], [c, d, h, g], [e, f, g, h]]
    return [make.face(corners, paint) for corners in sides]


def bus(rng: Generator, plate: Plate, colour: Colour) -> Body:
    """A city bus or a coach."""
    length, width, height = (9.0, 2.4, 3.1) if rng.random() < 0.5 else (7.2, 2.1, 2.75)
    make, paint = Sculptor(), Paint(colour, gloss=0.35)
    half = width / 2
    _wheels(make, length * 0.3, -length * 0.28, half, 0.45)
    left, right, rear, front, roof = _box(
        make, ((-length / 2, height), (length / 2, height)), half, 0.32, paint
    )
    band = Paint(
        (int(rng.integers(40, 220)), int(rng.integers(40, 200)), int(rng.integers(40, 200)))
    )
    for side, piece in ((1, left), (-1, right)):
        _windows(make, piece, side * (half + 0.005), length, height, band)
    back, nose = -length / 2 - 0.01, length / 2 + 0.01
    make.face(_panel(back, -half * 0.85, half * 0.85, height * 0.55, height * 0.86), GLASS, on=rear)
    make.face(_panel(nose, -half * 0.92, half * 0.92, height * 0.4, height * 0.84), GLASS, on=front)
    make.face(_panel(back, -half, half, 0.34, 0.6), _TRIM, on=rear)
    make.face(_panel(nose, -half, half, 0.34, 0.6), _TRIM, on=front)
    vent = [(-0.6, 0.5, height), (-0.6, -0.5, height), (1.2, -0.5, height), (1.2, 0.5, height)]
    make.face([(x, y, z + 0.01) for x, y, z in vent], Paint((190, 192, 194)), on=roof)
    _heavy_lamps(make, rear, front, back, nose, half, 0.75)
    hang_plate(make, back - 0.02, 0.85, plate, on=rear)
    hang_plate(make, nose + 0.02, 0.62, plate, on=front)
    return make.done(length, width, height)


def _windows(
    make: Sculptor, piece: Piece, y: float, length: float, height: float, band: Paint
) -> None:
    count = int(length / 1.25)
    pitch = length * 0.94 / count
    low, high = height * 0.48, height * 0.84

    def quad(x0: float, x1: float, z0: float, z1: float) -> list[Vec]:
        ring: list[Vec] = [(x1, y, z0), (x0, y, z0), (x0, y, z1), (x1, y, z1)]
        return ring if y > 0 else list(reversed(ring))

    make.face(quad(-length / 2, length / 2, height * 0.3, height * 0.36), band, on=piece)
    for index in range(count):
        start = -length * 0.47 + index * pitch
        make.face(quad(start, start + pitch * 0.93, low, high), GLASS, on=piece)


def _heavy_lamps(
    make: Sculptor, rear: Piece, front: Piece, back: float, nose: float, half: float, z: float
) -> None:
    for side in (1, -1):
        near, far = sorted((side * half * 0.72, side * half * 0.96))
        make.face(_panel(back, near, far, z, z + 0.24), TAIL, on=rear)
        make.face(_panel(nose, near, far, z, z + 0.2), HEAD, on=front)
        make.lamp("tail", (back, side * half * 0.84, z + 0.1))
        make.lamp("head", (nose, side * half * 0.84, z + 0.1))


def truck(rng: Generator, plate: Plate, colour: Colour) -> Body:
    """A light lorry: cab in front, box or tarpaulin behind."""
    length, width, height = float(rng.uniform(5.4, 6.6)), 2.0, float(rng.uniform(2.5, 3.0))
    make, half = Sculptor(), 1.0
    cargo = Paint(((212, 214, 214), (96, 70, 40), (60, 92, 70), (150, 150, 152))[rng.integers(4)])
    _wheels(make, length * 0.3, -length * 0.28, half, 0.42)
    tail_x, split, nose = -length / 2, length / 2 - 1.75, length / 2
    _box(make, ((tail_x, 0.75), (nose, 0.6)), half * 0.9, 0.4, _TRIM)
    _, _, rear, _, _ = _box(make, ((tail_x, height), (split, height)), half, 0.75, cargo)
    cab = _box(make, ((split + 0.1, 2.1), (nose, 2.0)), half * 0.95, 0.5, Paint(colour, gloss=0.4))
    front = cab[3]
    ahead = nose + 0.01
    make.face(_panel(ahead, -half * 0.85, half * 0.85, 1.25, 1.88), GLASS, on=front)
    make.face(_panel(ahead, -half * 0.6, half * 0.6, 0.92, 1.08), _DARK, on=front)
    for side, piece in ((1, cab[0]), (-1, cab[1])):
        y = side * half * 0.955
        pane: list[Vec] = [
            (nose - 0.3, y, 1.25), (split + 0.5, y, 1.25), (split + 0.5, y, 1.85), (nose - 0.4, y, 1.85),
        ]  # fmt: skip
        make.face(pane if side > 0 else list(reversed(pane)), GLASS, on=piece)
    door = _panel(tail_x - 0.01, -0.015, 0.015, 0.8, height - 0.06)
    make.face(door, _DARK, on=rear)
    make.face(_panel(tail_x - 0.01, -half, half, 0.75, 0.84), _DARK, on=rear)
    bumper = make.face(_panel(tail_x - 0.02, -half * 0.95, half * 0.95, 0.42, 0.72), _TRIM)
    _heavy_lamps(make, bumper, front, tail_x - 0.03, ahead, half, 0.46)
    hang_plate(make, tail_x - 0.05, 0.57, plate, on=bumper)
    hang_plate(make, ahead + 0.02, 0.66, plate, on=front)
    return make.done(length, width, height)
