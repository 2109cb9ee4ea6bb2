"""The holiday-aware weekday profile: what a daily figure will be, and how odd what came is.

The model of the reference: a robust level with its trend, an effect for each weekday, one for
each kind of holiday, and a pattern around Tết learnt from the years before. Many series that
share their days are learnt at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Self

import numpy as np

from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.forecast import robust
from ioc_cloud.feeds.forecast.days import WEEK, DayGrid, Flags, Floats, Whole, spread_out
from ioc_cloud.feeds.forecast.errors import ENOUGH_DAYS, TooShort
from ioc_cloud.feeds.forecast.learning import History, learn, together
from ioc_cloud.feeds.forecast.parts import (
    Kinds,
    Parts,
    effects_of,
    level_spread_ahead,
    levels_ahead,
    spread_of,
)

HORIZON_DAYS: Final = 14
# 95 % of normal noise.
BAND_SD: Final = 1.96
# Series learnt at once: what they need stays in the processor's cache.
CHUNK: Final = 256
Bound = float | Floats | None


@dataclass(frozen=True)
class Forecast:
    """One series ahead.

    Attributes:
        days: The days forecast.
        value: (days,) what is expected.
        low: (days,) 95 % of days come out between `low` and `high`.
        high: (days,)
    """

    days: tuple[date, ...]
    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Forecasts:
    """Many series ahead; NaN for those too short.

    Attributes:
        days: The days forecast.
        value: (series, days)
        low: (series, days)
        high: (series, days)
    """

    days: tuple[date, ...]
    value: Floats
    low: Floats
    high: Floats

    def __getitem__(self, at: int) -> Forecast:
        """One of them."""
        return Forecast(self.days, self.value[at], self.low[at], self.high[at])


@dataclass(frozen=True)
class Profiles:
    """What was learnt of many series.

    Attributes:
        n: (series,) days that had a value.
        enough: (series,) enough of them; the others forecast NaN.
        lower: (series,) least possible value, -inf where there is none.
        upper: (series,) greatest possible value.
    """

    n: Whole
    enough: Flags
    lower: Floats
    upper: Floats
    parts: Parts
    kinds: Kinds
    grid: DayGrid
    calendar: Calendar

    def __len__(self) -> int:
        """How many series."""
        return len(self.n)

    def __getitem__(self, at: int) -> "Profile":
        """One of them.

        Raises:
            TooShort: It has fewer than 56 days.
        """
        if not self.enough[at]:
            raise TooShort(int(self.n[at]))
        return Profile(self.take(slice(at, at + 1)))

    def take(self, which: Whole | slice) -> Self:
        """Some of them."""
        return type(self)(
            n=self.n[which],
            enough=self.enough[which],
            lower=self.lower[which],
            upper=self.upper[which],
            parts=self.parts.take(which),
            kinds=self.kinds,
            grid=self.grid,
            calendar=self.calendar,
        )

    def forecast(self, horizon: int = HORIZON_DAYS) -> Forecasts:
        """The days after the history."""
        return self.forecast_on(DayGrid.build(self.calendar, self.grid.after, horizon))

    def forecast_on(self, grid: DayGrid) -> Forecasts:
        """The same, where the calendar was asked before."""
        value, spread = self._ahead(grid)
        low, high = value - BAND_SD * spread, value + BAND_SD * spread
        return Forecasts(grid.days(), self._clipped(value), self._clipped(low), self._clipped(high))

    def expected(self, days: Sequence[date]) -> tuple[Floats, Floats]:
        """What was or is expected of days, of the history or after it, and its standard deviation.

        Returns:
            Two arrays (series, days); NaN before the history.
        """
        first, last = min(days), max(days)
        grid = DayGrid.build(self.calendar, first, (last - first).days + 1)
        split = min(max((self.grid.after - first).days, 0), len(grid))
        value, spread = np.full((2, len(self), len(grid)), np.nan)
        value[:, :split], spread[:, :split] = self._behind(grid.part(0, split))
        if split < len(grid):
            skipped = max((first - self.grid.after).days, 0)
            whole = DayGrid.build(self.calendar, self.grid.after, skipped + len(grid) - split)
            ahead, ahead_spread = self._ahead(whole)
            value[:, split:], spread[:, split:] = ahead[:, skipped:], ahead_spread[:, skipped:]
        at = [(day - first).days for day in days]
        return self._clipped(value[:, at]), spread[:, at]

    def residual_z(self, days: Sequence[date], values: Floats) -> Floats:
        """How many robust standard deviations values lie off.

        Args:
            days: Of the history or after it.
            values: (series, days).

        Returns:
            (series, days); NaN where nothing is known, 0 where history has no spread to judge by.
        """
        expected, spread = self.expected(days)
        known = spread > 0
        away = np.where(np.isnan(values), np.nan, values - expected)
        return np.divide(away, spread, out=np.where(np.isnan(away), np.nan, 0.0), where=known)

    def _ahead(self, grid: DayGrid) -> tuple[Floats, Floats]:
        parts = self.parts
        levels = levels_ahead(parts, len(grid))
        effects = effects_of(parts, self.kinds, grid)
        share = np.where(parts.ratio[:, None], np.abs(effects), 1.0)
        missed = level_spread_ahead(parts, len(grid)) * share
        spread = np.sqrt(spread_of(parts, grid, effects) ** 2 + missed**2)
        return self._known(together(parts.ratio, levels, effects), spread, levels)

    def _behind(self, grid: DayGrid) -> tuple[Floats, Floats]:
        parts, skipped = self.parts, (grid.first - self.grid.first).days
        levels = robust.by_day(parts.weeks)
        before = max(-skipped, 0)
        levels = levels[:, max(skipped, 0) : max(skipped, 0) + len(grid) - before]
        levels = np.pad(levels, ((0, 0), (before, 0)), constant_values=np.nan)
        effects = effects_of(parts, self.kinds, grid)
        spread = spread_of(parts, grid, effects)
        return self._known(together(parts.ratio, levels, effects), spread, levels)

    def _known(self, value: Floats, spread: Floats, levels: Floats) -> tuple[Floats, Floats]:
        """NaN for series too short; spreads in the series' own unit, at least the floor."""
        unit = np.where(self.parts.ratio[:, None], np.abs(levels), 1.0)
        spread = np.maximum(spread * unit, self.parts.floor[:, None])
        out = ~self.enough
        value[out], spread[out] = np.nan, np.nan
        return value, spread

    def _clipped(self, values: Floats) -> Floats:
        return np.clip(values, self.lower[:, None], self.upper[:, None])


