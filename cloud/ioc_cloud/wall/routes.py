"""What the wall asks for: cameras, communes, counts, and the live line."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sse_starlette import EventSourceResponse, ServerSentEvent

from ioc_cloud.access import StateOf, Who, problems
from ioc_cloud.auth.scopes import EVENTS_READ, FEEDS_READ, WALL_READ
from ioc_cloud.db import api_sql as sql
from ioc_cloud.events import communes
from ioc_cloud.wall import shown, stream
from ioc_cloud.wall.shown import CameraOut, Communes, CountRow

router = APIRouter(prefix="/api", tags=["Màn hình / Wall"])

MAX_CHANGE = 2**62


class GeoJson(JSONResponse):
    """JSON under its own media type (RFC 7946, 12)."""

    media_type = "application/geo+json"


class CameraList(BaseModel):
    """All cameras that have a place on the map."""

    items: list[CameraOut]


class CountList(BaseModel):
    """Counts by commune and kind."""

    hours: int
    items: list[CountRow]


@router.get("/cameras", summary="Danh sách camera / cameras", responses=problems(401, 403, 503))
def list_cameras(who: Who, state: StateOf) -> CameraList:
    """Trạng thái hiện tại của từng camera / each camera as it is now."""
    who.must(WALL_READ, EVENTS_READ)
    with state.pool.connection() as connection:
        return CameraList(items=shown.cameras(connection))


@router.get(
    "/communes",
    summary="Ranh giới 64 xã, phường / the 64 communes",
    response_model=Communes,
    response_class=GeoJson,
    responses={304: {"description": "Không đổi / not modified"}, **problems(401, 403, 503)},
)
def list_communes(
    who: Who, state: StateOf, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """GeoJSON, có ETag / GeoJSON with an ETag."""
    who.must(WALL_READ, EVENTS_READ, FEEDS_READ)
    with state.pool.connection() as connection:
        etag = communes.etag(connection)
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if if_none_match is not None and etag in if_none_match:
            return Response(status_code=304, headers=headers)
        found = Communes.model_validate(communes.feature_collection(connection))
    return GeoJson(found.model_dump(mode="json"), headers=headers)


@router.get("/counts", summary="Đếm theo xã, loại / counts", responses=problems(401, 403, 422, 503))
def count_events(
    who: Who,
    state: StateOf,
    hours: Annotated[
        int,
        Query(
            ge=0,
            le=24 * 400,
            description="Số giờ trước giờ đang chạy / hours before the running one, which counts",
        ),
    ] = 24,
) -> CountList:
    """Từ bảng tổng hợp theo giờ, gồm cả giờ đang chạy / from hourly rollups, this hour included."""
    who.must(WALL_READ, EVENTS_READ)
    with state.pool.connection() as connection:
        rows = connection.execute(sql.COUNTS, {"hours": hours}).fetchall()
    items = [CountRow(commune=c, kind=k, n=n, simulated=s) for c, k, n, s in rows]
    return CountList(hours=hours, items=items)


@router.get(
    "/stream",
    summary="Dòng sự kiện trực tiếp / live line",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "`event` (EventOut), `camera` (CameraOut), `box` (BoxOut), `reset`; "
            "`id` là số thay đổi / `id` is the change number",
            "content": {
                "text/event-stream": {
                    "schema": {"type": "string"},
                    "example": 'id: 4711\nevent: event\ndata: {"id": "..."}\n\n',
                }
            },
        },
        **problems(401, 403, 422, 503),
    },
)
async def follow(
    who: Who,
    state: StateOf,
    after: Annotated[int | None, Query(ge=0, le=MAX_CHANGE)] = None,
    last_event_id: Annotated[int | None, Header(ge=0, le=MAX_CHANGE)] = None,
) -> EventSourceResponse:
    """Nối lại từ `Last-Event-ID` hoặc `after`, không sót, không lặp.

    Resumes behind `Last-Event-ID` (which wins) or `after`: nothing missed, nothing twice.
    """
    who.must(WALL_READ, EVENTS_READ)
    behind = last_event_id if last_event_id is not None else after
    return EventSourceResponse(
        stream.changes(state, who, behind),
        ping=stream.KEEP_ALIVE_S,
        ping_message_factory=lambda: ServerSentEvent(comment="ping"),
        send_timeout=stream.SEND_TIMEOUT_S,
        headers={"Cache-Control": "no-store"},
    )
