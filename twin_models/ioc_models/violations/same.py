"""Whether two paths are one vehicle: a track that broke, or two boxes on one thing."""

from collections.abc import Sequence
from typing import Final

from ioc_models import plane
from ioc_models.plane import XY
from ioc_models.violations.contract import Path, Pose
from ioc_models.violations.motion import Spot, spots, velocity

# A track that broke is taken up again within this; one that stood still, much later.
TAKEN_UP_S: Final = 2.5
# For this long a tracker may hold both the old track and the new one.
OVERLAP_S: Final = 0.15
STANDING_S: Final = 30.0
_STILL_M_S: Final = 0.6
_STOOD_S: Final = 0.6
_NEAR_M: Final = 1.2
_PER_SECOND_M: Final = 2.0
_FEWEST: Final = 2
_SAME_SIZE: Final = 1.6
# Two boxes that lie on each other this long are on one vehicle.
_TOGETHER_FRAMES: Final = 4
_OVERLAP: Final = 0.55


def continues(old: Path, new: Path) -> bool:
    """Whether `new` begins where and when `old`, by its course, should have been."""
    before, after = spots(old.poses)[-8:], spots(new.poses)[:4]
    if not before or not after:
        return False
    gap = after[0].at - old.poses[-1].at
    if gap < -OVERLAP_S or gap > STANDING_S or not _alike(old.poses[-1], new.poses[0]):
        return False
    moving = velocity(before) if len(before) >= _FEWEST else None
    if moving is None:
        return False
    speed: XY = moving[0]
    long = before[-1].at - before[0].at >= _STOOD_S
    still = long and plane.distance(speed, (0.0, 0.0)) < _STILL_M_S
    if gap > TAKEN_UP_S and not still:
        return False
    if still and _overlap(old.poses[-1], new.poses[0]) < _OVERLAP / 2:
        return False
    ahead = after[0].at - before[-1].at
    if still:
        speed = (0.0, 0.0)
    place = (before[-1].xy[0] + speed[0] * ahead, before[-1].xy[1] + speed[1] * ahead)
    allowed = _NEAR_M + (0.0 if still else _PER_SECOND_M * ahead) + _blur(before[-1], after[0])
    return plane.distance(place, after[0].xy) <= allowed and _agree(speed, after, still=still)


def _agree(speed: XY, after: Sequence[Spot], *, still: bool) -> bool:
    """Whether the new piece does not drive the other way."""
    moving = velocity(after) if len(after) > _FEWEST else None
    if moving is None or still:
        return True
    return plane.dot(speed, moving[0]) >= 0 or plane.distance(moving[0], (0, 0)) < 1.0


def _alike(one: Pose, other: Pose) -> bool:
    tall, was = (pose.box_px[3] - pose.box_px[1] for pose in (one, other))
    return max(tall, was) <= _SAME_SIZE * max(1.0, min(tall, was))


def _blur(one: Spot, other: Spot) -> float:
    return 2 * (plane.deviation(one.covariance, (0, 1)) + plane.deviation(other.covariance, (0, 1)))


def lie_together(one: Path, other: Path) -> bool:
    """Whether both were followed at the same time on the same thing."""
    theirs = {pose.at: pose for pose in other.poses}
    shared = [(pose, theirs[pose.at]) for pose in one.poses if pose.at in theirs]
    if len(shared) < _TOGETHER_FRAMES:
        return False
    close = sum(_overlap(a, b) >= _OVERLAP for a, b in shared)
    return close >= len(shared) / 2


def _overlap(a: Pose, b: Pose) -> float:
    """Intersection over union of two boxes."""
    left, top = max(a.box_px[0], b.box_px[0]), max(a.box_px[1], b.box_px[1])
    right, bottom = min(a.box_px[2], b.box_px[2]), min(a.box_px[3], b.box_px[3])
    common = max(0.0, right - left) * max(0.0, bottom - top)
    whole = sum((p.box_px[2] - p.box_px[0]) * (p.box_px[3] - p.box_px[1]) for p in (a, b)) - common
    return common / whole if whole > 0 else 0.0
