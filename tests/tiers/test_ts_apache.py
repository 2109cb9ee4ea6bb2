"""The `ts-apache` tier as Debian 13 ships it: the whole cloud suite, and native's answers."""

import json
import os
import random
import subprocess
import sys
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support.events import BoxSim, now, plate_data, wire
from tests.support.postgres import Server

from ioc_cloud.db import api_sql, ingest_sql
from ioc_cloud.db.migrate import Tier, migrate, probe_tier, recorded_tier
from ioc_cloud.db.pool import Connection
from ioc_cloud.events.decode import Door, Item, Wire, decode
from ioc_cloud.ingest.store import store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

REPOSITORY = Path(__file__).resolve().parents[2]
SUITES = ("tests/integration/cloud", "tests/integration/twin")
# The database that the suite's own fixtures migrate and copy for each test.
SUITE_TEMPLATE = "ioc_test_template"
RETENTION = timedelta(days=400)
OLDEST = timedelta(weeks=6)
NOON = now().replace(minute=0, second=0, microsecond=0)
PLACES = [{"lon": 105.1524, "lat": 9.1769}, {"lon": 104.83, "lat": 8.62}, None]
PAYLOADS: Mapping[str, dict[str, Any]] = {
    "plate": plate_data(),
    "health": {"state": "no_signal", "before": "ok"},
    "weather": {"values": {"rain_mm": 4.5}},
}


@dataclass(frozen=True)
class Database:
    """One database with the product's three roles; none of them is a superuser."""

    server: Server
    name: str

    def connect(self, role: str) -> Connection:
        return psycopg.connect(self.server.url(self.name, user=role), autocommit=True)


