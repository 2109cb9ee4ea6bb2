"""What is true of every profile, whatever the series."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.support.series import days_until, office

from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.forecast.errors import TooShort
from ioc_cloud.feeds.forecast.profile import fit, fit_many

Floats = NDArray[np.float64]
CALENDAR = Calendar.load()
DAYS = days_until(date(2026, 3, 31), 420)
FEW = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 10_000)


@st.composite
def series(draw: st.DrawFn) -> Floats:
    """Offices' days, counts near 0, walks and nonsense, with days missing."""
    seed = draw(seeds)
    random = np.random.default_rng(seed)
    n = len(DAYS)
    values = draw(
        st.sampled_from(
            [
                office(DAYS, CALENDAR, 1, seed)[0],
                random.poisson(draw(st.sampled_from([0.02, 0.5, 4.0])), n).astype(np.float64),
                np.abs(np.cumsum(random.normal(0, 5, n))),
                random.lognormal(3, 2, n),
                np.zeros(n),
                np.full(n, 17.0),
            ]
        )
    )
    missing = random.random(n) < draw(st.sampled_from([0.0, 0.1, 0.6]))
    return np.where(missing, np.nan, values)


@FEW
@given(series())
def test_low_is_at_most_the_value_and_high_at_least_and_none_is_negative(values: Floats) -> None:
    ahead = fit(DAYS, values, CALENDAR).forecast()
    assert np.all((ahead.low >= 0) & (ahead.low <= ahead.value) & (ahead.value <= ahead.high))
    assert np.all(np.isfinite(ahead.high))


@FEW
@given(series())
def test_every_known_day_has_a_finite_distance(values: Floats) -> None:
    z = fit_many(DAYS, values[None, :], CALENDAR).residual_z(DAYS, values[None, :])[0]
    assert np.array_equal(np.isnan(z), np.isnan(values))
    assert not np.isinf(z).any()


@FEW
@given(seeds, st.sampled_from([0.001, 0.37, 25.4, 1e6]))
def test_in_another_unit_the_forecast_is_the_same(seed: int, factor: float) -> None:
    values = office(DAYS, CALENDAR, 1, seed)[0]
    one, other = (fit(DAYS, each, CALENDAR).forecast() for each in (values, values * factor))
    for name in ("value", "low", "high"):
        assert getattr(other, name) == pytest.approx(factor * getattr(one, name), rel=1e-6)


@FEW
@given(seeds)
def test_days_left_out_are_days_missing(seed: int) -> None:
    values = office(DAYS, CALENDAR, 1, seed)[0]
    out = np.random.default_rng(seed).random(len(DAYS)) < 0.2
    out[[0, -1]] = False
    kept = [day for day, gone in zip(DAYS, out, strict=True) if not gone]
    marked = fit(DAYS, np.where(out, np.nan, values), CALENDAR).forecast()
    absent = fit(kept, values[~out], CALENDAR).forecast()
    assert np.array_equal(marked.value, absent.value)
    assert np.array_equal(marked.high, absent.high)


@FEW
@given(seeds, st.integers(0, 4))
def test_a_series_is_learnt_alike_alone_and_among_others(seed: int, at: int) -> None:
    values = office(DAYS, CALENDAR, 5, seed)
    many = fit_many(DAYS, values, CALENDAR).forecast()[at]
    alone = fit(DAYS, values[at], CALENDAR).forecast()
    assert many.value == pytest.approx(alone.value, rel=1e-9)
    assert many.low == pytest.approx(alone.low, rel=1e-9)


@FEW
@given(seeds)
def test_a_tenth_of_days_missing_hardly_moves_the_forecast(seed: int) -> None:
    values = office(DAYS, CALENDAR, 1, seed)[0]
    holes = np.where(np.random.default_rng(seed).random(len(DAYS)) < 0.1, np.nan, values)
    whole, pierced = (fit(DAYS, each, CALENDAR).forecast().value for each in (values, holes))
    assert np.abs(whole - pierced).sum() < 0.12 * whole.sum()


def test_55_days_are_too_short_and_56_are_not() -> None:
    values = office(DAYS, CALENDAR, 2)
    values[0, :-55] = np.nan
    values[1, :-56] = np.nan
    profiles = fit_many(DAYS, values, CALENDAR)
    assert profiles.enough.tolist() == [False, True]
    with pytest.raises(TooShort) as caught:
        profiles[0]
    assert caught.value.vi == "chưa đủ dữ liệu: có 55 ngày, cần 56"
    ahead = profiles.forecast()
    assert np.isnan(ahead.value[0]).all()
    assert np.isfinite(ahead.value[1]).all()


def test_shares_stay_between_their_bounds() -> None:
    values = np.minimum(97 + 4 * np.random.default_rng(1).standard_normal(len(DAYS)), 100)
    ahead = fit(DAYS, values, CALENDAR, upper=100.0).forecast()
    assert np.all(ahead.high <= 100)


def test_values_that_were_ever_negative_may_be_so_again() -> None:
    values = np.random.default_rng(2).normal(0, 3, len(DAYS))
    assert np.all(fit(DAYS, values, CALENDAR).forecast().low < 0)
