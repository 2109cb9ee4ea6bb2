"""What situations are made with: lanes of one's own, errands, and a register of names."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Final, Literal

from numpy.random import Generator

from ioc_edge.scene.casting import Casting, Rider
from ioc_edge.scene.course import Course
from ioc_edge.scene.errand import Errand, Leg
from ioc_edge.scene.junction import BY_NAME, CROSS_Y, STOP_Y, Lane, Signals
from ioc_edge.scene.spec import ViolationKind

START_Y: Final = -18.0
STOP_S: Final = STOP_Y - START_Y
FAR_Y: Final = CROSS_Y + 48.0


@dataclass(frozen=True)
class Part:
    """A staged vehicle and when it enters, seconds from the first frame."""

    at: float
    rider: Rider


@dataclass(frozen=True)
class Stage:
    """What a situation is made with."""

    casting: Casting
    signals: Signals
    seconds: float
    rng: Generator

    @property
    def red(self) -> float:
        """When the filmed approach turns red."""
        return self.signals.reds(self.seconds)[0][0]

    @property
    def green(self) -> float:
        """When it turns green again."""
        return self.signals.reds(self.seconds)[0][1]

    def any(self, low: float, high: float) -> float:
        """A number between two."""
        return float(self.rng.uniform(low, high))

    def lane(self, x: float, *, two: bool, course: Course | None = None) -> Lane:
        """A lane of one's own, away from the camera at `x`, straight unless it has a course."""
        base = BY_NAME["away-kerb" if two else "away-inner"]
        return replace(
            base, name=f"stage-{self.rng.integers(1 << 30)}", start=(x, START_Y), course=course
        )

    def towards(self, x: float, *, two: bool) -> Lane:
        """The same towards the camera, from beyond the junction."""
        lane = self.lane(x, two=two)
        return replace(lane, start=(x, FAR_Y - 12.0), heading=(0.0, -1.0), stop_s=0.0)


# Lanes of cars and of motorbikes while it is red and when it is green again, the kerb beyond the
# junction, the other half of the road, the road across.
Place = Literal["car-red", "bike-red", "car-green", "bike-green", "kerb", "toward", "across"]
Builder = Callable[[Stage], list[Part]]


@dataclass(frozen=True)
class Situation:
    """A name, the rule it is about, whether that rule is broken, and where it plays.

    Two situations without a place in common do not drive through each other.
    """

    name: str
    rule: ViolationKind
    broken: bool
    build: Builder
    places: frozenset[Place] = frozenset()


SITUATIONS: Final[dict[str, Situation]] = {}


def situation(rule: ViolationKind, *places: Place, broken: bool) -> Callable[[Builder], Builder]:
    """Register a builder under its name; its first part is the one the situation is about."""

    def keep(build: Builder) -> Builder:
        name = build.__name__.strip("_")
        SITUATIONS[name] = Situation(name, rule, broken, build, frozenset(places))
        return build

    return keep


Choice = Callable[[Stage, bool], list[Part]]


def either(
    rule: ViolationKind, *, at_green: bool = False, broken: bool
) -> Callable[[Choice], Choice]:
    """Register a builder twice, `NAME_car` and `NAME_bike`; it is told whether it is a car."""

    def keep(build: Choice) -> Choice:
        for kind, car in (("car", True), ("bike", False)):
            name = f"{build.__name__.strip('_')}_{kind}"
            places: list[Place] = ["car-red" if car else "bike-red"]
            if at_green:
                places.append("car-green" if car else "bike-green")
            SITUATIONS[name] = Situation(
                name, rule, broken, partial(_chosen, build, car), frozenset(places)
            )
        return build

    return keep


def _chosen(build: Choice, car: bool, on: Stage) -> list[Part]:  # noqa: FBT001 bound by partial
    return build(on, car)


def crossing(rider: Rider, at: float, legs: tuple[Leg, ...] = ()) -> list[Part]:
    """Enter so that the front is at the stop line at a time, if nothing halts it before."""
    rider.errand = Errand(legs or (Leg("go", inf, rider.wish),))
    return [Part(at - STOP_S / rider.wish, rider)]


def through(on: Stage, rider: Rider) -> list[Part]:
    """Straight on, when it is green again."""
    return crossing(rider, on.green + on.any(0.8, 5))
