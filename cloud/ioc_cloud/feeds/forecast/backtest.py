"""How wrong each model would have been, and which is to be believed.

Rolling origin: from each of the last origins a model sees what lies before and forecasts the
14 days after. Many series that share their days are tested at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np

from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.forecast import robust
from ioc_cloud.feeds.forecast.days import WEEK, DayGrid, Flags, Floats, Whole, spread_out
from ioc_cloud.feeds.forecast.errors import ENOUGH_DAYS
from ioc_cloud.feeds.forecast.models import MODELS, Model, Past
from ioc_cloud.feeds.forecast.profile import HORIZON_DAYS, Bound, Forecasts

FOLDS: Final = 4
# Days off that stray from their neighbours this many times as far as other days do are minded.
MINDED: Final = 2.5
# How far is a share of the level, or of this share of the usual one where that is more.
LEAST_LEVEL: Final = 0.1
# Decimals of a sum of errors below which models are equals.
ROUNDING: Final = 6


@dataclass(frozen=True)
class Backtests:
    """Errors of models over the past of many series; NaN where nothing could be compared.

    Attributes:
        models: Their names; the first is preferred among equals.
        origins: The first day that each fold forecasts, oldest first.
        n: (series, folds) days that came and were forecast by the first model.
        wape: (models, series, folds) sum of errors over sum of values, a share.
        mae: The same shape: mean error, in the series' own unit.
        mase: The same shape: `mae` over the mean change from week to week before the origin
            (Hyndman and Koehler 2006).
        inside: The same shape: share of days that came out within the band.
        champion: (series,) which model had the least mean `wape`.
    """

    models: tuple[str, ...]
    origins: tuple[date, ...]
    n: Whole
    wape: Floats
    mae: Floats
    mase: Floats
    inside: Floats
    champion: Whole

    def champion_of(self, at: int) -> str:
        """The name of one series' champion."""
        return self.models[int(self.champion[at])]


@dataclass(frozen=True)
class _Fold:
    n: Whole
    wape: Floats
    mae: Floats
    mase: Floats
    inside: Floats


def backtest(
    days: Sequence[date],
    values: Floats,
    calendar: Calendar,
    *,
    models: Sequence[Model] = MODELS,
    lower: float | None = None,
    upper: float | None = None,
) -> Backtests:
    """Test one series: (n,) values; the result has one series."""
    return backtest_many(days, values[None, :], calendar, models=models, lower=lower, upper=upper)


def backtest_many(
    days: Sequence[date],
    values: Floats,
    calendar: Calendar,
    *,
    models: Sequence[Model] = MODELS,
    lower: Bound = None,
    upper: Bound = None,
) -> Backtests:
    """Test many series that share their days.

    Args:
        days: Strictly increasing; days left out count as missing.
        values: (series, n) float64, NaN where missing.
        calendar: Says what kind of day each is.
        models: Compared with each other; the first is preferred among equals.
        lower: As of `profile.fit_many`.
        upper: The same.

    Returns:
        As many folds, at most four, as leave eight weeks before the oldest.
    """
    return _backtest(_past(days, values, calendar, lower, upper), models)


def look_ahead(
    days: Sequence[date],
    values: Floats,
    calendar: Calendar,
    *,
    models: Sequence[Model] = MODELS,
    lower: Bound = None,
    upper: Bound = None,
) -> tuple[Backtests, Forecasts]:
    """Test many series, and forecast the next 14 days of each by its champion.

    Arguments are those of `backtest_many`. Forecasts of series with fewer than 56 days are NaN.
    Folds without a day off say nothing of a fortnight with one: near days off a model that knows
    none is no champion of a series that minds them.
    """
    past = _past(days, values, calendar, lower, upper)
    tested = _backtest(past, models)
    grid = DayGrid.build(calendar, past.grid.after, HORIZON_DAYS)
    if grid.off.any() or past.grid.off[-WEEK:].any():
        tested = replace(tested, champion=_knowing(past, models, tested.champion))
    found = models[0].ahead(past, grid)
    value, low, high = found.value.copy(), found.low.copy(), found.high.copy()
    for at in range(1, len(models)):
        mine = np.flatnonzero(tested.champion == at)
        if len(mine):
            other = models[at].ahead(_some(past, mine), grid)
            value[mine], low[mine], high[mine] = other.value, other.low, other.high
    return tested, Forecasts(grid.days(), value, low, high)


