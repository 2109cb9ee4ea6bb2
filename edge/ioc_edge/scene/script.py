"""What happens when: ordinary arrivals, people crossing, and the violations to stage."""

from collections.abc import Iterator
from dataclasses import dataclass

from numpy.random import Generator

from ioc_edge.scene import situations
from ioc_edge.scene.casting import Casting, Rider
from ioc_edge.scene.dice import chance
from ioc_edge.scene.junction import (
    BY_NAME,
    CROSS_Y,
    FILTER,
    HALF_ROAD,
    LANES,
    WRONG_WAY,
    Lane,
    Signals,
)
from ioc_edge.scene.spec import SceneSpec

_WARM_UP_S = 36.0
_FIRST_S = 0.6
# Nobody else enters a violator's lane this long before and after: the way must be free.
_BEFORE_S, _AFTER_S = 6.5, 1.5
# Before this a staged vehicle would already be in the first, sparse frame.
_EARLIEST_S = -5.0


@dataclass(frozen=True)
class Entry:
    """Somebody enters the world at a time, seconds from the first frame."""

    at: float
    rider: Rider


def schedule(spec: SceneSpec, signals: Signals, casting: Casting, rng: Generator) -> list[Entry]:
    """All entries of a clip, in order."""
    staged = [
        entry
        for act in (_run_red, _go_wrong_way, _speed, _ride_bare)
        for entry in act(spec, signals, casting, rng)
        if entry.at > _EARLIEST_S or not spec.tapered
    ]
    staged += _situations(spec, signals, casting, rng)
    entries = [*staged, *_on_foot(spec, signals, casting, rng)]
    for lane in LANES if spec.density else ():
        # Staged drivers look out for nobody: their lanes are theirs.
        if spec.script.situations and lane.name.startswith("away"):
            continue
        entries.extend(_arrivals(spec, signals, casting, rng, lane=lane, staged=staged))
    return sorted(entries, key=lambda e: e.at)


def _situations(spec: SceneSpec, signals: Signals, casting: Casting, rng: Generator) -> list[Entry]:
    """The situations that the script names, in its order."""
    on = situations.Stage(casting, signals, spec.seconds, rng)
    parts = [part for name in spec.script.situations for part in situations.stage(name, on)]
    return [Entry(part.at, part.rider) for part in parts]


def _arrivals(
    spec: SceneSpec,
    signals: Signals,
    casting: Casting,
    rng: Generator,
    *,
    lane: Lane,
    staged: list[Entry],
) -> Iterator[Entry]:
    """Ordinary traffic of one lane, at exponential gaps."""
    keep_clear = [e.at for e in staged if e.rider.lane is lane]
    mean_s = 1 / (lane.rate * spec.density)
    at = (_FIRST_S if spec.tapered else -_WARM_UP_S) + float(rng.exponential(mean_s))
    end = _last_arrival(spec, signals, lane)
    while at < end:
        if not any(-_BEFORE_S < at - other < _AFTER_S for other in keep_clear):
            yield Entry(at, casting.anything(lane))
        at += 0.9 + float(rng.exponential(mean_s))


def _last_arrival(spec: SceneSpec, signals: Signals, lane: Lane) -> float:
    """When arrivals must cease so that the last of them has left before the loop closes."""
    if not spec.tapered:
        return spec.seconds
    if lane.road == "main":
        return spec.seconds - (9.0 if lane.name.startswith("away") else 14.0)
    tenths = range(int(spec.seconds * 10))
    greens = [i * 0.1 for i in tenths if signals.at(i * 0.1).cross == "green"]
    return (greens[-1] if greens else 0.0) - 4.0


def _on_foot(
    spec: SceneSpec, signals: Signals, casting: Casting, rng: Generator
) -> Iterator[Entry]:
    """People on the zebra crossing while the filmed approach waits."""
    for start, end in signals.reds(spec.seconds):
        for index in range(int(rng.poisson(2.2 * spec.density))):
            pace, y = float(rng.uniform(1.25, 1.6)), float(rng.uniform(12.9, 15.0))
            rightwards = chance(rng, 0.5)
            kerb_m = 2.0 if rightwards else 5.5
            room = max(0.0, end - start - 4.5 - 2 * HALF_ROAD / pace)
            at = start + 3.0 - kerb_m / pace + float(rng.uniform(0, 1)) * room
            lane = Lane(
                name=f"walk-{start:.0f}-{index}",
                road="walk",
                start=(-HALF_ROAD - 2.0 if rightwards else 12.0, y),
                heading=(1.0 if rightwards else -1.0, 0.0),
                stop_s=0.0,
                inside=(0.0, 0.0),
                end_s=21.0,
                two_wheels=True,
            )
            if at > 0 or not spec.tapered:
                yield Entry(at, casting.walker(lane, pace))


def _run_red(
    spec: SceneSpec, signals: Signals, casting: Casting, rng: Generator
) -> Iterator[Entry]:
    """Over the line in the first two seconds of red, while the junction is still clearing."""
    reds = signals.reds(spec.seconds - 3)
    for index in range(spec.script.red_light if reds else 0):
        again = index // len(reds)
        moment = reds[index % len(reds)][0] + float(rng.uniform(0.6, 1.4)) + 0.8 * again
        wish = float(rng.uniform(8.5, 10.5))
        by_car = index % 3 == 1
        lane = BY_NAME["away-inner"] if by_car else FILTER
        rider = casting.car(lane, wish) if by_car else casting.motorbike(lane, wish=wish)
        rider.staged, rider.runs_red = "red_light", True
        yield Entry(moment - lane.stop_s / wish, rider)


def _go_wrong_way(
    spec: SceneSpec, signals: Signals, casting: Casting, _rng: Generator
) -> Iterator[Entry]:
    """Towards the camera along the kerb of the filmed approach, over the junction on green."""
    greens, pace = signals.greens(spec.seconds - 3), 6.5
    for index in range(spec.script.wrong_way if greens else 0):
        start, end = greens[-1 - index % len(greens)]
        middle = min((start + end) / 2, spec.seconds - 6) + 2.5 * (index // len(greens))
        rider = casting.motorbike(WRONG_WAY, wish=pace)
        rider.staged = "wrong_way"
        yield Entry(middle - (WRONG_WAY.start[1] - CROSS_Y) / pace, rider)


def _speed(spec: SceneSpec, signals: Signals, casting: Casting, rng: Generator) -> Iterator[Entry]:
    """A car well above the limit, late in the green when the queue has gone."""
    greens, lane = signals.greens(spec.seconds - 3), BY_NAME["away-inner"]
    for index in range(spec.script.speeding if greens else 0):
        start, end = greens[-1 - index % len(greens)]
        rider = casting.car(lane, float(rng.uniform(17.5, 20.0)))
        rider.staged = "speeding"
        at_line = min(start + 0.72 * (end - start), spec.seconds - 5)
        yield Entry(at_line - lane.stop_s / rider.wish, rider)


def _ride_bare(
    spec: SceneSpec, _signals: Signals, casting: Casting, rng: Generator
) -> Iterator[Entry]:
    """Motorbikes whose driver wears no helmet, spread over the clip."""
    count = spec.script.no_helmet
    for index in range(count):
        lane = BY_NAME["away-mid" if index % 2 else "away-kerb"]
        rider = casting.motorbike(lane, bare=True)
        rider.staged = "no_helmet"
        share = (index + float(rng.uniform(0.3, 0.7))) / count
        yield Entry(share * max(0.0, spec.seconds - 11), rider)
