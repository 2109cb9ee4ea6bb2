"""A box's end of the line, and an ingest worker in a thread."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage, MQTTProtocolVersion
from paho.mqtt.enums import CallbackAPIVersion
from tests.support.events import wire
from tests.support.mosquitto import CLOUD, Mosquitto, password

from ioc_cloud.db.pool import Connection, connect
from ioc_cloud.ingest.mqtt import Broker, Inbox
from ioc_cloud.ingest.worker import Worker
from ioc_models import topics
from ioc_models.events import Ack

PATIENCE_S = 20.0


def eventually(check: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """The first truthy answer; fails when none comes in time."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if answer := check():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {patience_s} s: {check}")


@dataclass
class Publisher:
    """Publishes as a box and collects the acks that come back."""

    broker: Mosquitto
    box: str = "box-01"
    acks: list[Ack] = field(default_factory=list)

    def __enter__(self) -> Self:
        ready = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.username_pw_set(self.box, password(self.box))
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_connect = lambda client, *_: client.subscribe(topics.ack(self.box), qos=1)
        self.client.max_inflight_messages_set(1000)
        self.client.connect("127.0.0.1", self.broker.port)
        self.client.loop_start()
        assert ready.wait(PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def send(self, topic: str, body: dict[str, Any] | bytes, *, retain: bool = False) -> None:
        payload = body if isinstance(body, bytes) else wire(body)
        self.client.publish(topic, payload, qos=1, retain=retain)

    def acked(self, epoch: object) -> set[int]:
        return {
            seq
            for ack in list(self.acks)
            if ack.epoch == epoch
            for low, high in ack.ok
            for seq in range(low, high + 1)
        }

    def rejected(self) -> dict[int, str]:
        return {one.seq: one.code for ack in list(self.acks) for one in ack.rej}

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self.acks.append(Ack.model_validate(json.loads(message.payload)))


def inbox(broker: Mosquitto, client_id: str = "ioc-ingest") -> Inbox:
    return Inbox(Broker("127.0.0.1", broker.port, CLOUD, password(CLOUD), client_id=client_id))


@contextmanager
def ingest(
    broker: Mosquitto, url: str, opener: Callable[[], Connection] | None = None
) -> Iterator[Worker]:
    """A worker in a thread, ready to receive."""
    worker = Worker(
        inbox(broker),
        opener or (lambda: connect(url, application="ioc-ingest")),
        timedelta(days=400),
    )
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        eventually(lambda: worker.inbox.subscribed)
        yield worker
    finally:
        worker.stop.set()
        thread.join(PATIENCE_S)
