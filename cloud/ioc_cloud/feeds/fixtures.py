"""Example rows of a table, good and bad, made from its contract alone.

Documents show the good ones; tests deliver both. The same contract always gives the same rows.
"""

import ast
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, Any, Final

from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.errors import NoExample
from ioc_models.feeds import LOCAL, Cadence, Contract, FieldSpec, Period, Rule, TableSpec, periods
from ioc_models.feeds.contract import AREA, PERIOD, PERIOD_NO, FieldType, Severity

if TYPE_CHECKING:
    from ioc_models.feeds.expressions import Expression

Cells = dict[str, Any]
TRIES: Final = 5_000
UNKNOWN_AREA: Final = "00001"


@dataclass(frozen=True, slots=True)
class Invalid:
    """Rows with one fault.

    Attributes:
        rule: What `check` must call it.
        rows: Delivered together; the last one has the fault.
        before: A row of the period before that must be stored, for rules that look there.
    """

    rule: str
    field: str | None
    severity: Severity
    rows: tuple[Cells, ...]
    before: Cells | None = None


def valid(catalogue: Catalogue, table: TableSpec, period: Period, most: int = 3) -> list[Cells]:
    """Rows of one period that break no rule, the first `most` of its grid.

    Raises:
        NoExample: The contract's rules leave no row possible.
    """
    return [
        _row(table, area, period, {**solved(table, period, key, seed=f"{area}{key}"), **key})
        for area, key in islice(_grid(catalogue, table), most)
    ]


def body(catalogue: Catalogue, feed: Contract, period_of: Mapping[str, Period]) -> Cells:
    """A whole delivery as the REST door takes it."""
    tables = {
        table.id: valid(catalogue, table, period_of[table.id], most=2) for table in feed.tables
    }
    controls = {
        table.id: {code: sum(row[code] for row in tables[table.id]) for code in table.controls}
        for table in feed.tables
        if table.controls
    }
    return {"tables": tables, "controls": controls} if controls else {"tables": tables}


def _grid(catalogue: Catalogue, table: TableSpec) -> Iterator[tuple[str, Cells]]:
    lists = [key.expected or tuple(_own_values(table.field(key.field))) for key in table.grid.keys]
    for area in catalogue.areas_of(table):
        for values in product(*lists):
            spelt = zip(table.key_fields, values, strict=True)
            yield area, {name: _key_value(table.field(name), value) for name, value in spelt}


def _key_value(spec: FieldSpec, value: Any) -> Any:  # noqa: ANN401 a cell is anything
    """Contracts list a key's values as text, whatever their type."""
    if not isinstance(value, str):
        return value
    if spec.type is FieldType.INTEGER:
        return int(value)
    return float(value) if spec.type is FieldType.NUMBER else value


def _own_values(spec: FieldSpec) -> list[Any]:
    """Values of a key that the contract does not list."""
    if spec.choices:
        return [choice.code for choice in spec.choices[:3]]
    if spec.type.is_number:
        low = int(spec.min or 0)
        return [low + n for n in range(3)]
    return [spec.example] if spec.example else [f"{spec.title.en[:20]} {n}" for n in (1, 2, 3)]


def _row(table: TableSpec, area: str, period: Period, cells: Cells) -> Cells:
    ordered = {spec.code: cells[spec.code] for spec in table.fields}
    return {AREA: area, PERIOD: str(period), **ordered}


def solved(table: TableSpec, period: Period, fixed: Mapping[str, Any], seed: str = "") -> Cells:
    """Cells that keep every rule.

    Raises:
        NoExample: None were found.
    """
    search = _Search(table, period, fixed, seed)
    for _ in range(TRIES):
        broken = search.broken()
        if not broken:
            return search.cells
        search.mend(broken)
    raise NoExample(table.id, broken[0].id)


