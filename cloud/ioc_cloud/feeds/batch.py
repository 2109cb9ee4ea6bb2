"""A delivery on its way in, and the receipt that its sender gets."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal

import orjson

Door = Literal["rest", "pull", "folder", "sftp", "mqtt", "upload", "cli", "events"]
Provenance = Literal["api", "file", "manual", "derived", "simulated"]
Status = Literal["accepted", "partial", "refused", "repeated"]
# Where a problem stands that is no single row's: a column that is not there.
WHOLE_TABLE: Final = -1


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a cell, or a row.

    Attributes:
        row: Place in the table's rows, from 0; `WHOLE_TABLE` where it is no row's.
        field: None where it is about the whole row.
        rule: `required`, `type`, `min`, `max`, `usual`, `choice`, `area`, `period`, `duplicate`,
            `spelling`, `text_number` ... or the contract's own.
        severity: An error keeps the row out.
    """

    row: int
    field: str | None
    rule: str
    dimension: Literal["correct", "complete", "clean"]
    severity: Literal["error", "warning"]
    value: str | None
    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table as they came: nothing is read into a cell yet.

    Attributes:
        cells: One mapping a row, by field code, with `area` and `period` among them.
        sheet: Name of the sheet they stand on; empty where there is none.
        numbers: Row number of each in its sheet or file; empty counts from 1.
        letters: The column of each field, so that a fault has an address.
        problems: What the door that read them saw: a lost column, a record of another shape.
        texts: Whether the format knows nothing but texts, as CSV: a number written as one is then
            no fault of whoever wrote it.
    """

    cells: Sequence[Mapping[str, Any]]
    sheet: str = ""
    numbers: Sequence[int] = ()
    letters: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    texts: bool = False

    def number(self, row: int) -> int:
        """Where row `row`, from 0, stands for people; 0 where it is no row's."""
        if row == WHOLE_TABLE:
            return 0
        return self.numbers[row] if self.numbers else row + 1

    def place(self, row: int, field_code: str | None = None) -> str:
        """Address of a row or a cell: `Ngày!C7`, `Ngày!7`, `7`."""
        letter = self.letters.get(field_code, "") if field_code else ""
        where = letter if row == WHOLE_TABLE else f"{letter}{self.number(row)}"
        return f"{self.sheet}!{where}" if self.sheet else where


@dataclass(frozen=True, slots=True)
class Original:
    """The bytes that a delivery came as; they lie in the store under their hash."""

    name: str
    media_type: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Batch:
    """One delivery.

    Attributes:
        sent_by: The principal, or the connector's name.
        idempotency_key: The sender's; the same key with the same content is the same delivery.
        changed_at: When the source says that its figures changed.
        controls: Totals by table and field, as the source counted them.
        signed_by: Who answers for it, where a person signed it off.
    """

    feed: str
    tables: Mapping[str, Rows]
    door: Door
    provenance: Provenance
    sent_by: str
    idempotency_key: str | None = None
    original: Original | None = None
    changed_at: datetime | None = None
    controls: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    signed_by: str | None = None
    note: str = ""

    @property
    def size(self) -> int:
        """Rows in all its tables."""
        return sum(len(rows.cells) for rows in self.tables.values())

    def content_sha256(self) -> bytes:
        """Of what it says: where two deliveries agree here they are the same."""
        said = {
            "changed_at": self.changed_at,
            "controls": self.controls,
            "tables": {name: rows.cells for name, rows in self.tables.items()},
        }
        return hashlib.sha256(written(said).encode()).digest()


def written(value: object) -> str:
    """JSON with keys in order; times and decimals as text."""
    try:
        return orjson.dumps(value, _plain, orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        # Whole numbers beyond 64 bits; beside them no infinity either.
        said = json.dumps(value, ensure_ascii=False, sort_keys=True, default=_plain)
        finite = json.loads(said, parse_constant=lambda _: None)
        return json.dumps(finite, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


@dataclass(frozen=True, slots=True)
class Placed:
    """A problem with its address, as receipts and error workbooks show it."""

    table: str
    row: int
    place: str
    field: str | None
    rule: str
    dimension: str
    severity: str
    value: str | None
    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class Change:
    """A figure that a delivery corrects."""

    table: str
    area: str
    period: str
    key: str
    field: str
    before: Any
    after: Any
    version: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a delivery.

    Attributes:
        batch: Its number; None for a trial, which stores nothing.
        status: `repeated` where it had come before: `batch` is then the first one.
        versions: Highest version that a row has now; above 1 something was corrected.
        problems: The first ones, errors before warnings; `counts` has them all by rule.
        found: As many as are kept, for a workbook that is handed back marked.
        changes: The first figures that it corrects.
        missing: Expected rows of the periods it speaks of that did not come.
    """

    batch: int | None
    feed: str
    status: Status
    rows_in: int = 0
    rows_new: int = 0
    rows_changed: int = 0
    rows_same: int = 0
    rows_parked: int = 0
    errors: int = 0
    warnings: int = 0
    version: int = 1
    periods: tuple[str, ...] = ()
    missing: int = 0
    received_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Placed, ...] = ()
    found: tuple[Placed, ...] = ()
    changes: tuple[Change, ...] = ()
