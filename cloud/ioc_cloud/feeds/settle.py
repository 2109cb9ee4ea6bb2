"""What a delivery sets in motion once it is stored: scores taken anew, things brought up to date.

Done by the worker, seconds after the commit. Every step may be repeated: a score that says the
same is not written again, a thing that shows it already is left alone, and a batch counts as
settled only when all was done.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

import structlog

from ioc_cloud.db import feeds_score_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.calendar import Calendar, local_day
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.dues import Plan
from ioc_cloud.feeds.publish import Twin, publish
from ioc_cloud.feeds.scores import Cause, score
from ioc_models.feeds import periods

log = structlog.get_logger()

MOST: Final = 200
# A yearly figure that is corrected counted on hundreds of days; of those before, the day of its
# deadline alone is scored anew.
MOST_DAYS: Final = timedelta(days=40)
# How often the running day is scored because of streams alone.
STREAMS_EVERY: Final = timedelta(hours=1)


@dataclass(slots=True)
class Waiting:
    """Batches of one feed that wait.

    Attributes:
        stored: As they came.
        undone: Taken back since.
    """

    feed: str
    stored: list[int] = field(default_factory=list)
    undone: list[int] = field(default_factory=list)

    @property
    def batches(self) -> list[int]:
        """All of them."""
        return [*self.stored, *self.undone]


def settle(
    connection: Connection, catalogue: Catalogue, calendar: Calendar, twin: Twin, now: datetime
) -> int:
    """Settle what waits; says how many batches that were. Call it again while it says `MOST`."""
    return sum(
        settle_feed(connection, catalogue, calendar, twin, one, now) for one in waiting(connection)
    )


def waiting(connection: Connection) -> list[Waiting]:
    """Feeds with batches to settle, the oldest first."""
    found: dict[str, Waiting] = {}
    for number, feed, undone in connection.execute(sql.UNSETTLED, (MOST,)).fetchall():
        own = found.setdefault(feed, Waiting(feed))
        (own.undone if undone else own.stored).append(number)
    return list(found.values())


def settle_feed(
    connection: Connection,
    catalogue: Catalogue,
    calendar: Calendar,
    twin: Twin,
    own: Waiting,
    now: datetime,
) -> int:
    """Settle the batches of one feed, for a loop in which one feed's fault stops no other."""
    # A feed whose contract was taken away keeps its rows and has no scores.
    if own.feed in catalogue.feeds:
        _score_anew(connection, catalogue, calendar, own, now)
        publish(connection, catalogue, calendar, twin, [own.feed], now)
    for batches, undone in ((own.stored, False), (own.undone, True)):
        connection.execute(sql.SETTLED, {"batches": batches, "undone": undone, "now": now})
    log.info("feed_settled", feed=own.feed, batches=len(own.batches))
    return len(own.batches)


def _score_anew(
    connection: Connection, catalogue: Catalogue, calendar: Calendar, own: Waiting, now: datetime
) -> None:
    cause: Cause = "undo" if own.undone else "delivery"
    plans = {
        table.id: Plan(catalogue.feed(own.feed), table, calendar)
        for table in catalogue.feed(own.feed).tables
    }
    asked = {"batches": own.batches}
    spoken = [
        (plans[name], start)
        for name, start in connection.execute(sql.SPOKEN_OF, asked).fetchall()
        if name in plans
    ]
    days = _days(connection, own.feed, spoken, now)
    today = local_day(now)
    if cause == "delivery" and _is_recent(connection, own.feed, spoken, now):
        days.discard(today)
    else:
        days.add(today)
    for day in sorted(days):
        score(connection, catalogue, calendar, own.feed, day, now=now, cause=cause)


def _days(
    connection: Connection, feed: str, spoken: Sequence[tuple[Plan, datetime]], now: datetime
) -> set[date]:
    """Days that were scored and that answer for periods of which the batches spoke."""
    spans: set[tuple[date, date]] = set()
    for plan, start in spoken:
        period = periods.containing(start, plan.table.grid.period)
        spans.add(plan.until_next(period))
        if _looks_back(plan):
            spans.add(plan.until_next(period.next()))
    today = local_day(now)
    found: set[date] = set()
    for first, last in spans:
        asked = {"feed": feed, "first": first, "last": min(last, today)}
        for (day,) in connection.execute(sql.SCORED_DAYS, asked):
            if day == first or day >= today - MOST_DAYS:
                found.add(day)
    return found


def _is_recent(
    connection: Connection, feed: str, spoken: Sequence[tuple[Plan, datetime]], now: datetime
) -> bool:
    """Whether today's score may wait: a stream that flows would make a version a minute."""
    if not spoken or not all(plan.is_stream for plan, _ in spoken):
        return False
    asked = {"feed": feed, "day": local_day(now), "since": now - STREAMS_EVERY}
    row = connection.execute(sql.SCORED_SINCE, asked).fetchone()
    return bool(row and row[0])


def _looks_back(plan: Plan) -> bool:
    """Whether a rule of the table compares a row with the one of the period before."""
    return any(plan.table.expression(rule.expr).previous for rule in plan.table.rules)
