"""How lively a day is: weekdays, holidays, Tết, and the hours of a day."""

import math
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from ioc_cloud.feeds.calendar import Calendar

# Counted of a week of the province's public services: Monday brings what the weekend left.
WEEKDAYS: Final = (1.12, 1.04, 1.0, 0.99, 1.0, 0.5, 0.3)
HOLIDAY: Final = 0.15
# People finish what they can before Tết and come back slowly.
BEFORE_TET: Final = 1.25
AFTER_TET: Final = 0.6
NEAR: Final = 4
TET_DAYS: Final = 4
NIGHT: Final = 0.08


CALENDAR: Final = Calendar.load()


def is_working(day: date) -> bool:
    """By the law's holidays and the government's swapped days."""
    return CALENDAR.is_working(day)


def is_holiday(day: date) -> bool:
    """Whether it is a public holiday, or off for one."""
    return CALENDAR.name_of(day) is not None


@lru_cache(maxsize=16_384)
def level(day: date) -> float:
    """Share of a usual day's life that a day has."""
    if is_holiday(day):
        return HOLIDAY
    usual = WEEKDAYS[0 if day.weekday() > NEAR and is_working(day) else day.weekday()]
    for distance in range(1, NEAR + 1):
        if _is_tet(day + timedelta(days=distance)):
            return usual * BEFORE_TET
        if _is_tet(day - timedelta(days=distance)):
            return usual * AFTER_TET
    return usual


def _is_tet(day: date) -> bool:
    """A holiday of January or February inside a run of them: Tết, whatever the library calls it."""
    if day.month > 2 or not is_holiday(day):  # noqa: PLR2004 February
        return False
    return sum(is_holiday(day + timedelta(days=n)) for n in range(-TET_DAYS, TET_DAYS + 1)) >= NEAR


def hour_level(moment: datetime) -> float:
    """Share of a usual hour's life: little at night, most at ten and at four."""
    hour = moment.hour + moment.minute / 60
    morning = math.exp(-(((hour - 9.5) / 2.6) ** 2))
    evening = math.exp(-(((hour - 16.5) / 2.8) ** 2))
    return NIGHT + 1.6 * max(morning, evening)
