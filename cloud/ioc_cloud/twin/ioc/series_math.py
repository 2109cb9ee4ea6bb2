"""What a time series' operations mean, apart from any database.

The meanings are upstream's (eclipse-ditto/ditto, branch `timeseries-main` at 60c1c1ce80:
buckets counted from 2000-01-01 in the zone, days by the calendar, gaps filled between
buckets that have data, trapezoids, rates that survive a counter's reset).
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

Fill = Literal["null", "previous", "zero", "linear"]
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_ORIGIN: Final = date(2000, 1, 1)


class Value(NamedTuple):
    """One value of a series; `gap` where it was made up to fill one."""

    at: datetime
    value: Any
    gap: bool = False


def by_calendar(step: timedelta) -> bool:
    """Whether a step follows the calendar's days rather than the clock."""
    return step % _DAY == timedelta(0)


def bucket_start(at: datetime, step: timedelta, zone: ZoneInfo) -> datetime:
    """Where the bucket of a time begins, in UTC."""
    if by_calendar(step):
        days = (at.astimezone(zone).date() - _ORIGIN) // _DAY
        return _midnight(days // (step // _DAY) * (step // _DAY), zone)
    origin = _midnight(0, zone)
    return origin + (at - origin) // step * step


def next_bucket(start: datetime, step: timedelta, zone: ZoneInfo) -> datetime:
    """Where the bucket behind this one begins, in UTC."""
    if by_calendar(step):
        days = (start.astimezone(zone).date() - _ORIGIN) // _DAY
        return _midnight(days + step // _DAY, zone)
    return start + step


def on_whole_hours(since: datetime, until: datetime, step: timedelta, zone: ZoneInfo) -> bool:
    """Whether every bucket of a range begins with an hour of UTC, so that hours add up to it."""
    if step % _HOUR:
        return False
    if not by_calendar(step):
        return _midnight(0, zone).minute == 0
    at = bucket_start(since, step, zone)
    while at < until:
        if at.minute or at.second:
            return False
        at = next_bucket(at, step, zone)
    return True


def _midnight(days: int, zone: ZoneInfo) -> datetime:
    local = datetime.combine(_ORIGIN + timedelta(days=days), time(), zone)
    return local.astimezone(timezone.utc)


def filled(
    values: Sequence[Value], step: timedelta, fill: Fill | None, zone: ZoneInfo
) -> list[Value]:
    """The values with the gaps between them filled; a bucket without a value is a gap too."""
    present = [one._replace(gap=one.value is None) for one in values]
    if fill is None or not present:
        return present
    full = present[:1]
    for before, after in pairwise(present):
        at = next_bucket(before.at, step, zone)
        while at < after.at:
            full.append(Value(at, _between(at, before, after, fill), gap=True))
            at = next_bucket(at, step, zone)
        full.append(after)
    return full


def _between(at: datetime, before: Value, after: Value, fill: Fill) -> Any:  # noqa: ANN401 JSON
    if fill == "previous":
        return before.value
    if fill == "zero":
        return 0
    if fill == "linear" and _numeric(before.value) and _numeric(after.value):
        share = (at - before.at) / (after.at - before.at)
        return before.value + (after.value - before.value) * share
    return None


def _numeric(value: Any) -> bool:  # noqa: ANN401 JSON
    return isinstance(value, int | float) and not isinstance(value, bool)


def derivative(points: Sequence[tuple[datetime, float]], *, rate: bool) -> list[Value]:
    """Change per second between points, each at the later one.

    Args:
        points: Oldest first.
        rate: A fall is a counter that began anew, so it counts from zero.
    """
    found = []
    for (since, before), (at, value) in pairwise(points):
        seconds = (at - since).total_seconds()
        if seconds > 0:
            change = value if rate and value < before else value - before
            found.append(Value(at, change / seconds))
    return found


def integral(points: Sequence[tuple[datetime, float]]) -> list[Value]:
    """The area below the points by trapezoids, in value-seconds, at the last point."""
    area = sum(
        (value + before) / 2 * (at - since).total_seconds()
        for (since, before), (at, value) in pairwise(points)
    )
    return [Value(points[-1][0], area)] if points else []
