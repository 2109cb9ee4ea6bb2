"""CSV as Excel, LibreOffice and old accounting programs write it: which letters, which commas."""

import codecs
import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from ioc_cloud.feeds.files import text
from ioc_cloud.feeds.files.cells import Row, address
from ioc_cloud.feeds.files.errors import BrokenCsv, NulInside, WrongEncoding
from ioc_cloud.feeds.files.limits import Limits

PIECE: Final = 1 << 16
SAMPLE: Final = 1 << 18
DELIMITERS: Final = (",", ";", "\t", "|")
SNIFFED_RECORDS: Final = 50
# That many good letters before the first bad byte make a broken UTF-8, not another encoding.
UTF8_FOR_SURE: Final = 8
ASCII: Final = 0x7F
# No line of a table is that long; a file of one line would be held whole.
LINE_CHARS: Final = 2_000_000
# Share of every other byte that is NUL where Latin text is in UTF-16.
UTF16_SHARE: Final = 0.3
# Share of words with marks that must be Vietnamese syllables before windows-1258 is believed.
VIETNAMESE_SHARE: Final = 0.5

BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How bytes become letters.

    Attributes:
        name: For people: `utf-8`, `utf-16-le`, `windows-1258`, `tcvn3`, `vni`.
        codec: Python's.
        skip: Bytes of the byte order mark.
        legacy: The font encoding to convert from after decoding.
    """

    name: str
    codec: str
    skip: int = 0
    legacy: text.Legacy | None = None


def encoding_of(path: Path) -> Encoding:
    """Tell a file's encoding from all of its bytes.

    Raises:
        WrongEncoding: It cannot be told for certain.
        NulInside: It is no text.
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise WrongEncoding(line=1, why="UTF-32")
    for mark, name in BOMS:
        if head.startswith(mark):
            return Encoding(name, name, len(mark))
    for name, high in (("utf-16-le", 1), ("utf-16-be", 0)):
        every_other = head[high::2]
        if every_other and every_other.count(0) / len(every_other) > UTF16_SHARE:
            return Encoding(name, name)
    return _utf8(path) or _legacy(path)


def _utf8(path: Path) -> Encoding | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, marked = 1, 0
    with path.open("rb") as file:
        while True:
            piece = file.read(PIECE)
            if b"\0" in piece:
                raise NulInside(line=line + piece[: piece.index(b"\0")].count(b"\n"))
            try:
                decoded = decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                good = error.object[: error.start].decode("utf-8", "ignore")
                if marked + sum(not one.isascii() for one in good) >= UTF8_FOR_SURE:
                    raise WrongEncoding(line=line + good.count("\n"), why="UTF-8") from error
                return None
            if not piece:
                return Encoding("utf-8", "utf-8")
            line += decoded.count("\n")
            marked += 0 if decoded.isascii() else sum(not one.isascii() for one in decoded)


def _legacy(path: Path) -> Encoding:
    line, sample = _marked_lines(path)
    legacy = text.detect(sample.decode("latin-1").splitlines())
    if legacy is not None:
        return Encoding(legacy, "latin-1", legacy=legacy)
    try:
        read = sample.decode("cp1258")
    except UnicodeDecodeError as error:
        raise WrongEncoding(line=line, why=f"byte 0x{sample[error.start]:02X}") from error
    if text.vietnamese_share(read) < VIETNAMESE_SHARE:
        bad = next(byte for byte in sample if byte > ASCII)
        raise WrongEncoding(line=line, why=f"byte 0x{bad:02X}")
    return Encoding("windows-1258", "cp1258")


def _marked_lines(path: Path) -> tuple[int, bytes]:
    """The number of the first line that is not ASCII, and such lines up to a sample's size."""
    first, kept, size = 0, [], 0
    with path.open("rb") as file:
        number = 1
        while size < SAMPLE and (line := file.readline(SAMPLE)):
            if not line.isascii():
                first = first or number
                kept.append(line)
                size += len(line)
            number += 1
    return first, b"".join(kept)


def records(path: Path, encoding: Encoding, delimiter: str, limits: Limits) -> Iterator[Row]:
    """The records in order, empty cells as `None`, blank lines as `()`.

    Raises:
        BrokenCsv: A quote never closes or a cell is too long.
        NulInside: NUL characters.
        WrongEncoding: UTF-16 that breaks off.
    """
    csv.field_size_limit(limits.field_chars)
    read = _reading(encoding)
    reader = csv.reader(_lines(path, encoding, limits), delimiter=delimiter, strict=True)
    try:
        for record in reader:
            if reader.line_num == 1 and "".join(record).lower() == "sep=":
                continue  # Excel's own hint, a first line `sep=;`, which it does not show
            yield tuple([read(one) or None for one in record])
    except csv.Error as error:
        raise BrokenCsv(line=reader.line_num, limit=limits.field_chars) from error
    except UnicodeDecodeError as error:
        raise WrongEncoding(line=reader.line_num + 1, why=encoding.name) from error


def _reading(encoding: Encoding) -> Callable[[str], str]:
    legacy = encoding.legacy
    if legacy is not None:
        return lambda cell: text.converted(cell, legacy)
    if encoding.codec == "cp1258":
        # That code page writes a letter and its tone apart.
        return lambda cell: unicodedata.normalize("NFC", cell)
    return str


def _lines(path: Path, encoding: Encoding, limits: Limits) -> Iterator[str]:
    with path.open("rb") as raw:
        raw.seek(encoding.skip)
        reader = io.TextIOWrapper(raw, encoding=encoding.codec, newline="")
        number = 0
        while line := reader.readline(LINE_CHARS + 1):
            number += 1
            if "\0" in line:
                raise NulInside(line=number)
            if len(line) > LINE_CHARS:
                raise BrokenCsv(line=number, limit=limits.field_chars)
            yield line


def delimiter_of(path: Path, encoding: Encoding, limits: Limits) -> str:
    """What stands between the cells: what makes most records equally wide, and wide at all."""
    best, best_score = DELIMITERS[0], (0.0, 0)
    for one in DELIMITERS:
        widths = _widths(path, encoding, one, limits)
        if not widths:
            continue
        width, times = widths.most_common(1)[0]
        score = (times / widths.total(), width)
        if width > 1 and score > best_score:
            best, best_score = one, score
    return best


def _widths(path: Path, encoding: Encoding, delimiter: str, limits: Limits) -> Counter[int]:
    """How often each width occurs in the first records; empty where they cannot be parted so."""
    try:
        first = list(islice(records(path, encoding, delimiter, limits), SNIFFED_RECORDS))
    except (BrokenCsv, NulInside, WrongEncoding):
        return Counter()
    return Counter(len(record) for record in first if record)


@dataclass(slots=True)
class Ragged:
    """Records that are not as wide as the first one, by the address where they differ."""

    width: int = 0
    missing: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)

    def see(self, number: int, row: Row) -> None:
        """Compare one record; blank lines and empty cells at the end do not count."""
        full = len(row)
        while full and row[full - 1] is None:
            full -= 1
        if not full:
            return
        if not self.width:
            self.width = full
        elif full > self.width:
            self.surplus.append(address(number, self.width + 1))
        elif len(row) < self.width:
            self.missing.append(address(number, len(row) + 1))
