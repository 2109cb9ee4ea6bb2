"""Driving in a lane that its signs keep for others."""

from collections.abc import Sequence
from math import hypot
from typing import Final

from ioc_models import plane
from ioc_models.scene import Scene
from ioc_models.violations import telling
from ioc_models.violations.contract import Finding, LightTimeline, Path
from ioc_models.violations.lanes import stretches

# Driving against the lane, or across it, is another matter.
_WITH: Final = 0.8


def judge(
    path: Path, scene: Scene, _lights: Sequence[LightTimeline], _others: Sequence[Path]
) -> list[Finding]:
    """Findings of this rule for one vehicle, at most one."""
    rule = scene.rules.wrong_lane
    if not rule.enabled or not telling.may_be_accused(path):
        return []
    if path.label_share < rule.label_share:
        return []
    closed = stretches(
        path, scene, rule.margin_m, (rule.least_frames, rule.least_m),
        lambda lane: lane.classes is not None and path.label not in lane.classes,
    )  # fmt: skip
    for stretch in closed:
        forward = plane.unit(stretch.lane.direction_m) or (0.0, 1.0)
        speed = hypot(*stretch.velocity)
        if speed == 0 or plane.dot(stretch.velocity, forward) < _WITH * speed:
            continue
        if stretch.seconds < rule.least_s:
            continue
        middle = stretch.spots[len(stretch.spots) // 2]
        return telling.finding(
            "wrong_lane",
            "wrong_lane",
            path,
            (stretch.spots[0].at, middle.at, stretch.spots[-1].at),
            {
                "way_m": stretch.way_m,
                "seconds": stretch.seconds,
                "margin_m": stretch.margin_m,
                "label_share": path.label_share,
            },
            telling.Where(lane=stretch.lane.id),
        )
    return []