def make_database(server: Server, tier: Tier) -> Database:
    """Roles, database and PostGIS as `ioc up` makes them, then migrated by the owner."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        for role in ("ioc", "ioc_ingest", "ioc_api", "ioc_feeds"):
            if not admin.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
                admin.execute(f"create role {role}")  # type: ignore[call-overload]
    server.run(
        *(f"alter role {role} login" for role in ("ioc", "ioc_ingest", "ioc_api", "ioc_feeds")),
        f"create database {name} owner ioc",
    )
    Server(server.url(name)).run("create extension postgis")
    assert migrate(server.url(name, user="ioc"), tier=tier) == tier
    database = Database(server, name)
    with database.connect("ioc") as owner:
        owner.execute(
            "insert into commune values ('31999', 'Phường Thử', 'Test Ward', 'ward', true,"
            " 105.15, 9.17, st_multi(st_makeenvelope(105.1, 9.1, 105.2, 9.2, 4326)))"
        )
    return database


def fixed_events() -> list[Item]:
    """900 events of six weeks and three cameras, with repeats and a conflict among them."""
    dice = random.Random(20)
    box, door = BoxSim(), Door(NOON + timedelta(minutes=1), RETENTION)
    items = []
    for n in range(900):
        kind = dice.choice(list(PAYLOADS))
        data = plate_data(f"69A{n % 40:05}") if kind == "plate" else PAYLOADS[kind]
        body = box.event(
            kind,
            ago=now() - NOON + OLDEST * dice.random() ** 3,
            camera=f"cam-{n % 3}",
            location=dice.choice(PLACES),
            data=data,
        )
        items.append(decode(Wire(box.topic(kind), wire(body)), door))
        if n % 50 == 0:
            items.append(decode(Wire(box.topic(kind), wire(body | {"replayed": True})), door))
        if n == 600:
            spoilt = body | {"simulated": False}
            items.append(decode(Wire(box.topic(kind), wire(spoilt)), door))
    return items


EVENTS = fixed_events()
CONDITIONS = (
    "from", "to", "kind", "box", "camera", "commune", "plate_key", "simulated",
    "west", "east", "south", "north", "before", "before_id",
)  # fmt: skip
ANYTHING: Mapping[str, Any] = {**dict.fromkeys(CONDITIONS), "limit": 500}
QUERIES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "newest": (api_sql.EVENTS, ANYTHING),
    "one kind and camera": (api_sql.EVENTS, {**ANYTHING, "kind": "plate", "camera": "cam-1"}),
    "one commune": (api_sql.EVENTS, {**ANYTHING, "commune": "31999"}),
    "a week long ago": (
        api_sql.EVENTS,
        {**ANYTHING, "from": NOON - timedelta(weeks=4), "to": NOON - timedelta(weeks=2)},
    ),
    "a bounding box": (
        api_sql.EVENTS,
        {**ANYTHING, "west": 105.0, "east": 105.3, "south": 9.0, "north": 9.3},
    ),
    "counts": (api_sql.COUNTS, {"hours": 24 * 60}),
    "kinds": (api_sql.STATUS_KINDS, {}),
    "totals": (api_sql.STATUS_EVENTS, {}),
    "missing": (api_sql.STATUS_SEQUENCES, {}),
    "cameras": (api_sql.CAMERAS, {"boxes": None, "cameras": None}),
    "parked": ("select box, reason, times from parked order by id", {}),
    "changes": (
        "select seq, kind, box, camera, event_id, event_time from change_log order by seq",
        {},
    ),
}


def answers(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """What the API's role is told, statement by statement; `received_at` is each server's own."""
    with database.connect("ioc_api") as api:
        return {name: _rows(api, query, values) for name, (query, values) in QUERIES.items()}


def _rows(api: Connection, query: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    cursor = api.execute(query, dict(values) or None)  # type: ignore[call-overload]
    kept = [n for n, column in enumerate(cursor.description) if column.name != "received_at"]
    return [tuple(row[n] for n in kept) for row in cursor]


def total(told: Mapping[str, list[tuple[Any, ...]]]) -> int:
    """How many events the kinds add up to."""
    return sum(int(n) for _, n in told["kinds"])


def fill(database: Database, items: list[Item]) -> None:
    with database.connect("ioc_ingest") as ingest:
        for start in range(0, len(items), 200):
            store(ingest, items[start : start + 200])


def tidy(database: Database) -> None:
    """What the ingest worker's upkeep does, by the ingest role's rights."""
    with database.connect("ioc_ingest") as ingest:
        ingest.execute(ingest_sql.REFRESH_ROLLUP, [2000])
        ingest.execute(ingest_sql.PREMAKE, [4])


@pytest.fixture(scope="module")
def pair(timescale: Server) -> Iterator[tuple[Database, Database]]:
    """Both tiers on one server, with the same events written at the same pace."""
    databases = make_database(timescale, "native"), make_database(timescale, "ts-apache")
    for database in databases:
        fill(database, EVENTS)
    yield databases
    timescale.run(*(f"drop database {one.name} with (force)" for one in databases))


def test_the_suites_of_cloud_and_twin_pass_on_ts_apache(timescale: Server, tmp_path: Path) -> None:
    report = tmp_path / "suite.xml"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *SUITES, "-q", "-m", "not slow",
         "-p", "no:cacheprovider", f"--junitxml={report}"],
        cwd=REPOSITORY,
        env={**os.environ, "IOC_TEST_DATABASE_URL": timescale.admin_url},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314 we had it written
    assert suite is not None
    left_out = sum(int(suite.attrib[name]) for name in ("errors", "failures", "skipped"))
    assert int(suite.attrib["tests"]) - left_out > 0
    with psycopg.connect(timescale.url(SUITE_TEMPLATE), autocommit=True) as template:
        assert recorded_tier(template) == "ts-apache"


def test_without_preload_the_probe_says_native_and_the_connection_lives(
    unfinished: Server,
) -> None:
    with psycopg.connect(unfinished.admin_url, autocommit=True) as connection:
        offered = "select from pg_available_extensions where name = 'timescaledb'"
        assert connection.execute(offered).fetchone() is not None
        assert probe_tier(connection) == "native"
        assert connection.execute("select 1").fetchone() == (1,)


def test_creating_the_extension_without_preload_would_kill_the_connection(
    unfinished: Server,
) -> None:
    with psycopg.connect(unfinished.admin_url, autocommit=True) as connection:
        with pytest.raises(psycopg.Error, match="must be preloaded"):
            connection.execute("create extension timescaledb")
        assert connection.closed


def test_a_server_without_preload_is_migrated_as_native(unfinished: Server) -> None:
    make_database(unfinished, "native")
    unfinished.run("create database automatic")
    assert migrate(unfinished.url("automatic")) == "native"


def test_what_comes_by_time_lies_in_hypertables(pair: tuple[Database, Database]) -> None:
    with pair[1].connect("ioc") as owner:
        assert recorded_tier(owner) == "ts-apache"
        rows = owner.execute("select hypertable_name from timescaledb_information.hypertables")
        assert {name for (name,) in rows} == {
            "event", "camera_telemetry", "thing_event", "ts_point",
        }  # fmt: skip
        chunks = owner.execute("select count(*) from show_chunks('event')").fetchone()
        assert chunks is not None
        assert chunks[0] >= OLDEST.days // 7


def test_both_tiers_give_the_same_answers(pair: tuple[Database, Database]) -> None:
    native, apache = answers(pair[0]), answers(pair[1])
    assert native == apache
    empty = [name for name, rows in native.items() if not rows]
    assert not empty, f"no rows, nothing compared: {empty}"
    with pair[0].connect("ioc") as owner:
        assert owner.execute("select count(*) from event").fetchone() == (total(native),)


def test_upkeep_and_late_events_keep_the_answers_the_same(
    pair: tuple[Database, Database],
) -> None:
    before = answers(pair[0])
    late, door = BoxSim(box="box-02"), Door(now(), RETENTION)
    bodies = [late.event(ago=timedelta(days=day)) for day in (0, 3, 21, 35)]
    items = [decode(Wire(late.topic(), json.dumps(body).encode()), door) for body in bodies]
    for database in pair:
        tidy(database)
        assert answers(database)["counts"] == before["counts"]
        fill(database, items)
    native, apache = answers(pair[0]), answers(pair[1])
    assert native == apache
    assert total(native) == total(before) + len(items)


def test_old_weeks_go_and_young_ones_stay_on_both_tiers(timescale: Server) -> None:
    keep_days = 14
    for tier in ("native", "ts-apache"):
        database = make_database(timescale, tier)
        fill(database, EVENTS)
        tidy(database)
        with database.connect("ioc_ingest") as ingest:
            young = "select count(*) from event where time > now() - make_interval(days => %s)"
            before = ingest.execute(young, [keep_days]).fetchone()
            ingest.execute(ingest_sql.DROP_OLD, ["event", keep_days])
            assert ingest.execute(young, [keep_days]).fetchone() == before
            oldest = ingest.execute("select min(time) from event").fetchone()
        assert oldest is not None
        # Whole weeks are dropped, so a row may outlive its time by one.
        assert now() - oldest[0] < timedelta(days=keep_days + 8)
