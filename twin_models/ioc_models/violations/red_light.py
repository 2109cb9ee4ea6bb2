"""Running a red light: the front passes the stop line on red and the vehicle goes on."""

from collections.abc import Sequence
from typing import Final

from ioc_models import plane
from ioc_models.scene import Scene
from ioc_models.violations import telling
from ioc_models.violations.approach import Approach, approaches, governed, red_at
from ioc_models.violations.contract import Finding, LightTimeline, Path, Pose
from ioc_models.violations.motion import Crossing, Line2, Spot, crossing, rests, spots

# Without a sight of it for longer than `_BLIND_S` around the line, nobody saw it cross.
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
    found = (_over(path, scene, one) for one in approaches(path, scene, lights))
    return next((each for each in found if each), [])


def _over(path: Path, scene: Scene, come: Approach) -> list[Finding]:
    rule, piece, line = scene.rules.red_light, come.piece, come.line
    at = spots(piece)
    shortest, longest = line.hidden(path.label)
    over = crossing(at, line, longest)
    if over is None or over.speed * 3.6 < rule.slow_kmh or not _seen_around(piece, at, over):
        return []
    red = red_at(come.known, over, rule.grace_s, rule.yellow_s)
    if red is None or red.confidence < rule.light_confidence:
        return []
    in_red = [spot for spot in at if over.at < spot.at <= red.until]
    gone = gone_on(in_red, line, rule.into_m - shortest)
    if not gone:
        return []
    if not governed(at, line, come.light, over.at, rule.straight_m):
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
        telling.Where(lane=come.lane, light=come.light.id),
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


def _seen_around(piece: Sequence[Pose], at: Sequence[Spot], over: Crossing) -> bool:
    """Whether the vehicle was in the picture just before and just after the crossing."""
    before = [pose.at for pose in piece if pose.at <= over.at]
    after = [spot.at for spot in at if spot.at > over.at]
    if not before or not after:
        return False
    return after[0] - before[-1] <= _BLIND_S
