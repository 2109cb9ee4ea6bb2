"""How a rule says what it found: clause, doubts and the evidence that a reviewer needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

from ioc_models.violations import law
from ioc_models.violations.contract import (
    PRIORITY,
    Doubt,
    Finding,
    Path,
    Pose,
    Rule,
    Wanted,
)

# QCVN 05:2024/BCA: the film shows before, during and after.
CLIP_BEFORE_S: Final = 3.0
CLIP_AFTER_S: Final = 3.0
# A vehicle this likely on duty is not accused; a smaller sign is left to the reviewer.
ON_DUTY: Final = 0.5
MAYBE_ON_DUTY: Final = 0.1
SURE_PLATE: Final = 0.9
SURE_MARGIN: Final = 0.2


@dataclass(frozen=True, slots=True)
class Where:
    """Which parts of the scene a finding is about."""

    lane: str | None = None
    light: str | None = None
    zone: str | None = None


NOWHERE: Final = Where()


def instant(at: float) -> datetime:
    """Seconds since 1970 as aware UTC."""
    return datetime.fromtimestamp(at, timezone.utc)


def may_be_accused(path: Path) -> bool:
    """Whether this kind of vehicle is judged at all: none without a class, none on duty."""
    if law.vehicle_class(path.label) is None:
        return False
    return max(path.priority or 0.0, _on_duty(path)) < ON_DUTY


def _on_duty(path: Path) -> float:
    """Share of the belief that this is an ambulance, a fire engine or police."""
    whole = sum(path.labels.values())
    return sum(path.labels.get(name, 0.0) for name in PRIORITY) / whole if whole > 0 else 0.0


def doubts(path: Path) -> tuple[Doubt, ...]:
    """What a reviewer must rule out."""
    found: list[Doubt] = []
    # Where nobody looked for beacons, somebody must.
    if path.priority is None or max(path.priority, _on_duty(path)) >= MAYBE_ON_DUTY:
        found.append("priority_vehicle")
    if path.plate is None:
        found.append("plate_unread")
    elif path.plate.confidence < SURE_PLATE or path.plate.margin < SURE_MARGIN:
        found.append("plate_unsure")
    return tuple(found)


def pose_at(path: Path, at: float) -> Pose:
    """The pose nearest to a time."""
    return min(path.poses, key=lambda pose: abs(pose.at - at))


def finding(
    rule: Rule,
    act: str,
    path: Path,
    times: tuple[float, float, float],
    measured: Mapping[str, float],
    where: Where = NOWHERE,
) -> list[Finding]:
    """A finding, or none when no law in force at that time names the act."""
    before, at, after = times
    provision = law.clause(act, path.label, instant(at))
    if provision is None:
        return []
    return [
        Finding(
            rule=rule,
            track=path.track,
            label=path.label,
            before_at=before,
            at=at,
            after_at=after,
            clause=provision,
            measured={name: round(value, 4) for name, value in measured.items()},
            lane=where.lane,
            light=where.light,
            zone=where.zone,
            place_m=pose_at(path, at).contact_m,
            doubts=doubts(path),
            plate=path.plate.text if path.plate else None,
            evidence=_evidence(path, before, at, after),
        )
    ]


def _evidence(path: Path, before: float, at: float, after: float) -> tuple[Wanted, ...]:
    """Three moments, the whole picture, the plate at its largest, and a span of film."""
    largest = max(path.poses, key=lambda pose: pose.box_px[2] - pose.box_px[0])
    return (
        Wanted(role="before", at=before),
        Wanted(role="event", at=at),
        Wanted(role="after", at=after),
        Wanted(role="overview", at=at),
        Wanted(role="plate", at=largest.at),
        Wanted(role="clip", at=before - CLIP_BEFORE_S, until=after + CLIP_AFTER_S),
    )
