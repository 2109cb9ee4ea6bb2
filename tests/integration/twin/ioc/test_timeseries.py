"""Time series: raw, in buckets, across things; hours that are always exact."""

import math
import statistics
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.support.postgres import Server

from ioc_cloud.db import twin_series_sql, twin_sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.settings import Settings
from ioc_cloud.twin.ioc import series_math
from ioc_cloud.twin.ioc import timeseries as ts
from ioc_models.wot import Catalogue

Ask = Callable[..., httpx.Client]
Make = Callable[..., None]
NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
PATH = "/features/air/properties/t"
URL = "/api/2/timeseries/things"
SERIES = {"/": {"grant": ["READ", "READ_TS"]}}
Point = tuple[datetime, float | str | bool]
# One database for all examples of a law; each example has a thing of its own.
LAW = hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def add(connection: Connection, thing_id: str, points: list[Point], path: str = PATH) -> None:
    """Points as the twin's writer adds them."""
    typed = [
        (value if isinstance(value, float) else None, value if isinstance(value, str) else None,
         value if isinstance(value, bool) else None)
        for _, value in points
    ]  # fmt: skip
    connection.execute(
        twin_sql.ADD_POINTS,
        {
            "ids": [thing_id] * len(points), "paths": [path] * len(points),
            "times": [at for at, _ in points], "revisions": list(range(1, len(points) + 1)),
            "num": [one[0] for one in typed], "txt": [one[1] for one in typed],
            "bool": [one[2] for one in typed],
        },
    )  # fmt: skip


def refresh(owner: Connection) -> None:
    """All dirty hours into the rollup, by whichever means the tier has."""
    while (row := owner.execute(twin_series_sql.REFRESH, (100,)).fetchone()) and row[0]:
        pass
    if owner.execute("select to_regprocedure('ioc_refresh_ts_job(int, jsonb)')").fetchone() != (
        None,
    ):
        owner.execute("call ioc_refresh_ts_job(0, '{}')")
    assert owner.execute("select count(*) from ts_dirty").fetchone() == (0,)


def ask_one(client: httpx.Client, thing_id: str, **asked: Any) -> dict[str, Any]:
    params = {"from": NOON.isoformat(), "to": (NOON + timedelta(days=1)).isoformat(), **asked}
    answer = client.get(f"{URL}/{thing_id}{PATH}", params=params)
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()
    return dict(found)


def values(found: dict[str, Any]) -> list[Any]:
    return [one["v"] for one in found["data"]]


@pytest.fixture
def sensor(make: Make, policy: Callable[..., str], owner: Connection) -> str:
    policy("org.s:p", an=SERIES)
    make("org.s:one", {"attributes": {"town": "A"}}, "org.s:p")
    add(owner, "org.s:one", [(NOON + timedelta(minutes=20 * n), float(n)) for n in range(6)])
    return "org.s:one"


# --- the contract's shapes ------------------------------------------------------------


def test_an_answer_has_the_shape_of_the_contract(ask: Ask, sensor: str) -> None:
    found = ask_one(ask("an"), sensor, step="1h", agg="avg", tz="Asia/Ho_Chi_Minh")
    assert found == {
        "thingId": sensor,
        "path": PATH,
        "query": {
            "thingId": sensor, "paths": [PATH], "from": "2026-03-10T12:00:00Z",
            "to": "2026-03-11T12:00:00Z", "step": "PT1H", "aggregation": "avg",
            "timezone": "Asia/Ho_Chi_Minh",
        },
        "result": {"count": 2, "dataType": "number"},
        "data": [
            {"t": "2026-03-10T12:00:00Z", "v": 1.0}, {"t": "2026-03-10T13:00:00Z", "v": 4.0}
        ],
    }  # fmt: skip


def test_raw_points_come_page_by_page_both_ways(ask: Ask, sensor: str) -> None:
    client = ask("an")
    for order, expected in (("asc", [0, 1, 2, 3, 4, 5]), ("desc", [5, 4, 3, 2, 1, 0])):
        pages, more = list[float](), dict[str, str]()
        while True:
            found = ask_one(client, sensor, limit=2, order=order, **more)
            pages += values(found)
            if not found["result"]["hasMore"]:
                assert "nextCursor" not in found["result"]
                break
            more = {"cursor": found["result"]["nextCursor"]}
        assert pages == expected


