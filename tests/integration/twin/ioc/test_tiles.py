"""Vector tiles: what stands on them, for whom, and when they count as new."""

import gzip
import math
from collections.abc import Callable
from typing import Any

import httpx
import mapbox_vector_tile
import pytest

from ioc_cloud.twin.ioc import tiles

Ask = Callable[..., httpx.Client]
Make = Callable[..., None]
LON, LAT = 105.1524, 9.1769
READ = {"/": {"grant": ["READ"]}}


def address(zoom: int, lon: float = LON, lat: float = LAT) -> tuple[int, int, int]:
    """The tile that a place lies in (OpenStreetMap's slippy map numbering)."""
    n = 2**zoom
    row = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n
    return zoom, int((lon + 180) / 360 * n), int(row)


def url(layer: str, at: tuple[int, int, int]) -> str:
    return f"/api/ioc/tiles/{layer}/{at[0]}/{at[1]}/{at[2]}.mvt"


def features(answer: httpx.Response, layer: str) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == tiles.MEDIA_TYPE
    # httpx has unpacked it.
    decoded = mapbox_vector_tile.decode(answer.content)
    return list(decoded[layer]["features"])


def place(lon: float, lat: float, **more: Any) -> dict[str, Any]:
    return {"attributes": {"geo": {"lat": lat, "long": lon}, **more}}


@pytest.fixture
def cameras(make: Make, policy: Callable[..., str]) -> None:
    policy("org.t:p", an=READ)
    for n in range(12):
        titled = {"titleVi": f"Camera số {n}"}
        make(f"org.t:c{n:02}", place(LON + n * 1e-4, LAT, **titled), "org.t:p")


@pytest.mark.usefixtures("cameras")
def test_near_each_thing_stands_with_its_name(ask: Ask) -> None:
    shown = features(ask("an").get(url("org.t", address(14))), "org.t")
    assert {one["properties"]["thingId"] for one in shown} == {f"org.t:c{n:02}" for n in range(12)}
    assert shown[0]["properties"]["title"] == "Camera số 0"
    assert shown[0]["geometry"]["type"] == "Point"


@pytest.mark.usefixtures("cameras")
def test_far_out_things_of_one_place_are_one_point_with_their_number(ask: Ask) -> None:
    shown = features(ask("an").get(url("things", address(6))), "things")
    assert [one["properties"]["count"] for one in shown] == [12]
    assert "thingId" not in shown[0]["properties"]


def test_clusters_count_every_thing_once_across_tiles(
    ask: Ask, policy: Callable[..., str], api: Any
) -> None:
    policy("org.k:p", an=READ)
    api.owner.execute(
        "insert into thing (id, policy_id, doc, revision, created, modified)"
        " select 'org.k:' || n, 'org.k:p', jsonb_build_object('attributes', jsonb_build_object("
        " 'geo', jsonb_build_object('lat', 8.4 + n %% 50 * 0.03, 'long', 104.5 + n / 50 * 0.04))),"
        " 1, now(), now() from generate_series(0, 1999) as n", []
    )  # fmt: skip
    zoom = 8
    _, west, north = address(zoom, 104.4, 10.1)
    _, east, south = address(zoom, 106.3, 8.3)
    total = 0
    for x in range(west, east + 1):
        for y in range(north, south + 1):
            answer = ask("an").get(url("org.k", (zoom, x, y)))
            if answer.status_code == 200:
                total += sum(one["properties"]["count"] for one in features(answer, "org.k"))
    assert total == 2_000


@pytest.mark.usefixtures("cameras")
def test_a_stranger_gets_an_empty_tile_and_nobody_gets_none(ask: Ask) -> None:
    for zoom in (6, 14):
        assert ask("binh").get(url("things", address(zoom))).status_code == 204
    anonymous = httpx.get(f"{ask('an').base_url}{url('things', address(14))}")
    assert anonymous.status_code == 401


