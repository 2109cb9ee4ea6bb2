"""Makes a row keep its contract's rules by changing as little as it can."""

import ast
import math
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from ioc_cloud.feeds.simulate.chance import chance
from ioc_models.feeds import FieldSpec, Period, Rule, TableSpec
from ioc_models.feeds.contract import PERIOD_NO, FieldType
from ioc_models.feeds.expressions import Expression

SWEEPS: Final = 24
STRICT: Final = 0.5
NEWTON: Final = 4
Cells = MutableMapping[str, Any]
Before = Mapping[str, Any] | None


def bounds(spec: FieldSpec) -> tuple[float, float]:
    """What a number may be without anybody wondering."""
    low = spec.min if spec.min is not None else 0.0
    high = spec.max if spec.max is not None else low + 1000
    if spec.usual is not None:
        low, high = max(low, spec.usual[0]), min(high, spec.usual[1])
    return low, high


class Mender:
    """Mends rows of one table; expressions are compiled once for all of them.

    Args:
        table: Whose rules.
        lasting: Fields that move slowly, changed only where nothing else helps.
    """

    def __init__(self, table: TableSpec, lasting: frozenset[str] = frozenset()) -> None:
        self.table = table
        self.lasting = lasting
        self._compiled: dict[str, Expression] = {}
        self.rules = [(rule, self.compiled(rule.expr)) for rule in table.rules]

    def compiled(self, text: str) -> Expression:
        """An expression over the table's fields."""
        found = self._compiled.get(text)
        if found is None:
            found = self._compiled[text] = self.table.expression(text)
        return found

    def mend(self, cells: Cells, before: Before, period: Period) -> bool:
        """Change a row's cells until every rule holds; whether that was reached.

        `before` is the row of the period before, where it is known.
        """
        row = _Row(self, cells, before, period.number)
        for sweep in range(SWEEPS):
            broken = row.broken()
            if not broken:
                return True
            for rule in broken:
                if row.breaks(rule.expr):
                    # Now and then a step that mends nothing is not taken: two rules could go
                    # on taking back what the other has done.
                    strict = chance(rule.id, sweep) < STRICT
                    row.mend(rule, at_most=len(broken) - strict)
        return not row.broken()


@lru_cache(maxsize=2048)
def _tree(text: str) -> ast.expr:
    return ast.parse(text.strip(), mode="eval").body


@lru_cache(maxsize=2048)
def _difference(compare: ast.Compare) -> str:
    return f"({ast.unparse(compare.left)}) - ({ast.unparse(compare.comparators[0])})"


