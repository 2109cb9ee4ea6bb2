"""The loop: take, decode, store, acknowledge; the database may go and come back."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Final, NamedTuple

import psycopg
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ioc_cloud.db.pool import Connection
from ioc_cloud.events.decode import Door, Item, Wire, decode, park
from ioc_cloud.ingest.boxes import registered_keys
from ioc_cloud.ingest.mqtt import Inbox, Received
from ioc_cloud.ingest.store import Receipt, Sorted, count_at_door, sort, store

log = structlog.get_logger()

BATCH: Final = 500
BATCH_WINDOW_S: Final = 0.05
# So that the database has the next one while we acknowledge what it has just committed.
BATCHES_AHEAD: Final = 1
# A key registered now binds its box from here on.
KEYS_AGE: Final = timedelta(seconds=2)
FIRST_RETRY_S: Final = 0.1
LAST_RETRY_S: Final = 2.0
# mosquitto delivers again on reconnect alone: a message that nobody holds any more
# would take its slot of the window with it.
LEAK_S: Final = 60.0


class Batch(NamedTuple):
    """Messages and what they were read as, under which keys."""

    messages: Sequence[Received]
    items: Sequence[Item]
    sorted: Sorted
    keys: Mapping[str, Ed25519PublicKey]


@dataclass(slots=True)
class Worker:
    """One ingest worker: reads a batch while those before are being committed.

    Attributes:
        connect: Opens a database connection.
        stop: Ends the loop after the batch in hand, or at once while the database is down.
    """

    inbox: Inbox
    connect: Callable[[], Connection]
    retention: timedelta
    stop: threading.Event = field(default_factory=threading.Event)
    _unwritten: int = 0
    _connection: Connection | None = None
    _keys: Mapping[str, Ed25519PublicKey] = field(default_factory=dict)
    _keys_read_at: datetime | None = None
    _overflow_told: int = 0

    def run(self) -> None:
        """Work until `stop` is set."""
        self.inbox.start()
        try:
            with ThreadPoolExecutor(1, "ioc-store") as store_thread:
                self._run(store_thread)
        finally:
            self.inbox.stop()
            self._close()

    def _run(self, store_thread: Executor) -> None:
        try:
            while not self.stop.is_set():
                self._step(store_thread)
            self._wait_for_writing(0)
        finally:
            # Whatever ended the loop ends the other thread's patience with the database.
            self.stop.set()

    def _step(self, store_thread: Executor) -> None:
        messages = self.inbox.take(BATCH, BATCH_WINDOW_S)
        if not messages:
            self._look_for_leaks()
            return
        batch = self._read(messages)
        self._wait_for_writing(BATCHES_AHEAD)
        self._unwritten += 1
        writing = store_thread.submit(self._write, batch)
        writing.add_done_callback(
            lambda done: self.inbox.post(partial(self._answer, messages, done))
        )

    def _wait_for_writing(self, most: int) -> None:
        """Until no more than so many batches are being written or wait for it."""
        while self._unwritten > most:
            self.inbox.attend()

    def _answer(self, messages: Sequence[Received], written: Future[list[Receipt] | None]) -> None:
        """What follows a commit; by the thread of `run`, as all that the inbox does."""
        self._unwritten -= 1
        receipts = written.result()
        if receipts is not None:
            self.inbox.acknowledge(messages)
            self.inbox.tell(receipts)

    def _read(self, messages: Sequence[Received]) -> Batch:
        keys = self._keys
        door = Door(now=datetime.now(timezone.utc), retention=self.retention, keys=keys)
        # Newest first: a signed event vouches for the one before it.
        items = [_decode(one, door) for one in reversed(messages)][::-1]
        return Batch(messages, items, sort(items), keys)

    def _write(self, batch: Batch) -> list[Receipt] | None:
        """Store a batch, however long the database is away; None when told to stop."""
        retry_s = FIRST_RETRY_S
        was_up = True
        while not self.stop.is_set() or was_up:
            try:
                receipts = self._write_once(batch)
            except psycopg.Error as error:  # noqa: PERF203 the loop outlives the database
                if was_up:
                    log.warning("database_lost", error=str(error), waiting=len(batch.messages))
                was_up = False
                self._close()
                self.stop.wait(retry_s)
                retry_s = min(retry_s * 2, LAST_RETRY_S)
            else:
                if not was_up:
                    log.info("database_back")
                return receipts
        return None

    def _write_once(self, batch: Batch) -> list[Receipt]:
        connection = self._open()
        self._refresh_keys(connection, datetime.now(timezone.utc))
        if self._keys != batch.keys:
            batch = self._read(batch.messages)
        receipts = store(connection, batch.items, batch.sorted)
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
        if waited_s > LEAK_S and self._unwritten == 0 and self.inbox.is_idle():
            log.warning("message_leaked", waited_s=round(waited_s, 1))
            self.inbox.reconnect()


def _decode(message: Received, door: Door) -> Item:
    try:
        return decode(Wire(message.topic, message.payload, message.retained), door)
    except Exception as error:
        # A fault of ours must not turn one message into a loop of restarts.
        log.exception("decode_failed", topic=message.topic)
        return park(message.topic, message.payload, "schema", f"unreadable: {error!r}")
