"""The workbook handed back: the same cells, those with faults coloured and explained.

Formulas come back as the values they last gave, and no text as a formula: what an officer or a
steward opens evaluates nothing that a sender wrote.
"""

import io
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openpyxl import Workbook, load_workbook
from openpyxl.cell import Cell as OpenCell
from openpyxl.cell import MergedCell, WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.worksheet import Worksheet

from ioc_cloud.feeds.files import guard
from ioc_cloud.feeds.files.cells import Cell, Row, address, letters, position
from ioc_cloud.feeds.files.findings import Severity
from ioc_cloud.feeds.files.limits import Limits
from ioc_cloud.feeds.files.read import Piece, SheetHead, pieces
from ioc_cloud.feeds.files.safe_cell import is_formula_like

__all__ = ["ERRORS_SHEET", "Mark", "marked"]

# No sheet's name may hold a slash; readers pass this sheet over.
ERRORS_SHEET: Final = "Lỗi - Errors"
AUTHOR: Final = "IOC"
# openpyxl holds about a kilobyte a cell: beyond this the values are copied without formats.
WITH_FORMATS: Final = 100_000
# Excel takes minutes over more comments; what is beyond is coloured and counted.
EXPLAINED: Final = 5_000
LIMITS: Final = Limits(merged="report")

_FILLS: Final[Mapping[Severity, PatternFill]] = {
    "error": PatternFill("solid", start_color="FFFFC7CE", end_color="FFFFC7CE"),
    "warning": PatternFill("solid", start_color="FFFFEB9C", end_color="FFFFEB9C"),
}
_LEVELS: Final[Mapping[Severity, str]] = {"error": "Lỗi / Error", "warning": "Cảnh báo / Warning"}
_TITLES: Final = (
    "Trang / Sheet",
    "Ô / Cell",
    "Giá trị / Value",
    "Mức / Level",
    "Lý do",
    "Reason",
)
_WIDTHS: Final = (22, 10, 26, 20, 60, 60)
_BOLD: Final = Font(bold=True)
_LINK: Final = Font(color="FF0563C1", underline="single")
_WRAPPED: Final = Alignment(wrap_text=True, vertical="top")
# XML 1.0 has no way to write these.
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Mark:
    """One fault at one cell.

    Attributes:
        address: `B7`; empty where the fault is the sheet's or the file's.
    """

    sheet: str
    address: str
    reason_vi: str
    reason_en: str
    severity: Severity = "error"


_ByCell = Mapping[str, Mapping[str, Sequence[Mark]]]


def marked(
    original: Path,
    name: str,
    marks: Sequence[Mark],
    summary: Sequence[Sequence[Cell]] = (),
    *,
    limits: Limits = LIMITS,
) -> bytes:
    """The workbook with its faults marked and a first sheet that lists them; a CSV becomes one.

    In this process: doors use `safely.marked_safely`.

    Args:
        original: The file as it came.
        name: As its sender called it.
        marks: In the order in which they are listed.
        summary: Rows above the list: which feed, which period, how many.
        limits: What may be in the file.

    Raises:
        FileRefused: The file cannot be read at all.
    """
    looked = guard.look(original, name, limits)
    by_cell = _grouped(marks)
    small = looked != "csv" and sum(one.valued for one in looked.sheets.values()) <= WITH_FORMATS
    if small:
        book = _in_place(original, by_cell)
        values = {
            (sheet, at): _value_at(book, sheet, at) for sheet in by_cell for at in by_cell[sheet]
        }
        _list_faults(book.create_sheet(ERRORS_SHEET, 0), marks, values, summary)
    else:
        book = _copied(pieces(original, name, limits), by_cell, marks, summary)
    book.active = 0
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def _grouped(marks: Iterable[Mark]) -> _ByCell:
    found: defaultdict[str, defaultdict[str, list[Mark]]] = defaultdict(lambda: defaultdict(list))
    for mark in marks:
        if mark.address:
            found[mark.sheet][mark.address].append(mark)
    return found


# -- with formats ----------------------------------------------------------------------------------


