"""Alerts as figures come and go, on a real database."""

from datetime import timedelta

import psycopg
import pytest
from tests.support.alerts import (
    COMMUNE,
    DAY,
    HOUR,
    MINUTE,
    NOW,
    actions,
    alerts,
    health,
    score,
    send,
    station,
    vms,
)

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.alerts import tasks
from ioc_cloud.feeds.alerts.detect import Found, detect
from ioc_cloud.feeds.alerts.tasks import Act
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import undo

CALENDAR = Calendar.load()


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.of_province()


def look(owner: Connection, catalogue: Catalogue, now=NOW) -> Found:  # type: ignore[no-untyped-def] # noqa: ANN001
    return detect(owner, catalogue, CALENDAR, now)


def beds(owner: Connection, catalogue: Catalogue, taken: int, day: int, **said: str) -> None:
    now = NOW + (day - 24) * DAY
    row = health(f"2026-11-{day}", inpatients=taken)
    send(owner, catalogue, "y-te", "ngay", [row], now, **said)


def test_a_figure_beyond_its_warning_opens_one_alert_with_owner_deadline_and_checklist(
    owner: Connection, catalogue: Catalogue
) -> None:
    beds(owner, catalogue, 90, 24)
    assert look(owner, catalogue).opened == 2  # the commune, and the province made of it alone
    commune = next(one for one in alerts(owner) if one.area == COMMUNE)
    assert (commune.kind, commune.severity, commune.indicator) == ("threshold", "warn", "YT.GIUONG")
    assert commune.owner.post is not None
    assert commune.owner.post.en == "Head of Medical Affairs"
    assert commune.due_at == NOW + timedelta(hours=24)
    assert commune.sop_kind == "threshold-health"
    assert "trên ngưỡng cảnh báo 85 %" in commune.reason.vi
    assert "above the warning threshold of 85 %" in commune.reason.en


def test_judging_the_same_figures_again_writes_nothing(
    owner: Connection, catalogue: Catalogue
) -> None:
    beds(owner, catalogue, 90, 24)
    look(owner, catalogue)
    again = look(owner, catalogue, NOW + MINUTE)
    assert (again.opened, again.worse, again.cleared, again.ids) == (0, 0, 0, ())


def test_a_value_that_becomes_a_danger_makes_the_same_alert_worse_and_shortens_its_deadline(
    owner: Connection, catalogue: Catalogue
) -> None:
    beds(owner, catalogue, 90, 24)
    look(owner, catalogue)
    beds(owner, catalogue, 110, 25)
    found = look(owner, catalogue, NOW + DAY)
    assert (found.opened, found.worse) == (0, 2)
    commune = next(one for one in alerts(owner) if one.area == COMMUNE)
    assert (commune.severity, commune.figure.value) == ("danger", 110)
    assert commune.due_at == NOW + timedelta(hours=24)
    assert actions(owner, commune.id) == ["opened", "worse"]


def test_an_alert_nobody_took_closes_with_a_step_when_its_figure_is_back(
    owner: Connection, catalogue: Catalogue
) -> None:
    beds(owner, catalogue, 90, 24)
    look(owner, catalogue)
    beds(owner, catalogue, 60, 25)
    assert look(owner, catalogue, NOW + DAY).cleared == 2
    commune = next(one for one in alerts(owner) if one.area == COMMUNE)
    assert (commune.state, commune.cleared_at) == ("closed", NOW + DAY)
    assert "Đã về trong ngưỡng: 60 %" in commune.result
    assert actions(owner, commune.id) == ["opened", "cleared"]


def test_a_figure_just_inside_its_threshold_is_back_only_the_second_time(
    owner: Connection, catalogue: Catalogue
) -> None:
    beds(owner, catalogue, 90, 24)
    look(owner, catalogue)
    beds(owner, catalogue, 84, 25)
    assert look(owner, catalogue, NOW + DAY).cleared == 0
    beds(owner, catalogue, 85, 26)
    assert look(owner, catalogue, NOW + 2 * DAY).cleared == 2


def test_an_alert_in_somebodys_hands_stays_theirs_when_its_figure_is_back(
    owner: Connection, catalogue: Catalogue
) -> None:
    beds(owner, catalogue, 90, 24)
    look(owner, catalogue)
    mine = alerts(owner)[0]
    tasks.acknowledge(owner, mine.id, Act("lan", 1, NOW + HOUR))
    beds(owner, catalogue, 60, 25)
    look(owner, catalogue, NOW + DAY)
    now = next(one for one in alerts(owner) if one.id == mine.id)
    assert (now.state, now.cleared_at) == ("acknowledged", NOW + DAY)
    beds(owner, catalogue, 95, 26)
    look(owner, catalogue, NOW + 2 * DAY)
    assert actions(owner, mine.id) == ["opened", "acknowledged", "cleared", "returned"]


