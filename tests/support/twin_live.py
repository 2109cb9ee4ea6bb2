"""Clients of the twin's live lines: server-sent events, and a WebSocket."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from tests.support.ditto_judge import JUDGE
from websockets.sync.client import ClientConnection, connect

PATIENCE_S = 10.0
EVENT_STREAM = {"accept": "text/event-stream"}


@dataclass
class Event:
    """One server-sent event."""

    data: str = ""
    id: str | None = None
    name: str | None = None

    def json(self) -> Any:
        return json.loads(self.data)


@dataclass
class Line:
    """An open line; heartbeats are counted and left out."""

    response: httpx.Response
    beats: int = 0
    last_id: str | None = None
    _events: Iterator[Event] = field(init=False)

    def __post_init__(self) -> None:
        self._events = self._read()

    def next(self, patience_s: float = PATIENCE_S) -> Event:
        """The next event that says something."""
        deadline = time.monotonic() + patience_s
        for event in self._events:
            if event.id is not None:
                self.last_id = event.id
            if event.data:
                return event
            self.beats += 1
            assert time.monotonic() < deadline, "no event came in time"
        raise AssertionError("the line ended")

    def rest(self) -> list[Event]:
        """Everything up to the line's end."""
        return [event for event in self._events if event.data]

    def silent(self, beats: int = 2) -> None:
        """See that nothing but heartbeats comes."""
        for _ in range(beats):
            event = next(self._events)
            assert not event.data, event

    def _read(self) -> Iterator[Event]:
        event = Event()
        lines: list[str] = []
        for line in self.response.iter_lines():
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                event.data = "\n".join(lines)
                yield event
                event, lines = Event(), []
            elif name == "data":
                lines.append(value)
            elif name == "id":
                event.id = value
            elif name == "event":
                event.name = value


@contextmanager
def line(
    client: httpx.Client, path: str, after: str | None = None, **params: str
) -> Iterator[Line]:
    """A line of server-sent events."""
    headers = EVENT_STREAM | ({"last-event-id": after} if after is not None else {})
    # A client of its own: hooks that read whole answers would wait for ever.
    with (
        httpx.Client(base_url=client.base_url, auth=client.auth, timeout=PATIENCE_S) as own,
        own.stream("GET", path, params=params, headers=headers) as response,
    ):
        if response.status_code != 200:
            response.read()
        assert response.status_code == 200, response.text
        yield Line(response)


def judge(envelope: dict[str, Any]) -> None:
    """Hold an envelope against Ditto's schema of its kind."""
    JUDGE.validate("protocol-envelope", envelope)
    criterion, _, action = envelope["topic"].rpartition("/")
    if envelope["topic"].endswith("/errors"):
        JUDGE.validate("protocol-error_response", envelope)
    elif "status" in envelope:
        JUDGE.validate("protocol-response", envelope)
    elif criterion.endswith("/search"):
        name = action if action in {"next", "failed"} else None
        JUDGE.validate(
            f"protocol-search-{name}-payload" if name else "protocol-search-subscriptionid",
            envelope["value"],
        )
    elif criterion.endswith("/streaming"):
        name = action if action in {"next", "failed"} else None
        part = f"subscription-{name}-payload" if name else "subscriptionid"
        JUDGE.validate(f"protocol-streaming-{part}", envelope["value"])
        if action == "next":
            judge(envelope["value"]["item"])


@dataclass
class Socket:
    """A WebSocket that speaks Ditto Protocol."""

    connection: ClientConnection
    kept: list[dict[str, Any]] = field(default_factory=list)

    def control(self, text: str) -> None:
        """A control message, acknowledged."""
        self.connection.send(text)
        assert self.text() == f"{text.partition('?')[0]}:ACK"

    def text(self) -> str:
        found = self.connection.recv(timeout=PATIENCE_S)
        assert isinstance(found, str)
        return found

    def send(self, topic: str, path: str = "/", **rest: Any) -> str:
        """An envelope; its correlation id."""
        headers = {"correlation-id": f"c-{time.monotonic_ns()}"} | rest.pop("headers", {})
        body = {"topic": topic, "headers": headers, "path": path, **rest}
        self.connection.send(json.dumps(body))
        return str(headers["correlation-id"])

    def receive(self) -> dict[str, Any]:
        """The next envelope."""
        if self.kept:
            return self.kept.pop(0)
        found: dict[str, Any] = json.loads(self.text())
        judge(found)
        return found

    def answer_to(self, correlation_id: str) -> dict[str, Any]:
        """The answer to a command; what comes before is kept."""
        before: list[dict[str, Any]] = []
        while True:
            found = self.receive()
            if found["headers"].get("correlation-id") == correlation_id and "status" in found:
                self.kept = before + self.kept
                return found
            before.append(found)

    def ask(self, topic: str, path: str = "/", **rest: Any) -> dict[str, Any]:
        """The answer to a command."""
        return self.answer_to(self.send(topic, path, **rest))


@contextmanager
def socket(client: httpx.Client, **params: str) -> Iterator[Socket]:
    """A WebSocket of the same person as the client's."""
    base = urlsplit(str(client.base_url))
    auth = client.auth
    assert isinstance(auth, httpx.BasicAuth)
    query = f"?{httpx.QueryParams(params)}" if params else ""
    with connect(
        f"ws://{base.netloc}/ws/2{query}",
        additional_headers={"authorization": auth._auth_header},
        max_size=None,
    ) as connection:
        yield Socket(connection)
