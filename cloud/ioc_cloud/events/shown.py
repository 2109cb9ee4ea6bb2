"""Events as the API shows them: in full to those who may, masked to the wall."""

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from ioc_cloud.db.pool import Connection
from ioc_models import plates
from ioc_models.events import EvidenceRef, ModelRef
from ioc_models.geo import Point


def iso(at: datetime) -> str:
    """ISO 8601 in UTC with `Z`, milliseconds."""
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Instant = Annotated[datetime, PlainSerializer(iso, return_type=str)]


class Shown(BaseModel):
    """Base of what the API answers."""

    model_config = ConfigDict(frozen=True)


class CommuneName(Shown):
    """The commune that a point lies in."""

    code: str
    name_vi: str
    name_en: str


class EvidenceOut(EvidenceRef):
    """A picture of an event; `stored` says whether its bytes have arrived."""

    stored: bool
    url: str


class EventOut(Shown):
    """An event; where `masked`, all that could tell whose vehicle it was is left out."""

    id: str
    kind: str
    box: str
    camera: str | None
    seen_at: Instant
    received_at: Instant
    location: Point | None
    commune: CommuneName | None
    plate: str | None = Field(description="Như máy đọc / as read: 69A12345")
    plate_display: str | None = Field(description="Như trên biển / as painted: 69A-123.45")
    masked: bool
    simulated: bool
    replayed: bool
    clock_suspect: bool
    signature: Literal["valid", "unsigned", "unknown_key"]
    data: dict[str, Any]
    evidence: tuple[EvidenceOut, ...]
    models: tuple[ModelRef, ...]
    change: int | None

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "019391d5-6c00-7cc3-98c4-dc0c0c07398f",
                    "kind": "plate",
                    "box": "demo-1",
                    "camera": "nga-tu-1",
                    "seen_at": "2026-11-24T03:00:00.000Z",
                    "received_at": "2026-11-24T03:00:00.120Z",
                    "location": {"lon": 105.1524, "lat": 9.1769},
                    "commune": {
                        "code": "32002",
                        "name_vi": "Phường An Xuyên",
                        "name_en": "An Xuyen Ward",
                    },
                    "plate": None,
                    "plate_display": "69••••••",
                    "masked": True,
                    "simulated": True,
                    "replayed": False,
                    "clock_suspect": False,
                    "signature": "valid",
                    "data": {"plate": {"legal": True, "confidence": 0.97}},
                    "evidence": [],
                    "models": [],
                    "change": 4711,
                }
            ]
        },
    )


Row = tuple[Any, ...]


def masked(row: Row) -> EventOut:
    """A row of `api_sql.EVENT` without what could tell whose vehicle it was."""
    body = row[13]
    cover = _FOR_WALL.get(row[4], _figures)
    return EventOut(
        **_common(row),
        plate=None,
        plate_display=plates.masked(row[8]) if row[8] else None,
        masked=True,
        data=cover(body["data"]),
        evidence=(),
        models=_models(body),
    )


def in_full(row: Row, stored: frozenset[str]) -> EventOut:
    """A row of `api_sql.EVENT` as it is; `stored` are the hashes whose bytes are here."""
    body = row[13]
    return EventOut(
        **_common(row),
        plate=row[8],
        plate_display=plates.for_people(row[8]) if row[8] else None,
        masked=False,
        data=body["data"],
        evidence=tuple(
            EvidenceOut(
                **ref,
                stored=ref["sha256"] in stored,
                url=f"/api/evidence/{ref['sha256']}",
            )
            for ref in body.get("evidence", ())
        ),
        models=_models(body),
    )


def pictures(rows: list[Row]) -> list[str]:
    """Hashes of all pictures that the rows name."""
    return [ref["sha256"] for row in rows for ref in row[13].get("evidence", ())]


def all_in_full(connection: Connection, rows: list[Row], stored_query: str) -> list[EventOut]:
    """Rows in full, with one look-up of which pictures have arrived."""
    named = [bytes.fromhex(sha256) for sha256 in pictures(rows)]
    found = connection.execute(stored_query, (named,)).fetchall() if named else []
    stored = frozenset(str(row[0]) for row in found)
    return [in_full(row, stored) for row in rows]


def _common(row: Row) -> dict[str, Any]:
    return {
        "id": str(row[0]),
        "seen_at": row[1],
        "received_at": row[2],
        "box": row[3],
        "kind": row[4],
        "camera": row[5],
        "location": None if row[6] is None else Point(lon=row[6], lat=row[7]),
        "simulated": row[9],
        "replayed": row[10],
        "clock_suspect": row[11],
        "signature": row[12],
        "change": row[14],
        "commune": None
        if row[15] is None
        else CommuneName(code=row[15], name_vi=row[16], name_en=row[17]),
    }


def _models(body: Mapping[str, Any]) -> tuple[ModelRef, ...]:
    return tuple(ModelRef(**model) for model in body.get("models", ()))


def _plate(data: dict[str, Any]) -> dict[str, Any]:
    kept = {name: data["plate"].get(name) for name in ("confidence", "legal", "lines")}
    return {"plate": kept, "vehicle": data.get("vehicle")}


def _violation(data: dict[str, Any]) -> dict[str, Any]:
    # What happened where; neither pictures' times nor the case, which follows the vehicle.
    kept = ("rule", "lane", "light", "zone", "vehicle", "indicative")
    return {name: data[name] for name in kept if name in data}


def _traffic(data: dict[str, Any]) -> dict[str, Any]:
    return data


def _health(data: dict[str, Any]) -> dict[str, Any]:
    # `detail` may quote a stream's address, and with it a password.
    return {name: data[name] for name in ("state", "before")}


def _figures(data: dict[str, Any]) -> dict[str, Any]:
    """Numbers and switches of a station; free text could be anything, a plate too."""
    values = {
        name: value
        for name, value in data.get("values", {}).items()
        if isinstance(value, bool | int | float)
    }
    return {"values": values}


_FOR_WALL: Final[Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "plate": _plate,
    "violation": _violation,
    "traffic": _traffic,
    "health": _health,
}
