"""Parts that every four-wheeler shares: panels, wheels, boxes, the place of the plate."""

from collections.abc import Sequence

from ioc_edge.scene.plates import Plate
from ioc_edge.scene.solids import RUBBER, Paint, Piece, Sculptor, Vec, disc

Profile = Sequence[tuple[float, float]]

DARK = Paint((26, 26, 28))
TRIM = Paint((44, 44, 46))
SEAM = Paint((48, 48, 50))
RIM = Paint((140, 142, 146), gloss=0.4)


def deeper(paint: Paint) -> Paint:
    """The same colour a shade darker, for sills and seams."""
    b, g, r = (int(v * 0.72) for v in paint.colour)
    return Paint((b, g, r), gloss=paint.gloss * 0.5)


def panel_at(x: float, right: float, left: float, low: float, high: float) -> list[Vec]:
    """A rectangle on the rear (x < 0) or the front, anticlockwise from outside."""
    corners: list[Vec] = [(x, left, low), (x, right, low), (x, right, high), (x, left, high)]
    return corners if x < 0 else list(reversed(corners))


def mix(a: Vec, b: Vec, share: float) -> Vec:
    """The point a share of the way from a to b."""
    x, y, z = (p + (q - p) * share for p, q in zip(a, b, strict=True))
    return x, y, z


def inset(corners: Sequence[Vec], share: float) -> list[Vec]:
    """The same polygon, shrunk towards its middle."""
    x, y, z = (sum(c[i] for c in corners) / len(corners) for i in range(3))
    middle: Vec = (x, y, z)
    return [mix(middle, corner, share) for corner in corners]


def hang_plate(make: Sculptor, x: float, z: float, plate: Plate, *, on: Piece | None) -> None:
    """Fix a plate upright with its middle at height z; it faces outward from the body."""
    width, height = plate.size_m
    side = width / 2 if x < 0 else -width / 2
    top, low = z + height / 2, z - height / 2
    make.plate([(x, side, top), (x, -side, top), (x, -side, low), (x, side, low)], on=on)


def wheels(make: Sculptor, front: float, rear: float, half: float, radius: float) -> None:
    """Four wheels: tyres sorted behind the body, arches and rims before it."""
    for x in (front, rear):
        for side in (1.0, -1.0):
            outer, inner = side * (half + 0.005), side * (half - 0.2)
            ring = disc((x, outer, radius), radius, side)
            tyre = make.hull([*ring, *disc((x, inner, radius), radius, side)], RUBBER)
            tyre.bias_m = 2.0
            face = make.face(
                disc((x, outer + side * 0.012, radius + 0.02), radius * 1.12, side), DARK
            )
            face.bias_m = -1.2
            make.face(disc((x, outer + side * 0.016, radius), radius, side), RUBBER, on=face)
            make.face(disc((x, outer + side * 0.02, radius), radius * 0.62, side), RIM, on=face)


def box(make: Sculptor, xs: Profile, half: float, low: float, paint: Paint) -> list[Piece]:
    """A prism over (x, top) at both ends; returns left, right, rear, front and roof faces."""
    (x0, z0), (x1, z1) = xs
    a, b, c, d = (x0, half, low), (x0, -half, low), (x1, -half, low), (x1, half, low)
    e, f, g, h = (x0, half, z0), (x0, -half, z0), (x1, -half, z1), (x1, half, z1)
    sides = [[d, a, e, h], [b, c, g, f], [a, b, f, e], [c, d, h, g], [e, f, g, h]]
    return [make.face(corners, paint) for corners in sides]
