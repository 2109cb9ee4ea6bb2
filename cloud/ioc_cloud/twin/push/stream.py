"""`Accept: text/event-stream` on things: changes, a thing's history, and live messages."""

from collections.abc import AsyncIterator, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson
from starlette.concurrency import run_in_threadpool

from ioc_cloud.twin import ids, pointer
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError, thing_not_found
from ioc_cloud.twin.pointer import MISSING, Path
from ioc_cloud.twin.push import views
from ioc_cloud.twin.push.changes import Change
from ioc_cloud.twin.push.hub import Audience, Hub, Render
from ioc_cloud.twin.push.live import Live, Signal
from ioc_cloud.twin.push.past import past_of, span_of
from ioc_cloud.twin.push.views import View
from ioc_cloud.twin.rql import Query
from ioc_cloud.twin.service import Twin
from ioc_cloud.twin.web.api import Request
from ioc_cloud.twin.web.lines import EVENT_STREAM, HEARTBEAT, Line, Lines, frame, respond

MAX_DIGITS: Final = 18
# Changes from memory that are told at once to a line that comes back.
REPLAYED: Final = 200
_PARTS: Final = frozenset({"policyId", "definition", "attributes", "features"})
_FROM: Final = ("from-historical-revision", "from-historical-timestamp")


class StreamApi:
    """Lines of server-sent events about things."""

    def __init__(self, twin: Twin, hub: Hub, live: Live, lines: Lines) -> None:
        """`lines` are shared with every other stream of the process."""
        self._twin = twin
        self._hub = hub
        self._live = live
        self._lines = lines

    @staticmethod
    def wants(request: Request) -> bool:
        """Whether a request asks for a stream of things, not for their state."""
        streams = request.method == "GET" and request.asked.accepts(EVENT_STREAM)
        return streams and request.parts[:1] == ("things",)

    async def handle(self, request: Request) -> None:
        """Serve the line until it ends."""
        if len(request.parts) == 1:
            await self._changes(request, views.view_of(request.asked.query, request.caller))
            return
        thing_id = ids.checked(request.parts[1])
        path = pointer.of_parts(request.parts[2:])
        if "" in path:
            raise DittoError(404, "gateway:resource.notfound", "A path has no empty segment.")
        if (box := message_box(path)) is not None:
            await self._messages(request, thing_id, *box)
            return
        if path and path[0] not in _PARTS:
            raise DittoError(404, "gateway:resource.notfound", "A thing has no such part.")
        view = views.view_of(
            request.asked.query, request.caller, thing_ids=frozenset({thing_id}), scope=path
        )
        if any(request.asked.get(name) for name in _FROM):
            await self._history(request, thing_id, view)
            return
        found = await self._twin.read(request.caller, thing_id)
        if not found or not found[0].rules.may_some("thing", "READ", path):
            raise thing_not_found(thing_id)
        await self._changes(request, view)

    # --- changes ---------------------------------------------------------------------

    async def _changes(self, request: Request, view: View) -> None:
        await self._hub.at_now()
        seat = Seat(self._hub, view, self._render(view))
        after = _last_event_id(request, self._hub.newest)
        if after is None:
            # Seated before the head is sent: what a client changes once it has seen the
            # head reaches its line.
            seat.take()
        try:
            await self._lines.serve(request, seat.line, self._before(seat, after))
        finally:
            seat.leave()

    def _render(self, view: View) -> Render:
        def render(change: Change) -> bytes | None:
            found = views.shown(view, change, self._twin.clock())
            if found is None:
                return None
            value = views.thing_json(view, found)
            if value is MISSING:
                return None
            return frame(orjson.dumps(value), id=str(change.seq))

        return render

    async def _before(self, seat: "Seat", after: int | None) -> AsyncIterator[bytes]:
        """What a line missed behind `after`, and its place at once.

        A line that breaks before its first change resumes from there too.
        """
        if after is None:
            yield b"id: %d\n%b" % (seat.upto, HEARTBEAT)
            return
        docs = seat.view.extra is not None
        while self._hub.kept(after, after) is None:
            upto = self._hub.newest
            changes = await run_in_threadpool(self._hub.past, after, upto, docs=docs)
            yield seat.frames(changes)
            after = changes[-1].seq if changes else upto
        seat.take(after)
        kept = self._hub.kept(after, seat.upto) or []
        place = seat.upto
        for start in range(0, len(kept), REPLAYED):
            some = kept[start : start + REPLAYED]
            yield seat.frames(await run_in_threadpool(self._hub.refreshed, some, docs=docs))
        yield b"id: %d\n%b" % (place, HEARTBEAT)

    # --- history ---------------------------------------------------------------------

    async def _history(self, request: Request, thing_id: str, view: View) -> None:
        """A thing's past, from where it was asked for, to its end."""
        span = span_of(request.asked.get)
        past = await run_in_threadpool(past_of, self._twin, request.caller, thing_id, span)
        render = self._render(view)
        after = _last_event_id(request, self._hub.newest) or 0

        async def frames() -> AsyncIterator[bytes]:
            async for changes in past.chunks():
                left = [change for change in changes if change.seq > after]
                yield b"".join(one for change in left if (one := render(change)) is not None)

        await respond(self._lines, request, frames())

    # --- messages --------------------------------------------------------------------

    async def _messages(self, request: Request, thing_id: str, box: Path, subject: str) -> None:
        found = await self._twin.read(request.caller, thing_id)
        path = (*box, *subject.split("/")) if subject else box
        if not found or not found[0].rules.may_some("message", "READ", path):
            raise thing_not_found(thing_id)
        wanted = views.query_of(request.asked.query("filter"))
        listener = MessageLine(self._twin, request.caller, thing_id, path, wanted)
        self._live.listen("messages", listener)
        try:
            await self._lines.serve(request, listener.line)
        finally:
            self._live.forget("messages", listener)


