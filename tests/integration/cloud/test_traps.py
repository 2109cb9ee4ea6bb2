"""Traps of brokers and databases that once lost events."""

import itertools
import time
from collections.abc import Iterator

import pytest
from tests.support.events import BoxSim, wire
from tests.support.mosquitto import Mosquitto
from tests.support.postgres import Cluster
from tests.support.wire import Publisher, eventually, inbox, ingest

from ioc_cloud.db.migrate import migrate
from ioc_cloud.db.pool import Connection, connect
from ioc_cloud.ingest import worker as worker_module
from ioc_cloud.ingest.mqtt import Inbox, Received


def stored(connection: Connection) -> int:
    row = connection.execute("select count(*) from event").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def short_queue() -> Iterator[Mosquitto]:
    """A broker with the queue that Debian's Mosquitto has by default."""
    broker = Mosquitto(settings="max_queued_messages 1000")
    broker.configure()
    text = (broker.folder / "conf").read_text().replace("max_queued_messages 100000\n", "")
    (broker.folder / "conf").write_text(text)
    broker.start()
    yield broker
    broker.remove()


def test_what_the_brokers_queue_dropped_is_not_acked_and_comes_again(
    short_queue: Mosquitto, ingest_url: str, owner: Connection
) -> None:
    """Trap 3: 1,500 publishes confirmed by the broker, 1,000 delivered."""
    sim = BoxSim()
    events = {n: sim.event() for n in range(1, 1501)}
    with ingest(short_queue, ingest_url):
        pass
    with Publisher(short_queue) as box:
        sent = [box.client.publish(sim.topic(), wire(event), qos=1) for event in events.values()]
        for info in sent:
            info.wait_for_publish(20)
        with ingest(short_queue, ingest_url):
            eventually(lambda: len(box.acked(sim.epoch)) >= 1000)
            time.sleep(0.3)
            missing = events.keys() - box.acked(sim.epoch)
            assert missing
            assert stored(owner) == 1500 - len(missing)
            for seq in missing:
                box.send(sim.topic(), events[seq])
            eventually(lambda: box.acked(sim.epoch) == events.keys())
    assert stored(owner) == 1500


def test_messages_wait_for_an_ingest_that_restarts(
    broker: Mosquitto, ingest_url: str, owner: Connection
) -> None:
    """Trap 4: paho's default starts each process with a clean session."""
    sim = BoxSim()
    with ingest(broker, ingest_url):
        pass
    with Publisher(broker) as box:
        for _ in range(50):
            box.send(sim.topic(), sim.event())
        time.sleep(0.3)
        assert stored(owner) == 0
        with ingest(broker, ingest_url):
            eventually(lambda: len(box.acked(sim.epoch)) == 50)
    assert stored(owner) == 50


def test_an_id_of_an_older_connection_is_never_acknowledged(broker: Mosquitto) -> None:
    """Trap 8: the same number means another message on the next connection."""
    sim = BoxSim()
    held = inbox(broker)
    held.start()
    try:
        _attend_until(held, subscribed=True)
        with Publisher(broker) as box:
            box.send(sim.topic(), sim.event())
            old = _some(held.take(1, 5.0) for _ in range(40))
            held.reconnect()
            _attend_until(held, subscribed=False)
            _attend_until(held, subscribed=True)
            again = _some(held.take(1, 5.0) for _ in range(40))
            assert again[0].mid == old[0].mid
            assert again[0].connection != old[0].connection
            held.acknowledge(old)
            # Had the broker believed it, nothing would come after the next reconnect.
            held.reconnect()
            _attend_until(held, subscribed=False)
            third = _some(held.take(1, 5.0) for _ in range(40))
            assert third[0].payload == old[0].payload
            held.acknowledge(third)
            assert held.oldest_wait_s() == 0
    finally:
        held.stop()


