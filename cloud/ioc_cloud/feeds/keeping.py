"""Lets go of deliveries that are older than their contract keeps them; figures and scores stay."""

from datetime import datetime, timedelta
from typing import Final, Protocol

from ioc_cloud.db import feeds_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.catalogue import Catalogue

# Rows a statement, so that no lock is held long.
AT_ONCE: Final = 5_000


class Removable(Protocol):
    """A store that gives up what it is told to."""

    def remove(self, sha256: str) -> None:
        """Delete the bytes; harmless when they are gone."""


def keep(connection: Connection, catalogue: Catalogue, originals: Removable, now: datetime) -> int:
    """Delete rows, parked rows, problems and originals past their time; says how many rows.

    The delivery itself stays listed, with who sent it and what became of it.
    """
    gone = 0
    for feed in catalogue.feeds.values():
        oldest = now - timedelta(days=feed.retention_days)
        for statement in (sql.FORGET_ROWS, sql.FORGET_PARKED, sql.FORGET_PROBLEMS):
            gone += _emptied(connection, statement, feed.id, oldest)
        for (digest,) in connection.execute(sql.OLD_ORIGINALS, (feed.id, oldest)).fetchall():
            # Bytes before the word: a second try finds them gone and says so too.
            originals.remove(bytes(digest).hex())
            connection.execute(sql.FORGET_ORIGINAL, (feed.id, digest, oldest))
    return gone


def _emptied(connection: Connection, statement: str, feed: str, oldest: datetime) -> int:
    gone = 0
    while deleted := connection.execute(statement, (feed, oldest, AT_ONCE)).rowcount:
        gone += deleted
    return gone
