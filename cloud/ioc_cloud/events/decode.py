"""Bytes from the broker become an event, or are parked with the reason; nothing else happens."""

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, TypeVar
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ValidationError

from ioc_cloud.events import canonical
from ioc_cloud.events.canonical import Told
from ioc_models import topics
from ioc_models.events import (
    EPOCH,
    MAX_EVENT_BYTES,
    VERSION,
    BoxStatus,
    CameraHealth,
    CameraTelemetry,
    Event,
    Message,
    PlateSeen,
    canonical_json,
    content_sha256,
    milliseconds,
    signed_bytes,
)
from ioc_models.geo import EXTENT
from ioc_models.violations.contract import ViolationSeen

Reason = Literal[
    "topic",
    "retained",
    "oversize",
    "not_json",
    "nul_character",
    "duplicate_key",
    "version",
    "schema",
    "topic_mismatch",
    "id_time",
    "time_future",
    "time_ancient",
    "outside_province",
    "signature",
    "id_conflict",
    "seq_conflict",
    "database",
]
M = TypeVar("M", bound=Message)
Signature = Literal["valid", "unsigned", "unknown_key"]

MAX_AHEAD: Final = timedelta(minutes=5)
# Beyond this a court would ask which clock to believe.
SUSPECT_OFFSET: Final = timedelta(seconds=2)
SUSPECT_OFFSET_MS: Final = SUSPECT_OFFSET / timedelta(milliseconds=1)
MAX_SEQ: Final = 2**62
# Where an oversize body is still worth reading for its epoch and seq.
_READABLE_BYTES: Final = 1024 * 1024
_DETAIL_CHARACTERS: Final = 500


class Wire(NamedTuple):
    """A message as the broker hands it over."""

    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Door:
    """What the checks at the door depend on besides the message.

    Attributes:
        now: The cloud's clock.
        retention: Events older than this would be dropped at once.
        keys: Registered public keys by box.
        vouched: Box and content hash of events that a signed successor named as its
            `prev`; filled by `decode`, so hand in the newest message of a batch first.
    """

    now: datetime
    retention: timedelta
    keys: Mapping[str, Ed25519PublicKey] = field(default_factory=dict)
    vouched: set[tuple[str, str]] = field(default_factory=set)
    earliest: datetime = field(init=False)
    latest: datetime = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "earliest", self.now - self.retention)
        object.__setattr__(self, "latest", self.now + MAX_AHEAD)


class Sighting(NamedTuple):
    """An event that passed, with what storage needs beside it.

    Attributes:
        time: `seen_at` as the id carries it, to the millisecond.
        text: The body as it came.
    """

    topic: str
    event: Told
    time: datetime
    text: str
    sha256: str
    signature: Signature
    clock_suspect: bool


@dataclass(frozen=True, slots=True)
class StatusNote:
    """A box's retained word, or its last will."""

    topic: str
    box: str
    status: BoxStatus
    received_at: datetime
    payload: bytes


@dataclass(frozen=True, slots=True)
class TelemetryNote:
    """Short-lived figures of one camera."""

    topic: str
    box: str
    camera: str
    telemetry: CameraTelemetry
    payload: bytes


@dataclass(frozen=True, slots=True)
class Parked:
    """Refused, kept whole; `epoch` and `seq` where they could be read."""

    topic: str
    payload: bytes
    reason: Reason
    detail: str
    box: str | None = None
    epoch: UUID | None = None
    seq: int | None = None


Item = Sighting | StatusNote | TelemetryNote | Parked


class _EventFromJson(Event):
    """An event whose payload is known to be JSON: to look again would double the cost."""

    data: dict[str, Any]


