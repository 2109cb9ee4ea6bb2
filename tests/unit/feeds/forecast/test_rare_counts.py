"""Series of noughts and small counts: news is news, no infinite anomaly."""

from datetime import date, timedelta

import numpy as np
import pytest

from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.forecast import robust
from ioc_cloud.feeds.forecast.profile import fit

CALENDAR = Calendar.load()
DAYS = [date(2025, 3, 3) + timedelta(days=each) for each in range(280)]
NEXT = DAYS[-1] + timedelta(days=1)


def test_the_first_count_after_years_of_nought_is_no_anomaly_and_many_are() -> None:
    profile = fit(DAYS, np.zeros(len(DAYS)), CALENDAR)
    assert profile.residual_z(NEXT, 1.0) == pytest.approx(1.0)
    assert profile.residual_z(NEXT, 5.0) > 4


def test_a_forecast_of_noughts_has_a_band_that_holds_one() -> None:
    ahead = fit(DAYS, np.zeros(len(DAYS)), CALENDAR).forecast()
    assert ahead.value.tolist() == [0.0] * 14
    assert ahead.low.tolist() == [0.0] * 14
    assert np.all((ahead.high >= 1) & (ahead.high <= 3))


def test_a_constant_figure_is_known_to_its_last_decimal_and_half_a_per_cent() -> None:
    profile = fit(DAYS, np.full(len(DAYS), 99.5), CALENDAR)
    assert profile.residual_z(NEXT, 99.6) < 1
    assert profile.residual_z(NEXT, 90.0) < -4


def test_rare_counts_that_came_twice_are_no_anomaly() -> None:
    values = np.zeros(len(DAYS))
    values[[40, 170]] = 6
    assert fit(DAYS, values, CALENDAR).residual_z(NEXT, 6.0) <= 4


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([0.0, 0.0, np.nan], 1.0),
        ([3.0, 250.0, 7.0], 1.0),
        ([0.1, 98.7, 100.0], 0.1),
        ([0.125, 2.0, 3.0], 0.001),
        ([1 / 3, 2.0, 3.0], 0.0),
    ],
)
def test_the_resolution_is_that_of_the_last_decimal(values: list[float], unit: float) -> None:
    assert robust.resolution(np.array([values])).tolist() == pytest.approx([unit])
