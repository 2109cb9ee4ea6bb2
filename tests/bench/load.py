"""Events ready for the wire, and a way to lay them before a consumer that sleeps."""

import base64
import pathlib
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import paho.mqtt.client as mqtt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from paho.mqtt.enums import CallbackAPIVersion
from tests.chaos.agent import draft
from tests.chaos.plant import Plant, eventually

from ioc_models import topics
from ioc_models.events import Event, canonical_json, content_sha256, new_id, signed_bytes

NO_SUBSCRIBERS = 0x10


def bodies(plant: Plant, box: str, count: int) -> list[bytes]:
    """Signed plate events of one box, a millisecond apart, the newest of now."""
    key = load_pem_private_key(plant.signing_key(box).read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    epoch, boot, began = uuid4(), uuid4(), datetime.now(timezone.utc) - timedelta(minutes=1)
    made: list[bytes] = []
    prev = None
    for seq in range(1, count + 1):
        at = began + timedelta(milliseconds=seq)
        body = _body(key, box=box, epoch=epoch, boot=boot, seq=seq, at=at, prev=prev)
        made.append(canonical_json(body))
        prev = content_sha256(body)
    return made


def _body(key: Ed25519PrivateKey, *, seq: int, at: datetime, **whose: Any) -> dict[str, Any]:
    plate = draft(seq)
    event = Event(
        **whose,
        id=new_id(at),
        seq=seq,
        kind=plate.kind,
        camera=plate.camera,
        seen_at=at,
        clock=plate.clock,
        simulated=True,
        location=plate.location,
        data=plate.data,
    )
    body = event.model_dump(mode="json", exclude_none=True)
    body["sig"] = base64.b64encode(key.sign(signed_bytes(body))).decode()
    return body


class Sender:
    """A box's connection that sends at once and waits for the broker's word on all of it."""

    def __init__(self, plant: Plant, box: str) -> None:
        self.topic = topics.event(box, "plate")
        self._codes: list[int] = []
        self._more = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=box, protocol=mqtt.MQTTv5)
        self._client.username_pw_set(box, plant.home.secret(f"box-{box}-mqtt"))
        self._client.max_inflight_messages_set(1_000)
        self._client.on_publish = self._note
        self._client.connect(plant.ports.mqtt_host, plant.ports.mqtt)
        self._client.loop_start()

    def send(self, payloads: Sequence[bytes]) -> list[int]:
        """The broker's reason codes."""
        self._codes.clear()
        for payload in payloads:
            self._client.publish(self.topic, payload, qos=1)
        with self._more:
            self._more.wait_for(lambda: len(self._codes) == len(payloads), timeout=60)
        return list(self._codes)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _note(self, _c: mqtt.Client, _u: object, _m: int, code: Any, _p: object) -> None:
        with self._more:
            self._codes.append(code.value)
            self._more.notify()


def knock(sender: Sender, payload: bytes) -> None:
    """Send one event until somebody listens."""
    eventually(lambda: sender.send([payload]) != [NO_SUBSCRIBERS], every_s=0.2)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    with pathlib.Path(f"/proc/{pid}/stat").open(encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def cpu_of_tree(pid: int) -> float:
    """CPU seconds of a process and of all below it."""
    family = [pid]
    for parent in family:
        for path in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):
                family += map(int, path.read_text().split())
    total = 0.0
    for each in family:
        with suppress(OSError):
            total += cpu_seconds(each)
    return total
