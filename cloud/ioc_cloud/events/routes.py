"""History and evidence over HTTP."""

from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from ioc_cloud import audit
from ioc_cloud.access import State, StateOf, Who, problems
from ioc_cloud.auth.principal import Principal
from ioc_cloud.auth.scopes import EVENTS_READ, EVIDENCE_READ, EVIDENCE_WRITE, WALL_READ
from ioc_cloud.db import api_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import (
    BodyTooLarge,
    EvidenceMismatch,
    NotAllowed,
    NotFound,
    WrongMediaType,
)
from ioc_cloud.events import search, shown
from ioc_cloud.events.evidence import READ_BYTES, Upload
from ioc_cloud.events.shown import EventOut, Row
from ioc_models.events import MAX_EVIDENCE_BYTES

router = APIRouter(prefix="/api", tags=["Sự kiện / Events"])

MEDIA_TYPES = ("image/jpeg", "image/png", "video/mp4", "application/vnd.age")
# Who may fetch what shows people uncovered, sealed or not.
RESTRICTED_TO = "police"
Hash = Annotated[
    str,
    Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256, chữ thường / lower case hexadecimal"),
]


class EventPage(BaseModel):
    """Newest first; `next` continues behind the last, null at the end."""

    items: list[EventOut]
    next: str | None


class Search(search.Filter):
    """Filters with the page they ask for."""

    limit: Annotated[int, Field(ge=1, le=search.MAX_PAGE)] = 100
    cursor: Annotated[
        str | None,
        Field(max_length=4000, description="`next` của trang trước / of the page before"),
    ] = None

    def wanted(self) -> search.Filter:
        """The question without its page."""
        given = self.model_dump(exclude_unset=True, exclude={"limit", "cursor"})
        return search.Filter.model_validate(given)


@router.get(
    "/events", summary="Tìm sự kiện / search events", responses=problems(400, 401, 403, 422, 503)
)
def find_events(asked: Annotated[Search, Query()], who: Who, state: StateOf) -> EventPage:
    """Mới nhất trước; `events:read` thấy biển số và bị ghi nhật ký, `wall:read` chỉ thấy che.

    Newest first. `events:read` sees plates and is audited; `wall:read` sees them masked
    and may not search by plate.
    """
    who.must(EVENTS_READ, WALL_READ)
    with state.pool.connection() as connection:
        wanted, rows, following = search.page(
            connection, state.cursors(connection), asked.wanted(), asked.limit, asked.cursor
        )
        if wanted.plate is not None and not who.may(EVENTS_READ):
            # Else the wall could ask for plates one by one.
            raise NotAllowed("searching by plate needs events:read")
        question = wanted.model_dump(mode="json", by_alias=True, exclude_none=True)
        items = _visible(connection, who, rows, "events.search", {"filter": question})
    return EventPage(items=items, next=following)


@router.get(
    "/events/{event_id}",
    summary="Một sự kiện / one event",
    responses=problems(401, 403, 404, 422, 503),
)
def get_event(event_id: UUID, who: Who, state: StateOf) -> EventOut:
    """Theo mã UUIDv7 / by its UUIDv7."""
    who.must(EVENTS_READ, WALL_READ)
    with state.pool.connection() as connection:
        row = search.one(connection, event_id)
        if row is None:
            raise NotFound(f"event {event_id}")
        return _visible(connection, who, [row], "events.get", {})[0]


def _visible(
    connection: Connection, who: Principal, rows: list[Row], action: str, detail: dict[str, Any]
) -> list[EventOut]:
    """In full with an audit row in the same transaction, or masked without one."""
    if not who.may(EVENTS_READ):
        return [shown.masked(row) for row in rows]
    ids = [str(row[0]) for row in rows]
    audit.write(connection, who.name, action, "event", detail | {"ids": ids})
    return shown.all_in_full(connection, rows, sql.STORED)


