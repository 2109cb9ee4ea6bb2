"""The durable store on the box: an event that `append` returned survives a power cut."""

import base64
import fcntl
import json
import os
import queue
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID, uuid4

import structlog
from pydantic import ValidationError

from ioc_edge.errors import (
    EdgeError,
    EventInvalid,
    EventTooLarge,
    SpoolBusy,
    SpoolClosed,
    SpoolFull,
)
from ioc_models.events import (
    MAX_EVENT_BYTES,
    Clock,
    Event,
    EvidenceRef,
    ModelRef,
    canonical_json,
    content_sha256,
    milliseconds,
    new_id,
    signed_bytes,
)
from ioc_models.geo import Point

log = structlog.get_logger(__name__)
T = TypeVar("T")

# One fsync costs about 5 ms on a box's disk; 20 ms of company makes it 1,700 events/s.
GROUP_COMMIT_S: Final = 0.02
GROUP_LIMIT: Final = 500
# Acknowledged events are the cloud's replay source if its database is restored.
KEEP_ACKNOWLEDGED: Final = timedelta(hours=24)
PURGE_EVERY_S: Final = 60.0
ROW_OVERHEAD_BYTES: Final = 64
# Share of the quota that a kind may fill: counts can be missed before sightings,
# sightings before violations. Kinds not named here rank with sightings.
QUOTA_SHARE: Final[Mapping[str, float]] = {"traffic": 0.80, "violation": 1.0, "spool": 1.0}
QUOTA_SHARE_OTHER: Final = 0.95
# From here on room is made, and a refusal is over only below it: at the brim each
# event would bring a notice of its own.
ROOM_BELOW: Final = 0.9

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS event (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    acked_ms INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS event_unacked ON event (seq) WHERE acked_ms IS NULL;
CREATE INDEX IF NOT EXISTS event_acked ON event (acked_ms) WHERE acked_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS quarantine (
    seq INTEGER PRIMARY KEY,
    code TEXT NOT NULL,
    body BLOB NOT NULL,
    rejected_ms INTEGER NOT NULL
) STRICT;
"""


class Signer(Protocol):
    """Holds the box's key; `Ed25519PrivateKey` is one."""

    def sign(self, data: bytes, /) -> bytes:
        """64 bytes of Ed25519 signature."""
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """What every event of one run of the agent has in common."""

    box: str
    boot: UUID = field(default_factory=uuid4)
    config_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before the spool gives it its place in the sequence."""

    kind: str
    seen_at: datetime
    data: dict[str, Any]
    camera: str | None = None
    clock: Clock = field(default_factory=lambda: Clock(synced=False))
    simulated: bool = False
    location: Point | None = None
    evidence: tuple[EvidenceRef, ...] = ()
    models: tuple[ModelRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as it lies in the spool; `body` is what goes on the wire."""

    seq: int
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of the disk the spool may take, in bytes."""

    spool_bytes: int = 2 * 1024**3
    keep_free_bytes: int = 256 * 1024**2


def as_replayed(body: bytes) -> bytes:
    """The same event, marked as a resend; the mark is outside hash and signature."""
    return canonical_json({**json.loads(body), "replayed": True})


class Spool:
    """Events in order of birth, kept until the cloud has committed them.

    Any thread may call any method. One writer thread owns all changes and commits
    them in groups, so that many appends share one fsync.

    Raises:
        SpoolBusy: Another process has this file open.
    """

    def __init__(
        self,
        path: Path,
        origin: Origin,
        *,
        signer: Signer | None = None,
        quota: Quota | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.path = path
        self._origin = origin
        self._signer = signer
        self._quota = quota or Quota()
        self._now = now
        self._lock_file = _lock(path)
        # Set when the last spool was unreadable and was put aside under this name.
        self.replaced: Path | None = _set_corrupt_aside(path, now())
        self._writer_db = _connect(path)
        self._reader_db = _connect(path)
        self._reading = threading.Lock()
        self.epoch, self._seq, self._hash = _open_head(self._writer_db)
        self._backlog = self._committed_backlog = _count_unacked(self._writer_db)
        self._used = 0
        self._refused: dict[str, int] = {}
        self._refused_since: datetime | None = None
        self._listener: Callable[[], None] = _nobody
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._closed = False
        self._gate = threading.Lock()
        self._writer = threading.Thread(target=self._write, name="spool", daemon=True)
        self._writer.start()
        if self.replaced is not None:
            notice = self._notice(set_aside=self.replaced.name)
            log.error("spool_corrupt", set_aside=self.replaced.name, epoch=str(self.epoch))
            self._submit(lambda: self._insert(notice))

    def append(self, draft: Draft) -> int:
        """Make an event durable; returns its seq once it is on the disk.

        Raises:
            SpoolFull: Refused before the disk is full; the refusal is counted and
                declared in an event of kind `spool` as soon as there is room.
            EventTooLarge: Over MAX_EVENT_BYTES.
            EventInvalid: `data` does not fit `kind`.
            SpoolClosed: Closed, or the disk failed.
        """
        return self.submit(draft).result()

    def submit(self, draft: Draft) -> Future[int]:
        """Like `append`, without waiting: the future holds the seq once it is durable."""
        return self._submit(lambda: self._admit(draft))

    def acknowledge(self, ranges: Sequence[tuple[int, int]]) -> Future[int]:
        """Mark closed ranges of seq as committed by the cloud; result: how many were new."""
        return self._submit(lambda: self._acknowledge(ranges))

    def quarantine(self, seq: int, code: str) -> Future[bool]:
        """Put aside an event that the cloud rejects; result: whether it was waiting."""
        return self._submit(lambda: self._quarantine(seq, code))

    def unacknowledged(self, after: int = 0, limit: int = 500) -> list[Stored]:
        """Waiting events with seq over `after`, oldest first."""
        with self._reading:
            rows = self._reader_db.execute(
                "SELECT seq, kind, body FROM event"
                " WHERE acked_ms IS NULL AND seq > ? ORDER BY seq LIMIT ?",
                (after, limit),
            ).fetchall()
        return [Stored(*row) for row in rows]

    def quarantined(self) -> list[tuple[int, str]]:
        """Seq and reason code of every event put aside."""
        with self._reading:
            return self._reader_db.execute(
                "SELECT seq, code FROM quarantine ORDER BY seq"
            ).fetchall()

    @property
    def last_seq(self) -> int:
        """Seq of the newest event; 0 in an empty epoch."""
        return self._seq

    @property
    def backlog(self) -> int:
        """Events that the cloud has not yet confirmed, as the disk has it."""
        return self._committed_backlog

    def on_append(self, listener: Callable[[], None]) -> None:
        """Call `listener` from the writer thread after each commit; it must not block."""
        self._listener = listener

    def flush(self) -> None:
        """Wait until all that was submitted before this call is on the disk or refused."""
        self._submit(lambda: None).result()

    def close(self) -> None:
        """Finish what was handed in, then close the file; a second call does nothing."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._jobs.put(None)
        self._writer.join()
        self._writer_db.close()
        self._reader_db.close()
        self._lock_file.close()

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        done: Future[T] = Future()
        with self._gate:
            if self._closed:
                done.set_exception(SpoolClosed(f"spool {self.path} is closed"))
            else:
                self._jobs.put((work, done))
        return done

    def _write(self) -> None:
        """The writer thread: group, commit, tell."""
        purged_at = 0.0
        while (jobs := self._gather()) is not None:
            if jobs:
                self._commit(jobs)
            if time.monotonic() - purged_at > PURGE_EVERY_S:
                purged_at = time.monotonic()
                self._commit([(self._purge, Future())])
                self._give_back_pages()

    def _give_back_pages(self) -> None:
        try:
            self._writer_db.execute("PRAGMA incremental_vacuum(2000)").fetchall()
        except sqlite3.Error as error:
            # Space that stays taken is no reason to stop taking events.
            log.warning("spool_vacuum_failed", error=str(error))

    def _gather(self) -> list[tuple[Callable[[], Any], Future[Any]]] | None:
        """Jobs for one commit; empty when it is time to purge, None at the end."""
        try:
            job = self._jobs.get(timeout=PURGE_EVERY_S)
        except queue.Empty:
            return []
        jobs: list[tuple[Callable[[], Any], Future[Any]]] = []
        until = time.monotonic() + GROUP_COMMIT_S
        while job is not None:
            jobs.append(job)
            if len(jobs) >= GROUP_LIMIT:
                return jobs
            try:
                job = self._jobs.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return jobs
        if not jobs:
            return None
        self._jobs.put(None)
        return jobs

    def _commit(self, jobs: list[tuple[Callable[[], Any], Future[Any]]]) -> None:
        """Run the jobs in one transaction; a job that refuses does not stop the others."""
        before = (self._seq, self._hash, self._backlog)
        outcomes: list[tuple[Future[Any], Any, Exception | None]] = []
        try:
            self._writer_db.execute("BEGIN IMMEDIATE")
            self._used = self._measure()
            for work, done in jobs:
                outcomes.append((done, *_attempt(work)))
            self._writer_db.execute("UPDATE head SET seq = ?, hash = ?", (self._seq, self._hash))
            self._writer_db.execute("COMMIT")
            self._committed_backlog = self._backlog
        except sqlite3.Error as error:
            self._roll_back(jobs, before, error)
            return
        for done, value, refusal in outcomes:
            if refusal is None:
                done.set_result(value)
            else:
                done.set_exception(refusal)
        if self._seq > before[0]:
            self._listener()

    def _roll_back(
        self,
        jobs: list[tuple[Callable[[], Any], Future[Any]]],
        before: tuple[int, str | None, int],
        error: sqlite3.Error,
    ) -> None:
        self._seq, self._hash, self._backlog = before
        if self._writer_db.in_transaction:
            self._writer_db.execute("ROLLBACK")
        log.error("spool_write_failed", error=str(error), jobs=len(jobs))
        full = "full" in str(error)
        for _, done in jobs:
            if full:
                done.set_exception(SpoolFull("any", self._used, self._quota.spool_bytes))
            else:
                done.set_exception(SpoolClosed(f"spool {self.path}: {error}"))

    def _admit(self, draft: Draft) -> int:
        """Insert, unless the quota of its kind is used up."""
        try:
            self._make_room(draft.kind)
        except SpoolFull:
            self._count_refused(draft.kind)
            raise
        has_room = self._used < ROOM_BELOW * self._allowed("traffic")
        if self._refused_since is not None and has_room:
            self._declare_refused()
        return self._insert(draft)

    def _count_refused(self, kind: str) -> None:
        self._refused[kind] = self._refused.get(kind, 0) + 1
        if self._refused_since is None:
            self._refused_since = self._now()
            log.error("spool_full", kind=kind, used_bytes=self._used)

    def _allowed(self, kind: str) -> int:
        return int(self._quota.spool_bytes * QUOTA_SHARE.get(kind, QUOTA_SHARE_OTHER))

    def _make_room(self, kind: str) -> None:
        allowed = self._allowed(kind)
        if self._used >= ROOM_BELOW * allowed and self._drop_acknowledged():
            self._used = self._measure()
        if self._used >= allowed:
            raise SpoolFull(kind, self._used, allowed)
        if shutil.disk_usage(self.path.parent).free < self._quota.keep_free_bytes:
            raise SpoolFull(kind, self._used, allowed)

    def _declare_refused(self) -> None:
        """What was refused is said out loud, as an event, once there is room again."""
        since, self._refused_since = self._refused_since, None
        refused, self._refused = self._refused, {}
        values = {f"refused_{kind}": float(count) for kind, count in refused.items()}
        log.info("spool_has_room", refused=refused)
        self._insert(self._notice(refused_since=since.isoformat() if since else "", **values))

    def _notice(self, **values: float | str) -> Draft:
        return Draft(kind="spool", seen_at=self._now(), data={"values": values})

    def _insert(self, draft: Draft) -> int:
        body = self._sealed(draft)
        blob = canonical_json(body)
        if len(blob) > MAX_EVENT_BYTES:
            raise EventTooLarge(draft.kind, len(blob), MAX_EVENT_BYTES)
        self._writer_db.execute(
            "INSERT INTO event (seq, kind, body) VALUES (?, ?, ?)",
            (body["seq"], draft.kind, blob),
        )
        self._seq, self._hash = body["seq"], content_sha256(body)
        self._used += len(blob) + ROW_OVERHEAD_BYTES
        self._backlog += 1
        return self._seq

    def _sealed(self, draft: Draft) -> dict[str, Any]:
        """The whole envelope: its place, the hash of the one before, the signature."""
        try:
            event = Event(
                id=new_id(draft.seen_at),
                box=self._origin.box,
                epoch=self.epoch,
                seq=self._seq + 1,
                boot=self._origin.boot,
                kind=draft.kind,
                camera=draft.camera,
                seen_at=draft.seen_at,
                clock=draft.clock,
                simulated=draft.simulated,
                location=draft.location,
                data=draft.data,
                evidence=draft.evidence,
                models=draft.models,
                config_sha256=self._origin.config_sha256,
                prev=self._hash,
            )
            event.payload()
        except ValidationError as error:
            raise EventInvalid(f"kind {draft.kind!r}: {error}") from error
        dumped = event.model_dump(mode="json")
        body = {key: value for key, value in dumped.items() if value is not None}
        if self._signer is not None:
            body["sig"] = base64.b64encode(self._signer.sign(signed_bytes(body))).decode()
        return body

    def _acknowledge(self, ranges: Sequence[tuple[int, int]]) -> int:
        at = milliseconds(self._now())
        fresh = 0
        for first, last in ranges:
            fresh += self._writer_db.execute(
                "UPDATE event SET acked_ms = ? WHERE seq BETWEEN ? AND ? AND acked_ms IS NULL",
                (at, first, last),
            ).rowcount
        self._backlog -= fresh
        return fresh

    def _quarantine(self, seq: int, code: str) -> bool:
        moved = self._writer_db.execute(
            "INSERT INTO quarantine (seq, code, body, rejected_ms)"
            " SELECT seq, ?, body, ? FROM event WHERE seq = ? AND acked_ms IS NULL",
            (code, milliseconds(self._now()), seq),
        ).rowcount
        if moved:
            self._writer_db.execute("DELETE FROM event WHERE seq = ?", (seq,))
            self._backlog -= 1
        return bool(moved)

    def _purge(self) -> None:
        before = milliseconds(self._now() - KEEP_ACKNOWLEDGED)
        self._writer_db.execute(
            "DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE acked_ms < ? LIMIT 5000)",
            (before,),
        )

    def _drop_acknowledged(self) -> int:
        """Room for new events comes before the replay of those the cloud has."""
        return self._writer_db.execute(
            "DELETE FROM event WHERE seq IN (SELECT seq FROM event"
            " WHERE acked_ms IS NOT NULL ORDER BY acked_ms LIMIT 1000)"
        ).rowcount

    def _measure(self) -> int:
        """Bytes in use, freed pages aside."""
        pages, free, size = (
            self._writer_db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)


def _nobody() -> None:
    """Listener until a publisher comes."""


def _attempt(work: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Run one job; only a broken database may stop the rest of its group."""
    try:
        return work(), None
    except EdgeError as refusal:
        return None, refusal
    except sqlite3.Error:
        raise
    except Exception as surprise:
        log.exception("spool_job_failed")
        return None, surprise


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.execute("PRAGMA journal_mode = WAL").fetchone()
    db.execute("PRAGMA synchronous = FULL")
    return db


def _open_head(db: sqlite3.Connection) -> tuple[UUID, int, str | None]:
    """The epoch is made with the file and dies with it."""
    db.executescript(_SCHEMA)
    db.execute("INSERT OR IGNORE INTO head VALUES (1, ?, 0, NULL)", (str(uuid4()),))
    epoch, seq, prev = db.execute("SELECT epoch, seq, hash FROM head").fetchone()
    return UUID(epoch), seq, prev


def _count_unacked(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM event WHERE acked_ms IS NULL").fetchone()[0])


def _lock(path: Path) -> Any:  # noqa: ANN401 an open file has no shorter name
    path.parent.mkdir(parents=True, exist_ok=True)
    held = path.with_suffix(".lock").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        held.close()
        raise SpoolBusy(path) from error
    return held


def _set_corrupt_aside(path: Path, now: datetime) -> Path | None:
    """Check the file; a corrupt one is kept under another name for the technician."""
    if not path.exists() or _is_sound(path):
        return None
    aside = path.with_name(f"{path.name}.corrupt-{now:%Y%m%dT%H%M%S}-{os.getpid()}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def _is_sound(path: Path) -> bool:
    try:
        db = sqlite3.connect(path)
        try:
            if db.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                return False
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
            return not tables or {"head", "event", "quarantine"} <= tables
        finally:
            db.close()
    except sqlite3.DatabaseError:
        return False
