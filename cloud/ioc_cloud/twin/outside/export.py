"""The whole twin into a real Ditto: all policies, then all things, as they stand now.

Idempotent: what is there already is put again. Revisions, history and metadata stay behind;
Ditto counts its own.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from ioc_cloud.db import twin_outbox_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.outside.target import Fate, Target, Told, Word
from ioc_ditto import DittoClient

BATCH: Final = 200
WORKERS: Final = 8
# Enough to see what is wrong; all are counted.
MAX_FAILURES: Final = 1000

Kind = Literal["policy", "thing"]


class Progress(Protocol):
    """Is told how far it is; `total` is as many as there were at the start."""

    def __call__(self, kind: Kind, done: int, total: int) -> None:
        """So many of the kind have been dealt with."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One that the target did not take."""

    kind: str
    id: str
    reason: str


@dataclass(slots=True)
class Report:
    """What became of it.

    Attributes:
        failed: How many were not taken; `failures` names the first of them.
        stopped: Why it ended before the end; empty where it did not.
    """

    policies: int = 0
    things: int = 0
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)
    stopped: str = ""

    @property
    def complete(self) -> bool:
        """Whether everything is there now."""
        return not self.failed and not self.stopped


def export(
    connection: Connection,
    client: DittoClient,
    progress: Progress,
    *,
    keeper: str | None = None,
    workers: int = WORKERS,
) -> Report:
    """Put everything into the target, from one snapshot of the database.

    Args:
        connection: May read things and policies.
        client: The target's.
        progress: Is told after each batch.
        keeper: See `Target`.
        workers: Things in flight at once.

    Raises:
        psycopg.Error: The database went away.
    """
    report, target = Report(), Target(client, keeper)
    told = target.reach()
    if told.fate is Fate.AWAY:
        report.stopped = told.reason
        return report
    with connection.transaction(), ThreadPoolExecutor(workers, "export") as pool:
        connection.execute("set transaction isolation level repeatable read, read only")
        row = connection.execute(sql.COUNT_ALL).fetchone()
        policies, things = row if row is not None else (0, 0)
        refused = _send(
            _words(connection, "policy", sql.ALL_POLICIES), target, _Step("policy", policies),
            _Run(report, progress, None),
        )  # fmt: skip
        # One that imports another may have come before it.
        _send_again(refused, target, report)
        for failure in _send(
            _words(connection, "thing", sql.ALL_THINGS), target, _Step("thing", things),
            _Run(report, progress, pool),
        ):  # fmt: skip
            _fail(report, *failure)
    return report


@dataclass(frozen=True, slots=True)
class _Step:
    kind: Kind
    total: int


@dataclass(frozen=True, slots=True)
class _Run:
    report: Report
    progress: Progress
    pool: ThreadPoolExecutor | None


def _send(
    batches: Iterator[list[Word]], target: Target, step: _Step, run: _Run
) -> list[tuple[Word, Told]]:
    """Send batch after batch; those that were not taken."""
    failed: list[tuple[Word, Told]] = []
    done = 0
    for batch in batches:
        if run.report.stopped:
            break
        tell = run.pool.map if run.pool is not None else map
        for word, told in zip(batch, tell(target.tell, batch), strict=True):
            if told.fate is Fate.SENT:
                _count(run.report, word)
            elif told.fate is Fate.AWAY:
                run.report.stopped = run.report.stopped or told.reason
            else:
                failed.append((word, told))
        done += len(batch)
        run.progress(step.kind, done, max(step.total, done))
    return failed


def _send_again(refused: list[tuple[Word, Told]], target: Target, report: Report) -> None:
    for word, _ in refused:
        told = target.tell(word)
        if told.fate is Fate.SENT:
            _count(report, word)
        else:
            _fail(report, word, told)


def _words(connection: Connection, kind: Kind, statement: str) -> Iterator[list[Word]]:
    with connection.cursor(f"export_{kind}") as cursor:
        cursor.itersize = BATCH
        cursor.execute(statement.encode())
        while rows := cursor.fetchmany(BATCH):
            yield [_word(kind, row) for row in rows]


def _word(kind: Kind, row: tuple[Any, ...]) -> Word:
    return Word(kind, row[0], row[1])


def _count(report: Report, word: Word) -> None:
    if word.kind == "policy":
        report.policies += 1
    else:
        report.things += 1


def _fail(report: Report, word: Word, told: Told) -> None:
    report.failed += 1
    if len(report.failures) < MAX_FAILURES:
        report.failures.append(Failure(word.kind, word.id, told.reason))
