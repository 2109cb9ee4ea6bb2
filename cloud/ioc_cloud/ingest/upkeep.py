"""Rollups, partitions and retention, by whichever ingest worker holds the lock."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import structlog

from ioc_cloud.db import ingest_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.ioc import keeping

log = structlog.get_logger()

UPKEEP_LOCK: Final = 0x10C_0003
ROLLUP_EVERY_S: Final = 10.0
ROLLUP_HOURS: Final = 200
PARTITIONS_EVERY_S: Final = 3600.0
WEEKS_AHEAD: Final = 4
TELEMETRY_DAYS: Final = 30
# A wall that was away longer loads afresh.
CHANGES_DAYS: Final = 7


@dataclass(slots=True)
class Upkeep:
    """Housekeeping in a thread of its own, on a connection of its own."""

    connect: Callable[[], Connection]
    retention_days: int
    stop: threading.Event
    _partitions_done_at: float = float("-inf")

    def run(self) -> None:
        """Work until `stop` is set; the database may be away meanwhile."""
        while not self.stop.is_set():
            try:
                with self.connect() as connection:
                    self._keep(connection)
            except psycopg.Error as error:  # noqa: PERF203 the loop outlives the database
                log.warning("upkeep_failed", error=str(error))
                self.stop.wait(ROLLUP_EVERY_S)

    def _keep(self, connection: Connection) -> None:
        mine = False
        while not self.stop.is_set():
            # A session lock: the first worker keeps it, another takes over when it dies.
            mine = mine or bool(_value(connection, sql.TRY_UPKEEP, (UPKEEP_LOCK,)))
            if mine:
                self.once(connection)
            self.stop.wait(ROLLUP_EVERY_S)

    def once(self, connection: Connection) -> None:
        """Refresh rollups; once an hour make and drop partitions, and prune."""
        connection.execute(sql.REFRESH_ROLLUP, (ROLLUP_HOURS,))
        keeping.refresh(connection)
        if time.monotonic() - self._partitions_done_at < PARTITIONS_EVERY_S:
            return
        made = _value(connection, sql.PREMAKE, (WEEKS_AHEAD,))
        dropped = _value(connection, sql.DROP_OLD, ("event", self.retention_days))
        connection.execute(sql.DROP_OLD, ("camera_telemetry", TELEMETRY_DAYS))
        connection.execute(sql.PRUNE, (self.retention_days, CHANGES_DAYS))
        dropped += keeping.keep(
            connection, history_days=self.retention_days, points_days=self.retention_days
        )
        self._partitions_done_at = time.monotonic()
        log.info("upkeep_done", weeks_made=made, weeks_dropped=dropped)


def _value(connection: Connection, query: str, parameters: tuple[Any, ...]) -> Any:  # noqa: ANN401
    row = connection.execute(query, parameters).fetchone()
    return row[0] if row else None
