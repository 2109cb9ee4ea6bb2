"""What is near an alert in place and time, by PostGIS."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.alerts import COMMUNE, DAY, HOUR, MINUTE, NOW, alerts, score, send, station

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.alerts.correlate import LONGEST, WIDEST_M, near, near_alert
from ioc_cloud.feeds.alerts.detect import detect
from ioc_cloud.feeds.alerts.errors import NoSuchAlert, NowhereNear
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue

LON, LAT = 105.15, 9.18
# Metres of a degree of latitude, and of longitude at 9 degrees north.
PER_LAT, PER_LON = 110_600.0, 109_950.0


def camera(owner: Connection, name: str, east_m: float, **said: Any) -> None:
    owner.execute(
        "insert into camera (box, id, title_vi, lon, lat, state, state_at, retired)"
        " values ('b', %s, %s, %s, %s, 'ok', %s, %s)",
        (name, f"Camera {name}", LON + east_m / PER_LON, LAT, NOW, said.get("retired", False)),
    )


def event(
    owner: Connection, at: datetime, north_m: float = 0.0, camera_id: str | None = None
) -> str:
    number = uuid.uuid4()
    owner.execute(
        "insert into event (id, time, box, epoch, seq, kind, camera, lon, lat, simulated,"
        " replayed, clock_suspect, signature, sha256, body)"
        " values (%s, %s, 'b', %s, 1, 'plate', %s, %s, %s, false, false, false, 'unsigned', '',"
        " %s)",
        (number, at, uuid.uuid4(), camera_id, LON, LAT + north_m / PER_LAT, Jsonb({})),
    )
    return str(number)


def thing(owner: Connection, name: str, east_m: float, **attributes: Any) -> None:
    place = {"type": "Point", "coordinates": [LON + east_m / PER_LON, LAT]}
    doc = {"thingId": name, "attributes": {"location": place, **attributes}}
    owner.execute(
        "insert into thing (id, policy_id, doc, revision, created, modified)"
        " values (%s, 'p:p', %s, 1, %s, %s)",
        (name, Jsonb(doc), NOW, NOW),
    )


def found(
    owner: Connection, radius_m: float = 1000, window: timedelta = HOUR, **said: Any
) -> list[tuple[str, str]]:
    return [(one.kind, one.id) for one in near(owner, LON, LAT, radius_m, NOW, window, **said)]


def test_what_is_near_comes_nearest_first_whatever_it_is(owner: Connection) -> None:
    camera(owner, "c1", 500)
    camera(owner, "far", 1100)
    camera(owner, "old", 10, retired=True)
    thing(owner, "vn.camau.station:s1", 200, titleVi="Trạm")
    thing(owner, "vn.camau.vessel:v1", 900)
    thing(owner, "vn.camau.area:c1", 0)
    number = event(owner, NOW - 30 * MINUTE, 300)
    assert found(owner) == [
        ("station", "vn.camau.station:s1"),
        ("event", number),
        ("camera", "b.c1"),
        ("vessel", "vn.camau.vessel:v1"),
    ]
    station_near = near(owner, LON, LAT, 1000, NOW, HOUR)[0]
    assert station_near.distance_m == pytest.approx(200, rel=0.01)
    assert (station_near.title, station_near.policy) == ("Trạm", "p:p")


def test_events_are_of_the_window_around_the_time(owner: Connection) -> None:
    camera(owner, "c1", 0)
    before, after = NOW - 59 * MINUTE, NOW + 59 * MINUTE
    inside = {event(owner, before, camera_id="c1"), event(owner, after)}
    event(owner, NOW - 61 * MINUTE, camera_id="c1")
    event(owner, NOW + 61 * MINUTE)
    assert {number for kind, number in found(owner) if kind == "event"} == inside


def test_no_kind_crowds_out_another(owner: Connection) -> None:
    camera(owner, "c1", 0)
    for place in range(5):
        event(owner, NOW - place * MINUTE, camera_id="c1")
    thing(owner, "vn.camau.vessel:v1", 900)
    kinds = [kind for kind, _ in found(owner, most=2)]
    assert kinds.count("event") == 2
    assert "vessel" in kinds


def test_an_alert_knows_its_neighbours_and_not_itself(owner: Connection) -> None:
    owner.execute(
        "insert into commune (code, name_vi, name_en, kind, approximate, label_lon, label_lat,"
        " geom)"
        " values (%s, 'X', 'X', 'xa', false, %s, %s,"
        " st_multi(st_buffer(st_setsrid(st_makepoint(%s, %s), 4326), 0.01)))",
        (COMMUNE, LON, LAT, LON, LAT),
    )
    camera(owner, "c1", 100)
    owner.execute("update camera set state = 'broken', state_at = %s", (NOW - DAY,))
    catalogue = Catalogue.of_province()
    rows = [station(NOW - HOUR, salinity_g_l=6.0)]
    send(owner, catalogue, "tai-nguyen-nuoc", "tram", rows, NOW)
    score(owner, "y-te", 0, NOW)
    detect(owner, catalogue, Calendar.load(), NOW)
    salt = alerts(owner, "threshold")[0]
    dark = alerts(owner, "camera_offline")[0]
    assert dark.area == COMMUNE
    assert [(one.kind, one.id) for one in near_alert(owner, salt.id)] == [
        ("alert", str(dark.id)),
        ("camera", "b.c1"),
    ]
    late = alerts(owner, "data_task")[0]
    assert near_alert(owner, late.id) == []  # the province is no place
    with pytest.raises(NoSuchAlert):
        near_alert(owner, 10_000)


@pytest.mark.parametrize(
    ("lon", "radius_m", "window"),
    [
        (181.0, 100.0, HOUR),
        (LON, 0.0, HOUR),
        (LON, WIDEST_M + 1, HOUR),
        (LON, 100.0, LONGEST + MINUTE),
        (LON, 100.0, -MINUTE),
    ],
)
def test_a_question_beyond_its_bounds_is_refused(
    owner: Connection, lon: float, radius_m: float, window: timedelta
) -> None:
    with pytest.raises(NowhereNear):
        near(owner, lon, LAT, radius_m, NOW, window)


def test_the_api_role_may_ask(api_url: str) -> None:
    with psycopg.connect(api_url) as api:
        assert near(api, LON, LAT, 1000, NOW, HOUR) == []
