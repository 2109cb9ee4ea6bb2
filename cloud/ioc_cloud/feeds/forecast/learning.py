"""Learn the parts of many daily series at once, in three passes from coarse to fine."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ioc_cloud.feeds.forecast import robust
from ioc_cloud.feeds.forecast.days import (
    FAR,
    TET_DAYS,
    TET_REACH,
    WEEK,
    DayGrid,
    Flags,
    Floats,
    Whole,
)
from ioc_cloud.feeds.forecast.parts import (
    TINY,
    Kinds,
    Parts,
    combined,
    effects_of,
    plain_effects,
    spread_of,
    stripped,
)

WEEKEND: Final = 5
# Parts multiply where nothing is below 0, hardly a day of work is at 0 and no week near it.
MOST_ZEROS: Final = 0.05
NEAR_ZERO: Final = 0.05
# Weeks to either side that a level is smoothed over, and that a slope is taken from.
SMOOTH_WEEKS: Final = 6.0
SLOPE_WEEKS: Final = 20
# How much of last week's level is kept: the one that would have forecast best is taken.
MEMORIES: Final = (0.9, 0.75, 0.5, 0.25)
TRIED_WEEKS: Final = 26
WEEKS_AHEAD: Final = 2
# Days of a weekday, days off and years that a general value counts as much as.
SHRINK_SD: Final = 20.0
SHRINK_OFF: Final = 2.0
SHRINK_SD_OFF: Final = 5.0
# One Tết says little of the next: until a second was seen, days of work near it are taken to
# scatter twice as much as others.
DOUBT_TET: Final = 2.0
# An effect of Tết counts when it is two standard errors from none.
TET_ERRORS: Final = 4.0
# Constant series must not call every rounding an anomaly: half a per cent of their level.
LEAST_SD: Final = 0.005


@dataclass(frozen=True)
class History:
    """What is learnt from: whole weeks that end with the newest day.

    Attributes:
        grid: The days.
        values: (series, n) float64, NaN where missing, n a multiple of 7.
        kinds: What the grid holds.
    """

    grid: DayGrid
    values: Floats
    kinds: Kinds

    @property
    def ordinary(self) -> Flags:
        """(n,) neither off, nor swapped, nor near Tết."""
        return ~(self.grid.off | self.grid.swapped | self.grid.near_tet)


def learn(history: History) -> Parts:
    """Learn every part of every series."""
    parts, levels = _first_pass(history)
    shares = apart(parts.ratio, history.values, levels)
    parts = _with_calendar(history, parts, shares)
    effects = effects_of(parts, history.kinds, history.grid)
    # Second pass: wild values are drawn to three standard deviations, then means do.
    spread = robust.CLIP_SD * spread_of(parts, history.grid, effects)
    calm = effects + np.clip(shares - effects, -spread, spread)
    calm_values = together(parts.ratio, levels, calm)
    weeks, weights = _weekly(history, parts.ratio, calm_values, effects)
    smooth = robust.local_line(weeks, weights, SMOOTH_WEEKS, ridge=WEEK)
    parts = replace(parts, weeks=smooth)
    levels = robust.by_day(smooth)
    calm = apart(parts.ratio, calm_values, levels)
    parts = replace(
        parts,
        weekday=_weekdays(
            history, robust.where_known(calm, history.ordinary), robust.mean, parts.weekday
        ),
    )
    parts = _with_calendar(history, parts, apart(parts.ratio, history.values, levels))
    return _with_level(history, parts, weeks, weights)


def apart(ratio: Flags, values: Floats, levels: Floats) -> Floats:
    """Values without their level."""
    shares = np.divide(values, levels, out=np.full_like(values, np.nan), where=levels > 0)
    return np.where(ratio[:, None], shares, values - levels)


def together(ratio: Flags, levels: Floats, effects: Floats) -> Floats:
    """Values from levels and effects."""
    return np.where(ratio[:, None], levels * effects, levels + effects)


def _first_pass(history: History) -> tuple[Parts, Floats]:
    """Levels by medians of days of work, then of whole weeks; weekdays by medians."""
    values, grid = history.values, history.grid
    work = history.ordinary & (grid.weekday < WEEKEND)
    worked = robust.where_known(values, work)
    if not work.any():
        worked = values
    weeks = robust.filled(robust.running_median(robust.median(_in_weeks(worked)), 5))
    ratio = _multiplies(values, worked, weeks)
    levels = robust.by_day(weeks)
    usual = robust.where_known(values, history.ordinary)
    none = np.where(ratio, 1.0, 0.0)[:, None].repeat(WEEK, 1)
    weekday = _weekdays(history, apart(ratio, usual, levels), robust.median, none)
    base = weekday[:, grid.weekday]
    plain = np.where(ratio[:, None], stripped(ratio, usual, base), usual - base)
    weeks = robust.running_median(robust.median(_in_weeks(plain)), 5)
    filled = robust.filled(weeks)
    levels = robust.by_day(filled)
    weekday = _weekdays(history, apart(ratio, usual, levels), robust.median, none)
    s = len(values)
    zeros, kinds = np.zeros(s), history.kinds
    parts = Parts(
        ratio=ratio, weeks=filled, level=zeros, slope=zeros, level_sd=zeros, weekday=weekday,
        off=np.zeros((s, len(kinds.names) + 1)), beside=np.zeros(s, bool),
        tet=np.zeros((s, len(kinds.years) + 1, TET_DAYS)),
        sd=np.zeros((s, WEEK)), sd_off=zeros, sd_tet=zeros, floor=zeros,
    )  # fmt: skip
    return parts, levels


def _multiplies(values: Floats, worked: Floats, weeks: Floats) -> Flags:
    known = np.maximum(np.count_nonzero(~np.isnan(worked), axis=1), 1)
    zeros = np.count_nonzero(worked <= 0, axis=1) / known
    negative = np.any(values < 0, axis=1)
    least, usual = robust.quantile(weeks, 0.05), robust.median(weeks)
    found: Flags = ~negative & (zeros < MOST_ZEROS) & (usual > 0) & (least > NEAR_ZERO * usual)
    return found


def _in_weeks(values: Floats) -> Floats:
    return values.reshape(len(values), -1, WEEK)


def _weekdays(
    history: History, shares: Floats, centre: Callable[[Floats], Floats], otherwise: Floats
) -> Floats:
    """(s, 7) the centre of each weekday's shares; of what is never known, the given."""
    found = centre(np.ascontiguousarray(_in_weeks(shares).transpose(0, 2, 1)))
    by_weekday = np.empty_like(found)
    by_weekday[:, history.grid.weekday[:WEEK]] = found
    return np.where(np.isnan(by_weekday), otherwise, by_weekday)


