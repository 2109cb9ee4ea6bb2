"""Who makes the forecast when days off come that no fold has seen."""

from datetime import date

import numpy as np
from numpy.typing import NDArray
from tests.support.series import days_until

from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.forecast.backtest import backtest_many, look_ahead, minds_days_off
from ioc_cloud.feeds.forecast.days import DayGrid

CALENDAR = Calendar.load()
# The next fortnight holds Tết of 2026; the four before it hold New Year alone.
BEFORE_TET = days_until(date(2026, 2, 11), 730)
AMID_TET = days_until(date(2026, 2, 22), 741)
FAR_FROM_ANY = days_until(date(2026, 7, 10), 730)


def walk(days: list[date], on_days_off: float, series: int = 30) -> NDArray[np.float64]:
    """Levels that only their last step foretells, with days off at a share of them."""
    steps = np.random.default_rng(5).normal(0, 0.06, (series, len(days)))
    off = DayGrid.build(CALENDAR, days[0], len(days)).off
    found: NDArray[np.float64] = 500 * np.exp(np.cumsum(steps, axis=1))
    return found * np.where(off, on_days_off, 1.0)


def test_before_tet_no_model_is_champion_that_knows_none() -> None:
    values = walk(BEFORE_TET, 0.2)
    tested, ahead = look_ahead(BEFORE_TET, values, CALENDAR)
    assert np.mean(backtest_many(BEFORE_TET, values, CALENDAR).champion > 0) > 0.5
    assert set(tested.champion) == {0}
    usual = ahead.value[:, :2].mean(axis=1)
    assert np.median(ahead.value[:, ahead.days.index(date(2026, 2, 18))] / usual) < 0.35


def test_the_last_days_off_are_not_repeated_when_tet_is_over() -> None:
    tested, ahead = look_ahead(AMID_TET, walk(AMID_TET, 0.2), CALENDAR)
    assert set(tested.champion) == {0}
    assert np.median(ahead.value[:, 1:] / walk(BEFORE_TET, 0.2)[:, -1:]) > 0.6


def test_far_from_days_off_the_least_error_wins() -> None:
    values = walk(FAR_FROM_ANY, 0.2)
    tested, _ = look_ahead(FAR_FROM_ANY, values, CALENDAR)
    assert np.array_equal(tested.champion, backtest_many(FAR_FROM_ANY, values, CALENDAR).champion)
    assert np.any(tested.champion > 0)


def test_a_series_that_days_off_leave_alone_keeps_its_champion() -> None:
    values = walk(BEFORE_TET, 1.0)
    tested, _ = look_ahead(BEFORE_TET, values, CALENDAR)
    blind = backtest_many(BEFORE_TET, values, CALENDAR).champion
    assert np.mean(tested.champion == blind) > 0.9


def test_whether_a_series_minds_days_off_is_seen_in_its_past() -> None:
    grid = DayGrid.build(CALENDAR, BEFORE_TET[0], len(BEFORE_TET))
    assert minds_days_off(grid, walk(BEFORE_TET, 0.2)).all()
    assert minds_days_off(grid, walk(BEFORE_TET, 1.0, 300)).mean() < 0.05
    short = days_until(date(2026, 8, 20), 60)
    unseen = DayGrid.build(CALENDAR, short[0], 60)
    assert minds_days_off(unseen, walk(short, 0.2)).all()