@dataclass(eq=False)
class Seat:
    """A line's place in its audience."""

    hub: Hub
    view: View
    render: Render
    line: Line = field(default_factory=Line)
    audience: Audience | None = None

    def __post_init__(self) -> None:
        self.line.place = lambda: self.audience.upto if self.audience else None

    @property
    def upto(self) -> int:
        """The last change that the line has been shown."""
        return self.audience.upto if self.audience is not None else 0

    def take(self, after: int = 0) -> None:
        """Be shown everything from now on."""
        key: Hashable = ("sse", self.view)
        if self.hub.upto(key) < after:
            # The line was ahead of its neighbours when it broke: it sits alone.
            key = (key, id(self.line))
        self.audience = self.hub.join(
            key, self.render, self.line, wants_docs=self.view.extra is not None
        )

    def leave(self) -> None:
        """Be shown nothing more."""
        if self.audience is not None:
            self.hub.leave(self.audience, self.line)

    def frames(self, changes: Sequence[Change]) -> bytes:
        """Changes that were missed, as they would have been sent."""
        return b"".join(one for change in changes if (one := self.render(change)) is not None)


@dataclass(eq=False)
class MessageLine:
    """A line of live messages to or from one thing, or one of its features.

    Attributes:
        path: Up to `messages`, or down to one subject.
    """

    twin: Twin
    caller: Caller
    thing_id: str
    path: Path
    query: Query | None
    line: Line = field(default_factory=Line)

    def receive(self, signal: Signal) -> None:
        """Send on what is asked for and may be read."""
        thing = signal.place.thing
        if thing.id != self.thing_id or signal.path[: len(self.path)] != self.path:
            return
        rules = signal.place.rules(self.twin, self.caller.subjects)
        if signal.seen_by(rules) is None:
            return
        if self.query is not None and not signal.passes(self.query, rules):
            return
        self.line.push([frame(signal.payload(), event=signal.action)])


def message_box(path: Path) -> tuple[Path, str] | None:
    """`inbox/messages/<subject>`, of a thing or a feature: the box, and the subject."""
    start = 2 if path[:1] == ("features",) else 0
    if path[start : start + 1] not in {("inbox",), ("outbox",)} or len(path) < start + 2:
        return None
    if path[start + 1] == "messages":
        return path[: start + 2], "/".join(path[start + 2 :])
    return None


def _last_event_id(request: Request, newest: int) -> int | None:
    text = request.asked.header("last-event-id") or request.asked.query("lastEventId")
    if text is None or not text.isascii() or not text.isdigit() or len(text) > MAX_DIGITS:
        return None
    # A number from the future is one of another database: start at now.
    return min(int(text), newest)
