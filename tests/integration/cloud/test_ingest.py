"""The whole way from a box's publish to a committed row and the word back."""

from datetime import timedelta

from tests.support.events import BoxSim, now
from tests.support.mosquitto import Mosquitto
from tests.support.wire import Publisher, eventually, ingest

from ioc_cloud.db.pool import Connection
from ioc_models import topics


def count(owner: Connection, table: str) -> int:
    row = owner.execute(f"select count(*) from {table}").fetchone()  # type: ignore[call-overload]  # noqa: S608
    assert row is not None
    return int(row[0])


def test_an_acked_event_is_in_the_database(
    broker: Mosquitto, ingest_url: str, owner: Connection
) -> None:
    sim = BoxSim()
    with ingest(broker, ingest_url), Publisher(broker) as box:
        for _ in range(1200):
            box.send(sim.topic(), sim.event())
        eventually(lambda: len(box.acked(sim.epoch)) == 1200)
        assert count(owner, "event") == 1200
        assert count(owner, "change_log where kind = 'event'") == 1200


def test_a_repeat_is_acked_and_stored_once(
    broker: Mosquitto, ingest_url: str, owner: Connection
) -> None:
    sim = BoxSim()
    event = sim.event()
    with ingest(broker, ingest_url), Publisher(broker) as box:
        box.send(sim.topic(), event)
        eventually(lambda: box.acks)
        box.send(sim.topic(), event | {"replayed": True})
        eventually(lambda: len(box.acks) == 2)
        assert box.acked(sim.epoch) == {1}
        assert not box.rejected()
    assert count(owner, "event") == 1
    assert count(owner, "parked") == 0


def test_a_birth_makes_cameras_and_a_last_will_takes_the_box_offline(
    broker: Mosquitto, ingest_url: str, owner: Connection
) -> None:
    sim = BoxSim()
    card = {
        "id": "cam-01",
        "title_vi": "Ngã tư",
        "location": {"lon": 105.15, "lat": 9.18},
        "simulated": True,
        "state": "ok",
    }
    birth = {
        "v": 1, "online": True, "box": sim.box, "at": now().isoformat(), "epoch": str(sim.epoch),
        "versions": {"edge": "0.1"}, "cameras": [card],
    }  # fmt: skip
    with ingest(broker, ingest_url), Publisher(broker) as box:
        box.send(topics.status(sim.box), birth, retain=True)
        eventually(lambda: count(owner, "box where online") == 1)
        assert count(owner, "camera where declared and title_vi = 'Ngã tư'") == 1
        box.send(topics.status(sim.box), {"v": 1, "online": False}, retain=True)
        eventually(lambda: count(owner, "box where not online and versions ->> 'edge' = '0.1'"))


def test_telemetry_reaches_the_twin_and_the_series(
    broker: Mosquitto, ingest_url: str, owner: Connection
) -> None:
    telemetry = {"v": 1, "at": now().isoformat(), "state": "ok", "fps": 12.5, "spool_events": 3}
    older = telemetry | {"at": (now() - timedelta(minutes=1)).isoformat(), "state": "broken"}
    with ingest(broker, ingest_url), Publisher(broker) as box:
        box.send(topics.telemetry("box-01", "cam-01"), telemetry)
        eventually(lambda: count(owner, "camera where state = 'ok' and fps = 12.5"))
        box.send(topics.telemetry("box-01", "cam-01"), older)
        eventually(lambda: count(owner, "camera_telemetry") == 2)
    assert count(owner, "camera where state = 'ok'") == 1
