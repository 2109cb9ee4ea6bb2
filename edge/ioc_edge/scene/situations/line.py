"""At the stop line: who runs the light or stands too far, and who seems to."""

from math import inf

from ioc_edge.scene.course import turning
from ioc_edge.scene.errand import Leg
from ioc_edge.scene.situations.stage import (
    START_Y,
    STOP_S,
    Part,
    Stage,
    crossing,
    either,
    situation,
)


@situation("red_light", "car-red", broken=True)
def _run_car(on: Stage) -> list[Part]:
    """Straight on, more than a second after red: what is sooner the rule lets pass."""
    rider = on.casting.car(on.lane(on.any(1.4, 2.2), two=False), on.any(6, 14))
    return crossing(rider, on.red + on.any(1.3, 7))


@situation("red_light", "bike-red", broken=True)
def _run_bike(on: Stage) -> list[Part]:
    rider = on.casting.motorbike(on.lane(on.any(3.9, 5.8), two=True), wish=on.any(5, 12))
    return crossing(rider, on.red + on.any(1.3, 7))


@situation("red_light", "car-red", broken=True)
def _run_left(on: Stage) -> list[Part]:
    course = turning((1.9, START_Y), on.any(14, 16.5), on.any(7, 9.5), -90, 30)
    rider = on.casting.car(on.lane(1.9, two=False, course=course), on.any(5.5, 8))
    return crossing(rider, on.red + on.any(1.3, 6))


@situation("red_light", "bike-red", broken=True)
def _run_after_waiting(on: Stage) -> list[Part]:
    """Stops at the line, has enough of it, goes."""
    rider = on.casting.motorbike(on.lane(on.any(3.9, 5.6), two=True), wish=on.any(6, 9))
    legs = (
        Leg("halt", STOP_S - on.any(0.6, 1.5), rider.wish, on.any(2, 3.5)),
        Leg("go", inf, rider.wish),
    )
    return crossing(rider, on.red + 0.5, legs)


@situation("red_light", "car-red", broken=False)
def _amber(on: Stage) -> list[Part]:
    """Over the line in the last two seconds of yellow."""
    lane = on.lane(on.any(1.4, 2.2), two=False)
    return crossing(on.casting.car(lane, on.any(7, 13)), on.red - on.any(0.25, 2.2))


@situation("red_light", "bike-red", broken=False)
def _amber_bike(on: Stage) -> list[Part]:
    lane = on.lane(on.any(3.9, 5.8), two=True)
    rider = on.casting.motorbike(lane, wish=on.any(6, 12))
    return crossing(rider, on.red - on.any(0.1, 1.5))


@situation("red_light", "car-red", broken=False)
def _amber_tail(on: Stage) -> list[Part]:
    """A lorry's front passes on yellow, its tail long after red."""
    rider = on.casting.heavy(on.lane(on.any(1.6, 1.9), two=False), "truck")
    rider.wish = on.any(5, 8)
    return crossing(rider, on.red - on.any(0.1, 1.2))


@situation("red_light", "bike-red", broken=False)
def _right_turn(on: Stage) -> list[Part]:
    """Round the corner on red, which the light leaves free."""
    x = on.any(4.4, 5.6)
    course = turning((x, START_Y), on.any(12.0, 14.0), on.any(3.5, 5.5), 90, 30)
    rider = on.casting.motorbike(on.lane(x, two=True, course=course), wish=on.any(4, 6.5))
    return crossing(rider, on.red + on.any(1, 8))


@situation("red_light", "car-red", "bike-red", broken=False)
def _right_turn_car(on: Stage) -> list[Part]:
    """A wide bend out of the inner lane."""
    course = turning((2.3, START_Y), on.any(11.8, 12.8), on.any(6.0, 7.5), 90, 30)
    rider = on.casting.car(on.lane(2.3, two=False, course=course), on.any(4, 6))
    return crossing(rider, on.red + on.any(1, 8))


@situation("red_light", "car-red", broken=False)
def _ambulance(on: Stage) -> list[Part]:
    """On duty, beacons flashing."""
    rider = on.casting.ambulance(on.lane(on.any(1.4, 2.4), two=False), on.any(7, 12))
    return crossing(rider, on.red + on.any(1, 7))


@either("red_light", broken=False)
def _spill_back(on: Stage, car: bool) -> list[Part]:  # noqa: FBT001 registered, not called by hand
    """Crossed on green or yellow, held up beyond the line, goes on when the jam does, on red."""
    lane = on.lane(on.any(1.5, 2.0) if car else on.any(4, 5.4), two=not car)
    wish = on.any(5, 8)
    rider = on.casting.car(lane, wish) if car else on.casting.motorbike(lane, wish=wish)
    legs = (
        Leg("halt", STOP_S + on.any(1.5, 6.5), wish, on.any(5, 9)),
        Leg("go", inf, on.any(3, 8)),
    )
    return crossing(rider, on.red - on.any(1.4, 4), legs)


