"""Along the road: direction, lanes, bans and kerbs."""

from dataclasses import replace
from math import inf

from ioc_edge.scene.casting import Rider
from ioc_edge.scene.course import swerving, turning
from ioc_edge.scene.course import through as polyline
from ioc_edge.scene.errand import Errand, Leg
from ioc_edge.scene.junction import BY_NAME, Lane
from ioc_edge.scene.situations.stage import (
    START_Y,
    STOP_S,
    Part,
    Stage,
    crossing,
    situation,
    through,
)


def _against(on: Stage, rider: Rider) -> list[Part]:
    rider.errand = Errand((Leg("go", inf, rider.wish),))
    # Over the junction while the crossing road waits.
    return [Part(on.green + on.any(1, 4) - 36.0 / rider.wish, rider)]


@situation("wrong_way", "bike-green", "kerb", broken=True)
def _against_bike(on: Stage) -> list[Part]:
    lane = on.towards(on.any(4.6, 6.0), two=True)
    return _against(on, on.casting.motorbike(lane, wish=on.any(4.5, 9)))


@situation("wrong_way", "car-green", broken=True)
def _against_car(on: Stage) -> list[Part]:
    return _against(on, on.casting.car(on.towards(on.any(1.5, 2.2), two=False), on.any(5, 9)))


@situation("wrong_way", "kerb", "bike-green", broken=False)
def _reverses(on: Stage) -> list[Part]:
    """Backs a few metres beyond the junction to park."""
    rider = on.casting.car(_to_kerb(on, on.any(4.9, 5.4)), on.any(6, 9))
    far = on.any(38, 42) - START_Y
    legs = (
        Leg("halt", far, rider.wish, 0.8),
        Leg("back", far - on.any(3, 5)),
        Leg("halt", far - 3, 1.0, 1.5),
        Leg("go", inf, 6.0),
    )
    return crossing(rider, on.any(0.2, 1.5), legs)


@situation("wrong_way", "car-green", "car-red", broken=False)
def _reverses_near(on: Stage) -> list[Part]:
    """Backs in the approach to let somebody out."""
    rider = on.casting.car(on.lane(on.any(1.5, 2.0), two=False), on.any(5, 8))
    legs = (
        Leg("halt", STOP_S - 0.5, rider.wish, 2.0),
        Leg("back", STOP_S - on.any(2.5, 4)),
        Leg("halt", STOP_S - 0.5, 1.5, None),
        Leg("go", inf, rider.wish),
    )
    return crossing(rider, on.red + on.any(1, 4), legs)


@situation("wrong_way", "toward", broken=False)
def _hugs_middle(on: Stage) -> list[Part]:
    """Comes towards the camera on its own side, close to the middle line."""
    two = on.rng.random() < 0.4  # noqa: PLR2004
    lane = on.towards(on.any(-0.9, -0.5) if two else on.any(-1.35, -1.1), two=two)
    wish = on.any(5, 10)
    return _against(
        on, on.casting.motorbike(lane, wish=wish) if two else on.casting.car(lane, wish)
    )


@situation("wrong_way", "car-green", broken=False)
def _turns_back(on: Stage) -> list[Part]:
    """A turn about beyond the line, on green, where it is allowed."""
    course = turning((1.7, START_Y), on.any(20, 22), on.any(2.4, 3), -180, 40)
    rider = on.casting.car(on.lane(1.7, two=False, course=course), on.any(4, 6))
    return crossing(rider, on.green + on.any(0.5, 2))


@situation("wrong_way", "kerb", "bike-red", broken=False)
def _walks_against(on: Stage) -> list[Part]:
    """Somebody on foot along the kerb."""
    lane = on.towards(on.any(5.6, 6.3), two=True)
    lane = replace(lane, road="walk", start=(lane.start[0], on.any(40, 46)))
    return [Part(on.any(0, 3), on.casting.walker(lane, on.any(1.2, 1.8)))]


@situation("wrong_way", "car-green", broken=False)
def _ambulance_against(on: Stage) -> list[Part]:
    """On duty, past the jam on the other side."""
    lane = on.towards(on.any(1.5, 2.2), two=False)
    return _against(on, on.casting.ambulance(lane, on.any(6, 9)))


# ---- wrong lane


@situation("wrong_lane", "bike-green", broken=True)
def _car_among_bikes(on: Stage) -> list[Part]:
    return through(on, on.casting.car(on.lane(on.any(4.7, 5.3), two=False), on.any(6, 11)))


@situation("wrong_lane", "car-green", broken=True)
def _bike_among_cars(on: Stage) -> list[Part]:
    lane = on.lane(on.any(1.2, 2.3), two=True)
    return through(on, on.casting.motorbike(lane, wish=on.any(6, 11)))


@situation("wrong_lane", "car-green", "bike-green", broken=False)
def _bike_on_divider(on: Stage) -> list[Part]:
    lane = on.lane(on.any(3.3, 3.7), two=True)
    return through(on, on.casting.motorbike(lane, wish=on.any(6, 11)))


@situation("wrong_lane", "car-green", "bike-green", broken=False)
def _car_on_divider(on: Stage) -> list[Part]:
    """A third of a car over the line, to pass something."""
    return through(on, on.casting.car(on.lane(on.any(2.6, 3.1), two=False), on.any(6, 10)))


@situation("wrong_lane", "car-green", "bike-green", broken=False)
def _car_swerves(on: Stage) -> list[Part]:
    course = swerving((1.8, START_Y), 60, on.any(3, 6), on.any(1.6, 2.4), on.any(7, 9))
    lane = on.lane(1.8, two=False, course=course)
    return through(on, on.casting.car(lane, on.any(5, 8)))


