"""Server-sent events: parsed by the HTML standard, resumed after a break, closed cleanly."""

from __future__ import annotations

import codecs
import json
import random
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import urllib3

from ioc_ditto.errors import BadAnswer, DittoClientError, TooManyRequests, Unavailable, Unreachable

if TYPE_CHECKING:
    import requests
    from typing_extensions import Self

CHUNK: Final = 65_536
MAX_EVENT_CHARS: Final = 16 * 1024 * 1024
# A finite stream that breaks this often will not get to its end.
MOST_BREAKS: Final = 20
_LINE_END: Final = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Event:
    """One event of a stream; heartbeats are none.

    Attributes:
        id: The last id that the server gave; resume behind it. Empty where it gives none.
        name: `message` unless the server says otherwise.
    """

    id: str
    name: str
    data: str

    @property
    def value(self) -> Any:  # noqa: ANN401 JSON
        """The data as JSON.

        Raises:
            BadAnswer: It is none.
        """
        try:
            return json.loads(self.data)
        except (ValueError, RecursionError) as error:
            raise BadAnswer(f"an event without JSON: {error}") from error


class EventParser:
    """Bytes in, events out (HTML Living Standard, 9.2.6)."""

    def __init__(self) -> None:
        self.last_id = ""
        self.retry_s: float | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._after_cr = False
        self._name = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[Event]:
        """Events that are complete now.

        Raises:
            BadAnswer: A line that never ends.
        """
        text = self._decoder.decode(chunk)
        if not text:
            return []
        if self._after_cr:
            # The other half of a line end that was cut in two.
            text = text.removeprefix("\n")
        self._after_cr = text.endswith("\r")
        *lines, self._rest = _LINE_END.split(self._rest + text)
        if len(self._rest) > MAX_EVENT_CHARS:
            raise BadAnswer(f"an event of more than {MAX_EVENT_CHARS} characters")
        found = [self._line(line) for line in lines]
        return [event for event in found if event is not None]

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id" and "\0" not in value:
            self.last_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_s = int(value) / 1000
        return None

    def _complete(self) -> Event | None:
        data, name = "\n".join(self._data), self._name or "message"
        self._data, self._name = [], ""
        return Event(self.last_id, name, data) if data else None


@dataclass(frozen=True)
class Resume:
    """How a stream goes on after a break.

    Attributes:
        finite: The server ends it when all is said; such an end is the end.
        by_id: It can go on behind the last event; without this a finite stream that
            breaks raises, because nobody could know what is missing.
        since: Begin behind this event id.
        on_gap: Called after each break, before the first event behind it: where the server
            does not replay, events are missing.
    """

    finite: bool = False
    by_id: bool = True
    since: str = ""
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    on_gap: Callable[[], None] | None = None


class EventStream(Iterator[Event]):
    """Events as they come; iterate in one thread, `close` from any.

    A break, a server that is away (429, 502, 503, 504) and silence longer than the read
    timeout lead to another try, with growing waits and `Last-Event-ID`. Refusals raise.

    Attributes:
        breaks: How often the line was lost.
    """

    def __init__(self, connect: Callable[[str], requests.Response], resume: Resume) -> None:
        """`connect` opens the line; it is given the id of the last event, or nothing."""
        self.breaks = 0
        self._connect = connect
        self._resume = resume
        self._closed = threading.Event()
        self._reading = threading.Lock()
        self._parser = EventParser()
        self._last_id = resume.since
        self._ready: deque[Event] = deque()
        self._response: requests.Response | None = None
        self._failures = 0
        self._gap = False
        self._delivered = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def last_id(self) -> str:
        """Where to go on with `since`; empty where the server gives no ids."""
        return self._last_id

    def close(self) -> None:
        """End it. A reader in another thread notices with the next heartbeat."""
        self._closed.set()
        if self._reading.acquire(blocking=False):
            try:
                self._hang_up()
            finally:
                self._reading.release()

    def __next__(self) -> Event:
        with self._reading:
            while not self._ready and not self._closed.is_set():
                self._listen()
            if self._ready:
                event = self._ready.popleft()
                self._last_id, self._delivered = event.id, True
                return event
            self._hang_up()
        raise StopIteration

    def _listen(self) -> None:
        """Read what comes next, opening the line where it is not."""
        try:
            chunk = self._open().raw.read1(CHUNK, decode_content=True)
        except (Unreachable, Unavailable, TooManyRequests) as error:
            self._lost(error)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self._lost(Unreachable(str(error)))
        except DittoClientError:
            self._closed.set()
            raise
        else:
            self._heard(chunk)

    def _heard(self, chunk: bytes) -> None:
        if not chunk:
            if self._resume.finite:
                self._closed.set()
            else:
                self._lost(Unreachable("the server ended the stream"))
            return
        self._failures = 0
        self._ready.extend(self._parser.feed(chunk))
        if self._gap and self._ready:
            self._gap = False
            if self._resume.on_gap is not None:
                self._resume.on_gap()

    def _open(self) -> requests.Response:
        if self._response is None:
            response = self._connect(self._last_id)
            seen = response.headers.get("Content-Type", "")
            if not seen.startswith("text/event-stream"):
                response.close()
                self._closed.set()
                raise BadAnswer(f"{response.url} answered {seen or 'nothing'}, no event stream")
            self._parser = EventParser()
            self._parser.last_id = self._last_id
            self._response = response
        return self._response

    def _lost(self, error: Exception) -> None:
        self._hang_up()
        if self._resume.finite and (self.breaks >= MOST_BREAKS or not self._may_go_on()):
            self._closed.set()
            raise error
        self.breaks += 1
        self._failures += 1
        self._gap = True
        self._closed.wait(self._wait_s())

    def _may_go_on(self) -> bool:
        """Whether a finite stream can be taken up again without a hole."""
        return not self._delivered or (self._resume.by_id and bool(self._last_id))

    def _wait_s(self) -> float:
        asked = self._parser.retry_s or self._resume.first_wait_s
        grown = min(asked * 2.0 ** min(self._failures - 1, 20), self._resume.longest_wait_s)
        return grown * random.uniform(0.5, 1.0)  # noqa: S311 spread, no secret

    def _hang_up(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None
