"""What a box tells the cloud: one envelope, a payload by kind."""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from ioc_models import topics
from ioc_models.geo import Point
from ioc_models.plates import Layout
from ioc_models.violations.contract import ViolationSeen

VERSION: Final = 1
EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND: Final = timedelta(milliseconds=1)
# Small enough that a slow uplink carries an alarm at once; pictures go apart, by HTTPS.
MAX_EVENT_BYTES: Final = 64 * 1024
MAX_EVIDENCE_BYTES: Final = 32 * 1024 * 1024
# The last is a picture or clip sealed for the police (age-encryption.org/v1).
MediaType = Literal["image/jpeg", "image/png", "video/mp4", "application/vnd.age"]

BoxId = Annotated[str, StringConstraints(pattern=f"^{topics.NAME}$")]
CameraId = Annotated[str, StringConstraints(pattern=f"^{topics.NAME}$")]
Kind = Annotated[str, StringConstraints(pattern=f"^{topics.KIND}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Seq = Annotated[int, Field(ge=1, le=2**62, strict=True)]
Text = Annotated[str, StringConstraints(max_length=2000)]


class Message(BaseModel):
    """Base of all that crosses the wire: unknown keys are errors, values are final."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Clock(Message):
    """How far the sensor's own clock can be trusted."""

    synced: bool
    offset_ms: Annotated[float, Field(ge=-1e12, le=1e12)] = 0.0


class EvidenceRef(Message):
    """A picture or clip that travels apart, under its own hash."""

    role: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    sha256: Sha256
    bytes: Annotated[int, Field(ge=1, le=MAX_EVIDENCE_BYTES)]
    media_type: MediaType


class ModelRef(Message):
    """The model that saw it."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    sha256: Sha256


class PlateReading(Message):
    """A plate as voted over a track's best shots."""

    text: Annotated[str, StringConstraints(pattern=r"^[0-9A-ZĐ]{1,12}$")]
    raw: Annotated[str, StringConstraints(max_length=40)]
    confidence: Share
    characters: Annotated[tuple[Share, ...], Field(max_length=12)] = ()
    legal: bool
    lines: Literal[1, 2] | None = None
    runner_up: Annotated[str, StringConstraints(max_length=40)] | None = None
    margin: Share = 0.0
    votes: Annotated[int, Field(ge=1, le=10_000)] = 1
    # The colour behind the letters, and every layout that is left over by all that was seen.
    ground: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,16}$")] | None = None
    layouts: Annotated[tuple[Layout, ...], Field(max_length=8)] = ()


class Vehicle(Message):
    """What carried the plate."""

    label: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]
    confidence: Share


class TrackSpan(Message):
    """When a camera followed it."""

    id: Annotated[int, Field(ge=0)]
    first_seen_at: AwareDatetime
    last_seen_at: AwareDatetime
    frames: Annotated[int, Field(ge=1)]


class PlateSeen(Message):
    """Payload of kind `plate`."""

    plate: PlateReading
    vehicle: Vehicle | None = None
    track: TrackSpan | None = None


class TrafficCount(Message):
    """Payload of kind `traffic`: vehicles whose tracks ended in the window."""

    from_at: AwareDatetime
    to_at: AwareDatetime
    counts: dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")], Annotated[int, Field(ge=0)]
    ] = Field(max_length=32)
    frames: Annotated[int, Field(ge=0)]


class CameraState(str, Enum):
    """What can be said of a camera."""

    STARTING = "starting"
    OK = "ok"
    NO_SIGNAL = "no_signal"
    ENDED = "ended"
    BROKEN = "broken"


class CameraHealth(Message):
    """Payload of kind `health`: sent when a camera's state changes."""

    state: CameraState
    before: CameraState
    detail: Text = ""


class Observation(Message):
    """Payload of any kind not named above: figures of a station, vessel or meter."""

    values: dict[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")],
        float | bool | Annotated[str, StringConstraints(max_length=500)],
    ] = Field(min_length=1, max_length=64)


PAYLOADS: Final[Mapping[str, type[BaseModel]]] = {
    "plate": PlateSeen,
    "violation": ViolationSeen,
    "traffic": TrafficCount,
    "health": CameraHealth,
}


