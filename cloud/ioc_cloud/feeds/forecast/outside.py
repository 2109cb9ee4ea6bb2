"""Models of the library statsforecast, for headline series where it is installed.

It is no requirement: AutoETS takes about 1.6 s a series where the profile takes 1 ms, and knows
nothing of Tết.
"""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from ioc_cloud.feeds.forecast.days import WEEK, DayGrid
from ioc_cloud.feeds.forecast.models import Model, Past, last_week
from ioc_cloud.feeds.forecast.profile import Forecasts, limits

LIBRARY = "statsforecast"


@dataclass(frozen=True)
class Outside:
    """One of the library's models, a series at a time.

    Attributes:
        name: As the library calls its class.
    """

    name: str

    @property
    def knows_days_off(self) -> bool:
        """It does not."""
        return False

    def ahead(self, past: Past, grid: DayGrid) -> Forecasts:
        """As `Model.ahead`; missing days are filled with the weekday's value before them."""
        model = getattr(import_module(f"{LIBRARY}.models"), self.name)
        found = np.full((3, len(past.values), len(grid)), np.nan)
        for at, row in enumerate(past.values):
            known = row[np.argmax(~np.isnan(row)) :].copy()
            for day in np.flatnonzero(np.isnan(known)):
                week = last_week(known[None, :day])[0]
                known[day] = known[day - 1] if np.isnan(week[0]) else week[0]
            if len(known) <= 2 * WEEK or np.isnan(known).any():
                continue
            ahead = model(season_length=WEEK).forecast(y=known, h=len(grid), level=[95])
            found[:, at] = ahead["lo-95"], ahead["mean"], ahead["hi-95"]
        lower, upper = limits(past.values, past.lower, past.upper)
        low, value, high = np.clip(found, lower[:, None], upper[:, None])
        return Forecasts(grid.days(), value, np.minimum(low, value), np.maximum(high, value))


def installed() -> tuple[Model, ...]:
    """The library's models worth trying; none where it is not installed."""
    if find_spec(LIBRARY) is None:
        return ()
    return (Outside("AutoETS"), Outside("AutoTheta"))
