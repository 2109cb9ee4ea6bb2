"""A path on the ground: cut where it cannot be one vehicle, and fitted where it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import atan2, degrees, hypot, sqrt
from typing import Final

from ioc_models import plane
from ioc_models.plane import XY, Covariance, Matrix3
from ioc_models.scene import Lane, PictureSize, Scene, StopLine, Zone
from ioc_models.violations.contract import Path, Pose

# Longer without a sight of it, and what comes back may be another vehicle.
MOST_GAP_S: Final = 1.2
# Nothing on a road moves faster (200 km/h); a box that does has changed its vehicle.
FASTEST_M_S: Final = 56.0
# A jump off the straight course that no steering makes, beyond what the boxes' errors explain.
# Of its poses that a track must have of one vehicle.
MOSTLY: Final = 0.75
JUMP_M: Final = 1.2
JUMP_SIGMAS: Final = 4.0
# A box of another size in the next frame is another vehicle's.
SIZE_STEP: Final = 1.7
# Shortest and longest of each class on Vietnamese roads, metres: what the camera cannot see of a
# vehicle that drives away is taken to be whatever favours its driver.
# Source: makers' data sheets (city car 3.4 m to pickup 5.4 m, scooters 1.7 to 2.2 m, light lorry
# 4.2 m); 12.2 m is what a rigid lorry or bus may measure at most.
LENGTHS_M: Final[dict[str, tuple[float, float]]] = {
    "motorbike": (1.7, 2.2),
    "bicycle": (1.5, 1.9),
    "car": (3.4, 5.4),
    "van": (3.6, 6.0),
    "truck": (4.2, 12.2),
    "bus": (5.5, 12.2),
}
_UNKNOWN_LENGTH: Final = (1.5, 12.2)
# Slower than this over a whole stretch is standing.
STILL_M_S: Final = 0.2
ROLLING_M_S: Final = 1.0
# Who backs up and comes again scatters more than this.
_STANDING_SCATTER: Final = 1.6
# A side within 45 degrees of the direction runs along it.
_ALONG: Final = 0.7071
_HUBER: Final = 1.5
_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Spot:
    """A pose whose contact point is known."""

    at: float
    xy: XY
    covariance: Covariance
    pose: Pose


@dataclass(frozen=True, slots=True)
class Line:
    """A robust straight fit of a distance over time.

    Attributes:
        slope: Metres per second; `slope_sigma` its standard deviation.
        level: Metres at time `origin`.
        scatter: Root mean square of the residuals in units of their own deviations.
    """

    origin: float
    level: float
    slope: float
    level_sigma: float
    slope_sigma: float
    scatter: float

    def at(self, when: float) -> float:
        """Metres at a time."""
        return self.level + self.slope * (when - self.origin)

    def sigma_at(self, when: float) -> float:
        """Standard deviation of `at`."""
        return hypot(self.level_sigma, self.slope_sigma * (when - self.origin))


@dataclass(frozen=True, slots=True)
class Crossing:
    """When a front passed a line, at the earliest and at the latest that the poses allow."""

    at: float
    earliest: float
    latest: float
    speed: float


def lengths(label: str) -> tuple[float, float]:
    """Shortest and longest that a vehicle of this class is, metres."""
    return LENGTHS_M.get(label, _UNKNOWN_LENGTH)


def spots(poses: Sequence[Pose]) -> list[Spot]:
    """The poses that touch the road where the camera sees it."""
    return [
        Spot(pose.at, pose.contact_m, pose.covariance_m2, pose)
        for pose in poses
        if pose.contact_m is not None
    ]


@lru_cache(maxsize=64)
def pieces(path: Path) -> tuple[tuple[Pose, ...], ...]:
    """The path cut at gaps, without what a track that jumped brought along of another vehicle.

    Class and plate belong to a whole track: where most of it is not one vehicle, nobody knows
    whose they are, and there is no piece at all.
    """
    runs: list[list[list[Pose]]] = []
    for pose in path.poses:
        if runs and pose.at - runs[-1][-1][-1].at > MOST_GAP_S:
            runs[-1].append([pose])
        elif runs and _continues(runs[-1][-1], pose):
            runs[-1][-1].append(pose)
        else:
            runs.append([[pose]])
    best = max(runs, key=lambda run: sum(map(len, run)), default=[])
    if sum(map(len, best)) < MOSTLY * len(path.poses):
        return ()
    return tuple(tuple(piece) for piece in best)


def _continues(before: list[Pose], pose: Pose) -> bool:
    last = before[-1]
    gap = pose.at - last.at
    if last.contact_m is None or pose.contact_m is None:
        return True
    tall, was = pose.box_px[3] - pose.box_px[1], last.box_px[3] - last.box_px[1]
    size = max(tall, was) / max(1.0, min(tall, was))
    way = plane.distance(last.contact_m, pose.contact_m)
    blur = JUMP_SIGMAS * (_worst(last.covariance_m2) + _worst(pose.covariance_m2))
    if way > FASTEST_M_S * gap + blur:
        return False
    known = [each for each in before[-6:] if each.contact_m is not None]
    aside = _off_course(known, pose)
    off = None if aside is None else hypot(*aside)
    blur = _blur(last, pose, aside)
    # Size alone is no proof: a rider half hidden shrinks. Size and place together are.
    if size > SIZE_STEP and gap < MOST_GAP_S / 2:
        return off is None or off < JUMP_M
    return off is None or off < JUMP_M + blur + 4.0 * gap * gap


def _blur(last: Pose, pose: Pose, aside: XY | None) -> float:
    """What the errors of two boxes explain of a step in this direction."""
    towards = plane.unit(aside) if aside is not None else None
    if towards is None:
        return 0.0
    sigmas = (plane.deviation(each.covariance_m2, towards) for each in (last, pose))
    return JUMP_SIGMAS * hypot(*sigmas)


def _off_course(known: list[Pose], pose: Pose) -> XY | None:
    """How far a pose is from where the last ones were heading; None when too few say."""
    if len(known) < 3 or pose.contact_m is None:  # noqa: PLR2004
        return None
    first, last = known[0], known[-1]
    span = last.at - first.at
    if span <= 0 or first.contact_m is None or last.contact_m is None:
        return None
    vx = (last.contact_m[0] - first.contact_m[0]) / span
    vy = (last.contact_m[1] - first.contact_m[1]) / span
    gap = pose.at - last.at
    return (
        pose.contact_m[0] - last.contact_m[0] - vx * gap,
        pose.contact_m[1] - last.contact_m[1] - vy * gap,
    )


def _worst(covariance: Covariance) -> float:
    """Largest standard deviation of a point in any direction, at most."""
    return sqrt(max(0.0, covariance[0] + covariance[2]))


def fit(times: Sequence[float], values: Sequence[float], sigmas: Sequence[float]) -> Line | None:
    """A line through noisy distances, outliers given less weight (Huber 1964).

    Returns:
        None when all times are the same.
    """
    weights = [1.0 / max(sigma, 1e-3) ** 2 for sigma in sigmas]
    line = _weighted(times, values, weights)
    for _ in range(_ROUNDS):
        if line is None:
            return None
        reweighted = []
        for when, value, sigma in zip(times, values, sigmas, strict=True):
            off = abs(value - line.at(when)) / max(sigma, 1e-3)
            reweighted.append(min(1.0, _HUBER / max(off, 1e-9)) / max(sigma, 1e-3) ** 2)
        line = _weighted(times, values, reweighted)
    if line is None:
        return None
    offs = [
        (value - line.at(when)) / max(sigma, 1e-3)
        for when, value, sigma in zip(times, values, sigmas, strict=True)
    ]
    scatter = sqrt(sum(off * off for off in offs) / max(1, len(offs) - 2))
    # Boxes that scatter more than they claim widen the bar; those that scatter less do not
    # narrow it.
    wider = max(1.0, scatter)
    return Line(
        line.origin, line.level, line.slope,
        line.level_sigma * wider, line.slope_sigma * wider, scatter,
    )  # fmt: skip


def _weighted(
    times: Sequence[float], values: Sequence[float], weights: Sequence[float]
) -> Line | None:
    whole = sum(weights)
    origin = sum(w * t for w, t in zip(weights, times, strict=True)) / whole
    level = sum(w * v for w, v in zip(weights, values, strict=True)) / whole
    spread = sum(w * (t - origin) ** 2 for w, t in zip(weights, times, strict=True))
    if spread < 1e-12 * whole:
        return None
    slope = (
        sum(w * (t - origin) * v for w, t, v in zip(weights, times, values, strict=True)) / spread
    )
    return Line(origin, level, slope, 1 / sqrt(whole), 1 / sqrt(spread), 1.0)


def velocity(at: Sequence[Spot]) -> tuple[XY, XY] | None:
    """Velocity of a stretch, m/s, and the standard deviations of its two parts."""
    if len(at) < 2:  # noqa: PLR2004
        return None
    times = [spot.at for spot in at]
    across = fit(times, [s.xy[0] for s in at], [plane.deviation(s.covariance, (1, 0)) for s in at])
    along = fit(times, [s.xy[1] for s in at], [plane.deviation(s.covariance, (0, 1)) for s in at])
    if across is None or along is None:
        return None
    return (across.slope, along.slope), (across.slope_sigma, along.slope_sigma)


def way(at: Sequence[Spot]) -> float:
    """From the first to the last point as the crow flies, metres; jitter adds nothing."""
    return plane.distance(at[0].xy, at[-1].xy) if at else 0.0


class Line2:
    """A stop line on the ground, seen in a lane's direction of travel."""

    def __init__(self, scene: Scene, line: StopLine, lane: Lane) -> None:
        matrix = scene.ground.image_to_ground
        a, b = (plane.mapped(matrix, end) for end in line.ends_px)
        self.forward = plane.unit(lane.direction_m) or (0.0, 1.0)
        normal = plane.unit((-(b[1] - a[1]), b[0] - a[0])) or self.forward
        if plane.dot(normal, self.forward) < 0:
            normal = (-normal[0], -normal[1])
        self.normal = normal
        self._a, self._b = a, b
        middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
        back = scene.ground_to_image
        here, ahead = (
            plane.mapped(back, at)
            for at in (middle, (middle[0] + self.forward[0], middle[1] + self.forward[1]))
        )
        # Driving up the picture shows the rear: the front is a vehicle's length further on.
        self.seen_from_behind = ahead[1] < here[1]

    def beyond(self, at: XY) -> float:
        """Metres past the line, negative before it."""
        return plane.dot(plane.minus(at, self._a), self.normal)

    def along(self, at: XY) -> float:
        """Where along the line a point lies: 0 at one end, 1 at the other."""
        side = plane.minus(self._b, self._a)
        return plane.dot(plane.minus(at, self._a), side) / plane.dot(side, side)

    def hidden(self, label: str) -> tuple[float, float]:
        """Least and most that the front is ahead of the contact point, metres."""
        return lengths(label) if self.seen_from_behind else (0.0, 0.0)


