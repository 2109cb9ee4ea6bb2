"""Locations, scales and smooth paths that a few wild values do not move; NaN is missing.

Everything works on many series at once and never warns: what has no value gives NaN.
"""

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ioc_cloud.feeds.forecast.days import WEEK, Flags, Floats

# Median absolute deviation to standard deviation, for normal noise.
MAD_TO_SD: Final = 1.4826
CLIP_SD: Final = 3.0
# The standard deviation of normal noise clipped at three of its own is 0.9962 of it.
CLIPPED_SD: Final = 0.9962
# Figures are whole or have up to three decimals; with more they are taken for unrounded.
DECIMALS: Final = 3
ROUNDING: Final = 1e-6


def quantile(values: Floats, share: float) -> Floats:
    """A quantile along the last axis."""
    return picked(np.sort(values, axis=-1), share)


def picked(ordered: Floats, share: float) -> Floats:
    """A quantile of values that are sorted along the last axis, NaN last."""
    known = ordered.shape[-1] - np.count_nonzero(np.isnan(ordered), axis=-1)
    at = share * np.maximum(known - 1, 0)
    below = np.floor(at).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(known - 1, 0))
    low = np.take_along_axis(ordered, below[..., None], -1)[..., 0]
    high = np.take_along_axis(ordered, above[..., None], -1)[..., 0]
    found: Floats = low + (high - low) * (at - below)
    return found


def median(values: Floats) -> Floats:
    """The median along the last axis."""
    return quantile(values, 0.5)


def mean(values: Floats) -> Floats:
    """The mean along the last axis."""
    known = np.count_nonzero(~np.isnan(values), axis=-1)
    return np.where(known > 0, np.nansum(values, axis=-1) / np.maximum(known, 1), np.nan)


def scale(errors: Floats) -> Floats:
    """The standard deviation of errors about 0 along the last axis, wild ones clipped.

    Where more than half are exactly 0 the ninetieth percentile stands in for the median.
    """
    size = np.sort(np.abs(errors), axis=-1)
    most = np.maximum(CLIP_SD * MAD_TO_SD * picked(size, 0.5), picked(size, 0.9))
    clipped = np.minimum(size, most[..., None])
    return np.sqrt(mean(clipped**2)) / CLIPPED_SD


def running_median(weeks: Floats, width: int) -> Floats:
    """The median of each week and its neighbours."""
    half = width // 2
    padded = np.pad(weeks, ((0, 0), (half, half)), constant_values=np.nan)
    return median(sliding_window_view(padded, width, axis=1))


def filled(weeks: Floats) -> Floats:
    """Missing weeks between two known ones on the line between them, others as the nearest."""
    known = ~np.isnan(weeks)
    at = np.arange(weeks.shape[1])
    before = np.maximum.accumulate(np.where(known, at, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, at, len(at))[:, ::-1], axis=1)[:, ::-1]
    first, last = before < 0, after >= len(at)
    before, after = np.where(first, after, before), np.where(last, before, after)
    most = len(at) - 1
    low = np.take_along_axis(weeks, np.clip(before, 0, most), 1)
    high = np.take_along_axis(weeks, np.clip(after, 0, most), 1)
    share = (at - before) / np.maximum(after - before, 1)
    return np.where(after > before, low + (high - low) * share, low)


def local_line(weeks: Floats, weights: Floats, reach: float, ridge: float) -> Floats:
    """Each week's level on a line through its neighbourhood (tricube kernel).

    Args:
        weeks: (series, weeks), NaN where missing.
        weights: (series, weeks), 0 where missing.
        reach: Weeks to either side.
        ridge: Draws slopes to 0 where little is known, as at the ends.
    """
    at = np.arange(weeks.shape[1], dtype=np.float64)
    away = at[None, :] - at[:, None]
    kernel = np.clip(1 - np.abs(away / reach) ** 3, 0, None) ** 3
    weighted = np.where(weights > 0, weeks, 0.0) * weights
    s0, s1, s2 = (weights @ (kernel * away**power).T for power in (0, 1, 2))
    t0, t1 = (weighted @ (kernel * away**power).T for power in (0, 1))
    s2 = s2 + ridge
    below = s0 * s2 - s1**2
    enough = s0 > 1e-9  # noqa: PLR2004 - rounding, not a rule
    found = np.divide(s2 * t0 - s1 * t1, below, out=np.full_like(s0, np.nan), where=enough)
    return filled(found)


def by_day(weeks: Floats) -> Floats:
    """Levels of weeks, which stand for their fourth day, on every day between."""
    n = weeks.shape[1] * WEEK
    at = np.clip((np.arange(n) - WEEK // 2) / WEEK, 0, weeks.shape[1] - 1)
    below = np.minimum(at.astype(np.intp), max(weeks.shape[1] - 2, 0))
    above = np.minimum(below + 1, weeks.shape[1] - 1)
    share = at - below
    low, high = weeks[:, below], weeks[:, above]
    return low + (high - low) * share


def where_known(values: Floats, known: Flags) -> Floats:
    """NaN elsewhere."""
    return np.where(known, values, np.nan)


def resolution(values: Floats) -> Floats:
    """(s,) the unit of each series' last decimal, 1 for whole numbers; 0 where unrounded."""
    found = np.zeros(len(values))
    for decimals in range(DECIMALS, -1, -1):
        scaled = values * 10.0**decimals
        off = np.abs(scaled - np.rint(scaled))
        fits = np.all(np.isnan(off) | (off < ROUNDING), axis=1)
        found[fits] = 10.0**-decimals
    return found
