"""What a workbook's XML says before anybody loads it: size, formulas, merged cells, DTDs.

One pass of expat over each part as it is unpacked, so that memory stays small whatever the part
weighs. Names are compared without their prefix: Excel's strict and usual formats differ there.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from ioc_cloud.feeds.files.cells import address, column_number, letters
from ioc_cloud.feeds.files.errors import (
    Damaged,
    DtdInside,
    TooManyCells,
    TooManyColumns,
    TooManyRows,
)
from ioc_cloud.feeds.files.limits import Limits

Attributes = dict[str, str]
Started = Callable[[str, Attributes], None]

# Elements of a sheet without any value: styled blanks. Excel writes a few thousand at most.
BLANKS_FOR_A_CELL: Final = 2


def parsed(chunks: Iterable[bytes], part: str, started: Started | None) -> None:
    """Run one part through expat; `started` hears each element by its local name.

    Raises:
        DtdInside: The part declares a document type.
        Damaged: It is no well-formed XML.
    """
    reader = _parser(part)
    if started is not None:
        reader.StartElementHandler = _local(started)
    _feed(reader, chunks, part)


def _parser(part: str) -> expat.XMLParserType:
    reader = expat.ParserCreate()
    reader.buffer_text = True

    def refuse(*_of: object) -> None:
        raise DtdInside(part=part)

    reader.StartDoctypeDeclHandler = refuse
    reader.EntityDeclHandler = refuse
    return reader


def _feed(reader: expat.XMLParserType, chunks: Iterable[bytes], part: str) -> None:
    try:
        for chunk in chunks:
            reader.Parse(chunk, False)  # noqa: FBT003 expat's own signature
        reader.Parse(b"", True)  # noqa: FBT003 expat's own signature
    except expat.ExpatError as error:
        raise Damaged(why=f"{part}: {error}") from error


def _local(started: Started) -> Started:
    names: dict[str, str] = {}

    def start(name: str, attributes: Attributes) -> None:
        local = names.get(name)
        if local is None:
            local = names[name] = name.rpartition(":")[2]
        started(local, attributes)

    return start


@dataclass(slots=True)
class Scanned:
    """What one sheet's XML holds.

    Attributes:
        is_sheet: False for any other part; nothing else is then filled in.
        formulas: Addresses in the order of the file.
        uncached: Formulas that carry no value: nobody has calculated them yet.
        broken: Cells that hold `#REF!` and its like.
        merged: Ranges: `A1:B2`.
    """

    is_sheet: bool = False
    row_elements: int = 0
    cell_elements: int = 0
    last_row: int = 0
    last_column: int = 0
    valued: int = 0
    formulas: list[str] = field(default_factory=list)
    uncached: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    merged: list[str] = field(default_factory=list)


def scan(chunks: Iterable[bytes], part: str, sheet: str, limits: Limits) -> Scanned:
    """Look through a part; stops at the first bound that it breaks.

    Args:
        chunks: The part's bytes as they are unpacked.
        part: Its name in the archive, for reasons.
        sheet: The sheet's name as its author sees it.
        limits: What may be.

    Raises:
        TooManyRows: More rows than the limit, counting rows that hold nothing.
        TooManyColumns: A value beyond the last column.
        TooManyCells: The used area is too large.
        DtdInside: A document type is declared.
        Damaged: No well-formed XML.
    """
    reader = _parser(part)
    scanner = _Scanner(reader, sheet, limits)
    reader.StartElementHandler = scanner.first
    _feed(reader, chunks, part)
    scanner.close()
    return scanner.found


def _ignored(_attributes: Attributes) -> None:
    """Styles, breaks, validations: nothing that a reader must know."""


class _Scanner:
    """The state of one pass; methods are expat's handlers, called a million times."""

    def __init__(self, reader: expat.XMLParserType, sheet: str, limits: Limits) -> None:
        self.found = Scanned()
        self._reader = reader
        self._sheet = sheet
        self._limits = limits
        self._heard: dict[str, Callable[[Attributes], None]] = {}
        self._kinds: Mapping[str, Callable[[Attributes], None]] = {
            "c": self._cell,
            "v": self._value,
            "is": self._value,
            "row": self._next_row,
            "f": self._is_formula,
            "mergeCell": self._merge,
        }
        self._columns: dict[str, int] = {}
        self._row = 0
        self._column = 0
        self._type: str | None = None
        self._formula = False
        self._text: list[str] | None = None

    def first(self, name: str, _attributes: Attributes) -> None:
        """The root decides whether this is a sheet at all."""
        self.found.is_sheet = name.rpartition(":")[2] == "worksheet"
        self._reader.StartElementHandler = self.start if self.found.is_sheet else None

    def start(self, name: str, attributes: Attributes) -> None:
        """Any element below the root."""
        heard = self._heard.get(name)
        if heard is None:
            heard = self._heard[name] = self._kinds.get(name.rpartition(":")[2], _ignored)
        heard(attributes)

    def _merge(self, attributes: Attributes) -> None:
        self.found.merged.append(attributes.get("ref", "?")[:40])

    def _is_formula(self, _attributes: Attributes) -> None:
        self._formula = True

    def _next_row(self, attributes: Attributes) -> None:
        self.close()
        self.found.row_elements += 1
        named = attributes.get("r", "")
        # Rows are numbered by seven digits; more would be there to make `int` sweat.
        self._row = int(named[:8]) if named.isascii() and named.isdigit() else self._row + 1
        self._column = 0
        if self.found.row_elements > self._limits.rows:
            raise TooManyRows(sheet=self._sheet, limit=self._limits.rows)

    def _cell(self, attributes: Attributes) -> None:
        if self._text is not None or self._formula:
            self.close()
        self._type = attributes.get("t")
        at = attributes.get("r")
        if at is None:
            self._column += 1
        else:
            head = at.rstrip("0123456789")
            self._column = self._columns.get(head) or self._column_of(head)
        self.found.cell_elements += 1
        if self.found.cell_elements > BLANKS_FOR_A_CELL * self._limits.cells:
            self._too_many_cells()

    def _column_of(self, head: str) -> int:
        try:
            column = column_number(head)
        except ValueError:
            column = self._column + 1
        else:
            self._columns[head] = column
        return column

    def _value(self, _attributes: Attributes) -> None:
        found = self.found
        found.valued += 1
        if self._row > found.last_row:
            found.last_row = self._row
            self._check_rows()
        if self._column > found.last_column:
            found.last_column = self._column
            self._check_columns()
        if self._formula or self._type == "e":
            self._text = []
            self._reader.CharacterDataHandler = self._text.append

    def _check_rows(self) -> None:
        if self._row > self._limits.rows:
            raise TooManyRows(sheet=self._sheet, limit=self._limits.rows)
        self._check_area()

    def _check_columns(self) -> None:
        if self._column > self._limits.columns:
            at = address(self._row, self._column)
            raise TooManyColumns(sheet=self._sheet, address=at, limit=self._limits.columns)
        self._check_area()

    def _check_area(self) -> None:
        if self.found.last_row * self.found.last_column > self._limits.cells:
            self._too_many_cells()

    def _too_many_cells(self) -> None:
        raise TooManyCells(
            sheet=self._sheet,
            rows=max(self.found.last_row, self._row),
            columns=max(self.found.last_column, self._column),
            limit=self._limits.cells,
        )

    def close(self) -> None:
        """Judge the cell that just ended, if it was one to remember."""
        if self._text is None and not self._formula:
            return
        text = "" if self._text is None else "".join(self._text).strip()
        at = f"{letters(self._column)}{self._row}"
        if self._formula:
            self.found.formulas.append(at)
            # A text formula may well have given the empty text; any other gave nothing yet.
            if not text and not (self._type == "str" and self._text is not None):
                self.found.uncached.append(at)
        if self._type == "e" and text:
            self.found.broken[at] = text[:20]
        self._text = None
        self._formula = False
        self._reader.CharacterDataHandler = None