@router.put(
    "/evidence/{sha256}",
    summary="Gửi ảnh chứng cứ / upload evidence",
    tags=["Chứng cứ / Evidence"],
    status_code=201,
    response_class=Response,
    responses={
        200: {"description": "Đã có / present already"},
        201: {"description": "Đã lưu / stored"},
        **problems(401, 403, 409, 413, 415, 422, 503),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                name: {"schema": {"type": "string", "format": "binary"}} for name in MEDIA_TYPES
            },
        }
    },
)
async def put_evidence(sha256: Hash, request: Request, who: Who, state: StateOf) -> Response:
    """Băm trong khi nhận; gửi lại bao nhiêu lần cũng được / hashed while it streams, idempotent."""
    who.must(EVIDENCE_WRITE)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        await run_in_threadpool(_count, state, "media_type")
        raise WrongMediaType(f"{media_type or 'nothing'}; accepted: {', '.join(MEDIA_TYPES)}")
    upload = await run_in_threadpool(state.evidence.begin)
    try:
        await _receive(request, upload, state)
        new = await run_in_threadpool(_keep, state, upload, sha256, media_type, who.box or "")
    finally:
        await run_in_threadpool(upload.discard)
    return Response(status_code=201 if new else 200)


async def _receive(request: Request, upload: Upload, state: State) -> None:
    announced = request.headers.get("content-length", "")
    too_large = announced.isdecimal() and int(announced) > MAX_EVIDENCE_BYTES
    if not too_large:
        async for chunk in request.stream():
            if upload.size + len(chunk) > MAX_EVIDENCE_BYTES:
                too_large = True
                break
            await run_in_threadpool(upload.write, chunk)
    if too_large:
        await run_in_threadpool(_count, state, "too_large")
        raise BodyTooLarge(MAX_EVIDENCE_BYTES)


def _keep(state: State, upload: Upload, named: str, media_type: str, box: str) -> bool:
    found = upload.sha256()
    if found != named:
        upload.set_aside()
        _count(state, "mismatch")
        raise EvidenceMismatch(named, found)
    size = upload.size
    new = upload.keep()
    with state.pool.connection() as connection:
        row = (bytes.fromhex(named), size, media_type, box)
        added = connection.execute(sql.EVIDENCE_ADD, row).rowcount
    return new or bool(added)


def _count(state: State, reason: str) -> None:
    with state.pool.connection() as connection:
        connection.execute(sql.COUNT_AT_DOOR, ("evidence", reason))


@router.get(
    "/evidence/{sha256}",
    summary="Xem ảnh chứng cứ / evidence of an event",
    tags=["Chứng cứ / Evidence"],
    response_class=Response,
    responses={
        200: {
            "description": "Nội dung / the bytes",
            "content": {
                name: {"schema": {"type": "string", "format": "binary"}} for name in MEDIA_TYPES
            },
        },
        **problems(401, 403, 404, 422, 503),
    },
)
def get_evidence(sha256: Hash, who: Who, state: StateOf) -> Response:
    """Chỉ ảnh của một sự kiện đã nhận; mỗi lần xem ghi nhật ký.

    Only what an event names; every look is audited. What an event calls `restricted_...`
    shows people uncovered and is for the role `police` alone; `application/vnd.age` is
    sealed for their key.
    """
    who.must(EVIDENCE_READ)
    with state.pool.connection() as connection:
        row = connection.execute(sql.EVIDENCE_OF_EVENT, (bytes.fromhex(sha256),)).fetchone()
        if row is None:
            raise NotFound(f"evidence {sha256}")
        if row[3] and RESTRICTED_TO not in who.roles:
            raise NotAllowed(f"restricted evidence needs the role {RESTRICTED_TO}")
        audit.write(connection, who.name, "evidence.get", sha256, {"event": str(row[2])})
    try:
        file = state.evidence.open(sha256)
    except FileNotFoundError as error:
        raise NotFound(f"evidence {sha256}: the bytes are gone") from error
    return StreamingResponse(
        _chunks(file),
        media_type=row[1],
        headers={
            "Content-Length": str(row[0]),
            # The address is the hash: these bytes can never change.
            "Cache-Control": "private, max-age=31536000, immutable",
            "ETag": f'"{sha256}"',
        },
    )


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(READ_BYTES):
            yield chunk
