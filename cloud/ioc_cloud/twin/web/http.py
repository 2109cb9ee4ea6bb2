"""Bare ASGI for the twin: requests in, Ditto's answers out, nothing in between.

The twin answers thousands of requests a second from one process; a framework's routing
and models would cost more than the work itself.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.types import Receive, Scope, Send

from ioc_cloud.errors import CloudError
from ioc_cloud.twin.errors import DittoError, too_large

MAX_BODY: Final = 256 * 1024
_JSON: Final = (b"content-type", b"application/json")


class Disconnected(Exception):
    """The client went away in the middle of its request."""


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The request's body.

    Raises:
        DittoError: It is larger than any body may be.
        Disconnected: It never came whole.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > MAX_BODY:
            raise too_large("message", int(value), MAX_BODY)
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > MAX_BODY:
            raise too_large("message", len(body), MAX_BODY)
        if not message.get("more_body"):
            return body


async def answer(
    send: Send,
    status: int,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    content_type: bytes | None = None,
) -> None:
    """One whole answer."""
    lines = [(b"content-length", str(len(body)).encode())]
    if body:
        lines.append(_JSON if content_type is None else (b"content-type", content_type))
    for name, value in (headers or {}).items():
        lines.append((name.encode(), value.encode("latin-1", "replace")))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


async def answer_json(
    send: Send,
    status: int,
    value: Any,  # noqa: ANN401 JSON
    headers: Mapping[str, str] | None = None,
) -> None:
    """One whole answer in JSON."""
    await answer(send, status, orjson.dumps(value), headers)


async def answer_error(send: Send, error: CloudError, headers: Mapping[str, str]) -> None:
    """An error in Ditto's words."""
    told = as_ditto(error)
    lines = dict(headers)
    if told.http == 401:  # noqa: PLR2004
        lines["www-authenticate"] = 'Basic realm="Ca Mau IOC"'
    lines |= error.headers
    await answer_json(send, told.http, told.body(), lines)


def as_ditto(error: CloudError) -> DittoError:
    """Any of our errors as Ditto would tell it."""
    if isinstance(error, DittoError):
        return error
    codes = {
        400: "rql.expression.invalid",
        503: "gateway:service.unavailable",
        429: "gateway:too.many.requests",
    }
    status = int(error.status)
    return DittoError(status, codes.get(status, "gateway:internalerror"), str(error) or error.title)
