"""Live messages and live commands over HTTP: sent on, and answered by whoever listens."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ioc_cloud.twin import entities, ids, pointer
from ioc_cloud.twin import request as requests
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError, not_supported, too_large
from ioc_cloud.twin.placeholders import iso
from ioc_cloud.twin.pointer import MISSING, Path
from ioc_cloud.twin.push.live import CLAIM, Answer, Live, Place, Signal, check_condition
from ioc_cloud.twin.push.protocol import payload_bytes, payload_value
from ioc_cloud.twin.push.stream import message_box
from ioc_cloud.twin.request import MESSAGE_TIMEOUT_S, Asked
from ioc_cloud.twin.web import http
from ioc_cloud.twin.web.api import Request, method_not_allowed

MAX_MESSAGE: Final = 250 * 1024
CLAIM_TIMEOUT_S: Final = 60.0
LIVE_TIMEOUT_S: Final = 10.0
_SUBJECT: Final = re.compile(r"[^\x00-\x1F\x7F\s?#]{1,256}")
_VERBS: Final = {"GET": "retrieve", "PUT": "modify", "PATCH": "merge", "DELETE": "delete"}
# Headers of an answer that its sender may set on the answer over HTTP; all others would
# let a device speak for the server.
_RETURNED: Final = re.compile(
    r"(?:x-(?!accel|sendfile|forwarded|content|frame|xss)|ditto-|ioc-)[a-z0-9-]{1,60}"
    r"|etag|content-language"
)
_NO_BODY: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Sent:
    """A signal on its way, and how its sender waits.

    Attributes:
        timeout_s: 0 for a sender who does not wait.
    """

    signal: Signal
    timeout_s: float


class MessagesApi:
    """`POST …/inbox|outbox/messages/<subject>`, and things under `channel=live`."""

    def __init__(self, live: Live) -> None:
        """`live` carries the signals."""
        self._live = live

    @staticmethod
    def wants(request: Request) -> bool:
        """Whether a request is a message, or goes to the live channel."""
        if request.parts[:1] != ("things",) or len(request.parts) < 2:  # noqa: PLR2004 things/<id>
            return False
        if request.asked.get("channel") == "live":
            return True
        return _box(request.parts[2:]) is not None

    async def handle(self, request: Request) -> None:
        """Send it, and hand the answer back."""
        thing_id = ids.checked(request.parts[1])
        box = _box(request.parts[2:])
        if box is None:
            sent = await self._command(request, thing_id)
        else:
            if request.method != "POST":
                raise method_not_allowed(request.method, "POST")
            sent = await self._message(request, thing_id, *box)
        if sent.timeout_s == 0:
            self._live.tell(sent.signal)
            await http.answer(request.send, 202, headers=request.headers)
            return
        answer = await self._live.ask(sent.signal, sent.timeout_s)
        await _hand_back(request, answer)

    async def _message(
        self, request: Request, thing_id: str, path: Path, subject: str
    ) -> Sent:  # fmt: skip
        body = await request.body()
        if len(body) > MAX_MESSAGE:
            raise too_large("message", len(body), MAX_MESSAGE)
        content_type = request.asked.header("content-type") or "application/octet-stream"
        value = payload_value(body, content_type)
        headers = {"content-type": content_type, "correlation-id": _correlation(request)}
        return await self.message(
            request.caller, request.asked, thing_id, path, subject, value, headers
        )

    async def message(  # noqa: PLR0913, PLR0917 a message is all of this
        self,
        caller: Caller,
        asked: Asked,
        thing_id: str,
        path: Path,
        subject: str,
        value: Any,  # noqa: ANN401 JSON
        headers: Mapping[str, Any],
    ) -> Sent:
        """A message that its sender may send.

        Raises:
            DittoError: They may not, or it is none.
        """
        if _SUBJECT.fullmatch(subject) is None:
            raise DittoError(
                400, "messages:subject.invalid", f"'{subject[:80]}' is no subject of a message."
            )
        claims = path == CLAIM
        timeout_s = requests.timeout(
            asked.get("timeout"), CLAIM_TIMEOUT_S if claims else MESSAGE_TIMEOUT_S
        )
        if not asked.flag("response-required", default=True) or _no_acks(asked):
            timeout_s = 0.0
        _check_acks(asked)
        query = requests.condition(asked.get("condition"), "condition")
        place = await self._live.place_of(thing_id)
        rules = self._live.check_message(caller, place, path)
        check_condition(query, place, rules)
        told = (
            dict(headers)
            | message_headers(caller, place, path, subject)
            | {
                "response-required": timeout_s > 0,
                "requested-acks": ["live-response"] if timeout_s > 0 else [],
                "timestamp": iso(self._live.twin.clock()),
            }
        )
        return Sent(Signal("messages", place, subject, path, value, told), timeout_s)

    async def _command(self, request: Request, thing_id: str) -> Sent:
        verb = _VERBS.get(request.method)
        if verb is None:
            raise method_not_allowed(request.method, *_VERBS)
        path = pointer.of_parts(request.parts[2:])
        value: Any = MISSING
        if verb in {"modify", "merge"}:
            value = entities.loads(await request.body())
        headers = {"correlation-id": _correlation(request)}
        return await self.command(
            request.caller, request.asked, thing_id, verb, path, value, headers
        )

    async def command(  # noqa: PLR0913, PLR0917 a command is all of this
        self,
        caller: Caller,
        asked: Asked,
        thing_id: str,
        verb: str,
        path: Path,
        value: Any,  # noqa: ANN401 JSON
        headers: Mapping[str, Any],
    ) -> Sent:
        """A live command that its sender may give.

        Raises:
            DittoError: They may not.
        """
        if asked.get("live-channel-condition"):
            raise not_supported("live-channel-condition")
        timeout_s = requests.timeout(asked.get("timeout"), LIVE_TIMEOUT_S)
        if not asked.flag("response-required", default=True):
            timeout_s = 0.0
        query = requests.condition(asked.get("condition"), "condition")
        place = await self._live.place_of(thing_id)
        rules = self._live.check_thing(caller, place, path, reads=verb == "retrieve")
        check_condition(query, place, rules)
        merged = verb == "merge"
        told = {
            "content-type": f"application/{'merge-patch+json' if merged else 'json'}",
            **headers,
            "ditto-originator": caller.default_subject,
            "requested-acks": ["live-response"] if timeout_s > 0 else [],
            "channel": "live",
            "response-required": timeout_s > 0,
            "version": 2,
        }
        fields = asked.query("fields")
        return Sent(Signal("commands", place, verb, path, value, told, fields), timeout_s)


def message_headers(caller: Caller, place: Place, path: Path, subject: str) -> dict[str, Any]:
    """What every message says of itself; the short names are those of older clients."""
    direction = "TO" if "inbox" in path[:3:2] else "FROM"
    told: dict[str, Any] = {
        "ditto-message-thing-id": place.thing.id,
        "ditto-message-subject": subject,
        "ditto-message-direction": direction,
        "thing-id": place.thing.id,
        "subject": subject,
        "direction": direction,
        "ditto-originator": caller.default_subject,
        "channel": "live",
        "version": 2,
    }
    if path[0] == "features":
        told |= {"ditto-message-feature-id": path[1], "feature-id": path[1]}
    return told


def _box(parts: Path) -> tuple[Path, str] | None:
    """The path of a message, and its subject."""
    if parts == ("inbox", "claim"):
        return CLAIM, "claim"
    found = message_box(parts)
    if found is None:
        return None
    box, subject = found
    return (*box, *subject.split("/")), subject


def _check_acks(asked: Asked) -> None:
    """See that nothing is asked for but an answer."""
    if asked.get("requested-acks") is None:
        return
    for label in requests.options(asked).requested_acks:
        if label != "live-response":
            raise not_supported(f"the acknowledgement '{label}' of a message")


def _no_acks(asked: Asked) -> bool:
    """Whether its sender asked for no acknowledgement at all."""
    text = asked.get("requested-acks")
    return text is not None and text.strip() in {"", "[]"}


def _correlation(request: Request) -> str:
    return request.headers.get("correlation-id") or str(uuid.uuid4())


async def _hand_back(request: Request, answer: Answer) -> None:
    content_type = str(answer.headers.get("content-type", ""))
    body = payload_bytes(answer.value, content_type)
    if answer.status in _NO_BODY:
        body = b""
    headers = request.headers | {
        name: value
        for name, value in answer.headers.items()
        if _RETURNED.fullmatch(name) and isinstance(value, str) and value.isprintable()
    }
    if not content_type or not content_type.isprintable():
        text = isinstance(answer.value, str)
        content_type = "text/plain; charset=UTF-8" if text else "application/json"
    await http.answer(
        request.send, answer.status, body, headers, content_type.encode("latin-1", "replace")
    )
