"""From a workbook's sheets to rows of a feed's tables, however the columns are headed.

A sheet made from our template says its columns' codes in row 2; any other is understood by the
headings that people write: a field's code, its titles, its other names, in any order.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from ioc_cloud.feeds.batch import WHOLE_TABLE, Problem, Rows
from ioc_cloud.feeds.errors import WrongHeader
from ioc_cloud.feeds.files.cells import Book, Cell, Row, Sheet, letters, position
from ioc_cloud.feeds.files.findings import Finding
from ioc_cloud.feeds.files.text import folded
from ioc_models.feeds import Contract, TableSpec
from ioc_models.feeds.contract import AREA, PERIOD
from ioc_models.things.ids import PROVINCE_CODE

# Titles, a decree's number and a unit may stand above the header.
HEADER_WITHIN: Final = 20
# Beside area and period one column of the table's own is the least that tells it.
LEAST_OWN: Final = 1
MOST_NAMED: Final = 20
# For people alone; the code beside it counts.
IGNORED: Final = frozenset({"area_name", "stt", "tt", "so tt", "ghi chu", "note", "no"})
AREA_NAMES: Final = (
    "area", "commune", "commune_code", "area_code", "mã", "mã xã", "mã xã, phường", "mã xã phường",
    "mã địa bàn", "mã ĐVHC", "mã đơn vị hành chính",
)  # fmt: skip
# Taken where no column of codes is there: rows may name a commune.
AREA_SPELT: Final = (
    "area_name", "xã, phường", "xã phường", "xã/phường", "tên xã, phường", "tên xã", "địa bàn",
    "đơn vị hành chính", "đơn vị", "commune name", "area name",
)  # fmt: skip
PERIOD_NAMES: Final = (
    "period", "kỳ", "kỳ số liệu", "kỳ báo cáo", "ngày", "ngày số liệu", "tuần", "tháng", "quý",
    "năm", "thời gian", "thời điểm", "date", "day", "week", "month", "quarter", "year",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Header:
    """Where a table's columns stand on a sheet.

    Attributes:
        row: Number of the header's row in the sheet.
        columns: Place of each code in a row, from 0.
        unknown: Headings that say nothing to us, by place.
    """

    row: int
    columns: Mapping[str, int]
    unknown: Mapping[int, str] = field(default_factory=dict)

    def own(self, table: TableSpec) -> int:
        """How many of the table's own fields it has."""
        return len(table.codes & self.columns.keys())

    def fits(self, table: TableSpec) -> bool:
        """Whether rows can be told apart by it."""
        needed = {PERIOD, *table.key_fields}
        if _only_area(table) is None:
            needed.add(AREA)
        return needed <= self.columns.keys() and self.own(table) >= LEAST_OWN


def rows_of(feed: Contract, book: Book) -> dict[str, Rows]:
    """Rows by table.

    Columns may stand in any order. What a table has and a sheet lacks, and the other way
    round, is told in the rows' `problems`, with the findings of the file.

    Raises:
        WrongHeader: No sheet, or not the one named after a table, has the columns of a table.
    """
    found: dict[str, Rows] = {}
    for sheet in book.sheets:
        if not any(any(cell is not None for cell in row) for row in sheet.rows):
            continue
        named = _named(feed, sheet)
        if sheet.hidden and named is None:
            continue
        table, header = _table_and_header(feed, sheet, named, book)
        if table is None or header is None or (table.id in found and named is None):
            continue
        found[table.id] = _rows(table, sheet, header, book)
    if not found:
        raise _wrong_header(feed.tables[0], book.sheets[0] if book.sheets else None)
    return found


def _named(feed: Contract, sheet: Sheet) -> TableSpec | None:
    """The table that a sheet is called after."""
    name = folded(sheet.name)
    for table in feed.tables:
        titles = (table.id, table.title.vi, table.title.en)
        # Excel cuts names at 31 characters.
        if any(name == folded(title) or name == folded(title[:31]) for title in titles):
            return table
    return None


def _table_and_header(
    feed: Contract, sheet: Sheet, named: TableSpec | None, book: Book
) -> tuple[TableSpec | None, _Header | None]:
    if named is not None:
        header = _header(named, sheet)
        if header is None:
            raise _wrong_header(named, sheet)
        return named, header
    fitting = [
        (table, header) for table in feed.tables if (header := _header(table, sheet)) is not None
    ]
    if not fitting:
        # A file of one sheet is meant to be read; beside others it may be a cover.
        if len(book.sheets) == 1:
            raise _wrong_header(feed.tables[0], sheet)
        return None, None
    return max(fitting, key=lambda one: one[1].own(one[0]) / len(one[0].fields))


def _header(table: TableSpec, sheet: Sheet) -> _Header | None:
    """The best row to be a header: codes before titles, many before few."""
    best: tuple[int, int, _Header] | None = None
    for number, row in sheet.numbered():
        if number - sheet.first_row >= HEADER_WITHIN:
            break
        for weight, meant in ((2, _by_code), (1, _by_heading)):
            header = _read_header(table, number, row, meant)
            if header.fits(table):
                score = (weight, len(header.columns), header)
                if best is None or score[:2] > best[:2]:
                    best = score
    return best[2] if best else None


