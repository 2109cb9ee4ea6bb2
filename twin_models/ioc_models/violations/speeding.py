"""Too fast: metres on the ground over time, with an error bar that is subtracted first."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from typing import Final

from ioc_models import plane
from ioc_models.scene import Scene
from ioc_models.violations import law, telling
from ioc_models.violations.contract import Finding, LightTimeline, Path, Speed
from ioc_models.violations.motion import Line, Spot, fit, lane_of, pieces, spots, velocity, way

# Nothing is told of a shorter way, however many frames there are.
_SHORTEST_M: Final = 5.0
# A fit whose poses scatter more than this many of their own deviations is no straight drive.
_MOST_SCATTER: Final = 3.0
# A detector cuts all boxes of one vehicle a little too low or too high: as much as one box
# scatters (measured: 0.057 and 0.053 of its height). Far boxes claim more road.
_SHARED: Final = 1.0
_KMH: Final = 3.6


@dataclass(frozen=True, slots=True)
class Measured:
    """A speed, km/h, with the half width of its error bar."""

    kmh: float
    error_kmh: float
    way_m: float
    frames: int
    since: float
    until: float
    spots: tuple[Spot, ...]


def judge(
    path: Path, scene: Scene, _lights: Sequence[LightTimeline], _others: Sequence[Path]
) -> list[Finding]:
    """Findings of this rule for one vehicle, at most one."""
    rule = scene.rules.speeding
    if not rule.enabled or not telling.may_be_accused(path):
        return []
    known = measure(path, scene)
    if known is None or known.error_kmh > rule.worst_error_kmh:
        return []
    limit, lane = limit_of(path, scene, known)
    if limit is None:
        return []
    # Rounded down: a hundredth of a km/h must not raise a class.
    for_penalty = int((known.kmh - known.error_kmh) * 100) / 100
    act = law.speed_act(for_penalty - limit, path.label)
    if act is None:
        return []
    at = (known.since + known.until) / 2
    certificate = scene.calibration
    valid = certificate is not None and certificate.covers(telling.instant(at))
    speed = Speed(
        measured=round(known.kmh, 2),
        error=round(known.error_kmh, 2),
        for_penalty=for_penalty,
        limit=limit,
        excess=round(for_penalty - limit, 2),
        way_m=round(known.way_m, 2),
        frames=known.frames,
        certificate=certificate.number if certificate is not None and valid else None,
    )
    found = telling.finding(
        "speeding",
        act,
        path,
        (known.since, at, known.until),
        {"speed_kmh": known.kmh, "error_kmh": known.error_kmh},
        telling.Where(lane=lane),
    )
    update = {"speed": speed, "indicative": not valid}
    return [each.model_copy(update=update) for each in found]


def measure(path: Path, scene: Scene) -> Measured | None:
    """The speed of a path's longest straight piece; None when it is too short or too crooked."""
    rule = scene.rules.speeding
    best: Measured | None = None
    for piece in pieces(path):
        at = spots(piece)
        if len(at) < 4 or way(at) < _SHORTEST_M:  # noqa: PLR2004
            continue
        if way(at) < rule.least_m and len(at) < rule.least_frames:
            continue
        known = _measured(at, scene)
        if known is not None and (best is None or known.error_kmh < best.error_kmh):
            best = known
    return best


def _measured(at: Sequence[Spot], scene: Scene) -> Measured | None:
    moving = velocity(at)
    along = plane.unit(moving[0]) if moving is not None else None
    if along is None:
        return None
    times = [spot.at for spot in at]
    values = [plane.dot(spot.xy, along) for spot in at]
    sigmas = [max(0.03, plane.deviation(spot.covariance, along)) for spot in at]
    line = fit(times, values, sigmas)
    if line is None or line.scatter > _MOST_SCATTER:
        return None
    gone = way(at)
    shared = _SHARED * abs(sigmas[-1] - sigmas[0])
    error = _error_m_s(line, gone, shared / (times[-1] - times[0]), scene)
    return Measured(
        abs(line.slope) * _KMH, error * _KMH, gone, len(at), times[0], times[-1], tuple(at)
    )


def _error_m_s(line: Line, gone_m: float, shared: float, scene: Scene) -> float:
    """Half width of the error bar, m/s: the fit's, the calibration's, the boxes' common error."""
    sigmas = scene.rules.speeding.error_sigmas
    # The marks' residual moves both ends of the way; over a longer way it counts for less.
    calibration = sqrt(2) * scene.ground.residual_m / max(gone_m, 1.0) * abs(line.slope)
    return sigmas * hypot(line.slope_sigma, calibration, shared)


def limit_of(path: Path, scene: Scene, known: Measured) -> tuple[float | None, str | None]:
    """The highest limit among the lanes it was measured in, and the lane most of it was in."""
    lanes = [lane for spot in known.spots if (lane := lane_of(scene, spot.pose)) is not None]
    if not lanes:
        return None, None
    limits = [lane.limit_kmh(path.label) for lane in lanes]
    if any(limit is None for limit in limits):
        return None, None
    most = max({lane.id for lane in lanes}, key=lambda name: sum(x.id == name for x in lanes))
    return max(limit for limit in limits if limit is not None), most
