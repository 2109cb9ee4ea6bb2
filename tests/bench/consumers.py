"""Consumers to compare ingest with: `python -m tests.bench.consumers paho|naive|single N`.

`paho` receives and acknowledges by hand: what the library alone can do. `naive` is the
script that everybody writes first: one message, one INSERT, one commit, one ack.
`single` is the product's ingest with batches of one: naive about batches alone.
"""

import json
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

from ioc_cloud.ingest import __main__ as ingest
from ioc_cloud.ingest import worker
from ioc_cloud.settings import Settings
from ioc_models import topics
from ioc_models.events import content_sha256

INSERT = """
insert into event (id, time, received_at, box, epoch, seq, kind, camera, lon, lat, plate,
    simulated, replayed, clock_suspect, signature, sha256, body)
values (%s, %s, now(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, false, 'unsigned',
    decode(%s, 'hex'), %s)
on conflict do nothing
"""


def insert_into(url: str) -> Callable[[bytes], object]:
    """One row, one commit for each message."""
    connection = psycopg.connect(url, autocommit=True)

    def insert(payload: bytes) -> None:
        body: dict[str, Any] = json.loads(payload)
        place, plate = body["location"], body["data"]["plate"]["text"]
        connection.execute(
            INSERT,
            (
                body["id"], body["seen_at"], body["box"], body["epoch"], body["seq"],
                body["kind"], body["camera"], place["lon"], place["lat"], plate,
                body["simulated"], body["replayed"], content_sha256(body), payload.decode(),
            ),
        )  # fmt: skip

    return insert


def main(name: str, events: int) -> None:
    settings = Settings()
    take: Callable[[bytes], object] = len
    if name == "naive":
        take = insert_into(settings.ingest_database_url or settings.database_url)
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"bench-{name}",
        protocol=mqtt.MQTTv5,
        manual_ack=True,
    )
    client.username_pw_set(settings.mqtt_user, settings.mqtt_password)
    left = events

    def on_message(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        nonlocal left
        take(message.payload)
        client.ack(message.mid, message.qos)
        left -= 1
        if left == 0:
            print(datetime.now(timezone.utc).timestamp(), flush=True)

    client.on_message = on_message
    client.on_connect = lambda *_: client.subscribe(topics.EVENTS, qos=1)
    client.connect(settings.mqtt_host, settings.mqtt_port)
    client.loop_forever()


if __name__ == "__main__":
    if sys.argv[1] == "single":
        worker.BATCH = 1  # type: ignore[misc]
        del sys.argv[1:]
        sys.exit(ingest.main())
    main(sys.argv[1], int(sys.argv[2]))
