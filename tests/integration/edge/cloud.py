"""A cloud reduced to its promise: it keeps what it hears and acknowledges what it likes."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from tests.support.mosquitto import CLOUD, Mosquitto, password

from ioc_models import topics
from ioc_models.events import Ack


@dataclass
class Cloud:
    """Everything heard, in order; `takes` and `rejects` decide the answer."""

    takes: Callable[[dict[str, Any]], bool] = lambda _body: True
    rejects: Callable[[dict[str, Any]], bool] = lambda _body: False
    heard: list[dict[str, Any]] = field(default_factory=list)
    others: list[mqtt.MQTTMessage] = field(default_factory=list)

    def seqs(self) -> list[int]:
        return [body["seq"] for body in self.heard]

    def has_heard(self, events: int) -> bool:
        return len(self.heard) >= events

    def hear(self, client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        address = topics.parse(message.topic)
        if address is None or address.channel != "ev":
            self.others.append(message)
            return
        body = json.loads(message.payload)
        self.heard.append(body)
        ack = {"epoch": body["epoch"]}
        if self.rejects(body):
            ack["rej"] = [{"seq": body["seq"], "code": "schema"}]
        elif self.takes(body):
            ack["ok"] = [[body["seq"], body["seq"]]]
        else:
            return
        self.answer(client, body["box"], ack)

    def answer(self, client: mqtt.Client, box: str, ack: dict[str, Any]) -> None:
        Ack.model_validate_json(json.dumps(ack))
        client.publish(topics.ack(box), json.dumps(ack), qos=1)


@contextmanager
def listening(broker: Mosquitto, cloud: Cloud) -> Iterator[mqtt.Client]:
    """The cloud, subscribed until the block ends; it comes back when the broker does."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, CLOUD, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(CLOUD, password(CLOUD))
    client.reconnect_delay_set(1, 1)
    ready = threading.Event()

    def subscribe(*_: object) -> None:
        client.subscribe([(topic, 1) for topic in topics.CLOUD_MAY_READ])

    client.on_message = cloud.hear
    client.on_connect = subscribe
    client.on_subscribe = lambda *_: ready.set()
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        assert ready.wait(10)
        yield client
    finally:
        client.disconnect()
        client.loop_stop()