def _with_calendar(history: History, parts: Parts, shares: Floats) -> Parts:
    """Days off, Tết and errors, from values without their level."""
    parts = _with_off(history, parts, shares)
    plain = plain_effects(parts, history.kinds, history.grid)
    rough = _pooled_sd(history, parts, shares, plain)
    parts = replace(parts, tet=_tets(history, parts, stripped(parts.ratio, shares, plain), rough))
    effects = effects_of(parts, history.kinds, history.grid)
    return _with_errors(history, parts, shares, effects)


def _with_off(history: History, parts: Parts, shares: Floats) -> Parts:
    """What each kind of day off does: change its weekday, or take its place, as fits better."""
    ratio, grid, kinds = parts.ratio, history.grid, history.kinds
    sunday = parts.weekday[:, 6]
    if not grid.off.any():
        return replace(parts, off=sunday[:, None], beside=np.zeros(len(ratio), bool))
    came, base = shares[:, grid.off], parts.weekday[:, grid.weekday[grid.off]]
    change = stripped(ratio, came, base)
    any_off = robust.median(came)
    any_change = robust.median(change)
    miss = robust.mean(np.abs(came - any_off[:, None]))
    miss_beside = robust.mean(np.abs(came - combined(ratio, base, any_change[:, None])))
    beside = miss_beside <= miss
    any_kind = np.where(beside, any_change, np.where(np.isnan(any_off), sunday, any_off))
    found = np.where(beside[:, None], change, came)
    column = kinds.off_column(grid)[grid.off]
    off = np.repeat(any_kind[:, None], len(kinds.names) + 1, axis=1)
    for at in range(len(kinds.names)):
        of_kind = found[:, column == at]
        n = np.count_nonzero(~np.isnan(of_kind), axis=1)
        usual = np.where(n > 0, robust.median(of_kind), 0.0)
        off[:, at] = (n * usual + SHRINK_OFF * any_kind) / (n + SHRINK_OFF)
    return replace(parts, off=off, beside=beside)


def _pooled_sd(history: History, parts: Parts, shares: Floats, effects: Floats) -> Floats:
    """(s,) the error of ordinary days, relative to their effect where parts multiply."""
    errors = robust.where_known(shares - effects, history.ordinary)
    return np.nan_to_num(robust.scale(_relative(parts.ratio, errors, effects)))


def _relative(ratio: Flags, errors: Floats, effects: Floats) -> Floats:
    usable = ratio[:, None] & (effects > TINY)
    relative = np.divide(errors, effects, out=np.full_like(errors, np.nan), where=usable)
    return np.where(ratio[:, None], relative, errors)


