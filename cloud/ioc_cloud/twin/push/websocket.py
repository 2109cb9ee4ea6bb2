"""`/ws/2`: Ditto Protocol over WebSocket: commands, events, messages, acknowledgements."""

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import parse_qsl

import orjson
import psycopg
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from ioc_cloud.errors import CloudError, DatabaseBusy
from ioc_cloud.twin import pointer
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError, bad_json, too_large
from ioc_cloud.twin.fields import select
from ioc_cloud.twin.placeholders import seen
from ioc_cloud.twin.pointer import MISSING
from ioc_cloud.twin.push import protocol, views
from ioc_cloud.twin.push.acks import Acks
from ioc_cloud.twin.push.changes import Change
from ioc_cloud.twin.push.commands import Commands
from ioc_cloud.twin.push.hub import Audience, Hub, Render
from ioc_cloud.twin.push.live import Answer, Kind, Live, Signal
from ioc_cloud.twin.push.messages import MAX_MESSAGE, MessagesApi, Sent
from ioc_cloud.twin.push.protocol import Envelope, asked_of
from ioc_cloud.twin.push.sending import Sending
from ioc_cloud.twin.push.subscriptions import Subscriptions
from ioc_cloud.twin.push.views import View
from ioc_cloud.twin.request import Asked
from ioc_cloud.twin.service import Twin
from ioc_cloud.twin.web.callers import Callers

log = structlog.get_logger()

MAX_SESSIONS: Final = 1_000
# A message in base64 with its envelope.
MAX_TEXT: Final = 400 * 1024
MAX_RUNNING: Final = 64
MAX_WAITING: Final = 500
# How long a revoked credential keeps a line that it opened.
RECHECK_S: Final = 60.0
LAST_WORDS_S: Final = 0.1
ACK: Final = ":ACK"
LIVE_RESPONSE: Final = "live-response"
_POLICY_VIOLATION: Final = 1008
_INTERNAL_ERROR: Final = 1011
_TRY_AGAIN: Final = 1013
_LIVE: Final[Mapping[str, Kind]] = {
    "MESSAGES": "messages",
    "LIVE-COMMANDS": "commands",
    "LIVE-EVENTS": "events",
}
_WRITES: Final = frozenset({"create", "modify", "merge", "delete"})


@dataclass
class WebSocketApi:
    """Everything that its sessions share."""

    twin: Twin
    hub: Hub
    live: Live
    messages: MessagesApi
    commands: Commands
    callers: Callers
    acks: Acks
    dropped: int = 0
    sessions: "set[Session]" = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, caller: Caller) -> None:
        """Serve one session until either side ends it."""
        message = await receive()
        if message["type"] != "websocket.connect":
            return
        if len(self.sessions) >= MAX_SESSIONS:
            await send({"type": "websocket.close", "code": _TRY_AGAIN})
            return
        try:
            await self.hub.ready()
        except DatabaseBusy:
            await send({"type": "websocket.close", "code": _TRY_AGAIN})
            return
        await send({"type": "websocket.accept"})
        session = Session(self, send, caller, Asked(scope["headers"], scope["query_string"]))
        session.address = scope["client"][0] if scope.get("client") else "unknown"
        self.sessions.add(session)
        try:
            await session.run(receive)
        finally:
            self.sessions.discard(session)


@dataclass(eq=False)
class LiveSeat:
    """A session's wish for live signals of one kind."""

    session: "Session"
    kind: Kind
    view: View

    def receive(self, signal: Signal) -> None:
        """Send on what the session wants and may see."""
        view, thing = self.view, signal.place.thing
        if view.namespaces is not None and thing.namespace not in view.namespaces:
            return
        rules = signal.place.rules(self.session.api.twin, view.subjects)
        shown = signal.seen_by(rules)
        if shown is None or (view.query is not None and not shown.passes(view.query, rules)):
            return
        extra = select(seen(thing, rules), view.extra) if view.extra is not None else None
        self.session.push([protocol.signal(shown, extra)])