def _knowing(past: Past, models: Sequence[Model], champion: Whole) -> Whole:
    """Champions, those that know no days off replaced by the first model that does."""
    knows = np.array([model.knows_days_off for model in models])
    if not knows.any():
        return champion
    blind = ~knows[champion] & minds_days_off(past.grid, past.values)
    return np.where(blind, int(np.argmax(knows)), champion)


def minds_days_off(grid: DayGrid, values: Floats) -> Flags:
    """(series,) whether days off differ from the same weekday of the weeks beside them.

    So does a series that has never seen a day off: nobody knows.
    """
    here = slice(WEEK, -WEEK)
    fair = ~(grid.off[: -2 * WEEK] | grid.off[2 * WEEK :])
    off, work = fair & grid.off[here], fair & ~grid.off[here]
    if not off.any() or not work.any():
        return np.ones(len(values), np.bool_)
    beside = 0.5 * (values[:, : -2 * WEEK] + values[:, 2 * WEEK :])
    level = np.fmax(np.abs(beside), LEAST_LEVEL * robust.median(np.abs(values))[:, None])
    away = _over(np.abs(values[:, here] - beside), level)
    found: Flags = ~(robust.median(away[:, off]) <= MINDED * robust.median(away[:, work]))
    return found


def _past(
    days: Sequence[date], values: Floats, calendar: Calendar, lower: Bound, upper: Bound
) -> Past:
    first, whole = spread_out(days, values)
    return Past(DayGrid.build(calendar, first, whole.shape[1]), whole, calendar, lower, upper)


def _some(past: Past, which: Whole) -> Past:
    lower, upper = (
        bound[which] if isinstance(bound, np.ndarray) and bound.ndim else bound
        for bound in (past.lower, past.upper)
    )
    return Past(past.grid, past.values[which], past.calendar, lower, upper)


def _backtest(past: Past, models: Sequence[Model]) -> Backtests:
    end = len(past.grid)
    starts = [end - back * HORIZON_DAYS for back in range(FOLDS, 0, -1)]
    starts = [start for start in starts if start >= ENOUGH_DAYS]
    folds = [_fold(past, models, start) for start in starts]
    shape = (len(models), len(past.values))
    wape, mae, mase, inside = (
        np.stack([getattr(fold, name) for fold in folds], 2) if folds else np.empty((*shape, 0))
        for name in ("wape", "mae", "mase", "inside")
    )
    return Backtests(
        models=tuple(model.name for model in models),
        origins=tuple(past.grid.part(start, start + 1).first for start in starts),
        n=np.stack([fold.n for fold in folds], 1) if folds else np.empty((shape[1], 0), np.intp),
        wape=wape,
        mae=mae,
        mase=mase,
        inside=inside,
        champion=_champions(wape),
    )


def _fold(past: Past, models: Sequence[Model], start: int) -> _Fold:
    seen = Past(
        past.grid.part(0, start), past.values[:, :start], past.calendar, past.lower, past.upper
    )
    grid = past.grid.part(start, start + HORIZON_DAYS)
    came = past.values[:, start : start + HORIZON_DAYS]
    change = _mean(np.abs(seen.values[:, WEEK:] - seen.values[:, :-WEEK]))
    made = [model.ahead(seen, grid) for model in models]
    value, low, high = (
        np.stack([getattr(each, name) for each in made]) for name in ("value", "low", "high")
    )
    off = np.abs(value - came)
    known = ~np.isnan(off)
    total = np.sum(np.where(known, np.abs(came), 0.0), axis=2)
    mae = _mean(off)
    held = np.where(known, (low <= came) & (came <= high), np.nan)
    return _Fold(
        n=np.count_nonzero(known[0], axis=1),
        wape=_over(np.nansum(off, axis=2), total),
        mae=mae,
        mase=_over(mae, np.broadcast_to(change, mae.shape)),
        inside=_mean(held),
    )


def _mean(values: Floats) -> Floats:
    known = ~np.isnan(values)
    return _over(np.sum(np.where(known, values, 0.0), axis=-1), known.sum(axis=-1) * 1.0)


def _over(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _champions(wape: Floats) -> Whole:
    """The least mean over the folds that every model could be compared in; the first of equals."""
    comparable = ~np.isnan(wape).any(axis=0)
    total: Floats = np.sum(np.where(comparable, wape, 0.0), axis=2)
    least: Whole = np.argmin(np.round(total, ROUNDING), axis=0)
    return least
