"""Plays the traffic: car following, obedience to the signals, and note of who disobeyed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ioc_edge.scene.casting import Casting, Rider
from ioc_edge.scene.junction import WRONG_WAY, Road, Signals, signals_for
from ioc_edge.scene.script import Entry, schedule
from ioc_edge.scene.solids import Body
from ioc_edge.scene.spec import SPEED_LIMIT_KMH, Light, Point, SceneSpec, ViolationKind

FloatArray = NDArray[np.float64]

_TICK_S = 0.04
_ACCELERATION, _BRAKING, _HEADWAY_S = 1.9, 2.8, 1.1
_HARD_BRAKE = 7.0
_STEP_M = 0.12  # of a walker's gait, from one body to the next
_FLASH_M = 1.3  # driven from one beat of the beacons to the next
_PATIENCE_S = 12.0  # an entry that finds its lane full gives up after this
_ROOM_M = 3.0
_STANDING_M_S = 0.2


@dataclass(frozen=True)
class State:
    """Where a vehicle is at one instant.

    Attributes:
        body: Its shape at this instant.
        position: Middle of its footprint, metres.
        footprint: (4, 2) ground corners: front left, front right, rear right, rear left.
    """

    rider: Rider
    body: Body
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
    acts: dict[int, str] = field(default_factory=dict)


def play(spec: SceneSpec, rng: Generator) -> Play:
    """Run the traffic of a clip."""
    signals = signals_for(spec, rng)
    entries = schedule(spec, signals, Casting(rng), rng)
    return _Street(spec, signals, entries).run()


class _Street:
    """Plays the entries in small steps and notes the state at every frame."""

    def __init__(self, spec: SceneSpec, signals: Signals, entries: Sequence[Entry]) -> None:
        self._spec, self._signals = spec, signals
        self._waiting = list(entries)
        self._riders: list[Rider] = []
        self._events: dict[int, Event] = {}
        self._tracks = 0
        self._acts: dict[int, str] = {}

    def run(self) -> Play:
        spec = self._spec
        substeps = max(1, int(np.ceil(1 / spec.fps / _TICK_S)))
        step = 1 / spec.fps / substeps
        lead = max(0, int(np.ceil(-min((e.at for e in self._waiting), default=0.0) / step)))
        for tick in range(-lead, 0):
            self._advance(tick * step, step)
        frames = []
        for index in range(spec.frames):
            frames.append([_state(r) for r in self._riders])
            for sub in range(substeps):
                self._advance((index * substeps + sub) * step, step)
        return Play(self._signals, frames, list(self._events.values()), self._acts)

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
                if rider.gait:
                    rider.s += rider.v * step
                    continue
                light = lights.main if rider.lane.road == "main" else lights.cross
                if rider.errand is not None:
                    rider.s, rider.v = rider.errand.drive(rider.s, rider.v, light, step)
                    self._watch(rider, light, now)
                    continue
                self._drive(rider, ahead, light, step, blocked=blocked[rider.lane.road])
                self._watch(rider, light, now)
                ahead = rider
        self._riders = [r for r in self._riders if r.tail < r.lane.end_s]

    def _admit(self, now: float) -> None:
        later = []
        for entry in self._waiting:
            last = min((r.tail for r in self._riders if r.lane is entry.rider.lane), default=99.0)
            if entry.at > now or last < _ROOM_M:
                if entry.at > now - _PATIENCE_S:
                    later.append(entry)
                continue
            self._tracks += 1
            rider = entry.rider
            rider.track = self._tracks
            if rider.act is not None:
                self._acts[rider.track] = rider.act
            rider.v = min(rider.wish, max(2.0, last * 0.6)) if not rider.gait else rider.wish
            self._riders.append(rider)
        self._waiting = later

    def _occupied(self, road: Road) -> bool:
        """Whether traffic of the other road is still inside the shared square."""
        return any(
            r.lane.road not in {road, "walk"}
            and r.lane.inside[0] < r.s
            and r.tail < r.lane.inside[1]
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
        before_line = rider.s <= rider.lane.stop_s and rider.lane is not WRONG_WAY
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
            "stop_line": crossing and rider.v < _STANDING_M_S and light == "red",
            "stopping": rider.v == 0,
            "wrong_lane": True,
            "forbidden": True,
            "passengers": True,
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
    (x, y), (hx, hy) = rider.lane.at(middle)
    size, phase = rider.weave
    aside = size * float(np.sin(middle / 4.5 + phase))
    lean = size / 4.5 * float(np.cos(middle / 4.5 + phase))
    position = (x - hy * aside, y + hx * aside)
    norm = float(np.hypot(1, lean))
    heading = ((hx - hy * lean) / norm, (hy + hx * lean) / norm)
    braking = abs(rider.v) < rider.wish * 0.35
    corners = _footprint(rider.body, position, heading)
    return State(rider, _body(rider), position, heading, rider.v * norm, braking, corners)


def _body(rider: Rider) -> Body:
    """Its shape at this instant: a step of a walk, a beat of the beacons."""
    if rider.flashing:
        return rider.flashing[int(rider.s / _FLASH_M) % len(rider.flashing)]
    return rider.gait[int(rider.s / _STEP_M) % len(rider.gait)] if rider.gait else rider.body


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
