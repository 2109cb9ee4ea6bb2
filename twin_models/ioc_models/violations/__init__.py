"""Rules of the road over a followed vehicle: pure, without numpy, the same on box and in cloud."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from ioc_models.scene import Scene
from ioc_models.violations import (
    forbidden,
    helmet,
    passengers,
    red_light,
    speeding,
    stop_line,
    stopping,
    wrong_lane,
    wrong_way,
)
from ioc_models.violations.contract import Case, Finding, LightTimeline, Path, Rule

Judge = Callable[[Path, Scene, Sequence[LightTimeline], Sequence[Path]], list[Finding]]

RULES: Final[Mapping[Rule, Judge]] = {
    "red_light": red_light.judge,
    "stop_line": stop_line.judge,
    "wrong_way": wrong_way.judge,
    "wrong_lane": wrong_lane.judge,
    "forbidden": forbidden.judge,
    "stopping": stopping.judge,
    "helmet": helmet.judge,
    "passengers": passengers.judge,
    "speeding": speeding.judge,
}


def judge(
    path: Path,
    scene: Scene,
    lights: Sequence[LightTimeline] = (),
    others: Sequence[Path] = (),
    rules: Collection[Rule] = RULES,
) -> list[Finding]:
    """Every rule that a vehicle broke, each at most once.

    Args:
        path: The vehicle, all its poses so far.
        scene: Its camera's road.
        lights: What each signal head showed over the same time.
        others: Vehicles seen at the same time; a queue ahead excuses standing.
        rules: Which to apply, all by default.
    """
    if not path.poses:
        return []
    found = [each for rule in rules for each in RULES[rule](path, scene, lights, others)]
    return [
        each.model_copy(
            update={"indicative": each.indicative or getattr(scene.rules, each.rule).indicative}
        )
        for each in found
    ]


def judge_case(case: Case | str | bytes | Mapping[str, Any]) -> list[Finding]:
    """Judge a kept case again, from JSON or as decoded: what a contested finding rests on.

    Raises:
        pydantic.ValidationError: It is not a case.
    """
    if isinstance(case, (str, bytes)):
        known = Case.model_validate_json(case)
    else:
        known = case if isinstance(case, Case) else Case.model_validate(case)
    return judge(known.path, known.scene, known.lights, known.others)
