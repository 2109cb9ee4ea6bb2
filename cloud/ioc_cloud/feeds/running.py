"""What is due next, and what is late: the newest periods of every table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from ioc_cloud.db import feeds_read_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deadlines import changed_of, due_of, expected, reached
from ioc_models.feeds import Cadence, Contract, Period, TableSpec
from ioc_models.feeds.periods import containing

Stage = Literal["early", "half", "most", "due", "overdue", "done"]
# Of a daily table the last three days; older gaps are the scores' business.
LOOK_BACK: Final = 3


@dataclass(frozen=True, slots=True)
class Running:
    """A period of a table on its way to its deadline, or past it.

    Attributes:
        received: Rows that count.
        expected: Rows that there should be; None where nobody can know.
        suspended: Whether a maintenance window is open now.
    """

    feed: str
    table: str
    period: str
    due_at: datetime
    received: int
    expected: int | None
    received_at: datetime | None
    stage: Stage
    suspended: bool


def rows_expected(catalogue: Catalogue, table: TableSpec) -> int | None:
    """Rows that one period of a table should have; None where nobody can know."""
    lists = [key.expected for key in table.grid.keys]
    if not table.grid.expected or None in lists:
        return None
    n = len(catalogue.areas_of(table))
    for values in lists:
        n *= len(values or ())
    return n


def running(
    connection: Connection,
    catalogue: Catalogue,
    calendar: Calendar,
    feeds: Sequence[Contract],
    now: datetime,
) -> list[Running]:
    """The newest periods of the feeds' tables, the next deadline first.

    Args:
        connection: To ask what has come.
        catalogue: Knows the areas.
        calendar: Knows the working days.
        feeds: Those that are asked about.
        now: The clock.
    """
    wanted = [
        (feed, table, period)
        for feed in feeds
        for table in feed.tables
        for period in _periods(table, calendar, now)
    ]
    asked = {
        "feeds": [feed.id for feed, _, _ in wanted],
        "tables": [table.id for _, table, _ in wanted],
        "starts": [period.start for _, _, period in wanted],
    }
    there = {tuple(row[:3]): row[3:] for row in connection.execute(sql.RECEIVED, asked)}
    windows = {row[0] for row in connection.execute(sql.WINDOWS_NOW, {"now": now})}
    found = []
    for feed, table, period in wanted:
        received, received_at = there.get((feed.id, table.id, period.start), (0, None))
        due_at = due_of(period, table.schedule, feed.sla, calendar)
        should = rows_expected(catalogue, table)
        done = received >= should if should is not None else received > 0
        found.append(
            Running(
                feed=feed.id,
                table=table.id,
                period=str(period),
                due_at=due_at,
                received=received,
                expected=should,
                received_at=received_at,
                stage="done" if done else _stage(period, due_at, now),
                suspended=bool(windows & {None, feed.id}),
            )
        )
    found.sort(key=lambda one: one.due_at)
    return found


def _periods(table: TableSpec, calendar: Calendar, now: datetime) -> Iterator[Period]:
    """Those that have begun to be due: some are due before their day is over."""
    running_now = containing(now, table.grid.period)
    early = table.schedule.by is not None and table.schedule.days_after == 0
    period = running_now if early else running_now.previous()
    for _ in range(LOOK_BACK if period.cadence is Cadence.DAY else 1):
        if expected(period, table.schedule, calendar):
            yield period
        period = period.previous()


def _stage(period: Period, due_at: datetime, now: datetime) -> Stage:
    behind = reached(changed_of(period, due_at), due_at, now)
    return behind[-1].name if behind else "early"
