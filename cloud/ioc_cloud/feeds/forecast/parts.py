"""The parts a daily figure is made of: a level, its weekday, the holiday, the days around Tết."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np

from ioc_cloud.feeds.forecast.days import FAR, TET_REACH, WEEK, DayGrid, Flags, Floats, Whole

# Slopes are believed less and less the further ahead: nine tenths of each week's.
DAMPING: Final = 0.9
# A level that falls never falls below this share of where it stands now.
LEAST_LEVEL: Final = 0.1


@dataclass(frozen=True)
class Parts:
    """What was learnt of many series; every array has the series first.

    A value is level x effect where `ratio`, level + effect elsewhere. Errors are in the same
    unit as effects: shares of the level where `ratio`, the series' own unit elsewhere.

    Attributes:
        ratio: (s,) parts multiply.
        weeks: (s, weeks) the level of each week of the history.
        level: (s,) the level of the last week.
        slope: (s,) its change a week.
        level_sd: (s,) how far a level two weeks ahead is missed, relative where `ratio`.
        weekday: (s, 7) effects of ordinary days, Monday first.
        off: (s, kinds + 1) effects of days off, the last of kinds never seen.
        beside: (s,) a day off changes its weekday's effect; elsewhere it takes its place.
        tet: (s, years + 1, 43) what the days around a Tết add, the last for years to come.
        sd: (s, 7) standard deviation of ordinary days' errors.
        sd_off: (s,) the same of days off, relative to their effect where `ratio`.
        sd_tet: (s,) the same of days of work near Tết.
        floor: (s,) least standard deviation, in the series' own unit.
    """

    ratio: Flags
    weeks: Floats
    level: Floats
    slope: Floats
    level_sd: Floats
    weekday: Floats
    off: Floats
    beside: Flags
    tet: Floats
    sd: Floats
    sd_off: Floats
    sd_tet: Floats
    floor: Floats

    def take(self, which: Whole | slice) -> Self:
        """Some of the series."""
        return type(self)(**{one.name: getattr(self, one.name)[which] for one in fields(self)})

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All series of several."""
        return cls(
            **{
                one.name: np.concatenate([getattr(each, one.name) for each in parts])
                for one in fields(cls)
            }
        )


@dataclass(frozen=True)
class Kinds:
    """Which columns of `Parts.off` and `Parts.tet` stand for what.

    Attributes:
        names: Kinds of holidays of the history, in order.
        years: Years whose Tết touches the history, in order.
    """

    names: tuple[str, ...]
    years: tuple[int, ...]

    @classmethod
    def of(cls, grid: DayGrid) -> Self:
        """What a stretch of days holds."""
        names = sorted({name for name in grid.names if name is not None})
        return cls(tuple(names), tuple(np.unique(grid.year[grid.tet != FAR]).tolist()))

    def off_column(self, grid: DayGrid) -> Whole:
        """(n,) which kind of day off each day is; 0 on days of work."""
        column = {name: at for at, name in enumerate(self.names)}
        return np.array(
            [0 if name is None else column.get(name, len(self.names)) for name in grid.names],
            np.intp,
        )

    def tet_column(self, grid: DayGrid) -> Whole:
        """(n,) which Tết each day belongs to."""
        column = {year: at for at, year in enumerate(self.years)}
        years, at = np.unique(grid.year, return_inverse=True)
        return np.array([column.get(int(year), len(self.years)) for year in years], np.intp)[at]


def combined(ratio: Flags, base: Floats, change: Floats) -> Floats:
    """Put a change upon a base."""
    return np.where(ratio[:, None], base * change, base + change)


def stripped(ratio: Flags, whole: Floats, base: Floats) -> Floats:
    """Take a base away; NaN where a ratio has none to speak of."""
    quotient = np.divide(whole, base, out=np.full_like(whole, np.nan), where=base > TINY)
    return np.where(ratio[:, None], quotient, whole - base)


# Shares of the level below this tell nothing by their ratio.
TINY: Final = 0.05


def weekday_effects(parts: Parts, grid: DayGrid) -> Floats:
    """(s, n) the effect of each day's weekday; a worked Saturday is like any day of work."""
    effects = parts.weekday[:, grid.weekday]
    if grid.swapped.any():
        effects[:, grid.swapped] = np.median(parts.weekday[:, :5], axis=1)[:, None]
    return effects


def plain_effects(parts: Parts, kinds: Kinds, grid: DayGrid) -> Floats:
    """(s, n) effects of weekdays and days off, without what Tết adds."""
    effects = weekday_effects(parts, grid)
    if grid.off.any():
        off = grid.off
        change = parts.off[:, kinds.off_column(grid)[off]]
        changed = combined(parts.ratio, effects[:, off], change)
        effects[:, off] = np.where(parts.beside[:, None], changed, change)
    return effects


def effects_of(parts: Parts, kinds: Kinds, grid: DayGrid) -> Floats:
    """(s, n) the effect of each day."""
    effects = plain_effects(parts, kinds, grid)
    near = grid.tet != FAR
    if near.any():
        added = parts.tet[:, kinds.tet_column(grid)[near], grid.tet[near] + TET_REACH]
        effects[:, near] = combined(parts.ratio, effects[:, near], added)
    return effects


def spread_of(parts: Parts, grid: DayGrid, effects: Floats) -> Floats:
    """(s, n) the standard deviation of each day's error, in the unit of effects."""
    spread = parts.sd[:, grid.weekday]
    spread[:, grid.swapped] = np.median(parts.sd[:, :5], axis=1)[:, None]
    for days, sd in ((grid.near_tet & ~grid.off, parts.sd_tet), (grid.off, parts.sd_off)):
        if days.any():
            size = np.where(parts.ratio[:, None], np.abs(effects[:, days]), 1.0)
            spread[:, days] = sd[:, None] * size
    return spread


def levels_ahead(parts: Parts, n: int) -> Floats:
    """(s, n) the level of each day after the history."""
    weeks_on = (np.arange(n) + 1 + WEEK // 2) / WEEK
    damped = (1 - DAMPING**weeks_on) / -np.log(DAMPING)
    ahead = parts.level[:, None] + parts.slope[:, None] * damped
    least = np.maximum(ahead, LEAST_LEVEL * parts.level[:, None])
    found: Floats = np.where(parts.ratio[:, None], least, ahead)
    return found


def level_spread_ahead(parts: Parts, n: int) -> Floats:
    """(s, n) how far the level may be missed: `level_sd` is that of two weeks ahead."""
    weeks_on = (np.arange(n) + 1 + WEEK // 2) / WEEK
    found: Floats = parts.level_sd[:, None] * np.sqrt(np.maximum(weeks_on, 1.0) / 2)
    return found
