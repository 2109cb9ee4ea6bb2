"""After a delivery: scores anew, things up to date, and nothing twice."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.support.feed_scored import (
    CALENDAR,
    DAY,
    FEED,
    MONTH,
    STREAM,
    A,
    B,
    at,
    catalogue,
    rows,
    scored,
    send,
)

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import publish as publishing
from ioc_cloud.feeds import settle as settling
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import undo
from ioc_cloud.feeds.post import NotSent, send_waiting
from ioc_cloud.feeds.publish import Twin, publish_domains
from ioc_cloud.feeds.reminders import remind
from ioc_cloud.feeds.scores import explain
from ioc_cloud.feeds.settle import settle
from ioc_cloud.twin.models import WotModels
from ioc_cloud.twin.province.seed import BOUNDARIES, Sources, seed
from ioc_cloud.twin.service import Writer
from ioc_models.feeds import Contract
from ioc_models.things import ids
from ioc_models.wot import Catalogue as Models

MODELS = WotModels(Models("http://ioc.test"))
TWIN = Twin(Writer(series_of=MODELS.series_of), MODELS)
DOMAIN = ids.domain(FEED)


class _Nowhere:
    def send(self, address: str, subject: str, text: str) -> None:
        raise NotSent(f"{address}: {subject}: {text}")


@pytest.fixture
def feeds() -> Catalogue:
    return catalogue()


@pytest.fixture
def sown(owner: Connection, feeds: Catalogue) -> Connection:
    """A database with the province's things."""
    sources = Sources(BOUNDARIES / "communes.csv", BOUNDARIES / "old_to_new_communes.csv", feeds)
    seed(owner, TWIN.writer, MODELS, sources)
    return owner


def settled(connection: Connection, feeds: Catalogue, now: datetime) -> int:
    return settle(connection, feeds, CALENDAR, TWIN, now)


def feature(connection: Connection, thing_id: str, name: str) -> dict[str, Any]:
    row = connection.execute(
        "select doc #> array['features', %s, 'properties'] from thing where id = %s",
        (name, thing_id),
    ).fetchone()
    assert row is not None
    return dict(row[0] or {})


def versions(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select day::text, version, cause from feed_quality order by day, version"
    ).fetchall()


def test_a_delivery_scores_today_and_shows_its_figures(sown: Connection, feeds: Catalogue) -> None:
    send(sown, feeds, at(24, 7), "ngay", rows(a=200))
    assert settled(sown, feeds, at(24, 7, 1)) == 1

    values = feature(sown, DOMAIN, "indicators")["values"]
    assert values["CDM.TAN"] == {
        "value": 400.0,
        "unit": "tấn",
        "period": "2026-11-23",
        "asOf": "2026-11-23T17:00:00.000Z",
        "receivedAt": "2026-11-24T00:00:00.000Z",
        "provenance": "derived",
        "version": 1,
    }
    assert (values["CDM.BAN"]["numerator"], values["CDM.BAN"]["denominator"]) == (150, 400)
    assert feature(sown, DOMAIN, "dataQuality") == {
        "correct": 1,
        "complete": 1,
        "clean": 1,
        "live": 1,
        "day": "2026-11-24",
        "checkedAt": "2026-11-24T00:01:00.000Z",
        "version": 1,
        "failures": 0,
    }
    assert feature(sown, ids.commune(A), "indicators")["values"]["CDM.TAN"]["value"] == 200
    for (doc,) in sown.execute("select doc from thing").fetchall():
        assert MODELS.catalogue.validate(doc) == {}


def test_nothing_waits_after_settling_and_settling_again_changes_nothing(
    sown: Connection, feeds: Catalogue
) -> None:
    send(sown, feeds, at(24, 7), "ngay", rows())
    settled(sown, feeds, at(24, 7, 1))
    before = sown.execute("select sum(revision) from thing").fetchone()
    sown.execute("update feed_batch set settled_at = null")

    assert settled(sown, feeds, at(24, 7, 2)) == 1
    assert settled(sown, feeds, at(24, 7, 3)) == 0

    assert versions(sown) == [("2026-11-24", 1, "delivery")]
    assert sown.execute("select sum(revision) from thing").fetchone() == before


def test_what_broke_off_anywhere_is_done_the_next_time(
    sown: Connection, feeds: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(Exception):
        pass

    def cut(*_: object) -> int:
        raise PowerCut

    send(sown, feeds, at(24, 7), "ngay", rows())
    with monkeypatch.context() as patched:
        patched.setattr(settling, "publish", cut)
        with pytest.raises(PowerCut):
            settled(sown, feeds, at(24, 7, 1))
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "publish_domains", cut)
        with pytest.raises(PowerCut):
            settled(sown, feeds, at(24, 7, 2))

    assert settled(sown, feeds, at(24, 7, 3)) == 1
    assert versions(sown) == [("2026-11-24", 1, "delivery")]
    assert feature(sown, DOMAIN, "indicators")["values"]["CDM.TAN"]["value"] == 300


