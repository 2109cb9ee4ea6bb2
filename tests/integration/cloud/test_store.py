"""One batch, one transaction: what is stored, what repeats, what conflicts."""

import json
import threading
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.events import BoxSim, now, wire

from ioc_cloud import status
from ioc_cloud.db.pool import Connection, connect
from ioc_cloud.events import communes
from ioc_cloud.events.decode import Door, Item, Sighting, Wire, decode
from ioc_cloud.ingest.store import Receipt, store
from ioc_cloud.ingest.upkeep import Upkeep


@pytest.fixture
def ingest(ingest_url: str) -> Any:
    with connect(ingest_url, application="test") as connection:
        yield connection


def read(sim: BoxSim, *events: dict[str, Any]) -> list[Item]:
    door = Door(now(), timedelta(days=400))
    return [decode(Wire(sim.topic(event["kind"]), wire(event)), door) for event in events]


def one(connection: Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()  # type: ignore[call-overload]
    assert row is not None
    return row[0]


def told(receipts: list[Receipt]) -> tuple[set[int], dict[int, str]]:
    ok = {seq for receipt in receipts for seq in receipt.ok}
    rejected = {r.seq: r.code for receipt in receipts for r in receipt.rejections()}
    return ok, rejected


def test_the_same_id_with_other_content_is_a_conflict_in_and_across_batches(
    ingest: Connection, owner: Connection
) -> None:
    sim = BoxSim()
    first = sim.event()
    twisted = sim.event() | {"id": first["id"], "seen_at": first["seen_at"]}
    later = sim.event() | {"id": first["id"], "seen_at": first["seen_at"]}
    same_seq = first | {"simulated": False}
    assert told(store(ingest, read(sim, first, twisted))) == ({1}, {2: "id_conflict"})
    assert told(store(ingest, read(sim, later))) == (set(), {3: "id_conflict"})
    assert told(store(ingest, read(sim, same_seq))) == (set(), {1: "id_conflict"})
    assert one(owner, "select count(*) from event") == 1
    assert one(owner, "select count(*) from parked where reason = 'id_conflict'") == 3


def test_the_same_seq_with_another_id_is_a_conflict_in_and_across_batches(
    ingest: Connection, owner: Connection
) -> None:
    sim = BoxSim()
    first, second, third = sim.event(), sim.event(), sim.event()
    assert told(store(ingest, read(sim, first, second | {"seq": 1}))) == ({1}, {})
    assert told(store(ingest, read(sim, third | {"seq": 1}))) == (set(), {1: "seq_conflict"})
    assert one(owner, "select count(*) from event") == 1
    assert one(owner, "select count(*) from parked where reason = 'seq_conflict'") == 2


def test_the_same_seq_in_another_epoch_or_box_is_no_conflict(
    ingest: Connection, owner: Connection
) -> None:
    for sim in (BoxSim(), BoxSim(), BoxSim(box="box-02")):
        store(ingest, read(sim, sim.event()))
    assert one(owner, "select count(*) from event") == 3
    assert one(owner, "select count(*) from parked") == 0


def test_a_good_event_may_take_the_seq_of_a_parked_one(
    ingest: Connection, owner: Connection
) -> None:
    sim = BoxSim()
    event = sim.event()
    store(ingest, [*read(sim, event | {"v": 9})])
    assert told(store(ingest, read(sim, event))) == ({1}, {})
    assert one(owner, "select count(*) from event") == 1


def test_a_poisoned_row_costs_no_neighbour(ingest: Connection, owner: Connection) -> None:
    sim = BoxSim()
    items = read(sim, *(sim.event() for _ in range(40)))
    poison = read(sim, sim.event())[0]
    assert isinstance(poison, Sighting)
    text = poison.text.replace('"votes": 5', '"votes": 5e-20000')
    poison = poison._replace(text=text)
    ok, rejected = told(store(ingest, [*items[:17], poison, *items[17:]]))
    assert (len(ok), rejected) == (40, {41: "database"})
    assert one(owner, "select count(*) from event") == 40
    assert one(owner, "select count(*) from parked where reason = 'database'") == 1


def test_when_the_server_is_at_fault_nothing_is_parked(
    ingest: Connection, owner: Connection
) -> None:
    sim = BoxSim()
    owner.execute("revoke insert on event from ioc_ingest")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        store(ingest, read(sim, sim.event()))
    assert one(owner, "select count(*) from parked") == 0


def test_pictures_and_changes_are_written_with_their_events_once(
    ingest: Connection, owner: Connection
) -> None:
    sim = BoxSim()
    picture = {"role": "plate", "sha256": "cd" * 32, "bytes": 5, "media_type": "image/jpeg"}
    events = [sim.event(evidence=[picture]) for _ in range(5)]
    for _ in range(2):
        assert told(store(ingest, read(sim, *events))) == ({1, 2, 3, 4, 5}, {})
    assert one(owner, "select count(*) from event where body ->> 'kind' = 'plate'") == 5
    assert one(owner, "select count(*) from event_evidence") == 5
    assert one(owner, "select count(*) from change_log where kind = 'event'") == 5


def test_the_camera_twin_only_moves_forward(ingest: Connection, owner: Connection) -> None:
    sim = BoxSim()
    health = {"state": "no_signal", "before": "ok"}
    early = sim.event("health", ago=timedelta(minutes=9), data=health)
    middle = sim.event(ago=timedelta(minutes=5))
    last = sim.event("health", ago=timedelta(minutes=1), data=health | {"state": "ok"})
    for event in (last, early, middle):
        store(ingest, read(sim, event))
    twin = owner.execute(
        "select state, last_event_id, last_event_seq, counts from camera"
    ).fetchone()
    assert twin == ("ok", UUID(last["id"]), 3, {"plate": 1, "health": 2})


def test_of_two_events_at_one_instant_the_higher_seq_is_the_last(
    ingest: Connection, owner: Connection
) -> None:
    sim = BoxSim()
    instant = now()
    first, second = sim.event(seen_at=instant), sim.event(seen_at=instant)
    store(ingest, read(sim, second))
    store(ingest, read(sim, first))
    assert one(owner, "select last_event_seq from camera") == 2


def test_holes_in_a_sequence_are_counted_until_they_close(
    ingest: Connection, owner: Connection
) -> None:
    sim = BoxSim()
    events = [sim.event() for _ in range(10)]
    store(ingest, read(sim, *events[:2], *events[5:]))
    lost = status.collect(owner)["lost"]
    assert lost["missing_seqs"] == 3
    assert lost["boxes"] == [
        {"box": "box-01", "epoch": str(sim.epoch), "last_seq": 10, "missing": 3}
    ]
    store(ingest, read(sim, *events[2:5]))
    assert status.collect(owner)["lost"]["missing_seqs"] == 0


def test_change_numbers_rise_in_commit_order_whoever_writes(
    ingest_url: str, owner: Connection
) -> None:
    """A reader that follows `seq > last` while four writers commit misses nothing."""
    sims = [BoxSim(box=f"box-{n}") for n in range(4)]
    done = threading.Event()

    def write(sim: BoxSim) -> None:
        with connect(ingest_url, application="writer") as connection:
            for _ in range(15):
                store(connection, read(sim, sim.event(), sim.event()))

    followed: list[int] = []

    def follow() -> None:
        with connect(ingest_url, application="reader") as reader:
            last_round = False
            while not last_round:
                last_round = done.is_set()
                last = followed[-1] if followed else 0
                query = "select seq from change_log where seq > %s order by seq"
                followed.extend(seq for (seq,) in reader.execute(query, (last,)).fetchall())

    writers = [threading.Thread(target=write, args=(sim,)) for sim in sims]
    reader = threading.Thread(target=follow)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    everything = owner.execute("select seq from change_log order by seq").fetchall()
    assert followed == [seq for (seq,) in everything]
    assert one(owner, "select count(*) from event") == 120


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(st.integers(0, 90), st.sampled_from(["plate", "traffic"]), st.booleans()),
        min_size=1,
        max_size=25,
    ),
    st.integers(1, 5),
)
def test_the_hourly_view_equals_the_rows_at_every_moment(
    ingest: Connection, owner: Connection, arrivals: list[tuple[int, str, bool]], refresh_every: int
) -> None:
    """Late, early, doubled: whether an hour was refreshed or not, the view is exact."""
    sim = BoxSim()
    traffic = {
        "from_at": "2026-01-01T00:00:00Z",
        "to_at": "2026-01-01T00:01:00Z",
        "counts": {},
        "frames": 0,
    }
    for n, (hours_ago, kind, simulated) in enumerate(arrivals):
        over = {"data": traffic} if kind == "traffic" else {}
        event = sim.event(kind, ago=timedelta(hours=hours_ago), simulated=simulated, **over)
        store(ingest, read(sim, event, event))
        if n % refresh_every == 0:
            ingest.execute("select ioc_refresh_rollup(3)")
        difference = owner.execute(
            "select date_trunc('hour', time, 'UTC'), commune, kind, simulated, count(*)::bigint"
            " from event group by 1, 2, 3, 4"
            " except select bucket, commune, kind, simulated, n from v_event_hour"
        ).fetchall()
        assert difference == []
        assert one(owner, "select sum(n)::bigint from v_event_hour") == one(
            owner, "select count(*) from event"
        )


