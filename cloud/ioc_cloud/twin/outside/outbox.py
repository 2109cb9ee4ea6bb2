"""The courier: every change of the twin, from the outbox to a real Ditto.

Each change is in `twin_outbox` since the transaction that made it. The newest word on an
entity is sent and, once the target has taken it, deleted with all that came before: at least
once, never an older word after a newer one. Policies go before what rests on them.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

import psycopg
import structlog

from ioc_cloud.db import twin_outbox_sql as sql
from ioc_cloud.db.locks import COURIER_LOCK
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.outside.target import Fate, Target, Told, Word
from ioc_ditto import DittoClient

log = structlog.get_logger()

BATCH: Final = 200
POLL_S: Final = 0.5
FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
WORKERS: Final = 8

Entity = tuple[str, str]


class Backlog(NamedTuple):
    """What lies in the outbox.

    Attributes:
        parked: Words that the target refused; each row says why.
    """

    waiting: int
    parked: int
    oldest_at: datetime | None


@dataclass(slots=True)
class Counts:
    """What this run did."""

    sent: int = 0
    parked: int = 0
    postponed: int = 0
    outages: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """An entity that is tried again later."""

    failures: int
    until: float


@dataclass
class Courier:
    """Carries words until told to stop; of several, one works and the others stand by.

    Attributes:
        connect: Opens a database connection; its rights are those of `ioc_api`.
        keeper: See `Target`.
        clock: Seconds that only go up.
    """

    connect: Callable[[], Connection]
    client: DittoClient
    keeper: str | None = None
    workers: int = WORKERS
    clock: Callable[[], float] = time.monotonic
    first_wait_s: float = FIRST_WAIT_S
    counts: Counts = field(default_factory=Counts)
    target: Target = field(init=False)
    _held: dict[Entity, Hold] = field(default_factory=dict)
    _was_up: bool = True

    def __post_init__(self) -> None:
        """Whom to tell."""
        self.target = Target(self.client, self.keeper)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; database and target may go and come back."""
        failures = 0
        with ThreadPoolExecutor(self.workers, "courier") as pool:
            while not stop.is_set():
                try:
                    with closing(self.connect()) as connection:
                        self._stand_by(connection, stop)
                        failures = 0
                        self._serve(connection, pool, stop)
                except psycopg.Error as error:  # noqa: PERF203 the loop outlives the database
                    failures += 1
                    log.warning("outbox_database_unavailable", error=str(error))
                    stop.wait(self._wait_s(failures))

    def _stand_by(self, connection: Connection, stop: threading.Event) -> None:
        """Wait for the lock; the session's end gives it back."""
        while not stop.is_set():
            row = connection.execute(sql.TRY_LOCK, (COURIER_LOCK,)).fetchone()
            if row is not None and row[0]:
                return
            stop.wait(POLL_S)

    def _serve(
        self, connection: Connection, pool: ThreadPoolExecutor, stop: threading.Event
    ) -> None:
        failures = 0
        known = False
        while not stop.is_set():
            # Also before the first word: an address where no Ditto is parks nothing.
            told = Told(Fate.SENT) if known else self.target.reach()
            known = told.fate is Fate.SENT
            moved = 0
            if known:
                told, moved = self.deliver(connection, pool, stop)
                known = told.fate is not Fate.AWAY
            if not known:
                failures += 1
                self._say_away(told)
                stop.wait(self._wait_s(failures))
                continue
            failures = 0
            self._say_up()
            if not moved:
                stop.wait(POLL_S)

    def deliver(
        self, connection: Connection, pool: ThreadPoolExecutor, stop: threading.Event
    ) -> tuple[Told, int]:
        """Send the words that have waited longest.

        Returns:
            Whether the target was there to the end, and how many rows were settled.
        """
        batch = self._waiting(connection)
        answers: dict[Word, Told] = {}
        try:
            self._tell_all(batch, pool, stop, answers)
        finally:
            # Whatever ended it: what was taken is not sent again.
            moved = self._settle(connection, answers)
        gone = [word for word in batch if word.kind == "policy" and word.doc is None]
        if not _away(answers):
            moved += self._tell_gone_policies(connection, gone, stop, answers)
        return _away(answers) or Told(Fate.SENT), moved

    def _tell_all(
        self,
        batch: Sequence[Word],
        pool: ThreadPoolExecutor,
        stop: threading.Event,
        answers: dict[Word, Told],
    ) -> None:
        policies = [word for word in batch if word.kind == "policy" and word.doc is not None]
        # Policies that the things below cannot do without.
        missing: set[str] = set()
        for word in imports_first(policies):
            if stop.is_set() or _away(answers):
                return
            answers[word] = self._told(word, missing)
            if answers[word].fate is Fate.LATER:
                missing.add(word.id)
        if _away(answers):
            return
        things = [word for word in batch if word.kind == "thing"]
        over = threading.Event()

        def tell(word: Word) -> tuple[Word, Told | None]:
            if stop.is_set() or over.is_set():
                return word, None
            told = self._told(word, missing)
            if told.fate is Fate.AWAY:
                over.set()
            return word, told

        answers |= {word: told for word, told in pool.map(tell, things) if told is not None}

    def _told(self, word: Word, missing: set[str]) -> Told:
        if not missing.isdisjoint(word.rests_on):
            return Told(Fate.LATER, "waits for its policy")
        return self.target.tell(word)

    def _tell_gone_policies(
        self,
        connection: Connection,
        gone: Sequence[Word],
        stop: threading.Event,
        answers: dict[Word, Told],
    ) -> int:
        """Take policies away, once the things before them no longer need them."""
        told: dict[Word, Told] = {}
        for word in sorted(gone, key=lambda one: one.seq):
            if stop.is_set() or _away(told):
                break
            row = connection.execute(sql.THINGS_BEFORE, (word.seq,)).fetchone()
            waits = row is None or row[0]
            told[word] = Told(Fate.LATER, "things still wait") if waits else self.target.tell(word)
        answers |= told
        return self._settle(connection, told)

    # --- the table ---------------------------------------------------------------

    def _waiting(self, connection: Connection) -> list[Word]:
        now = self.clock()
        held = [entity for entity, hold in self._held.items() if hold.until > now]
        kinds, ids = [kind for kind, _ in held], [name for _, name in held]
        rows = connection.execute(
            sql.WAITING, {"held_kinds": kinds, "held_ids": ids, "most": BATCH}
        ).fetchall()
        found = {(row[1], row[2]): Word(row[1], row[2], row[3], row[0]) for row in rows}
        wanted = _policies_of(found.values())
        while unseen := [one for one in wanted if ("policy", one) not in found]:
            rows = connection.execute(sql.WAITING_POLICIES, (unseen,)).fetchall()
            more = {(row[1], row[2]): Word(row[1], row[2], row[3], row[0]) for row in rows}
            found |= more
            wanted = _policies_of(more.values())
        return list(found.values())

    def _settle(self, connection: Connection, answers: Mapping[Word, Told]) -> int:
        """Write down what became of each word, all at once; how many rows that settles."""
        by_fate: dict[Fate, list[Word]] = {fate: [] for fate in Fate}
        for word, told in answers.items():
            by_fate[told.fate].append(word)
        sent, refused, later = (by_fate[fate] for fate in (Fate.SENT, Fate.REFUSED, Fate.LATER))
        failed = [*refused, *later]
        with connection.transaction():
            if sent:
                connection.execute(sql.SENT, _columns(sent))
                arrived = [word.id for word in sent if word.kind == "policy" and word.doc]
                if arrived:
                    connection.execute(sql.UNPARK_THINGS, (arrived,))
            if refused:
                connection.execute(sql.SUPERSEDED, _columns(refused))
            if failed:
                reasons = [answers[word].reason if word in refused else None for word in failed]
                seqs = [word.seq for word in failed]
                connection.execute(sql.FAILED, {"seqs": seqs, "reasons": reasons})
        self._remember(sent, refused, later, answers)
        return len(sent) + len(refused)

    def _remember(
        self,
        sent: Iterable[Word],
        refused: Iterable[Word],
        later: Iterable[Word],
        answers: Mapping[Word, Told],
    ) -> None:
        now = self.clock()
        for word in sent:
            self._held.pop((word.kind, word.id), None)
            self.counts.sent += 1
        for word in refused:
            self._held.pop((word.kind, word.id), None)
            self.counts.parked += 1
            log.warning("outbox_parked", kind=word.kind, id=word.id, reason=answers[word].reason)
        for word in later:
            entity = (word.kind, word.id)
            failures = self._held[entity].failures + 1 if entity in self._held else 1
            self._held[entity] = Hold(failures, now + self._wait_s(failures))
            self.counts.postponed += 1

    # --- waiting and saying so -----------------------------------------------------

    def _wait_s(self, failures: int) -> float:
        longest = min(self.first_wait_s * 2.0 ** min(failures - 1, 10), LONGEST_WAIT_S)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 spread, no secret

    def _say_away(self, told: Told) -> None:
        if self._was_up:
            log.warning("ditto_lost", reason=told.reason)
            self.counts.outages += 1
        self._was_up = False

    def _say_up(self) -> None:
        if not self._was_up:
            log.info("ditto_back")
        self._was_up = True


