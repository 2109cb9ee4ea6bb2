"""What kind of figure a field is, read from its contract: a flow, a stock, a sum of the year."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from ioc_models.feeds import Cadence, Contract, FieldSpec, TableSpec
from ioc_models.feeds.contract import Indicator, Severity

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_ALMOST_ALL: Final = 0.985
# Where a contract names no good value.
_USUAL_SHARE: Final = {"up": 0.88, "down": 0.08, "target": 0.9, "neutral": 0.5}


class Kind(Enum):
    """How a figure goes through time."""

    FLOW = auto()
    STOCK = auto()
    YEAR = auto()
    GROWING = auto()
    READING = auto()


@dataclass(frozen=True, slots=True)
class Part:
    """A figure that is a share of another one."""

    whole: str
    share: float


@dataclass(frozen=True, slots=True)
class Nature:
    """A table's figures.

    Attributes:
        kinds: By field.
        parts: Fields that are shares of others.
        chained: Whether a row follows from the row before it.
        from_new_year: Whether that chain begins with the year, not with the month or, for
            periods shorter than a day, with the day.
    """

    kinds: Mapping[str, Kind]
    parts: Mapping[str, Part]
    chained: bool
    from_new_year: bool

    @property
    def lasting(self) -> frozenset[str]:
        """Fields that move slowly."""
        slow = {Kind.STOCK, Kind.YEAR, Kind.GROWING}
        return frozenset(name for name, kind in self.kinds.items() if kind in slow)


def nature(feed: Contract, table: TableSpec) -> Nature:
    """Read a table's nature."""
    parts: dict[str, Part] = {}
    for one in feed.indicators:
        if one.table == table.id and (found := _part(table, one)) is not None:
            parts.setdefault(*found)
    chains = [
        rule
        for rule in table.rules
        if table.expression(rule.expr).previous and not _is_monotone(rule.expr)
    ]
    balances = [rule for rule in chains if "==" in rule.expr or rule.severity is Severity.ERROR]
    strict = any(rule.severity is Severity.ERROR for rule in chains)
    return Nature(
        _kinds(feed, table),
        parts,
        chained=bool(balances),
        from_new_year=strict or table.grid.period in {*_LONG, Cadence.WEEK},
    )


def _is_monotone(text: str) -> bool:
    return re.search(r"(\w+) >= prev\.\1$", text) is not None


def _kinds(feed: Contract, table: TableSpec) -> dict[str, Kind]:
    numbers = [spec for spec in table.fields if spec.type.is_number]
    kinds = {spec.code: _kind(feed, table, spec) for spec in numbers}
    stocks = {name for name, kind in kinds.items() if kind is Kind.STOCK}
    for spec in numbers:
        if kinds[spec.code] is None:
            # What is compared with a stock is one.
            beside = any(
                spec.code in names and names & stocks
                for names in (table.expression(rule.expr).fields for rule in table.rules)
            )
            slow = beside or table.grid.period in _LONG
            kinds[spec.code] = Kind.STOCK if slow else Kind.FLOW
    return {name: kind or Kind.FLOW for name, kind in kinds.items()}


_LONG: Final = frozenset({Cadence.MONTH, Cadence.QUARTER, Cadence.YEAR})


def _kind(feed: Contract, table: TableSpec, spec: FieldSpec) -> Kind | None:
    """What rules and indicators say of a field; None where they say nothing."""
    by_rules = _kind_by_rules(table, spec)
    if by_rules is not None:
        return by_rules
    times = {
        one.time
        for one in feed.indicators
        if one.table == table.id and spec.code in {one.value, one.denominator}
    }
    if not times:
        return None
    return Kind.FLOW if times & {"sum", "ratio"} else Kind.STOCK


def _kind_by_rules(table: TableSpec, spec: FieldSpec) -> Kind | None:
    name = re.escape(spec.code)
    rules = [rule.expr for rule in table.rules]
    if any(re.search(rf"\b{name} >= prev\.{name}\b", text) for text in rules):
        of_year = any("period_no" in text and f"prev.{spec.code}" in text for text in rules)
        return Kind.YEAR if of_year else Kind.GROWING
    if any(re.search(rf"\b{name} != prev\.{name}\b", text) for text in rules):
        return Kind.READING
    if any(re.search(rf"abs\({name} - prev\.{name}\)", text) for text in rules):
        return Kind.READING if table.grid.period.is_short and spec.usual else Kind.STOCK
    return None


def _part(table: TableSpec, one: Indicator) -> tuple[str, Part] | None:
    above, below = one.numerator or "", one.denominator or ""
    if not (_NAME.fullmatch(above) and _NAME.fullmatch(below)) or above == below:
        return None
    share = _share(one) / one.scale
    if any(re.search(rf"\b{above} <= {below}$", rule.expr) for rule in table.rules):
        share = min(share, _ALMOST_ALL)
    return above, Part(below, share)


def _share(one: Indicator) -> float:
    """A good value of a ratio, in its own unit."""
    if one.target is not None and one.direction == "target":
        return one.target * 0.97
    if one.warn is not None and one.warn.below is not None:
        top = one.target if one.target is not None else max(one.scale, one.warn.below)
        return one.warn.below + (max(top, one.warn.below) - one.warn.below) * 0.6
    if one.warn is not None and one.warn.above is not None:
        return one.warn.above * 0.75
    if one.target is not None:
        return one.target
    return _USUAL_SHARE[one.direction] * one.scale
