"""A water-level station in one file: any MQTT client can be a box of Cà Mau IOC.

    ./ioc box add tram-song-doc --json > station.json
    python docs/examples/station.py station.json 1.42

Needs paho-mqtt alone. It sends one event and stays until the cloud says that the
event is committed; a real station keeps its events on disk until then and counts
`seq` on in one `epoch` for as long as that disk lives.
"""

import json
import secrets
import sys
import threading
import time
import uuid
from datetime import datetime, timezone
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

ACK_S = 20


def event(box: str, level_m: float) -> dict[str, object]:
    """One observation; the id is a UUIDv7 with the milliseconds of `seen_at`."""
    milliseconds = time.time_ns() // 1_000_000
    seen_at = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    number = (
        milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    )
    return {
        "v": 1,
        "id": str(uuid.UUID(int=number)),
        "box": box,
        "epoch": str(uuid.uuid4()),
        "seq": 1,
        "boot": str(uuid.uuid4()),
        "kind": "water_level",
        "seen_at": seen_at.isoformat(timespec="milliseconds"),
        "clock": {"synced": True, "offset_ms": 0},
        "location": {"lon": 104.8336, "lat": 9.0407},
        "data": {"values": {"level_m": level_m}},
    }


def main(credentials: Path, level_m: float) -> None:
    """Send one level and wait for the cloud's word."""
    account = json.loads(credentials.read_text())
    box = account["username"]
    body = event(box, level_m)
    answered = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(box, account["password"])
    client.on_connect = lambda one, *_: one.subscribe(f"ioc/1/{box}/ack", qos=1)
    client.on_subscribe = lambda one, *_: one.publish(
        f"ioc/1/{box}/ev/{body['kind']}", json.dumps(body), qos=1
    )

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        ack = json.loads(message.payload)
        if ack["epoch"] == body["epoch"]:
            sys.stdout.write(f"{json.dumps(ack)}\n")
            answered.set()

    client.on_message = on_message
    client.connect(account["host"], account["port"])
    client.loop_start()
    done = answered.wait(ACK_S)
    client.disconnect()
    client.loop_stop()
    if not done:
        sys.exit(f"no ack within {ACK_S} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
