"""Figures, scores and deadlines as the province's things show them.

A domain's thing has the newest figure of each of its indicators for the whole province, the
smallest scores of its feeds, and how its deadlines stand; a commune's thing has its own
figures, but for those that are restricted or count too few people. Only what changed is
written, so that repeating it is free.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import structlog

from ioc_cloud.db import feeds_read_sql
from ioc_cloud.db import feeds_score_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import deadlines
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deadlines import Span
from ioc_cloud.feeds.dues import Due, Key, Plan, windows
from ioc_cloud.feeds.measures import ANY, DEFAULT_WINDOW
from ioc_cloud.feeds.scores import DIMENSIONS
from ioc_cloud.feeds.shown import is_small
from ioc_cloud.twin.book import SYSTEM
from ioc_cloud.twin.change_thing import Change
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.models import WotModels
from ioc_cloud.twin.request import Options
from ioc_cloud.twin.service import Writer
from ioc_models.feeds import Contract, Indicator, periods
from ioc_models.feeds.contract import Classification
from ioc_models.things import ids, instant

log = structlog.get_logger()

State = Literal["unknown", "on_time", "late", "stale"]
_WORST: Final[tuple[State, ...]] = ("on_time", "unknown", "late", "stale")
_ONLY_NEWS: Final = Options(if_equal="skip-minimizing-merge")
_FEATURES: Final = ("features",)
# A batch of changes holds the twin's change lock to its commit; ingest waits meanwhile.
AT_ONCE: Final = 25
DIGITS: Final = 6
# A stream that was silent for longer is not looked for.
SILENT: Final = timedelta(days=4)


@dataclass(frozen=True, slots=True)
class Twin:
    """Who writes things, and what they are held to."""

    writer: Writer
    models: WotModels


def publish(
    connection: Connection,
    catalogue: Catalogue,
    calendar: Calendar,
    twin: Twin,
    feeds: Sequence[str],
    now: datetime,
) -> int:
    """Bring things up to date after deliveries of some feeds; says how many things changed."""
    changed = _written(connection, twin, _communes(connection, catalogue, twin, feeds))
    return changed + publish_domains(connection, catalogue, calendar, twin, feeds, now)


def publish_domains(
    connection: Connection,
    catalogue: Catalogue,
    calendar: Calendar,
    twin: Twin,
    feeds: Sequence[str],
    now: datetime,
) -> int:
    """Bring the domains of some feeds up to date.

    What time alone changes, a deadline that passes, changes them too: call it for all feeds
    every few minutes.
    """
    domains = {catalogue.feed(feed).domain for feed in feeds}
    changes = {
        ids.domain(name): _domain(connection, catalogue, calendar, catalogue.domains[name], now)
        for name in sorted(domains)
    }
    return _written(connection, twin, changes)


def _written(connection: Connection, twin: Twin, changes: Mapping[str, dict[str, Any]]) -> int:
    """Merge features into those things that are there."""
    there = {row[0] for row in connection.execute(sql.THINGS, (list(changes),))}
    missing = sorted(changes.keys() - there)
    if missing:
        log.warning("things_missing", n=len(missing), first=missing[0])
    jobs = [
        Change(SYSTEM, thing_id, "PATCH", _FEATURES, patch, _ONLY_NEWS, twin.models)
        for thing_id, patch in changes.items()
        if thing_id in there
    ]
    changed = 0
    for start in range(0, len(jobs), AT_ONCE):
        part = jobs[start : start + AT_ONCE]
        for job, answer in zip(part, twin.writer.write(connection, part), strict=True):
            if not isinstance(answer, BaseException):
                changed += 1
            elif not _no_news(answer):
                log.warning("publish_refused", thing_id=job.thing_id, error=str(answer))
    return changed


def _no_news(error: BaseException) -> bool:
    return isinstance(error, DittoError) and error.http == 412  # noqa: PLR2004


# --- figures -------------------------------------------------------------------------


def _figures(
    connection: Connection, codes: Sequence[str], areas: Sequence[str]
) -> dict[str, dict[str, tuple[Any, ...]]]:
    """The newest figures that stand, by area and indicator."""
    found: dict[str, dict[str, tuple[Any, ...]]] = {area: {} for area in areas}
    asked = {"indicators": list(codes), "areas": list(areas)}
    for row in connection.execute(feeds_read_sql.LATEST, asked):
        found[row[1]][row[0]] = row
    return found


def _value(unit: str, row: tuple[Any, ...]) -> dict[str, Any]:
    _, _, _, period, _, _, version, value, above, below, _, _, as_of, received_at, provenance, _ = (
        row
    )
    return {
        "value": value,
        "numerator": above,
        "denominator": below,
        "unit": unit,
        "period": period,
        "asOf": instant(as_of),
        "receivedAt": instant(received_at),
        "provenance": provenance,
        "version": version,
    }


def _communes(
    connection: Connection, catalogue: Catalogue, twin: Twin, feeds: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Of every commune what it may show; what it has not, or may not show, is taken away."""
    shown = [
        (feed, one)
        for feed in map(catalogue.feed, feeds)
        if feed.classification is not Classification.RESTRICTED
        for one in feed.indicators
        if not one.restricted and feed.table(one.table).grid.areas != "province"
    ]
    if not shown:
        return {}
    definition = twin.models.catalogue.feature_skeleton(
        twin.models.catalogue.url("features/indicators-1.0.0")
    )["definition"]
    found = _figures(connection, [one.code for _, one in shown], catalogue.communes)
    return {
        ids.commune(area): {
            "indicators": {
                "definition": definition,
                "properties": {
                    "values": {
                        one.code: _commune_value(feed, one, area, rows.get(one.code))
                        for feed, one in shown
                    }
                },
            }
        }
        for area, rows in found.items()
    }


