"""What a file really is, by its first bytes and not by its name."""

from pathlib import Path
from typing import Final, Literal

import olefile  # type: ignore[import-untyped]

from ioc_cloud.feeds.files import archive
from ioc_cloud.feeds.files.archive import Looked
from ioc_cloud.feeds.files.errors import (
    Damaged,
    EmptyFile,
    Encrypted,
    FileTooLarge,
    HasMacros,
    NotAWorkbook,
    OldFormat,
)
from ioc_cloud.feeds.files.limits import Limits

ZIP: Final = b"PK\x03\x04"
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
HEAD: Final = 4096
TEXT_NAMES: Final = (".csv", ".tsv", ".txt")
MACRO_NAMES: Final = (".xlsm", ".xltm", ".xlam")

KNOWN: Final = (
    (b"%PDF", "PDF"),
    (b"\x89PNG", "ảnh PNG / a PNG picture"),
    (b"\xff\xd8\xff", "ảnh JPEG / a JPEG picture"),
    (b"GIF8", "ảnh GIF / a GIF picture"),
    (b"II*\x00", "ảnh TIFF / a TIFF picture"),
    (b"MM\x00*", "ảnh TIFF / a TIFF picture"),
    (b"Rar!", "tệp nén RAR / a RAR archive"),
    (b"7z\xbc\xaf", "tệp nén 7z / a 7z archive"),
    (b"\x1f\x8b", "tệp nén gzip / a gzip archive"),
    (b"MZ", "chương trình Windows / a Windows program"),
    (b"\x7fELF", "chương trình Linux / a Linux program"),
    (b"{\\rtf", "văn bản RTF / an RTF document"),
)
MARKUP: Final = (
    (b"<!doctype html", "trang web HTML / an HTML page"),
    (b"<html", "trang web HTML / an HTML page"),
    (b"<table", "trang web HTML / an HTML page"),
    (b"<?xml", "tệp XML / an XML file"),
)


def look(path: Path, name: str, limits: Limits) -> Looked | Literal["csv"]:
    """Decide what a file is and look a workbook through before anything loads it.

    Args:
        path: Where its bytes are.
        name: As its sender called it.
        limits: What may be.

    Raises:
        FileRefused: The kind of error says why.
    """
    size = path.stat().st_size
    if size == 0:
        raise EmptyFile
    if size > limits.file_bytes:
        raise FileTooLarge(bytes=size, limit=limits.file_bytes)
    with path.open("rb") as file:
        head = file.read(HEAD)
    if name.lower().endswith(MACRO_NAMES):
        raise HasMacros(part=name[-60:])
    if head.startswith(ZIP):
        return archive.look(path, limits)
    if head.startswith(OLE):
        raise _ole(path)
    _refuse_other(head, name)
    return "csv"


def _refuse_other(head: bytes, name: str) -> None:
    for magic, found in KNOWN:
        if head.startswith(magic):
            raise NotAWorkbook(found=found)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    for magic, found in MARKUP:
        if start.startswith(magic):
            raise NotAWorkbook(found=found)
    if not name.lower().endswith(TEXT_NAMES):
        if head.startswith(b"PK"):
            raise NotAWorkbook(found="tệp nén ZIP rỗng hoặc hỏng / an empty or broken ZIP archive")
        raise NotAWorkbook(found="không rõ / unknown")


def _ole(path: Path) -> Exception:
    try:
        with olefile.OleFileIO(path) as ole:
            entries = {"/".join(parts).lower() for parts in ole.listdir()}
    except (OSError, ValueError, IndexError) as error:
        return Damaged(why=str(error)[:120])
    if "encryptedpackage" in entries or "encryptioninfo" in entries:
        return Encrypted()
    if entries & {"workbook", "book"}:
        return OldFormat(found="Excel 97-2003 (.xls)")
    if "worddocument" in entries:
        return NotAWorkbook(found="Word 97-2003 (.doc)")
    return NotAWorkbook(found="tệp OLE / an OLE file")
