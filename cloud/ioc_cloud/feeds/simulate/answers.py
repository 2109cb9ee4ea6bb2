"""Answers in the words of a contract's source: its paths, codes, units, times and form."""

import csv
import io
import json
import re
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

from ioc_cloud.feeds.doors.json_body import conditions, named
from ioc_models.feeds import TableSpec, periods
from ioc_models.feeds.contract import AREA, PERIOD, Column, Pull, RowsFrom
from ioc_models.feeds.periods import LOCAL

Record = dict[str, Any]
# Another shape than any record has.
BROKEN: Final = "???"
RENAMED: Final = "_moi"
MEDIA_TYPES: Final = {
    "json": "application/json; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "xml": "application/xml; charset=utf-8",
}
LOGIN_PAGE: Final = "<!doctype html><title>Đăng nhập</title><form>Phiên làm việc đã hết hạn</form>"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a source says of one table: values by column in its own words.

    Attributes:
        records: Values by the name of our field; `BROKEN` for one of another shape.
        renamed: Our field whose column is called otherwise now.
        totals: By our field, in the source's unit.
    """

    source: RowsFrom
    records: Sequence[Record | str]
    totals: Mapping[str, float]
    renamed: str = ""


def in_its_words(table: TableSpec, source: RowsFrom, row: Mapping[str, Any]) -> Record:
    """A row of ours as the source would hold it."""
    return {
        name: _said(table, name, column, row.get(name)) for name, column in source.columns.items()
    }


def _said(table: TableSpec, name: str, column: Column, value: Any) -> Any:  # noqa: ANN401
    if value is None:
        return None
    if column.codes:
        value = next((theirs for theirs, ours in column.codes.items() if ours == value), value)
    if column.time_format:
        return _moment(table, name, str(value)).strftime(column.time_format)
    if column.scale is not None and isinstance(value, (int, float)):
        return unscaled(value, column.scale)
    return value


def _moment(table: TableSpec, name: str, value: str) -> datetime:
    if name == PERIOD:
        return periods.parse(value, table.grid.period).start.astimezone(LOCAL)
    return datetime.fromisoformat(value).astimezone(LOCAL)


def unscaled(value: float, scale: float) -> float | int:
    """A figure in the unit of a source whose numbers are multiplied by `scale`."""
    found = round(Decimal(str(value)) / Decimal(str(scale)), 9)
    return int(found) if found == found.to_integral_value() else float(found)


def json_text(pull: Pull, sheets: Sequence[Sheet], beside: Mapping[str, Any]) -> str:
    """A JSON document; `beside` has values by their paths."""
    document: dict[str, Any] = {}
    for sheet in sheets:
        records = [
            one if isinstance(one, str) else _json_record(sheet, one) for one in sheet.records
        ]
        _put(document, _chain(sheet.source.rows), records)
        for name, total in sheet.totals.items():
            _put(document, _chain(sheet.source.controls[name]), total)
    for path, value in beside.items():
        _put(document, _chain(path), value)
    return json.dumps(document.get("", document), ensure_ascii=False, indent=_INDENT[pull.format])


_INDENT: Final[Mapping[str, int | None]] = {"json": None}


def _json_record(sheet: Sheet, record: Record) -> Record:
    found: Record = {}
    for chain, value in conditions(sheet.source.rows):
        _put(found, chain, value)
    for name, column in sheet.source.columns.items():
        chain = _chain(column.path)
        if name == sheet.renamed:
            chain = (chain[0] + RENAMED, *chain[1:])
        _put(found, chain, record[name])
    return found


def _chain(path: str) -> tuple[str, ...]:
    chains, _ = named(path)
    # The whole answer is the list.
    return chains[0] if chains else ("",)


def _put(into: MutableMapping[str, Any], chain: Sequence[str], value: Any) -> None:  # noqa: ANN401
    for name in chain[:-1]:
        into = into.setdefault(name, {})
    into[chain[-1]] = value


def csv_text(_pull: Pull, sheets: Sequence[Sheet], _beside: Mapping[str, Any]) -> str:
    """As Vietnamese programs export it: a byte order mark, semicolons, decimal commas."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
    for sheet in sheets[:1]:
        columns = sheet.source.columns
        writer.writerow(
            [one.path + (RENAMED if name == sheet.renamed else "") for name, one in columns.items()]
        )
        for record in sheet.records:
            if isinstance(record, str):
                writer.writerow([record])
            else:
                writer.writerow([_csv_cell(record[name]) for name in columns])
    return "\ufeff" + stream.getvalue()


def _csv_cell(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return ""
    return str(value).replace(".", ",") if isinstance(value, float) else str(value)


def xml_text(_pull: Pull, sheets: Sequence[Sheet], beside: Mapping[str, Any]) -> str:
    """An XML document."""
    root = Element("KetQua")
    for sheet in sheets:
        path = [] if sheet.source.rows == "@" else sheet.source.rows.split("/")
        parent = _element(root, path[:-1])
        for record in sheet.records:
            child = SubElement(parent, path[-1] if path else "Dong")
            if isinstance(record, str):
                child.text = record
                continue
            for name, column in sheet.source.columns.items():
                steps = column.path.split("/")
                if name == sheet.renamed:
                    steps[-1] += RENAMED
                _fill(child, steps, record[name])
        for name, total in sheet.totals.items():
            _fill(root, sheet.source.controls[name].split("/"), total)
    for path_text, value in beside.items():
        _fill(root, path_text.split("/"), value)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode")


def _element(start: Element, path: Sequence[str]) -> Element:
    for name in path:
        found = start.find(name)
        start = found if found is not None else SubElement(start, name)
    return start


def _fill(start: Element, steps: Sequence[str], value: Any) -> None:  # noqa: ANN401
    text = "" if value is None else str(value)
    if steps[-1].startswith("@"):
        _element(start, steps[:-1]).set(steps[-1][1:], text)
    else:
        _element(start, steps).text = text


WRITERS: Final = {"json": json_text, "csv": csv_text, "xml": xml_text}
_PLACEHOLDER: Final = re.compile(r"\{(day|since|period)\}")


def asked(pull: Pull, query: Mapping[str, str]) -> dict[str, str]:
    """What a question put in the place of the contract's placeholders."""
    found: dict[str, str] = {}
    for name, template in pull.query.items():
        parts = _PLACEHOLDER.split(template)
        if len(parts) == 1 or name not in query:
            continue
        pattern = "".join(
            f"(?P<{part}>.*)" if at % 2 else re.escape(part) for at, part in enumerate(parts)
        )
        match = re.fullmatch(pattern, query[name])
        if match is not None:
            found |= match.groupdict()
    return found


def key_columns(table: TableSpec) -> frozenset[str]:
    """Columns without which a row is nobody's."""
    return frozenset({AREA, PERIOD, *table.key_fields})