def test_the_end_of_a_range_is_outside_of_it(ask: Ask, sensor: str) -> None:
    until = (NOON + timedelta(minutes=40)).isoformat()
    assert values(ask_one(ask("an"), sensor, to=until)) == [0, 1]


def test_several_paths_answer_in_their_order_and_milliseconds_on_demand(
    ask: Ask, sensor: str
) -> None:
    other = "/features/air/properties/none"
    answer = ask("an").get(f"{URL}/{sensor}", params={
        "paths": f"{other},{PATH[1:]}", "from": "now-10000d", "to": "now", "timeFormat": "ms"
    })  # fmt: skip
    first, second = answer.json()
    assert (first["path"], first["result"]["count"], first["data"]) == (other, 0, [])
    assert first["result"]["dataType"] == "null"
    assert second["path"] == PATH
    assert second["data"][0] == {"t": int(NOON.timestamp() * 1000), "v": 0}


@pytest.mark.parametrize(
    ("fill", "expected"),
    [("", [0, 6]), ("null", [0, None, None, 6]), ("zero", [0, 0, 0, 6]),
     ("previous", [0, 0, 0, 6]), ("linear", [0, 2, 4, 6])],
)  # fmt: skip
def test_gaps_are_filled_as_asked_and_say_so(
    ask: Ask, make: Make, policy: Callable[..., str], owner: Connection, fill: str, expected: Any
) -> None:
    policy("org.s:p", an=SERIES)
    make("org.s:gap", {}, "org.s:p")
    add(owner, "org.s:gap", [(NOON, 0.0), (NOON + timedelta(hours=3), 6.0)])
    found = ask_one(ask("an"), "org.s:gap", step="1h", agg="avg", fill=fill)
    assert values(found) == expected
    assert [one.get("_gap", False) for one in found["data"][1:-1]] == [True] * (len(expected) - 2)


def test_window_functions_answer_as_the_contract_says(ask: Ask, sensor: str) -> None:
    client = ask("an")
    assert values(ask_one(client, sensor, agg="derivative")) == [pytest.approx(1 / 1200)] * 5
    assert values(ask_one(client, sensor, agg="rate", step="1h")) == [pytest.approx(3 / 3600)]
    assert values(ask_one(client, sensor, agg="integral")) == [pytest.approx(12.5 * 1200)]
    median = ask_one(client, sensor, agg="percentile", percentile="50")
    assert median["data"] == [{"t": "2026-03-10T12:00:00Z", "v": 2.5}]
    assert values(ask_one(client, sensor, agg="percentile", percentile="95", step="1h")) == [
        pytest.approx(1.9), pytest.approx(4.9)
    ]  # fmt: skip


def test_words_and_switches_are_counted_and_first_and_last(
    ask: Ask, make: Make, policy: Callable[..., str], owner: Connection
) -> None:
    policy("org.s:p", an=SERIES)
    make("org.s:w", {}, "org.s:p")
    add(owner, "org.s:w", [(NOON, "ok"), (NOON, True), (NOON + timedelta(minutes=1), "no")])
    for refreshed in (False, True):
        if refreshed:
            refresh(owner)
        assert values(ask_one(ask("an"), "org.s:w", step="1h", agg="count")) == [3]
        assert values(ask_one(ask("an"), "org.s:w", step="1h", agg="first")) == ["ok"]
        last = ask_one(ask("an"), "org.s:w", step="2h", agg="last")
        assert (values(last), last["result"]["dataType"]) == (["no"], "string")
        assert values(ask_one(ask("an"), "org.s:w", step="1h", agg="avg")) == []


def test_one_point_has_no_deviation(ask: Ask, sensor: str) -> None:
    found = ask_one(ask("an"), sensor, step="20m", agg="stddev")
    assert found["data"][0] == {"t": "2026-03-10T12:00:00Z", "v": None, "_gap": True}
    assert values(ask_one(ask("an"), sensor, step="1h", agg="stddev")) == [1, 1]


# --- who may read ---------------------------------------------------------------------


