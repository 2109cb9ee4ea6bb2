"""Batches over a real Mosquitto, with the product's rights."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from tests.support.feed_parts import catalogue_with
from tests.support.mosquitto import CLOUD, Mosquitto, password
from tests.support.postgres import Server

from ioc_cloud.db.pool import Connection, connect
from ioc_cloud.events.evidence import Folder
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.doors.mqtt import BatchDoor, MqttDoor
from ioc_cloud.ingest.mqtt import Broker
from ioc_models import topics

NOON = datetime(2026, 11, 24, 5, 0, tzinfo=timezone.utc)
WATER = "tai-nguyen-nuoc"
TABLE = "khai_thac"


@dataclass
class Box:
    """A sender with an account of its own."""

    name: str
    port: int
    answers: Queue[dict[str, Any]] = field(default_factory=Queue)

    def __post_init__(self) -> None:
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=self.name, protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.username_pw_set(self.name, password(self.name))
        self._client.on_message = lambda _c, _u, message: self.answers.put(
            json.loads(message.payload)
        )
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()
        self._client.subscribe(topics.feed_ack(self.name), qos=1)

    def send(self, body: Any, feed: str = WATER, **said: Any) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = self._client.publish(
            topics.feed(said.pop("box", self.name), feed), payload, qos=said.pop("qos", 1), **said
        )
        sent.wait_for_publish(10)

    def hear(self, within_s: float = 30) -> dict[str, Any]:
        return self.answers.get(timeout=within_s)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@dataclass
class Running:
    """The door in a thread."""

    broker: Mosquitto
    url: str
    catalogue: Catalogue
    home: Path
    senders: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.stop_event = threading.Event()
        self.door = MqttDoor(
            Broker("127.0.0.1", self.broker.port, CLOUD, password(CLOUD), client_id="ioc-feeds"),
            partial(connect, self.url, application="ioc-feeds-mqtt"),
            BatchDoor(self.catalogue, Folder(self.home / "evidence"), self.senders),
            lambda: NOON,
            self.stop_event,
        )
        self.thread = threading.Thread(target=self.door.run)
        self.thread.start()
        assert self.door.subscribed.wait(20)

    def stop(self) -> None:
        self.stop_event.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


@pytest.fixture
def running(
    broker: Mosquitto, feeds_url: str, catalogue: Catalogue, tmp_path: Path
) -> Iterator[Running]:
    one = Running(broker, feeds_url, catalogue, tmp_path)
    yield one
    one.stop()


@pytest.fixture
def box(running: Running) -> Iterator[Box]:
    one = Box("box-01", running.broker.port)
    yield one
    one.stop()


def row(area: str = "31825", day: str = "2026-11-23", **cells: Any) -> dict[str, Any]:
    return {"area": area, "period": day, "abstracted": 900, "permitted": 1000, "wells": 9, **cells}


def said(*rows: Any, **more: Any) -> dict[str, Any]:
    return {"table": TABLE, "rows": list(rows), **more}


def count(owner: Connection, what: str = "select count(*) from feed_row") -> int:
    found = owner.execute(what).fetchone()  # type: ignore[call-overload]
    return int(found[0])


def test_a_batch_is_stored_and_its_sender_told(box: Box, owner: Connection) -> None:
    box.send(said(row(), key="k1", controls={TABLE: {"abstracted": 900}}))

    answer = box.hear()

    assert (answer["key"], answer["status"], answer["rows_new"]) == ("k1", "accepted", 1)
    stored = owner.execute("select door, sent_by, provenance, controls from feed_batch").fetchone()
    assert stored == ("mqtt", "box-01", "api", {TABLE: {"abstracted": 900.0}})


def test_the_same_key_again_is_the_same_delivery(box: Box, owner: Connection) -> None:
    for _ in range(2):
        box.send(said(row(), key="k1"))

    assert [box.hear()["status"] for _ in range(2)] == ["accepted", "repeated"]
    assert count(owner, "select count(*) from feed_batch") == 1


def test_a_message_that_comes_twice_is_one_delivery(box: Box, owner: Connection) -> None:
    for _ in range(2):
        box.send(said(row()))

    assert [box.hear()["status"] for _ in range(2)] == ["accepted", "repeated"]
    assert count(owner) == 1


def test_a_station_may_take_a_word_back(box: Box, owner: Connection) -> None:
    for wells in (9, 8, 9):
        box.send(said(row(wells=wells)))

    assert [box.hear()["status"] for _ in range(3)] == ["accepted"] * 3
    assert count(owner, "select (cells ->> 'wells')::int from feed_row_now") == 9
    assert count(owner, "select max(version) from feed_row") == 3


def test_one_bad_row_does_not_block_499_good_ones(
    box: Box, owner: Connection, catalogue: Catalogue
) -> None:
    days = [f"2026-11-{n:02}" for n in range(1, 9)]
    rows: list[Any] = [row(area, day) for day in days for area in catalogue.communes][:500]
    rows[77] = "đây không phải dòng số liệu"
    box.send(said(*rows))

    answer = box.hear()

    assert (answer["status"], answer["rows_new"], answer["rows_parked"]) == ("partial", 499, 1)
    assert count(owner, "select count(*) from feed_parked_row") == 1


def test_one_bad_row_blocks_all_where_all_or_nothing_is_agreed(
    broker: Mosquitto, feeds_url: str, owner: Connection, tmp_path: Path
) -> None:
    catalogue = catalogue_with(tmp_path / "contracts", "partial: false\n", WATER)
    running = Running(broker, feeds_url, catalogue, tmp_path)
    sender = Box("box-02", broker.port)
    try:
        sender.send(said(row(), row("31834", abstracted=-5)))
        assert sender.hear()["status"] == "refused"
        assert count(owner) == 0
        assert count(owner, "select count(*) from feed_batch where status = 'refused'") == 1
    finally:
        sender.stop()
        running.stop()


@pytest.mark.parametrize(
    ("body", "feed", "reason"),
    [
        (b"{", WATER, "schema"),
        (b"\xff\xfe", WATER, "not_json"),
        (b'{"rows": [], "unknown": 1}', WATER, "schema"),
        (b'{"table": "khong-co", "rows": []}', WATER, "schema"),
        (b'{"rows": []}', "khong-co", "feed_unknown"),
        (b'{"rows": []}', "y-te", "feed_mode"),
    ],
)
def test_what_cannot_be_read_is_parked_with_its_reason(
    box: Box, owner: Connection, body: bytes, feed: str, reason: str
) -> None:
    box.send(body, feed)

    answer = box.hear()

    assert (answer["status"], answer["reason"], answer["feed"]) == ("parked", reason, feed)
    parked = owner.execute("select topic, box, reason, payload from parked").fetchall()
    assert parked == [(topics.feed("box-01", feed), "box-01", reason, body)]
    assert count(owner, "select n from door_count where door = 'feed-mqtt'") == 1
    assert count(owner, "select count(*) from feed_batch") == 0


def test_a_parked_message_does_not_hold_the_next_one_back(box: Box) -> None:
    box.send(b"{")
    box.send(said(row()))

    assert [box.hear()["status"] for _ in range(2)] == ["parked", "accepted"]


def test_letters_that_no_database_holds_are_no_loop(box: Box, owner: Connection) -> None:
    box.send(said(row(), {"area": "31834\u0000", "period": "\ud800", "abstracted": 1e999}))

    answer = box.hear()

    assert (answer["status"], answer["rows_new"]) == ("partial", 1)
    assert count(owner, "select count(*) from feed_parked_row") == 1


def test_a_key_with_other_content_is_parked(box: Box, owner: Connection) -> None:
    box.send(said(row(), key="k1"))
    box.send(said(row(wells=8), key="k1"))

    assert [box.hear()["status"] for _ in range(2)] == ["accepted", "parked"]
    assert count(owner, "select count(*) from feed_row") == 1


def test_two_boxes_may_use_the_same_key(box: Box, running: Running, owner: Connection) -> None:
    other = Box("box-02", running.broker.port)
    try:
        box.send(said(row(), key="k1"))
        other.send(said(row("31834"), key="k1"))
        assert (box.hear()["status"], other.hear()["status"]) == ("accepted", "accepted")
    finally:
        other.stop()
    assert count(owner) == 2


def test_no_box_speaks_for_another(box: Box, owner: Connection) -> None:
    box.send(said(row()), box="box-02")
    box.send(said(row("31834")))

    assert box.hear()["rows_new"] == 1
    assert count(owner, "select count(*) from feed_batch") == 1
    assert owner.execute("select area from feed_row").fetchone() == ("31834",)


def test_a_retained_batch_is_parked(box: Box) -> None:
    box.send(said(row()), retain=True)

    assert box.hear()["reason"] == "retained"
    box.send(b"", retain=True)


def test_a_careless_sender_is_told_to_be_careful(box: Box) -> None:
    box.send(said(row()), qos=0)

    assert box.hear()["reason"] == "qos"


def test_what_was_sent_while_the_door_was_shut_comes_in(
    box: Box, running: Running, owner: Connection
) -> None:
    running.stop()
    for n in range(20):
        box.send(said(row(day=f"2026-11-{n + 1:02}")))
    with pytest.raises(Empty):
        box.hear(0.2)

    running.start()

    assert {box.hear()["status"] for _ in range(20)} == {"accepted"}
    assert count(owner) == 20
    assert count(owner, "select max(version) from feed_row") == 1


def test_a_database_that_goes_and_comes_back_loses_and_doubles_nothing(
    box: Box, owner: Connection, database: str, postgres: Server
) -> None:
    box.send(said(row(day="2026-11-01")))
    box.hear()
    postgres.run(f"alter database {database} allow_connections false")
    owner.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'ioc-feeds-mqtt'"
    )
    for n in range(1, 10):
        box.send(said(row(day=f"2026-11-{n + 1:02}")))
    time.sleep(0.5)
    assert box.answers.empty()

    postgres.run(f"alter database {database} allow_connections true")

    assert {box.hear()["status"] for _ in range(9)} == {"accepted"}
    assert count(owner) == 10
    assert count(owner, "select max(version) from feed_row") == 1


def test_a_sender_that_is_not_named_for_a_feed_may_not_speak_of_it(
    broker: Mosquitto, feeds_url: str, catalogue: Catalogue, tmp_path: Path
) -> None:
    running = Running(broker, feeds_url, catalogue, tmp_path, {WATER: {"box-03"}})
    sender, allowed = Box("box-02", broker.port), Box("box-03", broker.port)
    try:
        sender.send(said(row()))
        allowed.send(said(row()))
        assert sender.hear()["reason"] == "sender"
        assert allowed.hear()["status"] == "accepted"
    finally:
        sender.stop()
        allowed.stop()
        running.stop()
