"""Things by their place, as far as their policies let it be seen."""

import json
import math
from collections.abc import Callable
from typing import Any

import httpx
import pytest

Ask = Callable[..., httpx.Client]
Make = Callable[..., None]
CA_MAU = (105.1524, 9.1769)
READ = {"/": {"grant": ["READ"]}}


def camera(lon: float, lat: float, **more: Any) -> dict[str, Any]:
    return {"attributes": {"location": {"type": "Point", "coordinates": [lon, lat]}, **more}}


def box_around(lon: float, lat: float, reach: float = 0.01) -> dict[str, Any]:
    west, south, east, north = lon - reach, lat - reach, lon + reach, lat + reach
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def geo(client: httpx.Client, **asked: Any) -> httpx.Response:
    params = {
        key: json.dumps(value) if isinstance(value, dict) else value for key, value in asked.items()
    }
    return client.get("/api/ioc/things/geo", params=params)


def found(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [feature["id"] for feature in answer.json()["features"]]


@pytest.fixture
def three(make: Make, policy: Callable[..., str]) -> None:
    policy("org.t:p", an=READ)
    make("org.t:near", camera(*CA_MAU, serial=1), "org.t:p")
    make("org.t:mid", camera(CA_MAU[0] + 0.005, CA_MAU[1], serial=2), "org.t:p")
    make("org.u:far", camera(104.8, 8.7, serial=3), "org.t:p")
    make("org.t:nowhere", {"attributes": {"serial": 4}}, "org.t:p")


@pytest.mark.usefixtures("three")
def test_a_polygon_finds_what_lies_in_it_and_nothing_else(ask: Ask) -> None:
    answer = geo(ask("an"), within=box_around(*CA_MAU))
    assert found(answer) == ["org.t:mid", "org.t:near"]
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.json()["type"] == "FeatureCollection"
    near = answer.json()["features"][1]
    assert near["geometry"] == {"type": "Point", "coordinates": list(CA_MAU)}
    assert near["properties"]["attributes"]["serial"] == 1


@pytest.mark.usefixtures("three")
def test_a_polygon_in_the_body_finds_the_same_as_in_the_query(ask: Ask) -> None:
    area = box_around(*CA_MAU)
    posted = ask("an").post("/api/ioc/things/geo", json=area)
    assert posted.json()["features"] == geo(ask("an"), within=area).json()["features"]


@pytest.mark.usefixtures("three")
def test_near_orders_by_metres_on_the_spheroid(ask: Ask) -> None:
    answer = geo(ask("an"), near=f"{CA_MAU[0]},{CA_MAU[1]},2000")
    assert found(answer) == ["org.t:near", "org.t:mid"]
    metres = [one["properties"]["distanceM"] for one in answer.json()["features"]]
    # WGS 84: at this latitude a degree of longitude has about 109,912 m.
    east = 0.005 * math.radians(1) * 6378137 * math.cos(math.radians(CA_MAU[1]))
    assert metres == [0, pytest.approx(east, rel=1e-3)]
    assert found(geo(ask("an"), near=f"{CA_MAU[0]},{CA_MAU[1]},500")) == ["org.t:near"]


@pytest.mark.usefixtures("three")
def test_a_box_a_filter_and_a_namespace_narrow_together(ask: Ask) -> None:
    everything = "104,8,106,10"
    assert found(geo(ask("an"), bbox=everything)) == ["org.t:mid", "org.t:near", "org.u:far"]
    assert found(geo(ask("an"), bbox=everything, namespaces="org.u")) == ["org.u:far"]
    narrowed = geo(ask("an"), bbox=everything, filter="gt(attributes/serial,1)", fields="thingId")
    assert found(narrowed) == ["org.t:mid", "org.u:far"]
    assert narrowed.json()["features"][0]["properties"] == {"thingId": "org.t:mid"}


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("how", [{"bbox": "104,8,106,10"}, {"near": "105,9,90000"}])
def test_pages_put_together_are_the_whole(ask: Ask, how: dict[str, str]) -> None:
    whole = found(geo(ask("an"), **how))
    pages, cursor = [], None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        answer = geo(ask("an"), size=1, **how, **more)
        pages += found(answer)
        cursor = answer.json().get("cursor")
        if cursor is None:
            break
    assert pages == whole
    assert len(whole) == 3


@pytest.mark.usefixtures("three")
def test_a_cursor_of_another_question_is_refused(ask: Ask) -> None:
    cursor = geo(ask("an"), bbox="104,8,106,10", size=1).json()["cursor"]
    assert geo(ask("an"), bbox="104,8,106,9.9", size=1, cursor=cursor).status_code == 400
    assert geo(ask("an"), bbox="104,8,106,10", size=1, cursor="x").status_code == 400


@pytest.mark.usefixtures("three")
def test_a_stranger_finds_nothing(ask: Ask) -> None:
    assert found(geo(ask("binh"), bbox="104,8,106,10")) == []


def test_nobody_without_credentials_gets_in(ask: Ask) -> None:
    answer = httpx.get(f"{ask('an').base_url}/api/ioc/things/geo", params={"bbox": "1,1,2,2"})
    assert answer.status_code == 401
    assert answer.json()["error"] == "gateway:authentication.failed"


def test_a_thing_whose_place_is_hidden_is_not_found_by_it(
    ask: Ask, make: Make, policy: Callable[..., str]
) -> None:
    policy("org.t:hidden", an={**READ, "/attributes/location": {"revoke": ["READ"]}})
    make("org.t:h", camera(*CA_MAU, serial=1), "org.t:hidden")
    assert found(geo(ask("owner"), bbox="104,8,106,10")) == ["org.t:h"]
    assert found(geo(ask("an"), bbox="104,8,106,10")) == []
    assert found(geo(ask("an"), near="105.15,9.17,90000")) == []
    assert found(geo(ask("an"))) == []


def test_coordinates_hidden_below_a_readable_location_hide_the_place(
    ask: Ask, make: Make, policy: Callable[..., str]
) -> None:
    policy("org.t:deep", an={**READ, "/attributes/location/coordinates": {"revoke": ["READ"]}})
    make("org.t:d", camera(*CA_MAU), "org.t:deep")
    assert found(geo(ask("an"), bbox="104,8,106,10")) == []


def test_a_hidden_location_beside_a_readable_geo_is_not_betrayed(
    ask: Ask, make: Make, policy: Callable[..., str]
) -> None:
    policy("org.t:half", an={**READ, "/attributes/location": {"revoke": ["READ"]}})
    elsewhere = {"lat": 8.7, "long": 104.8}
    make("org.t:both", camera(*CA_MAU, geo=elsewhere), "org.t:half")
    make("org.t:only-geo", {"attributes": {"geo": elsewhere}}, "org.t:half")
    assert found(geo(ask("an"), bbox="104,8,106,10")) == ["org.t:only-geo"]


def test_only_what_may_be_read_stands_in_the_answer(
    ask: Ask, make: Make, policy: Callable[..., str]
) -> None:
    policy("org.t:cut", an={**READ, "/attributes/plate": {"revoke": ["READ"]}})
    make("org.t:c", camera(*CA_MAU, plate="69A-123.45", kind="x"), "org.t:cut")
    answer = geo(ask("an"), bbox="104,8,106,10")
    assert "69A" not in answer.text
    assert found(geo(ask("an"), bbox="104,8,106,10", filter='eq(attributes/plate,"69A-123.45")')) \
        == []  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"within": "{"}, "no JSON"),
        ({"within": '{"type":"Point","coordinates":[1,2]}'}, "Polygon or MultiPolygon"),
        ({"within": '{"type":"Polygon","coordinates":[]}'}, "list of rings"),
        ({"within": '{"type":"Polygon","coordinates":[[[1,2],[3,4],[1,2]]]}'}, "at least 4"),
        ({"within": '{"type":"Polygon","coordinates":[[[1,2],[3,4],[5,6],[7,8]]]}'}, "ends where"),
        ({"within": '{"type":"Polygon","coordinates":[[["a",2],[3,4],[5,6],[1,2]]]}'}, "position"),
        ({"within": '{"type":"Polygon","coordinates":[[[9,91],[3,4],[5,6],[9,91]]]}'}, "no place"),
        (
            {"within": '{"type":"Polygon","coordinates":[[[179,1],[-179,1],[-179,2],[179,1]]]}'},
            "antimeridian",
        ),
        ({"within": '{"type":"Polygon","coordinates":[[[1,1],[2,2],[3,3],[1,1]]]}'}, "no area"),
        ({"bbox": "170,1,-170,2"}, "antimeridian"),
        ({"bbox": "1,2,3"}, "west,south,east,north"),
        ({"bbox": "1,2,3,nan"}, "west,south,east,north"),
        ({"near": "105,9"}, "longitude,latitude,metres"),
        ({"near": "9,105,10"}, "longitude is first"),
        ({"near": "105,9,-1"}, "farther than 0"),
        ({"size": "0"}, "'size'"),
        ({"filter": "eq(attributes/x"}, ""),
    ],
)
def test_what_is_no_place_is_refused_in_clear_words(
    ask: Ask, asked: dict[str, str], words: str
) -> None:
    answer = ask("an").get("/api/ioc/things/geo", params=asked)
    assert answer.status_code == 400
    assert answer.json()["status"] == 400
    assert words in answer.json()["message"]