def test_read_is_not_read_ts_and_unauthorised_is_not_there(
    ask: Ask, make: Make, policy: Callable[..., str], owner: Connection
) -> None:
    policy("org.s:read", an={"/": {"grant": ["READ"]}})
    make("org.s:r", {}, "org.s:read")
    add(owner, "org.s:r", [(NOON, 1.0)])
    params = {"from": "now-10000d", "to": "now"}
    for name in ("an", "binh"):
        assert ask(name).get(f"{URL}/org.s:r{PATH}", params=params).status_code == 404
        assert ask(name).get(f"{URL}/org.s:r", params={**params, "paths": PATH}).status_code == 404
    assert ask("owner").get(f"{URL}/org.s:r{PATH}", params=params).status_code == 200
    assert ask("an").get(f"{URL}/org.s:none{PATH}", params=params).status_code == 404


def test_a_hidden_path_beside_an_open_one_looks_empty(
    ask: Ask, make: Make, policy: Callable[..., str], owner: Connection
) -> None:
    policy("org.s:cut", an={**SERIES, "/features/air/properties/t": {"revoke": ["READ_TS"]}})
    make("org.s:c", {}, "org.s:cut")
    add(owner, "org.s:c", [(NOON, 1.0)])
    add(owner, "org.s:c", [(NOON, 2.0)], "/attributes/a")
    params = {"from": "now-10000d", "to": "now", "paths": f"{PATH},/attributes/a"}
    first, second = ask("an").get(f"{URL}/org.s:c", params=params).json()
    assert (first["data"], first["result"]) == ([], {"count": 0, "dataType": "null",
                                                     "hasMore": False})  # fmt: skip
    assert values(second) == [2]
    alone = ask("an").get(f"{URL}/org.s:c{PATH}", params=params)
    assert alone.status_code == 404


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"from": "now-1d"}, 400), ({"from": "x", "to": "now"}, 400),
     ({"from": "now-1d", "to": "now", "agg": "avg"}, 400),
     ({"from": "now-1d", "to": "now", "timeFormat": "s"}, 400),
     ({"from": "now-1d", "to": "now", "tagFilter": "a:b"}, 501)],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(
    ask: Ask, sensor: str, asked: dict[str, str], status: int
) -> None:
    answer = ask("an").get(f"{URL}/{sensor}{PATH}", params=asked)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert ask("an").put(f"{URL}/{sensor}{PATH}", params=asked).status_code == 405


# --- across things --------------------------------------------------------------------


@pytest.fixture
def town(make: Make, policy: Callable[..., str], owner: Connection) -> None:
    policy("org.s:p", an=SERIES)
    policy("org.s:closed")
    for name, built, under, value in (
        ("a1", "A", "org.s:p", 1.0), ("a2", "A", "org.s:p", 3.0), ("b1", "B", "org.s:p", 10.0),
        ("z", "A", "org.s:closed", 99.0),
    ):  # fmt: skip
        make(f"org.s:{name}", {"attributes": {"building": built, "floor": 2}}, under)
        add(owner, f"org.s:{name}", [(NOON, value), (NOON + timedelta(minutes=30), value + 1)])


def across(client: httpx.Client, **asked: Any) -> httpx.Response:
    params = {
        "namespaces": "org.s", "paths": PATH, "from": NOON.isoformat(),
        "to": (NOON + timedelta(days=1)).isoformat(), "step": "1h", "agg": "avg", **asked,
    }  # fmt: skip
    return client.get(URL, params=params)


def grouped(answer: httpx.Response) -> dict[tuple[str, ...], list[Any]]:
    assert answer.status_code == 200, answer.text
    return {tuple(one.get("group", {}).values()): values(one) for one in answer.json()["results"]}


@pytest.mark.usefixtures("town")
def test_groups_are_averaged_and_what_is_withheld_is_said(ask: Ask) -> None:
    answer = across(ask("an"), groupBy="attributes/building")
    assert grouped(answer) == {("A",): [2.5], ("B",): [10.5]}
    assert answer.json()["results"][0]["group"] == {"attributes/building": "A"}
    assert answer.json()["authorization"] == {
        "contributingThings": 3, "excludedThings": 1, "withheldByPath": {PATH: 1}, "partial": True
    }  # fmt: skip
    assert grouped(across(ask("owner"))) == {(): [pytest.approx((2 * 113 + 4) / 8)]}


