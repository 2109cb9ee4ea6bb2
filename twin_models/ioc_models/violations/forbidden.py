"""A vehicle on a road that a sign closes to its kind, always or at this hour."""

from collections.abc import Sequence
from datetime import timedelta

from ioc_models.scene import Lane, Scene
from ioc_models.violations import telling
from ioc_models.violations.contract import Finding, LightTimeline, Path
from ioc_models.violations.lanes import stretches


def judge(
    path: Path, scene: Scene, _lights: Sequence[LightTimeline], _others: Sequence[Path]
) -> list[Finding]:
    """Findings of this rule for one vehicle, at most one."""
    rule = scene.rules.forbidden
    if not rule.enabled or not telling.may_be_accused(path):
        return []
    if path.label_share < rule.label_share:
        return []
    found = stretches(
        path, scene, 0.0, (rule.least_frames, rule.least_m), lambda lane: bool(lane.bans)
    )
    for stretch in found:
        first, last = stretch.spots[0].at, stretch.spots[-1].at
        if not banned(stretch.lane, path.label, (first, last), rule.edge_s):
            continue
        return telling.finding(
            "forbidden",
            "forbidden",
            path,
            (first, stretch.spots[len(stretch.spots) // 2].at, last),
            {"way_m": stretch.way_m, "label_share": path.label_share},
            telling.Where(lane=stretch.lane.id),
        )
    return []


def banned(lane: Lane, label: str, span: tuple[float, float], edge_s: float) -> bool:
    """Whether one ban holds all through a span and for `edge_s` around it."""
    edge = timedelta(seconds=edge_s)
    since, until = (telling.instant(at) for at in span)
    moments = (since - edge, since, until, until + edge)
    return any(all(ban.holds(label, moment) for moment in moments) for ban in lane.bans)
