"""Driving against a lane's direction."""

from collections.abc import Sequence
from math import hypot

from ioc_models import plane
from ioc_models.scene import Scene
from ioc_models.violations import telling
from ioc_models.violations.contract import Finding, LightTimeline, Path
from ioc_models.violations.lanes import stretches


def judge(
    path: Path, scene: Scene, _lights: Sequence[LightTimeline], _others: Sequence[Path]
) -> list[Finding]:
    """Findings of this rule for one vehicle, at most one."""
    rule = scene.rules.wrong_way
    if not rule.enabled or not telling.may_be_accused(path):
        return []
    for stretch in stretches(path, scene, rule.margin_m, (rule.least_frames, rule.least_m)):
        forward = plane.unit(stretch.lane.direction_m)
        speed = hypot(*stretch.velocity)
        if forward is None or speed * 3.6 < rule.slow_kmh:
            continue
        against = plane.dot(stretch.velocity, forward) / speed
        if against > rule.against:
            continue
        if stretch.seconds < rule.least_s:
            continue
        first, last = stretch.spots[0], stretch.spots[-1]
        middle = stretch.spots[len(stretch.spots) // 2]
        return telling.finding(
            "wrong_way",
            "wrong_way" if stretch.lane.one_way else "wrong_side",
            path,
            (first.at, middle.at, last.at),
            {
                "way_m": stretch.way_m,
                "seconds": stretch.seconds,
                "speed_kmh": speed * 3.6,
                "against": against,
            },
            telling.Where(lane=stretch.lane.id),
        )
    return []