@pytest.mark.usefixtures("town")
def test_things_are_groups_of_one_and_filters_narrow_them(ask: Ask) -> None:
    assert grouped(across(ask("an"), groupBy="thingId,path", agg="max")) == {
        ("org.s:a1", PATH): [2], ("org.s:a2", PATH): [4], ("org.s:b1", PATH): [11]
    }  # fmt: skip
    narrowed = across(ask("an"), filter='eq(attributes/building,"B")', agg="last")
    assert grouped(narrowed) == {(): [11]}
    both = across(ask("an"), filter="ge(attributes/floor,3)")
    assert both.json()["results"] == []


@pytest.mark.usefixtures("town")
def test_across_answers_the_same_from_hours_and_from_points(ask: Ask, owner: Connection) -> None:
    def answers() -> list[Any]:
        return [
            across(ask("an"), groupBy="tag:attributes/building", agg=agg, step=step).json()
            for agg in ("avg", "min", "max", "sum", "count", "first", "last", "stddev")
            for step in ("1h", "1d", "30m")
        ]

    dirty = answers()
    refresh(owner)
    assert answers() == dirty


@pytest.mark.usefixtures("town")
def test_whoever_may_read_no_series_learns_nothing(
    ask: Ask, policy: Callable[..., str], owner: Connection
) -> None:
    policy("org.s:p", an={"/": {"grant": ["READ"]}})
    assert across(ask("an")).status_code == 403
    assert across(ask("binh")).status_code == 403
    owner.execute("truncate ts_point")
    assert across(ask("an")).status_code == 403
    assert across(ask("owner")).json()["results"] == []


@pytest.mark.usefixtures("town")
def test_a_hidden_attribute_groups_nothing(ask: Ask, policy: Callable[..., str]) -> None:
    policy("org.s:p", an={**SERIES, "/attributes/building": {"revoke": ["READ"]}})
    assert across(ask("an"), groupBy="attributes/building").status_code == 403
    narrowed = across(ask("an"), filter='eq(attributes/building,"A")')
    assert narrowed.json()["results"] == []


@pytest.mark.parametrize(
    "asked",
    [{"namespaces": "org.s,org.t"}, {"namespaces": ""}, {"paths": ""}, {"step": ""}, {"agg": ""},
     {"agg": "rate"}, {"groupBy": "features/x"}, {"maxGroups": "0"}, {"maxGroups": "10001"},
     {"filter": "eq(x"}, {"fill": "x"}, {"tz": "x"}],
)  # fmt: skip
def test_a_question_across_things_that_is_none_is_refused(ask: Ask, asked: dict[str, str]) -> None:
    assert across(ask("an"), **asked).status_code == 400


@pytest.mark.usefixtures("town")
def test_too_many_groups_fail_rather_than_lie(ask: Ask) -> None:
    assert across(ask("an"), groupBy="thingId", maxGroups="2").status_code == 400


# --- from the twin's writes -----------------------------------------------------------


def test_what_a_station_reports_becomes_a_series_with_its_unit(
    ask: Ask, make: Make, policy: Callable[..., str], owner: Connection
) -> None:
    policy("org.s:p", an=SERIES)
    definition = Catalogue(Settings().twin_models_url).url("things/station-1.0.0")
    about = {"titleVi": "Trạm sông Đốc", "simulated": False, "stationId": "song-doc"}
    about |= {"kind": "water", "geo": {"lat": 9.04, "long": 104.83}}
    shape = {"type": "Point", "coordinates": [104.83, 9.04]}
    make(
        "org.s:new", {"definition": definition, "attributes": {**about, "location": shape}},
        "org.s:p",
    )  # fmt: skip
    path = "/features/measurements/properties/water_level_m"
    for level in (1.2, 1.25, 1.25, 0.9):
        answer = ask("owner").put(f"/api/2/things/org.s:new{path}", json=level)
        assert answer.status_code in {201, 204}, answer.text
    params = {"from": "now-1h", "to": "now+1s", "paths": f"{path},/attributes/titleVi"}
    found, title = ask("an").get(f"{URL}/org.s:new", params=params).json()
    assert values(found) == [1.2, 1.25, 1.25, 0.9]
    assert found["result"] == {"count": 4, "dataType": "number", "unit": "m", "hasMore": False}
    assert values(title) == []
    assert owner.execute("select count(*) from ts_dirty").fetchone() != (0,)


# --- laws -----------------------------------------------------------------------------

