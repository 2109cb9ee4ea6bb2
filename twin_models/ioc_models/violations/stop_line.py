"""Stopping beyond the stop line: arrived on red, the front stands over the line."""

from collections.abc import Sequence
from math import hypot
from typing import Final

from ioc_models import plane
from ioc_models.scene import Scene
from ioc_models.violations import telling
from ioc_models.violations.approach import Approach, approaches, governed, red_at
from ioc_models.violations.contract import Finding, LightTimeline, Path
from ioc_models.violations.motion import (
    Line2,
    Rest,
    Spot,
    crossing,
    rests,
    spots,
)

_DRIFT_M: Final = 0.4
# Further in than this it stands in the junction, which is another matter.
_MOST_OVER_M: Final = 8.0


def judge(
    path: Path, scene: Scene, lights: Sequence[LightTimeline], _others: Sequence[Path]
) -> list[Finding]:
    """Findings of this rule for one vehicle, at most one."""
    if not scene.rules.stop_line.enabled or not telling.may_be_accused(path):
        return []
    found = (_stands(path, scene, one) for one in approaches(path, scene, lights))
    return next((each for each in found if each), [])


def _stands(path: Path, scene: Scene, come: Approach) -> list[Finding]:
    rule, piece, line = scene.rules.stop_line, come.piece, come.line
    at = spots(piece)
    shortest, longest = line.hidden(path.label)
    over = crossing(at, line, longest)
    if over is None or piece[0].at > over.earliest:
        return []
    red = red_at(come.known, over, rule.grace_s, scene.rules.red_light.yellow_s)
    if red is None:
        return []
    in_red = [spot for spot in at if over.at <= spot.at <= red.until]
    still = max(rests(in_red, _DRIFT_M), key=lambda rest: rest.until - rest.since, default=None)
    if still is None or still.frames < rule.least_frames or _short(still, rule.least_s):
        return []
    over_m = line.beyond(still.xy) + shortest - _bias(in_red, still, line, scene)
    if not rule.over_m <= over_m <= _MOST_OVER_M:
        return []
    # Who waits to turn where turning is free may wait there; only driving on tells.
    if not governed(at, line, come.light, still.until, scene.rules.red_light.straight_m):
        return []
    return telling.finding(
        "stop_line",
        "stop_line",
        path,
        (min(over.at, still.since), still.since, still.until),
        {
            "over_m": over_m,
            "stood_s": still.until - still.since,
            "red_for_s": over.at - red.since,
        },
        telling.Where(lane=come.lane, light=come.light.id),
    )


def _short(still: Rest, least_s: float) -> bool:
    return still.until - still.since < least_s


def _bias(at: Sequence[Spot], still: Rest, line: Line2, scene: Scene) -> float:
    """What averaging over frames does not take away: the calibration's and the boxes' error."""
    during = [spot for spot in at if still.since <= spot.at <= still.until]
    edge = max(plane.deviation(spot.covariance, line.normal) for spot in during)
    return 1.5 * hypot(scene.ground.residual_m, edge)