def _tets(history: History, parts: Parts, left: Floats, sd: Floats) -> Floats:
    """What the days around each Tết add, learnt from the years before it.

    The first Tết of a history has none before; its own days stand in, for want of better.
    """
    grid, years = history.grid, history.kinds.years
    first = _first_tet(history)
    none = np.where(parts.ratio, 1.0, 0.0)[:, None]
    seen = np.full((len(left), len(years), TET_DAYS), np.nan)
    column = history.kinds.tet_column(grid)
    for at in range(len(years)):
        days = (grid.tet != FAR) & (column == at)
        whole = (at >= first)[:, None]
        seen[:, at, grid.tet[days] + TET_REACH] = np.where(whole, left[:, days], np.nan)
    found = np.repeat(none[:, :, None], TET_DAYS, axis=2).repeat(len(years) + 1, axis=1)
    for at in range(len(years) + 1):
        # Those before it, and up to the first that a series knows.
        before = seen[:, : max(at, 1)].copy()
        if at < len(years):
            own = first == at
            before[own, 0] = seen[own, at]
        if before.shape[1]:
            found[:, at] = _pattern(before, none, sd)
    return found


def _first_tet(history: History) -> Whole:
    """(s,) the first Tết that a series knows from its beginning; one too many where none.

    Of a series that begins amid a Tết nobody can say what is its level and what Tết adds.
    """
    grid = history.grid
    begins = np.argmax(~np.isnan(history.values), axis=1)
    column = history.kinds.tet_column(grid)
    first = np.full(len(begins), len(history.kinds.years))
    for at in range(len(history.kinds.years) - 1, -1, -1):
        of_year = np.flatnonzero((grid.tet != FAR) & (column == at))
        if grid.tet[of_year[0]] == -TET_REACH:
            first[begins <= of_year[0]] = at
    return first


def _pattern(seen: Floats, none: Floats, sd: Floats) -> Floats:
    """(s, 43) means of years and neighbouring days, as far as they differ from nothing."""
    by_day = seen.transpose(0, 2, 1)
    padded = np.pad(by_day, ((0, 0), (1, 1), (0, 0)), constant_values=np.nan)
    around = np.concatenate([padded[:, :-2], by_day, padded[:, 2:]], axis=2)
    n = np.count_nonzero(~np.isnan(around), axis=2)
    away = np.nan_to_num(robust.median(around) - none)
    noise = sd[:, None] ** 2 / np.maximum(n, 1)
    signal = np.divide(TET_ERRORS * noise, away**2, out=np.ones_like(away), where=away != 0)
    kept: Floats = none + away * np.clip(1 - signal, 0, None)
    return kept


def _with_errors(history: History, parts: Parts, shares: Floats, effects: Floats) -> Parts:
    """Standard deviations: of each weekday, drawn to the general one where it is rarely known."""
    grid, ratio = history.grid, parts.ratio
    errors = shares - effects
    pooled = _pooled_sd(history, parts, shares, effects)
    usual = robust.where_known(errors, history.ordinary)
    days = np.ascontiguousarray(_in_weeks(usual).transpose(0, 2, 1))
    n = np.empty((len(ratio), WEEK))
    own = np.empty_like(n)
    n[:, grid.weekday[:WEEK]] = np.count_nonzero(~np.isnan(days), axis=2)
    own[:, grid.weekday[:WEEK]] = np.nan_to_num(robust.scale(days))
    general = pooled[:, None] * np.where(ratio[:, None], np.abs(parts.weekday), 1.0)
    sd = np.sqrt((n * own**2 + SHRINK_SD * general**2) / (n + SHRINK_SD))
    relative = _relative(ratio, errors, effects)
    later = history.kinds.tet_column(grid) > _first_tet(history)[:, None]
    tet = np.where(later & grid.near_tet & ~grid.off, relative, np.nan)
    return replace(
        parts,
        sd=sd,
        sd_off=_shrunk(relative[:, grid.off], pooled),
        sd_tet=_shrunk(tet[:, grid.near_tet], DOUBT_TET * pooled),
        floor=_floor(history, ratio, errors),
    )


def _shrunk(errors: Floats, otherwise: Floats) -> Floats:
    """(s,) the standard deviation of a few errors, drawn to that of others."""
    n = np.count_nonzero(~np.isnan(errors), axis=1)
    own = np.nan_to_num(robust.scale(errors)) if errors.shape[1] else np.zeros(len(otherwise))
    found: Floats = np.sqrt((n * own**2 + SHRINK_SD_OFF * otherwise**2) / (n + SHRINK_SD_OFF))
    return found


def _floor(history: History, ratio: Flags, errors: Floats) -> Floats:
    """(s,) least standard deviation in the series' own unit.

    Never below one unit of the values' resolution, which is what counts of a mean of one scatter
    by (Poisson): after years of 0 a first 1 is news, not an infinite anomaly. Where values lie
    near 0, rare ones are no anomaly: what was seen twice is at most four.
    """
    usual = np.nan_to_num(robust.median(np.abs(history.values)))
    size = np.nan_to_num(np.abs(errors))
    second = np.partition(size, -2, axis=1)[:, -2] / 4
    rare = ~ratio & ~np.any(history.values < 0, axis=1)
    least = np.maximum(LEAST_SD * usual, robust.resolution(history.values))
    return np.maximum(least, np.where(rare, second, 0.0))


