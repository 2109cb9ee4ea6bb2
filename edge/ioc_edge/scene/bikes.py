"""Two wheels and those on foot: motorbikes, bicycles, their riders, people crossing."""

from dataclasses import dataclass

from numpy.random import Generator

from ioc_edge.scene.dice import chance, pick
from ioc_edge.scene.plates import Plate
from ioc_edge.scene.solids import (
    CHROME,
    RUBBER,
    Body,
    Colour,
    Paint,
    Sculptor,
    Vec,
    disc,
)

BIKE_COLOURS: tuple[Colour, ...] = (
    (36, 30, 160), (40, 40, 42), (150, 60, 24), (222, 224, 226), (120, 122, 128),
    (30, 90, 190), (96, 120, 60), (60, 44, 92), (180, 150, 60), (28, 26, 26),
)  # fmt: skip
CLOTHES: tuple[Colour, ...] = (
    (232, 232, 230), (60, 52, 48), (150, 96, 50), (70, 60, 170), (96, 130, 84), (40, 40, 44),
    (170, 150, 190), (190, 170, 120), (50, 130, 200), (120, 60, 110), (200, 200, 150),
    (84, 96, 110),
)  # fmt: skip
HELMETS: tuple[Colour, ...] = (
    (40, 34, 190), (238, 238, 238), (190, 90, 30), (30, 30, 34), (50, 180, 235),
    (120, 170, 60), (180, 120, 210), (150, 150, 156), (36, 100, 230),
)  # fmt: skip
_SKIN: tuple[Colour, ...] = ((128, 164, 206), (112, 146, 190), (92, 124, 168), (146, 180, 216))
_HAIR: tuple[Colour, ...] = ((22, 22, 24), (26, 30, 38), (34, 44, 60))
_DENIM: tuple[Colour, ...] = (
    (96, 70, 46),
    (40, 38, 38),
    (70, 74, 82),
    (30, 40, 58),
    (110, 116, 122),
)
_MASK: tuple[Colour, ...] = ((216, 200, 170), (232, 232, 232), (50, 48, 50), (170, 150, 200))


_CROWD = 3


@dataclass(frozen=True)
class Person:
    """How one person is dressed; `helmet` None is a bare head, `size` 1 a grown body."""

    shirt: Paint
    trousers: Paint
    skin: Paint
    hair: Paint
    mask: Paint
    helmet: Paint | None
    size: float = 1.0


def dressed(rng: Generator, *, helmet: bool) -> Person:
    """Draw a person's clothes."""
    skin = Paint(pick(rng, _SKIN))
    return Person(
        shirt=Paint(pick(rng, CLOTHES)),
        trousers=Paint(pick(rng, _DENIM)),
        skin=skin,
        hair=Paint(pick(rng, _HAIR)),
        mask=Paint(pick(rng, _MASK)) if chance(rng, 0.5) else skin,
        helmet=Paint(pick(rng, HELMETS), 0.6) if helmet else None,
    )


def motorbike(rng: Generator, plate: Plate, riders: tuple[Person, ...]) -> Body:
    """A scooter or an underbone with one or two people on it."""
    make = Sculptor()
    paint = Paint(pick(rng, BIKE_COLOURS), gloss=0.5)
    wide = 0.17 if chance(rng, 0.5) else 0.13
    _wheel(make, 0.62, 0.28, 0.055)
    _wheel(make, -0.62, 0.28, 0.06)
    _frame(make, paint, wide)
    _rear_end(make, plate)
    # Two sit apart; more crowd together, and the driver moves up to the bars.
    pitch, first = (0.42, -0.08) if len(riders) < _CROWD else (0.34, 0.02)
    for seat, person in enumerate(riders):
        make.rider = seat
        _sitting(make, person, first - pitch * seat, driving=seat == 0)
    make.rider = -1
    worn = tuple(person.helmet is not None for person in riders)
    return make.done(1.9, 0.72, 1.65, worn)


def _wheel(make: Sculptor, x: float, radius: float, half: float) -> None:
    for side in (1.0, -1.0):
        face = make.face(disc((x, side * half, radius), radius, side), RUBBER)
        make.face(disc((x, side * (half + 0.005), radius), radius * 0.66, side), CHROME, on=face)
        make.face(disc((x, side * (half + 0.01), radius), radius * 0.54, side), RUBBER, on=face)
    rim = [*disc((x, half, radius), radius, 1), *disc((x, -half, radius), radius, 1)]
    make.hull(rim, RUBBER)


