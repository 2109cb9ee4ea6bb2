"""`/api/2`: Ditto's HTTP API, dispatched by path and verb."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

import psycopg
import structlog
from psycopg_pool import PoolTimeout, TooManyRequests
from starlette.types import Receive, Scope, Send

from ioc_cloud.errors import CloudError, DatabaseBusy
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError, not_supported
from ioc_cloud.twin.request import Asked
from ioc_cloud.twin.web import http
from ioc_cloud.twin.web.callers import Callers

log = structlog.get_logger()

PREFIX: Final = "/api/2"
# Parts of Ditto's API that the profile leaves out, told apart from what never was one.
LEFT_OUT: Final = frozenset({"connections", "cloudevents", "devops", "logging"})


@dataclass(slots=True)
class Request:
    """One request on its way to its handler.

    Attributes:
        parts: Path segments behind the prefix, percent-decoded.
    """

    scope: Scope
    receive: Receive
    send: Send
    method: str
    parts: tuple[str, ...]
    asked: Asked
    caller: Caller
    headers: dict[str, str]

    async def body(self) -> bytes:
        """The request's body."""
        return await http.read_body(self.scope, self.receive)


Handler = Callable[[Request], Awaitable[None]]
WebSocketHandler = Callable[[Scope, Receive, Send, Caller], Awaitable[None]]


class Api:
    """The ASGI application."""

    def __init__(
        self,
        callers: Callers,
        handlers: dict[str, Handler],
        web_socket: WebSocketHandler | None = None,
        *,
        prefix: str = PREFIX,
    ) -> None:
        """`handlers` by the first segment of the path behind `prefix`."""
        self._callers = callers
        self._handlers = handlers
        self._web_socket = web_socket
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        headers: dict[str, str] = {}
        try:
            asked = Asked(scope["headers"], scope["query_string"])
            correlation = asked.get("correlation-id") or str(uuid.uuid4())
            headers["correlation-id"] = _plain(correlation)
            parts = segments(scope, self._prefix)
            caller = await self._caller(asked, scope)
            handler = self._handler(parts)
            await handler(
                Request(scope, receive, send, scope["method"], parts, asked, caller, headers)
            )
        except http.Disconnected:
            return
        except CloudError as error:
            await http.answer_error(send, error, headers)
        except (PoolTimeout, TooManyRequests, psycopg.OperationalError) as error:
            log.warning("database_unavailable", error=str(error))
            await http.answer_error(send, DatabaseBusy("the database did not answer"), headers)
        except Exception:
            log.exception("twin_request_failed", path=scope["path"])
            told = DittoError(500, "gateway:internalerror", "It has been logged.")
            await http.answer_error(send, told, headers)

    def _handler(self, parts: tuple[str, ...]) -> Handler:
        handler = self._handlers.get(parts[0]) if parts else None
        if handler is not None:
            return handler
        if parts and parts[0] in LEFT_OUT:
            raise not_supported(f"/{parts[0]}")
        raise DittoError(404, "gateway:resource.notfound", "There is no such resource.")

    async def _caller(self, asked: Asked, scope: Scope) -> Caller:
        address = scope["client"][0] if scope.get("client") else "unknown"
        return await self._callers.find(asked, address)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            asked = Asked(scope["headers"], scope["query_string"])
            caller = await self._caller(asked, scope)
        except (CloudError, psycopg.Error):
            # Refused before it is accepted: the server answers 403.
            await send({"type": "websocket.close", "code": 1008})
            return
        if self._web_socket is None:
            await send({"type": "websocket.close", "code": 1003})
            return
        await self._web_socket(scope, receive, send, caller)


def segments(scope: Scope, prefix: str = PREFIX) -> tuple[str, ...]:
    """Path segments behind the prefix.

    A trailing slash is forgiven; an empty segment in the middle is a path of its own
    that nothing stands at.
    """
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0].decode("latin-1")
    start = path.find(prefix)
    path = path[start + len(prefix) :] if start >= 0 else path
    # `…/resources/thing:/` names the root of a thing; there the slash is part of the name.
    whole = path if path.endswith(":/") else path.removesuffix("/")
    parts = whole.removeprefix("/").split("/")
    if parts == [""]:
        return ()
    try:
        return tuple(unquote_to_bytes(part).decode() for part in parts)
    except UnicodeDecodeError as error:
        raise DittoError(400, "gateway:path.invalid", "The path is no UTF-8.") from error


def method_not_allowed(method: str, *allowed: str) -> DittoError:
    """A verb that the resource does not know."""
    return DittoError(
        405,
        "gateway:method.notallowed",
        f"{method} is not allowed here.",
        f"Allowed: {', '.join(allowed)}",
    )


def media_type_unsupported(found: str, wanted: str) -> DittoError:
    """A body in a form that cannot be read here."""
    return DittoError(
        415,
        "mediatype.unsupported",
        f"The Media-Type '{found}' is not supported for this resource.",
        f"Allowed Media-Types are: {wanted}",
    )


def _plain(text: str) -> str:
    """A header value without what could begin another header."""
    return "".join(char for char in text if char.isprintable())[:256]
