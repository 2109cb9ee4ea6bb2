"""When a source has which figures: each period comes out a while before it is due."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from typing import Final

from ioc_cloud.feeds.simulate.chance import chance
from ioc_models.feeds import Cadence, Period, TableSpec, periods
from ioc_models.feeds.periods import LOCAL

BEFORE_DUE: Final = timedelta(hours=2)
SHORT_DELAY: Final = timedelta(minutes=2)
USUAL_DELAY: Final = timedelta(hours=3)
# A source that is asked for the very first time does not hand out its archive.
FARTHEST: Final = timedelta(days=400)
_LENGTH: Final = {
    Cadence.QUARTER_HOUR: timedelta(minutes=15),
    Cadence.HOUR: timedelta(hours=1),
    Cadence.DAY: timedelta(days=1),
    Cadence.WEEK: timedelta(days=7),
    Cadence.MONTH: timedelta(days=31),
    Cadence.QUARTER: timedelta(days=92),
    Cadence.YEAR: timedelta(days=366),
}


def published_at(table: TableSpec, period: Period, late: timedelta = timedelta()) -> datetime:
    """When a period's figures can be had."""
    if table.grid.period.is_short:
        return period.end + SHORT_DELAY + late
    by = table.schedule.by
    if by is None:
        return period.end + USUAL_DELAY + late
    day = period.last_day + timedelta(days=table.schedule.days_after)
    due = datetime.combine(day, by, LOCAL).astimezone(timezone.utc)
    spread = chance(table.id, period.start) * BEFORE_DUE
    return max(due - BEFORE_DUE + spread * 0.5, period.start) + late


def published(
    table: TableSpec, since: datetime, now: datetime, late: timedelta = timedelta()
) -> Iterator[tuple[Period, datetime]]:
    """The periods that came out after `since` and up to now, with when."""
    since = max(since, now - FARTHEST)
    reach = _LENGTH[table.grid.period] + timedelta(days=table.schedule.days_after + 2) + late
    for period in periods.between(since - reach, now, table.grid.period):
        at = published_at(table, period, late)
        if since < at <= now:
            yield period, at


def moment(said: str) -> datetime | None:
    """What a question's `since` means: a moment, a local day, or nothing that we know."""
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return None
    if len(said) == len("2026-11-24"):
        return datetime.combine(date.fromisoformat(said), time(), LOCAL).astimezone(timezone.utc)
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def spelt(at: datetime) -> str:
    """A moment as our cursors write it."""
    return at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
