"""The pages of one answer as one original: a zip whose bytes depend on theirs alone."""

import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from ioc_cloud.events.evidence import EvidenceStore
from ioc_cloud.feeds import originals
from ioc_cloud.feeds.batch import Original
from ioc_cloud.feeds.doors.asking import Answer

MANIFEST: Final = "manifest.json"
MEDIA_TYPE: Final = "application/zip"
# A zip knows no time before this one; a fixed one makes the same pages the same bytes.
NO_TIME: Final = (1980, 1, 1, 0, 0, 0)


def keep(
    store: EvidenceStore, feed: str, answers: Sequence[Answer], form: str, scratch: Path
) -> Original:
    """Put the pages into the store, as they came; durable when it returns."""
    path = scratch / "bundle.zip"
    names = [f"page-{n:05}.{form}" for n in range(1, len(answers) + 1)]
    said = [_said(name, answer) for name, answer in zip(names, answers, strict=True)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, answer in zip(names, answers, strict=True):
            archive.writestr(_entry(name), answer.path.read_bytes())
        manifest = {"feed": feed, "format": form, "pages": said}
        archive.writestr(_entry(MANIFEST), json.dumps(manifest, ensure_ascii=False, indent=1))
    with path.open("rb") as source:
        return originals.keep(store, source, f"{feed}.zip", MEDIA_TYPE)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, NO_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _said(name: str, answer: Answer) -> dict[str, Any]:
    return {
        "name": name,
        "url": answer.url,
        "status": answer.status,
        "media_type": answer.media_type,
        "sha256": answer.sha256,
        "bytes": answer.size,
        "simulated": answer.simulated,
    }


def opened(store: EvidenceStore, sha256: str, scratch: Path) -> Iterator[Answer]:
    """The pages of a bundle, written out again.

    Raises:
        FileNotFoundError: No such original.
        zipfile.BadZipFile: It is no bundle.
    """
    with store.open(sha256) as source, zipfile.ZipFile(source) as archive:
        for page in json.loads(archive.read(MANIFEST))["pages"]:
            path = scratch / page["name"]
            path.write_bytes(archive.read(page["name"]))
            yield Answer(
                page["url"], page["status"], page["media_type"], path, page["sha256"],
                page["bytes"], page["simulated"], None,
            )  # fmt: skip
