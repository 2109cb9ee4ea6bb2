"""What must not get in is parked whole, counted, and told; its neighbours get in."""

import hashlib

from tests.support.bad_events import CASES
from tests.support.events import BoxSim
from tests.support.mosquitto import Mosquitto
from tests.support.wire import Publisher, eventually, ingest

from ioc_cloud.db.pool import Connection


def test_every_bad_case_is_parked_between_good_neighbours(
    broker: Mosquitto, ingest_url: str, owner: Connection
) -> None:
    sim = BoxSim()
    sent: dict[bytes, tuple[str, int | None]] = {}
    good: set[int] = set()
    with ingest(broker, ingest_url), Publisher(broker) as box:
        for bad in CASES:
            box.send(sim.topic(), sim.event())
            good.add(sim.seq)
            payload = bad.make(sim)
            sent[payload] = (bad.reason, sim.seq if bad.told else None)
            box.send(sim.topic(), payload, retain=bad.retain)
        box.send(sim.topic(), sim.event())
        good.add(sim.seq)
        told = {seq: reason for reason, seq in sent.values() if seq is not None}
        eventually(lambda: box.acked(sim.epoch) == good and box.rejected() == told)

    rows = owner.execute("select payload, reason, sha256, times from parked").fetchall()
    assert {bytes(row[0]): row[1] for row in rows} == {
        payload: reason for payload, (reason, _) in sent.items()
    }
    assert all(hashlib.sha256(row[0]).digest() == row[2] for row in rows)
    assert {row[3] for row in rows} == {1}
    counted = dict(owner.execute("select reason, n from door_count where door = 'mqtt'").fetchall())
    reasons = [reason for reason, _ in sent.values()]
    assert counted == {reason: reasons.count(reason) for reason in reasons}
    stored = owner.execute("select array_agg(seq order by seq) from event").fetchone()
    assert stored is not None
    assert set(stored[0]) == good


def test_the_same_bad_bytes_again_are_counted_and_kept_once(
    broker: Mosquitto, ingest_url: str, owner: Connection
) -> None:
    sim = BoxSim()
    with ingest(broker, ingest_url), Publisher(broker) as box:
        for _ in range(3):
            box.send(sim.topic(), b"{broken")
        eventually(lambda: owner.execute("select 1 from parked where times = 3").fetchone())
    assert owner.execute("select n from door_count").fetchall() == [(3,)]


def test_bad_statuses_and_telemetry_are_parked_too(
    broker: Mosquitto, ingest_url: str, owner: Connection
) -> None:
    far_away = (
        b'{"v":1,"online":true,"cameras":[{"id":"a","title_vi":"A","location":{"lon":1,"lat":1}}]}'
    )
    too_much = b'{"v":1,"at":"%s","state":"ok","fps":1,"skipped_frames":9223372036854775808}'
    sim = BoxSim()
    at = sim.event()["seen_at"].encode()
    with ingest(broker, ingest_url), Publisher(broker) as box:
        box.send("ioc/1/box-01/status", b'{"v":1,"online":"maybe"}')
        box.send("ioc/1/box-01/status", b'{"v":1,"online":true,"box":"box-02"}')
        box.send("ioc/1/box-01/status", far_away)
        box.send(
            "ioc/1/box-01/tel/cam-01", b'{"v":1,"at":"2099-01-01T00:00:00Z","state":"ok","fps":1}'
        )
        box.send("ioc/1/box-01/tel/cam-01", too_much % at)
        eventually(lambda: owner.execute("select count(*) from parked").fetchone() == (5,))
    reasons = owner.execute("select reason from parked order by id").fetchall()
    assert sorted(reason for (reason,) in reasons) == [
        "database", "outside_province", "schema", "time_future", "topic_mismatch",
    ]  # fmt: skip