def backlog(connection: Connection) -> Backlog:
    """What waits and what is parked, for the status page."""
    row = connection.execute(sql.BACKLOG).fetchone()
    return Backlog(*row) if row is not None else Backlog(0, 0, None)


def unpark(connection: Connection) -> int:
    """Let the courier try everything that was refused once more; how many rows that is."""
    return connection.execute(sql.UNPARK_ALL).rowcount


def imports_first(policies: Iterable[Word]) -> list[Word]:
    """Policies in an order in which each comes after those that it imports."""
    waiting = {word.id: word for word in policies}
    ordered: dict[str, Word] = {}

    def place(word: Word, path: frozenset[str]) -> None:
        for other in word.rests_on:
            # Two that import each other have no order; the target will say so.
            if other in waiting and other not in ordered and other not in path:
                place(waiting[other], path | {other})
        ordered.setdefault(word.id, word)

    for word in sorted(waiting.values(), key=lambda one: one.seq):
        place(word, frozenset({word.id}))
    return list(ordered.values())


def _policies_of(words: Iterable[Word]) -> list[str]:
    return list(dict.fromkeys(policy_id for word in words for policy_id in word.rests_on))


def _away(answers: Mapping[Word, Told]) -> Told | None:
    return next((told for told in answers.values() if told.fate is Fate.AWAY), None)


def _columns(words: Sequence[Word]) -> dict[str, list[str] | list[int]]:
    return {
        "kinds": [word.kind for word in words],
        "ids": [word.id for word in words],
        "seqs": [word.seq for word in words],
    }
