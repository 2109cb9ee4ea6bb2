"""Every error leaves as RFC 9457 problem details, Vietnamese first."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg_pool import PoolTimeout, TooManyRequests
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ioc_cloud.errors import BadFilter, BodyTooLarge, CloudError, DatabaseBusy
from ioc_models.feeds import NotAPeriod

log = structlog.get_logger()

MAX_BODY: Final = 64 * 1024
# Doors for larger bodies, which count for themselves.
# A workbook of a feed, or a batch of 100,000 rows.
MAX_DELIVERY: Final = 64 * 1024 * 1024
DELIVERIES: Final = "/api/feeds/"
LARGE_BODIES: Final = ("/api/evidence/", "/api/2/", "/api/ioc/")
_TITLES: Final = {
    400: ("bad-request", "Yêu cầu không hợp lệ / Bad request"),
    401: ("not-signed-in", "Chưa đăng nhập / Not signed in"),
    403: ("not-allowed", "Không đủ quyền / Not allowed"),
    404: ("not-found", "Không tìm thấy / Not found"),
    405: ("method-not-allowed", "Phương thức không được dùng / Method not allowed"),
    413: ("too-large", "Nội dung quá lớn / Content too large"),
    422: ("invalid", "Tham số không hợp lệ / Invalid parameters"),
}


def install(app: FastAPI) -> None:
    """Register a handler for everything that can be raised."""
    app.add_exception_handler(CloudError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(NotAPeriod, _no_period)
    app.add_exception_handler(psycopg.DataError, _no_value)
    app.add_exception_handler(ClientDisconnect, _left)
    for kind in (PoolTimeout, TooManyRequests, psycopg.OperationalError):
        app.add_exception_handler(kind, _database)
    app.add_exception_handler(Exception, _unexpected)


def problem(error: CloudError) -> JSONResponse:
    """The answer for one of our own errors."""
    return _answer(error.status, error.slug, error.title, str(error), headers=error.headers)


def _answer(
    status: int,
    slug: str,
    title: str,
    detail: str,
    *,
    errors: Sequence[dict[str, Any]] = (),
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    body = {
        "type": f"/problems/{slug}",
        "title": title,
        "status": int(status),
        "detail": detail,
        "errors": list(errors),
    }
    return JSONResponse(body, status, headers, media_type="application/problem+json")


async def _ours(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, CloudError):
        raise error
    return problem(error)


async def _http(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    words = HTTPStatus(error.status_code).phrase
    slug, title = _TITLES.get(error.status_code, ("http", words))
    headers = dict(error.headers) if error.headers else None
    return _answer(error.status_code, slug, title, str(error.detail), headers=headers)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    # The input itself stays out: it may be a password.
    found = [
        {"at": ".".join(str(part) for part in one["loc"]), "why": one["msg"]}
        for one in error.errors()
    ]
    slug, title = _TITLES[422]
    return _answer(
        422, slug, title, "; ".join(f"{f['at']}: {f['why']}" for f in found), errors=found
    )


async def _no_period(_request: Request, error: Exception) -> JSONResponse:
    # A day at the edge of time, which only a question can hold.
    return problem(BadFilter(str(error)))


async def _no_value(request: Request, error: Exception) -> JSONResponse:
    # Above all the NUL that PostgreSQL's texts cannot hold; its own words may name a value.
    log.info("value_refused", path=request.url.path, kind=type(error).__name__)
    return problem(
        BadFilter(
            "có ký tự hoặc số không lưu được / a character (NUL) or a number that cannot be stored"
        )
    )


async def _database(_request: Request, error: Exception) -> JSONResponse:
    log.warning("database_unavailable", error=str(error))
    return problem(DatabaseBusy("the database did not answer in time"))


async def _left(request: Request, _error: Exception) -> JSONResponse:
    # A line that was cut is the sender's day, no fault of ours; nobody reads this answer.
    log.info("sender_left", path=request.url.path)
    return _answer(400, "cut-short", "Đường truyền bị cắt / The line was cut", "")


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("request_failed", path=request.url.path, exc_info=error)
    return problem(CloudError("đã ghi vào nhật ký / it has been logged"))


class BodyLimit:
    """Ends requests whose body outgrows the limit, announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"].startswith(LARGE_BODIES):
            await self._app(scope, receive, send)
            return
        limit = MAX_DELIVERY if scope["path"].startswith(DELIVERIES) else MAX_BODY
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and int(announced) > limit:
            await problem(BodyTooLarge(limit))(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                # FastAPI lets this one kind of error through while it reads a body.
                raise HTTPException(413, str(BodyTooLarge(limit)))
            return message

        await self._app(scope, counted, send)
