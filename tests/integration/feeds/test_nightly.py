"""A night's forecasts, stored and read, on a real database."""

from datetime import date, timedelta

import numpy as np
import psycopg
import pytest
from tests.support.alerts import COMMUNE, DAY, NOW
from tests.support.past import lay, usual_days

from ioc_cloud.auth.principal import Principal
from ioc_cloud.auth.scopes import ALERTS, FEEDS_READ
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import histories
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.forecasts import latest, out
from ioc_cloud.feeds.nightly import Night, nightly
from ioc_cloud.feeds.shown import Reader
from ioc_models.feeds import LOCAL, Cadence, periods

CALENDAR = Calendar.load()
OPERATOR = Reader(Principal("lan", frozenset({ALERTS})))
LEADER = Reader(Principal("an", frozenset({FEEDS_READ}), roles=frozenset({"leader"})))
TODAY = date(2026, 11, 25)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.of_province()


def night(owner: Connection, catalogue: Catalogue, days: int = 0) -> Night:
    return nightly(owner, catalogue, CALENDAR, NOW + days * DAY)


def test_a_daily_indicator_gets_fourteen_days_with_their_band_and_errors(
    owner: Connection, catalogue: Catalogue
) -> None:
    lay(owner, "YT.KHAM", COMMUNE, NOW, usual_days(NOW, 400))
    done = night(owner, catalogue)
    assert (done.made, done.too_short, done.points) == (1, 0, 14)
    found = latest(owner, "YT.KHAM", COMMUNE)
    assert found is not None
    assert (found.status, found.step, found.model, found.n) == ("made", "day", "profile", 400)
    assert [point.start.astimezone(LOCAL).date() for point in found.points] == [
        TODAY + timedelta(days=ahead) for ahead in range(14)
    ]
    assert all(point.low < point.value < point.high for point in found.points)
    assert found.points[0].value == pytest.approx(200, rel=0.1)  # a Wednesday
    assert found.points[4].value == pytest.approx(80, rel=0.1)  # a Sunday
    champion, *others = found.errors
    assert (champion.model, champion.champion, len(champion.wape)) == ("profile", True, 4)
    assert champion.mean_wape is not None
    assert champion.mean_wape < 0.08
    assert {one.model for one in others} >= {"seasonal_naive_7"}


def test_less_than_eight_weeks_are_said_to_be_too_few(
    owner: Connection, catalogue: Catalogue
) -> None:
    lay(owner, "YT.KHAM", COMMUNE, NOW, usual_days(NOW, 55))
    assert night(owner, catalogue).too_short == 1
    found = latest(owner, "YT.KHAM", COMMUNE)
    assert found is not None
    assert (found.status, found.model, list(found.points)) == ("too_short", None, [])
    assert found.reason is not None
    assert found.reason.vi.startswith("chưa đủ dữ liệu")
    assert "55" in found.reason.en


def test_figures_that_stopped_weeks_ago_are_not_forecast_from(
    owner: Connection, catalogue: Catalogue
) -> None:
    lay(owner, "YT.KHAM", COMMUNE, NOW - 20 * DAY, usual_days(NOW, 300))
    assert night(owner, catalogue).stale == 1
    found = latest(owner, "YT.KHAM", COMMUNE)
    assert found is not None
    assert found.reason is not None
    assert "04/11/2026" in found.reason.vi


def test_a_table_of_working_days_is_forecast_for_working_days(
    owner: Connection, catalogue: Catalogue
) -> None:
    values = usual_days(NOW, 400)
    days = [TODAY - timedelta(days=back) for back in range(400, 0, -1)]
    values[[not CALENDAR.is_working(day) for day in days]] = np.nan
    lay(owner, "DD.HO_SO", COMMUNE, NOW, values, feed="dat-dai")
    night(owner, catalogue)
    found = latest(owner, "DD.HO_SO", COMMUNE)
    assert found is not None
    ahead = [point.start.astimezone(LOCAL).date() for point in found.points]
    assert ahead
    assert all(CALENDAR.is_working(day) for day in ahead)


def test_the_same_night_again_replaces_what_it_made_and_others_stay(
    owner: Connection, catalogue: Catalogue
) -> None:
    lay(owner, "YT.KHAM", COMMUNE, NOW, usual_days(NOW, 200))
    night(owner, catalogue)
    night(owner, catalogue)
    night(owner, catalogue, days=1)
    rows = owner.execute("select made_on, count(*) from forecast group by 1 order by 1").fetchall()
    assert rows == [(TODAY, 14), (TODAY + timedelta(days=1), 14)]
    earlier = latest(owner, "YT.KHAM", COMMUNE, TODAY)
    assert earlier is not None
    assert earlier.made_on == TODAY


