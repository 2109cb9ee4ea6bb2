"""The province's own things: seeded once, completed later, moved by what boxes report."""

import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from tests.support.events import BoxSim
from tests.support.stored import put_in

from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.models import WotModels
from ioc_cloud.twin.province.mirror import Mirror
from ioc_cloud.twin.province.seed import Seeded, Sources, seed
from ioc_cloud.twin.service import Writer
from ioc_models.wot import Catalogue

DOMAINS = Path(__file__).parents[3] / "twin_models" / "domains"
MODELS = WotModels(Catalogue("http://ioc.test"))


def sown(owner: Connection, *folders: Path, demo: bool = False) -> Seeded:
    writer = Writer(series_of=MODELS.series_of)
    return seed(owner, writer, MODELS, Sources.here(folders), demo=demo)


def doc_of(owner: Connection, thing_id: str) -> dict[str, Any]:
    row = owner.execute("select doc from thing where id = %s", (thing_id,)).fetchone()
    assert row is not None
    return dict(row[0])


def test_the_province_is_seeded_once_and_a_second_time_changes_nothing(owner: Connection) -> None:
    first = sown(owner, demo=True)
    counts = dict(
        owner.execute("select ns, count(*) from thing where ns like 'vn.%' group by 1").fetchall()
    )

    again = sown(owner, demo=True)

    assert counts["vn.camau.area"] == 65
    assert counts["vn.camau.domain"] == 13
    assert first.made > 80
    assert (again.made, again.completed) == (0, 0)
    assert owner.execute("select max(revision) from thing").fetchone() == (1,)


def test_every_seeded_thing_fits_its_model(owner: Connection) -> None:
    sown(owner, demo=True)

    for (doc,) in owner.execute("select doc from thing").fetchall():
        assert MODELS.catalogue.validate(doc) == {}


def test_seeding_again_completes_a_thing_and_leaves_what_people_set(owner: Connection) -> None:
    sown(owner)
    owner.execute(
        "update thing set doc = doc #- '{attributes,areaKm2}'"
        " || jsonb_build_object('attributes', (doc -> 'attributes') - 'areaKm2'"
        " || '{\"titleEn\": \"Set by hand\"}') where id = 'vn.camau.area:c31825'"
    )

    assert sown(owner).completed == 1

    attributes = doc_of(owner, "vn.camau.area:c31825")["attributes"]
    assert attributes["areaKm2"] == pytest.approx(29.68)
    assert attributes["titleEn"] == "Set by hand"


def test_a_fourteenth_domain_of_the_installation_is_seeded_too(
    owner: Connection, tmp_path: Path
) -> None:
    contract = (DOMAINS / "y-te.yaml").read_text(encoding="utf-8").replace("YT.", "KT.")
    text = contract.replace("id: y-te", "id: kham-tu").replace("domain: y-te", "domain: kham-tu")
    (tmp_path / "kham-tu.yaml").write_text(text, encoding="utf-8")

    sown(owner, tmp_path)

    ids = owner.execute("select id from thing where ns = 'vn.camau.domain'").fetchall()
    assert len(ids) == 14
    domain = doc_of(owner, "vn.camau.domain:kham-tu")
    assert domain["attributes"]["ownerUnit"] == "Sở Y tế"
    assert MODELS.catalogue.validate(domain) == {}


def test_a_domain_that_no_contract_has_any_more_stays_as_it_is(owner: Connection) -> None:
    sown(owner)
    owner.execute(
        "insert into thing (id, policy_id, doc, revision, created, modified)"
        " select 'vn.camau.domain:ho-tich', policy_id,"
        " jsonb_set(doc, '{thingId}', '\"vn.camau.domain:ho-tich\"'), 7, created, modified"
        " from thing where id = 'vn.camau.domain:y-te'"
    )
    before = doc_of(owner, "vn.camau.domain:ho-tich")

    again = sown(owner)

    assert (again.made, again.completed) == (0, 0)
    assert doc_of(owner, "vn.camau.domain:ho-tich") == before


def test_what_boxes_report_becomes_things_and_only_news_is_written(owner: Connection) -> None:
    sown(owner)
    sim = BoxSim()
    at = datetime.now(timezone.utc) - timedelta(minutes=1)
    put_in(owner, sim.event(seen_at=at), sim.event(seen_at=at + timedelta(seconds=1)))
    mirror = Mirror(lambda: owner, Writer(series_of=MODELS.series_of), MODELS, threading.Event())

    assert mirror.once(owner) > 0
    assert mirror.once(owner) == 0

    (thing_id,) = owner.execute("select id from thing where ns = 'vn.camau.camera'").fetchone() or (
        None,
    )
    camera = doc_of(owner, str(thing_id))
    assert camera["features"]["events"]["properties"]["counts"] == {"plate": 2}
    assert camera["features"]["events"]["properties"]["lastEventKind"] == "plate"
    assert "plate" not in str(camera["features"]["health"])
    assert MODELS.catalogue.validate(camera) == {}


def test_a_station_that_publishes_becomes_a_thing_with_its_series(owner: Connection) -> None:
    sown(owner)
    sim = BoxSim("tram-song-doc")
    at = datetime.now(timezone.utc) - timedelta(minutes=2)
    mirror = Mirror(lambda: owner, Writer(series_of=MODELS.series_of), MODELS, threading.Event())
    for minute, level in enumerate((1.4, 1.5)):
        values = {"values": {"level_m": level, "salinity_gl": 12.0}}
        when = at + timedelta(minutes=minute)
        put_in(owner, sim.event("water_level", camera=None, data=values, seen_at=when))
        mirror.once(owner)

    station = doc_of(owner, "vn.camau.station:tram-song-doc")
    measured = station["features"]["measurements"]["properties"]
    assert (measured["water_level_m"], measured["salinity_g_l"]) == (1.5, 12.0)
    points = owner.execute(
        "select num from ts_point where path like '%%water_level_m' order by time"
    ).fetchall()
    assert [num for (num,) in points] == [1.4, 1.5]