MINUTES = st.integers(0, 60 * 24 * 5)
NUMBERS = st.floats(-1e6, 1e6).map(lambda one: round(one, 3))
POINTS = st.lists(st.tuples(MINUTES, NUMBERS), min_size=1, max_size=40, unique_by=lambda p: p[0])
ZONES = st.sampled_from(["UTC", "Asia/Ho_Chi_Minh", "Europe/Berlin", "Asia/Kolkata"])
HOURS = st.sampled_from([1, 2, 6, 24, 48]).map(lambda hours: timedelta(hours=hours))
AGGREGATES = sorted(ts.PER_BUCKET)


@LAW
@given(
    points=POINTS, late=POINTS, step=HOURS, zone=ZONES,
    window=st.tuples(MINUTES, st.integers(0, 60 * 24 * 6)),
)  # fmt: skip
def test_hours_and_points_give_the_same_answers_late_ones_too(
    owner: Connection, points: Any, late: Any, step: timedelta, zone: str, window: tuple[int, int]
) -> None:
    row = owner.execute("select nextval('change_seq')").fetchone()
    assert row is not None
    thing_id = f"org.law:{row[0]}"
    start = datetime(2026, 3, 26, tzinfo=timezone.utc)
    early = dict(points)
    at = start + timedelta(minutes=window[0])
    every: dict[datetime, float] = {}
    for batch, refreshed in ((early, False), (early, True), (dict(late), False)):
        fresh = {start + timedelta(minutes=n, microseconds=len(every)): v for n, v in batch.items()}
        if not refreshed:
            add(owner, thing_id, list(fresh.items()))
            every |= fresh
        else:
            refresh(owner)
        asked = ts.Question((PATH,), at, at + timedelta(minutes=window[1]), step=step, zone=zone)
        for aggregate in AGGREGATES:
            found = ts._buckets(owner, ts._where(thing_id, PATH, asked), asked, aggregate)
            assert [(one.at, one.value) for one in found] == [
                (bucket, pytest.approx(value, rel=1e-9, abs=1e-6) if value is not None else None)
                for bucket, value in expected(every, asked, aggregate)
            ]


def expected(
    points: dict[datetime, float], asked: ts.Question, aggregate: str
) -> list[tuple[datetime, float | None]]:
    """The answer by hand."""
    by_bucket: dict[datetime, list[float]] = {}
    assert asked.step is not None
    for at, value in sorted(points.items()):
        if asked.since <= at < asked.until:
            start = series_math.bucket_start(at, asked.step, asked.zone_info)
            by_bucket.setdefault(start, []).append(value)
    reduce: dict[str, Callable[[list[float]], float | None]] = {
        "avg": statistics.fmean, "min": min, "max": max, "sum": math.fsum, "count": len,
        "first": lambda found: found[0], "last": lambda found: found[-1],
        "stddev": lambda found: statistics.stdev(found) if len(found) > 1 else None,
    }  # fmt: skip
    return [(at, reduce[aggregate](found)) for at, found in sorted(by_bucket.items())]


@hypothesis_settings(max_examples=200, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    at=st.datetimes(datetime(2001, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001 made aware below
    step=st.sampled_from([1, 45, 300, 3600, 21600, 86400, 604800]),
    zone=st.sampled_from(["UTC", "Asia/Ho_Chi_Minh", "Europe/Berlin", "America/New_York"]),
)
def test_the_database_and_we_cut_time_alike(
    owner: Connection, at: datetime, step: int, zone: str
) -> None:
    moment, width = at.replace(tzinfo=timezone.utc), timedelta(seconds=step)
    row = owner.execute("select ioc_bucket(%s, %s, %s)", (width, moment, zone)).fetchone()
    assert row == (series_math.bucket_start(moment, width, ZoneInfo(zone)),)


def test_the_ingest_role_may_refresh_and_nobody_may_undo(
    postgres: Server, database: str, owner: Connection
) -> None:
    add(owner, "org.s:x", [(NOON, 1.0)])
    with psycopg.connect(postgres.url(database, user="ioc_ingest"), autocommit=True) as ingest:
        assert ingest.execute(twin_series_sql.REFRESH, (10,)).fetchone() is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ingest.execute("delete from ts_dirty")
    with (
        psycopg.connect(postgres.url(database, user="ioc_api"), autocommit=True) as api_role,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        api_role.execute("select ioc_refresh_ts(1)")
