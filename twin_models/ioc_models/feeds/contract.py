"""What a feed promises: who owns it, what is in it, when it is due, which rules hold.

One YAML file under `twin_models/domains/` a feed. Everything else about a feed is derived
from its contract: row model, landing view, workbook, checks, scores, documents, the domain's
thing, the wall's layer, the assistant's words. A reader that finds a fault says where.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from enum import Enum
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from ioc_models.feeds import expressions
from ioc_models.feeds.part import (
    AREA,
    PERIOD,
    PERIOD_NO,
    RESERVED,
    Code,
    Expr,
    Line,
    Name,
    Part,
    Slug,
    Words,
)
from ioc_models.feeds.periods import Cadence
from ioc_models.feeds.sources import Column, Events, Paging, Pull, RowsFrom, SignIn

__all__ = [
    "AREA",
    "PERIOD",
    "PERIOD_NO",
    "Band",
    "Choice",
    "Classification",
    "Column",
    "Contract",
    "Dimension",
    "Events",
    "FieldSpec",
    "FieldType",
    "Grid",
    "Indicator",
    "KeyPart",
    "Name",
    "Paging",
    "Part",
    "Person",
    "Pull",
    "RowsFrom",
    "Rule",
    "Schedule",
    "Severity",
    "SignIn",
    "Sla",
    "Slug",
    "TableSpec",
    "Words",
]


class Person(Part):
    """Who answers for a feed, from when until when.

    Attributes:
        post: The post that carries the duty; posts outlive people.
        name: Empty until the province names somebody.
        account: Their account here, to which reminders go.
    """

    post: Words
    name: str = Field(default="", max_length=100)
    account: str = Field(default="", max_length=100)
    phone: str = Field(default="", max_length=40, pattern=r"^[0-9+ ().-]*$")
    email: str = Field(default="", max_length=200, pattern=r"^([^@\s]+@[^@\s]+)?$")
    since: date | None = None
    until: date | None = None

    def on_duty(self, day: date) -> bool:
        """Whether the duty is theirs on a day."""
        return (self.since is None or self.since <= day) and (
            self.until is None or day <= self.until
        )


class Classification(str, Enum):
    """Who may see a feed's figures."""

    OPEN = "open"
    INTERNAL = "internal"
    RESTRICTED = "restricted"


class Dimension(str, Enum):
    """The two scores that rules speak to; the other two are measured."""

    CORRECT = "correct"
    CLEAN = "clean"


class Severity(str, Enum):
    """What a broken rule does: an error keeps the row out, a warning lowers the score."""

    ERROR = "error"
    WARNING = "warning"


class FieldType(str, Enum):
    """What a cell holds."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    CODE = "code"
    DATE = "date"
    MOMENT = "moment"
    FLAG = "flag"

    @property
    def is_number(self) -> bool:
        """Whether one can add it up."""
        return self in {FieldType.INTEGER, FieldType.NUMBER}


class Choice(Part):
    """One entry of a code list."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    title: Words
    until: date | None = None


class FieldSpec(Part):
    """One column.

    Attributes:
        code: Its name in row 2 of the workbook, in JSON and in SQL.
        unit: As people write it: `hồ sơ`, `%`, `ca`.
        min: The smallest value that can be, inclusive; beyond it the cell is an error.
        max: The largest, inclusive.
        usual: Lower and upper bound beyond which a value is a warning.
        choices: For `code`: what it may say.
        pattern: For `text`: a regular expression that the whole text matches.
        example: A text that could stand here; for texts with a pattern.
        pii: Whether it speaks of a person; such a field never leaves its table.
    """

    code: Name
    title: Words
    type: FieldType
    unit: str = Field(default="", max_length=40)
    min: float | None = None
    max: float | None = None
    usual: tuple[float, float] | None = None
    decimals: int = Field(default=2, ge=0, le=6)
    choices: tuple[Choice, ...] = ()
    pattern: str = Field(default="", max_length=200)
    example: str = Field(default="", max_length=200)
    longest: int = Field(default=500, ge=1, le=5000)
    required: bool = True
    pii: bool = False
    aliases: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _hangs_together(self) -> "FieldSpec":
        if self.code in RESERVED:
            raise ValueError(f"field {self.code}: the name is taken by every table")
        if (self.type is FieldType.CODE) != bool(self.choices):
            raise ValueError(f"field {self.code}: a code has choices, nothing else has")
        bounded = self.min is not None or self.max is not None or self.usual is not None
        if bounded and not self.type.is_number:
            raise ValueError(f"field {self.code}: only numbers have bounds")
        if self.type.is_number and not self.unit:
            raise ValueError(f"field {self.code}: a number has a unit")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"field {self.code}: min {self.min} is above max {self.max}")
        try:
            like = re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"field {self.code}: its pattern cannot be read: {error}") from error
        if self.pattern and self.example and not like.fullmatch(self.example):
            raise ValueError(f"field {self.code}: its example does not match its pattern")
        return self


