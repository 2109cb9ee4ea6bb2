"""What happens to things, as it happens: one listener on the database serves every line."""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Final, Protocol

import psycopg
import structlog
from starlette.concurrency import run_in_threadpool

from ioc_cloud.db import twin_stream_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import DatabaseBusy
from ioc_cloud.twin.push import changes
from ioc_cloud.twin.push.changes import Change
from ioc_cloud.twin.service import Twin

log = structlog.get_logger()

CHUNK: Final = 500
# What a line misses while it reconnects; also bounded in bytes, for things may be large.
KEPT_CHANGES: Final = 4_000
KEPT_BYTES: Final = 32 * 1024 * 1024
# Changes that come closer together than this travel together.
GATHER_S: Final = 0.02
RETRY_S: Final = 1.0
LOOK_UP_S: Final = 0.25
STOP_S: Final = 5.0
READY_S: Final = 5.0
# Clocks of writers may differ by this much.
OVERLAP: Final = timedelta(days=1)
# Showing changes holds up everything else on the loop for no longer than this.
SLICE_S: Final = 0.005


class Listener(Protocol):
    """The end of a line."""

    def push(self, frames: Sequence[bytes]) -> None:
        """Take frames, at once."""
        ...

    def close(self) -> None:
        """End: what comes cannot be shown."""
        ...


Render = Callable[[Change], bytes | None]


@dataclass(eq=False)
class Audience:
    """Listeners that see the same changes in the same form, rendered once for all.

    Attributes:
        upto: The last change that was shown, or looked at and left out.
    """

    key: Hashable
    render: Render
    wants_docs: bool
    upto: int
    listeners: set[Listener] = field(default_factory=set)

    def show(self, batch: Sequence[Change]) -> None:
        """Show changes to everybody."""
        frames = [
            frame
            for change in batch
            if change.seq > self.upto and (frame := self.render(change)) is not None
        ]
        self.upto = batch[-1].seq
        if frames:
            for listener in list(self.listeners):
                listener.push(frames)

    def close(self) -> None:
        """End every line."""
        for listener in list(self.listeners):
            listener.close()