class _Search:
    """Walks from plausible cells towards cells that keep all rules."""

    def __init__(
        self, table: TableSpec, period: Period, fixed: Mapping[str, Any], seed: str
    ) -> None:
        self._random = random.Random(f"{table.id}{seed}")  # noqa: S311 an example is no secret
        self._table = table
        self._period = period
        self._free = {spec.code: spec for spec in table.fields if spec.code not in fixed}
        self._rules = [(rule, table.expression(rule.expr)) for rule in table.rules]
        self.cells = {code: self._any(spec) for code, spec in self._free.items()} | dict(fixed)

    def broken(self) -> list[Rule]:
        """Rules that the cells do not keep; what they say of the period before is not asked."""
        scope = {**self.cells, PERIOD_NO: self._period.number}
        return [rule for rule, holds in self._rules if holds(scope) is False]

    def mend(self, broken: Sequence[Rule]) -> None:
        """Change one cell that a broken rule names."""
        rule = self._random.choice(broken)
        expression = self._table.expression(rule.expr)
        names = sorted((expression.fields | expression.previous) & self._free.keys())
        if not names:
            raise NoExample(self._table.id, rule.id)
        name = self._random.choice(names)
        by = _difference(self._table, rule.expr, self.cells, self._period)
        spec = self._free[name]
        if by is not None and spec.type.is_number and self._random.random() < 0.5:  # noqa: PLR2004
            self.cells[name] = _within(spec, self.cells[name] + self._random.choice((by, -by)))
        else:
            self.cells[name] = self._random.choice((self._any, self._like))(spec)

    def shake(self) -> None:
        """Change one cell to anything that it can be."""
        code = self._random.choice(sorted(self._free))
        self.cells[code] = self._random.choice((self._any, self._like, self._edge))(
            self._free[code]
        )

    def _any(self, spec: FieldSpec) -> Any:  # noqa: ANN401
        return _SAMPLES[spec.type](spec, self._random, self._period)

    def _like(self, spec: FieldSpec) -> Any:  # noqa: ANN401
        """What another cell says, so that one number can be part of another."""
        others = [
            self.cells[other.code]
            for other in self._table.fields
            if other.type is spec.type and other.type.is_number
        ]
        if not others:
            return self._any(spec)
        return _within(spec, self._random.choice(others) * self._random.choice((0.25, 0.5, 1)))

    def _edge(self, spec: FieldSpec) -> Any:  # noqa: ANN401
        if not spec.type.is_number:
            return self._any(spec)
        low, high = _range(spec, usual=False)
        return _within(spec, self._random.choice((low, high)), usual=False)


def _difference(
    table: TableSpec, text: str, cells: Mapping[str, Any], period: Period
) -> float | None:
    """Right less left of a comparison of two numbers; what one of its parts must change by."""
    tree = ast.parse(text, mode="eval").body
    if not isinstance(tree, ast.Compare) or len(tree.comparators) != 1:
        return None
    sides = []
    for side in (tree.left, tree.comparators[0]):
        made: Expression = table.expression(ast.unparse(side))
        value = made({**cells, PERIOD_NO: period.number}, cells)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        sides.append(value)
    return sides[1] - sides[0]


def _range(spec: FieldSpec, *, usual: bool = True) -> tuple[float, float]:
    low = spec.min if spec.min is not None else 0.0
    high = spec.max if spec.max is not None else low + 1000
    if usual and spec.usual is not None:
        low, high = max(low, spec.usual[0]), min(high, spec.usual[1])
    return low, high


def _within(spec: FieldSpec, value: float, *, usual: bool = True) -> float | int:
    low, high = _range(spec, usual=usual)
    value = min(max(value, low), high)
    return round(value) if spec.type is FieldType.INTEGER else round(value, spec.decimals)


Sample = Callable[[FieldSpec, random.Random, Period], Any]


def _number(spec: FieldSpec, chance: random.Random, _period: Period) -> float | int:
    low, high = _range(spec)
    # Counts cluster low in their range; a square keeps examples plausible.
    return _within(spec, low + (high - low) * 0.6 * chance.random() ** 2)


def _text(spec: FieldSpec, _chance: random.Random, _period: Period) -> str:
    return spec.example or f"{spec.title.vi} (ví dụ)"[: spec.longest]


def _code(spec: FieldSpec, chance: random.Random, period: Period) -> str:
    open_ones = [
        choice.code
        for choice in spec.choices
        if choice.until is None or choice.until >= period.last_day
    ]
    return chance.choice(open_ones or [spec.choices[0].code])


def _date(_spec: FieldSpec, _chance: random.Random, period: Period) -> str:
    return period.first_day.isoformat()


def _moment(_spec: FieldSpec, _chance: random.Random, period: Period) -> str:
    return period.start.astimezone(LOCAL).isoformat()


def _flag(_spec: FieldSpec, chance: random.Random, _period: Period) -> bool:
    return chance.random() < 0.5  # noqa: PLR2004 a coin


