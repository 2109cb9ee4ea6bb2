"""A file from a focal officer: tried without storing anything, handed back marked, or taken.

Whether it is tried or taken, the same function reads and judges it; what a trial says is what a
commit does.
"""

import hashlib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ioc_cloud.db.pool import Connection
from ioc_cloud.events.evidence import EvidenceStore
from ioc_cloud.feeds import originals, template
from ioc_cloud.feeds.batch import Batch, Door, Original, Placed, Provenance, Receipt, Rows
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import deliver
from ioc_cloud.feeds.errors import OldTemplate, OtherFeedsTemplate
from ioc_cloud.feeds.files.cells import Book, Cell
from ioc_cloud.feeds.files.marked import Mark
from ioc_cloud.feeds.files.safely import marked_safely, read_safely
from ioc_cloud.feeds.sheets import rows_of
from ioc_models.feeds import Contract

if TYPE_CHECKING:
    from ioc_cloud.feeds.files.findings import Severity

PROPERTIES: Final = "docProps/custom.xml"
MOST_PROPERTY_BYTES: Final = 100_000
READ_BYTES: Final = 256 * 1024
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
STATUS: Final = {
    "accepted": "Nhận đủ / Accepted",
    "partial": "Nhận một phần / Partly accepted",
    "refused": "Không nhận / Refused",
    "repeated": "Đã nhận trước đây / Had come before",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What would become of a file.

    Attributes:
        receipt: As a commit would give it, without a number.
        marks: Every fault at its cell.
    """

    receipt: Receipt
    marks: Sequence[Mark]
    _feed: Contract
    _name: str
    _original: bytes

    def marked(self) -> bytes:
        """The same workbook with its faults marked; a CSV becomes one.

        Raises:
            FileRefused: Marking it cost too much.
        """
        with TemporaryDirectory(prefix="ioc-marked-") as folder:
            # openpyxl goes by the name; what the file is was seen by its content.
            path = Path(folder) / "original.xlsx"
            path.write_bytes(self._original)
            summary = list(_summary(self._feed, self.receipt, self._name))
            return marked_safely(path, self._name, self.marks, summary)


def trial(  # noqa: PLR0913 what a form sends
    connection: Connection,
    catalogue: Catalogue,
    feed: Contract,
    path: Path,
    name: str,
    *,
    now: datetime,
    by: str,
    door: Door = "upload",
) -> Trial:
    """Say what would become of a file; nothing of it is stored.

    Raises:
        FileRefused: It is not read; the kind of error says why.
        WrongHeader: It has not the columns of the feed.
        OtherFeedsTemplate: It was made for another feed.
        OldTemplate: It was made from an earlier contract.
    """
    seen = _Seen.of(feed, path, name)
    original = Original(name, seen.media_type, _sha256(path), path.stat().st_size)
    batch = seen.batch(feed, original, by=by, door=door)
    receipt = deliver(connection, catalogue, batch, now=now, trial=True)
    return Trial(receipt, _marks(seen.tables, receipt.found), feed, name, path.read_bytes())


def commit(  # noqa: PLR0913 what a form sends
    connection: Connection,
    catalogue: Catalogue,
    store: EvidenceStore,
    feed: Contract,
    path: Path,
    name: str,
    *,
    now: datetime,
    by: str,
    signed_by: str,
    note: str = "",
    door: Door = "upload",
) -> Receipt:
    """Take a file: all of it, or what is good of it where the contract says so.

    The bytes lie in the store under their SHA-256 before a row is written; the same file again
    is a no-op.

    Raises:
        FileRefused: As `trial`, with all the others.
    """
    seen = _Seen.of(feed, path, name)
    with path.open("rb") as file:
        original = originals.keep(store, file, name, seen.media_type)
    batch = seen.batch(feed, original, by=by, door=door, signed_by=signed_by, note=note)
    return deliver(connection, catalogue, batch, now=now)


@dataclass(frozen=True, slots=True)
class Told:
    """What a workbook says of itself in its properties."""

    feed: str | None = None
    version: int | None = None
    provenance: str | None = None

    def must_suit(self, feed: Contract) -> None:
        """See that it was made for this feed, from the contract in force.

        Raises:
            OtherFeedsTemplate: Made for another feed.
            OldTemplate: Made from an earlier contract.
        """
        if self.feed is not None and self.feed != feed.id:
            raise OtherFeedsTemplate(feed.id, self.feed)
        if self.version is not None and self.version != feed.version:
            raise OldTemplate(feed.id, self.version, feed.version)


def told_by(path: Path) -> Told:
    """Read a workbook's own properties; call when the file was looked through.

    Programs that lose them make no fault of it: the columns still tell.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(PROPERTIES).file_size > MOST_PROPERTY_BYTES:
                return Told()
            root = fromstring(archive.read(PROPERTIES))
    except (KeyError, zipfile.BadZipFile, ParseError, DefusedXmlException):
        return Told()
    said = dict(_properties(root))
    version = said.get(template.VERSION_PROPERTY, "")
    return Told(
        said.get(template.FEED_PROPERTY),
        int(version) if version.isdecimal() else None,
        said.get(template.PROVENANCE_PROPERTY),
    )


def _properties(root: Element) -> Iterator[tuple[str, str]]:
    for one in root:
        name, values = one.get("name"), list(one)
        if name and values:
            yield name, (values[0].text or "").strip()[:200]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file that was read."""

    book: Book
    tables: Mapping[str, Rows]
    provenance: Provenance

    @classmethod
    def of(cls, feed: Contract, path: Path, name: str) -> "_Seen":
        book = read_safely(path, name)
        told = told_by(path) if book.kind == "xlsx" else Told()
        told.must_suit(feed)
        simulated = told.provenance == "simulated"
        return cls(book, rows_of(feed, book), "simulated" if simulated else "file")

    @property
    def media_type(self) -> str:
        return XLSX if self.book.kind == "xlsx" else "text/csv"

    def batch(
        self,
        feed: Contract,
        original: Original,
        *,
        by: str,
        door: Door,
        signed_by: str | None = None,
        note: str = "",
    ) -> Batch:
        return Batch(
            feed=feed.id,
            tables=self.tables,
            door=door,
            provenance=self.provenance,
            sent_by=by,
            original=original,
            signed_by=signed_by,
            note=note,
        )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _marks(tables: Mapping[str, Rows], problems: Sequence[Placed]) -> list[Mark]:
    marks = []
    for one in problems:
        rows = tables[one.table]
        # A row as a whole is marked at its area, a lost column at the sheet.
        letter = rows.letters.get(one.field or "", rows.letters.get("area", "A"))
        address = f"{letter}{one.row}" if one.row else ""
        severity: Severity = "error" if one.severity == "error" else "warning"
        marks.append(Mark(rows.sheet, address, one.vi, one.en, severity))
    return marks


def _summary(feed: Contract, receipt: Receipt, name: str) -> Iterator[list[Cell]]:
    yield ["Nguồn dữ liệu / Feed", f"{feed.title.vi} / {feed.title.en}"]
    yield ["Tệp / File", name]
    yield ["Kỳ / Periods", ", ".join(receipt.periods[:20])]
    yield ["Kết quả / Result", STATUS[receipt.status]]
    yield ["Dòng / Rows", receipt.rows_in]
    yield ["Mới / New", receipt.rows_new]
    yield ["Đính chính / Corrected", receipt.rows_changed]
    yield ["Không đổi / Same", receipt.rows_same]
    yield ["Giữ lại / Parked", receipt.rows_parked]
    yield ["Còn thiếu / Missing", receipt.missing]
    yield ["Lỗi / Errors", receipt.errors]
    yield ["Cảnh báo / Warnings", receipt.warnings]
