"""The bytes that deliveries came as, kept under their SHA-256 before anything reads them."""

from pathlib import Path
from typing import BinaryIO, Final

from ioc_cloud.events.evidence import EvidenceStore
from ioc_cloud.feeds.batch import Original

READ_BYTES: Final = 256 * 1024


def keep(store: EvidenceStore, source: BinaryIO | bytes, name: str, media_type: str) -> Original:
    """Put bytes into the store, durably; what is there already is not written again."""
    upload = store.begin()
    try:
        if isinstance(source, bytes):
            upload.write(source)
        else:
            while chunk := source.read(READ_BYTES):
                upload.write(chunk)
        sha256, size = upload.sha256(), upload.size
        upload.keep()
    finally:
        upload.discard()
    # Names come from outside: a path in one is somebody's mistake or somebody's try.
    return Original(Path(name.replace("\\", "/")).name[:200], media_type, sha256, size)
