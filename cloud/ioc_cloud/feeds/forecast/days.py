"""What the calendar says of each day of a stretch, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from ioc_cloud.feeds.calendar import Calendar

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.intp]

WEEK: Final = 7
# People shop, travel and close their books for three weeks before Tết, and come back slowly.
TET_REACH: Final = 21
TET_DAYS: Final = 2 * TET_REACH + 1
FAR: Final = 99
# Days around Tết that are like no others, and in no two years alike.
TET_NEAR: Final = (-10, 7)
# Holidays so near to Tết are its own, whatever a decision calls them.
TET_HOLIDAYS: Final = 10
TET: Final = "Tết"
SWAPPED: Final = "Ngày nghỉ hoán đổi"
DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class DayGrid:
    """Consecutive days.

    Attributes:
        first: The first of them.
        weekday: (n,) 0 is Monday.
        swapped: (n,) a day at a weekend that is worked.
        off: (n,) no work on a day that is none of the week's own.
        tet: (n,) days from the nearest Tết, -21 to 21; `FAR` beyond.
        year: (n,) the year of that Tết.
        names: The kind of holiday of each day off, None for the others.
    """

    first: date
    weekday: Whole
    swapped: Flags
    off: Flags
    tet: Whole
    year: Whole
    names: tuple[str | None, ...]

    @classmethod
    def build(cls, calendar: Calendar, first: date, n: int) -> Self:
        """Ask the calendar about n days."""
        days = [first + DAY * each for each in range(n)]
        kinds = [calendar.kind(day) for day in days]
        tets = _nearest_tets(calendar, days)
        names = tuple(
            _named(calendar, day, offset) if kind in {"holiday", "swapped_off"} else None
            for day, kind, (offset, _) in zip(days, kinds, tets, strict=True)
        )
        return cls(
            first=first,
            weekday=(np.arange(n) + first.weekday()) % WEEK,
            swapped=np.array([kind == "swapped_working" for kind in kinds], bool),
            off=np.array([name is not None for name in names], bool),
            tet=np.array([offset for offset, _ in tets], np.intp),
            year=np.array([year for _, year in tets], np.intp),
            names=names,
        )

    @property
    def near_tet(self) -> Flags:
        """(n,) within ten days before or a week after New Year's Day."""
        found: Flags = (self.tet >= TET_NEAR[0]) & (self.tet <= TET_NEAR[1])
        return found

    def __len__(self) -> int:
        """How many days."""
        return len(self.names)

    @property
    def after(self) -> date:
        """The day after the last."""
        return self.first + DAY * len(self)

    def days(self) -> tuple[date, ...]:
        """Each day."""
        return tuple(self.first + DAY * each for each in range(len(self)))

    def joined(self, later: Self) -> Self:
        """These days and those after them."""
        return type(self)(
            first=self.first,
            weekday=np.concatenate([self.weekday, later.weekday]),
            swapped=np.concatenate([self.swapped, later.swapped]),
            off=np.concatenate([self.off, later.off]),
            tet=np.concatenate([self.tet, later.tet]),
            year=np.concatenate([self.year, later.year]),
            names=self.names + later.names,
        )

    def part(self, start: int, stop: int) -> Self:
        """Some of the days."""
        cut = slice(start, stop)
        return type(self)(
            first=self.first + DAY * start,
            weekday=self.weekday[cut],
            swapped=self.swapped[cut],
            off=self.off[cut],
            tet=self.tet[cut],
            year=self.year[cut],
            names=self.names[cut],
        )


def spread_out(days: Sequence[date], values: Floats) -> tuple[date, Floats]:
    """Put values of days onto consecutive days; NaN where a day was left out.

    Args:
        days: Strictly increasing, at least one.
        values: (series, days).

    Raises:
        ValueError: Days out of order, or not as many as values.
    """
    if len(days) != values.shape[1] or not days:
        raise ValueError(f"{len(days)} days for values of shape {values.shape}")
    at = np.array([(day - days[0]).days for day in days], np.intp)
    if np.any(np.diff(at) <= 0):
        raise ValueError("days must be strictly increasing")
    if at[-1] == len(days) - 1:
        return days[0], values
    whole = np.full((len(values), at[-1] + 1), np.nan)
    whole[:, at] = values
    return days[0], whole


def _nearest_tets(calendar: Calendar, days: Sequence[date]) -> list[tuple[int, int]]:
    years = range(days[0].year, days[-1].year + 2) if days else range(0)
    tets = {year: calendar.tet(year) for year in years}
    found = []
    for day in days:
        near = [((day - tets[year]).days, year) for year in (day.year, day.year + 1)]
        offset, year = min(near, key=lambda each: abs(each[0]))
        found.append((offset if abs(offset) <= TET_REACH else FAR, year))
    return found


def _named(calendar: Calendar, day: date, offset: int) -> str:
    if abs(offset) <= TET_HOLIDAYS:
        return TET
    if calendar.kind(day) == "swapped_off":
        return SWAPPED
    return (calendar.name_of(day) or "").removesuffix(" (nghỉ bù)")
