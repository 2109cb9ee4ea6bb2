"""Days that stray, against a past of two years, on a real database."""

from datetime import date, timedelta

import pytest
from tests.support.alerts import COMMUNE, DAY, HOUR, NOW, alerts, health, score, send
from tests.support.past import lay, usual_days

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.alerts import tasks
from ioc_cloud.feeds.alerts.detect import Found, detect
from ioc_cloud.feeds.alerts.tasks import Act
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.forecast.profile import fit_many

CALENDAR = Calendar.load()


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.of_province()


def look(owner: Connection, catalogue: Catalogue, days: int = 0) -> Found:
    return detect(owner, catalogue, CALENDAR, NOW + days * DAY)


def past(owner: Connection, days: int = 400, provenance: str = "api") -> None:
    """A commune's out-patients up to Monday the 23rd; NOW is Wednesday the 25th."""
    lay(owner, "YT.KHAM", COMMUNE, NOW - DAY, usual_days(NOW - DAY, days), provenance=provenance)


def visits(owner: Connection, catalogue: Catalogue, count: int, day: int) -> None:
    row = health(f"2026-11-{day}", visits=count, inpatients=0)
    send(owner, catalogue, "y-te", "ngay", [row], NOW + (day - 24) * DAY)


def test_a_day_that_strays_far_is_an_alert_that_says_from_what(
    owner: Connection, catalogue: Catalogue
) -> None:
    past(owner)
    visits(owner, catalogue, 500, 25)
    look(owner, catalogue, 1)
    (one,) = alerts(owner, "anomaly")
    assert (one.indicator, one.area, one.sop_kind) == ("YT.KHAM", COMMUNE, "anomaly")
    assert one.detail["z"] > 4
    assert "% so với thứ Tư thường" in one.reason.vi
    assert "không phải ngày lễ" in one.reason.vi
    assert "more than a usual Wednesday" in one.reason.en


def test_an_ordinary_day_is_none(owner: Connection, catalogue: Catalogue) -> None:
    past(owner)
    visits(owner, catalogue, 205, 25)
    look(owner, catalogue, 1)
    assert alerts(owner) == []


def test_two_of_three_days_that_stray_by_less_are_an_alert(
    owner: Connection, catalogue: Catalogue
) -> None:
    values = usual_days(NOW + DAY, 402)
    days = [date(2026, 11, 25) - timedelta(days=back) for back in range(401, -1, -1)]
    usual, spread = fit_many(days[:-3], values[None, :-3], CALENDAR).expected(days[-2:])
    values[-2:] = (usual + 3.5 * spread)[0]
    lay(owner, "YT.KHAM", COMMUNE, NOW + DAY, values)
    look(owner, catalogue, 1)
    (one,) = alerts(owner, "anomaly")
    assert 3 < one.detail["z"] <= 4
    assert one.detail["of_three"] == 2


def test_a_past_of_less_than_eight_weeks_judges_nothing(
    owner: Connection, catalogue: Catalogue
) -> None:
    past(owner, days=50)
    visits(owner, catalogue, 900, 25)
    look(owner, catalogue, 1)
    assert alerts(owner) == []


def test_a_feed_that_is_late_has_a_task_and_no_anomaly(
    owner: Connection, catalogue: Catalogue
) -> None:
    past(owner)
    score(owner, "y-te", 49, NOW)
    visits(owner, catalogue, 20, 25)
    look(owner, catalogue, 1)
    assert [one.kind for one in alerts(owner)] == ["data_task"]


def test_a_day_that_is_not_over_is_judged_when_it_is(
    owner: Connection, catalogue: Catalogue
) -> None:
    past(owner)
    row = health("2026-11-25", visits=900, inpatients=0)
    send(owner, catalogue, "y-te", "ngay", [row], NOW)
    look(owner, catalogue)
    assert alerts(owner) == []
    look(owner, catalogue, 1)
    assert len(alerts(owner, "anomaly")) == 1


def test_a_whole_of_which_communes_are_missing_is_not_judged(
    owner: Connection, catalogue: Catalogue
) -> None:
    lay(owner, "YT.KHAM", "96", NOW - DAY, usual_days(NOW - DAY, 400, 12_000.0))
    visits(owner, catalogue, 200, 25)
    look(owner, catalogue, 1)
    assert alerts(owner) == []


def test_an_anomaly_is_over_when_the_next_day_is_usual(
    owner: Connection, catalogue: Catalogue
) -> None:
    past(owner)
    visits(owner, catalogue, 500, 25)
    look(owner, catalogue, 1)
    visits(owner, catalogue, 190, 26)
    look(owner, catalogue, 2)
    (one,) = alerts(owner, "anomaly")
    assert (one.state, one.cleared_at) == ("closed", NOW + 2 * DAY)


def test_false_alarms_widen_what_is_taken_for_usual(
    owner: Connection, catalogue: Catalogue
) -> None:
    past(owner)
    visits(owner, catalogue, 250, 25)
    look(owner, catalogue, 1)
    (one,) = alerts(owner, "anomaly")
    assert one.detail["threshold"] == 4.0
    for _ in range(8):
        owner.execute(
            "insert into alert_feedback (alert, kind, indicator, was_right, said_by, said_at)"
            " values (%s, 'anomaly', 'YT.KHAM', false, 'lan', now())",
            (one.id,),
        )
    tasks.false_alarm(owner, one.id, Act("lan", 1, NOW + HOUR, "tiêm chủng"))
    visits(owner, catalogue, 190, 26)
    look(owner, catalogue, 2)
    visits(owner, catalogue, 236, 27)
    look(owner, catalogue, 3)
    assert len(alerts(owner, "anomaly")) == 1


def test_a_simulated_past_and_day_say_so(owner: Connection, catalogue: Catalogue) -> None:
    past(owner, provenance="simulated")
    row = health("2026-11-25", visits=900, inpatients=0)
    send(owner, catalogue, "y-te", "ngay", [row], NOW + DAY - timedelta(hours=1), "simulated")
    look(owner, catalogue, 1)
    (one,) = alerts(owner, "anomaly")
    assert one.reason.vi.startswith("(mô phỏng)")
