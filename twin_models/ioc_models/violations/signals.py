"""What a signal showed, as far as its reader's errors let one say."""

from collections.abc import Sequence
from dataclasses import dataclass

from ioc_models.scene import Light, Scene
from ioc_models.violations.contract import LightLook, LightTimeline

_SURE = 0.5


@dataclass(frozen=True, slots=True)
class Red:
    """A red light around a moment: when it was first and last seen red without a break."""

    since: float
    until: float
    confidence: float


def timeline(lights: Sequence[LightTimeline], light: Light) -> LightTimeline | None:
    """The looks at one signal head."""
    return next((each for each in lights if each.light == light.id and each.looks), None)


def governing(scene: Scene, lane: str) -> list[Light]:
    """The signal heads over a lane."""
    return [light for light in scene.lights if lane in light.lanes]


def steady(looks: Sequence[LightLook]) -> list[LightLook]:
    """The looks without single ones that both neighbours contradict: a reader's slip."""
    sure = [
        look
        for look in looks
        if look.state in {"red", "yellow", "green"} and look.confidence >= _SURE
    ]
    return [
        look
        for index, look in enumerate(sure)
        if not (
            0 < index < len(sure) - 1
            and sure[index - 1].state == sure[index + 1].state != look.state
        )
    ]


def red_around(known: LightTimeline, at: float, most_gap_s: float = 1.0) -> Red | None:
    """The unbroken red that holds a moment; None when it was not red or nobody looked."""
    looks = steady(known.looks)
    index = max((i for i, look in enumerate(looks) if look.at <= at), default=None)
    if index is None or index + 1 >= len(looks) or looks[index].state != "red":
        return None
    if looks[index + 1].at - looks[index].at > most_gap_s or looks[index + 1].state != "red":
        return None
    first = last = index
    while first > 0 and looks[first - 1].state == "red" and _near(looks, first - 1, most_gap_s):
        first -= 1
    while (
        last + 1 < len(looks) and looks[last + 1].state == "red" and _near(looks, last, most_gap_s)
    ):
        last += 1
    run = looks[first : last + 1]
    return Red(run[0].at, run[-1].at, sum(look.confidence for look in run) / len(run))


def _near(looks: Sequence[LightLook], index: int, most_gap_s: float) -> bool:
    return looks[index + 1].at - looks[index].at <= most_gap_s


def last_green(known: LightTimeline, before: float) -> float | None:
    """When the signal was last seen green before a moment; None when it never was."""
    return max(
        (look.at for look in steady(known.looks) if look.at <= before and look.state == "green"),
        default=None,
    )
