"""Pictures by their SHA-256: hashed while they stream in, on disk before they are said to be."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import BinaryIO, Final, Protocol

READ_BYTES: Final = 256 * 1024


class Upload(Protocol):
    """One picture on its way in."""

    size: int

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""

    def sha256(self) -> str:
        """Hash of what was written so far."""

    def keep(self) -> bool:
        """Make it durable under its hash; False when it was there before."""

    def set_aside(self) -> None:
        """Keep the bytes for people to look at, out of everybody's reach."""

    def discard(self) -> None:
        """Forget it; harmless after any of the above."""


class EvidenceStore(Protocol):
    """Where pictures lie: a folder here, an object store by configuration."""

    def begin(self) -> Upload:
        """Start an upload."""

    def has(self, sha256: str) -> bool:
        """Whether the bytes are here."""

    def open(self, sha256: str) -> BinaryIO:
        """The bytes.

        Raises:
            FileNotFoundError: They are not here.
        """

    def remove(self, sha256: str) -> None:
        """Delete the bytes; harmless when they are gone."""


class Folder:
    """Content-addressed files: `aa/bb/<sha256>`, never rewritten, read-only."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for name in ("incoming", "quarantine"):
            (root / name).mkdir(parents=True, exist_ok=True, mode=0o750)

    def begin(self) -> "FileUpload":
        """Start an upload in the folder `incoming`, on the same file system."""
        return FileUpload(self)

    def has(self, sha256: str) -> bool:
        """Whether the file exists."""
        return self.path(sha256).exists()

    def open(self, sha256: str) -> BinaryIO:
        """The file."""
        return self.path(sha256).open("rb")

    def remove(self, sha256: str) -> None:
        """Delete the file."""
        self.path(sha256).unlink(missing_ok=True)

    def path(self, sha256: str) -> Path:
        """Two levels of folders keep each one small."""
        return self._root / sha256[:2] / sha256[2:4] / sha256

    def incoming(self) -> Path:
        """Where uploads grow."""
        return self._root / "incoming"

    def quarantine(self, sha256: str) -> Path:
        """Where bytes lie that were sent under another hash."""
        return self._root / "quarantine" / sha256


class FileUpload:
    """A temporary file that is renamed into place: readers see all of it or nothing."""

    def __init__(self, folder: Folder) -> None:
        self.size = 0
        self._folder = folder
        self._hash = hashlib.sha256()
        descriptor, name = tempfile.mkstemp(dir=folder.incoming())
        self._file = os.fdopen(descriptor, "wb")
        self._path = Path(name)

    def write(self, chunk: bytes) -> None:
        """Append and hash."""
        self._hash.update(chunk)
        self._file.write(chunk)
        self.size += len(chunk)

    def sha256(self) -> str:
        """Hash of what was written so far, hexadecimal."""
        return self._hash.hexdigest()

    def keep(self) -> bool:
        """Flush, rename, flush the folder: in the order that a power cut respects."""
        target = self._folder.path(self.sha256())
        if target.exists():
            self.discard()
            return False
        self._close_durably()
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._path.chmod(0o440)
        self._path.rename(target)
        for folder in (target.parent, target.parent.parent, target.parent.parent.parent):
            _sync_folder(folder)
        return True

    def set_aside(self) -> None:
        """Move into quarantine under the hash that the bytes really have."""
        self._close_durably()
        self._path.chmod(0o440)
        self._path.rename(self._folder.quarantine(self.sha256()))

    def discard(self) -> None:
        """Close and delete the temporary file."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _close_durably(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
