"""Who sits on a motorbike, over many looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ioc_models import plane
from ioc_models.violations.contract import Head, Path, RiderLook
from ioc_models.violations.motion import spots, way

# Under six (helmet) or twelve (passengers) one is a child, whom a camera tells by how low the
# head is: a seated six-year-old's is about 25 cm, a head's height, below an adult's.
_CHILD: Final = 0.3
_LOWER: Final = 1.25
# On duty of the law is who drives; a parked motorbike with people on it is not driven.
LEAST_WAY_M: Final = 3.0


@dataclass(frozen=True, slots=True)
class Crew:
    """One look: the driver's head, the grown passengers', and how many may be children."""

    at: float
    driver: Head | None
    grown: tuple[Head, ...]
    children: int

    @property
    def people(self) -> int:
        """Everybody."""
        return (self.driver is not None) + len(self.grown) + self.children


def crews(path: Path, sure: float) -> list[Crew]:
    """The looks at a motorbike in which every head is sure enough."""
    away = drives_away(path)
    return [
        crew
        for look in path.riders
        if look.heads and all(head.confidence >= sure for head in look.heads)
        for crew in [_crew(look, away=away)]
    ]


def _crew(look: RiderLook, *, away: bool) -> Crew:
    """Driver foremost: seen from behind the highest head, from ahead the lowest."""
    order = sorted(look.heads, key=lambda head: head.box_px[3], reverse=not away)
    driver, *rest = order
    grown = [head for head in rest if not may_be_child(head, look.heads)]
    if may_be_child(driver, look.heads):
        # A child may stand before the driver: then the driver is the next one.
        grown_first = [head for head in order if not may_be_child(head, look.heads)]
        return Crew(
            look.at,
            grown_first[0] if grown_first else None,
            tuple(grown_first[1:]),
            len(order) - len(grown_first),
        )
    return Crew(look.at, driver, tuple(grown), len(rest) - len(grown))


def may_be_child(head: Head, heads: Sequence[Head]) -> bool:
    """Whether somebody may be a child: told so, or sitting a head lower than the highest."""
    if head.child >= _CHILD:
        return True
    highest = min(heads, key=lambda each: each.box_px[1])
    height = highest.box_px[3] - highest.box_px[1]
    return head.box_px[1] - highest.box_px[1] > _LOWER * height


def drives_away(path: Path) -> bool:
    """Whether it goes up the picture."""
    return path.poses[-1].box_px[3] < path.poses[0].box_px[3]


def is_driven(path: Path) -> bool:
    """Whether a motorbike moved while it was seen."""
    at = spots(path.poses)
    return path.label == "motorbike" and len(at) > 1 and way(at) >= LEAST_WAY_M


def largest(path: Path, crew: Sequence[Crew]) -> float:
    """When the heads of these looks were seen largest."""
    times = {each.at for each in crew}
    looks = [look for look in path.riders if look.at in times]
    return max(looks, key=lambda look: max(_height(head) for head in look.heads)).at


def _height(head: Head) -> float:
    return head.box_px[3] - head.box_px[1]


def middle(head: Head) -> plane.XY:
    """Of a head's box."""
    return (head.box_px[0] + head.box_px[2]) / 2, (head.box_px[1] + head.box_px[3]) / 2