def _read_header(
    table: TableSpec, number: int, row: Row, meant: Callable[[TableSpec, str], str | None]
) -> _Header:
    columns: dict[str, int] = {}
    unknown: dict[int, str] = {}
    spelt: int | None = None
    for at, cell in enumerate(row):
        if cell is None or not str(cell).strip():
            continue
        said = str(cell).strip()
        code = meant(table, said)
        if code == _SPELT:
            spelt = at if spelt is None else spelt
        elif code is not None and code not in columns:
            columns[code] = at
        elif folded(said) not in IGNORED:
            unknown[at] = said
    if AREA not in columns and spelt is not None:
        columns[AREA] = spelt
    return _Header(number, columns, unknown)


_SPELT: Final = "area_name"


def _by_code(table: TableSpec, said: str) -> str | None:
    if said in table.codes or said in {AREA, PERIOD, _SPELT}:
        return said
    return None


def _by_heading(table: TableSpec, said: str) -> str | None:
    names = _names(table)
    heading = folded(said)
    if heading in names:
        return names[heading]
    # Headings often carry the unit: `Lượt khám bệnh (lượt)`, and titles span two lines.
    return names.get(folded(said.partition("(")[0])) or names.get(folded(said.partition("\n")[0]))


@lru_cache(maxsize=256)
def _names(table: TableSpec) -> dict[str, str]:
    """Codes by everything that a column may be called, folded; a field's own names win."""
    names: dict[str, str] = {}
    for spec in table.fields:
        for said in (spec.code, spec.title.vi, spec.title.en, *spec.aliases):
            names.setdefault(folded(said), spec.code)
    for code, known in ((AREA, AREA_NAMES), (PERIOD, PERIOD_NAMES), (_SPELT, AREA_SPELT)):
        for said in known:
            names.setdefault(folded(said), code)
    return names


def _only_area(table: TableSpec) -> str | None:
    """The one area that a table speaks of, where it is written in the contract."""
    areas = table.grid.areas
    if areas == "province":
        return PROVINCE_CODE
    return areas[0] if isinstance(areas, tuple) and len(areas) == 1 else None


def _rows(table: TableSpec, sheet: Sheet, header: _Header, book: Book) -> Rows:
    cells: list[dict[str, Cell]] = []
    numbers: list[int] = []
    only = _only_area(table)
    for number, row in sheet.numbered():
        if number <= header.row or all(cell is None for cell in row):
            continue
        if _is_code_row(header, row):
            continue
        found = {code: row[at] if at < len(row) else None for code, at in header.columns.items()}
        if only is not None and found.get(AREA) is None:
            found[AREA] = only
        cells.append(found)
        numbers.append(number)
    letters_of = {code: letters(at + 1) for code, at in header.columns.items()}
    problems = (
        *_missing(table, header),
        *_unknown(header),
        *_findings(book, sheet, numbers, header),
    )
    texts = book.kind == "csv"
    return Rows(cells, sheet.name, numbers, letters_of, problems, texts=texts)


def _is_code_row(header: _Header, row: Row) -> bool:
    """The row of codes below titles that were taken for the header."""
    return all(at < len(row) and row[at] == code for code, at in header.columns.items())


def _missing(table: TableSpec, header: _Header) -> Iterator[Problem]:
    for spec in table.fields:
        if spec.code not in header.columns:
            yield Problem(
                WHOLE_TABLE, spec.code, "missing_column", "complete", "warning", None,
                f"thiếu cột “{spec.title.vi}” ({spec.code})",
                f"the column “{spec.title.en}” ({spec.code}) is missing",
            )  # fmt: skip


def _unknown(header: _Header) -> Iterator[Problem]:
    for at, said in list(header.unknown.items())[:MOST_NAMED]:
        column = letters(at + 1)
        yield Problem(
            WHOLE_TABLE, None, "unknown_column", "clean", "warning", said[:200],
            f"cột {column} “{said[:80]}” không có trong biểu, không được đọc",
            f"column {column} “{said[:80]}” is none of this table's and was not read",
        )  # fmt: skip


def _findings(
    book: Book, sheet: Sheet, numbers: Sequence[int], header: _Header
) -> Iterator[Problem]:
    """What the reader of the file saw on this sheet, at the row and field that it concerns."""
    rows = {number: index for index, number in enumerate(numbers)}
    codes = {at: code for code, at in header.columns.items()}
    for one in book.findings:
        if one.sheet not in {"", sheet.name}:
            continue
        index, code = WHOLE_TABLE, None
        if one.address:
            row, column = position(one.address)
            if row not in rows:
                continue
            index, code = rows[row], codes.get(column - 1)
        yield _problem(one, index, code)


def _problem(one: Finding, index: int, code: str | None) -> Problem:
    return Problem(index, code, one.rule, "clean", one.severity, None, one.vi, one.en)


def _wrong_header(table: TableSpec, sheet: Sheet | None) -> WrongHeader:
    return WrongHeader(
        sheet=sheet.name if sheet else "",
        expected=", ".join((AREA, PERIOD, *(spec.code for spec in table.fields))),
        found=", ".join(_first_words(sheet)) or "-",
    )


def _first_words(sheet: Sheet | None) -> list[str]:
    """The first row that looks like a header: what its sender should compare."""
    for row in (sheet.rows if sheet else [])[:HEADER_WITHIN]:
        said = [str(cell).strip()[:40] for cell in row if _is_words(cell)]
        if len(said) > 1:
            return said[:MOST_NAMED]
    return []


def _is_words(cell: Any) -> bool:  # noqa: ANN401
    return isinstance(cell, str) and bool(cell.strip())