def _frame(make: Sculptor, paint: Paint, wide: float) -> None:
    """Body panels, leg shield, bars, mirrors and lamps."""
    tail = [(-0.82, 0.07, 0.78), (-0.82, -0.07, 0.78), (-0.8, 0.07, 0.66), (-0.8, -0.07, 0.66)]
    seat = [(-0.15, wide, 0.74), (-0.15, -wide, 0.74), (-0.2, wide, 0.4), (-0.2, -wide, 0.4)]
    make.hull([*tail, *seat, (-0.55, wide, 0.55), (-0.55, -wide, 0.55)], paint)
    make.hull(
        [(-0.75, 0.1, 0.79), (-0.75, -0.1, 0.79), (0.15, 0.13, 0.77), (0.15, -0.13, 0.77)],
        Paint((32, 32, 34)), (0, 0, 1),
    )  # fmt: skip
    make.hull(
        [(-0.2, wide, 0.34), (-0.2, -wide, 0.34), (0.3, 0.12, 0.3), (0.3, -0.12, 0.3)], RUBBER
    )
    shield = [(0.36, 0.2, 0.86), (0.36, -0.2, 0.86), (0.44, 0.15, 0.36), (0.44, -0.15, 0.36)]
    make.hull([*shield, (0.5, 0.08, 0.9), (0.5, -0.08, 0.9)], paint)
    make.hull(
        [(0.42, 0.14, 1.04), (0.42, -0.14, 1.04), (0.56, 0.1, 0.88), (0.56, -0.1, 0.88)], paint
    )
    make.hull([(0.8, 0.06, 0.5), (0.8, -0.06, 0.5), (0.5, 0.06, 0.58), (0.5, -0.06, 0.58)], paint)
    make.limb((0.36, 0.33, 1.02), (0.4, -0.33, 1.02), 0.022, RUBBER)
    for side in (1, -1):
        make.limb((0.4, side * 0.26, 1.04), (0.4, side * 0.32, 1.2), 0.012, RUBBER)
        make.ball((0.4, side * 0.33, 1.22), 0.055, Paint((60, 60, 62), gloss=0.5))
    lamp: list[Vec] = [
        (0.57, 0.09, 0.92),
        (0.57, -0.09, 0.92),
        (0.55, -0.09, 1.0),
        (0.55, 0.09, 1.0),
    ]
    make.face(list(reversed(lamp)), Paint((224, 228, 228), gloss=0.5, glow="head"))
    make.lamp("head", (0.57, 0.0, 0.96))
    make.limb((-0.35, -0.17, 0.33), (-0.85, -0.2, 0.42), 0.05, CHROME)


def _rear_end(make: Sculptor, plate: Plate) -> None:
    lamp = [(-0.84, 0.08, 0.69), (-0.84, -0.08, 0.69), (-0.83, -0.07, 0.78), (-0.83, 0.07, 0.78)]
    make.face(lamp, Paint((36, 28, 160), gloss=0.4, glow="tail"))
    make.lamp("tail", (-0.85, 0.0, 0.73))
    make.hull(
        [(-0.82, 0.1, 0.66), (-0.82, -0.1, 0.66), (-0.9, 0.1, 0.42), (-0.9, -0.1, 0.42)], RUBBER
    )
    # Plates lean back by about 25 degrees, which is what makes them readable from a pole.
    half, height = plate.size_m[0] / 2, plate.size_m[1]
    lean, rise = height * 0.42, height * 0.91
    top: tuple[float, float] = (-0.9 + lean / 2, 0.57 + rise / 2)
    low: tuple[float, float] = (-0.9 - lean / 2, 0.57 - rise / 2)
    make.plate(
        [
            (top[0], half, top[1]),
            (top[0], -half, top[1]),
            (low[0], -half, low[1]),
            (low[0], half, low[1]),
        ]
    )


def _sitting(make: Sculptor, person: Person, x: float, *, driving: bool) -> None:
    """A rider on the seat at x; a child's upper body is scaled over the saddle."""
    if person.size < 1:
        _small(make, person, x)
        return
    for side in (1, -1):
        hip, knee = (x, side * 0.13, 0.84), (x + 0.36, side * 0.19, 0.8)
        foot = (x + 0.26, side * 0.19, 0.36)
        make.limb(hip, knee, 0.085, person.trousers)
        make.limb(knee, foot, 0.06, person.trousers)
        make.limb(foot, (foot[0] + 0.14, foot[1], 0.33), 0.045, Paint((40, 40, 44)))
        shoulder, elbow = (x + 0.08, side * 0.2, 1.27), (x + 0.2, side * 0.27, 1.05)
        hand = (x + 0.46, side * 0.28, 1.05) if driving else (x + 0.3, side * 0.16, 0.98)
        make.limb(shoulder, elbow, 0.058, person.shirt)
        make.limb(elbow, hand, 0.045, person.skin if driving else person.shirt)
    torso = [
        (x - 0.13, 0.14, 0.8),
        (x - 0.13, -0.14, 0.8),
        (x + 0.12, 0.14, 0.8),
        (x + 0.12, -0.14, 0.8),
    ]
    torso += [
        (x - 0.08, 0.2, 1.2),
        (x - 0.08, -0.2, 1.2),
        (x + 0.16, 0.19, 1.2),
        (x + 0.16, -0.19, 1.2),
    ]
    torso += [(x + 0.04, 0.13, 1.36), (x + 0.04, -0.13, 1.36)]
    make.hull(torso, person.shirt)
    make.limb((x + 0.05, 0, 1.34), (x + 0.07, 0, 1.42), 0.055, person.skin)
    _head(make, person, (x + 0.09, 0.0, 1.5))


