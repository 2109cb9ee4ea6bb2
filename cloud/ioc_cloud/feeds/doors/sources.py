"""How each source stands: its cursor, its failures, when it is asked next."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zlib import crc32

import structlog

from ioc_cloud.db import feeds_door_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.batch import Receipt

log = structlog.get_logger()

FIRST_REST: Final = timedelta(minutes=1)
LONGEST_REST: Final = timedelta(hours=1)
MOST_WORDS: Final = 1_000
DOUBLINGS: Final = 16


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a source.

    Attributes:
        cursor: Up to where it has been read; moves in the transaction that delivered alone.
        failures: Since it last answered.
        next_at: When it is asked next; None where it never was.
    """

    name: str
    cursor: str | None
    tried_at: datetime | None
    answered_at: datetime | None
    failures: int
    failure: str | None
    next_at: datetime | None


@contextmanager
def held(connection: Connection, name: str) -> Iterator[bool]:
    """Hold a source while inside; says whether it could be had: another may be asking it."""
    row = connection.execute(sql.TRY_LOCK, (name,)).fetchone()
    taken = bool(row and row[0])
    try:
        yield taken
    finally:
        # A connection that is closed gives its locks back some time later: too late for
        # whoever asks next.
        if taken and not connection.broken:
            connection.execute(sql.UNLOCK, (name,))


def standing(connection: Connection, name: str) -> Standing:
    """How a source stands; one never asked begins here."""
    row = connection.execute(sql.SOURCE, (name,)).fetchone()
    if row is None:
        connection.execute(sql.KNOW_SOURCE, (name,))
        return Standing(name, None, None, None, 0, None, None)
    return Standing(name, *row)


def due(connection: Connection, names: Iterable[str], now: datetime) -> list[str]:
    """Those whose time has come, in the order given."""
    wanted = list(names)
    waiting = {
        name
        for name, next_at in connection.execute(sql.NEXT_AT, (wanted,))
        if next_at is not None and next_at > now
    }
    return [name for name in wanted if name not in waiting]


def answered(
    connection: Connection,
    before: Standing,
    *,
    cursor: str | None,
    next_at: datetime,
    now: datetime,
    remark: str | None = None,
) -> None:
    """Note an answer; call it in the transaction that stored it."""
    connection.execute(
        sql.ANSWERED,
        {
            "feed": before.name,
            "cursor": cursor,
            "now": now,
            "remark": remark[:MOST_WORDS] if remark else None,
            "next_at": next_at,
        },
    )


def failed(
    connection: Connection,
    before: Standing,
    why: str,
    *,
    every: timedelta,
    now: datetime,
    retry_after: timedelta | None = None,
) -> datetime:
    """Note a failure; says when the source is asked again."""
    rest = resting(before.name, before.failures + 1, every)
    next_at = now + max(rest, retry_after or timedelta())
    connection.execute(
        sql.FAILED,
        {"feed": before.name, "now": now, "failure": why[:MOST_WORDS], "next_at": next_at},
    )
    if not before.failures:
        log.warning("source_lost", source=before.name, why=why, next_at=next_at.isoformat())
    return next_at


def was_refused(connection: Connection, receipt: Receipt) -> bool:
    """Whether nothing of a delivery counts; one that repeats a refused one is refused."""
    if receipt.status != "repeated":
        return receipt.status == "refused"
    row = connection.execute(sql.BATCH_STATUS, (receipt.batch,)).fetchone()
    return row is not None and row[0] == "refused"


def told_back(before: Standing) -> None:
    """Say once that a source answers again."""
    if before.failures:
        log.info("source_back", source=before.name, failures=before.failures)


def resting(name: str, failures: int, every: timedelta) -> timedelta:
    """How long a source is left alone: twice as long each time, up to an hour or its own rhythm.

    Sources that failed together do not all come back in the same second.
    """
    longest = max(every, LONGEST_REST)
    plain = min(FIRST_REST * float(2 ** min(failures - 1, DOUBLINGS)), longest)
    spread = crc32(f"{name}{failures}".encode()) % 1000 / 1000
    share: float = 0.9 + 0.2 * spread
    return plain * share
