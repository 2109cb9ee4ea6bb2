"""Who drives where and when: car following, signals, and the violations on the script.

Ground axes: x right, y away from the pole, metres. The filmed approach leads away from the camera,
as enforcement cameras look at it, because a motorbike carries its plate at the rear alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ioc_edge.scene import bikes, cars
from ioc_edge.scene.plates import Plate, bike_plate, car_plate
from ioc_edge.scene.solids import Body
from ioc_edge.scene.spec import SPEED_LIMIT_KMH, Label, Light, Lights, Point, SceneSpec, ViolationKind

FloatArray = NDArray[np.float64]
Road = Literal["main", "cross"]

# The junction: half width of both roads, their middle, stop line of the filmed approach.
HALF_ROAD = 6.5
CROSS_Y = 22.0
STOP_Y = 11.8
STOP_BACK = CROSS_Y - STOP_Y
_REACH = 48.0  # vehicles leave the world this far beyond the middle of the junction

_STEP_S = 0.04
_ACCELERATION, _BRAKING, _HEADWAY_S = 1.9, 2.8, 1.1
_HARD_BRAKE = 7.0
_YELLOW_S = 3.0
_CLEAR_S = 2.0
_WARM_UP_S = 36.0


@dataclass(frozen=True)
class Lane:
    """A straight path; `s` counts metres of the front bumper from `start`.

    Attributes:
        stop_s: Where its stop line is.
        inside: s at which a front enters and a tail leaves the shared square.
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
    rate: float


