"""Who takes part: vehicles with their plates and drivers, and people on foot."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator

from ioc_edge.scene import bikes, cars, lorries
from ioc_edge.scene.dice import chance, pick
from ioc_edge.scene.errand import Errand
from ioc_edge.scene.junction import Lane
from ioc_edge.scene.plates import Plate, bike_plate, car_plate
from ioc_edge.scene.solids import Body
from ioc_edge.scene.spec import Label, ViolationKind

# Whether somebody wears a helmet, and is a child.
Seat = tuple[bool, bool]
# Shares of what comes along a lane.
_BICYCLES, _TRUCKS, _BUSES, _TWO_UP = 0.07, 0.12, 0.06, 0.28
_SHAPES = ("sedan", "hatch", "suv", "mpv", "pickup", "van")
_SHAPE_SHARES = (0.3, 0.22, 0.18, 0.13, 0.1, 0.07)


@dataclass
class Rider:
    """A vehicle with its driver's temper, or somebody on foot; mutable while played.

    Attributes:
        wish: Speed on a free road, m/s.
        weave: Size in metres and phase of the swaying about the lane's middle.
        gait: Bodies of one step after another, for those who walk.
        flashing: Bodies of one beat after another, for those with beacons.
        errand: What a staged driver does instead of following the traffic.
        act: Name of the staged situation.
    """

    label: Label
    lane: Lane
    body: Body
    wish: float
    plate: Plate | None = None
    helmet: bool | None = None
    weave: tuple[float, float] = (0.0, 0.0)
    track: int = 0
    gait: tuple[Body, ...] = ()
    flashing: tuple[Body, ...] = ()
    errand: Errand | None = None
    act: str | None = None
    runs_red: bool = False
    staged: ViolationKind | None = None
    s: float = 0.0
    v: float = 0.0
    committed: bool = False

    @property
    def tail(self) -> float:
        """Where (s) the rear bumper is."""
        return self.s - self.body.length


class Casting:
    """Makes vehicles; keeps every plate different."""

    def __init__(self, rng: Generator) -> None:
        self._rng = rng
        self._seen: set[str] = set()

    def anything(self, lane: Lane) -> Rider:
        """What usually comes along this lane."""
        draw = self._rng.random()
        if lane.two_wheels:
            cycle = lane.name.endswith("kerb") and draw < _BICYCLES
            return self.cyclist(lane) if cycle else self.motorbike(lane)
        if draw < _TRUCKS:
            return self.heavy(lane, "truck")
        return self.heavy(lane, "bus") if draw < _TRUCKS + _BUSES else self.car(lane)

    def car(self, lane: Lane, wish: float | None = None) -> Rider:
        """A passenger car; `wish` is its speed on a free road, m/s."""
        rng = self._rng
        shape = cars.SHAPES[str(rng.choice(_SHAPES, p=_SHAPE_SHARES))]
        business = chance(rng, 0.5 if shape.roof > cars.TALL_M else 0.16)
        layout: Literal["long", "short"] = "long" if chance(rng, 0.5) else "short"
        plate = self._fresh(lambda: car_plate(rng, layout, business=business))
        body = cars.car(rng, shape, plate, pick(rng, cars.CAR_COLOURS))
        return self._driven("car", lane, body, wish or float(rng.uniform(8.0, 12.0)), plate)

    def heavy(self, lane: Lane, label: Literal["bus", "truck"]) -> Rider:
        """A bus or a lorry."""
        rng = self._rng
        plate = self._fresh(lambda: car_plate(rng, "short", business=chance(rng, 0.8)))
        if label == "bus":
            body = lorries.bus(rng, plate, pick(rng, lorries.BUS_COLOURS))
        else:
            body = lorries.truck(rng, plate, pick(rng, cars.CAR_COLOURS))
        return self._driven(label, lane, body, float(rng.uniform(7.0, 9.5)), plate)

    def motorbike(self, lane: Lane, *, bare: bool = False, wish: float | None = None) -> Rider:
        """A motorbike with one or two people; `bare` leaves the driver's head without helmet."""
        rng = self._rng
        plate = self._fresh(lambda: bike_plate(rng))
        people = [bikes.dressed(rng, helmet=not bare)]
        if chance(rng, _TWO_UP):
            people.append(bikes.dressed(rng, helmet=not bare or chance(rng, 0.5)))
        body = bikes.motorbike(rng, plate, tuple(people))
        rider = self._driven("motorbike", lane, body, wish or float(rng.uniform(6.5, 11.0)), plate)
        rider.helmet = not bare
        return rider

    def carrying(self, lane: Lane, seats: Sequence[Seat], wish: float) -> Rider:
        """A motorbike with exactly these people, the driver first."""
        rng = self._rng
        plate = self._fresh(lambda: bike_plate(rng))
        people = tuple(
            replace(
                bikes.dressed(rng, helmet=helmet),
                size=float(rng.uniform(0.62, 0.72)) if child else 1.0,
            )
            for helmet, child in seats
        )
        rider = self._driven("motorbike", lane, bikes.motorbike(rng, plate, people), wish, plate)
        rider.helmet = all(helmet for helmet, _ in seats)
        return rider

    def ambulance(self, lane: Lane, wish: float) -> Rider:
        """A white van with beacons that flash while it drives."""
        rng = self._rng
        shape = cars.SHAPES["van"]
        plate = self._fresh(lambda: car_plate(rng, "short", business=False))
        beats = tuple(cars.ambulance(shape, plate, beat) for beat in (0, 1))
        rider = self._driven("car", lane, beats[0], wish, plate)
        rider.flashing = beats
        return rider

    def cyclist(self, lane: Lane) -> Rider:
        """A bicycle: no plate, no helmet law."""
        body = bikes.bicycle(self._rng, bikes.dressed(self._rng, helmet=False))
        return self._driven("bicycle", lane, body, float(self._rng.uniform(3.2, 4.6)))

    def walker(self, lane: Lane, pace: float) -> Rider:
        """Somebody on foot, with a body for each part of a step."""
        person = bikes.dressed(self._rng, helmet=False)
        strides = np.sin(np.linspace(0, 2 * np.pi, 10, endpoint=False))
        gait = tuple(bikes.walker(person, float(stride)) for stride in strides)
        return Rider("person", lane, gait[0], pace, gait=gait, v=pace)

    def _fresh(self, draw: Callable[[], Plate]) -> Plate:
        plate = draw()
        while plate.text in self._seen:
            plate = draw()
        self._seen.add(plate.text)
        return plate

    def _driven(
        self, label: Label, lane: Lane, body: Body, wish: float, plate: Plate | None = None
    ) -> Rider:
        sway = 0.12 if lane.two_wheels else 0.05
        weave = (float(self._rng.uniform(0, sway)), float(self._rng.uniform(0, 2 * np.pi)))
        return Rider(label, lane, body, wish, plate, weave=weave, v=wish)