@either("red_light", at_green=True, broken=False)
def _waits(on: Stage, car: bool) -> list[Part]:  # noqa: FBT001 registered, not called by hand
    """Stops just before the line until green."""
    lane = on.lane(on.any(1.5, 2.0) if car else on.any(4, 5.6), two=not car)
    wish = on.any(6, 10)
    rider = on.casting.car(lane, wish) if car else on.casting.motorbike(lane, wish=wish)
    legs = (Leg("halt", STOP_S - on.any(0.1, 1.0), wish, None), Leg("go", inf, wish))
    return crossing(rider, on.red + on.any(0, 7), legs)


@situation("red_light", "car-red", broken=False)
def _u_turn_before(on: Stage) -> list[Part]:
    """Turns back before the line."""
    course = turning((1.5, START_Y), on.any(6.6, 7.4), 2.2, -180, 30)
    rider = on.casting.car(on.lane(1.5, two=False, course=course), on.any(3.5, 5))
    return crossing(rider, on.red + on.any(1, 8))


@situation("red_light", "car-red", "car-green", broken=False)
def _backs_off(on: Stage) -> list[Part]:
    """Crossed on yellow, thinks better of it, reverses behind the line on red."""
    rider = on.casting.car(on.lane(on.any(1.5, 2.0), two=False), on.any(5, 8))
    over = on.any(1.5, 3)
    legs = (
        Leg("halt", STOP_S + over, rider.wish, on.any(1, 2)),
        Leg("back", STOP_S - 0.6),
        Leg("halt", STOP_S - 0.6, 1.0, None),
        Leg("go", inf, rider.wish),
    )
    return crossing(rider, on.red - on.any(0.6, 1.6), legs)


# ---- stop line


def _stopper(on: Stage, over: float, *, car: bool, at: float) -> list[Part]:
    lane = on.lane(on.any(1.5, 2.0) if car else on.any(4, 5.4), two=not car)
    wish = on.any(5, 9)
    rider = on.casting.car(lane, wish) if car else on.casting.motorbike(lane, wish=wish)
    legs = (Leg("halt", STOP_S + over, wish, None), Leg("go", inf, wish))
    return crossing(rider, at, legs)


@situation("stop_line", "car-green", "car-red", broken=True)
def _stops_over_car(on: Stage) -> list[Part]:
    return _stopper(on, on.any(3.0, 5), car=True, at=on.red + on.any(1.2, 5))


@situation("stop_line", "bike-green", "bike-red", broken=True)
def _stops_over_bike(on: Stage) -> list[Part]:
    return _stopper(on, on.any(1.6, 4), car=False, at=on.red + on.any(1.2, 5))


@either("stop_line", at_green=True, broken=False)
def _stops_at(on: Stage, car: bool) -> list[Part]:  # noqa: FBT001 registered, not called by hand
    return _stopper(on, on.any(-0.8, 0.0), car=car, at=on.red + on.any(1, 5))


@either("stop_line", at_green=True, broken=False)
def _touches_line(on: Stage, car: bool) -> list[Part]:  # noqa: FBT001 registered, not called by hand
    """Wheels on the paint, not beyond it."""
    return _stopper(on, on.any(0.05, 0.3), car=car, at=on.red + on.any(1, 5))


@either("stop_line", at_green=True, broken=False)
def _held_beyond(on: Stage, car: bool) -> list[Part]:  # noqa: FBT001 registered, not called by hand
    """Crossed on green, stands beyond the line in a jam until the next green."""
    return _stopper(on, on.any(1.5, 4.5), car=car, at=on.red - on.any(1.5, 4))


@either("stop_line", at_green=True, broken=False)
def _brakes_on_amber(on: Stage, car: bool) -> list[Part]:  # noqa: FBT001 registered, not called by hand
    """Passed the line on yellow and stopped beyond it."""
    return _stopper(on, on.any(1.0, 3), car=car, at=on.red - on.any(0.7, 1.6))


@situation("stop_line", "bike-red", broken=False)
def _yields_then_right(on: Stage) -> list[Part]:
    """Free to turn right on red, stops beyond the line for people on foot, then turns."""
    x = on.any(4.4, 5.6)
    course = turning((x, START_Y), on.any(13.5, 14.5), on.any(3.5, 5), 90, 30)
    rider = on.casting.motorbike(on.lane(x, two=True, course=course), wish=on.any(4, 6.5))
    legs = (
        Leg("halt", STOP_S + on.any(1.2, 2.2), rider.wish, on.any(2.5, 5)),
        Leg("go", inf, rider.wish),
    )
    return crossing(rider, on.red + on.any(1, 5), legs)
