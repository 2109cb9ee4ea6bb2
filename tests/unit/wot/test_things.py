"""The province's things: all valid, all with a policy, none that claims what is not known."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tests.support.ditto_judge import JUDGE

from ioc_cloud.feeds.catalogue import Catalogue as Feeds
from ioc_models import things
from ioc_models.events import Observation
from ioc_models.geo import Point
from ioc_models.things import access, ids
from ioc_models.wot import Catalogue, ThingInvalid

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone(timedelta(hours=7)))


def merged(thing: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    whole = dict(thing) if isinstance(thing, dict) else {}
    for key, value in patch.items():
        if value is None:
            whole.pop(key, None)
        else:
            whole[key] = merged(whole.get(key), value)
    return whole


def as_schema_has_it(thing: Any) -> Any:
    """Without what Ditto's schema of things gets wrong about definitions.

    Its text takes URLs and its pattern does not; a feature's list it takes for an object.
    """
    features = {
        name: {key: part for key, part in feature.items() if key != "definition"}
        for name, feature in thing.get("features", {}).items()
    }
    return thing | {"definition": "vn.camau:any:1.0.0", "features": features}


def test_everything_that_is_built_is_what_its_model_allows(
    models: Catalogue, everything: list[Any]
) -> None:
    for thing in everything:
        assert models.validate(thing) == {}, thing["thingId"]
        assert thing["policyId"] in things.policies()
        JUDGE.validate("thing_v2", as_schema_has_it(thing))


def test_ids_are_ascii_and_differ(everything: list[Any]) -> None:
    found = [thing["thingId"] for thing in everything]
    assert len(set(found)) == len(found)
    assert all(one.isascii() and one.startswith("vn.camau.") for one in found)


def test_there_are_64_communes_in_the_province(
    models: Catalogue, communes: list[things.Commune]
) -> None:
    assert len(communes) == 64
    assert sum(one.kind == "phuong" for one in communes) == 9
    assert {things.commune(models, one)["attributes"]["partOf"] for one in communes} == {
        ids.PROVINCE
    }


def test_every_old_commune_ends_up_whole(communes: list[things.Commune]) -> None:
    shares: dict[tuple[str, str, str], float] = {}
    rows = [row for one in communes for row in one.supersedes]
    for row in rows:
        old = (row.old_province, row.old_district, row.old_name)
        shares[old] = shares.get(old, 0) + row.weight
        assert (row.weight_source == "whole") is (row.weight == 1)
    assert len(rows) == 186
    assert len(shares) == 164
    assert all(share == pytest.approx(1, abs=1e-5) for share in shares.values())


def test_every_commune_was_made_of_something(communes: list[things.Commune]) -> None:
    assert all(one.supersedes for one in communes)


def test_there_are_thirteen_domains_and_no_owner_is_called_confirmed(
    models: Catalogue, feeds: Feeds
) -> None:
    built = [things.domain(models, *one) for one in feeds.domains.values()]
    assert len({one["thingId"] for one in built}) == 13
    assert not any(one["attributes"]["ownerConfirmed"] for one in built)
    assert all(one["attributes"]["titleVi"] and one["attributes"]["titleEn"] for one in built)
    assert all(one["features"]["dataQuality"].get("properties", {}) == {} for one in built)


def test_a_domain_says_what_its_contract_says(models: Catalogue, feeds: Feeds) -> None:
    built = things.domain(models, feeds.feed("y-te"))
    assert built["thingId"] == "vn.camau.domain:y-te"
    assert built["policyId"] == access.DOMAINS
    assert built["attributes"]["ownerUnit"] == "Sở Y tế"
    assert built["attributes"]["cadence"] == "daily"
    assert built["attributes"]["sourceKind"] == "api"
    sla = built["features"]["sla"]["properties"]
    assert (sla["workHours"], sla["offHours"], sla["state"]) == (12, 24, "unknown")


def test_hours_agreed_in_a_contract_stand_in_its_domain(models: Catalogue, feeds: Feeds) -> None:
    agreed = feeds.feed("y-te").sla.model_copy(update={"working": timedelta(minutes=90)})
    contract = feeds.feed("y-te").model_copy(update={"sla": agreed})
    assert things.domain(models, contract)["features"]["sla"]["properties"]["workHours"] == 1.5


def test_the_first_table_gives_a_domain_its_cadence(models: Catalogue, feeds: Feeds) -> None:
    said = {
        one["attributes"]["domainId"]: one["attributes"]["cadence"]
        for one in (things.domain(models, *feeds_of) for feeds_of in feeds.domains.values())
    }
    assert said["thuy-san-tau-ca"] == said["camera-giao-thong"] == "live"
    assert (said["moi-truong"], said["can-bo-cong-chuc"]) == ("hourly", "monthly")


def test_a_domain_stands_under_the_policy_that_its_contracts_ask_for(feeds: Feeds) -> None:
    health, staff = feeds.feed("y-te"), feeds.feed("can-bo-cong-chuc")
    traffic = feeds.feed("camera-giao-thong")
    assert access.of_domain(health) == access.DOMAINS
    assert access.of_domain(staff) == access.DOMAINS_RESTRICTED
    assert access.of_domain(health, staff) == access.DOMAINS_RESTRICTED
    assert access.of_domain(traffic) == access.DOMAIN_TRAFFIC
    secret = health.indicators[0].model_copy(update={"restricted": True})
    watched = health.model_copy(update={"indicators": (secret,)})
    assert access.of_domain(watched) == access.DOMAINS_RESTRICTED


def test_demo_stations_say_that_they_are_simulated_and_lie_in_the_province(
    models: Catalogue,
) -> None:
    for spec in things.DEMO_STATIONS:
        built = things.station(models, spec)
        assert built["attributes"]["simulated"] is True
        assert "mô phỏng" in spec.title_vi
        assert spec.at.in_extent()


def test_a_restricted_camera_stands_under_the_restricted_policy(camera: dict[str, Any]) -> None:
    assert camera["policyId"] == access.CAMERAS
    assert camera["attributes"]["isHostedBy"] == "vn.camau.edge:hop-1"
    assert camera["attributes"]["commune"] == "vn.camau.area:c32025"


def test_what_a_model_does_not_allow_is_not_built(models: Catalogue) -> None:
    with pytest.raises(ThingInvalid, match="vesselId"):
        things.vessel(models, "Tàu 1", title_vi="Tàu 1")


def test_an_observation_moves_a_station(models: Catalogue) -> None:
    station = things.station(models, things.DEMO_STATIONS[0])
    values = Observation(
        values={
            "level_m": 1.42,
            "salinity_g_l": 4.5,
            "sluices_open": 2.0,
            "door": True,
            "note": "x",
        }
    ).values
    patch = things.measured(values, measured_at=NOON, received_at=NOON + timedelta(seconds=2))
    moved = merged(station, patch)
    assert models.validate(moved) == {}
    assert moved["features"]["measurements"]["properties"] == {
        "measuredAt": "2026-11-24T05:00:00.000Z",
        "receivedAt": "2026-11-24T05:00:02.000Z",
        "water_level_m": 1.42,
        "salinity_g_l": 4.5,
        "other": {"sluices_open": 2.0},
    }


def test_a_fix_moves_a_vessel_and_what_it_does_not_say_goes(models: Catalogue) -> None:
    vessel = things.vessel(models, "t1", title_vi="Tàu 1")
    assert "location" not in vessel["attributes"]
    first = things.fixed(
        Point(lon=104.5, lat=8.5), fix_at=NOON, received_at=NOON, speed_kn=7.5, course_deg=90
    )
    second = things.fixed(Point(lon=104.6, lat=8.5), fix_at=NOON, received_at=NOON)
    moved = merged(merged(vessel, first), second)
    assert models.validate(moved) == {}
    assert moved["attributes"]["location"]["coordinates"] == [104.6, 8.5]
    assert "speedKn" not in moved["features"]["position"]["properties"]
