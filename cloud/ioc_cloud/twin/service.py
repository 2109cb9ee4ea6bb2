"""The twin of one process: a reader and a writer that serve many requests at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Final, NamedTuple, Protocol

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from ioc_cloud.db import twin_sql as sql
from ioc_cloud.db.locks import CHANGE_LOCK
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import CloudError
from ioc_cloud.twin.book import Book, Caller, Policies
from ioc_cloud.twin.group import Group, NotBegun
from ioc_cloud.twin.outcome import Outcome
from ioc_cloud.twin.policy import Rules
from ioc_cloud.twin.series import NO_SERIES, SeriesOf

log = structlog.get_logger()

# A batch of changes holds the change lock to its commit; ingest waits meanwhile.
MOST_CHANGES: Final = 64


class Row(NamedTuple):
    """A thing as the database hands it over: text that may never need parsing."""

    id: str
    policy_id: str
    doc: str
    metadata: str | None
    revision: int
    created: datetime
    modified: datetime
    epoch: int | None


class Seen(NamedTuple):
    """A thing with what the caller may do with it."""

    row: Row
    rules: Rules


@dataclass(frozen=True, slots=True)
class Read:
    """Things to read for one caller; those that are absent are left out of the answer."""

    caller: Caller
    thing_ids: tuple[str, ...]


class Job(Protocol):
    """A change to be made inside the writer's transaction."""

    def apply(self, book: Book) -> Any:  # noqa: ANN401 its asker knows
        """Do it.

        Raises:
            DittoError: It may not be done.
        """
        ...


def utc_now() -> datetime:
    """The process's clock."""
    return datetime.now(timezone.utc)


@dataclass(kw_only=True)
class Writer:
    """Makes changes of things and policies.

    Attributes:
        outbox: Whether changes are also queued for a real Ditto.
        changed_policies: Called after a change of policies was committed here.
    """

    clock: Callable[[], datetime] = utc_now
    series_of: SeriesOf = lambda _definition: NO_SERIES
    outbox: bool = False
    policies: Policies = field(default_factory=Policies)
    changed_policies: list[Callable[[], None]] = field(default_factory=list)

    def write(self, connection: Connection, jobs: Sequence[Job]) -> list[Any]:
        """Make changes, each on its own, all in one transaction.

        Returns:
            For each job its answer, or the error for which it was not done.

        Raises:
            psycopg.Error: None of them was made.
        """
        with connection.transaction():
            try:
                connection.execute(sql.LOCK, (CHANGE_LOCK,))
            except psycopg.OperationalError as error:
                raise NotBegun(str(error)) from error
            # After the lock: times rise with revisions and change numbers.
            book = Book(connection, self.clock(), self.policies, self.series_of, self.outbox)
            named = (getattr(job, "thing_id", None) for job in jobs)
            book.load_things(one for one in named if isinstance(one, str))
            answers = [_applied(job, book) for job in jobs]
            book.write()
        if book.touched_policies:
            for tell in self.changed_policies:
                tell()
        return answers


@dataclass(kw_only=True)
class Twin(Writer):
    """What the twin's routes share."""

    connect: Callable[[], Connection]
    pool: ConnectionPool[Connection]
    _reader: Group[Read] = field(init=False)
    _writer: Group[Job] = field(init=False)

    def __post_init__(self) -> None:
        """Two threads: reads never wait behind a commit."""
        self._reader = Group("twin-reader", self.connect, self._serve_reads, reads=True)
        self._writer = Group(
            "twin-writer", self.connect, self.write, reads=False, most=MOST_CHANGES
        )

    def start(self) -> None:
        """Begin to serve."""
        self._reader.start()
        self._writer.start()

    def stop(self) -> None:
        """Finish what waits."""
        self._writer.stop()
        self._reader.stop()

    async def read(self, caller: Caller, *thing_ids: str) -> list[Seen]:
        """The things that are there, readable or not; look at `rules`."""
        found: list[Seen] = await self._reader.ask(Read(caller, thing_ids))
        return found

    async def change(self, job: Job) -> Outcome:
        """The outcome of a committed change.

        Raises:
            DittoError: It may not be done.
        """
        outcome: Outcome = await self._writer.ask(job)
        return outcome

    def _serve_reads(self, connection: Connection, jobs: Sequence[Read]) -> list[list[Seen]]:
        wanted = list({one for job in jobs for one in job.thing_ids})
        rows = connection.execute(sql.THINGS, (wanted,)).fetchall()
        found = {row[0]: Row(*row) for row in rows}
        now = self.clock()
        return [
            [
                Seen(row, self.rules(connection, job.caller, row, now))
                for one in job.thing_ids
                if (row := found.get(one)) is not None
            ]
            for job in jobs
        ]

    def rules(self, connection: Connection, caller: Caller, row: Row, now: datetime) -> Rules:
        """What the caller may do with a thing."""
        compiled = self.policies.get(connection, row.policy_id, row.epoch)
        return compiled.rules(caller.subjects, row.id.partition(":")[0], now)


def _applied(job: Job, book: Book) -> Any:  # noqa: ANN401 its asker knows
    try:
        answer = job.apply(book)
    except CloudError as error:
        book.forget()
        return error
    except psycopg.Error:
        raise
    except Exception as error:
        # One change that we cannot cope with must not take its neighbours along.
        log.exception("twin_change_failed")
        book.forget()
        return error
    book.keep()
    return answer