def _in_place(original: Path, by_cell: _ByCell) -> Workbook:
    with warnings.catch_warnings():
        # openpyxl says what it cannot keep; values and their formats are not among that.
        warnings.simplefilter("ignore", UserWarning)
        book = load_workbook(original, data_only=True, keep_links=False, keep_vba=False)
    if ERRORS_SHEET in book.sheetnames:
        del book[ERRORS_SHEET]
    explained = 0
    for sheet in book.worksheets:
        sheet.sheet_view.tabSelected = False
        _tidy(sheet)
        for at, faults in by_cell.get(sheet.title, {}).items():
            cell = _top_left(sheet, at)
            _colour(cell, faults, explain=explained < EXPLAINED)
            explained += 1
    return book


def _tidy(sheet: Worksheet) -> None:
    """Take the marks of an earlier round off, and keep text from becoming formulas."""
    for row in sheet.iter_rows():
        for cell in row:
            if isinstance(cell, MergedCell):
                continue
            if cell.comment is not None and cell.comment.author == AUTHOR:
                cell.comment = None
                cell.fill = PatternFill()
            if isinstance(cell.value, str) and is_formula_like(cell.value):
                _as_text(cell)


def _as_text(cell: OpenCell) -> None:
    cell.data_type = "s"
    cell.quotePrefix = True  # the format behind the apostrophe that people type


def _top_left(sheet: Worksheet, at: str) -> OpenCell:
    cell = sheet[at]
    if isinstance(cell, MergedCell):
        for merged in sheet.merged_cells.ranges:
            if at in merged:
                cell = sheet.cell(merged.min_row, merged.min_col)
    return cell  # type: ignore[no-any-return]


def _value_at(book: Workbook, sheet: str, at: str) -> Any:  # noqa: ANN401 what a cell holds
    return book[sheet][at].value if sheet in book.sheetnames else None


def _colour(cell: OpenCell, faults: Sequence[Mark], *, explain: bool) -> None:
    worst: Severity = "error" if any(one.severity == "error" for one in faults) else "warning"
    cell.fill = _FILLS[worst]
    if explain:
        words = "\n".join(f"{one.reason_vi}\n{one.reason_en}" for one in faults)
        if cell.comment is not None:
            words = f"{cell.comment.text}\n{words}"
        cell.comment = Comment(_legal(words)[:2000], AUTHOR, height=120, width=320)


# -- values alone ----------------------------------------------------------------------------------


def _copied(
    parts: Iterable[Piece],
    by_cell: _ByCell,
    marks: Sequence[Mark],
    summary: Sequence[Sequence[Cell]],
) -> Workbook:
    book = Workbook(write_only=True)
    copy = _Copy(book, by_cell)
    for piece in parts:
        if isinstance(piece, SheetHead):
            copy.next_sheet(piece)
        elif isinstance(piece, list):
            for row in piece:
                copy.append(row)
    copy.finish()
    _list_faults(book.create_sheet(ERRORS_SHEET), marks, copy.values, summary)
    book.move_sheet(ERRORS_SHEET, -len(book.sheetnames))
    return book


