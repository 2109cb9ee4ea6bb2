"""The four scores of a feed's day: đúng, đủ, sạch, sống, with the cells behind them.

Definitions: `measures`. A feed's tables are pooled: what was asked and passed, expected and
received is added up, liveness weighed by the keys that were expected. The grade is the
smallest of the four, because a mean hides a dead feed. A score is never changed: what comes
later, a correction or a delivery taken back, makes the next version, and only when something
is different. Its owner may explain it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from psycopg.types.json import Jsonb

from ioc_cloud.db import feeds_score_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.batch import written
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.dues import Plan, Window, windows
from ioc_cloud.feeds.measures import Cell, Dimension, Measured, Table, measure
from ioc_models.feeds import Cadence, Contract, periods
from ioc_models.feeds.contract import Person

Cause = Literal["nightly", "delivery", "undo", "asked"]
DIMENSIONS: Final[tuple[Dimension, ...]] = ("correct", "complete", "clean", "live")
# As many cells as are listed of one score's dimension; the counts have them all.
MOST_CELLS: Final = 2_000
# Lateness reaches back this far: maintenance before it excuses nothing any more.
OLDEST_WINDOW: Final = timedelta(days=130)
FULL: Final = 100.0


@dataclass(frozen=True, slots=True)
class Score:
    """The four scores of one feed and day, 0 to 100; None is "not measured".

    Attributes:
        version: From 1; a version that says the same as the one before is not written.
        is_new: Whether it was written now.
        detail: By table what was measured; maintenance; numbers of failing cells.
        cells: What lowered it, the first ones of each dimension.
    """

    feed: str
    day: date
    version: int
    is_new: bool
    correct: float | None
    complete: float | None
    clean: float | None
    live: float | None
    n_rows: int
    n_expected: int | None
    owner: str
    detail: Mapping[str, Any]
    cells: Sequence[Cell]

    @property
    def grade(self) -> float | None:
        """The smallest of those that were measured."""
        return _smallest((self.correct, self.complete, self.clean, self.live))


def score(  # noqa: PLR0913 what, when, by which rules
    connection: Connection,
    catalogue: Catalogue,
    calendar: Calendar,
    feed_id: str,
    day: date,
    *,
    now: datetime,
    cause: Cause,
) -> Score:
    """Score a feed's day, and keep it where it says something new.

    Args:
        connection: In a transaction, or in none: then in one of its own.
        catalogue: The contracts in force.
        calendar: Working days.
        feed_id: Of the feed.
        day: The province's day; today's is judged up to now.
        now: The clock.
        cause: Why it is taken.

    Raises:
        NoSuchFeed: There is none.
    """
    feed = catalogue.feed(feed_id)
    local = periods.containing(day, Cadence.DAY)
    at = min(now, local.end)
    with connection.transaction():
        connection.execute(sql.LOCK, (feed.id,))
        known = windows(connection, feed.id, local.start - OLDEST_WINDOW, at)
        spans = [one.span for one in known]
        tables = {
            spec.id: measure(
                Table(connection, catalogue, Plan(feed, spec, calendar), day, at, spans)
            )
            for spec in feed.tables
        }
        here = [one for one in known if one.ends_at > local.start]
        return _kept(connection, feed, day, now, cause, _pooled(feed, day, tables, here))


def score_nightly(
    connection: Connection, catalogue: Catalogue, calendar: Calendar, day: date, now: datetime
) -> list[Score]:
    """Score a day that is over, of every feed; each is kept on its own."""
    return [
        score(connection, catalogue, calendar, feed_id, day, now=now, cause="nightly")
        for feed_id in catalogue.feeds
    ]


def explain(
    connection: Connection, feed_id: str, day: date, said_by: str, text: str, now: datetime
) -> None:
    """Put an owner's words beside a day's score."""
    connection.execute(sql.EXPLAIN, (feed_id, day, said_by, now, text))


def in_charge(feed: Contract, day: date) -> tuple[Literal["owner", "deputy", "head"], Person]:
    """Who answers for a feed on a day."""
    if feed.owner.on_duty(day):
        return "owner", feed.owner
    return ("deputy", feed.deputy) if feed.deputy.on_duty(day) else ("head", feed.head)


def _pooled(
    feed: Contract, day: date, tables: Mapping[str, Measured], known: Sequence[Window]
) -> Score:
    measured = list(tables.values())
    role, person = in_charge(feed, day)
    expected = [one.expected for one in measured if one.expected is not None]
    rows_expected = [one.rows_expected for one in measured if one.rows_expected is not None]
    detail = {
        "tables": {name: _told(one) for name, one in tables.items()},
        "failures": {name: sum(one.failures[name] for one in measured) for name in DIMENSIONS},
        "owner": role,
        "maintenance": [
            {"from": one.starts_at, "until": one.ends_at, "reason": one.reason} for one in known
        ],
    }
    rows = sum(one.rows for one in measured)
    return Score(
        feed=feed.id,
        day=day,
        version=0,
        is_new=False,
        correct=_share(
            sum(one.passed * (1 if one.control is None else one.control) for one in measured),
            sum(one.asked for one in measured),
        ),
        complete=_share(sum(one.received for one in measured if one.expected), sum(expected)),
        clean=_share(rows - sum(one.dirty for one in measured), rows),
        live=_share(sum(one.alive for one in measured), sum(one.keys for one in measured)),
        n_rows=rows,
        n_expected=sum(rows_expected) if rows_expected else None,
        owner=person.name or person.post.vi,
        detail=detail,
        cells=_listed(measured),
    )


def _share(part: float, whole: float) -> float | None:
    return FULL * part / whole if whole else None


def _smallest(scores: Sequence[float | None]) -> float | None:
    return min((one for one in scores if one is not None), default=None)


def _told(one: Measured) -> dict[str, Any]:
    """A table's measures as screens show them: numerator and denominator of each."""
    named = [str(due.period) for due in one.dues]
    return {
        "periods": [named[0], named[-1]] if len(named) > 1 else named,
        "due": one.dues[-1].due_at if one.dues else None,
        "rows": one.rows,
        "rows_expected": one.rows_expected,
        "correct": [one.passed, one.asked],
        "control": one.control,
        "complete": [one.received, one.expected] if one.expected is not None else None,
        "clean": [one.rows - one.dirty, one.rows],
        "live": [round(one.alive, 6), one.keys],
    }


