"""Commands of Ditto Protocol, carried out by the very handlers that serve HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson
from starlette.types import Message

from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError, bad_shape, not_supported
from ioc_cloud.twin.pointer import MISSING, ROOT, show
from ioc_cloud.twin.push import protocol
from ioc_cloud.twin.push.protocol import Envelope, asked_of
from ioc_cloud.twin.web.api import Handler, Request

VERBS: Final[Mapping[str, str]] = {
    "create": "PUT",
    "modify": "PUT",
    "merge": "PATCH",
    "delete": "DELETE",
    "retrieve": "GET",
}
_TYPES: Final[Mapping[str, str]] = {
    "PUT": "application/json",
    "PATCH": "application/merge-patch+json",
}
_RETURNED: Final[Mapping[str, str]] = {"etag": "ETag", "ditto-metadata": "ditto-metadata"}
_PRECONDITION_FAILED: Final = 412
_AGGREGATED: Final = frozenset({200, 424})


@dataclass
class Answered:
    """What a handler sent instead of over HTTP."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def send(self, message: Message) -> None:
        """ASGI."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {
                name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]
            }
        else:
            self.body += message.get("body", b"")


@dataclass(frozen=True, slots=True)
class Commands:
    """Carries out commands on things and policies.

    Attributes:
        handlers: Those of HTTP, by the first segment of a path: things, policies, search.
    """

    handlers: Mapping[str, Handler]

    async def run(self, caller: Caller, envelope: Envelope) -> bytes | None:
        """The answer's envelope; None where its sender wants none.

        Raises:
            DittoError: It may not be done.
        """
        found = await self._run(caller, envelope)
        if not envelope.response_required:
            return None
        headers = {shown: found.headers[name] for name, shown in _RETURNED.items()
                   if name in found.headers}  # fmt: skip
        if _several_acks(envelope) and found.status in _AGGREGATED:
            # Several acknowledgements have a topic of their own.
            topic = replace(envelope.topic, criterion="acks", action="")
            envelope = replace(envelope, topic=topic, path=ROOT)
        return protocol.response(envelope, found.status, found.body, headers)

    async def _run(self, caller: Caller, envelope: Envelope) -> Answered:
        action = envelope.topic.action
        verb = VERBS.get(action)
        if verb is None:
            if action == "migrate":
                raise not_supported("the command 'migrate'")
            raise DittoError(400, "things:topic.malformed", f"'{action}' is no command.")
        if not envelope.topic.names_one:
            return await self._many(caller, envelope)
        creates = action == "create"
        if creates and envelope.path:
            raise bad_shape("/path", "what is created is a whole thing or policy")
        parts = (envelope.topic.group, envelope.topic.entity_id, *envelope.path)
        own = "if-none-match" in envelope.headers or "if-match" in envelope.headers
        headers = dict(envelope.headers)
        if creates and not own:
            headers["if-none-match"] = "*"
        query = {"fields": envelope.fields} if envelope.fields else {}
        try:
            return await self.call(caller, verb, parts, headers, query, envelope.value)
        except DittoError as error:
            if creates and not own and error.http == _PRECONDITION_FAILED:
                raise _conflict(envelope) from error
            raise

    async def _many(self, caller: Caller, envelope: Envelope) -> Answered:
        """Several things at once: `_/_/things/twin/commands/retrieve`."""
        topic, value = envelope.topic, envelope.value
        named = value.get("thingIds") if isinstance(value, dict) else None
        if topic.group != "things" or topic.action != "retrieve":
            raise DittoError(400, "things:topic.malformed", f"'{topic}' names no thing.")
        query = {"fields": envelope.fields} if envelope.fields else {}
        if named is not None:
            if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
                raise bad_shape("/value/thingIds", "a list of ids")
            query["ids"] = ",".join(named)
        return await self.call(caller, "GET", ("things",), envelope.headers, query)

    async def call(
        self,
        caller: Caller,
        method: str,
        parts: Sequence[str],
        headers: Mapping[str, Any],
        query: Mapping[str, str],
        value: Any = MISSING,  # noqa: ANN401 JSON
    ) -> Answered:
        """A request to a handler, as if over HTTP.

        Raises:
            DittoError: It was refused.
        """
        told = {name: one for name, one in headers.items()
                if name not in {"content-type", "accept", "host", "channel"}}  # fmt: skip
        if method in _TYPES:
            told["content-type"] = _TYPES[method]
        asked = asked_of(told, query)
        body = b"" if value is MISSING else orjson.dumps(value)

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        answered = Answered()
        scope: dict[str, Any] = {
            "type": "http", "method": method, "scheme": "http", "headers": [],
            "path": show(parts), "query_string": asked.query_string, "client": None,
        }  # fmt: skip
        correlation = {"correlation-id": str(headers.get("correlation-id", ""))}
        request = Request(
            scope, receive, answered.send, method, tuple(parts), asked, caller, correlation
        )
        await self.handlers[parts[0]](request)
        return answered


def _several_acks(envelope: Envelope) -> bool:
    labels = envelope.headers.get("requested-acks")
    several = isinstance(labels, list) and len(set(map(str, labels))) > 1
    return several and envelope.topic.action in {"create", "modify", "merge", "delete"}


def _conflict(envelope: Envelope) -> DittoError:
    kind = "policies:policy" if envelope.topic.group == "policies" else "things:thing"
    return DittoError(
        409, f"{kind}.conflict", f"'{envelope.topic.entity_id}' exists already."
    )  # fmt: skip
