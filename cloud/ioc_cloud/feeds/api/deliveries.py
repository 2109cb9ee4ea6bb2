"""Deliveries over HTTP: batches from systems, workbooks from people, receipts, undoing."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory
from typing import Annotated, Any, BinaryIO, Final, Literal, Self

from fastapi import APIRouter, File, Form, Header, Path, Query, Request, Response, UploadFile
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.concurrency import run_in_threadpool

from ioc_cloud import audit
from ioc_cloud.access import State, StateOf, Who, problems
from ioc_cloud.auth.principal import Principal
from ioc_cloud.auth.scopes import FEEDS_READ, FEEDS_STEWARD, FEEDS_WRITE
from ioc_cloud.db import feeds_read_sql as sql
from ioc_cloud.errors import BadFilter, NotFound
from ioc_cloud.events.shown import Instant, Shown
from ioc_cloud.feeds import originals, template, upload
from ioc_cloud.feeds.api.part import FeedId, Feeds, FeedsOf, ReaderOf, owned
from ioc_cloud.feeds.batch import Batch, Receipt, Rows
from ioc_cloud.feeds.deliver import deliver, undo
from ioc_cloud.feeds.errors import DeliveryRefused
from ioc_models.feeds import Contract, Period, periods

router = APIRouter(prefix="/api", tags=["Nộp số liệu / Deliveries"])

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS: Final = 100_000
MOST_PROBLEMS: Final = 1_000
MOST_BATCHES: Final = 100
READ_BYTES: Final = 256 * 1024
Cells = dict[str, str | float | bool | None]
Number = Annotated[int, Path(ge=1, le=2**62)]


class BatchIn(BaseModel):
    """Rows of one table (`rows`) or of several (`tables`)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "table": "ngay",
                    "changed_at": "2026-11-24T17:00:00+07:00",
                    "controls": {"ngay": {"visits": 120}},
                    "rows": [
                        {
                            "area": "31825", "period": "2026-11-24", "visits": 120,
                            "inpatients": 30, "beds": 60, "dengue": 1, "hfmd": 0,
                        }
                    ],
                }
            ]
        },
    )  # fmt: skip

    table: str | None = Field(default=None, max_length=40)
    rows: list[Cells] | None = Field(default=None, max_length=MOST_ROWS)
    tables: dict[str, list[Cells]] | None = None
    changed_at: AwareDatetime | None = None
    controls: dict[str, dict[str, float]] = Field(default_factory=dict)
    simulated: bool = False
    note: Annotated[str, StringConstraints(max_length=2000)] = ""


class ProblemOut(Shown):
    """What is wrong, with its address."""

    table: str
    row: int
    place: str
    field: str | None
    rule: str
    dimension: str
    severity: Literal["error", "warning"]
    value: str | None
    vi: str
    en: str


class ChangeOut(Shown):
    """A figure that a delivery corrects."""

    table: str
    area: str
    period: str
    key: str
    field: str
    before: str | float | bool | None
    after: str | float | bool | None
    version: int


class ReceiptOut(Shown):
    """What became of a delivery; `batch` is null for a trial."""

    batch: int | None
    feed: str
    status: Literal["accepted", "partial", "refused", "repeated"]
    rows_in: int
    rows_new: int
    rows_changed: int
    rows_same: int
    rows_parked: int
    errors: int
    warnings: int
    version: int
    periods: list[str]
    missing: int
    received_at: Instant | None
    counts: dict[str, int]
    problems: list[ProblemOut]
    changes: list[ChangeOut]


class BatchOut(Shown):
    """A delivery as it is kept."""

    id: int
    feed: str
    door: str
    provenance: str
    sent_by: str
    signed_by: str | None
    original_name: str | None
    original_bytes: int | None
    original_sha256: str | None
    status: Literal["accepted", "partial", "refused", "undone"]
    rows_in: int
    rows_new: int
    rows_changed: int
    rows_same: int
    rows_parked: int
    problems: dict[str, int]
    changed_at: Instant | None
    received_at: Instant
    note: str
    undone_at: Instant | None
    undone_by: str | None
    undo_reason: str | None


class BatchPage(BaseModel):
    """Newest first; `next` is the `before` of the page behind, null at the end."""

    items: list[BatchOut]
    next: int | None


class ParkedOut(Shown):
    """A row that was kept out, as it came."""

    table: str
    row: int
    place: str
    area: str | None
    period: str | None
    key: str | None
    raw: dict[str, Any]