def test_an_alert_that_somebody_closed_is_not_opened_again_by_the_same_trouble(
    owner: Connection, catalogue: Catalogue
) -> None:
    beds(owner, catalogue, 90, 24)
    look(owner, catalogue)
    for one in alerts(owner):
        tasks.close(owner, one.id, Act("lan", 1, NOW + HOUR, "đã thêm giường"))
    beds(owner, catalogue, 91, 25)
    assert look(owner, catalogue, NOW + DAY).opened == 0
    beds(owner, catalogue, 60, 26)
    look(owner, catalogue, NOW + 2 * DAY)
    beds(owner, catalogue, 92, 27)
    assert look(owner, catalogue, NOW + 3 * DAY).opened == 2


def test_an_alert_that_somebody_closed_is_opened_again_as_a_danger(
    owner: Connection, catalogue: Catalogue
) -> None:
    beds(owner, catalogue, 90, 24)
    look(owner, catalogue)
    for one in alerts(owner):
        tasks.close(owner, one.id, Act("lan", 1, NOW + HOUR, "đã thêm giường"))
    beds(owner, catalogue, 120, 25)
    assert look(owner, catalogue, NOW + DAY).opened == 2


def test_an_alert_on_a_figure_that_was_withdrawn_is_cleared(
    owner: Connection, catalogue: Catalogue
) -> None:
    receipt = send(owner, catalogue, "y-te", "ngay", [health("2026-11-24", inpatients=90)], NOW)
    look(owner, catalogue)
    assert receipt.batch is not None
    undo(owner, catalogue, receipt.batch, by="lan", reason="nhầm", now=NOW + HOUR)
    assert look(owner, catalogue, NOW + 2 * HOUR).cleared == 2
    assert "thu hồi" in alerts(owner)[0].result


def test_a_correction_of_the_judged_figure_is_judged(
    owner: Connection, catalogue: Catalogue
) -> None:
    beds(owner, catalogue, 90, 24)
    look(owner, catalogue)
    row = health("2026-11-24", inpatients=40)
    send(owner, catalogue, "y-te", "ngay", [row], NOW + HOUR)
    assert look(owner, catalogue, NOW + 2 * HOUR).cleared == 2


def test_simulated_figures_raise_alerts_that_say_so(
    owner: Connection, catalogue: Catalogue
) -> None:
    beds(owner, catalogue, 90, 24, provenance="simulated")
    look(owner, catalogue)
    one = alerts(owner)[0]
    assert one.figure.provenance == "simulated"
    assert one.reason.vi.startswith("(mô phỏng)")
    assert one.reason.en.startswith("(simulated)")


def test_a_peak_between_two_rounds_is_not_missed(owner: Connection, catalogue: Catalogue) -> None:
    look(owner, catalogue, NOW - 2 * HOUR)
    values = [1.0, 11.0, 2.0, 1.0]
    rows = [
        station(NOW - HOUR + place * 15 * MINUTE, salinity_g_l=value)
        for place, value in enumerate(values)
    ]
    send(owner, catalogue, "tai-nguyen-nuoc", "tram", rows, NOW)
    found = look(owner, catalogue)
    assert (found.opened, found.cleared) == (1, 1)  # the province's maximum is the commune's
    one = alerts(owner, "threshold")[0]
    assert (one.severity, one.sop_kind) == ("danger", "threshold-salinity")
    assert actions(owner, one.id) == ["opened", "cleared"]


def test_rain_is_judged_by_its_24_hours(owner: Connection, catalogue: Catalogue) -> None:
    rows = [station(NOW - place * 15 * MINUTE, rain_mm=2.0) for place in range(1, 41)]
    send(owner, catalogue, "tai-nguyen-nuoc", "tram", rows, NOW)
    look(owner, catalogue)
    one = alerts(owner, "threshold")[0]
    assert (one.indicator, one.severity, one.figure.value) == ("TNN.MUA", "warn", 80)
    assert "24 giờ qua 80 mm" in one.reason.vi


def test_late_data_raise_a_task_for_the_owner_and_no_second_one(
    owner: Connection, catalogue: Catalogue
) -> None:
    score(owner, "y-te", 30, NOW)
    look(owner, catalogue)
    look(owner, catalogue, NOW + HOUR)
    (task,) = alerts(owner)
    assert (task.kind, task.subject, task.feed, task.sop_kind) == (
        "data_task", "y-te", "y-te", "late-data",
    )  # fmt: skip
    # Wednesday is worked on: the contract's 12 hours.
    assert task.due_at == NOW + timedelta(hours=12)
    score(owner, "y-te", 80, NOW + 2 * HOUR)
    look(owner, catalogue, NOW + 2 * HOUR)
    assert [one.state for one in alerts(owner)] == ["closed"]


def test_announced_maintenance_blames_nobody(owner: Connection, catalogue: Catalogue) -> None:
    owner.execute(
        "insert into feed_maintenance (feed, starts_at, ends_at, reason, entered_by, entered_at)"
        " values ('y-te', %s, %s, 'nâng cấp', 'lan', %s)",
        (NOW - HOUR, NOW + HOUR, NOW - DAY),
    )
    score(owner, "y-te", 0, NOW)
    assert look(owner, catalogue).opened == 0
    assert look(owner, catalogue, NOW + 2 * HOUR).opened == 1


