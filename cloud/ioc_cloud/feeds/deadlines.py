"""When figures are due, how late they are, and whom to tell.

The province's rule: within 12 hours of a change on a working day, within 24 otherwise. Read to
the letter, the kind of the day of the change decides: a change on Friday at 16:30 is due on
Saturday at 04:30. Feeds that a system delivers are due daily by their hour.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Literal

from ioc_cloud.feeds.calendar import Calendar
from ioc_models.feeds.contract import Schedule, Sla
from ioc_models.feeds.periods import LOCAL, Cadence, Period, containing

Span = tuple[datetime, datetime]
Addressee = Literal["owner", "deputy", "head"]
StageName = Literal["half", "most", "due", "overdue"]
MOMENT: Final = timedelta(microseconds=1)
# At which multiple of the allowance nothing is left of the score.
DEAD_AFTER: Final = 3.0
_STAGES: Final[tuple[tuple[StageName, float, tuple[Addressee, ...]], ...]] = (
    ("half", 0.5, ("owner",)),
    ("most", 0.8, ("owner",)),
    ("due", 1.0, ("owner", "deputy")),
    ("overdue", 2.0, ("owner", "deputy", "head")),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """A point on the way to a deadline and past it.

    Attributes:
        name: `half`, `most` (80 %), `due`, `overdue` (twice the allowance).
        at: When it is reached.
        tells: Who is told.
    """

    name: StageName
    at: datetime
    tells: tuple[Addressee, ...]


def due(changed_at: datetime, sla: Sla, calendar: Calendar) -> datetime:
    """When what changed is due.

    A change at local midnight is the end of a period, and belongs to the day that ends there.
    """
    day = (changed_at.astimezone(LOCAL) - MOMENT).date()
    if sla.basis == "due_day":
        day = (changed_at + sla.working).astimezone(LOCAL).date()
    return changed_at + (sla.working if calendar.is_working(day) else sla.off)


def due_by_hour(period: Period, at: time, days_after: int) -> datetime:
    """When a period is due whose feed comes by the hour of a day."""
    return datetime.combine(period.last_day + timedelta(days=days_after), at, LOCAL)


def due_of(period: Period, schedule: Schedule, sla: Sla, calendar: Calendar) -> datetime:
    """When a period of a table is due; a stream's at the end of its window."""
    if schedule.by is not None:
        return due_by_hour(period, schedule.by, schedule.days_after)
    if period.cadence.is_short:
        return period.end + (schedule.window or timedelta(hours=1))
    return due(period.end, sla, calendar)


def changed_of(period: Period, due_at: datetime) -> datetime:
    """When a period's figures change, where the source does not say: at its end.

    Some are due before their day is over (pupils absent, by ten o'clock): those change with
    their beginning.
    """
    return period.end if due_at > period.end else period.start


def expected(period: Period, schedule: Schedule, calendar: Calendar) -> bool:
    """Whether a period is expected at all: some feeds rest on days off."""
    if schedule.days == "every" or period.cadence is not Cadence.DAY:
        return True
    return calendar.is_working(period.first_day)


def liveness(
    received_at: datetime | None,
    changed_at: datetime,
    due_at: datetime,
    *,
    now: datetime,
    suspended: Sequence[Span] = (),
) -> float | None:
    """How alive a delivery is, 0 to 1.

    1 when it came in time; from there down to 0 at three times the allowance. What has not come
    counts as late as it is now; None while it is not due. Time in maintenance is no lateness.

    Args:
        received_at: None where nothing came.
        changed_at: When the source changed.
        due_at: When it was due.
        now: The clock.
        suspended: Maintenance windows.
    """
    if received_at is None and now <= due_at:
        return None
    until = received_at or now
    late = until - due_at - overlap((due_at, until), suspended)
    if late <= timedelta(0):
        return 1.0
    allowance = due_at - changed_at
    if allowance <= timedelta(0):
        return 0.0
    return max(0.0, 1.0 - late / (allowance * (DEAD_AFTER - 1)))


def age(now: datetime, as_of: datetime) -> timedelta:
    """How old a figure is; no maintenance makes it younger."""
    return now - as_of


def fresh_share(
    received: Iterable[datetime],
    window: timedelta,
    day: date,
    *,
    now: datetime,
    suspended: Sequence[Span] = (),
) -> float | None:
    """The share of a local day, so far, in which a stream's newest value was fresh.

    None where nothing of the day is left beside maintenance.
    """
    whole = containing(day, Cadence.DAY)
    start, end = whole.start, min(whole.end, now)
    if end <= start:
        return None
    judged = _without((start, end), suspended)
    total = sum((stop - begin for begin, stop in judged), timedelta(0))
    if total <= timedelta(0):
        return None
    fresh = merged((at, at + window) for at in received)
    share = sum((overlap(span, fresh) for span in judged), timedelta(0))
    return min(1.0, share / total)


def stages(
    changed_at: datetime, due_at: datetime, suspended: Sequence[Span] = ()
) -> tuple[Stage, ...]:
    """Every stage of a deadline, in order.

    Maintenance moves no deadline; but what follows the deadline waits until it is over.
    """
    allowance = due_at - changed_at
    return tuple(
        Stage(name, _after(changed_at, due_at, allowance * part, suspended), tells)
        for name, part, tells in _STAGES
    )


def _after(
    changed_at: datetime, due_at: datetime, by: timedelta, suspended: Sequence[Span]
) -> datetime:
    moment = changed_at + by
    for begin, end in merged(suspended):
        if begin >= moment:
            break
        if end > due_at and moment > due_at:
            moment += end - max(begin, due_at)
    return moment


def reached(
    changed_at: datetime, due_at: datetime, now: datetime, suspended: Sequence[Span] = ()
) -> tuple[Stage, ...]:
    """The stages that lie behind."""
    return tuple(stage for stage in stages(changed_at, due_at, suspended) if stage.at <= now)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that touch made one."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def overlap(span: Span, others: Iterable[Span]) -> timedelta:
    """How much of a span others cover; what they cover twice counts once."""
    begin, end = span
    return sum(
        (
            min(end, stop) - max(begin, start)
            for start, stop in merged(others)
            if start < end and stop > begin
        ),
        timedelta(0),
    )


def _without(span: Span, others: Iterable[Span]) -> list[Span]:
    begin, end = span
    found = []
    for start, stop in merged(others):
        if stop <= begin or start >= end:
            continue
        if start > begin:
            found.append((begin, start))
        begin = max(begin, stop)
    if begin < end:
        found.append((begin, end))
    return found
