"""Figures that could be the province's: by commune, weekday and Tết, and true to the contract."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final

from ioc_cloud.feeds.simulate import seasons
from ioc_cloud.feeds.simulate.chance import chance, wobble
from ioc_cloud.feeds.simulate.mending import Mender, bounds, tidy
from ioc_cloud.feeds.simulate.nature import Kind, Nature, nature
from ioc_models.feeds import Cadence, Contract, FieldSpec, Period, TableSpec
from ioc_models.feeds.contract import AREA, PERIOD, FieldType
from ioc_models.feeds.periods import LOCAL
from ioc_models.things.ids import PROVINCE_CODE

Cells = dict[str, Any]
Key = tuple[str, ...]
MOST_KEPT: Final = 300_000
IN_A_YEAR: Final[Mapping[Cadence, int]] = {
    Cadence.QUARTER_HOUR: 35_136,
    Cadence.HOUR: 8_784,
    Cadence.DAY: 366,
    Cadence.WEEK: 53,
    Cadence.MONTH: 12,
    Cadence.QUARTER: 4,
    Cadence.YEAR: 1,
}
# The principal lunar tide, in hours.
TIDE_H: Final = 12.42
# Where the contract gives no usual range, figures lie low in the possible one.
OF_A_COMMUNE: Final = 0.03
OF_THE_PROVINCE: Final = 0.15
SMALL_RANGE: Final = 100.0
RARE: Final = 0.2
RARE_AMOUNT: Final = 0.02
# 2020, counted from 1970.
YEAR_OF_BASE: Final = 50
LEFT_OUT: Final = 0.03
WITH_STATION: Final = 0.3
WITH_KEY: Final = 0.45


class Generator:
    """Rows of one feed; the same seed gives the same rows, whatever was asked before."""

    def __init__(self, feed: Contract, seed: int = 0) -> None:
        self._feed = feed
        self._seed = seed
        self._natures: dict[str, Nature] = {}
        self._menders: dict[str, Mender] = {}
        self._kept: dict[tuple[str, str, Key, Period], Cells] = {}

    def rows(self, table: TableSpec, period: Period, areas: Sequence[str]) -> list[Cells]:
        """Rows of one period; a day off has none where only working days are reported."""
        if table.schedule.days == "working" and not seasons.is_working(period.first_day):
            return []
        return [
            {AREA: area, PERIOD: str(period), **self._row(table, area, key, period)}
            for area in areas
            for key in self._keys(table, area)
        ]

    def _keys(self, table: TableSpec, area: str) -> Iterator[Key]:
        lists = [
            part.expected or tuple(self._own_values(table.field(part.field), area))
            for part in table.grid.keys
        ]
        yield from product(*lists)

    def _own_values(self, spec: FieldSpec, area: str) -> Iterator[str]:
        """Values of a key that the contract leaves open: some, always the same ones."""
        if spec.choices:
            whole = area == PROVINCE_CODE
            for choice in spec.choices:
                if whole or chance(self._seed, spec.code, area, choice.code) < WITH_KEY:
                    yield choice.code
        elif chance(self._seed, spec.code, area) < WITH_STATION:
            example = spec.example or spec.code
            yield next(text for text in (f"{example}-{area}", example) if _fits(spec, text))

    def _row(self, table: TableSpec, area: str, key: Key, period: Period) -> Cells:
        known = self._kept.get((table.id, area, key, period))
        if known is not None:
            return known
        before: Cells | None = None
        for one in self._chain(table, area, key, period):
            kept = self._kept.get((table.id, area, key, one))
            before = kept if kept is not None else self._made(table, area, key, one, before)
        if before is None:
            raise AssertionError("a chain ends with the period itself")
        return before

    def _chain(self, table: TableSpec, area: str, key: Key, period: Period) -> list[Period]:
        """The periods that a row follows from, and its own; from the newest one that is known."""
        found = [period]
        if not self._nature(table).chained:
            return found
        while not self._begins(table, found[-1]):
            found.append(found[-1].previous())
            if (table.id, area, key, found[-1]) in self._kept:
                break
        return found[::-1]

    def _begins(self, table: TableSpec, period: Period) -> bool:
        if self._nature(table).from_new_year:
            return period.number == 1
        if not period.cadence.is_short:
            return period.first_day.day == 1
        return period.start == period.start.astimezone(LOCAL).replace(hour=0, minute=0)

    def _nature(self, table: TableSpec) -> Nature:
        found = self._natures.get(table.id)
        if found is None:
            found = self._natures[table.id] = nature(self._feed, table)
        return found

    def _mender(self, table: TableSpec) -> Mender:
        found = self._menders.get(table.id)
        if found is None:
            found = self._menders[table.id] = Mender(table, self._nature(table).lasting)
        return found

    def _made(
        self, table: TableSpec, area: str, key: Key, period: Period, before: Cells | None
    ) -> Cells:
        cells: Cells = {}
        for name, said in zip(table.key_fields, key, strict=True):
            cells[name] = _typed(table.field(name), said)
        words = (self._seed, self._feed.id, table.id, area, *key)
        for spec in table.fields:
            if spec.code not in cells:
                cells[spec.code] = self._cell(table, spec, words, period)
        self._share_out(table, cells, words, period)
        self._mender(table).mend(cells, before, period)
        ordered = {spec.code: cells[spec.code] for spec in table.fields}
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        self._kept[table.id, area, key, period] = ordered
        return ordered

    def _share_out(
        self, table: TableSpec, cells: Cells, words: tuple[Any, ...], period: Period
    ) -> None:
        """Figures that are a share of others, with a little life of their own."""
        for name, part in self._nature(table).parts.items():
            whole = cells.get(part.whole)
            if name in table.key_fields or cells.get(name) is None or whole is None:
                continue
            spec = table.field(name)
            room = min(part.share, abs(1 - part.share)) or 0.02
            lasting = wobble(*words, name) * room * 0.3
            passing = wobble(*words, name, period.start) * room * 0.15
            kinds = self._nature(table).kinds
            if kinds[name] in {Kind.YEAR, Kind.GROWING}:
                # A share that swung would take back what was counted already.
                passing = 0.0
                if kinds[name] is Kind.YEAR and kinds.get(part.whole) is not Kind.YEAR:
                    whole *= period.number / IN_A_YEAR[period.cadence]
            cells[name] = bounded(spec, whole * (part.share + lasting + passing))

    def _cell(
        self, table: TableSpec, spec: FieldSpec, words: tuple[Any, ...], period: Period
    ) -> Any:  # noqa: ANN401
        own = (*words, spec.code)
        if not spec.required and chance(*own, period.start) < LEFT_OUT:
            return None
        if spec.type.is_number:
            kind = self._nature(table).kinds[spec.code]
            return bounded(spec, _FIGURES[kind](table, spec, own, period))
        if spec.type is FieldType.CODE:
            open_ones = [one.code for one in spec.choices if one.until is None]
            return open_ones[int(chance(*own, period.start) * len(open_ones))]
        return _words(spec, own, period)


def _words(spec: FieldSpec, own: tuple[Any, ...], period: Period) -> Any:  # noqa: ANN401
    """What is neither a number nor a code."""
    match spec.type:
        case FieldType.DATE:
            return period.first_day.isoformat()
        case FieldType.MOMENT:
            return period.start.astimezone(LOCAL).isoformat()
        case FieldType.FLAG:
            return chance(*own, period.start) < 0.7  # noqa: PLR2004 more yes than no
        case _:
            return spec.example or f"{spec.title.vi} (mô phỏng)"[: spec.longest]


def _typed(spec: FieldSpec, said: str) -> Any:  # noqa: ANN401
    if spec.type is FieldType.INTEGER:
        return int(said)
    return float(said) if spec.type is FieldType.NUMBER else said


def _fits(spec: FieldSpec, text: str) -> bool:
    return len(text) <= spec.longest and (
        not spec.pattern or bool(re.fullmatch(spec.pattern, text))
    )


def bounded(spec: FieldSpec, value: float) -> float | int:
    """A value inside the field's usual range, written as the field is."""
    low, high = bounds(spec)
    return tidy(spec, min(max(value, low), high))


