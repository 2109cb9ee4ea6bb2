"""The loop: take, decode, store, acknowledge; the database may go and come back."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Final

import psycopg
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ioc_cloud.db.pool import Connection
from ioc_cloud.events.decode import Door, Item, Wire, decode, park
from ioc_cloud.ingest.boxes import registered_keys
from ioc_cloud.ingest.mqtt import Inbox, Received
from ioc_cloud.ingest.store import Receipt, count_at_door, store

log = structlog.get_logger()

BATCH: Final = 500
BATCH_WINDOW_S: Final = 0.05
# A key registered now binds its box from here on.
KEYS_AGE: Final = timedelta(seconds=2)
FIRST_RETRY_S: Final = 0.1
LAST_RETRY_S: Final = 2.0
# mosquitto delivers again on reconnect alone: a message that nobody holds any more
# would take its slot of the window with it.
LEAK_S: Final = 60.0


@dataclass(slots=True)
class Worker:
    """One ingest worker.

    Attributes:
        connect: Opens a database connection.
        stop: Ends the loop after the batch in hand, or at once while the database is down.
    """

    inbox: Inbox
    connect: Callable[[], Connection]
    retention: timedelta
    stop: threading.Event = field(default_factory=threading.Event)
    _connection: Connection | None = None
    _keys: dict[str, Ed25519PublicKey] = field(default_factory=dict)
    _keys_read_at: datetime | None = None
    _overflow_told: int = 0

    def run(self) -> None:
        """Work until `stop` is set."""
        self.inbox.start()
        try:
            while not self.stop.is_set():
                self._step()
        finally:
            self.inbox.stop()
            self._close()

    def _step(self) -> None:
        messages = self.inbox.take(BATCH, BATCH_WINDOW_S)
        if not messages:
            self._look_for_leaks()
            return
        receipts = self._write(messages)
        if receipts is None:
            return
        self.inbox.acknowledge(messages)
        self.inbox.tell(receipts)

    def _write(self, messages: Sequence[Received]) -> list[Receipt] | None:
        """Store a batch, however long the database is away; None when told to stop."""
        retry_s = FIRST_RETRY_S
        was_up = True
        while not self.stop.is_set():
            try:
                receipts = self._write_once(messages)
            except psycopg.Error as error:  # noqa: PERF203 the loop outlives the database
                if was_up:
                    log.warning("database_lost", error=str(error), waiting=len(messages))
                was_up = False
                self._close()
                self.stop.wait(retry_s)
                retry_s = min(retry_s * 2, LAST_RETRY_S)
            else:
                if not was_up:
                    log.info("database_back")
                return receipts
        return None

    def _write_once(self, messages: Sequence[Received]) -> list[Receipt]:
        connection = self._open()
        now = datetime.now(timezone.utc)
        self._refresh_keys(connection, now)
        door = Door(now=now, retention=self.retention, keys=self._keys)
        # Newest first: a signed event vouches for the one before it.
        items = [_decode(one, door) for one in reversed(messages)][::-1]
        receipts = store(connection, items)
        if overflowed := self.inbox.overflowed - self._overflow_told:
            count_at_door(connection, "mqtt", Counter({"overflow": overflowed}))
            self._overflow_told += overflowed
        return receipts

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self.connect()
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._keys_read_at = None

    def _refresh_keys(self, connection: Connection, now: datetime) -> None:
        if self._keys_read_at is None or now - self._keys_read_at > KEYS_AGE:
            self._keys = registered_keys(connection)
            self._keys_read_at = now

    def _look_for_leaks(self) -> None:
        waited_s = self.inbox.oldest_wait_s()
        if waited_s > LEAK_S and self.inbox.is_idle():
            log.warning("message_leaked", waited_s=round(waited_s, 1))
            self.inbox.reconnect()


def _decode(message: Received, door: Door) -> Item:
    try:
        return decode(Wire(message.topic, message.payload, message.retained), door)
    except Exception as error:
        # A fault of ours must not turn one message into a loop of restarts.
        log.exception("decode_failed", topic=message.topic)
        return park(message.topic, message.payload, "schema", f"unreadable: {error!r}")