class KeyPart(Part):
    """A further part of a row's key beside area and period.

    Attributes:
        field: A required field of the table.
        expected: Values that every period should have; None where that is not known.
    """

    field: Name
    expected: tuple[str, ...] | None = None


class Grid(Part):
    """Which rows one period should have.

    Attributes:
        areas: `province`, `communes`, or the codes of the areas.
        keys: What else tells rows of an area and a period apart.
        expected: False where nobody can know how many rows there will be: `đủ` is then not
            measured, rather than 100.
    """

    areas: Literal["province", "communes"] | tuple[str, ...]
    period: Cadence
    keys: tuple[KeyPart, ...] = ()
    expected: bool = True


class Schedule(Part):
    """When a period is due.

    Attributes:
        days: Whether a period is expected of every day or of working days alone (for days).
        by: Local time of day by which it is due; without it the agreed hours count.
        days_after: Days between the period's last day and the day on which it is due by `by`.
        window: For streams: how long the newest value counts as fresh.
    """

    days: Literal["every", "working"] = "every"
    by: time | None = None
    days_after: int = Field(default=1, ge=0, le=120)
    window: timedelta | None = None


class Sla(Part):
    """How long after a change its figures are due.

    Attributes:
        basis: Whose kind of day decides: the day of the change, or that on which they are due.
    """

    working: timedelta = timedelta(hours=12)
    off: timedelta = timedelta(hours=24)
    basis: Literal["change_day", "due_day"] = "change_day"


class Rule(Part):
    """What must hold of each row."""

    id: Name
    expr: Expr
    message: Words
    weight: float = Field(default=1, gt=0, le=100)
    dimension: Dimension = Dimension.CORRECT
    severity: Severity = Severity.ERROR
    fields: tuple[Name, ...] = ()


class TableSpec(Part):
    """One sheet of the feed: rows of one shape and one length of period."""

    id: Name
    title: Words
    grid: Grid
    schedule: Schedule = Schedule()
    fields: tuple[FieldSpec, ...] = Field(min_length=1)
    rules: tuple[Rule, ...] = ()
    controls: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _hangs_together(self) -> "TableSpec":
        codes = [field.code for field in self.fields]
        _once(codes, f"table {self.id}: field")
        _once([rule.id for rule in self.rules], f"table {self.id}: rule")
        for key in self.grid.keys:
            spec = self.field(key.field)
            if not spec.required:
                raise ValueError(f"table {self.id}: key {key.field} must be required")
            for code in key.expected or () if spec.choices else ():
                if code not in {choice.code for choice in spec.choices}:
                    raise ValueError(f"table {self.id}: {code!r} is no code of {key.field}")
        for code in self.controls:
            if not self.field(code).type.is_number:
                raise ValueError(f"table {self.id}: the control total {code} is no number")
        if self.schedule.days == "working" and self.grid.period is not Cadence.DAY:
            raise ValueError(f"table {self.id}: only days are expected of working days alone")
        for rule in self.rules:
            for name in rule.fields:
                self.field(name)
            self.expression(rule.expr)
        return self

    def field(self, code: str) -> FieldSpec:
        """A field by its code.

        Raises:
            ValueError: The table has none of that name.
        """
        for field in self.fields:
            if field.code == code:
                return field
        raise ValueError(f"table {self.id} has no field {code!r}")

    @cached_property
    def codes(self) -> frozenset[str]:
        """Codes of its fields."""
        return frozenset(field.code for field in self.fields)

    @property
    def key_fields(self) -> tuple[str, ...]:
        """Fields that, beside area and period, make a row's key."""
        return tuple(key.field for key in self.grid.keys)

    @property
    def figures(self) -> tuple[FieldSpec, ...]:
        """Fields that are not part of the key."""
        return tuple(field for field in self.fields if field.code not in self.key_fields)

    def expression(self, text: str) -> expressions.Expression:
        """Compile an expression over its fields.

        Raises:
            NotAnExpression: It names another field, reckons with texts, or is none.
        """
        found = expressions.parse(text, self.codes | {PERIOD_NO})
        for name in found.reckoned - {PERIOD_NO}:
            if self.field(name).type in {FieldType.TEXT, FieldType.CODE}:
                raise expressions.NotAnExpression(f"{text!r} reckons with {name}, which is a text")
        return found