def _commune_value(
    feed: Contract, one: Indicator, area: str, row: tuple[Any, ...] | None
) -> dict[str, Any] | None:
    if row is None or is_small(feed, one, area, value=row[7], numerator=row[8]):
        return None
    return _value(one.unit, row)


def _domain(
    connection: Connection,
    catalogue: Catalogue,
    calendar: Calendar,
    feeds: Sequence[Contract],
    now: datetime,
) -> dict[str, Any]:
    known = {one.code: one for feed in feeds for one in feed.indicators}
    rows = _figures(connection, list(known), [ids.PROVINCE_CODE])[ids.PROVINCE_CODE]
    return {
        "indicators": {
            "properties": {
                "values": {
                    code: _value(one.unit, rows[code]) if code in rows else None
                    for code, one in known.items()
                }
            }
        },
        "dataQuality": {"properties": _quality(connection, feeds)},
        "sla": {"properties": _standing(connection, catalogue, calendar, feeds, now)},
    }


def _quality(connection: Connection, feeds: Sequence[Contract]) -> dict[str, Any]:
    """The smallest of the feeds' newest scores; absent where none was measured."""
    names = {feed.id for feed in feeds}
    found = [row for row in connection.execute(feeds_read_sql.QUALITY_LATEST) if row[0] in names]
    if not found:
        return dict.fromkeys((*DIMENSIONS, "day", "checkedAt", "version", "failures"))
    _, days, versions, *scores, _, _, _, _, _, _, checked, details = zip(*found, strict=True)
    least = (min((one for one in column if one is not None), default=None) for column in scores[:4])
    return {
        **{
            name: None if one is None else round(one / 100, DIGITS)
            for name, one in zip(DIMENSIONS, least, strict=True)
        },
        "day": min(days).isoformat(),
        "checkedAt": instant(max(checked)),
        "version": max(versions),
        "failures": sum(sum(detail.get("failures", {}).values()) for detail in details),
    }


# --- deadlines -----------------------------------------------------------------------


def _standing(
    connection: Connection,
    catalogue: Catalogue,
    calendar: Calendar,
    feeds: Sequence[Contract],
    now: datetime,
) -> dict[str, Any]:
    """How the deadlines of a domain's tables stand: as the worst of them does."""
    newest = connection.execute(sql.NEWEST_BATCH, ([feed.id for feed in feeds],)).fetchone()
    plans = [Plan(feed, table, calendar) for feed in feeds for table in feed.tables]
    if newest is None:
        return _sla("unknown", min(plan.next_after(now).due_at for plan in plans), None, None)
    stands = [_stands(connection, catalogue, plan, now) for plan in plans]
    worst = max(stands, key=lambda one: (_WORST.index(one[0]), -one[1].timestamp()))
    received_at, changed_at = newest
    return _sla(*worst, received_at, changed_at)


def _sla(
    state: State, due_at: datetime, received_at: datetime | None, changed_at: datetime | None
) -> dict[str, Any]:
    return {
        "state": state,
        "dueAt": instant(due_at),
        "receivedAt": instant(received_at) if received_at else None,
        "changedAt": instant(changed_at) if changed_at else None,
    }


def _stands(
    connection: Connection, catalogue: Catalogue, plan: Plan, now: datetime
) -> tuple[State, datetime]:
    """A table's state, with the deadline that it speaks of."""
    last = next(
        due
        for due in plan.back(periods.containing(now, plan.table.grid.period))
        if due.due_at <= now
    )
    known = windows(connection, plan.feed.id, last.changed_at, now)
    suspended = [one.span for one in known]
    state = (
        _flowing(connection, plan, now, suspended)
        if plan.is_stream
        else _arrived(connection, catalogue, plan, last, now, suspended)
    )
    return state, plan.next_after(now).due_at if state == "on_time" else last.due_at


def _arrived(
    connection: Connection,
    catalogue: Catalogue,
    plan: Plan,
    last: Due,
    now: datetime,
    suspended: Sequence[Span],
) -> State:
    asked = {"feed": plan.feed.id, "tbl": plan.table.id, "starts": [last.period.start]}
    keys = plan.keys(catalogue)
    came: dict[Key, datetime] = {}
    for _, area, key, received_at, _ in connection.execute(sql.RECEIPTS, asked):
        at = (area, key) if keys is not None else ANY
        came[at] = min(received_at, came.get(at, received_at))
    wanted = keys if keys is not None else [ANY]

    def alive(received_at: datetime | None) -> float:
        found = deadlines.liveness(
            received_at, last.changed_at, last.due_at, now=now, suspended=suspended
        )
        return 1.0 if found is None else found

    missing = [key for key in wanted if key not in came]
    if missing and alive(None) == 0:
        return "stale"
    whole = all(alive(came.get(key)) == 1 for key in wanted)
    return "on_time" if whole else "late"


def _flowing(connection: Connection, plan: Plan, now: datetime, suspended: Sequence[Span]) -> State:
    """A stream stands where its newest value does."""
    window = plan.table.schedule.window or DEFAULT_WINDOW
    asked = {"feed": plan.feed.id, "tbl": plan.table.id, "since": now - SILENT}
    row = connection.execute(sql.NEWEST, asked).fetchone()
    if row is None or row[0] is None:
        return "stale"
    end = periods.containing(row[0], plan.table.grid.period).end
    silent = now - end - deadlines.overlap((end, now), suspended)
    if silent <= window:
        return "on_time"
    return "late" if silent <= window * deadlines.DEAD_AFTER else "stale"
