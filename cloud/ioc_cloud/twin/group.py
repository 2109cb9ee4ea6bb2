"""Many callers, one statement: requests that wait together are served together.

A commit costs the same for one change as for a hundred, and a round trip the same for
one row as for fifty. Under load this is what makes the twin fast; alone, a request
waits for nobody.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import psycopg
import structlog

from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import CloudError, DatabaseBusy

log = structlog.get_logger()

J = TypeVar("J")
MOST: Final = 64
# Waiting longer than this behind others helps nobody.
MAX_QUEUED: Final = 5_000
STOP_S: Final = 5.0


class NotBegun(psycopg.OperationalError):
    """The connection was dead before anything was asked: to try again is safe."""


@dataclass(slots=True)
class _Waiting(Generic[J]):
    job: J
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"


@dataclass
class Group(Generic[J]):
    """A thread with a connection of its own that serves jobs in batches.

    Attributes:
        serve: Answers a batch, in its order; an exception as an answer is raised to
            that caller alone. It raises `psycopg.Error` when the whole batch failed.
        reads: Whether a batch may be asked again after a lost connection. A change may
            have been committed with the answer lost; it is tried again only where
            `serve` raises `NotBegun`.
    """

    name: str
    connect: Callable[[], Connection]
    serve: Callable[[Connection, Sequence[J]], Sequence[Any]]
    reads: bool
    most: int = MOST
    _queue: "queue.SimpleQueue[_Waiting[J] | None]" = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to serve."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Serve what waits and end."""
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(STOP_S)

    async def ask(self, job: J) -> Any:  # noqa: ANN401 the answer's type is the job's affair
        """The job's answer.

        Raises:
            DatabaseBusy: Too many wait already, or the database is away.
        """
        if self._queue.qsize() > MAX_QUEUED:
            raise DatabaseBusy(f"{self.name}: {MAX_QUEUED} requests wait")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._queue.put(_Waiting(job, loop, future))
        return await future

    def _run(self) -> None:
        connection: Connection | None = None
        while True:
            batch = self._take()
            if batch is None:
                break
            connection = self._serve(connection, batch)
        if connection is not None:
            connection.close()

    def _take(self) -> list[_Waiting[J]] | None:
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < self.most:
            try:
                one = self._queue.get_nowait()
            except queue.Empty:
                break
            if one is None:
                # Come back to it once this batch is served.
                self._queue.put(None)
                break
            batch.append(one)
        return batch

    def _serve(self, connection: Connection | None, batch: list[_Waiting[J]]) -> Connection | None:
        for again in (True, False):
            try:
                if connection is None or connection.closed:
                    connection = self.connect()
                answers = self.serve(connection, [one.job for one in batch])
            except psycopg.Error as error:
                if connection is not None:
                    connection.close()
                if again and (isinstance(error, NotBegun) or (self.reads and _line_lost(error))):
                    connection = None
                    continue
                return self._fail(batch, error)
            except Exception as error:
                log.exception("group_failed", group=self.name)
                _settle(batch, [error] * len(batch))
                return connection
            _settle(batch, answers)
            return connection
        return connection

    def _fail(self, batch: list[_Waiting[J]], error: psycopg.Error) -> Connection | None:
        """Serve each alone where one of many spoilt the batch; else tell all of them."""
        poison = not _line_lost(error)
        if poison and len(batch) > 1:
            connection: Connection | None = None
            for one in batch:
                connection = self._serve(connection, [one])
            return connection
        log.warning("group_refused", group=self.name, error=str(error), jobs=len(batch))
        told: CloudError = DatabaseBusy("the database did not answer")
        if poison:
            told = CloudError("the database refused the change; it has been logged")
        _settle(batch, [told] * len(batch))
        return None


def _line_lost(error: psycopg.Error) -> bool:
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


def _settle(batch: Sequence[_Waiting[Any]], answers: Sequence[Any]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for one, answer in zip(batch, answers, strict=True):
        by_loop.setdefault(one.loop, []).append((one.future, answer))
    for loop, settled in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_tell, settled)


def _tell(settled: Sequence[tuple["asyncio.Future[Any]", Any]]) -> None:
    for future, answer in settled:
        if future.done():
            continue
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)
