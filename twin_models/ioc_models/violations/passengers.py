"""More people on a motorbike than allowed: one passenger, or two if one is a child."""

from collections.abc import Sequence
from typing import Final

from ioc_models.scene import Scene
from ioc_models.violations import telling
from ioc_models.violations.contract import Finding, LightTimeline, Path
from ioc_models.violations.riding import crews, is_driven, largest

# Driver and passengers: three grown people break 7.2.g, four people of any age 7.3.b.
_THREE_PASSENGERS: Final = 4
_HIDDEN: Final = 0.7
_SEEN: Final = 0.3


def judge(
    path: Path, scene: Scene, _lights: Sequence[LightTimeline], _others: Sequence[Path]
) -> list[Finding]:
    """Findings of this rule for one motorbike, at most one."""
    rule = scene.rules.passengers
    if not rule.enabled or not telling.may_be_accused(path) or not is_driven(path):
        return []
    if rule.needs_plate and path.plate is None:
        return []
    looks = crews(path, scene, rule.sure)
    four = [look for look in looks if len(look.heads) >= _THREE_PASSENGERS and look.in_line()]
    three = [look for look in looks if look.three_grown()]
    # Heads hide behind heads: four are seen as three far more often than three as four.
    full = [look for look in looks if len(look.heads) > 2]  # noqa: PLR2004 two may hide a third
    for act, found, least in (
        ("passengers_three", four, rule.share * _HIDDEN * len(looks)),
        ("passengers_two", three, max(rule.share * len(full), _SEEN * len(looks))),
    ):
        if len(found) < max(rule.least_looks, least):
            continue
        at = largest(found)
        counts = sorted(len(look.heads) for look in found)
        return telling.finding(
            "passengers",
            act,
            path,
            (found[0].at, at, found[-1].at),
            {
                "people": counts[len(counts) // 2], "looks_over": len(found), "looks": len(looks),
            },
        )  # fmt: skip
    return []
