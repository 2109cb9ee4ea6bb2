"""Server-sent events on bare ASGI: lines that beat, that end, and that never pile up."""

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson
import psycopg
import structlog
from starlette.types import Receive

from ioc_cloud.errors import CloudError, DatabaseBusy
from ioc_cloud.twin.web.api import Request
from ioc_cloud.twin.web.http import as_ditto

log = structlog.get_logger()

EVENT_STREAM: Final = "text/event-stream"
# Ditto's rhythm; clients take a longer silence for a broken line.
BEAT_S: Final = 1.0
# Lines beat in turns, so that a thousand of them do not all write at once.
TURNS: Final = 10
HEARTBEAT: Final = b"data:\n\n"
# A line whose client takes nothing for this long is cut, whatever TCP says.
SEND_TIMEOUT_S: Final = 30.0
MAX_LAG_BYTES: Final = 2 * 1024 * 1024
# Clients come back by themselves, and have to show again that they still may.
LINE_LIFE_S: Final = 900.0
MAX_LINES: Final = 2_000


def frame(data: bytes, *, id: str | None = None, event: str | None = None) -> bytes:  # noqa: A002
    """One server-sent event; `id` and `event` are the names that the standard gives them."""
    head = b""
    if event is not None:
        head += b"event: " + _one_line(event) + b"\n"
    if id is not None:
        head += b"id: " + _one_line(id) + b"\n"
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return head + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"


def _one_line(text: str) -> bytes:
    return text.replace("\r", " ").replace("\n", " ").replace("\0", " ").encode()


@dataclass(eq=False)
class Line:
    """One client's end: frames wait here until it takes them.

    Attributes:
        place: Tells the id of the last change that the line covers, for its heartbeats.
    """

    place: Callable[[], int | None] = lambda: None
    ends_at: float = field(default_factory=lambda: time.monotonic() + LINE_LIFE_S)
    cut: bool = False
    gone: bool = False
    ended: bool = False
    sending_since: float | None = None
    task: "asyncio.Task[None] | None" = None
    _frames: deque[bytes] = field(default_factory=deque)
    _waiting_bytes: int = 0
    _idle_since: float = 0.0
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    def push(self, frames: Sequence[bytes]) -> None:
        """Take frames; a client that lags too far behind is cut instead."""
        if self.ended:
            return
        if self._waiting_bytes > MAX_LAG_BYTES:
            self.cut_off()
            return
        self._frames.extend(frames)
        self._waiting_bytes += sum(map(len, frames))
        self._idle_since = time.monotonic()
        self._ready.set()

    def cut_off(self) -> None:
        """Give up on a client that does not take what it is sent."""
        self.cut = self.gone = True
        self._frames.clear()
        self.close()
        if self.sending_since is not None and self.task is not None:
            self.task.cancel()

    def close(self) -> None:
        """End once everything has been sent."""
        self.ended = True
        self._ready.set()

    def beat(self, now: float) -> None:
        """Show that the line is alive, and where it stands."""
        if self.sending_since is not None and now - self.sending_since > SEND_TIMEOUT_S:
            self.cut_off()
        elif now > self.ends_at:
            self.gone = True
            self.close()
        elif now - self._idle_since >= BEAT_S / 2 and not self._frames:
            place = self.place()
            self.push([HEARTBEAT if place is None else b"id: %d\n%b" % (place, HEARTBEAT)])

    async def take(self) -> bytes:
        """What waits; empty when the line has ended."""
        while not self._frames and not self.ended:
            await self._ready.wait()
            self._ready.clear()
        body = b"".join(self._frames)
        self._frames.clear()
        self._waiting_bytes = 0
        return body


class Lines:
    """Every open line: one timer beats for all of them."""

    def __init__(self) -> None:
        self.cut = 0
        self._turns: list[set[Line]] = [set() for _ in range(TURNS)]
        self._next_turn = itertools.count()
        self._beating: asyncio.Task[None] | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to beat."""
        self._beating = loop.create_task(self._beat())

    def close(self) -> None:
        """End every line. On the loop."""
        if self._beating is not None:
            self._beating.cancel()
        for turn in self._turns:
            for line in list(turn):
                line.close()

    def __len__(self) -> int:
        return sum(map(len, self._turns))

    async def _beat(self) -> None:
        for turn in itertools.cycle(self._turns):
            await asyncio.sleep(BEAT_S / TURNS)
            now = time.monotonic()
            for line in list(turn):
                line.beat(now)

    async def serve(
        self, request: Request, line: Line, before: AsyncIterator[bytes] | None = None
    ) -> None:
        """Send `before`, then what comes to the line, until either side ends it.

        Raises:
            DatabaseBusy: As many lines are open as this process serves.
        """
        if len(self) >= MAX_LINES:
            raise DatabaseBusy(f"{MAX_LINES} lines are open")
        turn = self._turns[next(self._next_turn) % TURNS]
        turn.add(line)
        line.task = asyncio.current_task()
        gone = asyncio.create_task(_when_gone(request.receive, line))
        try:
            await _start(request)
            await self._write(request, line, before)
        except asyncio.CancelledError:
            if not line.cut:
                raise
        finally:
            line.ended = True
            turn.discard(line)
            gone.cancel()
            if line.cut:
                self.cut += 1
                log.warning("twin_line_cut", lag_bytes=MAX_LAG_BYTES, cut=self.cut)

    @staticmethod
    async def _write(request: Request, line: Line, before: AsyncIterator[bytes] | None) -> None:
        async def send(body: bytes, *, more: bool = True) -> None:
            line.sending_since = time.monotonic()
            await request.send(
                {"type": "http.response.body", "body": body, "more_body": more}
            )  # fmt: skip
            line.sending_since = None

        if before is not None:
            try:
                async for body in before:
                    await send(body)
                    if line.gone:
                        # What waits is newer than what was not sent: it must not be sent.
                        return
            except psycopg.Error as error:
                log.warning("twin_line_broken", error=str(error))
                return
        while body := await line.take():
            await send(body)
        await send(b"", more=False)


async def _start(request: Request) -> None:
    headers = [
        (b"content-type", b"text/event-stream;charset=UTF-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        *((name.encode(), value.encode("latin-1", "replace"))
          for name, value in request.headers.items()),
    ]  # fmt: skip
    await request.send({"type": "http.response.start", "status": 200, "headers": headers})
    # The head alone tells the client that the line stands.
    await request.send({"type": "http.response.body", "body": b"", "more_body": True})


async def _when_gone(receive: Receive, line: Line) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while (await receive())["type"] != "http.disconnect":
            continue
        line.gone = True
        line.close()


async def respond(lines: Lines, request: Request, source: AsyncIterator[bytes]) -> None:
    """Send frames that are made one after the other, and end with the last of them."""
    line = Line()

    async def all_of_it() -> AsyncIterator[bytes]:
        try:
            async for body in source:
                yield body
        except CloudError as error:
            # The answer has begun: an error can only be told as an event, as Ditto does.
            yield frame(orjson.dumps(as_ditto(error).body()))
        line.close()

    await lines.serve(request, line, all_of_it())