class Hub:
    """Listens, resolves policies once for each change, and hands changes to audiences.

    Everything but the reading itself happens on the event loop; no locks.
    """

    def __init__(self, twin: Twin, connect: Callable[[], Connection] | None = None) -> None:
        """`connect` opens the listener's own connection; the twin's opener by default."""
        self.newest = 0
        self._twin = twin
        self._connect = connect or twin.connect
        self._audiences: dict[Hashable, Audience] = {}
        self._kept: deque[Change] = deque()
        self._kept_bytes = 0
        # `_kept` is complete for changes above this, up to `newest`.
        self._complete_above = 0
        self._docs_wanted = False
        self._after: int | None = None
        self._read_at = datetime.now(timezone.utc)
        self._ready = asyncio.Event()
        self._moved = asyncio.Event()
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen in a thread of its own."""
        self._loop = loop
        self._thread = threading.Thread(target=self._run, name="twin-hub", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread. Blocks; not to be called on the loop."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_S)

    # --- on the loop ---------------------------------------------------------------

    async def ready(self) -> None:
        """Wait until it is known where "now" is.

        Raises:
            DatabaseBusy: The database has not answered yet.
        """
        try:
            await asyncio.wait_for(self._ready.wait(), READY_S)
        except TimeoutError as error:
            raise DatabaseBusy("the live line has not begun") from error

    async def at_now(self) -> None:
        """Wait until everything committed so far has been seen.

        A line that begins now tells nothing that its client may have read already.

        Raises:
            DatabaseBusy: The database does not answer, or the hub lags behind.
        """
        await self.ready()
        newest = await run_in_threadpool(self._committed)
        deadline = time.monotonic() + READY_S
        while self.newest < newest:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise DatabaseBusy("the live line lags behind")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left_s)

    def _committed(self) -> int:
        with self._twin.pool.connection() as connection:
            row = connection.execute(sql.NEWEST).fetchone()
        return int(row[0] or 0) if row else 0

    def join(
        self, key: Hashable, render: Render, listener: Listener, *, wants_docs: bool
    ) -> Audience:
        """Show a listener every change behind the returned audience's `upto`."""
        audience = self._audiences.get(key)
        if audience is None:
            audience = Audience(key, render, wants_docs, self.newest)
            self._audiences[key] = audience
            self._count_wishes()
        audience.listeners.add(listener)
        return audience

    def upto(self, key: Hashable) -> int:
        """How far an audience has been shown changes, or a new one would begin."""
        audience = self._audiences.get(key)
        return audience.upto if audience is not None else self.newest

    def leave(self, audience: Audience, listener: Listener) -> None:
        """Show a listener nothing more."""
        audience.listeners.discard(listener)
        if not audience.listeners and self._audiences.get(audience.key) is audience:
            del self._audiences[audience.key]
            self._count_wishes()

    def _count_wishes(self) -> None:
        self._docs_wanted = any(one.wants_docs for one in self._audiences.values())

    def kept(self, after: int, upto: int) -> list[Change] | None:
        """Changes above `after` from memory; None when they reach further back.

        Their policies may have changed since: see `refreshed`.
        """
        if after < self._complete_above:
            return None
        found = []
        for change in reversed(self._kept):
            if change.seq <= after:
                break
            if change.seq <= upto:
                found.append(change)
        return found[::-1]

    async def _dispatch(self, batch: Sequence[Change], *, docs: bool) -> bool:
        """Show a batch; whether somebody still waits for it with documents."""
        self._keep(batch)
        waiting = False
        pause_at = time.monotonic() + SLICE_S
        for audience in list(self._audiences.values()):
            if audience.upto >= batch[-1].seq:
                continue
            if audience.wants_docs and not docs:
                waiting = True
                continue
            try:
                audience.show(batch)
            except Exception:
                log.exception("twin_change_not_shown", key=str(audience.key)[:500])
                audience.upto = batch[-1].seq
                audience.close()
            if time.monotonic() > pause_at:
                await asyncio.sleep(0)
                pause_at = time.monotonic() + SLICE_S
        return waiting

    def _keep(self, batch: Sequence[Change]) -> None:
        for change in batch:
            if change.seq <= self.newest:
                continue
            self._kept.append(change)
            self._kept_bytes += change.size
            self.newest = change.seq
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        while len(self._kept) > KEPT_CHANGES or self._kept_bytes > KEPT_BYTES:
            gone = self._kept.popleft()
            self._kept_bytes -= gone.size
            self._complete_above = gone.seq

    def _begin_at(self, seq: int) -> None:
        self.newest = self._complete_above = seq
        self._kept.clear()
        self._kept_bytes = 0
        for audience in self._audiences.values():
            audience.upto = min(audience.upto, seq)
        self._ready.set()

    # --- by any thread ---------------------------------------------------------------

    def past(self, after: int, upto: int, *, docs: bool) -> list[Change]:
        """The next changes above `after` from the database. Blocks."""
        with self._twin.pool.connection() as connection:
            found = changes.between(connection, after, upto, CHUNK)
            return changes.refreshed(connection, self._twin.policies, found, docs=docs)

    def refreshed(self, kept: Sequence[Change], *, docs: bool) -> list[Change]:
        """Old changes under the policies of now. Blocks."""
        if not kept:
            return []
        with self._twin.pool.connection() as connection:
            return changes.refreshed(connection, self._twin.policies, kept, docs=docs)

    # --- the thread --------------------------------------------------------------------

    def _run(self) -> None:
        up = True
        while not self._stop.is_set():
            try:
                with self._connect() as connection:
                    if not up:
                        log.info("twin_line_back")
                    up = True
                    self._follow(connection)
            except psycopg.Error as error:  # noqa: PERF203 the loop outlives the database
                if up:
                    log.warning("twin_line_lost", error=str(error))
                up = False
                self._stop.wait(RETRY_S)

    def _follow(self, connection: Connection) -> None:
        connection.execute("listen ioc_twin")
        self._find_now(connection)
        # Policies may have changed while nobody listened.
        self._tell_of_policies()
        while not self._stop.is_set():
            busy = self._gather(connection)
            if busy:
                # Under load, changes are read by the handful, not one by one.
                self._stop.wait(GATHER_S)
            for note in connection.notifies(timeout=0 if busy else LOOK_UP_S, stop_after=1):
                if note.payload == "p":
                    self._tell_of_policies()

    def _find_now(self, connection: Connection) -> None:
        if self._loop is None or self._loop.is_closed():
            return
        row = connection.execute(sql.NEWEST).fetchone()
        if row is None or row[0] is None:
            row = connection.execute(sql.NEWEST_EVER).fetchone()
        newest = int(row[0]) if row else 0
        # A database that is behind us was put back from a copy: begin anew with it.
        if self._after is None or newest < self._after:
            self._after = newest
            self._loop.call_soon_threadsafe(self._begin_at, newest)

    def _tell_of_policies(self) -> None:
        for tell in self._twin.changed_policies:
            tell()

    def _gather(self, connection: Connection) -> bool:
        begun = datetime.now(timezone.utc)
        docs = self._docs_wanted
        since = self._read_at - OVERLAP
        found = changes.after(connection, self._twin.policies, self._after or 0, since, CHUNK)
        self._read_at = begun
        if not found:
            return False
        if not docs:
            docs = self._hand_over(found, docs=False)
        if docs:
            self._hand_over(changes.with_docs(connection, found), docs=True)
        self._after = found[-1].seq
        return True

    def _hand_over(self, batch: Sequence[Change], *, docs: bool) -> bool:
        """Show changes on the loop and wait: reading never runs ahead of showing."""
        if self._loop is None or self._loop.is_closed():
            self._stop.set()
            return False
        shown = asyncio.run_coroutine_threadsafe(self._dispatch(batch, docs=docs), self._loop)
        while not self._stop.is_set():
            try:
                return shown.result(LOOK_UP_S)
            except TimeoutError:  # noqa: PERF203 looks whether it is to stop
                continue
        return False