class _Refused(Exception):
    """Carries the reason from the check that failed to `decode`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


def decode(wire: Wire, door: Door) -> Item:
    """Check one message; whatever comes in, something comes out and nothing is raised."""
    address = _parse(wire.topic)
    if address is None:
        return Parked(wire.topic, wire.payload, "topic", "no topic of this system")
    try:
        if address.channel == "ev":
            return _sighting(wire, address, door)
        if address.channel == "status":
            return _status(wire, address, door)
        return _telemetry(wire, address, door)
    except _Refused as refused:
        return park(wire.topic, wire.payload, refused.reason, refused.detail)


def park(topic: str, payload: bytes, reason: Reason, detail: str) -> Parked:
    """A message set aside, with its place in the box's sequence where that can be read."""
    address = _parse(topic)
    epoch, seq = _whereabouts(payload) if address and address.channel == "ev" else (None, None)
    # PostgreSQL's text takes neither NUL nor lone surrogates, and details quote the sender.
    plain = detail.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    return Parked(
        topic,
        payload,
        reason,
        plain[:_DETAIL_CHARACTERS],
        box=address.box if address else None,
        epoch=epoch,
        seq=seq,
    )


def _sighting(wire: Wire, address: topics.Address, door: Door) -> Sighting:
    if wire.retained:
        raise _Refused("retained", "events must not be retained")
    read = canonical.read(wire.payload, address.name)
    if read is not None:
        event, text, sha256 = read
        time = _place_and_time(event, address, door)
    else:
        body = _body(wire.payload)
        checked = _model(_EventFromJson, body)
        event = _told(checked)
        time = _place_and_time(event, address, door)
        event = _with_payload(event, _payload(checked))
        text, sha256 = wire.payload.decode(), content_sha256(body)
    return Sighting(
        wire.topic,
        event,
        time,
        text,
        sha256,
        _signature(event, text, sha256, door),
        _clock_suspect(event, time, door.now),
    )


def _told(event: Event) -> Told:
    """In plain values, but for what its kind adds."""
    place = event.location
    return Told(
        id=str(event.id),
        box=event.box,
        epoch=str(event.epoch),
        seq=event.seq,
        kind=event.kind,
        camera=event.camera,
        seen_at=event.seen_at,
        lon=place.lon if place else None,
        lat=place.lat if place else None,
        plate=None,
        state=None,
        simulated=event.simulated,
        replayed=event.replayed,
        synced=event.clock.synced,
        offset_ms=event.clock.offset_ms,
        prev=event.prev,
        sig=event.sig,
    )


def _with_payload(event: Told, payload: BaseModel) -> Told:
    if isinstance(payload, (PlateSeen, ViolationSeen)):
        return event._replace(plate=payload.plate.text if payload.plate else None)
    if isinstance(payload, CameraHealth):
        return event._replace(state=payload.state.value)
    return event


def _place_and_time(event: Told, address: topics.Address, door: Door) -> datetime:
    if event.box != address.box or event.kind != address.name:
        raise _Refused("topic_mismatch", f"body says {event.box}/{event.kind}")
    time = _time(event, door)
    lon, lat = event.lon, event.lat
    if lon is not None and lat is not None and not _in_extent(lon, lat):
        raise _Refused("outside_province", f"{lon}, {lat}")
    return time


def _payload(event: Event) -> BaseModel:
    try:
        return event.payload()
    except ValidationError as error:
        raise _Refused("schema", _first_error(error, "data")) from error


def _status(wire: Wire, address: topics.Address, door: Door) -> StatusNote:
    body = _body(wire.payload)
    status = _model(BoxStatus, body)
    if status.box is not None and status.box != address.box:
        raise _Refused("topic_mismatch", f"body says {status.box}")
    for card in status.cameras:
        if not card.location.in_extent():
            raise _Refused("outside_province", f"camera {card.id}")
    return StatusNote(wire.topic, address.box, status, door.now, wire.payload)


def _telemetry(wire: Wire, address: topics.Address, door: Door) -> TelemetryNote:
    body = _body(wire.payload)
    telemetry = _model(CameraTelemetry, body)
    _within_reach(telemetry.at, door)
    return TelemetryNote(wire.topic, address.box, address.name, telemetry, wire.payload)


