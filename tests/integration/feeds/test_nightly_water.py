"""Water stations hour by hour, stored and read, on a real database."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.alerts import COMMUNE, DAY, NOW
from tests.support.past import lay

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.forecasts import Forecast, latest
from ioc_cloud.feeds.nightly import nightly
from ioc_models.feeds import Cadence

QUARTER = timedelta(minutes=15)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.of_province()


def tide_cm(days: float) -> NDArray[np.float64]:
    """M2 and K1 with some wind, by quarters of an hour up to NOW."""
    n = round(days * 96)
    hours = (np.arange(n) - n) / 4
    wind = np.random.default_rng(5).normal(0, 3, n)
    m2, k1 = np.radians(28.9841042 * hours), np.radians(15.0410686 * hours)
    return 50 + 60 * np.cos(m2) + 30 * np.cos(k1 - 1) + wind


def of(owner: Connection, catalogue: Catalogue, indicator: str, now: datetime = NOW) -> Forecast:
    nightly(owner, catalogue, Calendar.load(), now)
    found = latest(owner, indicator, COMMUNE)
    assert found is not None
    return found


def laid(owner: Connection, indicator: str, values: NDArray[np.float64]) -> None:
    lay(
        owner, indicator, COMMUNE, NOW, values, feed="tai-nguyen-nuoc",
        cadence=Cadence.QUARTER_HOUR,
    )  # fmt: skip


def test_a_level_is_forecast_by_its_tide_beside_what_everybody_would_say(
    owner: Connection, catalogue: Catalogue
) -> None:
    laid(owner, "TNN.MUC_NUOC", tide_cm(90))
    found = of(owner, catalogue, "TNN.MUC_NUOC")
    assert (found.step, found.status, found.model) == ("hour", "made", "harmonic")
    assert (len(found.points), found.points[0].start) == (14 * 24, NOW)
    hours = np.arange(14 * 24)
    truth = (
        50
        + 60 * np.cos(np.radians(28.9841042 * hours))
        + 30 * np.cos(np.radians(15.0410686 * hours) - 1)
    )
    assert np.abs(truth - [point.value for point in found.points]).max() < 5
    assert {"M2", "K1"} <= set(found.detail["waves"])
    harmonic, *plain = found.errors
    assert (harmonic.model, harmonic.champion, len(harmonic.mae)) == ("harmonic", True, 4)
    assert {one.model for one in plain} == {"persistence", "lunar_day"}
    for one in plain:
        assert one.mae[0] > 3 * harmonic.mae[0]  # type: ignore[operator]


def test_salinity_says_when_it_crosses_its_limits(owner: Connection, catalogue: Catalogue) -> None:
    n = 60 * 96
    hours = (np.arange(n) - n) / 4
    rising = 3.5 + 0.02 * (hours / 24 + 60) + 0.3 * np.cos(np.radians(28.9841042 * hours))
    laid(owner, "TNN.MAN", rising + np.random.default_rng(6).normal(0, 0.05, n))
    found = of(owner, catalogue, "TNN.MAN")
    assert found.status == "made"
    warn, danger = found.detail["limits"]
    assert (warn["level"], warn["limit"], danger["level"]) == ("warn", 4, "danger")
    assert danger["at"] is None
    assert found.detail["rate_per_day"] is not None
    assert all(point.low >= 0 for point in found.points)


def test_a_fortnight_of_readings_is_too_short_and_old_ones_are_stale(
    owner: Connection, catalogue: Catalogue
) -> None:
    laid(owner, "TNN.MUC_NUOC", tide_cm(14))
    found = of(owner, catalogue, "TNN.MUC_NUOC")
    assert found.status == "too_short"
    assert found.reason is not None
    assert "chưa đủ dữ liệu" in found.reason.vi
    later = of(owner, catalogue, "TNN.MUC_NUOC", NOW + 4 * DAY)
    assert (later.status, list(later.points)) == ("stale", [])


def test_a_level_that_no_wave_explains_is_forecast_by_the_plainest_model(
    owner: Connection, catalogue: Catalogue
) -> None:
    steps = np.random.default_rng(11).normal(0, 1, 40 * 96)
    laid(owner, "TNN.MUC_NUOC", np.cumsum(steps))
    found = of(owner, catalogue, "TNN.MUC_NUOC")
    champion = next(one for one in found.errors if one.champion)
    assert found.model == champion.model
    means = {
        one.model: np.mean([float(e) for e in one.mae if e is not None]) for one in found.errors
    }
    assert champion.model == min(means, key=means.__getitem__)
    assert all(point.low <= point.value <= point.high for point in found.points)
