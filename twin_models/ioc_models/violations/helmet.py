"""A bare head on a moving motorbike: the driver's, or that of a passenger who is no child."""

from collections.abc import Sequence

from ioc_models.scene import Scene
from ioc_models.violations import telling
from ioc_models.violations.contract import Finding, LightTimeline, Path
from ioc_models.violations.riding import Crew, crews, is_driven, largest, usual


def judge(
    path: Path, scene: Scene, _lights: Sequence[LightTimeline], _others: Sequence[Path]
) -> list[Finding]:
    """Findings of this rule for one motorbike, at most one."""
    rule = scene.rules.helmet
    if not rule.enabled or not telling.may_be_accused(path) or not is_driven(path):
        return []
    if rule.needs_plate and path.plate is None:
        return []
    looks = usual(crews(path, scene, rule.sure))
    for act, bare, seen in (
        ("helmet_driver", [look for look in looks if not look.driver.helmet], looks),
        ("helmet_passenger", _bare_passengers(looks), [x for x in looks if len(x.heads) > 1]),
    ):
        if len(bare) < rule.least_looks or len(bare) < rule.share * len(seen):
            continue
        at = largest(bare)
        return telling.finding(
            "helmet",
            act,
            path,
            (bare[0].at, at, bare[-1].at),
            {"bare_looks": len(bare), "looks": len(seen)},
        )
    return []


def _bare_passengers(looks: Sequence[Crew]) -> list[Crew]:
    return [
        look
        for look in looks
        if any(not head.helmet and not look.may_be_child(head) for head in look.heads[1:])
    ]
