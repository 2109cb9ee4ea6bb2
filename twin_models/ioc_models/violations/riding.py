"""Who sits on a motorbike, over many looks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from statistics import median
from typing import Final

from ioc_models import plane
from ioc_models.scene import Scene
from ioc_models.violations.contract import Head, Path, RiderLook
from ioc_models.violations.motion import spots, way

# A belief in a child as low as this is enough to accuse nobody.
_CHILD: Final = 0.3
# Heads of grown people on one saddle are this far apart, metres; a seated six-year-old's is about
# 20 cm lower than a grown head, which at this distance from it can only be a child or a shadow
# of doubt.
_PITCH_M: Final = (0.28, 0.46)
_SLACK_M: Final = 0.1
# Of heads from side to side on one saddle; motorbikes abreast are 0.7 m apart and more.
_SADDLE_M: Final = 0.5
# Heads are 1.4 m above the road, nearer to the height of a lens at 5 to 7 m: the camera looks
# down on them at a flatter angle than on the wheels.
_LIFT: Final = 0.76
# Three grown people sit evenly; a child between or before them does not.
_EVEN: Final = (0.35, 0.61)
# What a far look adds is doubt.
_MOST_LOOKS: Final = 8
# A parked motorbike with people on it is not driven.
LEAST_WAY_M: Final = 3.0


@dataclass(frozen=True, slots=True)
class Scale:
    """How a metre looks where a motorbike is.

    Attributes:
        px_per_m: Across the road, and upright.
        tilt: Sine of the angle at which the camera looks down on the heads: what a metre along
            the saddle shows of itself.
    """

    px_per_m: float
    tilt: float


@dataclass(frozen=True, slots=True)
class Crew:
    """One look: the heads, the driver's first, and how a metre looked there and then."""

    at: float
    heads: tuple[Head, ...]
    scale: Scale

    @property
    def driver(self) -> Head:
        """Foremost: seen from behind the highest, from ahead the lowest."""
        return self.heads[0]

    def drop_m(self, head: Head) -> float:
        """How far a head lies from the driver's in the picture, metres upright."""
        return abs(_middle(head) - _middle(self.driver)) / self.scale.px_per_m

    def may_be_child(self, head: Head) -> bool:
        """Whether a passenger sits lower than a grown one right behind the driver would."""
        return head.child >= _CHILD or (
            self.drop_m(head) > _PITCH_M[1] * self.scale.tilt + _SLACK_M
        )

    def in_line(self) -> bool:
        """Whether all heads are on one saddle, none on a motorbike alongside."""
        across = [(head.box_px[0] + head.box_px[2]) / 2 for head in self.heads]
        return max(across) - min(across) <= _SADDLE_M * self.scale.px_per_m

    def gaps_m(self) -> tuple[float, float] | None:
        """How far two passengers sit from the driver; None if these are not three in a line."""
        if len(self.heads) != 3 or not self.in_line():  # noqa: PLR2004
            return None
        if any(head.child >= _CHILD for head in self.heads):
            return None
        near, far = sorted(self.drop_m(head) for head in self.heads[1:])
        return near, far


def three_grown(looks: Sequence[Crew]) -> bool:
    """Whether looks at three people, taken together, leave no room for a child among them."""
    known = [(gaps, look) for look in looks if (gaps := look.gaps_m()) is not None]
    if not known:
        return False
    even = median(near / far for (near, far), _ in known if far > 0)
    # On a saddle, not as the camera foreshortens it.
    long = median(far / max(look.scale.tilt, 0.05) for (_, far), look in known)
    least, most = (2 * pitch for pitch in _PITCH_M)
    return _EVEN[0] <= even <= _EVEN[1] and least <= long <= most + 2 * _SLACK_M


def crews(path: Path, scene: Scene, sure: float) -> list[Crew]:
    """The nearest looks at a motorbike in which every head is sure enough, oldest first."""
    away = path.poses[-1].box_px[3] < path.poses[0].box_px[3]
    found = []
    for look in path.riders:
        if not look.heads or any(head.confidence < sure for head in look.heads):
            continue
        scale = _scale(path, scene, look)
        if scale is not None:
            heads = sorted(look.heads, key=_middle, reverse=not away)
            found.append(Crew(look.at, tuple(heads), scale))
    nearest = sorted(found, key=lambda crew: -crew.scale.px_per_m)[:_MOST_LOOKS]
    return sorted(nearest, key=lambda crew: crew.at)


def usual(looks: Sequence[Crew]) -> list[Crew]:
    """The looks that show as many people as most do: where a head hides, who drives is unclear."""
    counts = Counter(len(look.heads) for look in looks)
    most = max(counts, key=lambda count: (counts[count], count), default=0)
    return [look for look in looks if len(look.heads) == most]


def _scale(path: Path, scene: Scene, look: RiderLook) -> Scale | None:
    pose = min(path.poses, key=lambda each: abs(each.at - look.at))
    if scene.on_ground(pose.contact_px) is None:
        return None
    (xu, xv), (yu, yv) = plane.slope(scene.ground.image_to_ground, pose.contact_px)
    across, along = hypot(xu, yu), hypot(xv, yv)
    if across <= 0 or along <= 0:
        return None
    return Scale(1 / across, min(1.0, _LIFT * across / along))


def is_driven(path: Path) -> bool:
    """Whether a motorbike moved while it was seen."""
    at = spots(path.poses)
    return path.label == "motorbike" and len(at) > 1 and way(at) >= LEAST_WAY_M


def largest(looks: Sequence[Crew]) -> float:
    """When heads were seen largest."""
    return max(looks, key=lambda look: look.driver.box_px[3] - look.driver.box_px[1]).at


def _middle(head: Head) -> float:
    return (head.box_px[1] + head.box_px[3]) / 2
