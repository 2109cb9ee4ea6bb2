"""Standing where stopping or parking is forbidden, longer than allowed, and not in a queue."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from ioc_models import plane
from ioc_models.plane import XY
from ioc_models.scene import Scene, Zone
from ioc_models.violations import signals, telling
from ioc_models.violations.contract import Finding, LightTimeline, Path
from ioc_models.violations.motion import Rest, Spot, area_of, lane_of, pieces, rests, spots

# A parked vehicle hides behind passing ones for as long as this.
_HIDDEN_S: Final = 12.0
# After green a queue needs time to move: 2 s a vehicle for a dozen of them.
_START_UP_S: Final = 25.0
# Within this a standing neighbour may be what keeps one from going on.
_AHEAD_M: Final = 12.0
_ABREAST_M: Final = 2.5

_ACTS: Final = {
    "junction": "standing_junction",
    "crossing": "standing_crossing",
    "pavement": "standing_pavement",
    "bus_stop": "standing_bus_stop",
    "carriageway": "standing_carriageway",
}


def judge(
    path: Path, scene: Scene, lights: Sequence[LightTimeline], others: Sequence[Path]
) -> list[Finding]:
    """Findings of this rule for one vehicle, at most one."""
    rule = scene.rules.stopping
    if not rule.enabled or not telling.may_be_accused(path):
        return []
    whole = [pose for piece in pieces(path) for pose in piece]
    for rest in rests(spots(whole), rule.drift_m, most_gap_s=_HIDDEN_S):
        if rest.frames < rule.least_frames:
            continue
        for zone in scene.zones:
            found = _in_zone(path, scene, zone, rest, lights, others)
            if found:
                return found
    return []


def _in_zone(
    path: Path,
    scene: Scene,
    zone: Zone,
    rest: Rest,
    lights: Sequence[LightTimeline],
    others: Sequence[Path],
) -> list[Finding]:
    stood = rest.until - rest.since
    if stood <= zone.max_seconds or (zone.classes and path.label not in zone.classes):
        return []
    hours = [telling.instant(at) for at in (rest.since, rest.until)]
    if zone.hours and not any(all(each.hold(at) for at in hours) for each in zone.hours):
        return []
    where = _spot(path, rest)
    error = scene.ground.residual_m + 2 * plane.deviation(where.covariance, (0.7071, 0.7071))
    if area_of(scene, zone).depth(where) < min(error, 0.5):
        return []
    waited = _waiting(scene, rest, where, lights)
    free = stood - waited
    if free <= zone.max_seconds or _in_jam(scene, rest, where, others):
        return []
    act = _ACTS.get(zone.place, "stopping" if zone.forbids == "stopping" else "parking")
    return telling.finding(
        "stopping",
        act,
        path,
        (rest.since, rest.since + zone.max_seconds, rest.until),
        {"stood_s": stood, "waited_s": waited, "allowed_s": zone.max_seconds},
        telling.Where(zone=zone.id),
    )


def _spot(path: Path, rest: Rest) -> Spot:
    """The middle of a rest as a spot, with the pixel of the pose nearest to it."""
    during = [spot for spot in spots(path.poses) if rest.since <= spot.at <= rest.until]
    return min(during, key=lambda spot: plane.distance(spot.xy, rest.xy))


def _waiting(scene: Scene, rest: Rest, where: Spot, lights: Sequence[LightTimeline]) -> float:
    """Seconds of a rest in which a red light, or the queue it left, held this lane."""
    lane = lane_of(scene, where.pose)
    if lane is None:
        return 0.0
    waited = 0.0
    for light in signals.governing(scene, lane.id):
        known = signals.timeline(lights, light)
        if known is None:
            continue
        held, last_red = 0.0, None
        looks = [look for look in signals.steady(known.looks) if look.at <= rest.until]
        for before, after in pairwise(looks):
            if before.state != "green":
                last_red = after.at
            if after.at <= rest.since:
                continue
            if last_red is not None and after.at - last_red <= _START_UP_S:
                held += after.at - max(before.at, rest.since)
        waited = max(waited, held)
    return waited


def _in_jam(scene: Scene, rest: Rest, where: Spot, others: Sequence[Path]) -> bool:
    """Whether somebody stood ahead in the same lane all the while: a queue, not a choice.

    Vehicles parked ahead at the kerb do the same, so a row of parked ones is not told; that is
    the price of accusing nobody in a jam.
    """
    lane = lane_of(scene, where.pose)
    forward = plane.unit(lane.direction_m) if lane is not None else None
    if forward is None:
        return False
    ahead = sum(
        1
        for other in others
        if _stood(other, rest) is not None and _leads(_stood(other, rest), where.xy, forward)
    )
    return ahead >= scene.rules.stopping.jam_others


def _leads(other: XY | None, here: XY, forward: XY) -> bool:
    if other is None:
        return False
    gap = plane.minus(other, here)
    along = plane.dot(gap, forward)
    across = abs(forward[0] * gap[1] - forward[1] * gap[0])
    return 1.0 < along < _AHEAD_M and across < _ABREAST_M


def _stood(other: Path, rest: Rest) -> XY | None:
    """Where another vehicle stood for more than half of a rest; None if it did not."""
    long = (rest.until - rest.since) / 2
    for each in rests(spots(other.poses), 0.5, most_gap_s=_HIDDEN_S):
        if min(each.until, rest.until) - max(each.since, rest.since) > long:
            return each.xy
    return None
