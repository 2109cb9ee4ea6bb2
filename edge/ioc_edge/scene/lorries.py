"""Buses and lorries."""

import numpy as np
from numpy.random import Generator

from ioc_edge.scene.carparts import DARK, TRIM, box, deeper, hang_plate, panel_at, wheels
from ioc_edge.scene.dice import chance
from ioc_edge.scene.plates import Plate
from ioc_edge.scene.solids import GLASS, HEAD, TAIL, Body, Colour, Paint, Piece, Sculptor, Vec

BUS_COLOURS: tuple[Colour, ...] = (
    (232, 232, 230), (60, 180, 232), (160, 84, 30), (84, 140, 60), (50, 44, 168), (200, 206, 210),
)  # fmt: skip
_CARGO: tuple[Colour, ...] = ((212, 214, 214), (96, 70, 40), (60, 92, 70), (150, 150, 152))


def bus(rng: Generator, plate: Plate, colour: Colour) -> Body:
    """A city bus or a coach."""
    length, width, height = (9.0, 2.4, 3.1) if chance(rng, 0.5) else (7.2, 2.1, 2.75)
    make, paint = Sculptor(), Paint(colour, gloss=0.35)
    half = width / 2
    wheels(make, length * 0.3, -length * 0.28, half, 0.45)
    left, right, rear, front, roof = box(
        make, ((-length / 2, height), (length / 2, height)), half, 0.32, paint
    )
    band = Paint(
        (int(rng.integers(40, 220)), int(rng.integers(40, 200)), int(rng.integers(40, 200)))
    )
    for side, piece in ((1, left), (-1, right)):
        _windows(make, piece, side * (half + 0.005), length, height, band)
    back, nose = -length / 2 - 0.01, length / 2 + 0.01
    make.face(
        panel_at(back, -half * 0.85, half * 0.85, height * 0.55, height * 0.86), GLASS, on=rear
    )
    make.face(
        panel_at(nose, -half * 0.92, half * 0.92, height * 0.4, height * 0.84), GLASS, on=front
    )
    make.face(panel_at(back, -half, half, 0.34, 0.6), TRIM, on=rear)
    make.face(panel_at(nose, -half, half, 0.34, 0.6), TRIM, on=front)
    for x in np.arange(-length / 2 + 1, length / 2, 1.3):
        seam = [
            (x, half * 0.97, 0.0),
            (x, -half * 0.97, 0.0),
            (x + 0.03, -half * 0.97, 0.0),
            (x + 0.03, half * 0.97, 0.0),
        ]
        make.face([(float(a), b, height + 0.005) for a, b, _ in seam], deeper(paint), on=roof)
    vent = [(-0.6, 0.5, height), (-0.6, -0.5, height), (1.2, -0.5, height), (1.2, 0.5, height)]
    make.face([(x, y, z + 0.01) for x, y, z in vent], Paint((190, 192, 194)), on=roof)
    _lamps(make, (rear, front), (back, nose), half, 0.75)
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


def _lamps(
    make: Sculptor, faces: tuple[Piece, Piece], ends: tuple[float, float], half: float, z: float
) -> None:
    """Tail lights and headlights, z their lower edge."""
    (rear, front), (back, nose) = faces, ends
    for side in (1, -1):
        near, far = sorted((side * half * 0.72, side * half * 0.96))
        make.face(panel_at(back, near, far, z, z + 0.24), TAIL, on=rear)
        make.face(panel_at(nose, near, far, z, z + 0.2), HEAD, on=front)
        make.lamp("tail", (back, side * half * 0.84, z + 0.1))
        make.lamp("head", (nose, side * half * 0.84, z + 0.1))


def truck(rng: Generator, plate: Plate, colour: Colour) -> Body:
    """A light lorry: cab in front, box or tarpaulin behind."""
    length, width, height = float(rng.uniform(5.4, 6.6)), 2.0, float(rng.uniform(2.5, 3.0))
    make, half = Sculptor(), 1.0
    cargo = Paint(((212, 214, 214), (96, 70, 40), (60, 92, 70), (150, 150, 152))[rng.integers(4)])
    wheels(make, length * 0.3, -length * 0.28, half, 0.42)
    tail_x, split, nose = -length / 2, length / 2 - 1.75, length / 2
    box(make, ((tail_x, 0.75), (nose, 0.6)), half * 0.9, 0.4, TRIM)
    _, _, rear, _, _ = box(make, ((tail_x, height), (split, height)), half, 0.75, cargo)
    cab = box(make, ((split + 0.1, 2.1), (nose, 2.0)), half * 0.95, 0.5, Paint(colour, gloss=0.4))
    front = cab[3]
    ahead = nose + 0.01
    make.face(panel_at(ahead, -half * 0.85, half * 0.85, 1.25, 1.88), GLASS, on=front)
    make.face(panel_at(ahead, -half * 0.6, half * 0.6, 0.92, 1.08), DARK, on=front)
    for side, piece in ((1, cab[0]), (-1, cab[1])):
        y = side * half * 0.955
        pane: list[Vec] = [
            (nose - 0.3, y, 1.25),
            (split + 0.5, y, 1.25),
            (split + 0.5, y, 1.85),
            (nose - 0.4, y, 1.85),
        ]
        make.face(pane if side > 0 else list(reversed(pane)), GLASS, on=piece)
    door = panel_at(tail_x - 0.01, -0.015, 0.015, 0.8, height - 0.06)
    make.face(door, DARK, on=rear)
    make.face(panel_at(tail_x - 0.01, -half, half, 0.75, 0.84), DARK, on=rear)
    bumper = make.face(panel_at(tail_x - 0.02, -half * 0.95, half * 0.95, 0.42, 0.72), TRIM)
    _lamps(make, (bumper, front), (tail_x - 0.03, ahead), half, 0.46)
    hang_plate(make, tail_x - 0.05, 0.57, plate, on=bumper)
    hang_plate(make, ahead + 0.02, 0.66, plate, on=front)
    return make.done(length, width, height)
