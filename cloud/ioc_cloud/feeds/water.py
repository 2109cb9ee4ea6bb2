"""Fourteen days ahead of water stations, hour by hour: tides, and salinity with its limits.

A commune's figure is that of its highest station. What was learnt is measured beside the last
value again and the last lunar day again, and where one of them was less wrong it forecasts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import histories
from ioc_cloud.feeds.calendar import local_day
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.forecast.errors import TooShort
from ioc_cloud.feeds.forecast.harmonic import Curve, Harmonic
from ioc_cloud.feeds.forecast.profile import BAND_SD
from ioc_cloud.feeds.forecast.salinity import Salinity, fit_salinity, fit_waves
from ioc_cloud.feeds.forecast.tide import (
    HARMONIC,
    LUNAR,
    PERSISTENCE,
    WaterErrors,
    backtest_water,
    fit_tide,
)
from ioc_cloud.feeds.forecasts import Backtest, Forecast, Point
from ioc_cloud.feeds.histories import FloatArray, History
from ioc_models.feeds import Cadence, Contract, Indicator
from ioc_models.feeds.contract import Words

LEVEL: Final = "TNN.MUC_NUOC"
SALINITY: Final = "TNN.MAN"
HOUR: Final = timedelta(hours=1)
# K2 is told from S2 after 183 days.
LEARNT: Final = timedelta(days=200)
# Tides go on, but what wind and rain left is forgotten after days.
STALE: Final = timedelta(days=3)
STEPS: Final[Mapping[Cadence, timedelta]] = {
    Cadence.QUARTER_HOUR: timedelta(minutes=15),
    Cadence.HOUR: HOUR,
}
# A normal law's standard deviation over its mean absolute deviation.
MEAN_TO_SD: Final = 1.2533


@dataclass(frozen=True, slots=True)
class Gauge:
    """One commune's water, hour by hour.

    Attributes:
        first: When the first hour begins.
        values: (hours,) float64, NaN where missing.
    """

    feed: Contract
    one: Indicator
    first: datetime
    values: FloatArray

    @property
    def salt(self) -> bool:
        """Whether it is salinity rather than a level."""
        return self.one.code == SALINITY

    def tested(self) -> WaterErrors:
        """How wrong each model would have been."""
        fit = fit_waves if self.salt else fit_tide
        return backtest_water(self.first, HOUR, self.values, fit)

    def learnt(self) -> tuple[Harmonic, dict[str, Any]]:
        """Its waves, and what to say beside the forecast.

        Raises:
            TooShort: Less than fifteen days of hours have a value.
        """
        if not self.salt:
            waves = fit_tide(self.first, HOUR, self.values)
            return waves, {"waves": _waves(waves), "sd": round(waves.sd, 3)}
        found = fit_salinity(self.first, HOUR, self.values)
        rate = None if np.isnan(found.rate_per_day) else round(found.rate_per_day, 3)
        said = {"rate_per_day": rate, "limits": list(_limits(self.one, found))}
        return found.waves, {**said, "waves": _waves(found.waves), "sd": round(found.waves.sd, 3)}

    def again(self, ahead: Curve, model: str, mae: float) -> Curve:
        """The last value, or the last lunar day, over the hours of a forecast."""
        n, lunar = len(ahead.value), round(LUNAR / HOUR)
        last = self.values[~np.isnan(self.values)][-1]
        past = np.where(np.isnan(self.values[-lunar:]), last, self.values[-lunar:])
        value = np.full(n, last) if model == PERSISTENCE else np.tile(past, -(-n // lunar))[:n]
        away = BAND_SD * MEAN_TO_SD * mae
        low = np.maximum(value - away, 0.0) if self.salt else value - away
        return Curve(ahead.starts, value, low, value + away)


def water_ahead(connection: Connection, catalogue: Catalogue, now: datetime) -> Iterator[Forecast]:
    """Forecast levels and salinity of every commune that has figures of them."""
    end = now.replace(minute=0, second=0, microsecond=0)
    for code in (LEVEL, SALINITY):
        if code not in catalogue.indicators:
            continue
        feed, one = catalogue.indicator(code)
        step = STEPS.get(feed.table(one.table).grid.period)
        if step is None:
            continue
        steps, hours = round(LEARNT / step), round(HOUR / step)
        areas = catalogue.communes
        history = histories.read(connection, code, areas, end - LEARNT, steps, step)
        for at, values in enumerate(history.values):
            if not np.isnan(values).all():
                # Readings on the hour: a mean over it would flatten the tide.
                gauge = Gauge(feed, one, history.first, values[::hours])
                yield _forecast(gauge, history, at, now)


def _forecast(gauge: Gauge, history: History, at: int, now: datetime) -> Forecast:
    area = history.areas[at]
    newest = history.newest[area]
    known = np.flatnonzero(~np.isnan(history.values[at]))
    row: dict[str, Any] = {
        "indicator": history.indicator,
        "area": area,
        "made_on": local_day(now),
        "made_at": now,
        "step": "hour",
        "n": int((~np.isnan(gauge.values)).sum()),
        "since": history.first + int(known[0]) * history.step,
        "until": history.first + int(known[-1]) * history.step,
        "feed": gauge.feed.id,
        "as_of": newest.as_of,
        "received_at": newest.received_at,
        "provenance": "simulated" if history.simulated[at] else newest.provenance,
    }
    nothing: dict[str, Any] = {"model": None, "detail": {}, "points": [], "errors": []}
    if newest.start < now - STALE:
        why = Words(
            vi=f"số đo mới nhất là của {newest.period}, quá cũ để dự báo",
            en=f"the newest reading is of {newest.period}, too old to forecast from",
        )
        return Forecast(status="stale", reason=why, **row, **nothing)
    try:
        waves, detail = gauge.learnt()
    except TooShort as short:
        why = Words(vi=short.vi, en=short.en)
        return Forecast(status="too_short", reason=why, **row, **nothing)
    tested = gauge.tested()
    ahead = _by_champion(gauge, waves.forecast(), tested)
    return Forecast(
        status="made",
        reason=None,
        model=tested.champion,
        detail=detail,
        points=list(_points(ahead)),
        errors=list(_errors(tested)),
        **row,
    )


def _by_champion(gauge: Gauge, ahead: Curve, tested: WaterErrors) -> Curve:
    if tested.champion == HARMONIC:
        return ahead
    mae = tested.mae[tested.models.index(tested.champion)]
    return gauge.again(ahead, tested.champion, float(np.nanmean(mae)))


def _points(ahead: Curve) -> Iterator[Point]:
    for start, value, low, high in zip(
        ahead.starts, ahead.value, ahead.low, ahead.high, strict=True
    ):
        yield Point(start, float(value), float(low), float(high))


def _errors(tested: WaterErrors) -> Iterator[Backtest]:
    nothing = [None] * len(tested.origins)
    for place, name in enumerate(tested.models):
        yield Backtest(
            model=name,
            champion=name == tested.champion,
            origins=tested.origins,
            wape=_listed(tested.wape[place]),
            mae=_listed(tested.mae[place]),
            # The plain models have no band of their own to be tested.
            inside=_listed(tested.inside) if name == HARMONIC else nothing,
        )


def _listed(errors: FloatArray) -> list[float | None]:
    return [None if np.isnan(one) else round(float(one), 6) for one in errors]


def _waves(waves: Harmonic) -> dict[str, list[float]]:
    """Amplitude and phase of each wave."""
    return {
        name: [round(float(size), 4), round(float(phase), 1)]
        for name, size, phase in zip(waves.names, waves.amplitude, waves.phase_deg, strict=True)
    }


def _limits(one: Indicator, found: Salinity) -> Iterator[dict[str, Any]]:
    """When the contract's bounds are crossed."""
    for level, band in (("warn", one.warn), ("danger", one.danger)):
        if band is None or band.above is None:
            continue
        crossing = found.crossing(band.above)
        yield {
            "level": level,
            "limit": crossing.limit,
            "above": bool(crossing.above),
            "at": _iso(crossing.at),
            "earliest": _iso(crossing.earliest),
            "latest": _iso(crossing.latest),
        }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