def test_a_silent_provider_is_one_alert_and_its_vessels_none(
    owner: Connection, catalogue: Catalogue
) -> None:
    start = NOW - 3 * HOUR
    for place in range(8):
        at = start + place * 15 * MINUTE
        rows = [vms(at, "viettel")] + ([vms(at, "vnpt")] if place < 3 else [])
        send(owner, catalogue, "thuy-san-tau-ca", "vms", rows, at + 15 * MINUTE)
    look(owner, catalogue)
    (one,) = alerts(owner)
    assert (one.kind, one.subject) == ("provider_down", "thuy-san-tau-ca/vnpt")
    assert "VNPT" in one.reason.vi


def test_vessels_that_fall_silent_while_their_provider_sends_are_silent_vessels(
    owner: Connection, catalogue: Catalogue
) -> None:
    for place, lost in enumerate([2, 2, 6, 15]):
        at = NOW - 3 * HOUR + place * 15 * MINUTE
        rows = [vms(at, "vnpt", lost_6h=lost)]
        send(owner, catalogue, "thuy-san-tau-ca", "vms", rows, at + 15 * MINUTE)
    look(owner, catalogue)
    (one,) = alerts(owner)
    assert (one.kind, one.severity, one.sop_kind) == ("vessel_silent", "warn", "vessel-silent")


def test_half_of_a_providers_vessels_silent_at_once_is_the_provider(
    owner: Connection, catalogue: Catalogue
) -> None:
    at = NOW - HOUR
    rows = [vms(at, "vnpt", provider_silent=60), vms(at, "viettel")]
    send(owner, catalogue, "thuy-san-tau-ca", "vms", rows, at + 15 * MINUTE)
    look(owner, catalogue)
    assert [one.kind for one in alerts(owner)] == ["provider_down"]


def test_a_boundary_crossing_is_a_matter_of_half_an_hour_at_most(
    owner: Connection, catalogue: Catalogue
) -> None:
    at = NOW - HOUR
    send(owner, catalogue, "thuy-san-tau-ca", "vms", [vms(at, crossed=3)], at + 15 * MINUTE)
    look(owner, catalogue)
    (one,) = alerts(owner)
    assert (one.severity, one.sop_kind) == ("danger", "sea-boundary")
    assert one.due_at == NOW + timedelta(minutes=30)


def test_crossings_after_a_closed_alert_and_a_quiet_day_are_news(
    owner: Connection, catalogue: Catalogue
) -> None:
    at = NOW - HOUR
    send(owner, catalogue, "thuy-san-tau-ca", "vms", [vms(at, crossed=1)], at + 15 * MINUTE)
    look(owner, catalogue)
    tasks.close(owner, alerts(owner)[0].id, Act("lan", 1, NOW + HOUR, "tàu đã quay vào"))
    for place in range(3):
        later = NOW + 2 * DAY + place * 15 * MINUTE
        rows = [vms(later, crossed=int(place == 2))]
        send(owner, catalogue, "thuy-san-tau-ca", "vms", rows, later + 15 * MINUTE)
        look(owner, catalogue, later + 16 * MINUTE)
    assert [one.state for one in alerts(owner)] == ["closed", "open"]


def test_a_camera_without_a_picture_is_an_alert_at_its_place(
    owner: Connection, catalogue: Catalogue
) -> None:
    owner.execute(
        "insert into camera (box, id, title_vi, lon, lat, state, state_at, last_seen_at)"
        " values ('b1', 'c1', 'Ngã tư', 105.15, 9.17, 'no_signal', %s, %s)",
        (NOW - 11 * MINUTE, NOW - 11 * MINUTE),
    )
    look(owner, catalogue)
    look(owner, catalogue, NOW + MINUTE)
    (one,) = alerts(owner)
    assert (one.kind, one.subject, one.at) == ("camera_offline", "b1.c1", (105.15, 9.17))
    tasks.close(owner, one.id, Act("lan", 1, NOW + HOUR, "đang bảo trì"))
    assert look(owner, catalogue, NOW + 2 * HOUR).opened == 0
    owner.execute("update camera set state = 'ok', state_at = %s", (NOW + 3 * HOUR,))
    look(owner, catalogue, NOW + 3 * HOUR)
    owner.execute("update camera set state = 'broken', state_at = %s", (NOW + 4 * HOUR,))
    assert look(owner, catalogue, NOW + 5 * HOUR).opened == 1


def test_a_new_alert_tells_the_feeds_owner(owner: Connection, catalogue: Catalogue) -> None:
    beds(owner, catalogue, 90, 24)
    look(owner, catalogue)
    rows = owner.execute("select feed, tbl, stage, addressee, vi from feed_notice").fetchall()
    assert {row[:4] for row in rows} == {("y-te", "alert", "opened", "owner")}
    assert all(row[4].startswith("Cảnh báo mới: ") for row in rows)


def test_the_feeds_role_may_judge(owner: Connection, feeds_url: str, catalogue: Catalogue) -> None:
    beds(owner, catalogue, 90, 24)
    with psycopg.connect(feeds_url, autocommit=True) as worker:
        assert look(worker, catalogue).opened == 2
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            worker.execute("update alert_step set note = 'x'")
