"""Consumers to compare ingest with: `python -m tests.bench.consumers NAME N`.

`paho` receives and acknowledges by hand: what the library alone can do. `naive` is the
script that everybody writes first: one message, one INSERT, one commit, one ack. `thorough`
is that script grown up: for each message also the commune, the camera's counters and the
change log, in one transaction. Neither checks schema, signature or repeats. `single` is the
product's ingest with batches of one: naive about batches alone.
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
insert into event (id, time, received_at, box, epoch, seq, kind, camera, lon, lat, commune, plate,
    simulated, replayed, clock_suspect, signature, sha256, body)
values (%(id)s, %(seen_at)s, now(), %(box)s, %(epoch)s, %(seq)s, %(kind)s, %(camera)s, %(lon)s,
    %(lat)s, %(commune)s, %(plate)s, %(simulated)s, %(replayed)s, false, 'unsigned',
    decode(%(sha256)s, 'hex'), %(body)s)
on conflict do nothing
returning change
"""
COMMUNE = """
select code from commune
where st_covers(geom, st_setsrid(st_makepoint(%(lon)s, %(lat)s), 4326)) order by code limit 1
"""
LOG_EVENT = """
insert into change_log (seq, kind, box, camera, event_id, event_time)
values (%(change)s, 'event', %(box)s, %(camera)s, %(id)s, %(seen_at)s)
"""
COUNT_AT_CAMERA = """
insert into camera as c (box, id, title_vi, lon, lat, simulated, state, last_seen_at,
    last_event_id, last_event_at, last_event_seq, counts, change)
values (%(box)s, %(camera)s, %(camera)s, %(lon)s, %(lat)s, %(simulated)s, 'ok', %(seen_at)s,
    %(id)s, %(seen_at)s, %(seq)s, jsonb_build_object(%(kind)s::text, 1), nextval('change_seq'))
on conflict (box, id) do update set
    last_seen_at = excluded.last_seen_at, last_event_id = excluded.last_event_id,
    last_event_at = excluded.last_event_at, last_event_seq = excluded.last_event_seq,
    counts = c.counts || jsonb_build_object(
        %(kind)s::text, coalesce((c.counts ->> %(kind)s)::bigint, 0) + 1),
    change = excluded.change
returning change
"""
LOG_CAMERA = """
insert into change_log (seq, kind, box, camera) values (%s, 'camera', %s, %s)
"""


def row(payload: bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(payload)
    sha256 = content_sha256(body)
    named = {"plate": body["data"]["plate"]["text"], "sha256": sha256, "commune": None}
    return body | body["location"] | named | {"body": payload.decode()}


def insert_into(url: str) -> Callable[[bytes], object]:
    """One row, one commit for each message."""
    connection = psycopg.connect(url, autocommit=True)
    return lambda payload: connection.execute(INSERT, row(payload))


def tell_all_to(url: str) -> Callable[[bytes], object]:
    """One row and what follows from it, one commit for each message."""
    connection = psycopg.connect(url, autocommit=True)

    def tell(payload: bytes) -> None:
        event = row(payload)
        with connection.transaction():
            if commune := connection.execute(COMMUNE, event).fetchone():
                event["commune"] = commune[0]
            stored = connection.execute(INSERT, event).fetchone()
            if stored is None:
                return
            connection.execute(LOG_EVENT, event | {"change": stored[0]})
            (change,) = connection.execute(COUNT_AT_CAMERA, event).fetchone() or (None,)
            connection.execute(LOG_CAMERA, (change, event["box"], event["camera"]))

    return tell


TAKERS = {"naive": insert_into, "thorough": tell_all_to}


def main(name: str, events: int) -> None:
    settings = Settings()
    take: Callable[[bytes], object] = len
    if name in TAKERS:
        take = TAKERS[name](settings.ingest_database_url or settings.database_url)
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