def _small(make: Sculptor, person: Person, x: float) -> None:
    """A child on the saddle."""
    size, seat = person.size, 0.8

    def up(z: float) -> float:
        return seat + (z - seat) * size

    for side in (1, -1):
        hip, foot = (x, side * 0.1, 0.82), (x + 0.16, side * 0.17, 0.5)
        make.limb(hip, foot, 0.06, person.trousers)
        shoulder, hand = (x + 0.06, side * 0.14, up(1.27)), (x + 0.22, side * 0.13, up(1.05))
        make.limb(shoulder, hand, 0.042, person.shirt)
    wide = 0.14 * size + 0.02
    torso: list[Vec] = [
        (x + dx, side * wide, z) for dx in (-0.09, 0.1) for side in (1, -1) for z in (0.8, up(1.25))
    ]
    make.hull([*torso, (x + 0.04, 0.0, up(1.36))], person.shirt)
    _head(make, person, (x + 0.06, 0.0, up(1.36) + 0.13))


def _head(make: Sculptor, person: Person, centre: Vec) -> None:
    """A helmet over a face, or hair over a face; the face looks forward."""
    x, y, z = centre
    make.ball((x + 0.03, y, z - 0.03), 0.098, person.mask)
    if person.helmet is None:
        make.ball((x - 0.015, y, z + 0.02), 0.105, person.hair)
        return
    make.ball((x - 0.01, y, z + 0.025), 0.142, person.helmet)
    brim = [(x + 0.2, 0.07, z + 0.05), (x + 0.2, -0.07, z + 0.05), (x + 0.1, 0.12, z + 0.06)]
    make.hull([*brim, (x + 0.1, -0.12, z + 0.06)], person.helmet)


def bicycle(rng: Generator, person: Person) -> Body:
    """A bicycle with its rider; it has no plate."""
    make = Sculptor()
    paint = Paint(pick(rng, BIKE_COLOURS), gloss=0.3)
    for x in (0.52, -0.52):
        make.wire(disc((x, 0.0, 0.32), 0.31, 1.0, 20), 0.022, RUBBER)
        make.limb((x, 0.05, 0.32), (x, -0.05, 0.32), 0.03, CHROME)
    for start, end in (
        ((-0.52, 0, 0.32), (-0.15, 0, 0.75)), ((-0.15, 0, 0.75), (0.38, 0, 0.78)),
        ((-0.1, 0, 0.32), (0.38, 0, 0.74)), ((0.38, 0, 0.95), (0.52, 0, 0.32)),
    ):  # fmt: skip
        make.limb(start, end, 0.02, paint)
    make.limb((0.3, 0.27, 1.0), (0.3, -0.27, 1.0), 0.018, RUBBER)
    make.rider = 0
    _sitting(make, person, -0.16, driving=True)
    make.rider = -1
    return make.done(1.75, 0.62, 1.65, (person.helmet is not None,))


def walker(person: Person, stride: float) -> Body:
    """Somebody on foot; `stride` in -1..1 is where the legs are in their swing."""
    make = Sculptor()
    for side in (1, -1):
        swing = side * stride * 0.22
        make.limb((0, side * 0.09, 0.86), (swing * 0.5, side * 0.09, 0.46), 0.08, person.trousers)
        make.limb(
            (swing * 0.5, side * 0.09, 0.46), (swing, side * 0.09, 0.07), 0.06, person.trousers
        )
        make.limb((swing, side * 0.09, 0.05), (swing + 0.12, side * 0.09, 0.05), 0.045, RUBBER)
        make.limb((0.02, side * 0.2, 1.36), (-swing * 0.6, side * 0.24, 0.92), 0.05, person.shirt)
    torso = [(-0.1, 0.15, 0.82), (-0.1, -0.15, 0.82), (0.1, 0.15, 0.82), (0.1, -0.15, 0.82)]
    torso += [(-0.1, 0.2, 1.34), (-0.1, -0.2, 1.34), (0.1, 0.19, 1.34), (0.1, -0.19, 1.34)]
    make.hull([*torso, (0, 0.12, 1.44), (0, -0.12, 1.44)], person.shirt)
    make.limb((0, 0, 1.42), (0.01, 0, 1.5), 0.055, person.skin)
    _head(make, person, (0.02, 0.0, 1.6))
    return make.done(0.5, 0.5, 1.72)