def test_a_correction_scores_the_day_anew_that_it_speaks_of(
    sown: Connection, feeds: Catalogue
) -> None:
    send(sown, feeds, at(24, 7), "ngay", rows(a=501))
    settled(sown, feeds, at(24, 7, 1))
    send(sown, feeds, at(25, 7), "ngay", rows("2026-11-24"))
    settled(sown, feeds, at(25, 7, 1))

    send(sown, feeds, at(26, 10), "ngay", rows(), note="sửa")
    settled(sown, feeds, at(26, 10, 1))

    # The 25th looks back at the day before, so it is judged anew too; 26 November is today.
    assert versions(sown) == [
        ("2026-11-24", 1, "delivery"),
        ("2026-11-24", 2, "delivery"),
        ("2026-11-25", 1, "delivery"),
        ("2026-11-25", 2, "delivery"),
        ("2026-11-26", 1, "delivery"),
    ]


def test_a_monthly_correction_scores_every_day_anew_that_stood_on_it(
    owner: Connection,
) -> None:
    feeds = catalogue(MONTH)
    send(owner, feeds, at(5, 9), "thang", [{"area": "96", "period": "2026-10", "stalls": 1}])
    for day in (4, 5, 6, 7):
        scored(owner, feeds, DAY.replace(day=day))
    send(owner, feeds, at(8, 9), "thang", [{"area": "96", "period": "2026-10", "stalls": -1}])
    owner.execute("update feed_batch set settled_at = now() where id = 1")

    settled(owner, feeds, at(8, 9, 1))

    # The row that was kept out lowers what it should have corrected, on the 5th and since.
    twice = [day for day, version, _ in versions(owner) if version == 2]
    assert twice == ["2026-11-05", "2026-11-06", "2026-11-07"]


def test_a_figure_that_is_taken_back_disappears(sown: Connection, feeds: Catalogue) -> None:
    receipt = send(sown, feeds, at(24, 7), "ngay", rows())
    settled(sown, feeds, at(24, 7, 1))
    undo(sown, feeds, receipt.batch or 0, by="an", reason="nhầm", now=at(24, 9))

    assert settled(sown, feeds, at(24, 9, 1)) == 1

    assert feature(sown, DOMAIN, "indicators")["values"] == {}
    assert feature(sown, ids.commune(A), "indicators")["values"] == {}
    assert versions(sown) == [("2026-11-24", 1, "delivery"), ("2026-11-24", 2, "undo")]
    assert feature(sown, DOMAIN, "dataQuality")["complete"] == 0
    assert "correct" not in feature(sown, DOMAIN, "dataQuality")


def test_small_groups_and_restricted_figures_stand_in_no_commune(sown: Connection) -> None:
    known = catalogue().feeds[FEED].model_dump(mode="json")
    tons, sold = known["indicators"]
    known["k_min"] = 5
    known["indicators"] = [{**tons, "persons": True}, {**sold, "restricted": True}]
    feeds = Catalogue({FEED: Contract.model_validate(known)}, catalogue().areas)
    some = rows(a=4, b=5)
    for row in some:
        row["sold"] = 1
    send(sown, feeds, at(24, 7), "ngay", some)

    settled(sown, feeds, at(24, 7, 1))

    assert feature(sown, ids.commune(A), "indicators")["values"] == {}
    assert feature(sown, ids.commune(B), "indicators")["values"].keys() == {"CDM.TAN"}
    assert feature(sown, DOMAIN, "indicators")["values"].keys() == {"CDM.TAN", "CDM.BAN"}


def test_the_domain_says_how_its_deadline_stands(sown: Connection, feeds: Catalogue) -> None:
    def standing(now: datetime) -> tuple[Any, ...]:
        publish_domains(sown, feeds, CALENDAR, TWIN, [FEED], now)
        sla = feature(sown, DOMAIN, "sla")
        return sla["state"], sla["dueAt"], sla.get("receivedAt"), sla.get("changedAt")

    # 08:00 in the province is 01:00 UTC.
    assert standing(at(24, 7)) == ("unknown", "2026-11-24T01:00:00.000Z", None, None)
    came = "2026-11-24T00:00:00.000Z", "2026-11-23T17:00:00.000Z"
    send(sown, feeds, at(24, 7), "ngay", rows())
    assert standing(at(24, 9)) == ("on_time", "2026-11-25T01:00:00.000Z", *came)
    assert standing(at(25, 9)) == ("late", "2026-11-25T01:00:00.000Z", *came)
    # 8 hours were allowed: after 24 nothing is left.
    assert standing(at(26, 0)) == ("stale", "2026-11-25T01:00:00.000Z", *came)


def test_a_stream_scores_its_running_day_once_an_hour(owner: Connection) -> None:
    feeds = catalogue(STREAM)
    for minute in (0, 15, 30, 45, 60):
        now = at(24, 10) + timedelta(minutes=minute)
        period = f"{now - timedelta(minutes=15):%Y-%m-%dT%H:%M}"
        send(owner, feeds, now, "can", [{"area": A, "period": period, "tons": 1}])
        settled(owner, feeds, now)
    hours = owner.execute("select computed_at from feed_quality order by version").fetchall()
    assert hours == [(at(24, 10),), (at(24, 11),)]


def test_the_worker_may_do_it_with_its_own_rights(
    sown: Connection, feeds: Catalogue, feeds_url: str
) -> None:
    send(sown, feeds, at(24, 7), "ngay", rows())
    with Connection.connect(feeds_url, autocommit=True) as worker:
        assert settled(worker, feeds, at(24, 7, 1)) == 1
        remind(worker, feeds, CALENDAR, at(25, 9))
        assert send_waiting(worker, Catalogue({}), _Nowhere(), at(25, 9)) == 0
        explain(worker, FEED, DAY, "an", "Mất điện", at(25, 9))
