"""Models against each other over the past."""

from datetime import date

import numpy as np
import pytest
from tests.support.series import days_until, office

from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.forecast.backtest import backtest, backtest_many, look_ahead
from ioc_cloud.feeds.forecast.models import Past, Persistence, SeasonalNaive
from ioc_cloud.feeds.forecast.profile import fit_many

CALENDAR = Calendar.load()
PROFILE, NAIVE, PERSISTENCE = 0, 1, 2
# Folds from 4 February to 31 March 2026; Tết was on 17 February.
OVER_TET = days_until(date(2026, 3, 31), 790)
# Folds from 30 September to 24 November 2026: no holiday but the Day of Culture.
QUIET = days_until(date(2026, 11, 23), 760)


def test_over_tet_the_profile_errs_by_less_than_a_third_of_seasonal_naive() -> None:
    tested = backtest_many(OVER_TET, office(OVER_TET, CALENDAR, 40), CALENDAR)
    first_two = tested.wape[:, :, :2].mean(axis=(1, 2))
    assert tested.origins[0] == date(2026, 2, 4)
    assert first_two[PROFILE] < 0.33 * first_two[NAIVE]
    assert set(tested.champion) == {PROFILE}


def test_the_band_holds_over_a_tet_of_which_one_before_was_seen() -> None:
    days = OVER_TET[-500:]
    tested = backtest_many(days, office(days, CALENDAR, 40), CALENDAR)
    assert tested.inside[PROFILE, :, :2].mean() > 0.86


def test_a_history_that_begins_amid_tet_learns_nothing_from_that_one() -> None:
    # 1 February 2024 lies nine days before a Tết, 26 February sixteen days after it.
    values = office(OVER_TET, CALENDAR, 40)
    amid = backtest_many(OVER_TET, values, CALENDAR).wape[PROFILE, :, 0].mean()
    after = backtest_many(OVER_TET[25:], values[:, 25:], CALENDAR).wape[PROFILE, :, 0].mean()
    assert amid < 1.05 * after


def test_in_quiet_weeks_the_profile_still_errs_less_and_its_band_holds() -> None:
    tested = backtest_many(QUIET, office(QUIET, CALENDAR, 40), CALENDAR)
    mean = tested.wape.mean(axis=(1, 2))
    assert mean[PROFILE] < 0.8 * mean[NAIVE]
    assert mean[PROFILE] < mean[PERSISTENCE]
    assert 0.9 <= tested.inside[PROFILE].mean() <= 0.98
    assert 0.9 <= tested.inside[NAIVE].mean() <= 0.99


def test_a_swapped_saturday_is_forecast_as_a_day_of_work() -> None:
    days = days_until(date(2026, 8, 16), 594)
    profiles = fit_many(days, office(days, CALENDAR, 20), CALENDAR)
    usual, _ = profiles.expected([date(2026, 8, 19), date(2026, 8, 22), date(2026, 8, 29)])
    assert np.all(usual[:, 1] > 0.9 * usual[:, 0])
    assert np.all(usual[:, 2] < 0.65 * usual[:, 0])
    off, _ = profiles.expected([date(2026, 8, 24), date(2026, 8, 31)])
    assert np.all(off[:, 1] < 0.4 * off[:, 0])


def test_errors_are_those_of_arithmetic() -> None:
    days = days_until(date(2026, 11, 23), 84)
    values = np.full(84, 10.0)
    values[70:77] = 12.0
    values[77:] = 8.0
    tested = backtest(days, values, CALENDAR, models=[Persistence()])
    assert tested.origins == (date(2026, 10, 27), date(2026, 11, 10))
    assert tested.n.tolist() == [[14, 14]]
    assert tested.wape[0, 0].tolist() == pytest.approx([0.0, 0.2])
    assert tested.mae[0, 0].tolist() == pytest.approx([0.0, 2.0])
    # Nothing changed from week to week before either origin.
    assert np.isnan(tested.mase[0, 0]).all()
    assert tested.inside[0, 0].tolist() == pytest.approx([1.0, 0.0])


def test_where_nothing_came_there_is_no_error() -> None:
    values = office(QUIET, CALENDAR, 1)
    values[:, -14:] = np.nan
    tested = backtest_many(QUIET, values, CALENDAR)
    assert tested.n[0].tolist() == [14, 14, 14, 0]
    assert np.isnan(tested.wape[:, 0, 3]).all()
    assert np.isnan(tested.inside[:, 0, 3]).all()


def test_a_history_of_ten_weeks_has_one_fold_and_of_nine_none() -> None:
    assert len(backtest_many(QUIET[-70:], office(QUIET[-70:], CALENDAR, 2), CALENDAR).origins) == 1
    tested = backtest_many(QUIET[-63:], office(QUIET[-63:], CALENDAR, 2), CALENDAR)
    assert tested.wape.shape == (3, 2, 0)
    assert tested.champion_of(0) == "profile"


def test_the_champion_makes_the_forecast() -> None:
    values = office(QUIET, CALENDAR, 3)
    # A walk that nothing but its last step foretells.
    values[1] = 3000 + np.cumsum(np.random.default_rng(5).normal(0, 60, len(QUIET)))
    tested, ahead = look_ahead(QUIET, values, CALENDAR)
    champions = [tested.champion_of(at) for at in range(3)]
    assert champions == ["profile", "persistence", "profile"]
    assert np.all(ahead.value[1] == values[1, -1])
    profile = fit_many(QUIET, values, CALENDAR).forecast()
    assert np.array_equal(ahead.value[[0, 2]], profile.value[[0, 2]])


def test_equals_are_won_by_the_profile() -> None:
    tested = backtest_many(QUIET, np.full((1, len(QUIET)), 7.0), CALENDAR)
    assert np.all(tested.wape < 1e-9)
    assert tested.champion_of(0) == "profile"


def test_a_missing_last_week_is_forecast_from_the_week_before() -> None:
    values = np.tile(np.arange(1.0, 8.0), (1, 20))
    values[:, -7:-3] = np.nan
    days = days_until(date(2026, 11, 22), 140)
    profile = Past(fit_many(days, values, CALENDAR).grid, values, CALENDAR)
    ahead = SeasonalNaive().ahead(profile, profile.grid.part(0, 14))
    assert ahead.value.tolist() == [[1, 2, 3, 4, 5, 6, 7] * 2]
    assert Persistence().ahead(profile, profile.grid.part(0, 14)).value[0].tolist() == [7.0] * 14