def crossing(
    at: Sequence[Spot],
    line: Line2,
    ahead_m: float,
    *,
    look_back_s: float = 1.0,
    sigmas: float = 2.0,
) -> Crossing | None:
    """When a point `ahead_m` before the contact passed the line, by a fit of the poses around.

    A vehicle whose wheels come into the picture with its front already beyond the line is
    followed back at its speed, for `look_back_s` at most.
    """
    if len(at) < 3:  # noqa: PLR2004
        return None
    done = [line.beyond(spot.xy) + ahead_m for spot in at]
    index = _last_upward(done)
    if index is None:
        return None
    first = max(0, index - 3)
    near = list(range(first, min(len(at), max(index + 4, first + 5))))
    fitted = fit(
        [at[i].at for i in near],
        [done[i] for i in near],
        [plane.deviation(at[i].covariance, line.normal) for i in near],
    )
    if fitted is None or fitted.slope <= 0.3:  # noqa: PLR2004 a jitter, not a crossing
        return None
    when = fitted.origin - fitted.level / fitted.slope
    if when < at[0].at - look_back_s or when > at[near[-1]].at + 0.3:
        return None
    # Followed back, it may have been slower before, and then it crossed earlier still.
    unseen = max(0.0, at[0].at - when)
    blur = sigmas * fitted.sigma_at(when) / fitted.slope
    return Crossing(when, when - blur - 0.5 * unseen, when + blur, fitted.slope)