@dataclass(slots=True)
class _Row:
    """A row on its way to keep all rules."""

    by: Mender
    cells: Cells
    before: Before
    number: int

    def broken(self) -> list[Rule]:
        """Rules that do not hold; one that cannot be asked is not broken."""
        scope = {**self.cells, PERIOD_NO: self.number}
        return [rule for rule, holds in self.by.rules if holds(scope, self.before) is False]

    def breaks(self, text: str) -> bool:
        """Whether a rule is broken; one that cannot be asked is not."""
        return self._value(text) is False

    def mend(self, rule: Rule, at_most: int) -> None:
        """Change one cell so that a rule holds: the change that breaks least elsewhere.

        Where more than `at_most` rules were broken after it, both sides come nearer instead.
        """
        node = _tree(rule.expr)
        best: tuple[tuple[int, bool], str, float] | None = None
        for spec, value in self._options(node, rule):
            price = (self._broken_with(spec, value), spec.code in self.by.lasting)
            if best is None or price < best[0]:
                best = (price, spec.code, value)
        if best is not None and best[0][0] <= at_most:
            self.cells[best[1]] = best[2]
        else:
            self._come_nearer(node, rule)

    def _broken_with(self, spec: FieldSpec, value: float) -> int:
        kept = self.cells[spec.code]
        self.cells[spec.code] = value
        broken = len(self.broken())
        self.cells[spec.code] = kept
        return broken

    def _value(self, text: str) -> Any:  # noqa: ANN401
        scope = {**self.cells, PERIOD_NO: self.number}
        return self.by.compiled(text)(scope, self.before)

    def _options(self, node: ast.expr, rule: Rule) -> Iterator[tuple[FieldSpec, float]]:
        """Values of single cells that make a part of a rule hold."""
        if isinstance(node, ast.BoolOp):
            for value in node.values:
                yield from self._options(value, rule)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1:
            for spec in self._free(node, rule):
                found = self._solved(node, spec)
                if found is not None:
                    yield spec, found

    def _come_nearer(self, node: ast.expr, rule: Rule) -> None:
        """Where no cell alone can mend it: the one that brings both sides nearest."""
        compares = [one for one in ast.walk(node) if isinstance(one, ast.Compare)]
        best: tuple[float, str, float] | None = None
        for compare in compares:
            text = _difference(compare)
            for spec in self._free(compare, rule):
                kept = self.cells[spec.code]
                for bound in (*bounds(spec), kept / 2):
                    self.cells[spec.code] = tidy(spec, bound)
                    apart = self._value(text)
                    if isinstance(apart, (int, float)) and (best is None or abs(apart) < best[0]):
                        best = (abs(apart), spec.code, self.cells[spec.code])
                self.cells[spec.code] = kept
        if best is not None:
            self.cells[best[1]] = best[2]

    def _free(self, node: ast.Compare, rule: Rule) -> Iterator[FieldSpec]:
        """Fields that may change, those first that the rule is about."""
        named = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        order = [*(name for name in rule.fields if name in named), *sorted(named)]
        for name in dict.fromkeys(order):
            if name in self.by.table.codes and name not in self.by.table.key_fields:
                spec = self.by.table.field(name)
                if spec.type.is_number and self.cells.get(name) is not None:
                    yield spec

    def _solved(self, node: ast.Compare, spec: FieldSpec) -> float | None:
        """A value of one cell with which a comparison holds, all others as they are."""
        text, compare = _difference(node), ast.unparse(node)
        kept = self.cells[spec.code]
        step = 1.0 if spec.type is FieldType.INTEGER else 10.0**-spec.decimals
        try:
            if isinstance(node.ops[0], ast.NotEq):
                return self._first_good(spec, (kept + step, kept - step), compare)
            for _ in range(NEWTON):
                zero = self._zero(text, spec, step)
                if zero is None:
                    return None
                tried = (*_roundings(spec, zero), zero - step, zero + step)
                found = self._first_good(spec, tried, compare)
                if found is not None:
                    return found
                self.cells[spec.code] = zero
            return None
        finally:
            self.cells[spec.code] = kept

    def _zero(self, text: str, spec: FieldSpec, step: float) -> float | None:
        """Where the two sides of a comparison meet, if it is a line from here."""
        at = self.cells[spec.code]
        here = self._value(text)
        if not isinstance(here, (int, float)) or isinstance(here, bool):
            return None
        for by in (step, -step):
            self.cells[spec.code] = at + by
            there = self._value(text)
            self.cells[spec.code] = at
            if isinstance(there, (int, float)) and there != here:
                return float(at - here * by / (there - here))
        return None

    def _first_good(self, spec: FieldSpec, values: tuple[float, ...], compare: str) -> float | None:
        kept, (low, high) = self.cells[spec.code], bounds(spec)
        found = None
        for value in values:
            if not low <= value <= high:
                continue
            self.cells[spec.code] = tidy(spec, value)
            if self._value(compare) is True:
                found = self.cells[spec.code]
                break
        self.cells[spec.code] = kept
        return found


def _roundings(spec: FieldSpec, value: float) -> tuple[float, ...]:
    unit = 1.0 if spec.type is FieldType.INTEGER else 10.0**-spec.decimals
    return (math.floor(value / unit) * unit, math.ceil(value / unit) * unit, value)


def tidy(spec: FieldSpec, value: float) -> float | int:
    """A number as the field shows it."""
    if spec.type is FieldType.INTEGER:
        return round(value)
    return round(float(value), spec.decimals)
