"""What programs write to us in JSON: rows of one table or of several, in our own words."""

import json
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ioc_cloud.feeds.batch import Problem, Rows
from ioc_cloud.feeds.doors.errors import AnswerUnreadable
from ioc_cloud.feeds.doors.json_body import DECODER
from ioc_cloud.feeds.doors.mapping import RECORD, storable
from ioc_models.feeds import Contract

MOST_ROWS: Final = 100_000
TABLE: Final = "table"


class Said(BaseModel):
    """The body of a batch; rows of another shape are kept apart, not refused with the rest."""

    model_config = ConfigDict(extra="forbid")

    table: str | None = Field(default=None, max_length=40)
    rows: list[Any] | None = Field(default=None, max_length=MOST_ROWS)
    tables: dict[str, list[Any]] | None = None
    changed_at: AwareDatetime | None = None
    controls: dict[str, dict[str, float]] = Field(default_factory=dict)
    simulated: bool = False
    key: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,150}$")] | None = None
    note: Annotated[str, StringConstraints(max_length=2000)] = ""

    def of(self, feed: Contract) -> dict[str, Rows]:
        """Its rows by table.

        Raises:
            AnswerUnreadable: It names a table that the feed does not have, or no rows.
        """
        if (self.rows is None) == (self.tables is None):
            raise AnswerUnreadable("a batch has `rows` of one table, or `tables`")
        found = self.tables
        if found is None:
            found = {self.table or feed.tables[0].id: self.rows or []}
        known = {table.id for table in feed.tables}
        if unknown := found.keys() - known:
            raise AnswerUnreadable(
                f"no table {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}"
            )
        if sum(len(rows) for rows in found.values()) > MOST_ROWS:
            raise AnswerUnreadable(f"a batch has at most {MOST_ROWS} rows")
        return {name: rows_of(rows) for name, rows in found.items()}


def rows_of(records: list[Any]) -> Rows:
    """Rows as they came; what is no object is parked alone."""
    cells: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for index, record in enumerate(records):
        if isinstance(record, dict):
            cells.append({str(name): plain(value) for name, value in record.items()})
            continue
        raw = storable(json.dumps(record, ensure_ascii=False))
        cells.append({RECORD: raw})
        problems.append(
            Problem(
                index, None, "shape", "clean", "error", raw[:200],
                "bản ghi không đúng cấu trúc", "the record has another shape",
            )
        )  # fmt: skip
    return Rows(cells, problems=tuple(problems))


def plain(value: Any) -> Any:  # noqa: ANN401
    """A value that JSON and PostgreSQL can hold."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, (dict, list)):
        return storable(json.dumps(value, ensure_ascii=False))
    return value


def read(text: str) -> Any:  # noqa: ANN401
    """A JSON value; numbers that no database holds stay text.

    Raises:
        AnswerUnreadable: It is no JSON.
    """
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise AnswerUnreadable(f"JSON: {error}") from error


def said(document: Any) -> Said:  # noqa: ANN401
    """A batch, or a bare list of rows of the feed's first table.

    Raises:
        AnswerUnreadable: With every fault.
    """
    if isinstance(document, list):
        document = {"rows": document}
    try:
        return Said.model_validate(document)
    except ValidationError as error:
        raise AnswerUnreadable(
            "; ".join(
                f"{'.'.join(str(part) for part in one['loc']) or 'body'}: {one['msg']}"
                for one in error.errors(include_url=False, include_input=False)[:20]
            )
        ) from error


def lines(text: str) -> Said:
    """Rows a line (NDJSON); a line may name its table.

    Raises:
        AnswerUnreadable: A line is no JSON.
    """
    tables: dict[str, list[Any]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = read(line)
        except AnswerUnreadable as error:
            raise AnswerUnreadable(f"line {number}: {error.en}") from error
        name = record.pop(TABLE, "") if isinstance(record, dict) else ""
        tables.setdefault(str(name), []).append(record)
    if set(tables) <= {""}:
        return Said(rows=tables.get("", []))
    return Said(tables=tables)