class BatchDetail(BaseModel):
    """A delivery with what was wrong in it."""

    batch: BatchOut
    problems: list[ProblemOut]
    parked: list[ParkedOut]


class Undo(BaseModel):
    """Why a delivery is taken back."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(min_length=3, max_length=500, strip_whitespace=True)]


class Undone(BaseModel):
    """Which feed the delivery was of."""

    batch: int
    feed: str


def shown(receipt: Receipt) -> ReceiptOut:
    """A receipt for its sender."""
    return ReceiptOut.model_validate(receipt, from_attributes=True)


def _answer(receipt: Receipt) -> Response:
    """201 for what is new, 200 for what had come before, 422 for what was refused."""
    body = shown(receipt).model_dump(mode="json")
    if receipt.status == "refused":
        error = DeliveryRefused(f"{receipt.errors} lỗi / errors; xem / see `errors`")
        content = {
            "type": f"/problems/{error.slug}",
            "title": error.title,
            "status": int(error.status),
            "detail": str(error),
            "errors": body.pop("problems"),
            "receipt": body,
        }
        return JSONResponse(content, int(error.status), media_type="application/problem+json")
    return JSONResponse(body, 200 if receipt.status == "repeated" else 201)


@router.post(
    "/feeds/{feed_id}/batches",
    status_code=201,
    summary="Nộp một lô / deliver a batch",
    response_model=ReceiptOut,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": BatchIn.model_json_schema()}},
        }
    },
    responses={
        200: {"model": ReceiptOut, "description": "Đã nhận trước đây / had come before"},
        **problems(400, 401, 403, 404, 409, 413, 422, 503),
    },
)
async def post_batch(
    feed_id: FeedId,
    request: Request,
    who: Who,
    state: StateOf,
    feeds: FeedsOf,
    idempotency_key: Annotated[
        str | None, Header(max_length=200, pattern=r"^[\x21-\x7e]+$")
    ] = None,
) -> Response:
    """Có `Idempotency-Key` thì gửi lại không nhân đôi / with it a repeat doubles nothing."""
    feed = owned(feeds, who, feed_id)
    body = await request.body()
    return await run_in_threadpool(_take, state, feeds, feed, who, body, idempotency_key)


def _take(
    state: State, feeds: Feeds, feed: Contract, who: Principal, body: bytes, key: str | None
) -> Response:
    # Kept before it is read: what cannot be read is what somebody will want to see.
    original = originals.keep(feeds.originals, body, "batch.json", "application/json")
    try:
        said = BatchIn.model_validate_json(body)
    except ValidationError as error:
        raise BadFilter(_faults(error)) from error
    batch = Batch(
        feed=feed.id,
        tables=_tables(feed, said),
        door="rest",
        provenance="simulated" if said.simulated else "api",
        sent_by=who.name,
        idempotency_key=key,
        original=original,
        changed_at=said.changed_at,
        controls=said.controls,
        note=said.note,
    )
    with state.pool.connection() as connection:
        receipt = deliver(connection, feeds.catalogue, batch, now=feeds.clock())
    return _answer(receipt)


def _faults(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in one['loc']) or 'body'}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False)[:20]
    )


def _tables(feed: Contract, said: BatchIn) -> Mapping[str, Rows]:
    if (said.rows is None) == (said.tables is None):
        raise BadFilter("a batch has `rows` of one table, or `tables`")
    if said.tables is not None:
        found = said.tables
    else:
        found = {said.table or feed.tables[0].id: said.rows or []}
    if sum(len(rows) for rows in found.values()) > MOST_ROWS:
        raise BadFilter(f"a batch has at most {MOST_ROWS} rows")
    return {name: Rows(rows) for name, rows in found.items()}


@router.get(
    "/feeds/{feed_id}/template",
    summary="Biểu mẫu Excel của kỳ / the period's workbook",
    response_class=Response,
    responses={
        200: {"content": {XLSX: {}}, "description": "Tệp Excel / a workbook"},
        **problems(401, 403, 404, 422, 503),
    },
)
def get_template(
    feed_id: FeedId,
    who: Who,
    feeds: FeedsOf,
    day: Annotated[
        date | None, Query(description="Kỳ chứa ngày này; mặc định kỳ gần nhất đã xong / period")
    ] = None,
) -> Response:
    """Điền sẵn xã, phường và kỳ / communes and period filled in."""
    who.must(FEEDS_READ, FEEDS_WRITE, FEEDS_STEWARD)
    feed = feeds.catalogue.feed(feed_id)
    of = {table.id: _period(feeds, table.grid.period, day) for table in feed.tables}
    body = template.workbook(feed, feeds.catalogue, of)
    name = f"{feed.id}-{min(str(period) for period in of.values())}.xlsx"
    return Response(body, media_type=XLSX, headers=_download(name))


def _period(feeds: Feeds, cadence: periods.Cadence, day: date | None) -> Period:
    """The period of a day; without one the last that has ended."""
    if day is not None:
        return periods.containing(day, cadence)
    return periods.containing(feeds.clock(), cadence).previous()


def _download(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


class _Kept:
    """An upload on disk for as long as it is read; its name is a label, never a path."""

    def __init__(self, file: UploadFile) -> None:
        self._file = file
        self._folder = TemporaryDirectory(prefix="ioc-upload-")
        self.name = FilePath((file.filename or "upload").replace("\\", "/")).name[:200]
        self.path = FilePath(self._folder.name) / "upload"

    def __enter__(self) -> Self:
        with self.path.open("wb") as target:
            while chunk := self._file.file.read(READ_BYTES):
                target.write(chunk)
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


@router.post(
    "/feeds/{feed_id}/uploads/trial",
    summary="Kiểm tra thử một tệp / try a file",
    responses=problems(400, 401, 403, 404, 413, 415, 422, 503),
)
def try_upload(
    feed_id: FeedId,
    file: Annotated[UploadFile, File()],
    who: Who,
    state: StateOf,
    feeds: FeedsOf,
) -> ReceiptOut:
    """Không lưu gì / nothing is stored."""
    feed = owned(feeds, who, feed_id)
    with _Kept(file) as kept, state.pool.connection() as connection:
        tried = upload.trial(
            connection, feeds.catalogue, feed, kept.path, kept.name, now=feeds.clock(), by=who.name
        )
    return shown(tried.receipt)


@router.post(
    "/feeds/{feed_id}/uploads/marked",
    summary="Tệp có đánh dấu lỗi / the file with its faults marked",
    response_class=Response,
    responses={
        200: {"content": {XLSX: {}}, "description": "Cùng tệp, ô lỗi được tô / the same, marked"},
        **problems(400, 401, 403, 404, 413, 415, 422, 503),
    },
)
def mark_upload(
    feed_id: FeedId,
    file: Annotated[UploadFile, File()],
    who: Who,
    state: StateOf,
    feeds: FeedsOf,
) -> Response:
    """Không lưu gì / nothing is stored."""
    feed = owned(feeds, who, feed_id)
    with _Kept(file) as kept, state.pool.connection() as connection:
        tried = upload.trial(
            connection, feeds.catalogue, feed, kept.path, kept.name, now=feeds.clock(), by=who.name
        )
    return Response(
        tried.marked(), media_type=XLSX, headers=_download(f"{feed.id}-loi-errors.xlsx")
    )


@router.post(
    "/feeds/{feed_id}/uploads",
    status_code=201,
    summary="Nộp một tệp / deliver a file",
    response_model=ReceiptOut,
    responses={
        200: {"model": ReceiptOut, "description": "Đã nhận trước đây / had come before"},
        **problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
)
def post_upload(
    feed_id: FeedId,
    file: Annotated[UploadFile, File()],
    signed_by: Annotated[
        str, Form(min_length=2, max_length=100, description="Người ký nộp / who signs it off")
    ],
    who: Who,
    state: StateOf,
    feeds: FeedsOf,
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Lưu tất cả hoặc không lưu gì; bản gốc được giữ / all or nothing; the original is kept."""
    feed = owned(feeds, who, feed_id)
    with _Kept(file) as kept, state.pool.connection() as connection:
        receipt = upload.commit(
            connection,
            feeds.catalogue,
            feeds.originals,
            feed,
            kept.path,
            kept.name,
            now=feeds.clock(),
            by=who.name,
            signed_by=signed_by,
            note=note,
        )
        audit.write(connection, who.name, "feed.upload", feed.id, {"batch": receipt.batch})
    return _answer(receipt)


