"""Which periods of a table a day answers for, and the times in which nobody is blamed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice, product
from typing import Final

from ioc_cloud.db import feeds_score_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import deadlines
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deadlines import Span
from ioc_models.feeds import Cadence, Contract, Period, TableSpec, periods

Key = tuple[str, str]
# A key that has not come is as old as the first of its periods in a row that has not; at three
# allowances nothing is left, so more periods back change no score.
LOOK_BACK: Final = 3
# No period waits longer: `days_after` ends at 120, and a year's figures are due after its end.
FURTHEST: Final = 800


@dataclass(frozen=True, slots=True)
class Due:
    """A period with its deadline.

    Attributes:
        changed_at: From when the allowance runs.
    """

    period: Period
    changed_at: datetime
    due_at: datetime

    def stages(self) -> tuple[deadlines.Stage, ...]:
        """When whom to remind."""
        return deadlines.stages(self.changed_at, self.due_at)


@dataclass(frozen=True, slots=True)
class Plan:
    """When the periods of one table are due."""

    feed: Contract
    table: TableSpec
    calendar: Calendar

    @property
    def is_stream(self) -> bool:
        """Whether a day has many of its periods."""
        return self.table.grid.period.is_short

    def due(self, period: Period, declared: datetime | None = None) -> Due:
        """The deadline of a period.

        Args:
            period: One of the table's.
            declared: When the source says that its figures changed. Only tables under the agreed
                hours have use for it, and no word puts the change outside of the period: a late
                source would be in time by saying so.
        """
        schedule, sla = self.table.schedule, self.feed.sla
        if declared is not None and schedule.by is None and not self.is_stream:
            changed_at = min(max(declared, period.start), period.end)
            return Due(period, changed_at, deadlines.due(changed_at, sla, self.calendar))
        due_at = deadlines.due_of(period, schedule, sla, self.calendar)
        return Due(period, deadlines.changed_of(period, due_at), due_at)

    def back(self, period: Period) -> Iterator[Due]:
        """The deadlines of the table's periods from one backwards, days of rest left out."""
        for _ in range(FURTHEST):
            if deadlines.expected(period, self.table.schedule, self.calendar):
                yield self.due(period)
            period = period.previous()

    def on(self, day: date) -> list[Due]:
        """What a day answers for, oldest first.

        That is what falls due on it; where nothing does, what fell due last before it.
        """
        local = periods.containing(day, Cadence.DAY)
        found: list[Due] = []
        for one in self.back(periods.containing(local.end, self.table.grid.period)):
            if one.due_at >= local.end:
                continue
            if one.due_at >= local.start:
                found.append(one)
            else:
                return found[::-1] or [one]
        return found[::-1]

    def before(self, one: Due) -> list[Due]:
        """The few periods before one, the nearest first."""
        return list(islice(self.back(one.period.previous()), LOOK_BACK))

    def next_after(self, now: datetime) -> Due:
        """The next deadline."""
        found = None
        # Beyond Tết, when working days are over a week away.
        ahead = timedelta(days=15 if self.table.schedule.days == "working" else 0)
        for one in self.back(periods.containing(now + ahead, self.table.grid.period).next()):
            if found is not None and one.due_at <= now:
                return found
            found = one
        raise AssertionError("a year has working days")

    def until_next(self, period: Period) -> tuple[date, date]:
        """The local days that answer for a period: from its deadline until the next one's."""
        after = period.next()
        while not deadlines.expected(after, self.table.schedule, self.calendar):
            after = after.next()
        first = _local_day(self.due(period).due_at)
        return first, max(first, _local_day(self.due(after).due_at) - timedelta(days=1))

    def keys(self, catalogue: Catalogue) -> list[Key] | None:
        """Area and further key of every row that a period should have; None: nobody knows."""
        lists = [part.expected for part in self.table.grid.keys]
        if not self.table.grid.expected or None in lists:
            return None
        known = [values for values in lists if values is not None]
        return [
            (area, "|".join(values))
            for area in catalogue.areas_of(self.table)
            for values in product(*known)
        ]


def _local_day(at: datetime) -> date:
    return at.astimezone(periods.LOCAL).date()


@dataclass(frozen=True, slots=True)
class Window:
    """A time of maintenance, as it was entered."""

    starts_at: datetime
    ends_at: datetime
    reason: str

    @property
    def span(self) -> Span:
        """From when until when."""
        return self.starts_at, self.ends_at


def windows(
    connection: Connection, feed: str, since: datetime, until: datetime
) -> Sequence[Window]:
    """Maintenance of a feed, or of the whole house, that touches a time."""
    rows = connection.execute(sql.WINDOWS, {"feed": feed, "since": since, "until": until})
    return [Window(*row) for row in rows]