@situation("wrong_lane", "car-green", "bike-green", broken=False)
def _bike_merges(on: Stage) -> list[Part]:
    """Moves over just before the line to turn left."""
    points = [(4.6, START_Y), (4.6, on.any(7.8, 8.6)), (2.4, 11.5), (2.0, 15.0), (-12.0, 25.0)]
    course = polyline(points)
    rider = on.casting.motorbike(on.lane(4.6, two=True, course=course), wish=on.any(5, 8))
    return through(on, rider)


@situation("wrong_lane", "bike-green", broken=False)
def _cyclist_at_kerb(on: Stage) -> list[Part]:
    rider = on.casting.cyclist(on.lane(on.any(4.8, 5.8), two=True))
    return through(on, rider)


# ---- forbidden vehicles; the bench decides by the hour


@situation("forbidden", "car-green", broken=True)
def _lorry(on: Stage) -> list[Part]:
    """A lorry straight on, within the hours of a ban or not."""
    rider = on.casting.heavy(on.lane(on.any(1.6, 1.9), two=False), "truck")
    return through(on, rider)


@situation("forbidden", "car-green", broken=False)
def _coach(on: Stage) -> list[Part]:
    rider = on.casting.heavy(on.lane(on.any(1.6, 1.9), two=False), "bus")
    return through(on, rider)


@situation("forbidden", "car-green", broken=False)
def _tall_car(on: Stage) -> list[Part]:
    return through(on, on.casting.car(on.lane(on.any(1.5, 2), two=False), on.any(6, 10)))


@situation("forbidden", "across", broken=False)
def _lorry_across(on: Stage) -> list[Part]:
    """A lorry on the other road, which has no ban."""
    lane = replace(BY_NAME["right-inner"], name=f"stage-{on.rng.integers(1 << 30)}")
    rider = on.casting.heavy(lane, "truck")
    rider.errand = Errand((Leg("go", inf, rider.wish),))
    return [Part(on.red + on.any(1, 4), rider)]


# ---- stopping


def _to_kerb(on: Stage, x: float) -> Lane:
    """A car's lane: up the inner one, to the kerb beyond the junction."""
    course = polyline([(1.8, START_Y), (1.8, 20.0), (x, 31.0), (x, 70.0)])
    return on.lane(1.8, two=False, course=course)


def _parker(on: Stage, x: float, y: float, seconds: float, *, car: bool) -> list[Part]:
    lane = _to_kerb(on, x) if car else on.lane(x, two=True)
    wish = on.any(6, 9)
    rider = on.casting.car(lane, wish) if car else on.casting.motorbike(lane, wish=wish)
    legs = (Leg("halt", y - START_Y, wish, seconds), Leg("go", inf, wish))
    return crossing(rider, on.any(0.0, 1.5), legs)


@situation("stopping", "kerb", "bike-green", broken=True)
def _parks_car(on: Stage) -> list[Part]:
    return _parker(on, on.any(5.2, 5.7), on.any(39.5, 42), on.any(13, 18), car=True)


@situation("stopping", "kerb", "bike-green", broken=True)
def _parks_bike(on: Stage) -> list[Part]:
    return _parker(on, on.any(5.2, 6.0), on.any(37, 40.5), on.any(13, 18), car=False)


@situation("stopping", "kerb", "bike-green", broken=False)
def _drops_somebody(on: Stage) -> list[Part]:
    """A short stop, shorter than the zone allows."""
    car = on.rng.random() < 0.5  # noqa: PLR2004
    return _parker(on, on.any(5.2, 5.8), on.any(36.5, 40), on.any(2, 6), car=car)


@situation("stopping", "kerb", "bike-green", broken=False)
def _parks_beyond(on: Stage) -> list[Part]:
    """At the kerb where it is allowed, beyond the zone."""
    car = on.rng.random() < 0.5  # noqa: PLR2004
    return _parker(on, on.any(5.2, 5.8), on.any(47.5, 50), inf, car=car)


@situation("stopping", "bike-green", "bike-red", broken=False)
def _queues_in_zone(on: Stage) -> list[Part]:
    """Waits for green at the kerb, in the zone before the line."""
    lane = on.lane(on.any(5.4, 6.0), two=True)
    rider = on.casting.motorbike(lane, wish=on.any(5, 8))
    legs = (Leg("halt", STOP_S - on.any(2, 4), rider.wish, None), Leg("go", inf, rider.wish))
    return crossing(rider, on.red + on.any(0, 2), legs)


@situation("stopping", "kerb", "bike-green", broken=False)
def _jam(on: Stage) -> list[Part]:
    """Stands in the zone behind another one that cannot go on either."""
    here = _parker(on, 5.4, on.any(37, 38.5), inf, car=True)
    ahead = _parker(on, 5.4, here[0].rider.errand.legs[0].s + START_Y + on.any(7, 8), inf, car=True)  # type: ignore[union-attr]
    return [*here, Part(here[0].at - 2.5, ahead[0].rider)]


@situation("stopping", "kerb", "bike-green", broken=False)
def _crawls(on: Stage) -> list[Part]:
    """Looks for a house number at walking pace."""
    rider = on.casting.motorbike(on.lane(on.any(5.2, 5.8), two=True), wish=on.any(6, 8))
    legs = (Leg("go", 33 - START_Y, rider.wish), Leg("go", inf, on.any(0.6, 0.9)))
    return crossing(rider, on.any(0.0, 1.5), legs)
