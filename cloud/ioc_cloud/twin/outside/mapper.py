"""What a box says, as merges of its twins.

`firmware_configs/ditto/incoming-script.js` says the same to a real Ditto. Both map what one
message alone can tell. Counters are not among it: whoever keeps the events counts them. No
payload of an event is read but the state inside `health`, so no plate can reach a twin.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ioc_ditto import rql
from ioc_models import topics
from ioc_models.events import BoxStatus, CameraHealth, CameraTelemetry, Event
from ioc_models.things import ids
from ioc_models.things.reports import instant

STATUS: Final = "features/status/properties"
HEALTH: Final = "features/health/properties"
EVENTS: Final = "features/events/properties"

Said = BoxStatus | CameraTelemetry | Event


@dataclass(frozen=True, slots=True)
class TwinMerge:
    """A merge patch (RFC 7396) of a thing that exists already; null takes away.

    Attributes:
        condition: RQL on the thing as it stands, under which the patch is still news.
    """

    thing_id: str
    patch: Mapping[str, Any]
    condition: str | None = None


def mapped(topic: str, said: Said, heard_at: datetime | None = None) -> list[TwinMerge]:
    """Merges of one message, to be made in this order; none for what moves no twin.

    Args:
        topic: Where it was published.
        said: The message, as the door let it in.
        heard_at: When it came; stands in for the time that a last will cannot carry.
    """
    address = topics.parse(topic)
    if address is None:
        return []
    match said:
        case BoxStatus() if address.channel == "status" and said.box in {None, address.box}:
            return _of_status(address.box, said, heard_at)
        case CameraTelemetry() if address.channel == "tel":
            return [_of_telemetry(ids.camera(address.box, address.name), said)]
        case Event() if (address.channel, address.name) == ("ev", said.kind):
            return _of_event(said) if said.box == address.box else []
        case _:
            return []


def _of_status(box: str, status: BoxStatus, heard_at: datetime | None) -> list[TwinMerge]:
    thing_id = ids.edge_box(box)
    at = status.at or heard_at
    # Births repeat when a camera changes: `onlineAt` moves with `online` alone.
    merges = [
        TwinMerge(
            thing_id,
            _feature("status", {"online": status.online, "onlineAt": _time(at)}),
            str(~rql.eq(f"{STATUS}/online", status.online)),
        )
    ]
    if not status.online:
        return merges
    known: dict[str, Any] = {
        "lastSeenAt": _time(at),
        "boot": _text(status.boot),
        "epoch": _text(status.epoch),
        "versions": status.versions,
        "configSha256": status.config_sha256,
    }
    merges.append(TwinMerge(thing_id, _feature("status", known)))
    for card in status.cameras:
        health = {"state": card.state.value, "lastSeenAt": _time(at)}
        merges.append(TwinMerge(ids.camera(box, card.id), _feature("health", health)))
    return merges


def _of_telemetry(thing_id: str, figures: CameraTelemetry) -> TwinMerge:
    health = {
        "state": figures.state.value,
        "fps": figures.fps,
        "skippedFrames": figures.skipped_frames,
        "spoolEvents": figures.spool_events,
        "evidencePending": figures.evidence_pending,
        "clockOffsetMs": figures.clock_offset_ms,
        # null takes an old temperature away: a sensor that is gone measures nothing.
        "temperatureC": figures.temperature_c,
        "lastSeenAt": instant(figures.at),
    }
    return TwinMerge(thing_id, _feature("health", health))


def _of_event(event: Event) -> list[TwinMerge]:
    if event.camera is None:
        return []
    thing_id, at = ids.camera(event.box, event.camera), instant(event.seen_at)
    last = {
        "lastEventId": str(event.id),
        "lastEventKind": event.kind,
        "lastEventAt": at,
        "lastEventSeq": event.seq,
    }
    merges = [TwinMerge(thing_id, _feature("events", last), _newer_event(at, event.seq))]
    health = event.payload() if event.kind == "health" else None
    if isinstance(health, CameraHealth):
        seen = f"{HEALTH}/lastSeenAt"
        state = {
            "state": health.state.value,
            "stateAt": at,
            "detail": health.detail,
            "lastSeenAt": at,
        }
        newer = str(~rql.exists(seen) | rql.lt(seen, at))
        merges.append(TwinMerge(thing_id, _feature("health", state), newer))
    return merges


def _newer_event(at: str, seq: int) -> str:
    """The last event only moves forward in (time, seq): boxes send old events again."""
    last_at, last_seq = f"{EVENTS}/lastEventAt", f"{EVENTS}/lastEventSeq"
    return str(
        rql.or_(
            ~rql.exists(last_at),
            rql.lt(last_at, at),
            rql.eq(last_at, at) & rql.lt(last_seq, seq),
        )
    )


def _feature(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"features": {name: {"properties": dict(properties)}}}


def _time(at: datetime | None) -> str | None:
    return instant(at) if at is not None else None


def _text(value: object) -> str | None:
    return str(value) if value is not None else None