def is_native(owner: Connection) -> bool:
    return bool(one(owner, "select value = '\"native\"' from ioc_meta where key = 'storage_tier'"))


def test_upkeep_gives_old_weeks_their_place_and_drops_what_is_too_old(
    ingest: Connection, ingest_url: str, owner: Connection
) -> None:
    sim = BoxSim()
    for days in (0, 40, 350):
        store(ingest, read(sim, sim.event(ago=timedelta(days=days))))
    upkeep = Upkeep(lambda: connect(ingest_url, application="upkeep"), 300, threading.Event())
    upkeep.once(ingest)
    assert one(owner, "select count(*) from event") == 2
    assert one(owner, "select count(*) from rollup_dirty") == 0
    if is_native(owner):
        assert one(owner, "select count(*) from event_default") == 0
        week = (datetime.now(timezone.utc) - timedelta(days=40)).date()
        monday = week - timedelta(days=week.weekday())
        assert one(owner, f"select count(*) from event_{monday:%Y%m%d}") == 1  # noqa: S608


def test_the_roles_can_do_their_work_and_no_more(
    ingest_url: str, api_url: str, owner: Connection
) -> None:
    owner.execute("insert into audit (actor, action, object) values ('a', 'b', 'c')")
    refused = {
        ingest_url: (
            "delete from event", "update event set plate = 'x'", "select * from api_key",
            "select * from audit", "create table x ()", "drop table event",
        ),
        api_url: (
            "delete from event", "insert into event (id) values (gen_random_uuid())",
            "select payload from parked", "select * from audit", "update audit set actor = 'x'",
            "delete from audit", "truncate audit", "update app_user set scopes = '{}'",
            "select ioc_drop_old('event', '0 days')", "create table x ()",
        ),
    }  # fmt: skip
    for url, statements in refused.items():
        with connect(url, application="test") as connection:
            for statement in statements:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)  # type: ignore[call-overload]
    for statement in ("update audit set actor = 'x'", "delete from audit", "truncate audit"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
            owner.execute(statement)  # type: ignore[call-overload]


def test_a_commune_is_found_by_the_point_and_found_anew_with_new_boundaries(
    ingest: Connection, owner: Connection, tmp_path: Any
) -> None:
    def boundaries(code: str, west: float) -> Any:
        ring = [[west, 9], [west + 0.5, 9], [west + 0.5, 9.5], [west, 9.5], [west, 9]]
        properties = {
            "code": code,
            "name_vi": "Phường",
            "name_en": "Ward",
            "kind": "phuong",
            "lon": west,
            "lat": 9,
        }
        feature = {
            "type": "Feature",
            "properties": properties,
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        path = tmp_path / f"{code}.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
        return path

    sim = BoxSim()
    by_seq = "select seq, commune from event order by seq"
    by_commune = "select commune, n from v_event_hour order by 1"
    communes.load(owner, boundaries("1", 105.0), approximate=True, attribution="")
    store(ingest, read(sim, sim.event(), sim.event(location={"lon": 104.5, "lat": 9.2})))
    assert owner.execute(by_seq).fetchall() == [
        (1, "1"),
        (2, None),
    ]
    ingest.execute("select ioc_refresh_rollup(10)")
    communes.load(owner, boundaries("2", 104.4), approximate=False, attribution="")
    assert owner.execute(by_seq).fetchall() == [
        (1, None),
        (2, "2"),
    ]
    assert owner.execute(by_commune).fetchall() == [
        ("2", 1),
        (None, 1),
    ]
