"""Cells and sheets as they were read, and how a cell is called."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import lru_cache
from typing import Literal

from ioc_cloud.feeds.files.findings import Finding

Cell = str | int | float | bool | datetime | date | time | None
Row = tuple[Cell, ...]
Kind = Literal["xlsx", "csv"]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet; rows may differ in length, and column A is always the first cell.

    Attributes:
        rows: Values as the file has them; empty cells are `None`.
        first_row: The sheet's own number of `rows[0]`, from 1.
        formulas: Addresses whose value is what a formula last gave.
    """

    name: str
    hidden: bool
    rows: list[Row]
    first_row: int = 1
    formulas: frozenset[str] = frozenset()

    def numbered(self) -> Iterator[tuple[int, Row]]:
        """Each row with its number in the sheet."""
        return enumerate(self.rows, self.first_row)


@dataclass(frozen=True, slots=True)
class Book:
    """A file that was read.

    Attributes:
        encoding: What a CSV's letters were in: `utf-8`, `utf-16-le`, `windows-1258`, `tcvn3`,
            `vni`; empty for workbooks.
        delimiter: What stands between a CSV's cells; empty for workbooks.
    """

    kind: Kind
    sheets: list[Sheet]
    findings: list[Finding] = field(default_factory=list)
    encoding: str = ""
    delimiter: str = ""

    def sheet(self, name: str) -> Sheet | None:
        """The sheet of that name."""
        return next((one for one in self.sheets if one.name == name), None)


def address(row: int, column: int) -> str:
    """`address(7, 2)` is `B7`; both count from 1."""
    return f"{letters(column)}{row}"


def position(at: str) -> tuple[int, int]:
    """Row and column, from 1, of an address such as `B7`.

    Raises:
        ValueError: It is no address.
    """
    head = at.rstrip("0123456789")
    return int(at[len(head) :]), column_number(head)


@lru_cache(maxsize=1024)
def letters(column: int) -> str:
    """`letters(28)` is `AB`."""
    name = ""
    while column > 0:
        column, left = divmod(column - 1, 26)
        name = chr(ord("A") + left) + name
    return name


@lru_cache(maxsize=1024)
def column_number(name: str) -> int:
    """`column_number("AB")` is 28.

    Raises:
        ValueError: Not one to three letters.
    """
    if not (0 < len(name) <= 3 and name.isascii() and name.isalpha()):  # noqa: PLR2004 XFD is the last
        raise ValueError(f"{name!r} is no column")
    number = 0
    for letter in name.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
