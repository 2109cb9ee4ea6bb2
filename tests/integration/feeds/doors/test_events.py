"""Figures counted from our own events, as ingest stored them."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
from tests.support.events import CA_MAU_CITY, BoxSim, plate_data
from tests.support.stored import put_in

from ioc_cloud.db.pool import Connection, connect
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.doors.events import EventsDoor
from ioc_models.feeds import periods
from ioc_models.feeds.periods import Cadence

CAMERAS, WATER = "camera-giao-thong", "tai-nguyen-nuoc"
# The last whole hour but one: events carry real times, ingest takes no others.
HOUR = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
NOW = HOUR + timedelta(minutes=47)
Count = Callable[..., list[Any]]


@pytest.fixture
def area(owner: Connection, catalogue: Catalogue) -> str:
    """A commune of the province's list, whose outline is a square around the city's centre."""
    code = catalogue.communes[0]
    lon, lat = CA_MAU_CITY["lon"], CA_MAU_CITY["lat"]
    owner.execute(
        "insert into commune"
        " (code, name_vi, name_en, kind, approximate, label_lon, label_lat, geom) values ("
        "%s, 'x', 'x', 'xa', true, %s, %s,"
        " st_multi(st_makeenvelope(%s, %s, %s, %s, 4326)))",
        (code, lon, lat, lon - 0.1, lat - 0.1, lon + 0.1, lat + 0.1),
    )
    return code


@pytest.fixture
def count(feeds_url: str, catalogue: Catalogue, area: str) -> Count:
    del area
    door = EventsDoor(partial(connect, feeds_url, application="test"), catalogue)

    def counted(feed: str, now: datetime = NOW) -> list[Any]:
        return door.count(feed, now)

    return counted


def traffic(sim: BoxSim, at: timedelta, **counts: int) -> dict[str, Any]:
    seen_at = HOUR + at
    data = {
        "from_at": (seen_at - timedelta(minutes=1)).isoformat(),
        "to_at": seen_at.isoformat(),
        "counts": counts,
        "frames": 900,
    }
    return sim.event("traffic", seen_at=seen_at, data=data)


def plate(sim: BoxSim, at: timedelta, **over: Any) -> dict[str, Any]:
    return sim.event("plate", seen_at=HOUR + at, data=plate_data(), **over)


def measured(sim: BoxSim, at: timedelta, **values: float) -> dict[str, Any]:
    return sim.event("water", seen_at=HOUR + at, data={"values": values}, models=[])


def rows(owner: Connection, feed: str) -> list[tuple[Any, ...]]:
    return owner.execute(
        "select period_start, area, key, cells, version, provenance from feed_row_now"
        " where feed = %s order by period_start, area, key",
        (feed,),
    ).fetchall()


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


def test_a_camera_has_a_row_each_quarter_of_an_hour(
    owner: Connection, count: Count, area: str
) -> None:
    sim = BoxSim()
    put_in(
        owner,
        traffic(sim, minutes(1), car=4, motorbike=30),
        traffic(sim, minutes(2), motorbike=10),
        plate(sim, minutes(2.5)),
        traffic(sim, minutes(16), car=1),
    )

    count(CAMERAS)

    first, second, third = [row for row in rows(owner, CAMERAS) if row[0] >= HOUR][:3]
    assert (first[0], first[1], first[2]) == (HOUR, area, "box-01.cam-01")
    assert (first[3]["vehicles"], first[3]["plates"], first[3]["events"]) == (44, 1, 3)
    assert (first[3]["minutes"], first[3]["minutes_online"]) == (15, 2)
    assert first[3]["latency_s"] > 0
    assert second[3]["vehicles"] == 1
    assert (third[3]["vehicles"], third[3]["minutes_online"]) == (0, 0)
    assert {row[5] for row in rows(owner, CAMERAS)} == {"simulated"}


def test_a_period_that_still_runs_has_no_row(owner: Connection, count: Count) -> None:
    put_in(owner, traffic(BoxSim(), minutes(46), car=1))

    count(CAMERAS)

    assert max(row[0] for row in rows(owner, CAMERAS)) == HOUR + minutes(30)


def test_a_late_event_reopens_its_period_and_no_other(owner: Connection, count: Count) -> None:
    sim = BoxSim()
    put_in(owner, traffic(sim, minutes(1), car=4), traffic(sim, minutes(16), car=7))
    count(CAMERAS)
    assert count(CAMERAS) == []
    put_in(owner, traffic(sim, minutes(3), car=5))

    (receipt,) = count(CAMERAS)

    assert receipt.rows_changed == 1
    vehicles = {row[0]: (row[3]["vehicles"], row[4]) for row in rows(owner, CAMERAS)}
    assert vehicles[HOUR] == (9, 2)
    assert vehicles[HOUR + minutes(15)] == (7, 1)


def test_counting_goes_on_where_it_stopped(owner: Connection, count: Count) -> None:
    sim = BoxSim()
    put_in(owner, traffic(sim, minutes(1), car=4))
    count(CAMERAS, HOUR + minutes(17))
    put_in(owner, traffic(sim, minutes(16), car=7), traffic(sim, minutes(31), car=8))

    receipts = count(CAMERAS)

    assert [receipt.rows_new for receipt in receipts] == [2]
    found = {row[0]: row[3]["vehicles"] for row in rows(owner, CAMERAS)}
    assert [found[HOUR + minutes(n)] for n in (0, 15, 30)] == [4, 7, 8]


def test_real_and_simulated_cameras_stand_side_by_side(owner: Connection, count: Count) -> None:
    real = BoxSim(box="box-02")
    put_in(
        owner,
        traffic(BoxSim(), minutes(1), car=4),
        traffic(real, minutes(1), car=5) | {"simulated": False},
    )

    count(CAMERAS)

    provenance = {row[2]: row[5] for row in rows(owner, CAMERAS)}
    assert provenance == {"box-01.cam-01": "simulated", "box-02.cam-01": "derived"}


def test_a_camera_that_nobody_placed_is_parked_and_seen(owner: Connection, count: Count) -> None:
    sim = BoxSim()
    put_in(owner, traffic(sim, minutes(1), car=4) | {"location": None})

    receipts = count(CAMERAS)

    assert sum(receipt.rows_parked for receipt in receipts) > 0
    assert rows(owner, CAMERAS) == []


def test_telemetry_keeps_a_camera_online(owner: Connection, count: Count) -> None:
    put_in(owner, traffic(BoxSim(), minutes(1), car=4))
    for n in range(12):
        owner.execute(
            "insert into camera_telemetry (time, box, camera, state, fps, skipped_frames,"
            " spool_events, evidence_pending, clock_offset_ms)"
            " values (%s, 'box-01', 'cam-01', %s, 25, 0, 0, 0, 0)",
            (HOUR + minutes(n), "ok" if n < 10 else "no_signal"),
        )

    count(CAMERAS)

    first = next(row for row in rows(owner, CAMERAS) if row[0] == HOUR)
    assert first[3]["minutes_online"] == 10


def test_a_stations_readings_become_its_quarters(
    owner: Connection, count: Count, area: str
) -> None:
    sim = BoxSim(camera="tram-1")
    put_in(
        owner,
        measured(sim, minutes(1), water_level_m=0.4, salinity_g_l=12.0),
        measured(sim, minutes(6), water_level_m=0.6, salinity_g_l=14.0, unknown=1.0),
        measured(sim, minutes(20), water_level_m=0.8),
    )

    count(WATER)

    first, second = rows(owner, WATER)
    assert (first[0], first[1], first[2]) == (HOUR, area, "tram-1")
    assert (first[3]["level_m"], first[3]["salinity_g_l"]) == (0.5, 13.0)
    assert (second[3]["level_m"], second[3]["salinity_g_l"]) == (0.8, None)


def test_a_reading_that_cannot_be_is_parked_alone(owner: Connection, count: Count) -> None:
    good, bad = BoxSim(camera="tram-1"), BoxSim(box="box-02", camera="tram-2")
    put_in(
        owner,
        measured(good, minutes(1), water_level_m=0.4),
        measured(bad, minutes(1), water_level_m=400.0),
    )

    (receipt,) = count(WATER)

    assert (receipt.rows_new, receipt.rows_parked) == (1, 1)


def test_feeds_are_counted_in_their_rhythm(
    owner: Connection, feeds_url: str, catalogue: Catalogue, area: str
) -> None:
    del owner, area
    door = EventsDoor(partial(connect, feeds_url, application="test"), catalogue)
    assert set(door.due(NOW)) == {CAMERAS, WATER}

    door.count(CAMERAS, NOW)

    assert CAMERAS not in door.due(NOW + minutes(4))
    assert CAMERAS in door.due(NOW + minutes(5))


def test_a_long_pause_is_caught_up_with(owner: Connection, count: Count) -> None:
    sim = BoxSim()
    put_in(owner, traffic(sim, minutes(1), car=4))
    count(CAMERAS, HOUR + minutes(17) - timedelta(days=2))

    count(CAMERAS)

    counted = {row[0] for row in rows(owner, CAMERAS)}
    quarters = periods.between(HOUR - timedelta(days=1), HOUR + minutes(30), Cadence.QUARTER_HOUR)
    assert {period.start for period in quarters} <= counted
