"""A night's forecasts: made for every series, tested on the past, stored with both.

A series with less than eight weeks says so, and so does one whose newest figure is older than
what would be forecast from it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
from psycopg.types.json import Jsonb

from ioc_cloud.db import feeds_forecast_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import histories
from ioc_cloud.feeds.alerts.anomalies import Daily, ceiling, daily
from ioc_cloud.feeds.calendar import Calendar, local_day
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.forecast.backtest import Backtests, look_ahead
from ioc_cloud.feeds.forecast.errors import ENOUGH_DAYS, TooShort
from ioc_cloud.feeds.forecast.profile import HORIZON_DAYS, Forecasts
from ioc_cloud.feeds.forecasts import Backtest, Forecast, Point, Status
from ioc_cloud.feeds.histories import FloatArray, History, Newest
from ioc_cloud.feeds.water import water_ahead
from ioc_models.feeds import Cadence, periods
from ioc_models.feeds.contract import Words

DAYS: Final = 730
# Indicators that are fitted together: their series share the days, and the fit its overhead.
TOGETHER: Final = 4
# Somebody may ask what was said a month ago.
KEPT: Final = timedelta(days=35)
STALE: Final = timedelta(days=HORIZON_DAYS)

Progress = Callable[[int, int], None]


@dataclass
class Night:
    """What a night made.

    Attributes:
        made: Series with a forecast.
        too_short: Series with less than eight weeks.
        stale: Series whose newest figure is too old.
        points: Periods forecast.
        champions: Series by the model that forecast them.
    """

    made_on: date
    made: int = 0
    too_short: int = 0
    stale: int = 0
    points: int = 0
    champions: dict[str, int] = field(default_factory=dict)

    def count(self, one: Forecast) -> None:
        """One series more."""
        match one.status:
            case "made":
                self.made += 1
            case "too_short":
                self.too_short += 1
            case "stale":
                self.stale += 1
        self.points += len(one.points)
        if one.model is not None:
            self.champions[one.model] = self.champions.get(one.model, 0) + 1


def nightly(
    connection: Connection,
    catalogue: Catalogue,
    calendar: Calendar,
    now: datetime,
    progress: Progress | None = None,
) -> Night:
    """Forecast every daily indicator of every area that has figures, and the water stations.

    One transaction, which replaces what was made on the same day; `progress` is told how many
    indicators are done, of how many, the water as one more.
    """
    night = Night(local_day(now))
    watches = list(daily(catalogue).values())
    with connection.transaction():
        connection.execute(sql.LOCK)
        for statement in sql.CLEAR:
            connection.execute(statement, {"made_on": night.made_on})
        for statement in sql.FORGET:
            connection.execute(statement, {"oldest": night.made_on - KEPT})
        for start in range(0, len(watches), TOGETHER):
            some = watches[start : start + TOGETHER]
            _store(connection, night, list(_days_ahead(connection, catalogue, calendar, some, now)))
            if progress is not None:
                progress(min(start + TOGETHER, len(watches)), len(watches) + 1)
        _store(connection, night, list(water_ahead(connection, catalogue, now)))
        if progress is not None:
            progress(len(watches) + 1, len(watches) + 1)
    return night


def _days_ahead(
    connection: Connection,
    catalogue: Catalogue,
    calendar: Calendar,
    watches: Sequence[Daily],
    now: datetime,
) -> Iterator[Forecast]:
    first = local_day(now) - timedelta(days=DAYS)
    start = periods.containing(first, Cadence.DAY).start
    areas = list(catalogue.areas)
    past = [histories.read(connection, one.one.code, areas, start, DAYS) for one in watches]
    values = np.concatenate([history.values for history in past])
    upper = [
        ceiling(watch.one, history.values) for watch, history in zip(watches, past, strict=True)
    ]
    there = np.flatnonzero(~np.isnan(values).all(axis=1))
    if not len(there):
        return
    tested, ahead = look_ahead(
        [first + timedelta(days=at) for at in range(DAYS)],
        values[there],
        calendar,
        upper=np.array(upper, dtype=np.float64).repeat(len(areas))[there],
    )
    for row, place in enumerate(there):
        which, at = divmod(int(place), len(areas))
        yield Series(watches[which], past[which], at, calendar, now).forecast(tested, ahead, row)


@dataclass(frozen=True, slots=True)
class Series:
    """One area of an indicator, on its way to a row."""

    watch: Daily
    history: History
    at: int
    calendar: Calendar
    now: datetime

    def forecast(self, tested: Backtests, ahead: Forecasts, row: int) -> Forecast:
        """What was found of it, in a row of what was found of many."""
        made_on = local_day(self.now)
        values = self.history.values[self.at]
        known = np.flatnonzero(~np.isnan(values))
        area = self.history.areas[self.at]
        newest = self.history.newest[area]
        status, reason = self._status(len(known), newest, made_on)
        made = status == "made"
        model = tested.champion_of(row) if made else None
        return Forecast(
            indicator=self.history.indicator,
            area=area,
            made_on=made_on,
            made_at=self.now,
            step="day",
            status=status,
            reason=reason,
            model=model,
            n=len(known),
            since=self.history.first + int(known[0]) * self.history.step,
            until=self.history.first + int(known[-1]) * self.history.step,
            feed=self.watch.feed.id,
            as_of=newest.as_of,
            received_at=newest.received_at,
            provenance="simulated" if self.history.simulated[self.at] else newest.provenance,
            detail={},
            points=list(self._points(ahead, row)) if made else [],
            errors=list(_errors(tested, row, model)) if made else [],
        )

    def _status(self, n: int, newest: Newest, made_on: date) -> tuple[Status, Words | None]:
        if n < ENOUGH_DAYS:
            short = TooShort(n)
            return "too_short", Words(vi=short.vi, en=short.en)
        if local_day(newest.start) < made_on - STALE:
            day = local_day(newest.start)
            return "stale", Words(
                vi=f"số liệu mới nhất là của ngày {day:%d/%m/%Y}, quá cũ để dự báo",
                en=f"the newest figure is of {day}, too old to forecast from",
            )
        return "made", None

    def _points(self, ahead: Forecasts, row: int) -> Iterator[Point]:
        # A table of working days has nothing to say of the others.
        only_worked = self.watch.table.schedule.days == "working"
        for place, day in enumerate(ahead.days):
            if only_worked and not self.calendar.is_working(day):
                continue
            yield Point(
                periods.containing(day, Cadence.DAY).start,
                float(ahead.value[row, place]),
                float(ahead.low[row, place]),
                float(ahead.high[row, place]),
            )


def _errors(tested: Backtests, row: int, champion: str | None) -> Iterator[Backtest]:
    origins = [periods.containing(day, Cadence.DAY).start for day in tested.origins]
    for place, name in enumerate(tested.models):
        yield Backtest(
            model=name,
            champion=name == champion,
            origins=origins,
            wape=_listed(tested.wape[place, row]),
            mae=_listed(tested.mae[place, row]),
            inside=_listed(tested.inside[place, row]),
        )


def _listed(errors: FloatArray) -> list[float | None]:
    return [None if np.isnan(one) else round(float(one), 6) for one in errors]


def _store(connection: Connection, night: Night, found: Sequence[Forecast]) -> None:
    with connection.cursor() as cursor:
        with cursor.copy(sql.ADD_RUNS) as copy:
            for one in found:
                copy.write_row(_run(one))
        with cursor.copy(sql.ADD_POINTS) as copy:
            for one in found:
                for at in one.points:
                    copy.write_row(
                        (
                            one.indicator, one.area, one.made_on, at.start, at.value, at.low,
                            at.high,
                        )
                    )  # fmt: skip
        with cursor.copy(sql.ADD_BACKTESTS) as copy:
            for one in found:
                for error in one.errors:
                    copy.write_row(
                        (
                            one.indicator, one.area, one.made_on, error.model, error.champion,
                            list(error.origins), list(error.wape), list(error.mae),
                            list(error.inside),
                        )
                    )  # fmt: skip
    for one in found:
        night.count(one)


def _run(one: Forecast) -> tuple[Any, ...]:
    vi, en = (one.reason.vi, one.reason.en) if one.reason else ("", "")
    return (
        one.indicator, one.area, one.made_on, one.made_at, one.step, one.status, vi, en, one.model,
        one.n, one.since, one.until, one.feed, one.as_of, one.received_at, one.provenance,
        Jsonb(dict(one.detail)),
    )  # fmt: skip