def _last_upward(done: Sequence[float]) -> int | None:
    """The first place beyond zero after the last one before it; a lone torn box aside."""
    if done[-1] < 0:
        return None
    smooth = [
        sorted(done[max(0, i - 1) : i + 2])[min(1, len(done[max(0, i - 1) : i + 2]) // 2)]
        for i in range(len(done))
    ]
    last = max((i for i, value in enumerate(smooth) if value < 0), default=-1)
    return last + 1 if last + 1 < len(done) else None


def heading_change(at: Sequence[Spot], forward: XY) -> float | None:
    """Degrees by which the end of a stretch has turned from a direction: positive to the left."""
    tail = [spot for spot in at if spot.at >= at[-1].at - 0.8] if at else []
    if len(tail) < 3 or way(tail) < 1.0:  # noqa: PLR2004
        return None
    moving = velocity(tail)
    if moving is None:
        return None
    (vx, vy), _ = moving
    turned = forward[0] * vy - forward[1] * vx
    return degrees(atan2(turned, plane.dot(forward, (vx, vy))))


@dataclass(frozen=True, slots=True)
class Area:
    """A polygon of the scene with its sides on the ground.

    Sides along the picture's own border are none: the road goes on there.
    """

    polygon_px: tuple[XY, ...]
    sides_m: tuple[tuple[XY, XY], ...]
    frame_px: tuple[float, float, float, float]

    def depth(self, at: Spot) -> float:
        """Metres from a contact point to the nearest side; negative outside."""
        nearest = min((segment_distance(a, b, at.xy) for a, b in self.sides_m), default=1e3)
        return nearest if self.holds(at) else -nearest

    def holds(self, at: Spot) -> bool:
        """Whether a contact point is inside."""
        x, y = at.pose.contact_px
        left, top, right, bottom = self.frame_px
        return left <= x <= right and top <= y <= bottom and plane.holds(self.polygon_px, (x, y))


@lru_cache(maxsize=256)
def area(polygon: tuple[XY, ...], matrix: Matrix3, size: PictureSize, along: XY | None) -> Area:
    """A polygon of a scene, prepared once; with `along`, only the sides that run that way count."""
    sides = tuple(
        (plane.mapped(matrix, a), plane.mapped(matrix, b))
        for a, b in plane.edges(polygon)
        if not _on_border(a, b, size.width, size.height)
    )
    if along is not None:
        sides = tuple(side for side in sides if _runs(side, along))
    columns, rows = zip(*polygon, strict=True)
    return Area(polygon, sides, (min(columns), min(rows), max(columns), max(rows)))


def _runs(side: tuple[XY, XY], along: XY) -> bool:
    towards, way_on = plane.unit(plane.minus(side[1], side[0])), plane.unit(along)
    return towards is not None and way_on is not None and abs(plane.dot(towards, way_on)) > _ALONG


def area_of(scene: Scene, part: Lane | Zone) -> Area:
    """A zone's area, or a lane's, whose ends are no sides: one drives in and out over them."""
    along = part.direction_m if isinstance(part, Lane) else None
    return area(part.polygon_px, scene.ground.image_to_ground, scene.image, along)


def _on_border(a: XY, b: XY, width: int, height: int) -> bool:
    return any(
        abs(a[axis] - edge) < 1.0 and abs(b[axis] - edge) < 1.0
        for axis, edge in ((0, 0), (0, width), (1, height))
    )


def segment_distance(a: XY, b: XY, at: XY) -> float:
    """From a point to a segment."""
    side = plane.minus(b, a)
    long = plane.dot(side, side)
    share = 0.0 if long == 0 else plane.dot(plane.minus(at, a), side) / long
    share = min(1.0, max(0.0, share))
    return plane.distance(at, (a[0] + share * side[0], a[1] + share * side[1]))


def lane_of(scene: Scene, at: Pose, among: Sequence[str] | None = None) -> Lane | None:
    """The lane that holds a contact point."""
    for lane in scene.lanes:
        if (among is None or lane.id in among) and plane.holds(lane.polygon_px, at.contact_px):
            return lane
    return None


@dataclass(frozen=True, slots=True)
class Rest:
    """A stretch in which a vehicle stayed where it was; `xy` is the middle of its places."""

    since: float
    until: float
    xy: XY
    frames: int


@dataclass(frozen=True, slots=True)
class Half:
    """Half a second of a path: its median place and the deviation of that."""

    since: float
    until: float
    xy: XY
    sigma_m: float
    frames: int


def rests(at: Sequence[Spot], drift_m: float, *, most_gap_s: float = MOST_GAP_S) -> list[Rest]:
    """The stretches without movement, by medians over half seconds so that spikes do not count.

    Args:
        at: Oldest first.
        drift_m: How far the medians of one rest may lie apart.
        most_gap_s: Without a sight of it for longer, a rest has ended.
    """
    found: list[list[Half]] = []
    for half in _halves(at):
        run = found[-1] if found else []
        if run and half.since - run[-1].until <= most_gap_s and _stays(run, half, drift_m):
            run.append(half)
        else:
            found.append([half])
    trimmed = [_trimmed(run) for run in found if len(run) > 1]
    return [
        _rest(run)
        for run in trimmed
        if len(run) > 1 and _speed(run) < STILL_M_S and _scatter(run, drift_m) < _STANDING_SCATTER
    ]


def _scatter(run: Sequence[Half], drift_m: float) -> float:
    """How far the halves lie from their middle, in units of what jitter explains."""
    place = _place(run)
    offs = [plane.distance(half.xy, place) / hypot(half.sigma_m, drift_m / 2) for half in run]
    return sqrt(sum(off * off for off in offs) / len(offs))


def _trimmed(run: Sequence[Half]) -> Sequence[Half]:
    """Without the braking before and the pulling away after it."""
    place = _place(run[len(run) // 5 : len(run) - len(run) // 5])
    there = [
        index
        for index, half in enumerate(run)
        if plane.distance(half.xy, place) <= max(0.4, 1.5 * half.sigma_m)
    ]
    return run[there[0] : there[-1] + 1] if there else []


def _stays(run: Sequence[Half], half: Half, drift_m: float) -> bool:
    return plane.distance(half.xy, _place(run)) <= drift_m + 3 * half.sigma_m


def _place(run: Sequence[Half]) -> XY:
    return _middle([half.xy[0] for half in run]), _middle([half.xy[1] for half in run])


def _speed(run: Sequence[Half]) -> float:
    """Of what should stand, m/s: who crawls is told from who jitters by the whole stretch."""
    times, sigmas = [half.since for half in run], [half.sigma_m for half in run]
    lines = [fit(times, [half.xy[axis] for half in run], sigmas) for axis in (0, 1)]
    if hypot(*(line.slope for line in lines if line)) > ROLLING_M_S:
        return ROLLING_M_S
    return hypot(*(max(0.0, abs(line.slope) - line.slope_sigma) for line in lines if line))


def _rest(run: Sequence[Half]) -> Rest:
    frames = sum(half.frames for half in run)
    return Rest(run[0].since, run[-1].until, _place(run), frames)


def _halves(at: Sequence[Spot]) -> list[Half]:
    bins: dict[int, list[Spot]] = {}
    for spot in at:
        bins.setdefault(int(spot.at * 2), []).append(spot)
    return [_half(group) for _, group in sorted(bins.items())]


def _half(group: Sequence[Spot]) -> Half:
    xy = _middle([s.xy[0] for s in group]), _middle([s.xy[1] for s in group])
    # A median of normal errors scatters 1.25 times as much as their mean.
    sigma = 1.25 * _worst(group[0].covariance) / sqrt(len(group))
    return Half(group[0].at, group[-1].at, xy, max(0.03, sigma), len(group))


def _middle(values: Sequence[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
