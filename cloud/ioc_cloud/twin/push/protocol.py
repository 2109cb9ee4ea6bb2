"""Ditto Protocol: topics, and the envelopes of commands, answers, events and errors.

Form of topics and envelopes: Eclipse Ditto's documentation, "Protocol specification", and
its JSON Schemas.
"""

import base64
import binascii
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from ioc_cloud.errors import CloudError
from ioc_cloud.twin import entities, pointer
from ioc_cloud.twin.errors import DittoError, bad_json
from ioc_cloud.twin.placeholders import iso
from ioc_cloud.twin.pointer import MISSING, Path
from ioc_cloud.twin.push import views
from ioc_cloud.twin.push.live import Signal, is_json
from ioc_cloud.twin.push.views import Shown
from ioc_cloud.twin.request import Asked
from ioc_cloud.twin.web.http import as_ditto

ANY: Final = "_"
CONTENT_TYPE: Final = "application/vnd.eclipse.ditto+json"
GROUPS: Final = frozenset({"things", "policies"})
CHANNELS: Final = frozenset({"twin", "live", "none"})
_LEAST_PARTS: Final = 4
# Who may do what is settled by the connection, never by what a client writes into headers.
_NOT_FORWARDED: Final = frozenset({"authorization", "cookie", "x-ditto-pre-authenticated"})


@dataclass(frozen=True, slots=True)
class Topic:
    """What an envelope is about: `ns/name/things/twin/commands/modify`.

    Attributes:
        action: May have slashes of its own: the subject of a message.
    """

    namespace: str
    name: str
    group: str
    channel: str
    criterion: str
    action: str = ""

    @property
    def entity_id(self) -> str:
        """The id of the thing or policy."""
        return f"{'' if self.namespace == ANY else self.namespace}:{self.name}"

    @property
    def names_one(self) -> bool:
        """Whether it is about one thing or policy."""
        return self.name != ANY

    def __str__(self) -> str:
        parts = [self.namespace, self.name, self.group]
        if self.group == "things":
            parts.append(self.channel)
        parts.append(self.criterion)
        if self.action:
            parts.append(self.action)
        return "/".join(parts)


def topic_of(text: Any) -> Topic:  # noqa: ANN401 JSON
    """A topic, taken apart.

    Raises:
        DittoError: It is none.
    """
    if not isinstance(text, str):
        raise _bad_topic(text, "it is a string")
    parts = text.split("/")
    if len(parts) < _LEAST_PARTS or parts[2] not in GROUPS:
        raise _bad_topic(text, "namespace/name/things|policies/channel/criterion/action")
    namespace, name, group, *rest = parts
    channel = "twin"
    if rest[0] in CHANNELS:
        channel, *rest = rest
    elif group == "things":
        raise _bad_topic(text, "the channel is 'twin' or 'live'")
    if not rest or not rest[0]:
        raise _bad_topic(text, "it has no criterion")
    return Topic(namespace, name, group, channel, rest[0], "/".join(rest[1:]))


def _bad_topic(text: Any, why: str) -> DittoError:  # noqa: ANN401 JSON
    return DittoError(400, "things:topic.malformed", f"'{str(text)[:200]}' is no topic: {why}.")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What came over the line.

    Attributes:
        value: JSON; MISSING where there is none.
        headers: Names in small letters.
    """

    topic: Topic
    headers: Mapping[str, Any]
    path: Path
    value: Any = MISSING
    fields: str | None = None
    status: int | None = None

    @property
    def correlation_id(self) -> str:
        """What an answer is matched by."""
        return str(self.headers["correlation-id"])

    @property
    def response_required(self) -> bool:
        """Whether its sender wants an answer."""
        return self.headers.get("response-required") not in {False, "false"}


def envelope_of(text: str | bytes) -> Envelope:
    """An envelope from a client.

    Raises:
        DittoError: No JSON, or of another form.
    """
    body = entities.loads(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    if not isinstance(body, dict):
        raise bad_json("an envelope is an object")
    headers = body.get("headers", {})
    if not isinstance(headers, dict):
        raise bad_json("'headers' is an object")
    told = {name.lower(): value for name, value in headers.items() if value is not None}
    told.setdefault("correlation-id", str(uuid.uuid4()))
    path, fields, status = body.get("path", "/"), body.get("fields"), body.get("status")
    if not isinstance(path, str) or not isinstance(fields, str | None):
        raise bad_json("'path' and 'fields' are strings")
    if status is not None and (not isinstance(status, int) or not 100 <= status <= 599):  # noqa: PLR2004 HTTP
        raise bad_json("'status' is a status code of HTTP")
    return Envelope(
        topic_of(body.get("topic")),
        told,
        pointer.parse(path),
        body.get("value", MISSING),
        fields,
        status,
    )


def correlation_of(text: str | bytes) -> str | None:
    """The correlation id of a text that may be no proper envelope."""
    try:
        found = orjson.loads(text)["headers"]["correlation-id"]
    except (ValueError, TypeError, KeyError, IndexError):
        return None
    return found if isinstance(found, str) else None


def asked_of(headers: Mapping[str, Any], query: Mapping[str, str]) -> Asked:
    """An envelope's headers as a request over HTTP would have brought them."""
    lines: list[tuple[bytes, bytes]] = []
    rest = dict(query)
    for name, value in headers.items():
        if name in _NOT_FORWARDED:
            continue
        text = _text(value)
        if text.isascii() and name.isascii():
            lines.append((name.encode(), text.encode()))
        else:
            # HTTP's headers have no letters beyond ASCII; its parameters do.
            rest.setdefault(name, text)
    encoded = urlencode(rest, encoding="utf-8", errors="surrogatepass")
    return Asked(lines, encoded.encode())