class Band(Part):
    """Where a value starts to be worth a warning, and where it is a danger."""

    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _has_a_side(self) -> "Band":
        if self.above is None and self.below is None:
            raise ValueError("a band is above or below something")
        return self

    def holds(self, value: float) -> bool:
        """Whether a value lies in it."""
        return (self.above is not None and value > self.above) or (
            self.below is not None and value < self.below
        )


class Indicator(Part):
    """A figure made of a table's rows.

    Attributes:
        value: For sums, maxima and last values: an expression over a row.
        numerator: With `denominator`, of a ratio or a weighted mean: both are kept.
        scale: What the quotient is multiplied by: 100 for per cent.
        space: How areas make a whole: `none` where only the whole is reported.
        time: How periods make a longer one.
        direction: Which way is good.
        where: Rows that it counts: an expression that holds.
        restricted: Shown to those who may see it by name, and on no wall.
        persons: Whether it counts people, so that the feed's `k_min` holds for it.
        said: Other words that people use for it.
    """

    code: Code
    title: Words
    unit: str = Field(max_length=40)
    table: Name
    value: Expr | None = None
    numerator: Expr | None = None
    denominator: Expr | None = None
    scale: float = 1
    where: Expr | None = None
    space: Literal["sum", "max", "ratio", "none"]
    time: Literal["sum", "last", "max", "mean", "ratio"]
    direction: Literal["up", "down", "neutral", "target"]
    decimals: int = Field(default=0, ge=0, le=4)
    target: float | None = None
    warn: Band | None = None
    danger: Band | None = None
    restricted: bool = False
    persons: bool = False
    said: tuple[str, ...] = ()
    note: str = Field(default="", max_length=300)

    @model_validator(mode="after")
    def _hangs_together(self) -> "Indicator":
        parts = (self.numerator is None) + (self.denominator is None)
        if self.is_ratio == (self.value is not None) or (self.is_ratio and parts):
            raise ValueError(f"{self.code}: a value, or a numerator with its denominator")
        if self.is_ratio and self.space not in {"ratio", "none"}:
            raise ValueError(f"{self.code}: ratios are not added up, their parts are")
        if not self.is_ratio and self.space == "ratio":
            raise ValueError(f"{self.code}: a ratio needs a numerator and a denominator")
        return self

    @property
    def is_ratio(self) -> bool:
        """Whether it is a quotient of two sums."""
        return self.numerator is not None or self.denominator is not None

    @property
    def expressions(self) -> tuple[str, ...]:
        """All that it is computed from."""
        parts = (self.value, self.numerator, self.denominator, self.where)
        return tuple(part for part in parts if part is not None)

    def state(self, value: float) -> Literal["ok", "warn", "danger"]:
        """Where a value stands."""
        if self.danger is not None and self.danger.holds(value):
            return "danger"
        return "warn" if self.warn is not None and self.warn.holds(value) else "ok"