def test_an_area_of_too_many_vertices_is_refused(ask: Ask) -> None:
    turns = [2 * math.pi * n / 2_500 for n in range(2_500)]
    ring = [[105 + math.cos(turn), 9 + math.sin(turn)] for turn in turns]
    area = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    answer = ask("an").post("/api/ioc/things/geo", json=area)
    assert answer.status_code == 400
    assert "2000" in answer.json()["message"]


@pytest.mark.usefixtures("three")
def test_an_area_that_crosses_itself_is_mended(ask: Ask) -> None:
    lon, lat = CA_MAU
    bow_tie = [
        [lon - 0.01, lat - 0.01], [lon + 0.01, lat + 0.01], [lon + 0.01, lat - 0.01],
        [lon - 0.01, lat + 0.01], [lon - 0.01, lat - 0.01],
    ]  # fmt: skip
    answer = geo(ask("an"), within={"type": "Polygon", "coordinates": [bow_tie]})
    assert "org.t:mid" in found(answer)


def test_the_index_on_places_is_used(api: Any) -> None:
    api.owner.execute(
        "insert into thing (id, policy_id, doc, revision, created, modified)"
        " select 'org.i:' || n, 'org.i:p', jsonb_build_object('attributes', jsonb_build_object("
        " 'geo', jsonb_build_object('lat', 8 + n %% 100 * 0.01, 'long', 104 + n / 100 * 0.01))),"
        " 1, now(), now() from generate_series(1, 10000) as n", []
    )  # fmt: skip
    api.owner.execute("analyze thing")
    plan = api.owner.execute(
        "explain select t.id from thing as t where t.geom && st_makeenvelope(104, 8, 104.02, 8.02,"
        " 4326)"
    ).fetchall()
    assert "thing_geom" in str(plan)
