"""From a source's pages to rows of our tables, by the columns that the contract declares.

Whatever cannot be placed is told: a column that no record has any more (`schema_drift`), a
record of another shape (parked alone). Nothing is guessed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ioc_cloud.feeds.batch import WHOLE_TABLE, Problem, Rows, written
from ioc_cloud.feeds.doors.bodies import Body
from ioc_cloud.feeds.doors.xml_body import DECIMAL
from ioc_cloud.feeds.files import numbers
from ioc_models.feeds import Contract, FieldSpec, TableSpec, periods
from ioc_models.feeds.contract import AREA, PERIOD, Column, FieldType, Pull, RowsFrom
from ioc_models.feeds.periods import LOCAL, Cadence

DRIFT: Final = "schema_drift"
MOST_NAMES: Final = 30
RECORD: Final = "record"
# PostgreSQL keeps neither; a text that held one is no longer what the source wrote, and says so.
_UNSTORABLE: Final = dict.fromkeys((0, *range(0xD800, 0xE000)), "\ufffd")


@dataclass(frozen=True, slots=True)
class Mapped:
    """An answer in our words.

    Attributes:
        drifted: Whether the source no longer has something that the contract declares.
    """

    tables: Mapping[str, Rows]
    controls: Mapping[str, Mapping[str, float]]
    drifted: bool

    @property
    def size(self) -> int:
        """Rows in all tables."""
        return sum(len(rows.cells) for rows in self.tables.values())


def mapped(feed: Contract, pull: Pull, bodies: Sequence[Body]) -> Mapped:
    """Rows of every table that a pull declares, from all pages of one answer."""
    tables: dict[str, Rows] = {}
    controls: dict[str, dict[str, float]] = {}
    for source in pull.tables:
        table = feed.table(source.table)
        tables[table.id] = _rows(table, source, bodies, machine=pull.format != "csv")
        totals = _controls(source, bodies)
        if totals:
            controls[table.id] = totals
    drifted = any(one.rule == DRIFT for rows in tables.values() for one in rows.problems)
    # A table that is silent and sound says nothing: it is no part of the delivery.
    told = {name: rows for name, rows in tables.items() if rows.cells or rows.problems}
    return Mapped(told, {name: controls[name] for name in told if name in controls}, drifted)


def _rows(table: TableSpec, source: RowsFrom, bodies: Sequence[Body], *, machine: bool) -> Rows:
    readers = {
        name: _Reader(column, table, name, machine=machine)
        for name, column in source.columns.items()
    }
    cells: list[dict[str, Any]] = []
    problems: list[Problem] = []
    seen = _Seen(source)
    for body in bodies:
        records = body.records(source.rows)
        seen.page(records)
        for record in records or ():
            if body.is_record(record):
                seen.record(body, record)
                cells.append({name: reader(body, record) for name, reader in readers.items()})
            else:
                problems.append(_other_shape(len(cells), body.said(record)))
                cells.append({RECORD: storable(body.said(record))})
    return Rows(cells, problems=(*seen.lost(table), *problems))


def _other_shape(index: int, said: str) -> Problem:
    return Problem(
        index, None, "shape", "clean", "error", storable(said[:200]),
        "bản ghi không đúng cấu trúc", "the record has another shape",
    )  # fmt: skip


class _Seen:
    """Which declared columns were in any record, and what columns there are."""

    def __init__(self, source: RowsFrom) -> None:
        self._source = source
        self._missing = {name: column.path for name, column in source.columns.items()}
        self._names: dict[str, None] = {}
        self._pages = 0
        self._pages_with_rows = 0
        self._records = 0

    def page(self, records: Sequence[Any] | None) -> None:
        self._pages += 1
        self._pages_with_rows += records is not None

    def record(self, body: Body, record: Any) -> None:  # noqa: ANN401
        self._records += 1
        if not self._missing:
            return
        self._missing = {
            name: path for name, path in self._missing.items() if not body.has(record, path)
        }
        if len(self._names) < MOST_NAMES:
            self._names.update(dict.fromkeys(body.names(record)))

    def lost(self, table: TableSpec) -> Iterator[Problem]:
        """A problem for each column that no record had; none where there were no records."""
        if self._pages and not self._pages_with_rows:
            yield _drift(None, self._source.rows, "error", "")
        if not self._records:
            return
        needed = {AREA, PERIOD, *table.key_fields}
        now = ", ".join(list(self._names)[:MOST_NAMES])
        for name, path in self._missing.items():
            yield _drift(name, path, "error" if name in needed else "warning", now)


def _drift(name: str | None, path: str, severity: Any, now: str) -> Problem:  # noqa: ANN401
    has = storable(now)
    return Problem(
        WHOLE_TABLE, name, DRIFT, "complete", severity, path,
        f"nguồn không còn cột {path!r}" + (f"; hiện có: {has}" if has else ""),
        f"the source no longer has {path!r}" + (f"; it has: {has}" if has else ""),
    )  # fmt: skip


class _Reader:
    """Reads one column of every record: path, codes, times, unit."""

    def __init__(self, column: Column, table: TableSpec, name: str, *, machine: bool) -> None:
        self._column = column
        self._spec: FieldSpec | None = None if name in {AREA, PERIOD} else table.field(name)
        self._cadence: Cadence | None = table.grid.period if name == PERIOD else None
        self._is_number = self._spec is not None and self._spec.type.is_number
        self._machine = machine

    def __call__(self, body: Body, record: Any) -> Any:  # noqa: ANN401
        raw = body.cell(record, self._column.path)
        if raw is None:
            return None
        if self._column.codes and not isinstance(raw, (dict, list)):
            raw = self._column.codes.get(_code(raw), raw)
        if self._column.time_format and isinstance(raw, (str, int)):
            return self._time(str(raw))
        if self._is_number:
            return self._number(raw)
        return storable(raw) if isinstance(raw, str) else _plain(raw)

    def _time(self, raw: str) -> str:
        """As contracts write it; what does not fit the format stays as it came."""
        try:
            moment = datetime.strptime(raw.strip(), self._column.time_format)  # noqa: DTZ007
        except ValueError:
            return storable(raw)
        local = moment if moment.tzinfo else moment.replace(tzinfo=LOCAL)
        if self._cadence is not None:
            return str(periods.containing(local, self._cadence))
        if self._spec is not None and self._spec.type is FieldType.DATE:
            return local.astimezone(LOCAL).date().isoformat()
        return local.isoformat()

    def _number(self, raw: Any) -> Any:  # noqa: ANN401
        if isinstance(raw, (dict, list)):
            return _plain(raw)
        if isinstance(raw, str):
            if not (self._machine and DECIMAL.fullmatch(raw.strip())):
                return self._scaled_text(storable(raw))
            raw = _number_of(raw.strip())
        if self._column.scale is None or isinstance(raw, (bool, str)):
            return raw
        return scaled(raw, self._column.scale)

    def _scaled_text(self, raw: str) -> Any:  # noqa: ANN401
        """A number as people write it: its reader must know it before it can be scaled."""
        if self._column.scale is None:
            return raw
        found = numbers.number(raw)
        return raw if found.value is None else scaled(float(found.value), self._column.scale)


def scaled(value: float, scale: float) -> float | int:
    """A number times a scale, as a person would write the product: 0.1 x 3 is 0.3."""
    try:
        product = Decimal(str(value)) * Decimal(str(scale))
    except InvalidOperation:
        return value
    # A scale such as 1/60 is not exact; a millionth of a figure means nothing.
    product = round(product, 6)
    return int(product) if product == product.to_integral_value() else float(product)


def _number_of(text: str) -> float | int | str:
    value = Decimal(text)
    if value.adjusted() > 30:  # noqa: PLR2004 no figure is that large
        return text
    return int(value) if value == value.to_integral_value() else float(value)


def _code(raw: Any) -> str:  # noqa: ANN401
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, float) and raw == int(raw):
        return str(int(raw))
    return str(raw).strip()


def _plain(raw: Any) -> Any:  # noqa: ANN401
    """A value that JSON and PostgreSQL can hold."""
    if isinstance(raw, (dict, list)):
        return storable(written(raw))
    if isinstance(raw, (date, datetime)):
        return raw.isoformat()
    return raw


def storable(text: str) -> str:
    """A text without what PostgreSQL cannot hold."""
    return text.translate(_UNSTORABLE)


def _controls(source: RowsFrom, bodies: Sequence[Body]) -> dict[str, float]:
    """Totals as the source counted them, in our unit; of the last page that has them."""
    found: dict[str, float] = {}
    for name, path in source.controls.items():
        for body in reversed(bodies):
            raw = body.value(path)
            if isinstance(raw, str) and DECIMAL.fullmatch(raw.strip()):
                raw = float(raw)
            if isinstance(raw, (int, float)) and not isinstance(raw, bool):
                column = source.columns.get(name)
                scale = column.scale if column else None
                found[name] = float(raw if scale is None else scaled(raw, scale))
                break
    return found
