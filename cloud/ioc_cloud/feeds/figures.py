"""Figures made of rows: an indicator's value for each area, and for the province as a whole.

A ratio keeps numerator and denominator, so that areas and periods can be put together without
averaging averages. A figure that changes becomes its next version; the one before stays.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from ioc_cloud.db import feeds_sql as sql
from ioc_cloud.db.copying import copy_lines, moment, number
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.catalogue import PROVINCE_DIGITS, Catalogue
from ioc_models.feeds import Contract, Indicator, Period, TableSpec
from ioc_models.feeds.contract import PERIOD_NO
from ioc_models.feeds.expressions import Expression
from ioc_models.things.ids import PROVINCE_CODE

# A value, its numerator and its denominator.
Parts = tuple[float | None, float | None, float | None]


class Source(NamedTuple):
    """A row as figures need it."""

    area: str
    cells: Mapping[str, Any]
    as_of: datetime
    received_at: datetime
    provenance: str


class Figure(NamedTuple):
    """A value with what it is made of.

    Attributes:
        value: None where an earlier version was withdrawn and nothing took its place.
        covered: Areas behind it that have reported.
        expected: Areas that should have; None where nobody can know.
    """

    indicator: str
    area: str
    period: Period
    value: float | None
    numerator: float | None
    denominator: float | None
    covered: int
    expected: int | None
    as_of: datetime
    received_at: datetime
    provenance: str

    @property
    def said(self) -> tuple[Any, ...]:
        """What makes it another version when it changes."""
        return (
            self.value, self.numerator, self.denominator, self.covered, self.expected,
            self.provenance,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Plan:
    """An indicator, compiled once for many rows."""

    indicator: Indicator
    value: Expression | None
    numerator: Expression | None
    denominator: Expression | None
    where: Expression | None

    @classmethod
    def of(cls, table: TableSpec, one: Indicator) -> "_Plan":
        def compiled(text: str | None) -> Expression | None:
            return table.expression(text) if text is not None else None

        return cls(
            one,
            compiled(one.value),
            compiled(one.numerator),
            compiled(one.denominator),
            compiled(one.where),
        )

    def parts(self, scopes: Iterable[Mapping[str, Any]]) -> Parts:
        """Value, numerator and denominator of one area's rows in one period."""
        found: list[tuple[float, float | None]] = []
        for scope in scopes:
            if self.where is not None and not self.where(scope):
                continue
            if self.value is not None:
                value = self.value(scope)
                if value is not None:
                    found.append((float(value), None))
            elif self.numerator is not None and self.denominator is not None:
                above, below = self.numerator(scope), self.denominator(scope)
                if above is not None and below is not None:
                    found.append((float(above), float(below)))
        return _whole(self.indicator, found)


def _whole(one: Indicator, parts: Sequence[tuple[float, float | None]]) -> Parts:
    if not parts:
        return None, None, None
    if len(parts) == 1 and not one.is_ratio:
        return parts[0][0], None, None
    if one.is_ratio:
        above = sum(part for part, _ in parts)
        below = sum(part for _, part in parts if part is not None)
        return (one.scale * above / below if below else None), above, below
    values = [value for value, _ in parts]
    return (max(values) if one.space == "max" else sum(values)), None, None


def made(
    feed: Contract, table: TableSpec, period: Period, rows: Sequence[Source], expected: int | None
) -> Iterator[Figure]:
    """The figures of one period of one table: each area's, then the province's.

    Args:
        feed: The table's feed.
        table: What the rows are of.
        period: What they are of.
        rows: Those that count.
        expected: Areas that should have reported; None where nobody can know.
    """
    of_year = period.number
    by_area: dict[str, list[Source]] = defaultdict(list)
    for row in rows:
        by_area[row.area].append(row)
    areas = [
        (area, own, [{**row.cells, PERIOD_NO: of_year} for row in own])
        for area, own in by_area.items()
    ]
    for one in feed.indicators:
        if one.table != table.id:
            continue
        plan = _Plan.of(table, one)
        parts: list[tuple[float, float | None]] = []
        behind: list[Source] = []
        for area, own, scopes in areas:
            value, above, below = found = plan.parts(scopes)
            if value is None and above is None:
                continue
            yield _figure(one.code, area, period, _Whole(found, own, 1, 1))
            behind.extend(own)
            parts.append((above, below) if above is not None else (value or 0.0, None))
        if parts and table.grid.areas != "province" and one.space != "none":
            whole = _Whole(_whole(one, parts), behind, len(parts), expected)
            yield _figure(one.code, PROVINCE_CODE, period, whole)


class _Whole(NamedTuple):
    """A value's parts with the rows behind it."""

    parts: Parts
    rows: Sequence[Source]
    covered: int
    expected: int | None