def _middle(spec: FieldSpec, words: tuple[Any, ...]) -> float:
    """Around what a figure moves: large communes have more of everything."""
    seed, feed, _, area, *_ = words
    low, high = bounds(spec)
    weight = 0.5 + 0.9 * chance(seed, feed, area)
    weight *= 0.8 + 0.4 * chance(*words)
    if spec.usual is not None or high - low <= SMALL_RANGE:
        return low + (high - low) * 0.35 * min(weight, 1.6)
    share = OF_THE_PROVINCE if area == PROVINCE_CODE else OF_A_COMMUNE
    return low + (high - low) * share * weight


def _flow(table: TableSpec, spec: FieldSpec, words: tuple[Any, ...], period: Period) -> float:
    low, _ = bounds(spec)
    middle = (_middle(spec, words) - low) * _rarity(table, spec)
    cadence = table.grid.period
    if cadence.is_short:
        lively = seasons.level(period.first_day) * seasons.hour_level(
            period.start.astimezone(LOCAL)
        )
    elif cadence is Cadence.DAY:
        lively = seasons.level(period.first_day)
    else:
        lively = 1 + 0.1 * math.sin(2 * math.pi * period.number / IN_A_YEAR[cadence])
    return low + middle * lively * (1 + 0.15 * wobble(*words, period.start))