class _Copy:
    """A workbook written row by row, so that its size does not matter."""

    def __init__(self, book: Workbook, by_cell: _ByCell) -> None:
        self.values: dict[tuple[str, str], Any] = {}
        self._book = book
        self._by_cell = by_cell
        self._sheet: Any = None
        self._row = 0
        self._explained = 0
        self._left: dict[int, dict[int, tuple[str, Sequence[Mark]]]] = {}

    def next_sheet(self, head: SheetHead) -> None:
        """Begin a sheet; the list of an earlier round is left out."""
        self.finish()
        self._sheet = None
        if head.name == ERRORS_SHEET:
            return
        self._sheet = self._book.create_sheet(head.name)
        self._sheet.sheet_state = "hidden" if head.hidden else "visible"
        self._left = _by_position(self._by_cell.get(head.name, {}))
        self._row = 0
        for _ in range(head.first_row - 1):
            self.append(())

    def append(self, row: Row) -> None:
        """The next row, marks and all."""
        if self._sheet is None:
            return
        self._row += 1
        faults = self._left.pop(self._row, {})
        cells: list[Any] = [self._plain(value) for value in row]
        cells.extend([None] * (max(faults, default=0) - len(cells)))
        for column, (at, found) in faults.items():
            value = row[column - 1] if column <= len(row) else None
            self.values[self._sheet.title, at] = value
            cells[column - 1] = self._marked(value, found)
        self._sheet.append(cells)

    def finish(self) -> None:
        """Write marks that stand below the last row."""
        while self._sheet is not None and self._left:
            self.append(())

    def _plain(self, value: Cell) -> Any:  # noqa: ANN401 a value or a styled cell
        if isinstance(value, str):
            value = _legal(value)
            return self._cell(value) if is_formula_like(value) else value
        return value

    def _cell(self, value: Any) -> Any:  # noqa: ANN401 openpyxl's cell for writing
        cell = WriteOnlyCell(self._sheet, value=_legal(value) if isinstance(value, str) else value)
        if is_formula_like(value):
            _as_text(cell)
        return cell

    def _marked(self, value: Cell, faults: Sequence[Mark]) -> Any:  # noqa: ANN401 as above
        cell = self._cell(value)
        _colour(cell, faults, explain=self._explained < EXPLAINED)
        self._explained += 1
        return cell


def _by_position(
    faults: Mapping[str, Sequence[Mark]],
) -> dict[int, dict[int, tuple[str, Sequence[Mark]]]]:
    found: defaultdict[int, dict[int, tuple[str, Sequence[Mark]]]] = defaultdict(dict)
    for at, marks in faults.items():
        row, column = position(at)
        found[row][column] = (at, marks)
    return found


# -- the list --------------------------------------------------------------------------------------


def _list_faults(
    sheet: Any,  # noqa: ANN401 openpyxl's two kinds of sheet share `append` alone
    marks: Sequence[Mark],
    values: Mapping[tuple[str, str], Any],
    summary: Sequence[Sequence[Cell]],
) -> None:
    for column, width in enumerate(_WIDTHS, 1):
        sheet.column_dimensions[letters(column)].width = width
    for row in summary:
        sheet.append([_list_cell(sheet, value) for value in row])
    if summary:
        sheet.append([])
    sheet.append([_list_cell(sheet, title, font=_BOLD) for title in _TITLES])
    first = len(summary) + (3 if summary else 2)
    for number, mark in enumerate(marks[:EXPLAINED], first):
        row = _list_row(sheet, mark, values.get((mark.sheet, mark.address)))
        sheet.append(row)
        if row[1].hyperlink is not None:
            row[1].hyperlink.ref = address(number, 2)
    if len(marks) > EXPLAINED:
        rest = len(marks) - EXPLAINED
        sheet.append([None] * 4 + [f"và {rest} lỗi nữa", f"and {rest} more"])


def _list_row(sheet: Any, mark: Mark, value: object) -> list[Any]:  # noqa: ANN401
    link = _list_cell(sheet, mark.address or None)
    if mark.address:
        quoted = mark.sheet.replace("'", "''")
        link.hyperlink = Hyperlink(ref="", location=f"'{quoted}'!{mark.address}")
        link.font = _LINK
    level = _list_cell(sheet, _LEVELS[mark.severity])
    level.fill = _FILLS[mark.severity]
    return [
        _list_cell(sheet, mark.sheet),
        link,
        _list_cell(sheet, value),
        level,
        _list_cell(sheet, mark.reason_vi),
        _list_cell(sheet, mark.reason_en),
    ]


def _list_cell(sheet: Any, value: Any, *, font: Font | None = None) -> Any:  # noqa: ANN401
    shown = _legal(value) if isinstance(value, str) else value
    cell = WriteOnlyCell(sheet, value=shown)
    cell.alignment = _WRAPPED
    if font is not None:
        cell.font = font
    if is_formula_like(shown):
        _as_text(cell)
    return cell


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
