"""A workbook or CSV file read into plain cells, in this process.

`safely.read_safely` does the same in a child that a hostile file cannot leave: doors use that.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from ioc_cloud.feeds.files import csv_text, guard
from ioc_cloud.feeds.files.archive import Looked
from ioc_cloud.feeds.files.cells import Book, Cell, Kind, Row, Sheet, address
from ioc_cloud.feeds.files.errors import (
    Damaged,
    EmptyFile,
    Encrypted,
    MergedCells,
    TooManyCells,
    TooManyColumns,
    TooManyRows,
    ZipBomb,
)
from ioc_cloud.feeds.files.findings import Finding, at_cells
from ioc_cloud.feeds.files.limits import DEFAULT, Limits
from ioc_cloud.feeds.files.sheet_xml import Scanned

__all__ = ["CSV_SHEET", "Book", "Head", "Sheet", "SheetHead", "address", "pieces", "read"]

# A CSV's only sheet.
CSV_SHEET: Final = "CSV"
BATCH: Final = 1000
# Whole numbers up to here are exact in a sheet's doubles.
EXACT: Final = 2**53
NAMED_RANGES: Final = 10


@dataclass(frozen=True, slots=True)
class Head:
    """The first piece of a file."""

    kind: Kind
    encoding: str = ""
    delimiter: str = ""


@dataclass(frozen=True, slots=True)
class SheetHead:
    """What is known of a sheet before its rows come."""

    name: str
    hidden: bool
    first_row: int
    formulas: tuple[str, ...] = ()


Piece = Head | SheetHead | list[Row] | Finding


def read(path: Path, name: str, *, limits: Limits = DEFAULT) -> Book:
    """Read a file whole.

    Args:
        path: Where its bytes are.
        name: As its sender called it; the content decides what it is.
        limits: What may be.

    Raises:
        FileRefused: The kind of error says why, in both languages.
    """
    return assembled(pieces(path, name, limits))


def assembled(parts: Iterable[Piece]) -> Book:
    """The book that pieces make, in the order in which `pieces` gives them."""
    head = Head("csv")
    sheets: list[Sheet] = []
    findings: list[Finding] = []
    for piece in parts:
        if isinstance(piece, list):
            sheets[-1].rows.extend(piece)
        elif isinstance(piece, Finding):
            findings.append(piece)
        elif isinstance(piece, SheetHead):
            formulas = frozenset(piece.formulas)
            sheets.append(Sheet(piece.name, piece.hidden, [], piece.first_row, formulas))
        else:
            head = piece
    return Book(head.kind, sheets, findings, head.encoding, head.delimiter)


def pieces(path: Path, name: str, limits: Limits) -> Iterator[Piece]:
    """The same piece by piece: its head, then each sheet's head, rows and findings.

    Raises:
        FileRefused: As `read`; also between pieces.
    """
    looked = guard.look(path, name, limits)
    if looked == "csv":
        yield from _csv(path, name, limits)
    else:
        yield from _workbook(path, name, looked, limits)


def _workbook(path: Path, name: str, looked: Looked, limits: Limits) -> Iterator[Piece]:
    for title, scanned in looked.sheets.items():
        if scanned.merged and limits.merged == "refuse":
            raise MergedCells(sheet=title, addresses=_named(scanned.merged))
    if not any(scanned.valued for scanned in looked.sheets.values()):
        raise EmptyFile
    yield Head("xlsx")
    if not name.lower().endswith(".xlsx"):
        yield _misnamed(name, ".xlsx")
    budget = _Budget(limits)
    try:
        with CalamineWorkbook.from_path(path) as book:
            for meta in book.sheets_metadata:
                if meta.typ == SheetTypeEnum.WorkSheet:
                    scanned = looked.sheets.get(meta.name, Scanned())
                    hidden = meta.visible != SheetVisibleEnum.Visible
                    sheet = book.get_sheet_by_name(meta.name)
                    yield from _sheet(sheet, scanned, budget, hidden=hidden)
    except PasswordError as error:
        raise Encrypted from error
    except CalamineError as error:
        raise Damaged(why=str(error)[:120]) from error


def _sheet(
    sheet: CalamineSheet, scanned: Scanned, budget: "_Budget", *, hidden: bool
) -> Iterator[Piece]:
    top, left = sheet.start or (0, 0)
    yield SheetHead(sheet.name, hidden, top + 1, tuple(scanned.formulas))
    rows = islice(sheet.iter_rows(), top, None)
    before: Row = (None,) * left
    while batch := [before + tuple(map(_cell, row)) for row in islice(rows, BATCH)]:
        budget.take(batch, sheet.name)
        yield batch
    yield from _remarks(sheet.name, scanned)


def _cell(raw: Cell | timedelta) -> Cell:
    if isinstance(raw, float):
        return int(raw) if raw.is_integer() and abs(raw) <= EXACT else raw
    if isinstance(raw, timedelta):
        # Hours beyond a day, as `[h]:mm` cells hold them: in days, as the sheet counts.
        return raw / timedelta(days=1)
    return None if raw == "" else raw


def _remarks(sheet: str, scanned: Scanned) -> Iterator[Finding]:
    uncached = set(scanned.uncached)
    cached = [one for one in scanned.formulas if one not in uncached]
    yield from at_cells(
        Finding(
            "formula",
            "warning",
            "ô chứa công thức; giá trị đã tính được dùng",
            "the cell holds a formula; its last value is used",
            sheet,
        ),
        cached,
    )
    yield from at_cells(
        Finding(
            "formula-without-value",
            "error",
            "công thức chưa được tính; hãy mở bằng Excel, lưu lại hoặc dán dạng giá trị",
            "the formula was never calculated; open in Excel and save, or paste as values",
            sheet,
        ),
        scanned.uncached,
    )
    for at, shown in scanned.broken.items():
        yield Finding(
            "excel-error", "error", f"ô báo lỗi {shown}", f"the cell shows {shown}", sheet, at
        )
    yield from at_cells(
        Finding("merged", "error", "ô bị gộp; hãy bỏ gộp", "merged cells; unmerge them", sheet),
        [one.partition(":")[0] for one in scanned.merged],
    )


def _csv(path: Path, name: str, limits: Limits) -> Iterator[Piece]:
    encoding = csv_text.encoding_of(path)
    delimiter = csv_text.delimiter_of(path, encoding, limits)
    yield Head("csv", encoding.name, delimiter)
    if not name.lower().endswith(guard.TEXT_NAMES):
        yield _misnamed(name, ".csv")
    if not encoding.codec.startswith("utf"):
        yield Finding(
            "encoding",
            "warning",
            f"chữ trong tệp theo bảng mã {encoding.name}, đã chuyển sang Unicode",
            f"the file's letters are in {encoding.name}; they were turned into Unicode",
            CSV_SHEET,
        )
    yield SheetHead(CSV_SHEET, hidden=False, first_row=1)
    budget, ragged = _Budget(limits), csv_text.Ragged()
    records = csv_text.records(path, encoding, delimiter, limits)
    number = 0
    while batch := list(islice(records, BATCH)):
        for row in batch:
            number += 1
            ragged.see(number, row)
        _check_csv(batch, number, limits)
        budget.take(batch, CSV_SHEET)
        yield batch
    if not ragged.width:
        raise EmptyFile
    yield from _ragged(ragged)


def _check_csv(batch: list[Row], number: int, limits: Limits) -> None:
    if number > limits.rows:
        raise TooManyRows(sheet=CSV_SHEET, limit=limits.rows)
    for at, row in enumerate(batch, number - len(batch) + 1):
        if len(row) > limits.columns and any(one is not None for one in row[limits.columns :]):
            raise TooManyColumns(
                sheet=CSV_SHEET, address=address(at, limits.columns + 1), limit=limits.columns
            )


def _ragged(ragged: csv_text.Ragged) -> Iterator[Finding]:
    vi = f"dòng có số ô khác dòng đầu ({ragged.width})"
    en = f"the line has not as many cells as the first one ({ragged.width})"
    missing = Finding(
        "ragged", "error", f"{vi}: thiếu từ đây", f"{en}: missing from here", CSV_SHEET
    )
    surplus = Finding(
        "ragged", "error", f"{vi}: thừa từ đây", f"{en}: surplus from here", CSV_SHEET
    )
    yield from at_cells(missing, ragged.missing)
    yield from at_cells(surplus, ragged.surplus)


class _Budget:
    """Cells and letters that all sheets together may have."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._cells = 0
        self._chars = 0

    def take(self, batch: list[Row], sheet: str) -> None:
        for row in batch:
            self._cells += len(row)
            for cell in row:
                if type(cell) is str:
                    self._chars += len(cell)
        if self._chars > self._limits.text_chars:
            raise ZipBomb(part=sheet, limit=f"{self._limits.text_chars // 1_000_000} MB")
        # Rows padded to a sheet's width may be more than its cells with values, not without end.
        if self._cells > 2 * self._limits.cells:
            raise TooManyCells(
                sheet=sheet,
                rows=len(batch),
                columns=max(map(len, batch)),
                limit=self._limits.cells,
            )


def _misnamed(name: str, kind: str) -> Finding:
    shown = name[-60:]
    return Finding(
        "misnamed",
        "warning",
        f"tên tệp “{shown}” không đúng loại; nội dung là {kind}",
        f"the name “{shown}” is not of this kind; the content is {kind}",
    )


def _named(ranges: list[str]) -> str:
    more = len(ranges) - NAMED_RANGES
    return ", ".join(ranges[:NAMED_RANGES]) + (f" … (+{more})" if more > 0 else "")