def test_a_message_that_nobody_holds_any_more_is_asked_for_again(
    broker: Mosquitto, ingest_url: str, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mosquitto delivers again on reconnect alone; a leaked message would keep its slot."""
    monkeypatch.setattr(worker_module, "LEAK_S", 0.5)
    sim = BoxSim()
    with ingest(broker, ingest_url) as worker, Publisher(broker) as box:
        take = worker.inbox.take
        leaked: list[Received] = []

        def leak_once(most: int, within_s: float) -> list[Received]:
            taken = take(most, within_s)
            if taken and not leaked:
                leaked.extend(taken)
                return []
            return taken

        monkeypatch.setattr(worker.inbox, "take", leak_once)
        # The worker is still inside the old one.
        time.sleep(1.0)
        box.send(sim.topic(), sim.event())
        eventually(lambda: box.acked(sim.epoch) == {1})
    assert leaked
    assert stored(owner) == 1


def test_unacknowledged_messages_stop_the_broker(broker: Mosquitto) -> None:
    """The back-pressure: no more than the receive maximum is ever in our hands."""
    sim = BoxSim()
    held = inbox(broker)
    held.start()
    try:
        _attend_until(held, subscribed=True)
        with Publisher(broker) as box:
            bodies = [wire(sim.event()) for _ in range(2500)]
            infos = [box.client.publish(sim.topic(), body, qos=1) for body in bodies]
            for info in infos:
                info.wait_for_publish(20)
            taken: list[Received] = []
            while more := held.take(5000, 0.5):
                taken += more
            assert len(taken) == 2000
            held.acknowledge(taken)
            while more := held.take(5000, 0.5):
                taken += more
            assert len(taken) == 2500
    finally:
        held.stop()


def test_messages_of_all_sizes_come_whole_and_in_order(broker: Mosquitto) -> None:
    """Those longer than one look at the socket are read by paho, the others beside it."""
    sim = BoxSim()
    held = inbox(broker)
    held.start()
    try:
        _attend_until(held, subscribed=True)
        with Publisher(broker) as box:
            sizes = [3, 70_000, 200, 0] * 300
            sent = [b"%06d" % n + b"x" * size for n, size in enumerate(sizes)]
            for payload in sent:
                box.send(sim.topic(), payload)
            taken: list[Received] = []
            while more := held.take(500, 0.5):
                taken += more
                held.acknowledge(more)
        assert [one.payload for one in taken] == sent
        assert held.oldest_wait_s() == 0
    finally:
        held.stop()


def test_a_database_that_is_killed_and_comes_back_costs_nothing(broker: Mosquitto) -> None:
    cluster = Cluster()
    cluster.create()
    cluster.start()
    try:
        url = cluster.url()
        migrate(url)
        sim = BoxSim()
        with ingest(broker, url), Publisher(broker) as box:
            for _ in range(200):
                box.send(sim.topic(), sim.event())
            eventually(lambda: box.acked(sim.epoch))
            cluster.kill()
            for _ in range(200):
                box.send(sim.topic(), sim.event())
            time.sleep(0.3)
            cluster.start()
            eventually(lambda: len(box.acked(sim.epoch)) == 400, 40)
        with connect(url, application="test") as connection:
            assert stored(connection) == 400
    finally:
        cluster.stop()
        cluster.remove()


def test_a_broker_that_is_killed_costs_no_acked_event(
    broker: Mosquitto, ingest_url: str, owner: Connection
) -> None:
    sim = BoxSim()
    events = {n: sim.event() for n in range(1, 401)}
    with ingest(broker, ingest_url) as worker, Publisher(broker) as box:
        for n, event in events.items():
            box.send(sim.topic(), event)
            if n == 200:
                broker.kill()
                broker.start()
        eventually(lambda: worker.inbox.subscribed and box.client.is_connected())
        deadline = time.monotonic() + 30
        while missing := events.keys() - box.acked(sim.epoch):
            assert time.monotonic() < deadline
            for seq in itertools.islice(missing, 500):
                box.send(sim.topic(), events[seq])
            time.sleep(0.5)
    assert stored(owner) == 400
    lost = owner.execute("select seen from box_sequence").fetchone()
    assert lost is not None
    assert str(lost[0]) == "{[1, 401)}"


def _attend_until(held: Inbox, *, subscribed: bool) -> None:
    def checked() -> bool:
        held.attend()
        return held.subscribed == subscribed

    eventually(checked)


def _some(tries: Iterator[list[Received]]) -> list[Received]:
    return next(taken for taken in tries if taken)
