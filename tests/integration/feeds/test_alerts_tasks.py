"""What people do with alerts, on a real database."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.support.alerts import COMMUNE, DAY, HOUR, NOW, actions, alerts, health, send

from ioc_cloud.auth.principal import Principal
from ioc_cloud.auth.scopes import ALERTS, FEEDS_READ
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.alerts import book, tasks
from ioc_cloud.feeds.alerts.book import Alert, Owner
from ioc_cloud.feeds.alerts.detect import detect
from ioc_cloud.feeds.alerts.errors import (
    AlertMoved,
    NoSuchAlert,
    NotInThisState,
    SameAlertOpen,
    StepUnsaid,
)
from ioc_cloud.feeds.alerts.shown import Showing, Wanted, counts, full, listed
from ioc_cloud.feeds.alerts.sop import PRODUCT, Sops, kept
from ioc_cloud.feeds.alerts.tasks import Act
from ioc_cloud.feeds.alerts.tuning import thresholds
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.shown import Reader

OPERATOR = Reader(Principal("lan", frozenset({ALERTS})))
LEADER = Reader(Principal("an", frozenset({FEEDS_READ}), roles=frozenset({"leader"})))


CALENDAR = Calendar.load()


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.of_province()


@pytest.fixture
def alert(owner: Connection, catalogue: Catalogue) -> Alert:
    """An open alert on a commune's beds; the province's stands beside it."""
    row = health("2026-11-24", inpatients=90)
    send(owner, catalogue, "y-te", "ngay", [row], NOW)
    detect(owner, catalogue, CALENDAR, NOW)
    return next(one for one in alerts(owner) if one.area == COMMUNE)


def act(version: int = 1, note: str = "", by: str = "lan") -> Act:
    return Act(by, version, NOW + HOUR, note)


def test_of_two_seats_that_take_an_alert_one_gets_it_and_the_other_is_told(
    owner: Connection, alert: Alert
) -> None:
    mine = tasks.acknowledge(owner, alert.id, act())
    assert (mine.state, mine.owner.account, mine.version) == ("acknowledged", "lan", 2)
    with pytest.raises(AlertMoved) as refused:
        tasks.acknowledge(owner, alert.id, act(by="minh"))
    assert (refused.value.expected, refused.value.found) == (1, 2)


def test_a_hand_over_needs_a_reason_and_somebody_and_tells_them(
    owner: Connection, alert: Alert
) -> None:
    deputy = Owner("deputy", "phuc", "Phúc")
    with pytest.raises(StepUnsaid):
        tasks.hand_over(owner, alert.id, act(note=" "), deputy)
    with pytest.raises(StepUnsaid):
        tasks.hand_over(owner, alert.id, act(note="hết ca"), Owner("other"))
    after = tasks.hand_over(owner, alert.id, act(note="hết ca"), deputy)
    assert (after.state, after.owner.account) == ("handed_over", "phuc")
    told = owner.execute("select account from feed_notice where stage like 'handed_over%'")
    assert told.fetchall() == [("phuc",)]
    taken = tasks.acknowledge(owner, alert.id, act(2, by="phuc"))
    assert (taken.state, taken.owner) == ("acknowledged", deputy)


Doing = Callable[[Connection, int, int], Alert]
ALL: dict[str, Doing] = {
    "acknowledge": lambda c, a, v: tasks.acknowledge(c, a, act(v)),
    "hand_over": lambda c, a, v: tasks.hand_over(c, a, act(v, "vì"), Owner("other", "x")),
    "tick": lambda c, a, v: tasks.tick(c, a, act(v), 0),
    "note": lambda c, a, v: tasks.add_note(c, a, act(v, "ghi")),
    "close": lambda c, a, v: tasks.close(c, a, act(v, "xong")),
    "false_alarm": lambda c, a, v: tasks.false_alarm(c, a, act(v, "sai")),
    "reopen": lambda c, a, v: tasks.reopen(c, a, act(v, "lại")),
}


@pytest.mark.parametrize(
    ("before", "possible"),
    [
        ([], {"acknowledge", "hand_over", "note", "close", "false_alarm"}),
        (["acknowledge"], {"hand_over", "tick", "note", "close", "false_alarm"}),
        (["hand_over"], {"acknowledge", "hand_over", "tick", "note", "close", "false_alarm"}),
        (["close"], {"note", "reopen"}),
        (["false_alarm"], {"note", "reopen"}),
        (["close", "reopen"], {"acknowledge", "hand_over", "note", "close", "false_alarm"}),
    ],
)
def test_only_what_follows_from_a_state_can_be_done(
    owner: Connection, alert: Alert, before: list[str], possible: set[str]
) -> None:
    for version, name in enumerate(before, start=1):
        ALL[name](owner, alert.id, version)
    for name, do in ALL.items():
        refused = nullcontext() if name in possible else pytest.raises(NotInThisState)
        with refused, owner.transaction(force_rollback=True):
            do(owner, alert.id, 1 + len(before))


def test_ticks_are_kept_with_who_and_when_and_can_be_taken_back(
    owner: Connection, catalogue: Catalogue, alert: Alert
) -> None:
    tasks.acknowledge(owner, alert.id, act())
    tasks.tick(owner, alert.id, act(2, "đã gọi"), 0)
    tasks.tick(owner, alert.id, act(3), 1)
    tasks.tick(owner, alert.id, act(4), 1, done=False)
    with pytest.raises(StepUnsaid):
        tasks.tick(owner, alert.id, act(5), 99)
    shown = full(owner, Showing.on(owner, catalogue, LEADER, NOW), alert.id)
    first, second, *_ = shown.checklist.steps
    assert (first.done, first.by, first.at, first.note) == (True, "lan", NOW + HOUR, "đã gọi")
    assert not second.done
    assert [step.action for step in shown.steps] == ["opened", "acknowledged", "sop", "sop", "sop"]


def test_an_alert_keeps_the_checklist_that_it_was_opened_with(
    owner: Connection, catalogue: Catalogue, alert: Alert, tmp_path: Path
) -> None:
    before = len(kept(owner, alert.sop_sha256).steps)
    words = (PRODUCT / "threshold-health.md").read_text(encoding="utf-8")
    shorter = words.rpartition("- [ ]")[0]
    (tmp_path / "threshold-health.md").write_text(shorter, encoding="utf-8")
    send(owner, catalogue, "y-te", "ngay", [health("2026-11-25", inpatients=120)], NOW + DAY)
    detect(owner, catalogue, CALENDAR, NOW + DAY, Sops.load(tmp_path))
    shown = full(owner, Showing.on(owner, catalogue, LEADER, NOW), alert.id)
    assert (shown.severity, shown.checklist.sha256) == ("danger", alert.sop_sha256)
    assert len(shown.checklist.steps) == before


def test_closing_needs_a_result(owner: Connection, alert: Alert) -> None:
    with pytest.raises(StepUnsaid):
        tasks.close(owner, alert.id, act())
    after = tasks.close(owner, alert.id, act(note="đã kê thêm giường"))
    assert (after.state, after.result, after.closed_at) == (
        "closed", "đã kê thêm giường", NOW + HOUR,
    )  # fmt: skip


def test_an_alert_is_not_opened_again_beside_a_younger_one_of_the_same_trouble(
    owner: Connection, catalogue: Catalogue, alert: Alert
) -> None:
    tasks.close(owner, alert.id, act(note="xong"))
    row = health("2026-11-25", inpatients=120)
    send(owner, catalogue, "y-te", "ngay", [row], NOW + DAY)
    detect(owner, catalogue, CALENDAR, NOW + DAY)
    with pytest.raises(SameAlertOpen):
        tasks.reopen(owner, alert.id, act(2, "chưa xong"))


def test_steps_are_never_changed_or_removed(owner: Connection, alert: Alert) -> None:
    for statement in ("update alert_step set note = 'x'", "delete from alert_step"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute(statement)  # type: ignore[call-overload]
    assert actions(owner, alert.id) == ["opened"]


def test_everything_that_people_do_is_audited(owner: Connection, alert: Alert) -> None:
    tasks.acknowledge(owner, alert.id, act())
    tasks.close(owner, alert.id, act(2, "xong"))
    rows = owner.execute("select actor, action, object from audit order by seq").fetchall()
    assert rows == [
        ("lan", "alert.acknowledged", str(alert.id)),
        ("lan", "alert.closed", str(alert.id)),
    ]


def test_the_api_may_do_what_people_do(api_url: str, alert: Alert) -> None:
    with psycopg.connect(api_url, autocommit=True) as api:
        tasks.acknowledge(api, alert.id, act())
        tasks.false_alarm(api, alert.id, act(2, "số đúng"))
        tasks.reopen(api, alert.id, act(3, "nhầm"))
        with pytest.raises(NoSuchAlert):
            tasks.acknowledge(api, 0, act())


def test_an_overdue_alert_goes_to_the_deputy_and_then_to_the_head(
    owner: Connection, catalogue: Catalogue, alert: Alert
) -> None:
    late = alert.due_at
    assert tasks.escalate(owner, catalogue, now=late - timedelta(seconds=1)) == []
    assert {one.escalated for one in tasks.escalate(owner, catalogue, now=late)} == {"deputy"}
    assert tasks.escalate(owner, catalogue, now=late + HOUR) == []
    assert {one.escalated for one in tasks.escalate(owner, catalogue, now=late + DAY)} == {"head"}
    assert tasks.escalate(owner, catalogue, now=late + 2 * DAY) == []
    rows = owner.execute(
        "select addressee from feed_notice where stage = 'overdue' and period = %s order by id",
        (str(alert.id),),
    ).fetchall()
    assert [row[0] for row in rows] == ["owner", "deputy", "head"]
    assert actions(owner, alert.id) == ["opened", "escalated", "escalated"]


def test_false_alarms_widen_an_anomalys_threshold_until_they_are_taken_back(
    owner: Connection, alert: Alert
) -> None:
    owner.execute("update alert set kind = 'anomaly' where id = %s", (alert.id,))
    tasks.false_alarm(owner, alert.id, act(note="chiến dịch tiêm"))
    assert thresholds(owner, ["YT.GIUONG"]) == {"YT.GIUONG": 4.5}
    tasks.reopen(owner, alert.id, act(2, "xem lại"))
    assert thresholds(owner, ["YT.GIUONG"]) == {}


def test_a_false_alarm_of_a_contracts_threshold_is_counted_and_moves_nothing(
    owner: Connection, alert: Alert
) -> None:
    tasks.false_alarm(owner, alert.id, act(note="mẫu số nhỏ"))
    assert thresholds(owner, ["YT.GIUONG"]) == {}
    assert owner.execute(book.sql.FEEDBACK_COUNTS).fetchall() == [("YT.GIUONG", "threshold", 0, 1)]


def test_a_list_is_filtered_counted_and_paged(
    owner: Connection, catalogue: Catalogue, alert: Alert
) -> None:
    showing = Showing.on(owner, catalogue, OPERATOR, alert.due_at + HOUR)
    tasks.acknowledge(owner, alert.id, act())
    both = listed(owner, showing, Wanted())
    assert [one.id for one in both] == sorted((one.id for one in both), reverse=True)
    assert listed(owner, showing, Wanted(), most=1) == both[:1]
    assert listed(owner, showing, Wanted(), before=both[0].id) == both[1:]
    mine = listed(owner, showing, Wanted(account="lan"))
    assert [one.id for one in mine] == [alert.id]
    assert listed(owner, showing, Wanted(states=("open",), areas=(COMMUNE,))) == []
    assert len(listed(owner, showing, Wanted(overdue=True, feeds=("y-te",)))) == 2
    number = counts(owner, showing, Wanted())
    assert (number.total, number.overdue) == (2, 2)
    assert number.by_state == {"acknowledged": 1, "open": 1}
    assert number.by_kind == {"threshold": 2}


def test_an_alert_carries_what_every_figure_carries(
    owner: Connection, catalogue: Catalogue, alert: Alert
) -> None:
    shown = full(owner, Showing.on(owner, catalogue, OPERATOR, NOW), alert.id)
    assert (shown.source.feed, shown.provenance, shown.simulated) == ("y-te", "api", False)
    assert shown.as_of <= shown.received_at
    assert shown.quality.live is None
    assert (shown.value, shown.unit, shown.area_name) == (90, "%", "Phường Bạc Liêu")


def test_a_small_group_is_covered_in_alerts_too(
    owner: Connection, catalogue: Catalogue, alert: Alert
) -> None:
    owner.execute(
        "update alert set indicator = 'YT.SXH', value = 3, reason_vi = '3 ca', reason_en = '3'"
        " where id = %s",
        (alert.id,),
    )
    seen = full(owner, Showing.on(owner, catalogue, OPERATOR, NOW), alert.id)
    assert (seen.suppressed, seen.value, seen.detail) == (True, None, {})
    assert "3 ca" not in seen.model_dump_json()
    assert full(owner, Showing.on(owner, catalogue, LEADER, NOW), alert.id).value == 3


def test_alerts_of_a_restricted_indicator_are_for_the_trusted_alone(
    owner: Connection, catalogue: Catalogue, alert: Alert
) -> None:
    owner.execute(
        "update alert set feed = 'camera-giao-thong', indicator = 'CAM.BIEN_THEO_DOI'"
        " where id = %s",
        (alert.id,),
    )
    showing = Showing.on(owner, catalogue, OPERATOR, NOW)
    with pytest.raises(NoSuchAlert):
        full(owner, showing, alert.id)
    assert counts(owner, showing, Wanted()).total == 1
    assert len(listed(owner, showing, Wanted())) == 1
