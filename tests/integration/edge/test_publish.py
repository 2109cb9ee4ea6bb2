"""The publisher against a real broker: the traps that lost events in the first trials."""

import json
import threading
from collections.abc import Callable

from tests.integration.edge.cloud import Cloud, listening
from tests.support.mosquitto import Mosquitto
from tests.support.wire import eventually
from tests.unit.edge.parts import BOX, NOON, traffic

from ioc_edge.publish import Publisher
from ioc_edge.spool import Draft, Spool
from ioc_models import topics
from ioc_models.events import content_sha256

Start = Callable[..., Publisher]


class Trusting(Publisher):
    """Believes the broker, as most clients do."""

    def on_puback(self, seq: int) -> None:
        self.spool.acknowledge([(seq, seq)])


def fill(spool: Spool, events: int) -> None:
    for done in [spool.submit(traffic()) for _ in range(events)]:
        done.result()


def test_an_event_leaves_the_spool_when_the_cloud_says_so(
    broker: Mosquitto, spool: Spool, publish: Start
) -> None:
    cloud = Cloud()
    with listening(broker, cloud):
        publish()
        fill(spool, 300)
        eventually(lambda: spool.backlog == 0)
    assert cloud.seqs() == list(range(1, 301))
    assert not any(body["replayed"] for body in cloud.heard)


def test_without_the_clouds_word_events_stay_and_are_sent_again_as_replayed(
    broker: Mosquitto, spool: Spool, publish: Start
) -> None:
    cloud = Cloud(takes=lambda body: bool(body["replayed"]))
    with listening(broker, cloud):
        publish()
        fill(spool, 3)
        eventually(lambda: spool.backlog == 0)
    first, again = cloud.heard[0], cloud.heard[3]
    assert (first["seq"], first["replayed"]) == (1, False)
    assert (again["seq"], again["replayed"]) == (1, True)
    assert content_sha256(first) == content_sha256(again)


def test_a_puback_without_a_subscriber_is_no_delivery(
    broker: Mosquitto, spool: Spool, publish: Start
) -> None:
    publisher = publish()
    fill(spool, 5)
    eventually(lambda: publisher.counts.no_subscribers >= 5)
    assert spool.backlog == 5
    cloud = Cloud()
    with listening(broker, cloud):
        eventually(lambda: spool.backlog == 0)
    assert sorted(set(cloud.seqs())) == [1, 2, 3, 4, 5]


def test_a_refused_topic_neither_frees_the_event_nor_blocks_the_others(
    broker: Mosquitto, spool: Spool, publish: Start
) -> None:
    with listening(broker, Cloud()):
        publisher = publish(box="box-02", user=BOX)
        fill(spool, 4)
        eventually(lambda: publisher.counts.refused >= 4)
        assert spool.backlog == 4
        assert publisher.connected


def test_trusting_the_broker_loses_what_only_its_memory_held(
    broker: Mosquitto, spool: Spool, publish: Start
) -> None:
    publisher = publish(Trusting)
    deaf = Cloud(takes=lambda _body: False)
    with listening(broker, deaf):
        fill(spool, 50)
        eventually(lambda: spool.backlog == 0)
        publisher.stop(flush_s=0)
    # The broker vouched for all of them, the cloud committed none, the spool has none.
    assert spool.unacknowledged() == []


def test_events_appended_before_and_during_an_outage_arrive_after_it(
    broker: Mosquitto, spool: Spool, publish: Start
) -> None:
    fill(spool, 20)
    cloud = Cloud()
    publisher = publish()
    with listening(broker, cloud):
        eventually(lambda: spool.backlog == 0)
        broker.kill()
        eventually(lambda: not publisher.connected)
        fill(spool, 700)
        broker.start()
        eventually(lambda: spool.backlog == 0, 20)
    assert set(cloud.seqs()) == set(range(1, 721))


def test_publishing_starts_before_there_is_any_broker(
    broker: Mosquitto, spool: Spool, publish: Start
) -> None:
    broker.kill()
    publish()
    fill(spool, 10)
    broker.start()
    cloud = Cloud()
    with listening(broker, cloud):
        eventually(lambda: spool.backlog == 0)
    assert set(cloud.seqs()) == set(range(1, 11))


def test_an_event_over_the_brokers_limit_does_not_block_those_behind_it(
    broker: Mosquitto, spool: Spool, publish: Start
) -> None:
    conf = broker.folder / "conf"
    conf.write_text(conf.read_text() + "max_packet_size 2000\n")
    broker.kill()
    broker.start()
    cloud = Cloud()
    with listening(broker, cloud):
        publisher = publish()
        spool.append(Draft("water", NOON, {"values": {f"v{i}": "x" * 400 for i in range(8)}}))
        fill(spool, 10)
        eventually(lambda: spool.backlog == 1)
        assert publisher.counts.over_broker_limit >= 1
        assert publisher.connected
    assert set(cloud.seqs()) == set(range(2, 12))
    conf.write_text(conf.read_text().replace("max_packet_size 2000\n", ""))


def test_a_rejected_event_is_put_aside_and_the_others_pass(
    broker: Mosquitto, spool: Spool, publish: Start
) -> None:
    cloud = Cloud(rejects=lambda body: body["seq"] == 2)
    with listening(broker, cloud):
        publish()
        fill(spool, 4)
        eventually(lambda: spool.backlog == 0)
    assert spool.quarantined() == [(2, "schema")]


def test_acks_of_another_epoch_and_nonsense_are_counted_and_change_nothing(
    broker: Mosquitto, spool: Spool, publish: Start
) -> None:
    cloud = Cloud(takes=lambda _body: False)
    with listening(broker, cloud) as client:
        publisher = publish()
        fill(spool, 2)
        eventually(lambda: len(cloud.heard) >= 2)
        other = {"epoch": "0192d1a0-0000-7000-8000-000000000000", "ok": [[1, 2]]}
        cloud.answer(client, BOX, other)
        client.publish(topics.ack(BOX), b'{"epoch": 7', qos=1)
        eventually(lambda: publisher.counts.foreign_acks and publisher.counts.bad_acks)
        assert spool.backlog == 2


def test_an_ack_for_all_seqs_at_once_does_not_hang_the_box(
    broker: Mosquitto, spool: Spool, publish: Start
) -> None:
    cloud = Cloud(takes=lambda _body: False)
    with listening(broker, cloud) as client:
        publish()
        fill(spool, 3)
        eventually(lambda: len(cloud.heard) >= 3)
        cloud.answer(client, BOX, {"epoch": str(spool.epoch), "ok": [[1, 2**62]]})
        eventually(lambda: spool.backlog == 0)


def test_callbacks_and_appends_in_a_storm_do_not_lock_each_other(
    broker: Mosquitto, spool: Spool, publish: Start
) -> None:
    cloud = Cloud()
    with listening(broker, cloud):
        publish()
        threads = [threading.Thread(target=fill, args=(spool, 400)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        eventually(lambda: spool.backlog == 0, 30)
    assert set(cloud.seqs()) == set(range(1, 2401))


def test_birth_is_retained_and_a_clean_stop_says_offline(
    broker: Mosquitto, spool: Spool, publish: Start
) -> None:
    publisher = publish()
    eventually(lambda: publisher.connected)
    late = Cloud()
    with listening(broker, late):
        eventually(lambda: late.others)
        assert late.others[0].retain
        assert json.loads(late.others[0].payload)["online"] is True
        publisher.stop()
        eventually(lambda: json.loads(late.others[-1].payload)["online"] is False)
    assert spool.backlog == 0
