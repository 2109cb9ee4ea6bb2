"""Tides and salinity: seeded stations whose waves are known."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from numpy.typing import NDArray

from ioc_cloud.feeds.forecast.errors import TooShort
from ioc_cloud.feeds.forecast.harmonic import EPOCH, SPEEDS, told_apart
from ioc_cloud.feeds.forecast.salinity import fit_salinity, fit_waves
from ioc_cloud.feeds.forecast.tide import backtest_water, fit_tide

Floats = NDArray[np.float64]
HOUR = timedelta(hours=1)
FIRST = datetime(2026, 1, 1, tzinfo=timezone.utc)
# Like Sông Đốc on the Gulf of Thailand: mixed, in metres.
WAVES = {
    "M2": (0.12, 200.0), "S2": (0.05, 250.0), "N2": (0.03, 170.0), "K2": (0.015, 240.0),
    "K1": (0.30, 80.0), "O1": (0.18, 30.0), "P1": (0.09, 75.0), "Q1": (0.03, 10.0),
}  # fmt: skip


def hours(n: int, first: datetime = FIRST) -> Floats:
    return (first - EPOCH) / HOUR + np.arange(n, dtype=np.float64)


def waves(n: int, of: dict[str, tuple[float, float]] = WAVES) -> Floats:
    at = hours(n)
    return np.sum(
        [size * np.cos(np.radians(SPEEDS[name] * at - lag)) for name, (size, lag) in of.items()],
        axis=0,
    )


def surge(n: int, sd: float = 0.06, memory_hours: float = 36.0, seed: int = 4) -> Floats:
    """What the wind does: it lasts for a day or two."""
    random, kept = np.random.default_rng(seed), np.exp(-1 / memory_hours)
    found = np.zeros(n)
    for at in range(1, n):
        found[at] = kept * found[at - 1] + sd * np.sqrt(1 - kept**2) * random.standard_normal()
    return found


def test_the_waves_of_a_year_are_found_again_beneath_the_wind() -> None:
    n = 365 * 24
    tide = fit_tide(FIRST, HOUR, 1.2 + waves(n) + surge(n))
    assert set(tide.names) == set(WAVES)
    found = dict(zip(tide.names, zip(tide.amplitude, tide.phase_deg, strict=True), strict=True))
    for name, (size, lag) in WAVES.items():
        assert found[name][0] == pytest.approx(size, abs=0.012)
        if size >= 0.03:
            assert abs((found[name][1] - lag + 180) % 360 - 180) < 15
    assert tide.mean == pytest.approx(1.2, abs=0.02)


def test_without_wind_the_tide_ahead_is_exact() -> None:
    n = 200 * 24
    whole = 0.8 + waves(n + 336)
    ahead = fit_tide(FIRST, HOUR, whole[:n]).forecast()
    assert ahead.starts[0] == FIRST + n * HOUR
    assert len(ahead.value) == 336
    assert np.allclose(ahead.value, whole[n:], atol=1e-6)


def test_a_rising_mean_is_a_trend_and_wind_alone_is_hardly_one() -> None:
    n = 365 * 24
    rising = 0.001 * np.arange(n) / 24
    trend = fit_tide(FIRST, HOUR, waves(n) + surge(n) + rising).trend_per_day
    assert trend == pytest.approx(0.001, rel=0.15)
    assert abs(fit_tide(FIRST, HOUR, waves(n) + surge(n)).trend_per_day) < 0.0001


def test_a_fortnight_tells_apart_fewer_waves_than_half_a_year() -> None:
    assert told_apart(list(WAVES), 15 * 24) == ("M2", "S2", "K1", "O1")
    assert set(told_apart(list(WAVES), 183 * 24)) == set(WAVES)


def test_less_than_fifteen_days_of_readings_is_too_short() -> None:
    with pytest.raises(TooShort) as caught:
        fit_tide(FIRST, HOUR, waves(14 * 24))
    assert (caught.value.n, caught.value.needed) == (336, 360)
    assert "chưa đủ dữ liệu" in caught.value.vi


def test_steps_of_half_a_day_are_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        fit_tide(FIRST, timedelta(hours=12), np.zeros(100))


def test_gaps_and_wild_readings_do_not_move_the_tide() -> None:
    n = 120 * 24
    values = 1.0 + waves(n) + surge(n)
    spoilt = values.copy()
    random = np.random.default_rng(8)
    spoilt[random.choice(n, n // 5, replace=False)] = np.nan
    spoilt[random.choice(n, 30, replace=False)] = 9.99
    clean, found = fit_tide(FIRST, HOUR, values), fit_tide(FIRST, HOUR, spoilt)
    assert np.allclose(clean.amplitude, found.amplitude, atol=0.015)


def test_the_wind_of_now_is_in_the_next_hours_and_forgotten_in_a_week() -> None:
    n = 120 * 24
    values = waves(n) + surge(n)
    values[-12:] += 0.4
    tide = fit_tide(FIRST, HOUR, values)
    ahead = tide.forecast()
    usual = tide.expected(hours(336, ahead.starts[0]))
    assert ahead.value[0] - usual[0] > 0.2
    assert abs(ahead.value[200] - usual[200]) < 0.05
    assert ahead.high[0] - ahead.low[0] < 0.7 * (ahead.high[-1] - ahead.low[-1])


def test_the_fit_errs_less_than_the_last_value_and_the_last_lunar_day() -> None:
    n = 365 * 24
    tested = backtest_water(FIRST, HOUR, 1.2 + waves(n) + surge(n))
    fitted, last, lunar = tested.mae.mean(axis=1)
    assert tested.champion == "harmonic"
    assert len(tested.origins) == 4
    assert fitted < 0.4 * last
    assert fitted < 0.6 * lunar
    assert 0.88 <= tested.inside.mean() <= 0.99


def test_a_month_of_readings_has_one_fold_and_a_fortnight_none() -> None:
    assert len(backtest_water(FIRST, HOUR, waves(30 * 24)).origins) == 1
    tested = backtest_water(FIRST, HOUR, waves(14 * 24))
    assert tested.mae.shape == (3, 0)
    assert tested.champion == "harmonic"


def salt(n: int, rise_per_day: float = 0.06, start: float = 1.0) -> Floats:
    """A dry season at a sluice: rising, with springs and neaps and the tide."""
    days = np.arange(n) / 24
    moon = waves(n, {"MSf": (0.8, 60.0), "K1": (0.3, 20.0), "M2": (0.2, 100.0)})
    noise = 0.05 * np.random.default_rng(6).standard_normal(n)
    return np.maximum(start + rise_per_day * days + moon + noise, 0)


def test_the_time_a_limit_is_crossed_is_known_days_ahead() -> None:
    n = 60 * 24
    whole = salt(n + 336)
    came = int(np.argmax(whole[n:] >= 6.0))
    crossing = fit_salinity(FIRST, HOUR, whole[:n]).crossing(6.0)
    assert 7 * 24 < came < 13 * 24
    assert not crossing.above
    assert crossing.at is not None
    assert crossing.earliest is not None
    assert abs(crossing.at - (FIRST + (n + came) * HOUR)) <= timedelta(hours=26)
    assert crossing.earliest <= crossing.at


def test_a_limit_that_is_exceeded_is_crossed_downwards() -> None:
    n = 60 * 24
    whole = salt(n + 336, rise_per_day=-0.1, start=9.0)
    limit = float(whole[n - 1]) - 0.8
    crossing = fit_salinity(FIRST, HOUR, whole[:n]).crossing(limit)
    assert crossing.above
    assert crossing.at is not None


def test_a_limit_far_away_is_not_crossed() -> None:
    crossing = fit_salinity(FIRST, HOUR, salt(60 * 24)).crossing(30.0)
    assert (crossing.at, crossing.earliest, crossing.latest) == (None, None, None)


def test_the_rate_of_change_leaves_out_the_tide_within_the_day() -> None:
    n = 60 * 24
    tide_only = 5 + waves(n, {"K1": (1.0, 20.0), "M2": (0.5, 100.0)})
    assert abs(fit_salinity(FIRST, HOUR, tide_only).rate_per_day) < 0.02
    jump = tide_only.copy()
    jump[-72:] += 0.5 * np.arange(72) / 24
    assert fit_salinity(FIRST, HOUR, jump).rate_per_day == pytest.approx(0.5, abs=0.1)
    jump[-60:] = np.nan
    assert np.isnan(fit_salinity(FIRST, HOUR, jump).rate_per_day)


def test_salinity_is_never_below_nought_and_beats_persistence() -> None:
    n = 150 * 24
    values = salt(n, rise_per_day=-0.03, start=4.0)
    ahead = fit_salinity(FIRST, HOUR, values).forecast()
    assert np.all((ahead.low >= 0) & (ahead.low <= ahead.value) & (ahead.value <= ahead.high))
    tested = backtest_water(FIRST, HOUR, salt(n, 0.04), fit_waves)
    assert tested.champion == "harmonic"
    assert tested.mae[0].mean() < 0.5 * tested.mae[1].mean()