class Event(Message):
    """One thing that happened, in the words of the box that saw it.

    `id` is a UUIDv7 whose milliseconds are those of `seen_at` (see `new_id`): the
    same id always means the same time, which lets storage split by time and still
    know a repeat. `seq` counts up without holes within `epoch`, the life of one
    spool file, so the cloud can prove that nothing is missing. `prev` is the
    content hash of the event before it, `sig` the box's Ed25519 signature over
    `signed_bytes`, base64.
    """

    v: Literal[1] = VERSION
    id: UUID
    box: BoxId
    epoch: UUID
    seq: Seq
    boot: UUID
    kind: Kind
    camera: CameraId | None = None
    seen_at: AwareDatetime
    clock: Clock
    replayed: bool = False
    simulated: bool = False
    location: Point | None = None
    data: dict[str, JsonValue]
    evidence: Annotated[tuple[EvidenceRef, ...], Field(max_length=16)] = ()
    models: Annotated[tuple[ModelRef, ...], Field(max_length=8)] = ()
    config_sha256: Sha256 | None = None
    prev: Sha256 | None = None
    sig: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")] | None = None

    def payload(self) -> BaseModel:
        """The payload as its kind's model.

        Raises:
            pydantic.ValidationError: `data` does not fit `kind`.
        """
        return PAYLOADS.get(self.kind, Observation).model_validate(self.data, strict=False)


class CameraCard(Message):
    """What a box says of a camera at birth."""

    id: CameraId
    title_vi: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    title_en: Annotated[str, StringConstraints(max_length=200)] = ""
    location: Point
    simulated: bool = False
    state: CameraState = CameraState.STARTING


class BoxStatus(Message):
    """Retained word of a box; the Last Will carries `online` alone."""

    v: Literal[1] = VERSION
    online: bool
    box: BoxId | None = None
    at: AwareDatetime | None = None
    boot: UUID | None = None
    epoch: UUID | None = None
    versions: dict[str, str] = Field(default_factory=dict, max_length=32)
    config_sha256: Sha256 | None = None
    cameras: Annotated[tuple[CameraCard, ...], Field(max_length=64)] = ()


class CameraTelemetry(Message):
    """Short-lived figures of one camera; losing some is no loss."""

    v: Literal[1] = VERSION
    at: AwareDatetime
    state: CameraState
    fps: Annotated[float, Field(ge=0, le=1000)]
    skipped_frames: Annotated[int, Field(ge=0)] = 0
    spool_events: Annotated[int, Field(ge=0)] = 0
    evidence_pending: Annotated[int, Field(ge=0)] = 0
    clock_offset_ms: float = 0.0
    temperature_c: float | None = None


class Rejection(Message):
    """An event the cloud will not take, and why; it was parked, not dropped."""

    seq: Seq
    code: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]


class Ack(Message):
    """What the cloud has durably committed, as closed ranges of `seq`."""

    epoch: UUID
    ok: tuple[tuple[Seq, Seq], ...] = ()
    rej: tuple[Rejection, ...] = ()


def new_id(seen_at: datetime) -> UUID:
    """A UUIDv7 (RFC 9562, 5.7) whose time is `seen_at`, milliseconds, rest random."""
    random = int.from_bytes(secrets.token_bytes(10), "big")
    value = (milliseconds(seen_at) & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def id_milliseconds(event_id: UUID) -> int | None:
    """Milliseconds since 1970 inside a UUIDv7; None for any other UUID."""
    number = event_id.int
    # Version and variant by hand: `UUID.version` costs as much as all the rest of this.
    return number >> 80 if (number >> 76 & 0xF, number >> 62 & 0x3) == (0x7, 0x2) else None


def milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970, without a float in between."""
    return (at - EPOCH) // _MILLISECOND


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """JSON that gives the same bytes for the same value: sorted keys, no spaces."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def content_sha256(body: Mapping[str, Any]) -> str:
    """Hash of an event as decoded from the wire, `replayed` aside: a repeat is no change."""
    return hashlib.sha256(
        canonical_json({key: value for key, value in body.items() if key != "replayed"})
    ).hexdigest()


def signed_bytes(body: Mapping[str, Any]) -> bytes:
    """What a box signs: everything but the signature and the `replayed` mark."""
    return canonical_json(
        {key: value for key, value in body.items() if key not in {"sig", "replayed"}}
    )


def ranges(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Sorted, distinct numbers as closed ranges: 1 2 3 7 -> (1, 3) (7, 7)."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return tuple(found)