def test_what_a_policy_hides_stands_on_no_tile(
    ask: Ask, make: Make, policy: Callable[..., str]
) -> None:
    policy("org.t:title", an={**READ, "/attributes/titleVi": {"revoke": ["READ"]}})
    policy("org.t:place", an={**READ, "/attributes/geo": {"revoke": ["READ"]}})
    make("org.t:a", place(LON, LAT, titleVi="Bí mật"), "org.t:title")
    make("org.t:b", place(LON, LAT, titleVi="Nơi kín"), "org.t:place")
    shown = features(ask("an").get(url("things", address(14))), "things")
    assert [one["properties"]["thingId"] for one in shown] == ["org.t:a"]
    assert "title" not in shown[0]["properties"]
    alone = features(ask("an").get(url("things", address(5))), "things")
    assert [one["properties"]["count"] for one in alone] == [1]
    assert "title" not in alone[0]["properties"]


@pytest.mark.usefixtures("cameras")
def test_a_tile_that_is_held_already_is_not_sent_again(ask: Ask) -> None:
    client, at = ask("an"), url("things", address(14))
    first = client.get(at)
    tag = first.headers["etag"]
    assert not tag.startswith("W/")
    held = client.get(at, headers={"If-None-Match": tag})
    assert (held.status_code, held.content) == (304, b"")
    assert held.headers["etag"] == tag
    moved = {"attributes": {"geo": {"lat": LAT + 0.001}}}
    ask("owner").patch(
        "/api/2/things/org.t:c00", json=moved,
        headers={"Content-Type": "application/merge-patch+json"},
    )  # fmt: skip
    again = client.get(at, headers={"If-None-Match": tag})
    assert again.status_code == 200
    assert again.headers["etag"] != tag


@pytest.mark.usefixtures("cameras")
def test_packed_and_plain_tiles_are_the_same_tile_under_two_tags(ask: Ask) -> None:
    client, at = ask("an"), url("things", address(14))
    plain = client.get(at, headers={"Accept-Encoding": "identity"})
    with client.stream("GET", at, headers={"Accept-Encoding": "gzip"}) as packed:
        raw = b"".join(packed.iter_raw())
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(raw) == plain.content
        assert packed.headers["etag"] != plain.headers["etag"]
        assert "Accept-Encoding" in packed.headers["vary"]
    assert "content-encoding" not in plain.headers


def test_communes_are_areas_with_their_names(ask: Ask, api: Any) -> None:
    api.owner.execute(
        "insert into commune (code, name_vi, name_en, kind, approximate, label_lon, label_lat,"
        " geom) values ('32002', 'Phường An Xuyên', 'An Xuyen', 'phuong', true, 105.15, 9.17,"
        " st_multi(st_makeenvelope(105.1, 9.1, 105.2, 9.2, 4326)))"
    )
    for zoom in (5, 12):
        shown = features(ask("an").get(url("communes", address(zoom))), "communes")
        assert shown[0]["properties"]["name_vi"] == "Phường An Xuyên"
        assert shown[0]["geometry"]["type"] == "Polygon"


def test_an_area_stands_as_an_area_near_and_as_a_point_far_out(
    ask: Ask, make: Make, policy: Callable[..., str]
) -> None:
    policy("org.t:p", an=READ)
    ring = [[105.1, 9.1], [105.2, 9.1], [105.2, 9.2], [105.1, 9.2], [105.1, 9.1]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    make("org.t:area", {"attributes": {"location": shape}}, "org.t:p")
    near = features(ask("an").get(url("things", address(12))), "things")
    assert near[0]["geometry"]["type"] == "Polygon"
    far = features(ask("an").get(url("things", address(7))), "things")
    assert far[0]["geometry"]["type"] == "Point"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("things/0/0/0.mvt", 204),
        ("cameras/22/0/0.mvt", 204),
        ("things/23/0/0.mvt", 400),
        ("things/a/0/0.mvt", 400),
        ("things/-1/0/0.mvt", 400),
        ("things/2/4/0.mvt", 404),
        ("things/2/0/4.mvt", 404),
        ("things/2/0/0", 404),
        ("things/2/0/0.png", 404),
        ("roads/2/0/0.mvt", 404),
        ("things/2/0", 404),
        ("a.b%27;drop/2/0/0.mvt", 400),
    ],
)
def test_an_address_that_is_none_is_refused(ask: Ask, path: str, status: int) -> None:
    answer = ask("an").get(f"/api/ioc/tiles/{path}")
    assert answer.status_code == status
