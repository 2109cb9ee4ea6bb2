"""On the saddle and on the speedometer: helmets, passengers, speeds."""

from math import inf

from ioc_edge.scene.casting import Seat
from ioc_edge.scene.errand import Leg
from ioc_edge.scene.situations.stage import (
    STOP_S,
    Part,
    Stage,
    crossing,
    situation,
    through,
)


def _riding(on: Stage, seats: list[Seat]) -> list[Part]:
    lane = on.lane(on.any(3.9, 5.8), two=True)
    return through(on, on.casting.carrying(lane, seats, on.any(5, 9)))


@situation("no_helmet", "bike-green", broken=True)
def _bare_driver(on: Stage) -> list[Part]:
    seats = [(False, False)] + ([(True, False)] if on.rng.random() < 0.4 else [])  # noqa: PLR2004
    return _riding(on, seats)


@situation("no_helmet", "bike-green", broken=True)
def _bare_passenger(on: Stage) -> list[Part]:
    return _riding(on, [(True, False), (False, False)])


@situation("no_helmet", "bike-green", broken=False)
def _two_helmets(on: Stage) -> list[Part]:
    return _riding(on, [(True, False)] * int(on.rng.integers(1, 3)))


@situation("no_helmet", "bike-green", broken=False)
def _bare_child(on: Stage) -> list[Part]:
    """A child under six need not wear one."""
    return _riding(on, [(True, False), (False, True)])


@situation("no_helmet", "bike-green", broken=False)
def _bare_cyclist(on: Stage) -> list[Part]:
    on_lane = on.lane(on.any(4.8, 5.8), two=True)
    return through(on, on.casting.cyclist(on_lane))


@situation("passengers", "bike-green", broken=True)
def _three_grown(on: Stage) -> list[Part]:
    return _riding(on, [(True, False)] * 3)


@situation("passengers", "bike-green", broken=True)
def _four_people(on: Stage) -> list[Part]:
    return _riding(on, [(True, False), (False, True), (True, False), (True, False)])


@situation("passengers", "bike-green", broken=False)
def _two_up(on: Stage) -> list[Part]:
    return _riding(on, [(True, False)] * 2)


@situation("passengers", "bike-green", broken=False)
def _child_between(on: Stage) -> list[Part]:
    """Two grown people and a child under twelve."""
    return _riding(on, [(True, False), (True, True), (True, False)])


@situation("passengers", "bike-green", broken=False)
def _side_by_side(on: Stage) -> list[Part]:
    """Two motorbikes with two each, close together."""
    x, at = on.any(4.2, 4.6), on.green + on.any(0.8, 5)
    wish = on.any(5, 9)
    parts = []
    for aside in (0.0, 0.85):
        rider = on.casting.carrying(on.lane(x + aside, two=True), [(True, False)] * 2, wish)
        parts += crossing(rider, at + on.any(0, 0.15))
    return parts


@situation("speeding", "car-green", broken=True)
def _fast_car(on: Stage) -> list[Part]:
    return through(on, on.casting.car(on.lane(on.any(1.4, 2.1), two=False), on.any(62, 100) / 3.6))


@situation("speeding", "bike-green", broken=True)
def _fast_bike(on: Stage) -> list[Part]:
    lane = on.lane(on.any(3.9, 5.6), two=True)
    return through(on, on.casting.motorbike(lane, wish=on.any(62, 95) / 3.6))


@situation("speeding", "car-green", "bike-green", broken=False)
def _at_limit(on: Stage) -> list[Part]:
    car = on.rng.random() < 0.5  # noqa: PLR2004
    lane = on.lane(on.any(1.4, 2.1) if car else on.any(3.9, 5.6), two=not car)
    wish = on.any(43, 54) / 3.6
    rider = on.casting.car(lane, wish) if car else on.casting.motorbike(lane, wish=wish)
    return through(on, rider)


@situation("speeding", "bike-red", "bike-green", broken=False)
def _pulls_away(on: Stage) -> list[Part]:
    """Accelerates hard from the line, up to the limit."""
    rider = on.casting.motorbike(on.lane(on.any(4, 5.6), two=True), wish=8.0)
    legs = (Leg("halt", STOP_S - 0.5, 8.0, None), Leg("go", inf, on.any(11, 13.5)))
    return crossing(rider, on.red + on.any(1, 6), legs)


@situation("speeding", "car-green", broken=False)
def _ambulance_fast(on: Stage) -> list[Part]:
    return through(on, on.casting.ambulance(on.lane(1.8, two=False), on.any(62, 85) / 3.6))
