"""Watched folders: whatever whole file lies in a feed's inbox is delivered and put away.

A file leaves the inbox after its delivery is committed, never before. Ended in between, the
file is found again and its SHA-256 says that it came before.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psycopg
import structlog

from ioc_cloud.db import ingest_sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.events.evidence import EvidenceStore
from ioc_cloud.feeds import originals
from ioc_cloud.feeds.batch import Batch, Door, Original, Receipt, Rows
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import deliver
from ioc_cloud.feeds.doors import file_rows, reasons
from ioc_cloud.feeds.doors.errors import AnswerUnreadable
from ioc_cloud.feeds.doors.said import Said
from ioc_cloud.feeds.doors.stillness import DONE_MARK, REASON, Look, Stillness
from ioc_cloud.feeds.files.errors import FileRefused

log = structlog.get_logger()

DONE: Final = "done"
REFUSED: Final = "refused"
LARGEST: Final = 50_000_000
MEDIA_TYPES: Final = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".csv": "text/csv",
    ".json": "application/json",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".xml": "application/xml",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file.

    Attributes:
        receipt: None where it could not be read.
        path: Where it lies now; None where it changed meanwhile and stays to be read again.
    """

    feed: str
    name: str
    receipt: Receipt | None
    path: Path | None

    @property
    def refused(self) -> bool:
        """Whether nothing of it was taken."""
        return self.receipt is None or self.receipt.status == "refused"