def _text(value: Any) -> str:  # noqa: ANN401 JSON
    return value if isinstance(value, str) else orjson.dumps(value).decode()


# --- what goes out -------------------------------------------------------------------


def dumps(topic: Topic | str, headers: Mapping[str, Any], path: str, **rest: Any) -> bytes:  # noqa: ANN401
    """An envelope as text."""
    body = {"topic": str(topic), "headers": headers, "path": path}
    body |= {key: value for key, value in rest.items() if value is not MISSING}
    return orjson.dumps(body)


def response(
    envelope: Envelope,
    status: int,
    body: bytes = b"",
    headers: Mapping[str, Any] | None = None,
) -> bytes:
    """The answer to a command; `body` is JSON text."""
    told: dict[str, Any] = {
        "correlation-id": envelope.correlation_id,
        "version": 2,
        "response-required": False,
        "content-type": "application/json",
    }
    return dumps(
        envelope.topic,
        told | dict(headers or {}),
        pointer.show(envelope.path),
        value=orjson.Fragment(body) if body else MISSING,
        status=status,
    )


def error(
    problem: CloudError, topic: Topic | None, correlation_id: str | None, path: Path = ()
) -> bytes:
    """An error as an envelope; without a topic it is about no thing in particular."""
    told = as_ditto(problem)
    whom = topic or Topic(ANY, ANY, "things", "twin", "errors")
    headers = {
        "correlation-id": correlation_id or str(uuid.uuid4()),
        "version": 2,
        "response-required": False,
        "content-type": "application/json",
    }
    return dumps(
        replace(whom, criterion="errors", action=""),
        headers,
        pointer.show(path),
        value=told.body(),
        status=told.http,
    )


def event(found: Shown, more: Mapping[str, Any] | None = None) -> bytes:
    """A change as an event."""
    change = found.change
    return dumps(
        views.topic(change),
        views.headers(change) | dict(more or {}),
        pointer.show(change.path),
        value=found.value,
        **({"extra": found.extra} if found.extra is not None else {}),
        revision=change.revision,
        timestamp=iso(change.time),
    )


def signal(one: Signal, extra: dict[str, Any] | None = None) -> bytes:
    """A live message, command or event as its receivers get it."""
    more: dict[str, Any] = {} if extra is None else {"extra": extra}
    if one.fields is not None:
        more["fields"] = one.fields
    return dumps(one.topic, one.headers, pointer.show(one.path), value=one.value, **more)


def payload_value(body: bytes, content_type: str) -> Any:  # noqa: ANN401 JSON
    """A message's bytes as an envelope carries them: JSON, text, or base64.

    Raises:
        DittoError: Bytes that are not of the announced type.
    """
    if not body:
        return MISSING
    if is_json(content_type):
        return entities.loads(body)
    if content_type.startswith("text/"):
        try:
            return body.decode()
        except UnicodeDecodeError as problem:
            raise DittoError(400, "messages:payload.invalid", "The text is no UTF-8.") from problem
    return base64.b64encode(body).decode()


def payload_bytes(value: Any, content_type: str) -> bytes:  # noqa: ANN401 JSON
    """What an envelope carries as the bytes that it stands for."""
    if value is MISSING:
        return b""
    if is_json(content_type) or not isinstance(value, str):
        return orjson.dumps(value)
    if not content_type or content_type.startswith("text/"):
        return value.encode()
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        # Not everybody who sends a picture's name sends the picture.
        return value.encode()


def forwarded(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The headers of an envelope that go on to its receivers."""
    return {name: value for name, value in headers.items() if name not in _NOT_FORWARDED}


def message_path(envelope: Envelope) -> Path:
    """The path of a message.

    Raises:
        DittoError: It does not end with the message's subject, or begins elsewhere.
    """
    path, subject = envelope.path, tuple(envelope.topic.action.split("/"))
    start = 2 if path[:1] == ("features",) else 0
    boxes = {("inbox", "messages"), ("outbox", "messages")}
    if path[start : start + 2] in boxes and path[start + 2 :] == subject:
        return path
    raise DittoError(
        400,
        "messages:path.invalid",
        f"'{pointer.show(path)}' is no path of the message '{envelope.topic.action}'.",
        "It is /inbox/messages/<subject>, or the same below /features/<id>.",
    )