class Contract(Part):
    """One feed.

    Attributes:
        id: Of the feed; the file's name.
        domain: Of the domain whose thing shows its figures.
        order: Place among the domains on screens.
        partial: Whether good rows are taken where bad ones stand beside them.
        k_min: Indicators of `persons` below it are not shown for areas below the province.
        retention_days: How long rows and originals are kept.
        likely_source: Where the figures come from, until the province names the system.
        confirmed: Whether the province has confirmed the owner by decision.
        decision: That decision's number.
    """

    id: Slug
    domain: Slug
    version: int = Field(ge=1)
    order: int = Field(default=100, ge=1, le=1000)
    title: Words
    about: Words
    unit: Words
    owner: Person
    deputy: Person
    head: Person
    confirmed: bool = False
    decision: str = Field(default="", max_length=100)
    classification: Classification = Classification.INTERNAL
    mode: Literal["api", "file", "mqtt"]
    likely_source: Line
    partial: bool = True
    sla: Sla = Sla()
    retention_days: int = Field(default=1830, ge=30, le=36_600)
    k_min: int = Field(default=0, ge=0, le=100)
    icon: str = Field(default="table", max_length=40)
    tables: tuple[TableSpec, ...] = Field(min_length=1)
    indicators: tuple[Indicator, ...] = ()
    pull: Pull | None = None
    events: Events | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> "Contract":
        _once([table.id for table in self.tables], "table")
        _once([one.code for one in self.indicators], "indicator")
        for one in self.indicators:
            self._see(one)
        _once([source.table for source in self.pull.tables] if self.pull else [], "pull: table")
        for source in self.pull.tables if self.pull else ():
            _maps(source, self.table(source.table))
        if self.pull is not None and self.mode == "file":
            raise ValueError("a feed of files alone asks nobody; its mode is api or mqtt")
        if self.events is not None:
            counted = self.table(self.events.table)
            for name in self.events.quantities:
                counted.field(name)
        if self.confirmed and not self.decision:
            raise ValueError("an owner is confirmed by a decision; give its number")
        return self

    def _see(self, indicator: Indicator) -> None:
        table, code = self.table(indicator.table), indicator.code
        for text in indicator.expressions:
            for name in table.expression(text).fields | table.expression(text).previous:
                if name != PERIOD_NO and table.field(name).pii:
                    raise ValueError(f"{code}: {name} speaks of persons, no figure shows it")
        if indicator.persons and not self.k_min:
            raise ValueError(f"{code}: it counts people, so the feed says k_min")
        if indicator.space == "none" and table.grid.areas != "province":
            raise ValueError(f"{code}: `none` is for tables of the province as a whole")

    def table(self, table_id: str) -> TableSpec:
        """A table by its id.

        Raises:
            ValueError: The feed has none of that name.
        """
        for table in self.tables:
            if table.id == table_id:
                return table
        raise ValueError(f"feed {self.id} has no table {table_id!r}")

    @property
    def prefixes(self) -> tuple[str, ...]:
        """First parts of its indicators' codes."""
        return tuple(dict.fromkeys(one.code.partition(".")[0] for one in self.indicators))

    @cached_property
    def sha256(self) -> str:
        """Of the whole contract: what scores and batches were judged by."""
        return _sha256(self.model_dump(mode="json"))

    @cached_property
    def rules_sha256(self) -> str:
        """Of what decides scores alone; a new telephone number does not change it."""
        kept = {"id", "tables", "sla", "partial"}
        return _sha256(self.model_dump(mode="json", include=kept))


def _maps(source: RowsFrom, table: TableSpec) -> None:
    """What a source must say for its records to become rows.

    Raises:
        ValueError: A field that is not there, a required one without a place, a foreign code.
    """
    where = f"pull: table {table.id}"
    for name, column in source.columns.items():
        if name in {AREA, PERIOD}:
            continue
        known = {choice.code for choice in table.field(name).choices}
        for code in column.codes.values():
            if known and code not in known:
                raise ValueError(f"{where}: {code!r} is none of the codes of {name}")
        if column.scale is not None and not table.field(name).type.is_number:
            raise ValueError(f"{where}: only numbers are scaled, {name} is none")
    wanted = [field.code for field in table.fields if field.required]
    wanted += [PERIOD] if table.grid.areas == "province" else [AREA, PERIOD]
    for name in wanted:
        if name not in source.columns:
            raise ValueError(f"{where}: nothing says where {name} is found")
    for name in source.controls:
        if name not in table.controls:
            raise ValueError(f"{where}: {name} is no control total of the table")


def _once(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r} stands twice")
        seen.add(name)


def _sha256(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
