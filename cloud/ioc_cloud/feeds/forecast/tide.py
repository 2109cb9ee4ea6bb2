"""Water levels of a station: the tide ahead, and its errors beside what everybody would try."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import numpy as np

from ioc_cloud.feeds.forecast import harmonic
from ioc_cloud.feeds.forecast.backtest import FOLDS
from ioc_cloud.feeds.forecast.days import Floats
from ioc_cloud.feeds.forecast.errors import TooShort
from ioc_cloud.feeds.forecast.harmonic import HORIZON, TIDE, Curve, Harmonic

HARMONIC: Final = "harmonic"
PERSISTENCE: Final = "persistence"
# The moon is back after 24 h 50 min.
LUNAR_DAY: Final = "lunar_day"
LUNAR: Final = timedelta(hours=24, minutes=50)


class Fit(Protocol):
    """Learns a station from its record."""

    def __call__(self, first: datetime, step: timedelta, values: Floats) -> Harmonic:
        """As `fit_tide`."""
        ...


@dataclass(frozen=True)
class WaterErrors:
    """Errors over the past of one station; NaN where nothing could be compared.

    Attributes:
        models: The harmonic fit, the last value again, the last lunar day again.
        origins: When the first period that each fold forecasts begins, oldest first.
        wape: (models, folds) sum of errors over sum of sizes, a share.
        mae: (models, folds) in the station's unit.
        inside: (folds,) share of values within the harmonic fit's band.
        champion: The model of the least mean `mae`; the harmonic fit among equals.
    """

    models: tuple[str, ...]
    origins: tuple[datetime, ...]
    wape: Floats
    mae: Floats
    inside: Floats
    champion: str


def fit_tide(first: datetime, step: timedelta, values: Floats) -> Harmonic:
    """Learn a station's tide: M2, S2, N2, K2, K1, O1, P1, Q1 as far as the record tells them.

    Args:
        first: When the first period begins.
        step: How long a period is, at most three hours.
        values: (n,) float64 levels over any datum, NaN where missing.

    Raises:
        TooShort: Less than fifteen days' worth of periods have a value.
    """
    return harmonic.fit(first, step, values, TIDE)


def backtest_water(
    first: datetime, step: timedelta, values: Floats, fit: Fit = fit_tide
) -> WaterErrors:
    """Forecast the last four fortnights, each from what lay before it; fewer for short records."""
    long = round(HORIZON / step)
    starts, made = [], []
    for back in range(FOLDS, 0, -1):
        start = len(values) - back * long
        try:
            ahead = fit(first, step, values[: max(start, 0)]).forecast(HORIZON)
        except TooShort:
            continue
        starts.append(start)
        made.append(_compared(ahead, values, start, round(LUNAR / step)))
    mae = np.array([[each[0] for each in one] for one in made]).reshape(len(made), 3).T
    wape = np.array([[each[1] for each in one] for one in made]).reshape(len(made), 3).T
    models = (HARMONIC, PERSISTENCE, LUNAR_DAY)
    comparable = ~np.isnan(mae).any(axis=0)
    return WaterErrors(
        models=models,
        origins=tuple(first + step * start for start in starts),
        wape=wape,
        mae=mae,
        inside=np.array([one[0][2] for one in made]),
        champion=models[int(np.argmin(np.sum(mae[:, comparable], axis=1)))],
    )


def _compared(
    ahead: Curve, values: Floats, start: int, lunar: int
) -> list[tuple[float, float, float]]:
    """Mean error, share and what lay inside, of each model."""
    came, past = values[start : start + len(ahead.value)], values[:start]
    known = ~np.isnan(came)
    last = past[~np.isnan(past)][-1]
    again = np.where(np.isnan(past[-lunar:]), last, past[-lunar:])
    naive = np.tile(again, -(-len(came) // lunar))[: len(came)]
    if not known.any():
        return [(np.nan, np.nan, np.nan)] * 3
    inside = float(np.mean(((ahead.low <= came) & (came <= ahead.high))[known]))
    size = float(np.sum(np.abs(came[known])))
    found = []
    for value in (ahead.value, np.full(len(came), last), naive):
        off = np.abs(value - came)[known]
        share = float(off.sum()) / size if size else np.nan
        found.append((float(off.mean()), share, inside))
    return found
