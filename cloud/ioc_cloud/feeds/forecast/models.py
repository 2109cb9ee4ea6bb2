"""Ways to forecast many daily series: the profile, and what everybody would try first."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.forecast import robust
from ioc_cloud.feeds.forecast.days import WEEK, DayGrid, Floats
from ioc_cloud.feeds.forecast.profile import BAND_SD, Bound, Forecasts, fit_on, limits

# Days at the end of a history from which bands of simple models are taken: half a year.
BAND_DAYS: Final = 182


@dataclass(frozen=True)
class Past:
    """What a model may learn from.

    Attributes:
        values: (series, n) float64, NaN where missing; n the days of `grid`.
        lower: Least possible values, as of `profile.fit_many`.
        upper: Greatest possible values.
    """

    grid: DayGrid
    values: Floats
    calendar: Calendar
    lower: Bound = None
    upper: Bound = None


class Model(Protocol):
    """Forecasts many series that share their days."""

    @property
    def name(self) -> str:
        """What it is called where its errors are stored."""
        ...

    @property
    def knows_days_off(self) -> bool:
        """Whether it asks the calendar."""
        ...

    def ahead(self, past: Past, grid: DayGrid) -> Forecasts:
        """Forecast the days of a grid, which begins where the past ends."""
        ...


class Profile:
    """The holiday-aware profile."""

    name = "profile"
    knows_days_off = True

    def ahead(self, past: Past, grid: DayGrid) -> Forecasts:
        """As `Model.ahead`; NaN for series of fewer than 56 days."""
        fitted = fit_on(past.grid, past.values, past.calendar, lower=past.lower, upper=past.upper)
        return fitted.forecast_on(grid)


class SeasonalNaive:
    """The same weekday's last value again."""

    name = "seasonal_naive_7"
    knows_days_off = False

    def ahead(self, past: Past, grid: DayGrid) -> Forecasts:
        """As `Model.ahead`; NaN where a weekday never had a value."""
        whole = -(-len(grid) // WEEK)
        value = np.tile(last_week(past.values), (1, whole))[:, : len(grid)]
        spread = np.stack([_spread(past.values, WEEK * (each + 1)) for each in range(whole)], 1)
        return _forecasts(past, grid, value, np.repeat(spread, WEEK, axis=1)[:, : len(grid)])


class Persistence:
    """The last value again."""

    name = "persistence"
    knows_days_off = False

    def ahead(self, past: Past, grid: DayGrid) -> Forecasts:
        """As `Model.ahead`; NaN for series without a value."""
        value = carried(past.values)[:, -1:].repeat(len(grid), axis=1)
        spread = np.stack([_spread(past.values, each + 1) for each in range(len(grid))], 1)
        return _forecasts(past, grid, value, spread)


# The first of equals is champion.
MODELS: Final[tuple[Model, ...]] = (Profile(), SeasonalNaive(), Persistence())


def carried(values: Floats) -> Floats:
    """Along the last axis, the newest known value up to each place."""
    at = np.where(np.isnan(values), 0, np.arange(values.shape[-1]))
    return np.take_along_axis(values, np.maximum.accumulate(at, axis=-1), -1)


def last_week(values: Floats) -> Floats:
    """(s, 7) the newest known value of each weekday, in order of the seven days after the last."""
    padded = np.pad(values, ((0, 0), (-values.shape[1] % WEEK, 0)), constant_values=np.nan)
    weeks = padded.reshape(len(values), -1, WEEK)
    return carried(weeks.transpose(0, 2, 1))[:, :, -1]


def _spread(values: Floats, steps: int) -> Floats:
    """(s,) how far values so many days apart differ, lately."""
    recent = values[:, -BAND_DAYS - steps :]
    return robust.scale(recent[:, steps:] - recent[:, :-steps])


def _forecasts(past: Past, grid: DayGrid, value: Floats, spread: Floats) -> Forecasts:
    least = robust.resolution(past.values)[:, None]
    away = BAND_SD * np.maximum(np.nan_to_num(spread), least)
    lower, upper = limits(past.values, past.lower, past.upper)
    low, middle, high = (
        np.clip(each, lower[:, None], upper[:, None])
        for each in (value - away, value, value + away)
    )
    return Forecasts(grid.days(), middle, low, high)
