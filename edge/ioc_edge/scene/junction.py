"""The crossing itself: its measures, its lanes, its signals.

Ground axes: x right, y away from the pole, metres. The filmed approach leads away from the camera,
as enforcement cameras look at it, because a motorbike carries its plate at the rear alone.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator

from ioc_edge.scene.course import Course
from ioc_edge.scene.spec import Light, Lights, SceneSpec

Road = Literal["main", "cross", "walk"]

# Half width of both roads, their middle, stop line of the filmed approach.
HALF_ROAD = 6.5
CROSS_Y = 22.0
STOP_Y = 11.8
STOP_BACK = CROSS_Y - STOP_Y
_REACH = 48.0  # vehicles leave the world this far beyond the middle of the junction
_YELLOW_S, _CLEAR_S = 3.0, 2.0
_PERIOD_S = 36.0
# A clip with situations to stage: yellow about 2 s, red from 5 s to 17 s, then green.
STAGE_PERIOD_S, _STAGE_OFFSET_S = 30.0, 3.1


@dataclass(frozen=True)
class Lane:
    """A path, straight unless it has a course; `s` counts metres of the front from `start`.

    Attributes:
        stop_s: Where its stop line is.
        inside: Where (s) a front enters and a tail leaves the shared square.
        two_wheels: For motorbikes and bicycles.
        rate: Arrivals per second at density 1.
    """

    name: str
    road: Road
    start: tuple[float, float]
    heading: tuple[float, float]
    stop_s: float
    inside: tuple[float, float]
    end_s: float
    two_wheels: bool
    rate: float = 0.0
    course: Course | None = None

    def at(self, s: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Place and heading after `s` metres."""
        if self.course is not None:
            return self.course.at(s)
        (x, y), (hx, hy) = self.start, self.heading
        return (x + hx * s, y + hy * s), self.heading


def _lane(
    name: str, road: Road, across: float, *, back: float, two_wheels: bool, rate: float = 0.0
) -> Lane:
    """A lane that begins `back` metres before the middle of the junction."""
    towards = 1.0 if name.startswith(("away", "right")) else -1.0
    offset = towards * across
    if road == "main":
        start, heading = (offset, CROSS_Y - towards * back), (0.0, towards)
    else:
        # Right-hand traffic: who drives to the right keeps to the near side.
        start, heading = (-towards * back, CROSS_Y - offset), (towards, 0.0)
    inside = (back - HALF_ROAD - 1.5, back + HALF_ROAD + 0.5)
    return Lane(
        name=name,
        road=road,
        start=start,
        heading=heading,
        stop_s=back - STOP_BACK,
        inside=inside,
        end_s=back + _REACH,
        two_wheels=two_wheels,
        rate=rate,
    )


LANES: tuple[Lane, ...] = (
    _lane("away-inner", "main", 1.75, back=40, two_wheels=False, rate=0.17),
    _lane("away-mid", "main", 4.15, back=40, two_wheels=True, rate=0.2),
    _lane("away-kerb", "main", 5.25, back=40, two_wheels=True, rate=0.2),
    _lane("toward-inner", "main", 1.75, back=44, two_wheels=False, rate=0.14),
    _lane("toward-mid", "main", 4.15, back=44, two_wheels=True, rate=0.13),
    _lane("toward-kerb", "main", 5.4, back=44, two_wheels=True, rate=0.1),
    _lane("right-inner", "cross", 1.75, back=40, two_wheels=False, rate=0.1),
    _lane("right-kerb", "cross", 4.6, back=40, two_wheels=True, rate=0.16),
    _lane("left-inner", "cross", 1.75, back=40, two_wheels=False, rate=0.1),
    _lane("left-kerb", "cross", 4.6, back=40, two_wheels=True, rate=0.16),
)
BY_NAME = {lane.name: lane for lane in LANES}
# Between the cars and the motorbikes: where somebody filters through to the front.
FILTER = _lane("away-filter", "main", 3.3, back=40, two_wheels=True)
WRONG_WAY = Lane(
    name="wrong-way",
    road="main",
    start=(6.12, CROSS_Y + 34),
    heading=(0.0, -1.0),
    stop_s=0.0,
    inside=(34 - 8, 34 + 7),
    end_s=70.0,
    two_wheels=True,
)


@dataclass(frozen=True)
class Signals:
    """Two phases with yellow and all-red; `offset_s` is where in the cycle the clip starts."""

    period_s: float
    yellow_s: float
    offset_s: float = 0.0

    @property
    def _marks(self) -> tuple[float, float, float]:
        """Seconds at which main turns yellow, red, and green again, within a cycle."""
        turn = 0.17 * self.period_s
        return turn, turn + self.yellow_s, turn + self.yellow_s + 0.4 * self.period_s

    def at(self, seconds: float) -> Lights:
        """State at a time; the cycle repeats for ever in both directions."""
        phase = (seconds + self.offset_s) % self.period_s
        yellow, red, green = self._marks
        main: Light = (
            "red" if red <= phase < green else "yellow" if yellow <= phase < red else "green"
        )
        clear = min(_CLEAR_S, 0.05 * self.period_s)
        stop = green - clear - self.yellow_s
        cross: Light = "red"
        if red + clear <= phase < stop:
            cross = "green"
        elif stop <= phase < stop + self.yellow_s:
            cross = "yellow"
        return Lights(main=main, cross=cross)

    def reds(self, seconds: float) -> list[tuple[float, float]]:
        """Spans of red for the filmed approach that begin within the clip."""
        _, red, green = self._marks
        first = red - self.offset_s
        starts = np.arange(first - self.period_s, seconds, self.period_s)
        return [(float(s), float(s) + green - red) for s in starts if s >= 0]

    def greens(self, seconds: float) -> list[tuple[float, float]]:
        """Spans of green for the filmed approach that begin in the clip or just before."""
        yellow, _, green = self._marks
        first = green - self.offset_s
        length = self.period_s - green + yellow
        starts = np.arange(first - self.period_s, seconds, self.period_s)
        return [(float(s), float(s) + length) for s in starts if s + length > 0]


def signals_for(spec: SceneSpec, rng: Generator) -> Signals:
    """A cycle that fits the clip a whole number of times, so that the loop has no jump."""
    if spec.script.situations:
        return Signals(STAGE_PERIOD_S, _YELLOW_S, _STAGE_OFFSET_S + float(rng.uniform(-0.4, 0.4)))
    if not spec.tapered:
        return Signals(_PERIOD_S, _YELLOW_S, float(rng.uniform(0, _PERIOD_S)))
    period = spec.seconds / max(1, round(spec.seconds / _PERIOD_S))
    return Signals(period, min(_YELLOW_S, 0.1 * period))