def _figure(code: str, area: str, period: Period, whole: _Whole) -> Figure:
    parts, rows, covered, expected = whole
    own = len(area) > PROVINCE_DIGITS or covered == expected == 1
    if own and len(rows) == 1:
        (row,) = rows
        said = (row.as_of, row.received_at, row.provenance)
    else:
        # A whole is as old as its oldest part, and known since its newest came.
        said = (
            min(row.as_of for row in rows),
            max(row.received_at for row in rows),
            _provenance({row.provenance for row in rows}, own=own),
        )
    return Figure(code, area, period, *parts, covered, expected, *said)


def _provenance(of: set[str], *, own: bool) -> str:
    """Simulated wherever a part is; derived where we put parts together."""
    if "simulated" in of:
        return "simulated"
    return next(iter(of)) if own and len(of) == 1 else "derived"


Known = Mapping[tuple[str, str], tuple[int, tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Renewal:
    """Makes a table's figures anew where rows have changed, in the transaction that changed them.

    Attributes:
        batch: What changed them.
    """

    catalogue: Catalogue
    feed: Contract
    table: TableSpec
    batch: int | None
    now: datetime

    def run(
        self,
        connection: Connection,
        of: Sequence[Period],
        rows: Mapping[datetime, Sequence[Source]] | None = None,
    ) -> int:
        """Renew some periods; says how many figures got another version.

        Args:
            connection: In the transaction that changed the rows.
            of: The periods.
            rows: All rows of theirs that count now, by the period's start, where the caller has
                them at hand.
        """
        codes = [one.code for one in self.feed.indicators if one.table == self.table.id]
        if not codes or not of:
            return 0
        starts = [period.start for period in of]
        at_hand = rows if rows is not None else self._rows(connection, starts)
        known = _known(connection, self.feed.id, codes, starts)
        changed = 0

        def lines() -> Iterator[str]:
            nonlocal changed
            for period in of:
                there = known[period.start]
                written = _Line(self.feed.id, period, self.batch)
                for one in self._with_withdrawn(period, at_hand.get(period.start, ()), there):
                    version, said = there.get((one.indicator, one.area), _NEVER)
                    if version == 0 or said != one.said:
                        changed += 1
                        yield written.of(one, version + 1)

        with connection.cursor() as cursor:
            copy_lines(cursor, sql.ADD_FIGURES, lines())
        return changed

    def _rows(
        self, connection: Connection, starts: list[datetime]
    ) -> Mapping[datetime, list[Source]]:
        found: dict[datetime, list[Source]] = defaultdict(list)
        asked = (self.feed.id, self.table.id, starts)
        for start, area, _, cells, _, _, _, as_of, received_at, provenance in connection.execute(
            sql.ROWS_NOW, asked
        ):
            found[start].append(Source(area, cells, as_of, received_at, provenance))
        return found

    def _with_withdrawn(
        self, period: Period, rows: Sequence[Source], known: Known
    ) -> Iterator[Figure]:
        table = self.table
        expected = len(self.catalogue.areas_of(table)) if table.grid.expected else None
        seen = set()
        for one in made(self.feed, table, period, rows, expected):
            seen.add((one.indicator, one.area))
            yield one
        for (indicator, area), (_, said) in known.items():
            if (indicator, area) not in seen:
                *_, expected, provenance = said
                yield Figure(
                    indicator, area, period, None, None, None, 0, expected, period.end, self.now,
                    provenance,
                )  # fmt: skip


_NEVER: Final[tuple[int, tuple[Any, ...]]] = (0, ())


class _Line:
    """Writes the figures of one period as COPY has them."""

    def __init__(self, feed: str, period: Period, batch: int | None) -> None:
        self._start = moment(period.start)
        self._middle = f"{feed}\t{period}\t{moment(period.end)}"
        self._batch = number(batch)
        self._moments: dict[datetime, str] = {}

    def of(self, one: Figure, version: int) -> str:
        return (
            f"{one.indicator}\t{one.area}\t{self._start}\t{version}\t{self._middle}\t"
            f"{number(one.value)}\t{number(one.numerator)}\t{number(one.denominator)}\t"
            f"{one.covered}\t{number(one.expected)}\t{self._moment(one.as_of)}\t"
            f"{self._moment(one.received_at)}\t{one.provenance}\t{self._batch}"
        )

    def _moment(self, at: datetime) -> str:
        known = self._moments.get(at)
        if known is None:
            known = self._moments[at] = moment(at)
        return known


def _known(
    connection: Connection, feed: str, codes: list[str], starts: list[datetime]
) -> Mapping[datetime, Known]:
    found: dict[datetime, dict[tuple[str, str], tuple[int, tuple[Any, ...]]]] = defaultdict(dict)
    for indicator, area, start, version, *said in connection.execute(
        sql.FIGURES_NOW, (feed, starts, codes)
    ):
        found[start][indicator, area] = (version, tuple(said))
    return found