@router.get(
    "/feeds/{feed_id}/batches",
    summary="Các lần nộp / deliveries",
    responses=problems(401, 403, 404, 422, 503),
)
def list_batches(
    feed_id: FeedId,
    who: ReaderOf,
    state: StateOf,
    feeds: FeedsOf,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> BatchPage:
    """Mới nhất trước / newest first."""
    feed = feeds.catalogue.feed(feed_id)
    if not who.full(feed):
        owned(feeds, who.who, feed_id)
    asked = {"feeds": [feed.id], "before": before, "most": MOST_BATCHES + 1}
    with state.pool.connection() as connection:
        rows = connection.execute(sql.BATCHES, asked).fetchall()
    found = [_batch(row) for row in rows[:MOST_BATCHES]]
    return BatchPage(items=found, next=found[-1].id if len(rows) > MOST_BATCHES else None)


def _batch(row: tuple[Any, ...]) -> BatchOut:
    # The model's order is the query's.
    return BatchOut.model_validate(dict(zip(BatchOut.model_fields, row, strict=True)))


@router.get(
    "/batches/{number}",
    summary="Một lần nộp / one delivery",
    responses=problems(401, 403, 404, 422, 503),
)
def get_batch(number: Number, who: ReaderOf, state: StateOf, feeds: FeedsOf) -> BatchDetail:
    """Kèm lỗi và các dòng bị giữ lại / with its problems and parked rows; the read is audited."""
    with state.pool.connection() as connection:
        batch = _own_batch(connection, number, who, feeds)
        found = connection.execute(sql.BATCH_PROBLEMS, (number, MOST_PROBLEMS)).fetchall()
        parked = connection.execute(sql.BATCH_PARKED, (number, MOST_PROBLEMS)).fetchall()
        audit.write(connection, who.who.name, "feed.batch", str(number))
    return BatchDetail(
        batch=batch,
        problems=[
            ProblemOut.model_validate(dict(zip(ProblemOut.model_fields, row, strict=True)))
            for row in found
        ],
        parked=[
            ParkedOut.model_validate(dict(zip(ParkedOut.model_fields, row, strict=True)))
            for row in parked
        ],
    )


def _own_batch(connection: Any, number: int, who: ReaderOf, feeds: Feeds) -> BatchOut:  # noqa: ANN401
    row = connection.execute(sql.BATCH, (number,)).fetchone()
    if row is None or row[1] not in feeds.catalogue.feeds:
        raise NotFound(f"no delivery {number}")
    feed = feeds.catalogue.feed(row[1])
    if not who.full(feed) and not who.who.answers_for(feed.id):
        raise NotFound(f"no delivery {number}")
    return _batch(row)


@router.get(
    "/batches/{number}/original",
    summary="Bản gốc / the original",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "Bản gốc / as it came"},
        **problems(401, 403, 404, 422, 503),
    },
)
def get_original(number: Number, who: ReaderOf, state: StateOf, feeds: FeedsOf) -> Response:
    """Từng byte như đã nhận; mỗi lần tải đều ghi nhật ký / byte for byte, audited.

    Raises:
        NotFound: The delivery came without one, or its time of keeping is over.
    """
    with state.pool.connection() as connection:
        batch = _own_batch(connection, number, who, feeds)
        if batch.original_sha256 is None or not feeds.originals.has(batch.original_sha256):
            raise NotFound(f"delivery {number} has no original")
        audit.write(connection, who.who.name, "feed.original", str(number))
    return StreamingResponse(
        _read(feeds.originals.open(batch.original_sha256)),
        media_type="application/octet-stream",
        headers=_download(f"{batch.feed}-{number}"),
    )


def _read(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(READ_BYTES):
            yield chunk


@router.post(
    "/batches/{number}/undo",
    summary="Hoàn tác / take a delivery back",
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def undo_batch(number: Number, body: Undo, who: Who, state: StateOf, feeds: FeedsOf) -> Undone:
    """Số trước đó lại có hiệu lực / what counted before counts again.

    Raises:
        NotFound: There is no such delivery of a feed that is theirs.
    """
    with state.pool.connection() as connection:
        row = connection.execute(sql.BATCH, (number,)).fetchone()
        if row is None:
            raise NotFound(f"no delivery {number}")
        owned(feeds, who, row[1])
        feed = undo(
            connection,
            feeds.catalogue,
            number,
            by=who.name,
            reason=body.reason,
            now=feeds.clock(),
        )
        audit.write(connection, who.name, "feed.undo", feed, {"batch": number})
    return Undone(batch=number, feed=feed)