class WatchedFolders:
    """`<root>/<feed>/`: files in, `done/` and `refused/` below it.

    Args:
        connect: Opens a connection of a role that may deliver.
        catalogue: The contracts in force.
        store: Where originals are kept.
        root: `IOC_HOME/feeds/inbox`.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        catalogue: Catalogue,
        store: EvidenceStore,
        root: Path,
    ) -> None:
        self._connect = connect
        self._catalogue = catalogue
        self._store = store
        self._root = root
        self._stillness = {feed: Stillness() for feed in catalogue.feeds}
        # A file that is being taken by one thread is no other's.
        self._lock = threading.Lock()

    def open(self) -> None:
        """Make a folder for each feed."""
        for feed in self._catalogue.feeds:
            for folder in (self.inbox(feed), self.inbox(feed) / DONE, self.inbox(feed) / REFUSED):
                folder.mkdir(parents=True, exist_ok=True, mode=0o770)

    def inbox(self, feed: str) -> Path:
        """A feed's folder."""
        return self._root / feed

    def look(self, now: datetime) -> list[Taken]:
        """Take what is whole since the last look; call it every few seconds.

        Raises:
            psycopg.OperationalError: The database is away; files stay where they are.
        """
        found: list[Taken] = []
        for feed, stillness in self._stillness.items():
            for look in stillness.whole(_looks(self.inbox(feed))):
                taken = self.take(feed, self.inbox(feed) / look.name, now)
                if taken is not None:
                    found.append(taken)
        return found

    def take(
        self, feed: str, path: Path, now: datetime, door: Door = "folder", sent_by: str = ""
    ) -> Taken | None:
        """Deliver one file and put it away; None where it is gone already.

        Raises:
            NoSuchFeed: There is no such feed.
            psycopg.OperationalError: The database is away; the file stays.
        """
        contract = self._catalogue.feed(feed)
        with self._lock:
            try:
                return self._take(contract.id, path, now, door, sent_by or f"{door}:{feed}")
            except FileNotFoundError:
                return None

    def _take(self, feed: str, path: Path, now: datetime, door: Door, sent_by: str) -> Taken:
        if path.is_symlink() or not path.is_file():
            return self._refuse(feed, path, None, "không phải tệp thường", "is no plain file", now)
        before = path.stat()
        if before.st_size > LARGEST:
            vi, en = f"lớn hơn {LARGEST} byte", f"has more than {LARGEST} bytes"
            return self._refuse(feed, path, None, vi, en, now)
        with TemporaryDirectory(dir=self._root) as folder:
            # What is read is what was kept, whatever its sender does to the file meanwhile.
            copy = Path(folder) / f"file{path.suffix.casefold()}"
            shutil.copyfile(path, copy)
            original = self._keep(copy, path.name)
            try:
                receipt = self._deliver(feed, copy, original, now, door, sent_by)
            except (FileRefused, AnswerUnreadable) as error:
                return self._refuse(feed, path, original, error.vi, error.en, now)
            except psycopg.DataError as error:
                log.exception("file_refused_by_database", feed=feed, file=path.name)
                said = f"cơ sở dữ liệu từ chối ({error.sqlstate})", f"database: {error.sqlstate}"
                return self._refuse(feed, path, original, *said, now)
        with suppress(FileNotFoundError):
            after = path.stat()
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                return Taken(feed, path.name, receipt, None)
        return self._put_away(feed, path, original, receipt, now)

    def _keep(self, copy: Path, name: str) -> Original:
        kind = MEDIA_TYPES.get(copy.suffix, "application/octet-stream")
        with copy.open("rb") as source:
            return originals.keep(self._store, source, name, kind)

    def _deliver(
        self, feed: str, copy: Path, original: Original, now: datetime, door: Door, sent_by: str
    ) -> Receipt:
        contract = self._catalogue.feed(feed)
        read = file_rows.read(contract, copy, original.name)
        said = read if isinstance(read, Said) else Said()
        tables: dict[str, Rows] = read.of(contract) if isinstance(read, Said) else read
        batch = Batch(
            feed=feed,
            tables=tables,
            door=door,
            provenance="simulated" if said.simulated else "file",
            sent_by=sent_by,
            idempotency_key=f"{sent_by}/{said.key}" if said.key else None,
            original=original,
            changed_at=said.changed_at,
            controls=said.controls,
            note=said.note,
        )
        with self._connect() as connection:
            return deliver(connection, self._catalogue, batch, now=now)

    def _put_away(
        self, feed: str, path: Path, original: Original, receipt: Receipt, now: datetime
    ) -> Taken:
        refused = receipt.status == "refused"
        words = reasons.of_receipt(path.name, receipt, now) if receipt.problems else None
        moved = _moved(path, REFUSED if refused else DONE, original.sha256, words)
        log.info(
            "file_taken", feed=feed, file=path.name, status=receipt.status, batch=receipt.batch
        )
        return Taken(feed, path.name, receipt, moved)

    def _refuse(
        self, feed: str, path: Path, original: Original | None, vi: str, en: str, now: datetime
    ) -> Taken:
        sha256 = original.sha256 if original else ""
        with self._connect() as connection:
            connection.execute(
                ingest_sql.COUNT_AT_DOOR,
                {"door": "folder", "reasons": ["unreadable"], "counts": [1]},
            )
        words = reasons.of_refusal(path.name, vi, en, now, sha256)
        moved = _moved(path, REFUSED, sha256, words)
        log.warning("file_refused", feed=feed, file=path.name, why=en)
        return Taken(feed, path.name, None, moved)


def _looks(folder: Path) -> Iterable[Look]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                continue
            with suppress(FileNotFoundError):
                stat = entry.stat(follow_symlinks=False)
                yield Look(entry.name, stat.st_size, stat.st_mtime)


def _moved(path: Path, where: str, sha256: str, words: str | None) -> Path:
    """Move a file out of the inbox, under its own name where that is free.

    The reason is written first: a file in `refused/` without one would be a riddle.
    """
    folder = path.parent / where
    folder.mkdir(exist_ok=True, mode=0o770)
    target = folder / path.name
    number = 0
    while target.exists() or target.is_symlink():
        number += 1
        target = folder / f"{path.stem}.{sha256[:8] or 'again'}{number}{path.suffix}"
    if words is not None:
        (folder / f"{target.name}{REASON}").write_text(words, encoding="utf-8")
    path.rename(target)
    (path.parent / f"{path.name}{DONE_MARK}").unlink(missing_ok=True)
    return target
