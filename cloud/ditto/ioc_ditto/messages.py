"""Messages to and from things: sent, answered, listened to; never stored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from ioc_ditto.errors import BadAnswer
from ioc_ditto.names import entity_id, segment, url
from ioc_ditto.options import Asked, as_json, asked
from ioc_ditto.streams import EventStream, Resume
from ioc_ditto.things import SILENCE, open_stream
from ioc_ditto.transport import Call, Transport

if TYPE_CHECKING:
    from datetime import timedelta

    from ioc_ditto.rql import Rql

Direction = Literal["inbox", "outbox"]


@dataclass(frozen=True)
class Reply:
    """What the receiver answered, or 202 where nobody was waited for."""

    status: int
    content_type: str
    payload: bytes

    @property
    def answered(self) -> bool:
        """Whether somebody replied."""
        return self.status != HTTPStatus.ACCEPTED

    @property
    def value(self) -> Any:  # noqa: ANN401 JSON
        """The payload as JSON.

        Raises:
            BadAnswer: It is none.
        """
        try:
            return json.loads(self.payload)
        except (ValueError, RecursionError) as error:
            raise BadAnswer(f"a reply without JSON: {error}") from error


class Messages:
    """`/api/2/things/<id>/inbox|outbox/messages/<subject>`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(  # noqa: PLR0913 a message has these parts
        self,
        thing_id: str,
        subject: str,
        payload: Any = None,  # noqa: ANN401 JSON, text or bytes
        *,
        feature: str | None = None,
        direction: Direction = "inbox",
        timeout: timedelta | None = None,
        content_type: str | None = None,
        condition: Rql | str | None = None,
    ) -> Reply:
        """Send, and wait for the reply.

        Args:
            thing_id: To which thing, or from which.
            subject: What it is about; slashes are allowed.
            payload: Bytes and text go as they are, anything else as JSON.
            feature: One feature of the thing.
            direction: `inbox` to the thing, `outbox` from it.
            timeout: How long to wait; zero waits for nobody. The service's default is 10 s.
            content_type: Where the payload's own kind does not say it.
            condition: RQL that the thing must fit.

        Raises:
            NoReply: Nobody answered in time.
            DittoError: The receiver, or the service, answered with an error.
        """
        wishes = asked({"timeout": timeout, "condition": condition})
        body, kind = _body(payload)
        headers = {"Accept": "*/*"}
        if content_type or kind:
            headers["Content-Type"] = content_type or kind
        path = url(_box(thing_id, feature, direction), *map(segment, subject.split("/")))
        response = self._transport.send(Call("POST", path, wishes, headers=headers, body=body))
        return Reply(
            response.status_code, response.headers.get("Content-Type", ""), response.content
        )

    def listen(
        self,
        thing_id: str,
        subject: str = "",
        *,
        feature: str | None = None,
        direction: Direction = "outbox",
        silence: timedelta = SILENCE,
    ) -> EventStream:
        """Messages as they pass: `name` is the subject, `data` the payload."""
        path = _box(thing_id, feature, direction)
        if subject:
            path = url(path, *map(segment, subject.split("/")))
        return open_stream(self._transport, path, Asked(), Resume(), silence)


def _box(thing_id: str, feature: str | None, direction: Direction) -> str:
    parts = ["things", entity_id(thing_id)]
    if feature is not None:
        parts += ["features", segment(feature)]
    return url(*parts, segment(direction), "messages")


def _body(payload: Any) -> tuple[bytes, str]:  # noqa: ANN401 JSON, text or bytes
    if payload is None:
        return b"", ""
    if isinstance(payload, bytes):
        return payload, "application/octet-stream"
    if isinstance(payload, str):
        return payload.encode(), "text/plain; charset=utf-8"
    return as_json(payload).encode(), "application/json"