def _lane(
    name: str, road: Road, across: float, *, back: float, two_wheels: bool, rate: float
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
        name, road, start, heading, back - STOP_BACK, inside, back + _REACH, two_wheels, rate
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
_BY_NAME = {lane.name: lane for lane in LANES}
# Between the cars and the motorbikes: where somebody filters through to the front.
_FILTER = _lane("away-filter", "main", 3.3, back=40, two_wheels=True, rate=0.0)
_WRONG = Lane(
    "wrong-way", "main", (6.12, CROSS_Y + 34), (0.0, -1.0), 0.0, (34 - 8, 34 + 7), 70.0, True, 0.0
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


@dataclass
class Rider:
    """A vehicle with its driver's temper; mutable while the traffic is played."""

    track: int
    label: Label
    lane: Lane
    body: Body
    plate: Plate | None
    wish: float
    helmet: bool | None
    weave: tuple[float, float]
    runs_red: bool = False
    staged: ViolationKind | None = None
    s: float = 0.0
    v: float = 0.0
    committed: bool = False

    @property
    def tail(self) -> float:
        """s of the rear bumper."""
        return self.s - self.body.length


@dataclass(frozen=True)
class State:
    """Where a vehicle is at one instant.

    Attributes:
        position: Middle of its footprint, metres.
        footprint: (4, 2) ground corners: front left, front right, rear right, rear left.
    """

    rider: Rider
    position: tuple[float, float]
    heading: tuple[float, float]
    speed: float
    braking: bool
    footprint: FloatArray


@dataclass
class Event:
    """When a staged violation happened, seconds."""

    kind: ViolationKind
    rider: Rider
    start: float
    end: float


@dataclass
class Play:
    """The whole clip's traffic: one list of states per frame."""

    signals: Signals
    frames: list[list[State]]
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True)
class _Entry:
    at: float
    lane: Lane
    make: Callable[[int], Rider]


def signals_for(spec: SceneSpec, rng: Generator) -> Signals:
    """A cycle that fits the clip a whole number of times, so that the loop has no jump."""
    if not spec.tapered:
        return Signals(36.0, _YELLOW_S, float(rng.uniform(0, 36)))
    period = spec.seconds / max(1, round(spec.seconds / 34))
    return Signals(period, min(_YELLOW_S, 0.1 * period))


class Casting:
    """Makes vehicles; keeps every plate different."""

    def __init__(self, rng: Generator) -> None:
        self._rng = rng
        self._seen: set[str] = set()

    def _fresh(self, draw: Callable[[], Plate]) -> Plate:
        plate = draw()
        while plate.text in self._seen:
            plate = draw()
        self._seen.add(plate.text)
        return plate

    def anything(self, lane: Lane) -> Callable[[int], Rider]:
        """What usually comes along this lane."""
        draw = self._rng.random()
        if lane.two_wheels:
            cycle = lane.name.endswith("kerb") and draw < 0.07
            return self.cyclist(lane) if cycle else self.motorbike(lane)
        if draw < 0.12:
            return self.heavy(lane, "truck")
        return self.heavy(lane, "bus") if draw < 0.19 else self.car(lane)

    def car(self, lane: Lane, wish: float | None = None) -> Callable[[int], Rider]:
        rng = self._rng
        name = str(rng.choice(list(cars.SHAPES), p=[0.3, 0.22, 0.18, 0.13, 0.1, 0.07]))
        business = bool(rng.random() < (0.5 if name in {"mpv", "van"} else 0.16))
        plate = self._fresh(
            lambda: car_plate(rng, "long" if rng.random() < 0.5 else "short", business=business)
        )
        colour = cars.CAR_COLOURS[int(rng.integers(len(cars.CAR_COLOURS)))]
        body = cars.car(rng, cars.SHAPES[name], plate, colour)
        return self._driver("car", lane, body, plate, wish or float(rng.uniform(8.0, 12.0)))

    def heavy(self, lane: Lane, label: Literal["bus", "truck"]) -> Callable[[int], Rider]:
        rng = self._rng
        plate = self._fresh(lambda: car_plate(rng, "short", business=bool(rng.random() < 0.8)))
        colour = cars.CAR_COLOURS[int(rng.integers(len(cars.CAR_COLOURS)))]
        body = (cars.bus if label == "bus" else cars.truck)(rng, plate, colour)
        return self._driver(label, lane, body, plate, float(rng.uniform(7.0, 9.5)))

    def motorbike(
        self, lane: Lane, *, bare: bool = False, wish: float | None = None
    ) -> Callable[[int], Rider]:
        rng = self._rng
        plate = self._fresh(lambda: bike_plate(rng))
        people = [bikes.dressed(rng, helmet=not bare)]
        if rng.random() < 0.28:
            people.append(bikes.dressed(rng, helmet=not bare or bool(rng.random() < 0.5)))
        body = bikes.motorbike(rng, plate, tuple(people))
        speed = wish or float(rng.uniform(6.5, 11.0))
        return self._driver("motorbike", lane, body, plate, speed, helmet=not bare)

    def cyclist(self, lane: Lane) -> Callable[[int], Rider]:
        body = bikes.bicycle(self._rng, bikes.dressed(self._rng, helmet=False))
        return self._driver("bicycle", lane, body, None, float(self._rng.uniform(3.2, 4.6)))

    def _driver(  # noqa: PLR0913, PLR0917
        self,
        label: Label,
        lane: Lane,
        body: Body,
        plate: Plate | None,
        wish: float,
        *,
        helmet: bool | None = None,
    ) -> Callable[[int], Rider]:
        sway = 0.12 if lane.two_wheels else 0.05
        weave = (float(self._rng.uniform(0, sway)), float(self._rng.uniform(0, 6.3)))

        def enter(track: int) -> Rider:
            return Rider(track, label, lane, body, plate, wish, helmet, weave, v=wish)

        return enter


def play(spec: SceneSpec, rng: Generator) -> Play:
    """Run the traffic of a clip."""
    signals = signals_for(spec, rng)
    entries = _schedule(spec, signals, Casting(rng), rng)
    return _Street(spec, signals, entries).run()


def _schedule(spec: SceneSpec, signals: Signals, casting: Casting, rng: Generator) -> list[_Entry]:
    staged = _staged(spec, signals, casting, rng)
    begin = 0.6 if spec.tapered else -_WARM_UP_S
    entries = list(staged)
    for lane in LANES:
        if spec.density == 0:
            break
        end = _last_arrival(spec, signals, lane)
        at = begin + float(rng.exponential(1 / (lane.rate * spec.density)))
        while at < end:
            if not any(e.lane is lane and -6.5 < at - e.at < 1.5 for e in staged):  # noqa: PLR2004
                entries.append(_Entry(at, lane, casting.anything(lane)))
            at += 0.9 + float(rng.exponential(1 / (lane.rate * spec.density)))
    return sorted(entries, key=lambda e: e.at)


def _last_arrival(spec: SceneSpec, signals: Signals, lane: Lane) -> float:
    """When arrivals must cease so that the last of them has left before the loop closes."""
    if not spec.tapered:
        return spec.seconds
    if lane.road == "main":
        return spec.seconds - 9.0
    greens = [
        i * 0.1 for i in range(int(spec.seconds * 10)) if signals.at(i * 0.1).cross == "green"
    ]
    return (greens[-1] if greens else 0.0) - 4.0


def _staged(spec: SceneSpec, signals: Signals, casting: Casting, rng: Generator) -> list[_Entry]:
    """Entries of the violators, timed so that what they do falls into the clip."""
    entries: list[_Entry] = []
    reds, greens = signals.reds(spec.seconds - 3), signals.greens(spec.seconds - 3)
    for index in range(spec.script.red_light if reds else 0):
        red = reds[index % len(reds)][0] + rng.uniform(0.6, 1.4) + 0.8 * (index // len(reds))
        wish = float(rng.uniform(8.5, 10.5))
        lane = _FILTER if index % 3 != 1 else _BY_NAME["away-inner"]
        make = casting.motorbike(lane, wish=wish) if lane is _FILTER else casting.car(lane, wish)
        entries.append(_Entry(red - lane.stop_s / wish, lane, _as(make, "red_light")))
    for index in range(spec.script.wrong_way if greens else 0):
        start, end = greens[-1 - index % len(greens)]
        middle = min((start + end) / 2, spec.seconds - 6) + 2.5 * (index // len(greens))
        make = casting.motorbike(_WRONG, wish=6.5)
        entries.append(_Entry(middle - 34 / 6.5, _WRONG, _as(make, "wrong_way")))
    for index in range(spec.script.speeding if greens else 0):
        lane, wish = _BY_NAME["away-inner"], float(rng.uniform(17.5, 20.0))
        start, end = greens[-1 - index % len(greens)]
        at = min(start + 0.72 * (end - start), spec.seconds - 5) - lane.stop_s / wish
        entries.append(_Entry(at, lane, _as(casting.car(lane, wish), "speeding")))
    for index in range(spec.script.no_helmet):
        lane = _BY_NAME["away-mid" if index % 2 else "away-kerb"]
        at = (index + rng.uniform(0.3, 0.7)) / spec.script.no_helmet * (spec.seconds - 11)
        entries.append(
            _Entry(float(at), lane, _as(casting.motorbike(lane, bare=True), "no_helmet"))
        )
    return [e for e in entries if not spec.tapered or e.at > -5]  # noqa: PLR2004


def _as(make: Callable[[int], Rider], kind: ViolationKind) -> Callable[[int], Rider]:
    def enter(track: int) -> Rider:
        rider = make(track)
        rider.staged, rider.runs_red = kind, kind == "red_light"
        return rider

    return enter


class _Street:
    """Plays the entries in small steps and notes the state at every frame."""

    def __init__(self, spec: SceneSpec, signals: Signals, entries: Sequence[_Entry]) -> None:
        self._spec, self._signals = spec, signals
        self._waiting = list(entries)
        self._riders: list[Rider] = []
        self._events: dict[int, Event] = {}
        self._tracks = 0

    def run(self) -> Play:
        spec = self._spec
        substeps = max(1, int(np.ceil(1 / spec.fps / _STEP_S)))
        step = 1 / spec.fps / substeps
        lead = max(0, int(np.ceil(-min((e.at for e in self._waiting), default=0.0) / step)))
        for tick in range(-lead, 0):
            self._advance(tick * step, step)
        frames = []
        for index in range(spec.frames):
            frames.append([_state(r) for r in self._riders])
            for sub in range(substeps):
                self._advance((index * substeps + sub) * step, step)
        return Play(self._signals, frames, list(self._events.values()))

    def _advance(self, now: float, step: float) -> None:
        self._admit(now)
        lights = self._signals.at(now)
        blocked = {road: self._occupied(road) for road in ("main", "cross")}
        queues: dict[str, list[Rider]] = {}
        for rider in self._riders:
            queues.setdefault(rider.lane.name, []).append(rider)
        for queue in queues.values():
            queue.sort(key=lambda r: -r.s)
            ahead: Rider | None = None
            for rider in queue:
                light = lights.main if rider.lane.road == "main" else lights.cross
                self._drive(rider, ahead, light, step, blocked=blocked[rider.lane.road])
                self._watch(rider, light, now)
                ahead = rider
        self._riders = [r for r in self._riders if r.tail < r.lane.end_s]

    def _admit(self, now: float) -> None:
        later = []
        for entry in self._waiting:
            last = min((r.tail for r in self._riders if r.lane is entry.lane), default=99.0)
            if entry.at > now or last < 3.0:  # noqa: PLR2004
                if entry.at > now - 12:
                    later.append(entry)
                continue
            self._tracks += 1
            rider = entry.make(self._tracks)
            rider.v = min(rider.wish, max(2.0, last * 0.6))
            self._riders.append(rider)
        self._waiting = later

    def _occupied(self, road: Road) -> bool:
        """Whether traffic of the other road is still inside the shared square."""
        return any(
            r.lane.road != road and r.lane.inside[0] < r.s and r.tail < r.lane.inside[1]
            for r in self._riders
            if r.v > 0.3 or r.s > r.lane.stop_s + 1  # noqa: PLR2004
        )

    @staticmethod
    def _drive(
        rider: Rider, ahead: Rider | None, light: Light, step: float, *, blocked: bool
    ) -> None:
        gap = 999.0 if ahead is None else ahead.tail - rider.s
        pull = _follow(rider, gap, 0.0 if ahead is None else ahead.v)
        to_line = rider.lane.stop_s - 0.5 - rider.s
        before_line = rider.s <= rider.lane.stop_s and rider.lane is not _WRONG
        halt = (
            before_line
            and not rider.runs_red
            and _must_stop(rider, light, to_line, blocked=blocked)
        )
        if halt:
            pull = min(pull, _follow(rider, max(to_line, 0.05) + 0.6, 0.0))
        v = max(0.0, rider.v + max(pull, -_HARD_BRAKE) * step)
        s = rider.s + v * step
        if halt and light == "red":
            s = min(s, max(rider.s, rider.lane.stop_s - 0.05))
        s = min(s, max(rider.s, rider.s + gap - 0.3))
        rider.v, rider.s = (s - rider.s) / step, s

    def _watch(self, rider: Rider, light: Light, now: float) -> None:
        """Note the violation while it lasts; the clip's own seconds."""
        fast = rider.v * 3.6 > SPEED_LIMIT_KMH
        crossing = rider.lane.stop_s < rider.s and rider.tail < rider.lane.inside[1]
        happens = {
            "red_light": crossing and (rider.track in self._events or light == "red"),
            "speeding": fast,
            "wrong_way": True,
            "no_helmet": True,
            None: False,
        }[rider.staged]
        if rider.staged is None or not happens:
            return
        event = self._events.setdefault(rider.track, Event(rider.staged, rider, now, now))
        event.end = now


def _must_stop(rider: Rider, light: Light, to_line: float, *, blocked: bool) -> bool:
    """Whether the line holds this driver; a yellow that comes too late does not."""
    if light == "red":
        return True
    if light == "green":
        rider.committed = False
        return blocked and rider.v * rider.v / (2 * _BRAKING) < to_line + 0.6
    if not rider.committed:
        rider.committed = rider.v * rider.v / 6.0 > to_line
    return not rider.committed


def _follow(rider: Rider, gap: float, speed: float) -> float:
    """Acceleration by the Intelligent Driver Model (Treiber, Hennecke, Helbing 2000)."""
    near = 0.7 if rider.lane.two_wheels else 1.6
    closing = rider.v * (rider.v - speed) / (2 * (_ACCELERATION * _BRAKING) ** 0.5)
    want = near + max(0.0, rider.v * _HEADWAY_S + closing)
    return float(_ACCELERATION * (1 - (rider.v / rider.wish) ** 4 - (want / max(gap, 0.1)) ** 2))


def _state(rider: Rider) -> State:
    """Middle of the footprint; two-wheelers weave a little, as a function of the way alone."""
    middle = rider.s - rider.body.length / 2
    (x, y), (hx, hy) = rider.lane.start, rider.lane.heading
    size, phase = rider.weave
    aside = size * float(np.sin(middle / 4.5 + phase))
    lean = size / 4.5 * float(np.cos(middle / 4.5 + phase))
    position = (x + hx * middle - hy * aside, y + hy * middle + hx * aside)
    norm = float(np.hypot(1, lean))
    heading = ((hx - hy * lean) / norm, (hy + hx * lean) / norm)
    braking = rider.v < rider.wish * 0.35
    corners = _footprint(rider.body, position, heading)
    return State(rider, position, heading, rider.v * norm, braking, corners)


def _footprint(body: Body, position: Point, heading: Point) -> FloatArray:
    (x, y), (hx, hy) = position, heading
    ax, ay, lx, ly = (
        body.length / 2 * hx, body.length / 2 * hy, -body.width / 2 * hy, body.width / 2 * hx,
    )  # fmt: skip
    return np.array(
        [
            (x + ax + lx, y + ay + ly),
            (x + ax - lx, y + ay - ly),
            (x - ax - lx, y - ay - ly),
            (x - ax + lx, y - ay + ly),
        ]
    )
