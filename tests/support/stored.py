"""Events put into a database as ingest would."""

from datetime import timedelta
from typing import Any

from tests.support.events import now, wire

from ioc_cloud.db.pool import Connection
from ioc_cloud.events.decode import Door, Wire, decode
from ioc_cloud.ingest.store import store
from ioc_models import topics


def put_in(connection: Connection, *events: dict[str, Any]) -> None:
    door = Door(now(), timedelta(days=400))
    wires = [Wire(topics.event(event["box"], event["kind"]), wire(event)) for event in events]
    store(connection, [decode(one, door) for one in wires])