def _body(payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_EVENT_BYTES:
        raise _Refused("oversize", f"{len(payload)} bytes, at most {MAX_EVENT_BYTES}")
    if b"\0" in payload:
        raise _Refused("nul_character", "raw NUL byte")
    try:
        text = payload.decode("utf-8")
        body = _STRICT.decode(text)
    except (ValueError, RecursionError) as error:
        raise _Refused("not_json", str(error)) from error
    if not isinstance(body, dict):
        raise _Refused("schema", "the body is no JSON object")
    # PostgreSQL's jsonb has no place for U+0000 nor for half a surrogate pair.
    if "\\u" in text:
        _storable(body)
    version = body.get("v")
    if type(version) is not int or version != VERSION:
        raise _Refused("version", f"v is {version!r}, this cloud reads {VERSION}")
    return body


def _storable(body: dict[str, Any]) -> None:
    try:
        plain = canonical_json(body)
    except UnicodeEncodeError as error:
        raise _Refused("not_json", f"lone surrogate: {error}") from error
    # In canonical JSON a NUL is spelled in just one way; an escaped backslash before
    # it would make it text about a NUL.
    if b"\\u0000" in plain.replace(b"\\\\", b""):
        raise _Refused("nul_character", "U+0000 in a string")


def _model(model: type[M], body: dict[str, Any]) -> M:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise _Refused("schema", _first_error(error)) from error


def _in_extent(lon: float, lat: float) -> bool:
    west, south, east, north = EXTENT
    return west <= lon <= east and south <= lat <= north


def _time(event: Told, door: Door) -> datetime:
    seen_at = event.seen_at
    _within_reach(seen_at, door)
    carried = _carried_ms(event.id)
    if carried != milliseconds(seen_at):
        raise _Refused("id_time", f"id carries {carried} ms, seen_at is {seen_at}")
    return EPOCH + timedelta(milliseconds=carried)


def _carried_ms(identifier: str) -> int | None:
    """`id_milliseconds` of a UUID that is still text: half of its price is the UUID."""
    if identifier[14] != "7" or identifier[19] not in "89ab":
        return None
    return int(identifier[:8] + identifier[9:13], 16)


def _within_reach(at: datetime, door: Door) -> None:
    if at > door.latest:
        raise _Refused("time_future", f"{at} is ahead of {door.now}")
    if at < door.earliest:
        raise _Refused("time_ancient", f"{at} is older than {door.retention.days} days")


def _clock_suspect(event: Told, time: datetime, now: datetime) -> bool:
    return (
        not event.synced or abs(event.offset_ms) > SUSPECT_OFFSET_MS or time - now > SUSPECT_OFFSET
    )


def _signature(event: Told, text: str, sha256: str, door: Door) -> Signature:
    """Whose word it is; one check speaks for the whole chain of hashes behind it.

    A check costs as much as all the rest of decoding. `prev` stands under the signature
    and covers every byte of the event before, its `sig` too, so that one needs no check.
    """
    if event.sig is None:
        return "unsigned"
    key = door.keys.get(event.box)
    if key is None:
        return "unknown_key"
    if (event.box, sha256) not in door.vouched:
        try:
            key.verify(b64decode(event.sig), signed_bytes(json.loads(text)))
        except InvalidSignature as error:
            raise _Refused("signature", "signature does not fit the registered key") from error
    if event.prev is not None:
        door.vouched.add((event.box, event.prev))
    return "valid"


def _whereabouts(payload: bytes) -> tuple[UUID | None, int | None]:
    """Epoch and seq of a body that is wrong elsewhere, so that its box can be told."""
    if len(payload) > _READABLE_BYTES:
        return None, None
    try:
        body = json.loads(payload.decode("utf-8"))
        epoch, seq = UUID(body["epoch"]), body["seq"]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None, None
    if type(seq) is not int or not 1 <= seq <= MAX_SEQ:
        return None, None
    return epoch, seq


def _first_error(error: ValidationError, *within: str) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in (*within, *first["loc"]))
    return f"{where}: {first['msg']}"


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused("duplicate_key", f"{twice!r} stands twice")
    return found


def _no_constant(name: str) -> float:
    raise _Refused("not_json", f"{name} is no JSON")


# Built once: json.loads with hooks would build a decoder for every message.
_STRICT: Final = json.JSONDecoder(object_pairs_hook=_without_repeats, parse_constant=_no_constant)
_parse: Final = lru_cache(maxsize=4096)(topics.parse)
