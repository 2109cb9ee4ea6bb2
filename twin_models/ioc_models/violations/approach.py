"""Coming to a stop line under a light: what the rules of the line share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ioc_models.scene import Light, Movement, Scene
from ioc_models.violations import signals
from ioc_models.violations.contract import LightTimeline, Path, Pose
from ioc_models.violations.motion import Crossing, Line2, Spot, heading_change, lane_of, pieces

# Turned by less than this it goes straight on, by more than `_TURN` it turns; between, unknown.
_STRAIGHT: Final = 20.0
_TURN: Final = 35.0
_BACK: Final = 140.0


@dataclass(frozen=True, slots=True)
class Approach:
    """A piece of a path that comes to a line in a lane, and a light that governs the lane."""

    piece: Sequence[Pose]
    lane: str
    line: Line2
    light: Light
    known: LightTimeline


def approaches(path: Path, scene: Scene, lights: Sequence[LightTimeline]) -> Iterator[Approach]:
    """Every line that a vehicle came to, with every light over its lane that was looked at."""
    for stop in scene.stop_lines:
        for piece in pieces(path):
            lane = approach_lane(scene, piece, stop.lanes)
            if lane is None:
                continue
            line = Line2(scene, stop, scene.lane(lane))
            for light in signals.governing(scene, lane):
                known = signals.timeline(lights, light)
                if known is not None:
                    yield Approach(piece, lane, line, light, known)


def approach_lane(scene: Scene, piece: Sequence[Pose], lanes: Sequence[str]) -> str | None:
    """The lane in which a vehicle came to the line: the last that held it before."""
    name = None
    for pose in piece:
        lane = lane_of(scene, pose, lanes)
        if lane is not None:
            name = lane.id
        elif name is not None:
            break
    return name


def red_at(
    known: LightTimeline, over: Crossing, grace_s: float, yellow_s: float
) -> signals.Red | None:
    """The red in which a crossing falls whole, with the grace on both sides; None if not."""
    red = signals.red_around(known, over.at)
    if red is None or red.since > over.earliest - grace_s or red.until < over.latest + grace_s:
        return None
    green = signals.last_green(known, over.at)
    if green is not None and over.earliest - green < yellow_s + grace_s:
        return None
    return red


def governed(
    at: Sequence[Spot], line: Line2, light: Light, since: float, straight_m: float
) -> bool:
    """Whether every movement that this path can still become is one the light governs."""
    after = [spot for spot in at if spot.at >= since]
    turned = heading_change(after, line.forward)
    if turned is None:
        return False
    settled = line.beyond(after[-1].xy) >= straight_m
    possible = _movements(turned, settled=settled)
    return all(movement in light.movements for movement in possible)


def _movements(turned: float, *, settled: bool) -> set[Movement]:
    """What a course may be or become; left is positive."""
    if abs(turned) >= _BACK:
        return {"u_turn"}
    side: Movement = "left" if turned > 0 else "right"
    if abs(turned) >= _TURN:
        return {side, "u_turn"} if side == "left" else {side}
    if abs(turned) >= _STRAIGHT:
        return {"straight", side}
    return {"straight"} if settled else {"straight", "left", "right"}
