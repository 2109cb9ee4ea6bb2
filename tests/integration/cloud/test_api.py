"""The API over HTTP, with the API role's rights on a real database."""

import hashlib
from datetime import timedelta
from typing import Any

from tests.support.api import Api
from tests.support.events import BoxSim, now, plate_data, wire

from ioc_cloud.db.pool import Connection
from ioc_cloud.events.decode import Door, Wire, decode
from ioc_cloud.ingest.store import store

PLATE = "69A12345"
JPEG = b"\xff\xd8\xff" + b"picture" * 100
JPEG_HASH = hashlib.sha256(JPEG).hexdigest()


def put_in(owner: Connection, *events: dict[str, Any]) -> None:
    """Store events as ingest would."""
    door = Door(now(), timedelta(days=400))
    topics = [f"ioc/1/{event['box']}/ev/{event['kind']}" for event in events]
    items = [
        decode(Wire(topic, wire(event)), door) for topic, event in zip(topics, events, strict=True)
    ]
    store(owner, items)


def test_an_event_is_found_by_each_of_its_properties(owner: Connection, api: Api) -> None:
    sim = BoxSim()
    wanted = sim.event(data=plate_data(PLATE))
    other = sim.event(
        "traffic",
        ago=timedelta(hours=2),
        camera="cam-02",
        simulated=False,
        location={"lon": 104.9, "lat": 8.7},
        data={
            "from_at": now().isoformat(),
            "to_at": now().isoformat(),
            "counts": {"car": 3},
            "frames": 10,
        },
    )
    put_in(owner, wanted, other)
    since = (now() - timedelta(hours=1)).isoformat()
    client = api.client("events:read")
    for question in (
        {"from": since}, {"kind": "plate"}, {"camera": "cam-01"}, {"plate": "69a-123.45"},
        {"bbox": "105,9,105.3,9.3"}, {"simulated": "true"},
    ):  # fmt: skip
        found = client.get("/api/events", params=question).raise_for_status().json()
        assert [item["id"] for item in found["items"]] == [wanted["id"]], question
    assert len(client.get("/api/events").json()["items"]) == 2
    assert client.get("/api/events", params={"to": since}).json()["items"][0]["id"] == other["id"]
    one = client.get(f"/api/events/{wanted['id']}").raise_for_status().json()
    assert one["plate"] == PLATE
    assert one["plate_display"] == "69A-123.45"
