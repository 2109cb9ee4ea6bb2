"""What changed, as frames for walls: one listener on the database serves them all."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import psycopg
import structlog

from ioc_cloud import audit
from ioc_cloud.auth.principal import Principal
from ioc_cloud.db import api_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.events import shown
from ioc_cloud.events.shown import EventOut, Row
from ioc_cloud.wall.shown import boxes, cameras

log = structlog.get_logger()

CHUNK: Final = 500
# About half a minute of a busy province: what a wall misses while it reconnects.
KEPT_FRAMES: Final = 5_000
# Changes that come closer together than this travel together.
GATHER_S: Final = 0.05
RETRY_S: Final = 1.0
# How often the listener looks whether it is to stop.
LOOK_UP_S: Final = 0.25
IDLE_S: Final = 5.0


class Frame(NamedTuple):
    """One server-sent event."""

    seq: int
    name: str
    data: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Frames in order; `upto` is the last change they cover, frame or no frame."""

    frames: list[Frame]
    upto: int


def read_masked(connection: Connection, after: int) -> Chunk:
    """The next changes as the wall may see them."""
    return _read(connection, after, lambda rows: [shown.masked(row) for row in rows])


def read_in_full(connection: Connection, after: int, who: Principal) -> Chunk:
    """The next changes with plates, and an audit row in the same transaction."""

    def reveal(rows: list[Row]) -> list[EventOut]:
        ids = [str(row[0]) for row in rows]
        audit.write(connection, who.name, "events.stream", "event", {"ids": ids})
        return shown.all_in_full(connection, rows, sql.STORED)

    return _read(connection, after, reveal)


def place_of(connection: Connection, after: int) -> int | None:
    """Where a reader that has seen `after` goes on; None when what it missed is forgotten."""
    newest = _number(connection, sql.CHANGES_NOW)
    if after >= newest:
        # A number from the future is one of another database: start at now.
        return newest
    oldest = _number(connection, sql.CHANGES_OLDEST)
    return after if after >= oldest - 1 else None


class Feed:
    """Listens, turns changes into masked frames once, and wakes whoever waits."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self.wake = asyncio.Event()
        self._connect = connect
        self._frames: deque[Frame] = deque(maxlen=KEPT_FRAMES)
        # Frames are complete for changes above `_complete_above`, up to `newest`.
        self._complete_above = 0
        self.newest = 0
        self._known = threading.Event()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen in a thread of its own."""
        self._loop = loop
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(IDLE_S + RETRY_S)

    def kept(self, after: int) -> Chunk | None:
        """Frames behind `after` from memory; None when they reach further back."""
        with self._lock:
            if after < self._complete_above:
                return None
            frames = []
            for frame in reversed(self._frames):
                if frame.seq <= after:
                    break
                frames.append(frame)
            return Chunk(frames[::-1], max(after, self.newest))

    def _run(self) -> None:
        up = True
        while not self._stop.is_set():
            try:
                with self._connect() as connection:
                    if not up:
                        log.info("feed_back")
                    up = True
                    self._follow(connection)
            except psycopg.Error as error:  # noqa: PERF203 the loop outlives the database
                if up:
                    log.warning("feed_lost", error=str(error))
                up = False
                self._stop.wait(RETRY_S)

    def _follow(self, connection: Connection) -> None:
        connection.execute("listen ioc_change")
        if not self._known.is_set():
            newest = _number(connection, sql.CHANGES_NOW)
            with self._lock:
                self._complete_above = self.newest = newest
            self._known.set()
        while not self._stop.is_set():
            while self._gather(connection):
                pass
            for _ in connection.notifies(timeout=LOOK_UP_S, stop_after=1):
                self._stop.wait(GATHER_S)

    def _gather(self, connection: Connection) -> bool:
        with connection.transaction():
            chunk = read_masked(connection, self.newest)
        if chunk.upto == self.newest:
            return False
        with self._lock:
            overflow = len(self._frames) + len(chunk.frames) - KEPT_FRAMES
            if overflow > 0:
                forgotten = [*self._frames, *chunk.frames][overflow - 1]
                self._complete_above = max(self._complete_above, forgotten.seq)
            self._frames.extend(chunk.frames)
            self.newest = chunk.upto
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ring)
        return True

    def _ring(self) -> None:
        waiting, self.wake = self.wake, asyncio.Event()
        waiting.set()


def _read(connection: Connection, after: int, show: Callable[[list[Row]], list[EventOut]]) -> Chunk:
    changes = connection.execute(sql.CHANGES, {"after": after, "limit": CHUNK}).fetchall()
    if not changes:
        return Chunk([], after)
    frames = [
        *_events(connection, changes, show),
        *_cameras(connection, changes),
        *_boxes(connection, changes),
    ]
    return Chunk(sorted(frames), int(changes[-1][0]))


def _events(
    connection: Connection, changes: list[Row], show: Callable[[list[Row]], list[EventOut]]
) -> list[Frame]:
    named = [(change[4], change[5]) for change in changes if change[1] == "event"]
    if not named:
        return []
    parameters = {"ids": [one for one, _ in named], "times": [at for _, at in named]}
    rows = connection.execute(sql.EVENTS_OF_CHANGES, parameters).fetchall()
    return [Frame(event.change or 0, "event", event.model_dump_json()) for event in show(rows)]


def _cameras(connection: Connection, changes: list[Row]) -> list[Frame]:
    """A camera's state as it is now, once, at its last change: states in between are gone."""
    last = {(box, camera): seq for seq, kind, box, camera, *_ in changes if kind == "camera"}
    if not last:
        return []
    return [
        Frame(last[one.box, one.id], "camera", one.model_dump_json())
        for one in cameras(connection, list(last))
    ]


def _boxes(connection: Connection, changes: list[Row]) -> list[Frame]:
    last = {box: seq for seq, kind, box, *_ in changes if kind == "box"}
    if not last:
        return []
    return [
        Frame(last[one.id], "box", one.model_dump_json()) for one in boxes(connection, list(last))
    ]


def _number(connection: Connection, query: str) -> int:
    row: tuple[Any, ...] | None = connection.execute(query).fetchone()
    return int(row[0] or 0) if row else 0