@dataclass(eq=False)
class Session:
    """One client's line.

    Attributes:
        credentials: What the client last showed; looked at again every minute.
    """

    api: WebSocketApi
    send: Send
    caller: Caller
    credentials: Asked
    address: str = "unknown"
    _sending: Sending = field(default_factory=Sending)
    _seat: tuple[Audience, View] | None = None
    _live: dict[Kind, LiveSeat] = field(default_factory=dict)
    _running: "set[asyncio.Task[None]]" = field(default_factory=set)
    _writing: "set[asyncio.Task[None]]" = field(default_factory=set)
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_RUNNING))
    _closing: int | None = None
    _closed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._subscriptions = Subscriptions(self.api.twin, self.api.commands)

    async def run(self, receive: Receive) -> None:
        """Read, write and watch, until one of them ends."""
        parts = [
            asyncio.create_task(self._read(receive)),
            asyncio.create_task(self._write()),
            asyncio.create_task(self._watch()),
            asyncio.create_task(self._wait_closed()),
        ]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._unsubscribe()
            for part in [*parts, *self._running]:
                part.cancel()
            found = await asyncio.gather(*parts, *self._running, return_exceptions=True)
            self._count_losses(found)
        if self._closing is not None:
            await self.send({"type": "websocket.close", "code": self._closing})

    def _count_losses(self, found: Sequence[BaseException | None]) -> None:
        for error in found:
            # A client that went away in the middle of a send is no error of ours.
            if isinstance(error, Exception) and not isinstance(error, OSError | RuntimeError):
                log.error("twin_session_failed", exc_info=error)
                self._closing = self._closing or _INTERNAL_ERROR
        if self._sending.dropped:
            self.api.dropped += self._sending.dropped
            log.warning("twin_events_dropped", dropped=self._sending.dropped)

    async def _wait_closed(self) -> None:
        await self._closed.wait()
        # Let the reason reach the client before the end does.
        await asyncio.sleep(LAST_WORDS_S)

    async def _write(self) -> None:
        while True:
            text = await self._sending.take()
            await self.send({"type": "websocket.send", "text": text.decode()})

    async def _watch(self) -> None:
        """See that whoever opened the line may still use it."""
        while True:
            await asyncio.sleep(RECHECK_S)
            try:
                found = await self._look_up(self.credentials)
            except CloudError as error:
                self._sending.answer(protocol.error(error, None, None))
                self._close(_POLICY_VIOLATION)
            except psycopg.Error as error:
                log.warning("twin_session_unchecked", error=str(error))
            else:
                await self._become(found)

    async def _look_up(self, credentials: Asked) -> Caller:
        known = self.api.callers.known(credentials, self.address)
        if known is not None:
            return known
        return await run_in_threadpool(self.api.callers.look_up, credentials, self.address)

    # --- as a listener -------------------------------------------------------------------

    def push(self, frames: Sequence[bytes]) -> None:
        """Take events, at once."""
        self._sending.events(frames)

    def close(self) -> None:
        """End: events cannot be shown."""
        self._close(_INTERNAL_ERROR)

    def _close(self, code: int) -> None:
        self._closing = code
        self._closed.set()

    # --- reading ---------------------------------------------------------------------------

    async def _read(self, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text") or message.get("bytes") or ""
            await self._sending.room()
            try:
                await self._take(text)
            except CloudError as error:
                correlation_id = protocol.correlation_of(text)
                self._sending.answer(protocol.error(error, None, correlation_id))

    async def _take(self, text: str | bytes) -> None:
        if len(text) > MAX_TEXT:
            raise too_large("message", len(text), MAX_TEXT)
        if isinstance(text, bytes):
            try:
                text = text.decode()
            except UnicodeDecodeError as error:
                raise bad_json("no UTF-8") from error
        if not text.lstrip().startswith("{"):
            await self._control(text.strip())
            return
        envelope = protocol.envelope_of(text)
        if self._answers(envelope):
            return
        # What waits for others must not keep this client's own answers from being read.
        waits = envelope.topic.channel == "live" or "requested-acks" in envelope.headers
        if waits:
            if len(self._running) >= MAX_WAITING:
                raise DittoError(
                    429, "gateway:too.many.requests", f"{MAX_WAITING} requests wait already."
                )
        else:
            await self._free.acquire()
        task = asyncio.create_task(self._serve(envelope))
        self._running.add(task)
        if not waits:
            task.add_done_callback(lambda _: self._free.release())
            if envelope.topic.action in _WRITES:
                self._writing.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._writing.discard(task)

    # --- envelopes -------------------------------------------------------------------------

    def _answers(self, envelope: Envelope) -> bool:
        """Whether it was an answer to somebody else's question, or an acknowledgement."""
        topic = envelope.topic
        acknowledges = topic.criterion == "acks" and topic.action != LIVE_RESPONSE
        if envelope.status is None or (topic.channel != "live" and not acknowledges):
            return False
        # An answer that is none yet (1xx) would leave HTTP clients waiting.
        status = max(envelope.status, 200)
        answer = Answer(status, envelope.value, envelope.headers, envelope.path)
        if acknowledges:
            self.api.acks.acknowledge(
                self.caller, envelope.correlation_id, topic.action, answer
            )  # fmt: skip
        else:
            key = (topic.entity_id, envelope.correlation_id)
            self.api.live.answer(self.caller, key, answer)
        return True

    async def _serve(self, envelope: Envelope) -> None:
        try:
            await self._carry_out(envelope)
        except CloudError as error:
            self._fail(envelope, error)
        except psycopg.OperationalError as error:
            log.warning("database_unavailable", error=str(error))
            self._fail(envelope, DatabaseBusy("the database did not answer"))
        except Exception:
            log.exception("twin_envelope_failed", topic=str(envelope.topic))
            self._fail(envelope, DittoError(500, "gateway:internalerror", "It has been logged."))

    def _fail(self, envelope: Envelope, error: CloudError) -> None:
        self._sending.answer(protocol.error(error, envelope.topic, envelope.correlation_id))

    async def _carry_out(self, envelope: Envelope) -> None:
        topic = envelope.topic
        match topic.group, topic.channel, topic.criterion:
            case "things", "live", _:
                await self._carry_out_live(envelope)
            case _, "twin" | "none", "commands":
                if topic.action == "retrieve" and self._writing:
                    # Whoever writes and then reads on one line reads what they wrote.
                    await asyncio.wait(set(self._writing))
                answer = await self.api.commands.run(self.caller, envelope)
                if answer is not None:
                    self._sending.answer(answer)
            case "things", "twin", "search" | "streaming":
                async for text in self._subscriptions.run(self.caller, envelope):
                    self._sending.answer(text)
                    await self._sending.room()
            case _:
                raise DittoError(
                    400, "things:topic.malformed", f"'{topic}' is nothing that can be asked."
                )

    async def _carry_out_live(self, envelope: Envelope) -> None:
        topic = envelope.topic
        if not topic.names_one:
            raise DittoError(400, "things:topic.malformed", f"'{topic}' names no thing.")
        if topic.criterion == "events":
            await self._live_event(envelope)
            return
        sent = await self._sent(envelope)
        if sent.timeout_s == 0:
            self.api.live.tell(sent.signal)
            return
        answer = await self.api.live.ask(sent.signal, sent.timeout_s)
        headers = dict(answer.headers) | {"correlation-id": envelope.correlation_id}
        path = pointer.show(answer.path)
        self._sending.answer(
            protocol.dumps(topic, headers, path, value=answer.value, status=answer.status)
        )

    async def _sent(self, envelope: Envelope) -> Sent:
        topic = envelope.topic
        query = {"fields": envelope.fields} if envelope.fields else {}
        asked = asked_of(envelope.headers, query)
        told = protocol.forwarded(envelope.headers)
        args = (self.caller, asked, topic.entity_id)
        if topic.criterion == "commands":
            verb = "modify" if topic.action == "create" else topic.action
            if verb not in {*_WRITES, "retrieve"}:
                raise DittoError(400, "things:topic.malformed", f"'{topic.action}' is no command.")
            return await self.api.messages.command(
                *args, topic.action, envelope.path, envelope.value, told
            )
        if topic.criterion != "messages":
            raise DittoError(
                400, "things:topic.malformed", f"'{topic}' is nothing that can be sent."
            )
        if envelope.value is not MISSING:
            size = len(orjson.dumps(envelope.value))
            if size > MAX_MESSAGE * 4 // 3 + 2:
                raise too_large("message", size, MAX_MESSAGE)
        path = protocol.message_path(envelope)
        return await self.api.messages.message(*args, path, topic.action, envelope.value, told)

    async def _live_event(self, envelope: Envelope) -> None:
        topic = envelope.topic
        place = await self.api.live.place_of(topic.entity_id)
        self.api.live.check_thing(self.caller, place, envelope.path, reads=False)
        headers = protocol.forwarded(envelope.headers) | {
            "ditto-originator": self.caller.default_subject
        }
        self.api.live.tell(
            Signal("events", place, topic.action, envelope.path, envelope.value, headers)
        )

    # --- control messages ------------------------------------------------------------------

    async def _control(self, text: str) -> None:
        name, _, query = text.partition("?")
        told = dict(parse_qsl(query, keep_blank_values=True))
        if name == "JWT-TOKEN":
            await self._take_token(told.get("jwtToken", ""))
            return
        verb, _, kind = name.partition("-SEND-")
        if verb not in {"START", "STOP"} or kind not in {
            "EVENTS", "POLICY-ANNOUNCEMENTS", *_LIVE,
        }:  # fmt: skip
            raise bad_json(f"'{text[:80]}' is neither a control message nor JSON")
        if verb == "START":
            view = views.view_of(told.get, self.caller)
            await self._start(
                kind, replace(view, fields=None, texts=(view.texts[0], None, view.texts[2]))
            )
        else:
            self._stop(kind)
        self._sending.answer(f"{name}{ACK}".encode())

    async def _start(self, kind: str, view: View) -> None:
        self._stop(kind)
        if kind == "EVENTS":
            await self.api.hub.at_now()
            audience = self.api.hub.join(
                _key(view), self._render(view), self, wants_docs=view.extra is not None
            )
            self._seat = (audience, view)
        elif kind in _LIVE:
            seat = LiveSeat(self, _LIVE[kind], view)
            self._live[seat.kind] = seat
            self.api.live.listen(seat.kind, seat)

    def _stop(self, kind: str) -> None:
        if kind == "EVENTS":
            if self._seat is not None:
                self.api.hub.leave(self._seat[0], self)
            self._seat = None
        elif kind in _LIVE and (seat := self._live.pop(_LIVE[kind], None)) is not None:
            self.api.live.forget(seat.kind, seat)

    def _unsubscribe(self) -> None:
        for kind in ("EVENTS", *_LIVE):
            self._stop(kind)

    def _render(self, view: View) -> Render:
        clock, acks = self.api.twin.clock, self.api.acks

        def render(change: Change) -> bytes | None:
            found = views.shown(view, change, clock())
            if found is None:
                return None
            return protocol.event(found, acks.headers(change, view.subjects))

        return render

    # --- who it is ---------------------------------------------------------------------------

    async def _take_token(self, token: str) -> None:
        """A new token of the same subject, before the old one ends."""
        shown = Asked([(b"authorization", b"Bearer " + token.encode("latin-1", "replace"))], b"")
        try:
            found = await self._look_up(shown)
        except psycopg.Error as error:
            raise DatabaseBusy("the database did not answer") from error
        except CloudError:
            self._close(_POLICY_VIOLATION)
            raise
        if found.default_subject != self.caller.default_subject:
            self._close(_POLICY_VIOLATION)
            raise DittoError(
                401, "gateway:authentication.failed", "The token is one of another subject."
            )
        self.credentials = shown
        await self._become(found)

    async def _become(self, caller: Caller) -> None:
        """See with other eyes: roles may have been given or taken."""
        if caller == self.caller:
            return
        self.caller = caller
        if self._seat is not None:
            await self._start("EVENTS", replace(self._seat[1], subjects=caller.subjects))
        for name, kind in _LIVE.items():
            if kind in self._live:
                await self._start(name, replace(self._live[kind].view, subjects=caller.subjects))


def _key(view: View) -> Hashable:
    return ("ws", view)
