"""Salinity of a station: springs and neaps, the tide within the day, and when a limit is crossed.

A dry season is a regime of its own, so only the last two months are learnt from.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from ioc_cloud.feeds.forecast import harmonic
from ioc_cloud.feeds.forecast.days import Flags, Floats
from ioc_cloud.feeds.forecast.harmonic import HORIZON, HOURS_A_DAY, Curve, Harmonic, hours_of

WAVES: Final = ("MSf", "M2", "K1", "O1", "S2")
WITHIN_A_DAY: Final = WAVES[1:]
LEARNT: Final = timedelta(days=60)
RATE: Final = timedelta(days=3)


@dataclass(frozen=True)
class Crossing:
    """When a limit will be crossed, upwards or, where it is exceeded now, downwards.

    Attributes:
        above: Whether the last value is at the limit or above it.
        at: When the forecast crosses it; None where it does not within the horizon.
        earliest: When the nearer edge of the band does.
        latest: When the farther edge does.
    """

    limit: float
    above: bool
    at: datetime | None
    earliest: datetime | None
    latest: datetime | None


@dataclass(frozen=True)
class Salinity:
    """What was learnt of a station.

    Attributes:
        rate_per_day: Change a day over the last three days, without the tide within the day; NaN
            where less than a day of them is known.
    """

    waves: Harmonic
    rate_per_day: float

    def forecast(self, horizon: timedelta = HORIZON) -> Curve:
        """The periods after the record; never below 0."""
        return self.waves.forecast(horizon)

    def crossing(self, limit: float, horizon: timedelta = HORIZON) -> Crossing:
        """When a limit will be crossed, in the unit of the values."""
        ahead, above = self.forecast(horizon), self.waves.last >= limit
        near, far = (ahead.low, ahead.high) if above else (ahead.high, ahead.low)
        at, earliest, latest = (
            _first(ahead.starts, (values < limit) if above else (values >= limit))
            for values in (ahead.value, near, far)
        )
        return Crossing(limit, above, at, earliest, latest)


def fit_salinity(first: datetime, step: timedelta, values: Floats) -> Salinity:
    """Learn a station's salinity.

    Args:
        first: When the first period begins.
        step: How long a period is, at most three hours.
        values: (n,) float64, never below 0, NaN where missing.

    Raises:
        TooShort: Less than fifteen days' worth of the last sixty have a value.
    """
    skipped = max(len(values) - round(LEARNT / step), 0)
    waves = fit_waves(first, step, values)
    return Salinity(waves, _rate(waves, first + step * skipped, values[skipped:]))


def fit_waves(first: datetime, step: timedelta, values: Floats) -> Harmonic:
    """The waves alone, as `tide.backtest_water` wants them."""
    skipped = max(len(values) - round(LEARNT / step), 0)
    return harmonic.fit(first + step * skipped, step, values[skipped:], WAVES, lower=0.0)


def _rate(waves: Harmonic, first: datetime, values: Floats) -> float:
    """The slope of a line through the last days, a day."""
    hours = hours_of(first, waves.step, len(values))
    recent = slice(-round(RATE / waves.step), None)
    calm = (values - waves.expected(hours, WITHIN_A_DAY))[recent]
    known = ~np.isnan(calm)
    if known.sum() * waves.step < timedelta(days=1):
        return float("nan")
    away = hours[recent][known] - hours[recent][known].mean()
    return float(away @ calm[known] / (away @ away)) * HOURS_A_DAY


def _first(starts: tuple[datetime, ...], true: Flags) -> datetime | None:
    return starts[int(np.argmax(true))] if true.any() else None
