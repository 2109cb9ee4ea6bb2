"""The guard at a workbook's archive: nothing is loaded before all of it was looked through.

Sizes that a zip declares are never believed: every part is unpacked in small pieces, counted and
checked against its CRC, and the first bound that breaks ends it.
"""

import errno
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Final
from urllib.parse import unquote

from ioc_cloud.feeds.files.errors import (
    BadPartName,
    Damaged,
    DtdInside,
    Encrypted,
    ExternalLinks,
    FileInside,
    HasMacros,
    NotAWorkbook,
    OldFormat,
    TooManyCells,
    TooManyParts,
    ZipBomb,
)
from ioc_cloud.feeds.files.limits import Limits
from ioc_cloud.feeds.files.sheet_xml import Attributes, Scanned, Started, parsed, scan

PIECE: Final = 65_536
# Ratios say nothing about small parts: an empty theme packs a hundredfold.
RATIO_FROM: Final = 1_048_576
METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
SCRAMBLED: Final = 0x1  # bit 0 of the flags: encrypted (APPNOTE.TXT 4.4.4)

TYPES: Final = "[Content_Types].xml"
MAIN_TYPE: Final = "spreadsheetml.sheet.main+xml"
MACRO_PARTS: Final = ("vbaproject", "vbadata", "/macrosheets/", "/activex/", "/dialogsheets/")
OUTSIDE_PARTS: Final = ("/externallinks/", "xl/connections.xml", "/querytables/", "/model/")
# What a sheet may point at outside without taking figures from there.
HARMLESS: Final = ("/hyperlink",)
OTHERS: Final = (
    ("xl/workbook.bin", "xlsb"),
    ("word/document.xml", "Word (.docx)"),
    ("ppt/presentation.xml", "PowerPoint (.pptx)"),
    ("meta-inf/manifest.mf", "Java (.jar)"),
    ("androidmanifest.xml", "Android (.apk)"),
)
ARCHIVES: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"Rar!", b"7z\xbc\xaf", b"MZ", b"%PDF")
DTD: Final = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)


@dataclass(slots=True)
class Looked:
    """What the guard saw, by each sheet's name."""

    sheets: dict[str, Scanned] = field(default_factory=dict)


def look(path: Path, limits: Limits) -> Looked:
    """Look a workbook's archive through.

    Raises:
        FileRefused: It is no workbook, or one that is not read; the kind of error says why.
    """
    with _broken_is_damaged(), zipfile.ZipFile(path) as archive:
        return _Guard(archive, limits).look()


@contextmanager
def _broken_is_damaged() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # An offset before the file's beginning; anything else is the disk's fault, not the file's.
        if error.errno != errno.EINVAL:
            raise
        raise Damaged(why="ZIP: offset") from error
    except MemoryError as error:
        # A directory that claims gigabytes, which `zipfile` asks for at once.
        raise Damaged(why="ZIP: size") from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        # What `zipfile` says of a compression that it does not know.
        NotImplementedError,
        ValueError,
    ) as error:
        raise Damaged(why=str(error)[:120]) from error