def _listed(measured: Sequence[Measured]) -> list[Cell]:
    found: list[Cell] = []
    for name in DIMENSIONS:
        cells = [cell for one in measured for cell in one.cells if cell.dimension == name]
        found.extend(cells[:MOST_CELLS])
    return found


def _kept(
    connection: Connection,
    feed: Contract,
    day: date,
    now: datetime,
    cause: Cause,
    found: Score,
) -> Score:
    said = {name: getattr(found, name) for name in (*DIMENSIONS, "n_rows", "n_expected", "owner")}
    cells = [_columns(cell) for cell in found.cells]
    sha256 = hashlib.sha256(
        written([said, feed.rules_sha256, found.detail, cells]).encode()
    ).hexdigest()
    detail = {**found.detail, "sha256": sha256}
    row = connection.execute(sql.LAST_SCORE, (feed.id, day)).fetchone()
    version, known = (int(row[0]), row[1]) if row is not None else (0, None)
    is_new = known != sha256
    kept = replace(found, version=version + is_new, is_new=is_new, detail=detail)
    if not is_new:
        return kept
    connection.execute(
        sql.ADD_SCORE,
        {
            **said,
            "feed": feed.id,
            "day": day,
            "version": kept.version,
            "grade": kept.grade,
            "rules_sha256": feed.rules_sha256,
            "cause": cause,
            "detail": Jsonb(detail, dumps=written),
            "computed_at": now,
        },
    )
    with connection.cursor() as cursor, cursor.copy(sql.ADD_CELLS) as copy:
        for n, columns in enumerate(cells):
            copy.write_row((feed.id, day, kept.version, n, *columns))
    return kept


def _columns(cell: Cell) -> tuple[Any, ...]:
    return (
        cell.dimension, cell.table, cell.area, cell.period, cell.key, cell.field, cell.rule,
        cell.value, cell.batch, cell.place, cell.vi, cell.en,
    )  # fmt: skip
