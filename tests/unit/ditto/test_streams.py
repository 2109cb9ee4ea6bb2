"""Server-sent events: the parser, and a line that breaks."""

import threading
import time
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ditto.parts import Service, events, hang_up, say

import ioc_ditto as ditto
from ioc_ditto.streams import Event, EventParser

ONE = b'id: 1\ndata: {"n": 1}\n\n'
TWO = b'id: 2\r\ndata: {"n": 2}\r\n\r\n'
HEARTBEAT = b"data:\n\n"
STREAM = (
    "\ufeffdata: first\r\rid: 7\nevent: xã\ndata: a\r\ndata:b\r\n\r\n: comment\ndata:\n\n"
    "retry: 250\nretry: soon\nid: x\0y\nnonsense\ndata: last\n\ndata: incomplete\n"
).encode()
PARSED = [Event("", "message", "first"), Event("7", "xã", "a\nb"), Event("7", "message", "last")]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_a_stream_means_the_same_however_it_is_cut(cuts: list[int]) -> None:
    parser = EventParser()
    edges = [0, *sorted(cuts), len(STREAM)]
    found = [event for start, end in pairwise(edges) for event in parser.feed(STREAM[start:end])]

    assert found == PARSED
    assert parser.retry_s == 0.25


def test_heartbeats_are_no_events(service: Service) -> None:
    service.answers = [events(HEARTBEAT, ONE, HEARTBEAT, TWO)]

    with service.client().events(namespaces=["a", "b"], fields="thingId,_context") as stream:
        assert [next(stream).value, next(stream).value] == [{"n": 1}, {"n": 2}]

    sent = service.seen[0]
    assert sent.path == "/api/2/things?namespaces=a%2Cb&fields=thingId%2C_context"
    assert sent.headers["Accept"] == "text/event-stream"


@pytest.mark.parametrize("broken", [hang_up, say(503, b""), say(429, b"")])
def test_a_broken_line_goes_on_behind_the_last_event(service: Service, broken: Any) -> None:
    service.answers = [events(b"retry: 10\n\n", ONE, length=999), broken, events(HEARTBEAT, TWO)]
    gaps: list[int] = []
    client = service.client(retries=ditto.Retries(times=0))

    with client.events(on_gap=lambda: gaps.append(1)) as stream:
        assert [next(stream).id, next(stream).id] == ["1", "2"]
        assert stream.last_id == "2"

    assert [one.headers.get("Last-Event-ID") for one in service.seen] == [None, "1", "1"]
    assert gaps == [1]
    assert stream.breaks == 2


def test_a_stream_begins_behind_an_event_that_the_caller_knows(service: Service) -> None:
    service.answers = [events(TWO)]

    with service.client().events(since="1") as stream:
        next(stream)

    assert service.seen[0].headers["Last-Event-ID"] == "1"


def test_silence_counts_as_a_break(service: Service) -> None:
    quiet = threading.Event()
    service.answers = [
        events(b"retry: 10\n\n", ONE, then=lambda _handler: quiet.wait(5) and None),
        events(TWO),
    ]

    with service.client().events(silence=timedelta(seconds=0.1)) as stream:
        assert [next(stream).id, next(stream).id] == ["1", "2"]
    quiet.set()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 501])
def test_a_refusal_ends_the_stream(service: Service, status: int) -> None:
    service.answers = [say(status)]
    stream = service.client().events()

    with pytest.raises(ditto.DittoError):
        next(stream)
    assert list(stream) == []
    assert len(service.seen) == 1


def test_an_answer_that_is_no_stream_ends_it(service: Service) -> None:
    service.answers = [say(200, b"[]")]

    with pytest.raises(ditto.BadAnswer):
        next(service.client().events())


def test_closing_from_another_thread_ends_the_loop(service: Service) -> None:
    stopped = threading.Event()

    def beat(handler: Any) -> None:
        while not stopped.wait(0.05):
            handler.wfile.write(HEARTBEAT)
            handler.wfile.flush()

    service.answers = [events(ONE, then=beat)]
    stream = service.client().events()
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.extend(event.id for event in stream))
    reader.start()
    deadline = time.monotonic() + 5
    while not heard and time.monotonic() < deadline:
        time.sleep(0.01)

    stream.close()
    reader.join(5)

    assert not reader.is_alive()
    assert heard == ["1"]
    stopped.set()


def test_closing_ends_a_wait_for_a_service_that_is_away(service: Service) -> None:
    service.answers = [say(503, b"")]
    stream = service.client(retries=ditto.Retries(times=0)).events()
    timer = threading.Timer(0.1, stream.close)
    timer.start()

    assert list(stream) == []
    timer.join()


def test_a_search_stream_ends_by_itself_and_goes_on_after_a_break(service: Service) -> None:
    service.answers = [events(b"retry: 10\n\n", ONE, length=999), events(TWO)]

    with service.client().search_stream("exists(attributes/x)", sort="thingId") as stream:
        assert [event.value["n"] for event in stream] == [1, 2]

    assert service.seen[1].headers["Last-Event-ID"] == "1"
    assert "option=sort%28%2BthingId%29" in service.seen[0].path


def test_a_history_that_breaks_says_so(service: Service) -> None:
    service.answers = [events(ONE, length=999), events(TWO)]
    stream = service.client().things.history("a:b", from_=1, to=5)

    assert next(stream).id == "1"
    with pytest.raises(ditto.Unreachable):
        next(stream)

    assert service.seen[0].path == (
        "/api/2/things/a:b?from-historical-revision=1&to-historical-revision=5"
    )


def test_messages_are_heard_by_subject(service: Service) -> None:
    service.answers = [events(b"event: ask\ndata: chao\n\n".replace(b"chao", "chào".encode()))]

    with service.client().messages.listen("a:b", "ask", feature="f") as stream:
        event = next(stream)

    assert (event.name, event.data) == ("ask", "chào")
    assert service.seen[0].path == "/api/2/things/a:b/features/f/outbox/messages/ask"
