"""A case small enough for an event, and still enough to judge again."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ioc_models.violations.contract import Case, LightLook, LightTimeline

# Of an event's 64 KiB; the envelope, signature and evidence list take the rest.
MOST_CASE_BYTES: Final = 48 * 1024
# A light that nobody looked at for a second is unknown to the rules (`signals.red_around`).
SEEN_EVERY_S: Final = 0.5
_FEWEST_POSES: Final = 8


def compact(case: Case, most: int = MOST_CASE_BYTES) -> dict[str, Any]:
    """A case as JSON without its scene, thinned until it fits an event.

    Looks at a light that say nothing new go first, then neighbours, then every second pose
    from the middle; the ends of a path are what the rules look at most.
    """
    small = case.model_copy(
        update={"lights": tuple(LightTimeline(one.light, _told(one.looks)) for one in case.lights)}
    )
    body = _body(small)
    if _bytes(body) > most:
        small = small.model_copy(update={"others": ()})
        body = _body(small)
    while _bytes(body) > most and len(small.path.poses) > _FEWEST_POSES:
        path = small.path
        poses = (path.poses[0], *path.poses[1:-1:2], path.poses[-1])
        small = small.model_copy(update={"path": replace(path, poses=poses)})
        body = _body(small)
    return body


def _body(case: Case) -> dict[str, Any]:
    body: dict[str, Any] = _rounded(case.model_dump(mode="json", exclude={"scene"}))
    return body


def _bytes(body: dict[str, Any]) -> int:
    return len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())


def _told(looks: Sequence[LightLook]) -> tuple[LightLook, ...]:
    """Looks at which a state begins or ends, and between them one often enough for the rules."""
    kept: list[LightLook] = []
    for index, look in enumerate(looks):
        edge = index in {0, len(looks) - 1} or not (
            looks[index - 1].state == look.state == looks[index + 1].state
        )
        if edge or look.at - kept[-1].at >= SEEN_EVERY_S:
            kept.append(look)
    return tuple(kept)


def _rounded(value: Any) -> Any:  # noqa: ANN401 any JSON
    """Floats to a tenth of a millimetre and of a millisecond."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return value