def test_old_forecasts_are_forgotten(owner: Connection, catalogue: Catalogue) -> None:
    lay(owner, "YT.KHAM", COMMUNE, NOW, usual_days(NOW, 200))
    night(owner, catalogue)
    night(owner, catalogue, days=36)
    rows = owner.execute("select distinct made_on from forecast_run").fetchall()
    assert rows == [(TODAY + timedelta(days=36),)]


def test_a_forecast_carries_what_every_figure_carries(
    owner: Connection, catalogue: Catalogue
) -> None:
    past = lay(owner, "YT.KHAM", COMMUNE, NOW, usual_days(NOW, 200), provenance="simulated")
    night(owner, catalogue)
    found = latest(owner, "YT.KHAM", COMMUNE)
    assert found is not None
    shown = out(owner, catalogue, OPERATOR, found)
    assert (shown.source.feed, shown.provenance, shown.simulated) == ("y-te", "simulated", True)
    assert (shown.as_of, shown.until) == (past[-1].end, past[-1].start)
    assert shown.received_at > shown.as_of
    assert shown.quality.live is None
    assert (shown.unit, shown.area_name) == ("lượt", "Phường Bạc Liêu")


def test_one_simulated_day_marks_the_whole_forecast(
    owner: Connection, catalogue: Catalogue
) -> None:
    values = usual_days(NOW, 200)
    lay(owner, "YT.KHAM", COMMUNE, NOW, values[100:])
    lay(owner, "YT.KHAM", COMMUNE, NOW - 100 * DAY, values[:100], provenance="simulated")
    night(owner, catalogue)
    found = latest(owner, "YT.KHAM", COMMUNE)
    assert found is not None
    assert found.provenance == "simulated"


def test_forecasts_of_small_groups_are_covered(owner: Connection, catalogue: Catalogue) -> None:
    lay(owner, "YT.SXH", COMMUNE, NOW, usual_days(NOW, 200, 3.0))
    night(owner, catalogue)
    found = latest(owner, "YT.SXH", COMMUNE)
    assert found is not None
    shown = out(owner, catalogue, OPERATOR, found)
    assert shown.suppressed
    assert {point.value for point in shown.points} == {None}
    assert not out(owner, catalogue, LEADER, found).suppressed


def test_there_is_no_forecast_of_what_has_no_figures(
    owner: Connection, catalogue: Catalogue
) -> None:
    assert night(owner, catalogue) == Night(TODAY)
    assert latest(owner, "YT.KHAM", COMMUNE) is None


def test_the_feeds_role_may_forecast_and_the_api_may_read(
    owner: Connection, feeds_url: str, api_url: str, catalogue: Catalogue
) -> None:
    lay(owner, "YT.KHAM", COMMUNE, NOW, usual_days(NOW, 200))
    told: list[tuple[int, int]] = []
    with psycopg.connect(feeds_url, autocommit=True) as worker:
        nightly(worker, catalogue, CALENDAR, NOW, lambda done, of: told.append((done, of)))
    assert told[-1][0] == told[-1][1] > 0
    with psycopg.connect(api_url, autocommit=True) as api:
        assert latest(api, "YT.KHAM", COMMUNE) is not None


def test_a_history_takes_the_last_version_of_each_period(owner: Connection) -> None:
    past = lay(owner, "YT.KHAM", COMMUNE, NOW, [1.0, 2.0, 3.0, 4.0])
    for start, version, value in ((past[1].start, 2, 20.0), (past[2].start, 2, None)):
        owner.execute(
            "insert into figure (indicator, area, period_start, version, feed, period, period_end,"
            " value, covered, as_of, received_at, provenance)"
            " values ('YT.KHAM', %s, %s, %s, 'y-te', '', %s, %s, 1, %s, %s, 'simulated')",
            (COMMUNE, start, version, start, value, NOW, NOW),
        )
    first = periods.containing(past[0].start - DAY, Cadence.DAY).start
    found = histories.read(owner, "YT.KHAM", ["96", COMMUNE], first, 6)
    assert np.isnan(found.values[0]).all()
    np.testing.assert_array_equal(found.values[1], [np.nan, 1.0, 20.0, np.nan, 4.0, np.nan])
    assert found.simulated.tolist() == [False, True]
    assert found.newest[COMMUNE].value == 4.0