def _rarity(table: TableSpec, spec: FieldSpec) -> float:
    """How far below the middle of its usual range a flow lies.

    What is usual from nothing up is mostly little: cases of a disease, warnings, rain.
    """
    if spec.usual is None or spec.usual[0] > 0:
        return 1.0
    amounts = spec.type is FieldType.NUMBER and table.grid.period.is_short
    return RARE_AMOUNT if amounts else RARE


def _stock(_table: TableSpec, spec: FieldSpec, words: tuple[Any, ...], period: Period) -> float:
    low, _ = bounds(spec)
    years = period.start.timestamp() / 31_557_600 - YEAR_OF_BASE
    # Up to two per cent a year, and never down: what only grows may be a part of it.
    return low + (_middle(spec, words) - low) * (1 + 0.02 * chance(*words) * years)


def _year(table: TableSpec, spec: FieldSpec, words: tuple[Any, ...], period: Period) -> float:
    low, _ = bounds(spec)
    return low + (_middle(spec, words) - low) * 3 * period.number / IN_A_YEAR[table.grid.period]


def _growing(_table: TableSpec, spec: FieldSpec, words: tuple[Any, ...], period: Period) -> float:
    low, _ = bounds(spec)
    # A season's area is closed with its year and begins anew: never less than before within it.
    return low + (_middle(spec, words) - low) * (0.5 + period.start.timestamp() / 4e9)


def _reading(_table: TableSpec, spec: FieldSpec, words: tuple[Any, ...], period: Period) -> float:
    low, high = bounds(spec)
    hours = period.start.timestamp() / 3600
    wave = math.sin(2 * math.pi * (hours / TIDE_H + chance(*words)))
    finest = 10.0**-spec.decimals
    noise = wobble(*words, period.start) * max(0.006 * (high - low), finest)
    return _middle(spec, words) + 0.1 * (high - low) * wave + noise


_Figure = Callable[[TableSpec, FieldSpec, tuple[Any, ...], Period], float]
_FIGURES: Final[Mapping[Kind, _Figure]] = {
    Kind.FLOW: _flow,
    Kind.STOCK: _stock,
    Kind.YEAR: _year,
    Kind.GROWING: _growing,
    Kind.READING: _reading,
}

_GENERATORS: Final[dict[tuple[str, str, int], Generator]] = {}


def generate(
    feed: Contract, table: TableSpec, period: Period, areas: Sequence[str], seed: int = 0
) -> list[Cells]:
    """Rows of one table and period as a source of that feed would report them.

    Args:
        feed: Its contract.
        table: One of its tables.
        period: Of the table's length.
        areas: Codes of the areas that report.
        seed: Another one gives another province.
    """
    known = (feed.id, feed.sha256, seed)
    if known not in _GENERATORS:
        _GENERATORS[known] = Generator(feed, seed)
    return _GENERATORS[known].rows(table, period, areas)
