"""Figures made of rows: an indicator's value for each area, and for the province as a whole.

A ratio keeps numerator and denominator, so that areas and periods can be put together without
averaging averages. A figure that changes becomes its next version; the one before stays.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ioc_cloud.db import feeds_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.catalogue import PROVINCE_DIGITS, Catalogue
from ioc_models.feeds import Contract, Indicator, Period, TableSpec
from ioc_models.feeds.contract import PERIOD_NO
from ioc_models.feeds.expressions import Expression
from ioc_models.things.ids import PROVINCE_CODE


@dataclass(frozen=True, slots=True)
class Source:
    """A row as figures need it."""

    area: str
    cells: Mapping[str, Any]
    as_of: datetime
    received_at: datetime
    provenance: str


@dataclass(frozen=True, slots=True)
class Figure:
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

    def parts(
        self, rows: Iterable[Source], number: int
    ) -> tuple[float | None, float | None, float | None]:
        """Value, numerator and denominator of one area's rows in one period."""
        found: list[tuple[float, float | None]] = []
        for row in rows:
            scope = {**row.cells, PERIOD_NO: number}
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


def _whole(
    one: Indicator, parts: Sequence[tuple[float, float | None]]
) -> tuple[float | None, float | None, float | None]:
    if not parts:
        return None, None, None
    if one.is_ratio:
        above = sum(part for part, _ in parts)
        below = sum(part for _, part in parts if part is not None)
        return (one.scale * above / below if below else None), above, below
    values = [value for value, _ in parts]
    return (max(values) if one.space == "max" else sum(values)), None, None


def made(
    feed: Contract,
    table: TableSpec,
    catalogue: Catalogue,
    period: Period,
    rows: Sequence[Source],
) -> Iterator[Figure]:
    """The figures of one period of one table: each area's, then the province's."""
    by_area: dict[str, list[Source]] = defaultdict(list)
    for row in rows:
        by_area[row.area].append(row)
    expected = len(catalogue.areas_of(table)) if table.grid.expected else None
    for one in feed.indicators:
        if one.table != table.id:
            continue
        plan = _Plan.of(table, one)
        parts: list[tuple[float, float | None]] = []
        behind: list[Source] = []
        for area, own in by_area.items():
            value, above, below = plan.parts(own, period.number)
            if value is None and above is None:
                continue
            yield _figure(one, area, period, (value, above, below), own, covered=1, expected=1)
            behind.extend(own)
            parts.append((above, below) if above is not None else (value or 0.0, None))
        if parts and table.grid.areas != "province" and one.space != "none":
            yield _figure(
                one, PROVINCE_CODE, period, _whole(one, parts), behind,
                covered=len(parts), expected=expected,
            )  # fmt: skip


def _figure(
    one: Indicator,
    area: str,
    period: Period,
    parts: tuple[float | None, float | None, float | None],
    rows: Sequence[Source],
    *,
    covered: int,
    expected: int | None,
) -> Figure:
    own = len(area) > PROVINCE_DIGITS or covered == expected == 1
    return Figure(
        indicator=one.code,
        area=area,
        period=period,
        value=parts[0],
        numerator=parts[1],
        denominator=parts[2],
        covered=covered,
        expected=expected,
        # A whole is as old as its oldest part, and known since its newest came.
        as_of=min(row.as_of for row in rows),
        received_at=max(row.received_at for row in rows),
        provenance=_provenance({row.provenance for row in rows}, own=own),
    )


def _provenance(of: set[str], *, own: bool) -> str:
    """Simulated wherever a part is; derived where we put parts together."""
    if "simulated" in of:
        return "simulated"
    return next(iter(of)) if own and len(of) == 1 else "derived"


def renew(
    connection: Connection,
    catalogue: Catalogue,
    feed: Contract,
    table: TableSpec,
    periods: Sequence[Period],
    *,
    batch: int | None,
    now: datetime,
) -> int:
    """Make the figures of some periods anew from the rows that count; says how many changed.

    Call inside the transaction that changed the rows.
    """
    codes = [one.code for one in feed.indicators if one.table == table.id]
    if not codes or not periods:
        return 0
    starts = [period.start for period in periods]
    rows: dict[datetime, list[Source]] = defaultdict(list)
    for start, area, _, cells, _, _, _, as_of, received_at, provenance in connection.execute(
        sql.ROWS_NOW, (feed.id, table.id, starts)
    ):
        rows[start].append(Source(area, cells, as_of, received_at, provenance))
    known: dict[tuple[str, str, datetime], tuple[int, tuple[Any, ...]]] = {
        (indicator, area, start): (version, tuple(said))
        for indicator, area, start, version, *said in connection.execute(
            sql.FIGURES_NOW, (codes, starts)
        )
    }
    changed = 0
    with connection.cursor() as cursor, cursor.copy(sql.ADD_FIGURES) as copy:
        for period in periods:
            for one in _with_withdrawn(
                feed, table, catalogue, period, rows[period.start], known, now
            ):
                version, said = known.get((one.indicator, one.area, period.start), (0, ()))
                if version and said == one.said:
                    continue
                changed += 1
                copy.write_row(
                    (
                        one.indicator, one.area, period.start, version + 1, feed.id, str(period),
                        period.end, one.value, one.numerator, one.denominator, one.covered,
                        one.expected, one.as_of, one.received_at, one.provenance, batch,
                    )
                )  # fmt: skip
    return changed


def _with_withdrawn(
    feed: Contract,
    table: TableSpec,
    catalogue: Catalogue,
    period: Period,
    rows: Sequence[Source],
    known: Mapping[tuple[str, str, datetime], tuple[int, tuple[Any, ...]]],
    now: datetime,
) -> Iterator[Figure]:
    seen = set()
    for one in made(feed, table, catalogue, period, rows):
        seen.add((one.indicator, one.area))
        yield one
    for (indicator, area, start), (_, said) in known.items():
        if start == period.start and (indicator, area) not in seen:
            yield Figure(
                indicator, area, period, None, None, None, 0, said[4], period.end, now, said[5]
            )