@dataclass(frozen=True)
class Profile:
    """What was learnt of one series."""

    many: Profiles

    @property
    def n(self) -> int:
        """Days that had a value."""
        return int(self.many.n[0])

    def forecast(self, horizon: int = HORIZON_DAYS) -> Forecast:
        """The days after the history."""
        return self.many.forecast(horizon)[0]

    def expected(self, day: date) -> float:
        """What was or is expected of a day."""
        return float(self.many.expected([day])[0][0, 0])

    def residual_z(self, day: date, value: float) -> float:
        """How many robust standard deviations a value lies off; NaN where nothing is known."""
        return float(self.many.residual_z([day], np.array([[value]]))[0, 0])


def fit(
    days: Sequence[date],
    values: Floats,
    calendar: Calendar,
    *,
    lower: float | None = None,
    upper: float | None = None,
) -> Profile:
    """Learn one series.

    Args:
        days: Strictly increasing; days left out count as missing.
        values: (n,) float64, NaN where missing.
        calendar: Says what kind of day each is.
        lower: Least possible value; 0 where none is given and nothing was ever below 0.
        upper: Greatest possible value.

    Raises:
        TooShort: Fewer than 56 days have a value.
    """
    return fit_many(days, values[None, :], calendar, lower=lower, upper=upper)[0]


def fit_many(
    days: Sequence[date],
    values: Floats,
    calendar: Calendar,
    *,
    lower: Bound = None,
    upper: Bound = None,
) -> Profiles:
    """Learn many series that share their days.

    Args:
        days: Strictly increasing; days left out count as missing.
        values: (series, n) float64, NaN where missing.
        calendar: Says what kind of day each is.
        lower: As of `fit`; one number, or one a series with NaN for none.
        upper: The same.
    """
    first, whole = spread_out(days, values)
    grid = DayGrid.build(calendar, first, whole.shape[1])
    return fit_on(grid, whole, calendar, lower=lower, upper=upper)


def fit_on(
    grid: DayGrid, values: Floats, calendar: Calendar, *, lower: Bound, upper: Bound
) -> Profiles:
    """The same, where the calendar was asked before."""
    n = np.count_nonzero(~np.isnan(values), axis=1)
    short = -values.shape[1] % WEEK
    if short:
        earlier = DayGrid.build(
            calendar, grid.first - short * (grid.after - grid.days()[-1]), short
        )
        grid = earlier.joined(grid)
        values = np.pad(values, ((0, 0), (short, 0)), constant_values=np.nan)
    kinds = Kinds.of(grid)
    with np.errstate(all="ignore"):
        parts = [
            learn(History(grid, values[at : at + CHUNK], kinds))
            for at in range(0, len(values), CHUNK)
        ]
    least, most = limits(values, lower, upper)
    return Profiles(
        n=n,
        enough=n >= ENOUGH_DAYS,
        lower=least,
        upper=most,
        parts=Parts.joined(parts),
        kinds=kinds,
        grid=grid,
        calendar=calendar,
    )


def limits(values: Floats, lower: Bound, upper: Bound) -> tuple[Floats, Floats]:
    """(s,) the least and the greatest possible value of each series."""
    least = np.where(np.any(values < 0, axis=1), -np.inf, 0.0)
    return _bound(lower, least), _bound(upper, np.full(len(values), np.inf))


def _bound(given: Bound, otherwise: Floats) -> Floats:
    if given is None:
        return otherwise
    each = np.broadcast_to(np.asarray(given, np.float64), otherwise.shape)
    return np.where(np.isnan(each), otherwise, each)
