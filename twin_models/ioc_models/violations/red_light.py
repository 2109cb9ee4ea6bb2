"""Running a red light: the front passes the stop line on red and the vehicle goes on."""

from collections.abc import Sequence
from typing import Final

from ioc_models import plane
from ioc_models.scene import Light, Movement, Scene
from ioc_models.violations import signals, telling
from ioc_models.violations.contract import Finding, LightTimeline, Path, Pose
from ioc_models.violations.motion import (
    Crossing,
    Line2,
    Spot,
    crossing,
    heading_change,
    lane_of,
    pieces,
    rests,
    spots,
)

# Turned by less than this it goes straight on, by more than `_TURN` it turns; between, unknown.
_STRAIGHT: Final = 20.0
_TURN: Final = 35.0
_BACK: Final = 140.0
# Without a sight of it for longer than this around the line, nobody saw it cross.
_REAR_OVER_M: Final = 1.0
_ON_M: Final = 3.0
_HALT_DRIFT_M: Final = 0.4
_BLIND_S: Final = 0.7


def judge(
    path: Path, scene: Scene, lights: Sequence[LightTimeline], _others: Sequence[Path]
) -> list[Finding]:
    """Findings of this rule for one vehicle, at most one."""
    if not scene.rules.red_light.enabled or not telling.may_be_accused(path):
        return []
    for stop in scene.stop_lines:
        for piece in pieces(path):
            lane = approach_lane(scene, piece, stop.lanes)
            if lane is None:
                continue
            line = Line2(scene, stop, scene.lane(lane))
            for light in signals.governing(scene, lane):
                known = signals.timeline(lights, light)
                found = known and _over(path, scene, piece, line, light, known)
                if found:
                    return [each.model_copy(update={"lane": lane}) for each in found]
    return []


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


def _over(
    path: Path,
    scene: Scene,
    piece: Sequence[Pose],
    line: Line2,
    light: Light,
    known: LightTimeline,
) -> list[Finding]:
    rule = scene.rules.red_light
    at = spots(piece)
    shortest, longest = line.hidden(path.label)
    over = crossing(at, line, longest)
    if over is None or over.speed * 3.6 < rule.slow_kmh or not _seen_around(piece, at, over):
        return []
    red = red_at(known, over, rule.grace_s, rule.yellow_s)
    if red is None or red.confidence < rule.light_confidence:
        return []
    in_red = [spot for spot in at if over.at < spot.at <= red.until]
    gone = gone_on(in_red, line, rule.into_m - shortest)
    if not gone:
        return []
    if not governed(at, line, light, over.at, rule.straight_m):
        return []
    after = [spot for spot in at if spot.at > over.at]
    if len(after) < rule.least_frames:
        return []
    before = max((p.at for p in piece if p.at <= over.earliest), default=piece[0].at)
    return telling.finding(
        "red_light",
        "red_light",
        path,
        (before, over.at, gone[0].at),
        {
            "red_for_s": over.at - red.since,
            "red_after_s": red.until - over.at,
            "crossing_error_s": over.latest - over.at,
            "speed_kmh": over.speed * 3.6,
            "light_confidence": red.confidence,
        },
        telling.Where(light=light.id),
    )


def gone_on(in_red: Sequence[Spot], line: Line2, into_m: float) -> list[Spot]:
    """The poses that show a vehicle driving on into the junction while it is red.

    Its rear is over the line, errors subtracted, and well beyond where it may have halted:
    who stops beyond the line and waits there broke another rule.
    """
    halts = [line.beyond(rest.xy) for rest in rests(in_red, _HALT_DRIFT_M)]
    least = max(_REAR_OVER_M, into_m, max(halts, default=-_ON_M) + _ON_M)
    far = [
        spot
        for spot in in_red
        if line.beyond(spot.xy) - plane.deviation(spot.covariance, line.normal) >= least
    ]
    return far if len(far) > 1 else []


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


def _seen_around(piece: Sequence[Pose], at: Sequence[Spot], over: Crossing) -> bool:
    """Whether the vehicle was in the picture just before and just after the crossing."""
    before = [pose.at for pose in piece if pose.at <= over.at]
    after = [spot.at for spot in at if spot.at > over.at]
    if not before or not after:
        return False
    return after[0] - before[-1] <= _BLIND_S


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