_SAMPLES: Final[Mapping[FieldType, Sample]] = {
    FieldType.INTEGER: _number,
    FieldType.NUMBER: _number,
    FieldType.TEXT: _text,
    FieldType.CODE: _code,
    FieldType.DATE: _date,
    FieldType.MOMENT: _moment,
    FieldType.FLAG: _flag,
}


def invalid(catalogue: Catalogue, table: TableSpec, period: Period) -> Iterator[Invalid]:
    """Rows with one fault each: every kind that the table can have.

    A rule that nothing within the fields' bounds can break gives none.
    """
    good = valid(catalogue, table, period, most=1)[0]
    yield _one("area", AREA, {**good, AREA: UNKNOWN_AREA})
    yield _one("period", PERIOD, {**good, PERIOD: "hôm nào đó"})
    ahead = periods.containing(
        period.first_day.replace(year=period.first_day.year + 50), period.cadence
    )
    yield _one("period", PERIOD, {**good, PERIOD: str(ahead)})
    for spec in table.fields:
        yield from _bad_cells(table, spec, good)
    yield from _contradiction(table, good)
    for rule in table.rules:
        yield from _breaking(table, rule, good, period)


def _one(rule: str, field: str | None, row: Cells) -> Invalid:
    return Invalid(rule, field, Severity.ERROR, (row,))


_WRONG_KIND: Final[Mapping[FieldType, Any]] = {
    FieldType.INTEGER: "mười hai",
    FieldType.NUMBER: "khoảng ba",
    FieldType.DATE: "32/13/2026",
    FieldType.MOMENT: "chiều qua",
    FieldType.FLAG: "có lẽ",
}


def _bad_cells(table: TableSpec, spec: FieldSpec, good: Cells) -> Iterator[Invalid]:
    code = spec.code
    if spec.type in _WRONG_KIND:
        yield _one("type", code, {**good, code: _WRONG_KIND[spec.type]})
    if spec.min is not None:
        yield _one("min", code, {**good, code: _beyond(spec, spec.min, -1)})
    if spec.max is not None:
        yield _one("max", code, {**good, code: _beyond(spec, spec.max, 1)})
    if spec.choices:
        yield _one("choice", code, {**good, code: "khong-co-ma-nay"})
    if spec.type is FieldType.TEXT:
        yield _one("length", code, {**good, code: "x" * (spec.longest + 1)})
    if code in table.key_fields:
        yield _one("required", code, {**good, code: None})


def _beyond(spec: FieldSpec, bound: float, side: int) -> float | int:
    if spec.type is FieldType.INTEGER:
        return int(bound) + side
    return bound + float(side)


def _contradiction(table: TableSpec, good: Cells) -> Iterator[Invalid]:
    """The same row twice, with another figure."""
    for spec in table.figures:
        if spec.type is FieldType.INTEGER:
            value = good[spec.code]
            other = value + 1 if spec.max is None or value < spec.max else value - 1
            again = {**good, spec.code: other}
            yield Invalid("duplicate", None, Severity.ERROR, (good, again))
            return


def _breaking(table: TableSpec, rule: Rule, good: Cells, period: Period) -> Iterator[Invalid]:
    """A row that breaks a rule; some bind in the first period of a year alone."""
    # The 4th of January lies in every ISO year's first week.
    day = 4 if period.cadence is Cadence.WEEK else 1
    first = periods.containing(period.first_day.replace(month=1, day=day), period.cadence)
    for of in dict.fromkeys((period, first)):
        found = _broken(table, rule, good, of)
        if found is not None:
            yield found
            return


def _broken(table: TableSpec, rule: Rule, good: Cells, period: Period) -> Invalid | None:
    expression = table.expression(rule.expr)
    fixed = {name: good[name] for name in table.key_fields}
    now = _Search(table, period, fixed, f"{rule.id}-now")
    before = _Search(table, period.previous(), fixed, f"{rule.id}-before")
    for _ in range(TRIES):
        scope = {**now.cells, PERIOD_NO: period.number}
        if expression(scope, before.cells) is False:
            row = _row(table, good[AREA], period, now.cells)
            earlier = _row(table, good[AREA], period.previous(), before.cells)
            needed = earlier if expression.previous else None
            return Invalid(rule.id, None, rule.severity, (row,), needed)
        now.shake()
        before.shake()
    return None
