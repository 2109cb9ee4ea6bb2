"""Seeded daily series as offices have them: weekdays, holidays, Tết, a trend and noise."""

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from ioc_cloud.feeds.calendar import Calendar

Floats = NDArray[np.float64]
WEEK = np.array([1.1, 1.05, 1.0, 1.0, 0.95, 0.5, 0.4])
HOLIDAY = 0.1
NOISE = 0.08
# Before Tết offices are busy, after it they start slowly.
RUSH_DAYS = 10
RUSH = 1.35
SLOW_DAYS = 12
SLOW = 0.75
WORKED = 1.05


def days_until(last: date, n: int) -> list[date]:
    return [last - timedelta(days=back) for back in range(n - 1, -1, -1)]


def effects(days: list[date], calendar: Calendar) -> Floats:
    """What each day is to an office, as a share of the level."""
    return np.array([_effect(day, calendar) for day in days])


def _effect(day: date, calendar: Calendar) -> float:
    features = calendar.holiday_features(day)
    if features.kind in {"holiday", "swapped_off"}:
        return HOLIDAY
    usual = WORKED if features.kind == "swapped_working" else float(WEEK[day.weekday()])
    if -RUSH_DAYS <= features.tet < 0:
        return usual * RUSH
    return usual * (SLOW if 0 < features.tet <= SLOW_DAYS else 1.0)


def office(days: list[date], calendar: Calendar, series: int, seed: int = 1) -> Floats:
    """(series, days) levels 50 to 500 that drift by up to a fifth a year, 8 % noise."""
    random = np.random.default_rng(seed)
    level = random.uniform(50, 500, (series, 1))
    drift = 1 + random.uniform(-0.2, 0.2, (series, 1)) * np.arange(len(days)) / 365
    noise = 1 + NOISE * random.standard_normal((series, len(days)))
    return np.maximum(level * drift * effects(days, calendar) * noise, 0)
