"""Search in history: filters, and a signed cursor that carries its own question."""

import base64
import hashlib
import hmac
import json
from datetime import datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from ioc_cloud.db import api_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import BadCursor, BadFilter
from ioc_cloud.events.shown import Row
from ioc_models import plates
from ioc_models.events import CameraId, Kind, id_milliseconds
from ioc_models.geo import Point

MAX_PAGE: Final = 500


def _box_of_four(text: str) -> str:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
        Point(lon=west, lat=south), Point(lon=east, lat=north)
    except ValueError as error:
        raise ValueError("four numbers in degrees: west,south,east,north") from error
    if west > east or south > north:
        raise ValueError("west <= east and south <= north")
    return text


BoundingBox = Annotated[str, StringConstraints(max_length=100), AfterValidator(_box_of_four)]


class Filter(BaseModel):
    """What to search for; what is not given does not matter."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    from_at: Annotated[
        AwareDatetime | None,
        Field(alias="from", description="Từ lúc / seen at or after, ISO 8601 with zone"),
    ] = None
    to_at: Annotated[
        AwareDatetime | None, Field(alias="to", description="Đến trước / seen before")
    ] = None
    kind: Annotated[Kind | None, Field(description="Loại / kind: plate, traffic, health ...")] = (
        None
    )
    box: Annotated[CameraId | None, Field(description="Thiết bị / box")] = None
    camera: Annotated[CameraId | None, Field(description="Camera")] = None
    commune: Annotated[
        Annotated[str, StringConstraints(pattern=r"^\d{1,10}$")] | None,
        Field(description="Mã xã, phường / commune code (GSO)", examples=["32002"]),
    ] = None
    bbox: Annotated[
        BoundingBox | None,
        Field(description="tây,nam,đông,bắc / west,south,east,north", examples=["105,9,105.3,9.3"]),
    ] = None
    plate: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=20)] | None,
        Field(description="Biển số, dấu nào cũng được / plate, any punctuation: 69A-123.45"),
    ] = None
    simulated: Annotated[bool | None, Field(description="Mô phỏng / simulated only, or not")] = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_at is not None and self.to_at is not None and self.from_at >= self.to_at:
            raise ValueError("`from` must lie before `to`")
        return self

    def parameters(self) -> dict[str, Any]:
        """For `api_sql.EVENTS`."""
        sides: list[float | None] = [None] * 4
        if self.bbox is not None:
            sides = [float(part) for part in self.bbox.split(",")]
        named = dict(zip(("west", "south", "east", "north"), sides, strict=True))
        return {
            "from": self.from_at,
            "to": self.to_at,
            "kind": self.kind,
            "box": self.box,
            "camera": self.camera,
            "commune": self.commune,
            "plate_key": plates.search_key(self.plate) if self.plate else None,
            "simulated": self.simulated,
            **named,
        }


class Cursors:
    """Makes and reads page cursors; a cursor continues its own question and no other."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def after(self, wanted: Filter, row: Row) -> str:
        """The cursor that continues behind this row."""
        question = wanted.model_dump(mode="json", by_alias=True, exclude_none=True)
        text = json.dumps([question, row[1].isoformat(), str(row[0])], separators=(",", ":"))
        return _b64(text.encode()) + "." + _b64(self._mark(text.encode()))

    def read(self, cursor: str, given: Filter) -> tuple[Filter, datetime, UUID]:
        """The question and the place in its answer.

        Raises:
            BadCursor: Not made here, or made for another question than the one given.
        """
        head, _, mark = cursor.partition(".")
        try:
            text = _from_b64(head)
            if not hmac.compare_digest(self._mark(text), _from_b64(mark)):
                raise BadCursor("the signature does not fit")
            question, time, identifier = json.loads(text)
            wanted = Filter.model_validate(question)
            place = datetime.fromisoformat(time), UUID(identifier)
        except (ValueError, TypeError, ValidationError) as error:
            raise BadCursor("not a cursor of this system") from error
        if given.model_fields_set and given != wanted:
            raise BadCursor("made for another question; repeat its filters or leave them out")
        return wanted, *place

    def _mark(self, text: bytes) -> bytes:
        return hmac.new(self._key, text, hashlib.sha256).digest()


def cursors(connection: Connection) -> Cursors:
    """With the key that this database was born with."""
    row = connection.execute(sql.CURSOR_KEY).fetchone()
    if row is None:
        raise LookupError("cursor_key is missing from ioc_meta")
    return Cursors(str(row[0]).encode())


def page(
    connection: Connection, cursors_: Cursors, given: Filter, limit: int, cursor: str | None
) -> tuple[Filter, list[Row], str | None]:
    """One page, newest first: the question it answers, its rows, and the next cursor.

    Raises:
        BadCursor: See `Cursors.read`.
    """
    wanted, before, before_id = given, None, None
    if cursor is not None:
        wanted, before, before_id = cursors_.read(cursor, given)
    if wanted.plate is not None and not plates.search_key(wanted.plate):
        raise BadFilter("plate holds no letter and no digit")
    place = {"before": before, "before_id": before_id, "limit": limit + 1}
    # Never prepared: with a generic plan the conditions that are off would cost the index.
    rows = connection.execute(sql.EVENTS, wanted.parameters() | place, prepare=False).fetchall()
    more = len(rows) > limit
    return wanted, rows[:limit], cursors_.after(wanted, rows[limit - 1]) if more else None


def one(connection: Connection, event_id: UUID) -> Row | None:
    """The event; its id says in which week to look."""
    carried = id_milliseconds(event_id)
    if carried is None:
        return None
    parameters = {"id": event_id, "ms": carried}
    return connection.execute(sql.EVENT, parameters).fetchone()


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _from_b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
