"""What upkeep does for the twin: hours of series, and the end of the past."""

from datetime import timedelta
from typing import Final

from ioc_cloud.db import twin_asof_sql, twin_series_sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.ioc import asof

# Hours at one round; at a round every ten seconds this is more than a province writes.
HOURS_AT_ONCE: Final = 5_000


def refresh(connection: Connection) -> int:
    """Take dirty hours into the rollup; how many. On the community edition a job does it."""
    row = connection.execute(twin_series_sql.REFRESH, (HOURS_AT_ONCE,)).fetchone()
    return int(row[0]) if row else 0


def keep(connection: Connection, *, history_days: int, points_days: int) -> int:
    """Forget the twin's past before `history_days`, and points before `points_days`.

    Hours of a series stay when its points go. As role `ioc_ingest`, once an hour.

    Returns:
        How many weeks were dropped.
    """
    cutoff = asof.prune(connection, timedelta(days=history_days))
    dropped = 0
    for series, before in (
        ("thing_event", cutoff),
        ("ts_point", _begin_of(connection, points_days)),
    ):
        row = connection.execute(twin_asof_sql.DROP_BEFORE, (series, before)).fetchone()
        dropped += int(row[0]) if row else 0
    return dropped


def _begin_of(connection: Connection, days: int) -> object:
    row = connection.execute(twin_asof_sql.CUTOFF, (timedelta(days=days),)).fetchone()
    return row[0] if row else None
