"""Whom we tell of figures that are due: on the way to the deadline, at it, and past it.

A stage of a period is told of once; where several were reached meanwhile, the last one alone.
Nobody is told in maintenance (they are told afterwards), nor where the figures are there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ioc_cloud.db import feeds_score_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import deadlines
from ioc_cloud.feeds.calendar import Calendar, local_day
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deadlines import Addressee, Span, Stage
from ioc_cloud.feeds.dues import LOOK_BACK, Due, Key, Plan, windows
from ioc_cloud.feeds.scores import in_charge
from ioc_models.feeds import LOCAL, Contract, periods
from ioc_models.feeds.contract import Person

ORDER: Final = ("half", "most", "due", "overdue")
NUDGE: Final = "nudge"
# A stream that was silent for longer is no news to anybody.
SILENT: Final = timedelta(days=4)
MINUTES: Final = 60
HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class Notice:
    """A reminder or an escalation, in both languages.

    Attributes:
        stage: `half`, `most`, `due`, `overdue`; `nudge` with its minute for a steward's.
        account: The addressee's here; empty where the contract names none.
    """

    id: int
    feed: str
    table: str
    period: str
    stage: str
    addressee: Addressee
    account: str
    name: str
    due_at: datetime
    at: datetime
    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class _Gap:
    """A period that has not come whole.

    Attributes:
        missing: Rows that are not there; None where nobody knows how many there should be.
    """

    plan: Plan
    due: Due
    missing: int | None
    of: int | None


def remind(
    connection: Connection, catalogue: Catalogue, calendar: Calendar, now: datetime
) -> list[Notice]:
    """Tell of every stage that was reached; safe to repeat."""
    told: list[Notice] = []
    for feed in catalogue.feeds.values():
        spans = [one.span for one in windows(connection, feed.id, now - SILENT, now)]
        if any(begin <= now < end for begin, end in spans):
            continue
        for table in feed.tables:
            plan = Plan(feed, table, calendar)
            for due, stage in _reached(connection, plan, now, spans):
                gap = _gap(connection, catalogue, plan, due)
                if gap is not None:
                    told += _tell(connection, gap, stage.name, stage.tells, now)
    return told


def nudge(
    connection: Connection,
    catalogue: Catalogue,
    feed_id: str,
    by: str,
    now: datetime,
    *,
    calendar: Calendar | None = None,
) -> list[Notice]:
    """Remind whoever is in charge of a feed, because a steward asks for it.

    Of the deadline that passed longest ago and has not come, else of the next one. Twice in a
    minute is once.

    Raises:
        NoSuchFeed: There is none.
    """
    feed = catalogue.feed(feed_id)
    known = calendar or Calendar.load()
    gaps, ahead = [], []
    for table in feed.tables:
        plan = Plan(feed, table, known)
        if plan.is_stream:
            continue
        ahead.append(_Gap(plan, plan.next_after(now), None, None))
        for due in plan.on(local_day(now)):
            gap = _gap(connection, catalogue, plan, due) if due.due_at <= now else None
            gaps += [gap] if gap is not None else []
    if not gaps and not ahead:
        plan = Plan(feed, feed.tables[0], known)
        ahead = [_Gap(plan, plan.next_after(now), None, None)]
    chosen = min(gaps or ahead, key=lambda one: one.due.due_at)
    stage = f"{NUDGE} {now.astimezone(LOCAL):%Y-%m-%dT%H:%M}"
    return _tell(connection, chosen, stage, ("owner",), now, by=by)


def _reached(
    connection: Connection, plan: Plan, now: datetime, spans: Sequence[Span]
) -> Iterator[tuple[Due, Stage]]:
    """The last stage reached of each running period, where nobody was told of it or a later."""
    running = [(due, stage) for due in _running(connection, plan, now) if (
        stage := _stage(due, now, spans)
    ) is not None]  # fmt: skip
    if not running:
        return
    asked = {
        "feed": plan.feed.id,
        "tbl": plan.table.id,
        "periods": [str(due.period) for due, _ in running],
    }
    told: Mapping[str, list[str]] = dict(connection.execute(sql.TOLD, asked).fetchall())
    for due, stage in running:
        before = [ORDER.index(name) for name in told.get(str(due.period), []) if name in ORDER]
        if not before or max(before) < ORDER.index(stage.name):
            yield due, stage


def _running(connection: Connection, plan: Plan, now: datetime) -> list[Due]:
    """Periods whose allowance runs, or ran out so lately that something is left of it."""
    if plan.is_stream:
        silent = _silent(connection, plan, now)
        found = [silent] if silent is not None else []
    else:
        found = []
        for due in plan.back(periods.containing(now, plan.table.grid.period)):
            if due.changed_at <= now:
                found.append(due)
            if len(found) == LOOK_BACK:
                break
    return [due for due in found if now <= _dead_at(due)]


def _dead_at(due: Due) -> datetime:
    return due.changed_at + (due.due_at - due.changed_at) * deadlines.DEAD_AFTER


def _silent(connection: Connection, plan: Plan, now: datetime) -> Due | None:
    """Since when a stream is silent; people are told by the agreed hours, not by its window."""
    asked = {"feed": plan.feed.id, "tbl": plan.table.id, "since": now - SILENT}
    row = connection.execute(sql.NEWEST, asked).fetchone()
    if row is None or row[0] is None:
        return None
    last = periods.containing(row[0], plan.table.grid.period)
    return Due(last.next(), last.end, deadlines.due(last.end, plan.feed.sla, plan.calendar))


def _stage(due: Due, now: datetime, spans: Sequence[Span]) -> Stage | None:
    excused = deadlines.overlap((due.due_at, now), spans) if now > due.due_at else timedelta(0)
    behind = deadlines.reached(due.changed_at, due.due_at, max(now - excused, min(now, due.due_at)))
    return behind[-1] if behind else None


def _gap(connection: Connection, catalogue: Catalogue, plan: Plan, due: Due) -> _Gap | None:
    asked = {"feed": plan.feed.id, "tbl": plan.table.id, "starts": [due.period.start]}
    there: set[Key] = {(area, key) for _, area, key, *_ in connection.execute(sql.RECEIPTS, asked)}
    keys = None if plan.is_stream else plan.keys(catalogue)
    if keys is None:
        return None if there else _Gap(plan, due, None, None)
    missing = len(set(keys) - there)
    return _Gap(plan, due, missing, len(keys)) if missing else None


def _tell(
    connection: Connection,
    gap: _Gap,
    stage: str,
    tells: Sequence[Addressee],
    now: datetime,
    *,
    by: str = "",
) -> list[Notice]:
    feed, told, seen = gap.plan.feed, [], set()
    for role in tells:
        person = _person(feed, role, now)
        if person in seen:
            continue
        seen.add(person)
        vi, en = _words(gap, now, by)
        notice = Notice(
            id=0,
            feed=feed.id,
            table=gap.plan.table.id,
            period=str(gap.due.period),
            stage=stage,
            addressee=role,
            account=person.account,
            name=person.name or person.post.vi,
            due_at=gap.due.due_at,
            at=now,
            vi=vi,
            en=en,
        )
        said = {name: getattr(notice, name) for name in Notice.__slots__ if name != "id"}
        row = connection.execute(sql.ADD_NOTICE, said).fetchone()
        if row is not None:
            told.append(replace(notice, id=int(row[0])))
    return told


def _person(feed: Contract, role: Addressee, now: datetime) -> Person:
    if role == "head":
        return feed.head
    return feed.deputy if role == "deputy" else in_charge(feed, local_day(now))[1]


def _words(gap: _Gap, now: datetime, by: str) -> tuple[str, str]:
    feed, table, due = gap.plan.feed, gap.plan.table, gap.due
    when = f"{due.due_at.astimezone(LOCAL):%H:%M %d/%m/%Y}"
    left = due.due_at - now
    vi = f"{feed.title.vi}, {table.title.vi}, kỳ {due.period}: hạn {when}, " + (
        f"còn {_span(left, vi=True)}" if left > timedelta(0) else f"đã quá {_span(-left, vi=True)}"
    )
    en = f"{feed.title.en}, {table.title.en}, period {due.period}: due {when}, " + (
        f"{_span(left, vi=False)} left" if left > timedelta(0) else f"{_span(-left, vi=False)} ago"
    )
    if gap.missing is not None:
        vi += f"; còn thiếu {gap.missing} trong {gap.of} dòng"
        en += f"; {gap.missing} of {gap.of} rows are missing"
    return (f"{vi}. {by} nhắc.", f"{en}. Asked by {by}.") if by else (f"{vi}.", f"{en}.")


def _span(length: timedelta, *, vi: bool) -> str:
    """`2 ngày 3 giờ`, `3 giờ 20 phút`, `20 phút`: its two largest parts."""
    minutes = int(length / timedelta(minutes=1))
    parts = (minutes // (MINUTES * HOURS), minutes // MINUTES % HOURS, minutes % MINUTES)
    names = ("ngày", "giờ", "phút") if vi else ("d", "h", "min")
    said = [f"{n} {name}" for n, name in zip(parts, names, strict=True) if n]
    return " ".join(said[:2]) or f"0 {names[-1]}"