def _weekly(
    history: History, ratio: Flags, values: Floats, effects: Floats
) -> tuple[Floats, Floats]:
    """Each week's level and how many days' worth of it is known; days off left out."""
    known = ~(np.isnan(values) | history.grid.off)
    expected = np.where(known & ratio[:, None], np.maximum(effects, 0), known * 1.0)
    came = np.where(known, np.where(ratio[:, None], values, values - effects), 0.0)
    came, expected = _in_weeks(came).sum(axis=2), _in_weeks(expected).sum(axis=2)
    weeks = np.divide(came, expected, out=np.full_like(came, np.nan), where=expected > TINY)
    return weeks, np.where(np.isnan(weeks), 0.0, expected)


def _with_level(history: History, parts: Parts, weeks: Floats, weights: Floats) -> Parts:
    """Where the level stands, where it goes, and how far it is usually missed."""
    del history
    unit = np.where(parts.ratio, parts.weeks[:, -1], 1.0)
    day_sd = np.sqrt(np.mean(parts.sd**2, axis=1)) * unit
    slope = _slope(weeks, weights, day_sd)
    at = np.arange(weeks.shape[1]) - (weeks.shape[1] - 1)
    flat = np.where(weights > 0, weeks - slope[:, None] * at, 0.0)
    tried = [_remembered(flat, weights, memory, day_sd) for memory in MEMORIES]
    misses = np.stack([miss for _, miss in tried])
    best = np.argmin(misses, axis=0)
    each = np.arange(len(slope))
    level = np.stack([level for level, _ in tried])[best, each]
    known_unit = np.where(parts.ratio, np.maximum(level, 1e-12 * np.abs(unit)), 1.0)
    missed = np.divide(
        misses[best, each], known_unit, out=np.zeros_like(level), where=known_unit > 0
    )
    return replace(parts, level=level, slope=slope, level_sd=missed)


def _slope(weeks: Floats, weights: Floats, day_sd: Floats) -> Floats:
    """(s,) change a week over the last months, drawn to 0 as far as noise explains it."""
    recent, weight = weeks[:, -SLOPE_WEEKS:], weights[:, -SLOPE_WEEKS:]
    at = np.arange(recent.shape[1], dtype=np.float64)
    values = np.where(weight > 0, recent, 0.0)
    total = np.maximum(weight.sum(axis=1), TINY)
    centre = (weight @ at / total)[:, None]
    away = at - centre
    spread = np.sum(weight * away**2, axis=1)
    slope = np.divide(
        np.sum(weight * away * values, axis=1), spread, out=np.zeros_like(spread), where=spread > 0
    )
    middle = np.sum(weight * values, axis=1) / total
    left = values - middle[:, None] - slope[:, None] * away
    # Levels wander: the scatter of weeks about the line says more than that of days.
    scatter = np.sum(weight * left**2, axis=1) / np.maximum(np.sum(weight > 0, axis=1) - 2, 1)
    noise = np.divide(
        np.maximum(scatter, day_sd**2), spread, out=np.ones_like(spread), where=spread > 0
    )
    doubt = np.divide(2 * noise, slope**2, out=np.ones_like(slope), where=slope != 0)
    kept: Floats = slope * np.clip(1 - doubt, 0, None)
    return kept


def _remembered(
    flat: Floats, weights: Floats, memory: float, day_sd: Floats
) -> tuple[Floats, Floats]:
    """The last level with a memory, and how far it missed levels two weeks ahead."""
    n = flat.shape[1]
    at = np.arange(n)
    back = at[:, None] - at[None, :]
    kernel = np.where(back >= 0, memory ** np.maximum(back, 0), 0.0)
    total = weights @ kernel.T
    levels = np.divide(
        (flat * weights) @ kernel.T, total, out=np.full_like(flat, np.nan), where=total > TINY
    )
    levels = robust.filled(levels)
    tried = min(TRIED_WEEKS, n - WEEKS_AHEAD - 1)
    came, weight = flat[:, -tried:], weights[:, -tried:]
    missed = came - levels[:, -tried - WEEKS_AHEAD : -WEEKS_AHEAD]
    missed = np.where(weight > 1, missed, np.nan)
    own = day_sd**2 / np.maximum(robust.mean(np.where(weight > 1, weight, np.nan)), 1.0)
    miss = np.nan_to_num(robust.scale(missed))
    # What a week's own days scatter is no fault of the level.
    return levels[:, -1], np.sqrt(np.maximum(miss**2 - np.nan_to_num(own), 0.02 * day_sd**2))