class _Guard:
    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._archive = archive
        self._limits = limits
        self._left = limits.unpacked_bytes
        self._parts = archive.infolist()
        self._names = {_key(one): one for one in self._parts}

    def look(self) -> Looked:
        self._check_names()
        self._check_kind()
        self._check_macros()
        self._check_outside()
        titles = self._titles()
        looked = Looked()
        cells = 0
        for part in sorted(self._parts, key=_sheets_first):
            found = self._look_into(part, titles)
            if found.is_sheet:
                title = titles.get(_key(part), part.filename)
                looked.sheets[title] = found
                cells += found.valued
                self._check_cells(title, found, cells)
        return looked

    def _check_names(self) -> None:
        if len(self._parts) > self._limits.parts:
            raise TooManyParts(parts=len(self._parts), limit=self._limits.parts)
        if len(self._names) != len(self._parts):
            raise BadPartName(part="trùng tên / duplicate")
        for one in self._parts:
            if not _is_plain(one.filename):
                raise BadPartName(part=repr(one.filename)[:120])
            if one.flag_bits & SCRAMBLED:
                raise Encrypted
            if one.compress_type not in METHODS:
                raise Damaged(why=f"{one.filename}: compression {one.compress_type}")

    def _check_kind(self) -> None:
        for name, kind in OTHERS:
            if name in self._names:
                raise OldFormat(found=".xlsb") if kind == "xlsb" else NotAWorkbook(found=kind)
        if "mimetype" in self._names:
            said = b"".join(self._pieces(self._names["mimetype"])).decode("ascii", "replace")
            if "spreadsheet" in said:
                raise OldFormat(found="OpenDocument (.ods)")
            raise NotAWorkbook(found=said[:80])
        if TYPES.lower() not in self._names or "xl/workbook.xml" not in self._names:
            raise NotAWorkbook(found="một tệp nén ZIP / a ZIP archive")

    def _check_macros(self) -> None:
        for name in self._names:
            if any(mark in f"/{name}" for mark in MACRO_PARTS):
                raise HasMacros(part=name)
        types: list[str] = []
        self._elements(
            TYPES, lambda _name, attributes: types.append(attributes.get("ContentType", ""))
        )
        for one in types:
            if "macroenabled" in one.lower() or "vbaproject" in one.lower():
                raise HasMacros(part=one)
        if not any(MAIN_TYPE in one for one in types):
            raise NotAWorkbook(found="một tệp Office khác / another Office file")

    def _check_outside(self) -> None:
        for name in self._names:
            if any(mark in f"/{name}" for mark in OUTSIDE_PARTS):
                raise ExternalLinks(part=name)
            if "/embeddings/" in name:
                raise FileInside(part=name)
            if name.endswith(".rels"):
                self._elements(name, _refuse_outside(name))

    def _titles(self) -> dict[str, str]:
        """Which part is the sheet of which name."""
        targets: dict[str, str] = {}
        titles: dict[str, str] = {}

        def relation(_name: str, attributes: Attributes) -> None:
            if "Id" in attributes and "Target" in attributes:
                targets[attributes["Id"]] = attributes["Target"]

        def sheet(name: str, attributes: Attributes) -> None:
            if name == "sheet" and "name" in attributes:
                ids = [value for key, value in attributes.items() if key.endswith(":id")]
                target = targets.get(ids[0], "") if ids else ""
                titles[_resolved(target)] = attributes["name"]

        if "xl/_rels/workbook.xml.rels" in self._names:
            self._elements("xl/_rels/workbook.xml.rels", relation)
        self._elements("xl/workbook.xml", sheet)
        return titles

    def _look_into(self, part: zipfile.ZipInfo, titles: dict[str, str]) -> Scanned:
        name = _key(part)
        pieces = self._pieces(part)
        if name.endswith((".xml", ".rels")):
            found = scan(pieces, part.filename, titles.get(name, part.filename), self._limits)
        else:
            found = Scanned()
            _look_at_bytes(pieces, part.filename)
        self._check_ratio(part)
        return found

    def _check_ratio(self, part: zipfile.ZipInfo) -> None:
        packed = max(part.compress_size, 1)
        if part.file_size > RATIO_FROM and part.file_size / packed > self._limits.ratio:
            raise ZipBomb(part=part.filename, limit=f"{self._limits.ratio}:1")

    def _check_cells(self, title: str, found: Scanned, cells: int) -> None:
        if cells > self._limits.cells:
            raise TooManyCells(
                sheet=title,
                rows=found.last_row,
                columns=found.last_column,
                limit=self._limits.cells,
            )

    def _elements(self, name: str, started: Started) -> None:
        parsed(self._pieces(self._names[name.lower()]), name, started)

    def _pieces(self, part: zipfile.ZipInfo) -> Iterator[bytes]:
        with self._archive.open(part) as stream:
            yield from self._counted(stream, part.filename)

    def _counted(self, stream: IO[bytes], name: str) -> Iterator[bytes]:
        while piece := stream.read(PIECE):
            self._left -= len(piece)
            if self._left < 0:
                raise ZipBomb(part=name, limit=f"{self._limits.unpacked_bytes // 1_000_000} MB")
            yield piece


def _key(part: zipfile.ZipInfo) -> str:
    # Office compares part names without case (ECMA-376 part 2, 6.2.2.3).
    return part.filename.lower().lstrip("/")


def _sheets_first(part: zipfile.ZipInfo) -> tuple[bool, str]:
    # So that a million rows are called a million rows, before they are called a bomb.
    return "worksheets/" not in part.filename.lower(), part.filename


def _is_plain(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        bool(name)
        and "\\" not in name
        and "\0" not in name
        and ":" not in name
        and ".." not in path.parts
        and not name.startswith("//")
        and name.isprintable()
    )


def _resolved(target: str) -> str:
    """A relation's target as the archive names it: relative to `xl/` unless it begins with `/`."""
    plain = unquote(target).lower()
    return plain.lstrip("/") if plain.startswith("/") else f"xl/{plain}".replace("xl/./", "xl/")


def _refuse_outside(part: str) -> Started:
    def started(_name: str, attributes: Attributes) -> None:
        kind = attributes.get("Type", "")
        if attributes.get("TargetMode", "").lower() == "external" and not kind.endswith(HARMLESS):
            raise ExternalLinks(part=f"{part}: {attributes.get('Target', '')[:100]}")
        if kind.endswith("/vbaProject"):
            raise HasMacros(part=part)

    return started


def _look_at_bytes(pieces: Iterable[bytes], name: str) -> None:
    """Parts that are no XML, or XML that need not be well formed, as Excel's own VML."""
    tail = b""
    for piece in pieces:
        if not tail and piece.startswith(ARCHIVES):
            raise FileInside(part=name)
        if name.endswith(".vml") and DTD.search(tail + piece):
            raise DtdInside(part=name)
        tail = piece[-16:]
