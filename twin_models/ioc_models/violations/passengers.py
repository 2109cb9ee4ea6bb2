"""More people on a motorbike than allowed: one passenger, or two if one is a child."""

from collections.abc import Sequence
from typing import Final

from ioc_models.scene import Scene
from ioc_models.violations import telling
from ioc_models.violations.contract import Finding, LightTimeline, Path
from ioc_models.violations.riding import crews, is_driven, largest, three_grown

# Driver and passengers: three grown people break 7.2.g, four people of any age 7.3.b.
_THREE_PASSENGERS: Final = 4
# Shares of `share`.
_OF_FOUR: Final = 0.5
_OF_THREE: Final = 0.7


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
    three = [look for look in looks if look.gaps_m() is not None]
    # Heads hide behind heads: four are seen as three far more often than three as four.
    for act, found, share in (
        ("passengers_three", four, _OF_FOUR),
        ("passengers_two", three if three_grown(three) else [], _OF_THREE),
    ):
        if len(found) < rule.least_looks or len(found) < share * rule.share * len(looks):
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
