"""Pictures that prove an event: kept on the box under their hash, then uploaded apart."""

import hashlib
import os
import random
import shutil
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

import cv2
import requests
import structlog

from ioc_edge import sealing
from ioc_edge.backends import Detector, Image
from ioc_edge.backends.faces import BUILT_IN, FaceFinder
from ioc_edge.backends.network import NetworkDetector, open_network
from ioc_edge.privacy import Finder, Sight, captioned, looked_again, veil
from ioc_edge.settings import PrivacyConfig
from ioc_models.events import EvidenceRef, MediaType, milliseconds

log = structlog.get_logger(__name__)

JPEG_QUALITY: Final = 88
# To cover too much costs nothing: with the first detector it raised the share of covered
# heads from 0.92 to 0.97 (tests/bench/vision/privacy.py).
SUSPICIOUS: Final = 0.1
# A cut-out of a plate shows nobody, and its figures pass for faces.
AS_IT_IS: Final = frozenset({"plate"})
# Roles that the police alone may look at begin with this.
RESTRICTED: Final = "restricted_"
SEALED: Final[MediaType] = "application/vnd.age"
KEEP_UPLOADED: Final = timedelta(hours=24)
CONNECT_S: Final = 5.0
TRANSFER_S: Final = 30.0
STOP_S: Final = 3.0
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
# The cloud will say the same tomorrow: bytes and hash differ, too big, wrong type.
HOPELESS: Final = frozenset({400, 409, 413, 415, 422})
STORED: Final = frozenset({200, 201, 204})

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS picture (
    sha256 TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    kept_ms INTEGER NOT NULL,
    sent_ms INTEGER,
    refused TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS picture_pending ON picture (kept_ms)
    WHERE sent_ms IS NULL AND refused IS NULL;
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A picture that the cloud does not have yet."""

    sha256: str
    media_type: str
    path: Path


@dataclass(frozen=True, slots=True)
class Protection:
    """What happens to people in pictures.

    Attributes:
        finder: Finds the faces to cover.
        watcher: Sees people and vehicles at a lower confidence than events need: to cover
            too much costs nothing. `suspicious` opens one.
        police_keys: Public keys for which the uncovered picture is sealed; without one it
            is not kept at all.
        in_the_clear: Keep the uncovered picture as it is; only where configuration says so.
    """

    finder: Finder
    watcher: Detector | None = None
    police_keys: tuple[bytes, ...] = ()
    in_the_clear: bool = False


def protection(
    config: PrivacyConfig, detector: Path | None, faces: Path = BUILT_IN, threads: int = 1
) -> Protection:
    """As a box's configuration has it.

    Args:
        config: Its section `privacy`.
        detector: The model.yaml that looks a second time; None looks once.
        faces: That of the face finder.
        threads: Of the inference runtime.

    Raises:
        ModelInvalid: Weights are missing or are not those named.
    """
    return Protection(
        FaceFinder(faces, threads=threads),
        watcher=suspicious(detector, threads) if detector else None,
        police_keys=tuple(sealing.recipient(key) for key in config.police_keys),
        in_the_clear=config.uncovered_in_the_clear,
    )


class EvidenceStore:
    """Content-addressed pictures with the list of those still to upload.

    Any thread may call. What was uploaded goes after a day, or sooner for room; what
    was not uploaded never goes, so a full store refuses new pictures and counts them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limit_bytes: int,
        keep_free_bytes: int,
        protection: Protection | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.refused_for_room = 0
        self.failed = 0
        self._folder = folder
        self._limit = limit_bytes
        self._keep_free = keep_free_bytes
        self._protection = protection or Protection(FaceFinder())
        self._now = now
        self._lock = threading.Lock()
        self._listener: Callable[[], None] = lambda: None
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(
            folder / "index.sqlite3", isolation_level=None, check_same_thread=False, timeout=30
        )
        self._db.execute("PRAGMA journal_mode = WAL").fetchone()
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def keep(self, role: str, image: Image, sight: Sight | None = None) -> EvidenceRef | None:
        """Cover people in a picture and store it as JPEG; None when that cannot be.

        That is counted: an event without its picture is worth more than no event. Without
        `sight`, faces alone are covered. Called from the inference thread alone.
        """
        if role not in AS_IT_IS:
            image = captioned(self._veiled(image, sight or Sight()))
        return self._store(role, jpeg(image), "image/jpeg")

    def _veiled(self, image: Image, sight: Sight) -> Image:
        faces = [face.box for face in self._protection.finder.find(image)]
        if self._protection.watcher is not None:
            found = self._protection.watcher.detect([image])[0]
            sight = looked_again(sight, found, image)
        return veil(image, sight, faces)

    def keep_uncovered(self, role: str, image: Image) -> EvidenceRef | None:
        """The picture as it was seen, for the police alone; None when it is not to be kept."""
        return self.keep_restricted(role, jpeg(image), "image/jpeg")

    def keep_restricted(
        self, role: str, content: bytes, media_type: MediaType
    ) -> EvidenceRef | None:
        """Bytes that show people and cannot be covered, a clip for one.

        Sealed for the police keys. Without a key they are not kept, unless configuration
        wants them in the clear.
        """
        if self._protection.police_keys:
            sealed = sealing.seal(content, self._protection.police_keys)
            return self._store(RESTRICTED + role, sealed, SEALED)
        if self._protection.in_the_clear:
            return self._store(RESTRICTED + role, content, media_type)
        return None

    def _store(self, role: str, content: bytes, media_type: MediaType) -> EvidenceRef | None:
        try:
            return self._write(role, content, media_type)
        except (OSError, sqlite3.Error) as error:
            self.failed += 1
            log.error("evidence_not_kept", role=role, error=str(error))  # noqa: TRY400 disk, not code
            return None

    def _write(self, role: str, content: bytes, media_type: MediaType) -> EvidenceRef | None:
        digest = hashlib.sha256(content).hexdigest()
        with self._lock:
            if not self._has_room(len(content)):
                self.refused_for_room += 1
                if self.refused_for_room == 1:
                    log.error("evidence_full", limit_bytes=self._limit)
                return None
            _write_durably(self._path(digest), content)
            self._db.execute(
                "INSERT OR IGNORE INTO picture (sha256, bytes, media_type, kept_ms)"
                " VALUES (?, ?, ?, ?)",
                (digest, len(content), media_type, milliseconds(self._now())),
            )
        self._listener()
        return EvidenceRef(role=role, sha256=digest, bytes=len(content), media_type=media_type)

    def waiting(self, limit: int = 20) -> list[Waiting]:
        """Pictures to upload, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT sha256, media_type FROM picture"
                " WHERE sent_ms IS NULL AND refused IS NULL ORDER BY kept_ms LIMIT ?",
                (limit,),
            ).fetchall()
        return [Waiting(digest, media, self._path(digest)) for digest, media in rows]

    @property
    def pending(self) -> int:
        """How many pictures the cloud does not have yet."""
        with self._lock:
            row = self._db.execute(
                "SELECT count(*) FROM picture WHERE sent_ms IS NULL AND refused IS NULL"
            ).fetchone()
        return int(row[0])

    def sent(self, digest: str) -> None:
        """The cloud has it."""
        with self._lock:
            self._db.execute(
                "UPDATE picture SET sent_ms = ? WHERE sha256 = ?",
                (milliseconds(self._now()), digest),
            )

    def refused(self, digest: str, reason: str) -> None:
        """The cloud will never take it; it stays on the box for a technician."""
        with self._lock:
            self._db.execute("UPDATE picture SET refused = ? WHERE sha256 = ?", (reason, digest))

    def purge(self) -> int:
        """Delete what was uploaded more than a day ago; returns how many."""
        before = milliseconds(self._now() - KEEP_UPLOADED)
        with self._lock:
            return self._drop("sent_ms < ?", before, limit=500)

    def on_keep(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each new picture; it must not block."""
        self._listener = listener

    def close(self) -> None:
        """Close the index."""
        with self._lock:
            self._db.close()

    def _has_room(self, size: int) -> bool:
        while self._used() + size > self._limit:
            if not self._drop("sent_ms IS NOT NULL AND ?", 1, limit=50):
                return False
        return shutil.disk_usage(self._folder).free - size >= self._keep_free

    def _used(self) -> int:
        return int(self._db.execute("SELECT coalesce(sum(bytes), 0) FROM picture").fetchone()[0])

    def _drop(self, which: str, value: int, *, limit: int) -> int:
        rows = self._db.execute(
            f"SELECT sha256 FROM picture WHERE {which} ORDER BY sent_ms LIMIT ?",  # noqa: S608 ours
            (value, limit),
        ).fetchall()
        for (digest,) in rows:
            self._path(digest).unlink(missing_ok=True)
            self._db.execute("DELETE FROM picture WHERE sha256 = ?", (digest,))
        return len(rows)

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / f"{digest}.jpg"


class Uploader:
    """Puts pictures to the cloud from a thread of its own; events never wait for it."""

    def __init__(
        self, store: EvidenceStore, url: str, key: str, *, ca_file: Path | None = None
    ) -> None:
        self.failing = False
        self._store = store
        self._url = url.rstrip("/")
        self._key = key
        self._verify: str | bool = str(ca_file) if ca_file else True
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uploader", daemon=True)

    def start(self) -> None:
        """Begin to upload."""
        self._store.on_keep(self._wake.set)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what is left is uploaded after the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    @property
    def stopped(self) -> bool:
        """Whether the thread has ended; a slow upload may outlive `stop`."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {self._key}"
            session.verify = self._verify
            while not self._stopping.is_set():
                self._wake.clear()
                if self._upload_all(session):
                    retry_s = FIRST_RETRY_S
                    self._store.purge()
                    self._wake.wait(60.0)
                else:
                    retry_s = min(retry_s * 2, LONGEST_RETRY_S)
                    self._stopping.wait(random.SystemRandom().uniform(retry_s / 2, retry_s))

    def _upload_all(self, session: requests.Session) -> bool:
        """Upload until nothing waits; False at the first failure that may pass."""
        while pictures := self._store.waiting():
            for picture in pictures:
                if self._stopping.is_set():
                    return True
                if not self._upload(session, picture):
                    return False
        return True

    def _upload(self, session: requests.Session, picture: Waiting) -> bool:
        try:
            content = picture.path.read_bytes()
        except OSError as error:
            self._store.refused(picture.sha256, f"unreadable on the box: {error}")
            return True
        try:
            answer = session.put(
                f"{self._url}/api/evidence/{picture.sha256}",
                data=content,
                headers={"Content-Type": picture.media_type},
                timeout=(CONNECT_S, TRANSFER_S),
            )
        except requests.RequestException as error:
            self._note(failing=True, reason=type(error).__name__)
            return False
        if answer.status_code in STORED:
            self._store.sent(picture.sha256)
        elif answer.status_code in HOPELESS:
            log.error("evidence_refused", sha256=picture.sha256, status=answer.status_code)
            self._store.refused(picture.sha256, f"HTTP {answer.status_code}")
        else:
            self._note(failing=True, reason=f"HTTP {answer.status_code}")
            return False
        self._note(failing=False, reason="")
        return True

    def _note(self, *, failing: bool, reason: str) -> None:
        """Say once that uploads fail, and once that they work again."""
        if failing and not self.failing:
            log.warning("evidence_upload_failing", reason=reason)
        elif self.failing and not failing:
            log.info("evidence_upload_works")
        self.failing = failing


def suspicious(path: Path, threads: int = 1) -> Detector:
    """The detector of a model.yaml, at the confidence of `Protection.watcher`.

    Raises:
        ModelInvalid: The manifest or the weights cannot be used.
    """
    network = open_network(path, frozenset({"detector"}), threads)
    return NetworkDetector(network, confidence=SUSPICIOUS)


def jpeg(image: Image) -> bytes:
    """A picture as it is stored and sent."""
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(encoded.tobytes())


def _write_durably(path: Path, content: bytes) -> None:
    """Temp file, fsync, rename, fsync of the folder: whole after a power cut, or absent."""
    if path.exists():
        return
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
