"""What happens, as it happens: changes, messages."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from tests.contract.ditto.conftest import Place

import ioc_ditto as ditto
from ioc_ditto import DittoClient, Event, EventStream


@contextmanager
def heard(stream: EventStream) -> Iterator[list[Event]]:
    """Events of a stream, collected in a thread from when it is open."""
    events: list[Event] = []
    thread = threading.Thread(target=lambda: events.extend(stream))

    def listen() -> None:
        for event in stream:
            events.append(event)  # noqa: PERF402 seen from outside while it grows

    thread = threading.Thread(target=listen)
    thread.start()
    until(lambda: stream._response is not None)
    # The line is open; a subscription of a cluster settles a moment later.
    time.sleep(0.3)
    try:
        yield events
    finally:
        stream.close()
        thread.join(10)
        assert not thread.is_alive()


def until(holds: Any) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_changes_are_heard_as_the_part_that_changed(client: DittoClient, place: Place) -> None:
    stream = client.events(namespaces=place.namespace, fields="thingId,attributes,_context")
    with heard(stream) as events:
        thing_id = place.thing("x", attributes={"n": 0})
        client.things.put(thing_id, 1, "attributes/n")
        client.things.merge(thing_id, {"attributes": {"m": "đ"}})
        client.things.delete(thing_id)
        until(lambda: len(events) >= 4)

    contexts = [event.value["_context"] for event in events]
    assert [one["topic"].rpartition("/")[2] for one in contexts] == [
        "created", "modified", "merged", "deleted",
    ]  # fmt: skip
    assert events[1].value["attributes"] == {"n": 1}
    assert contexts[1]["path"] == "/attributes/n"
    assert events[2].value["attributes"] == {"m": "đ"}


def test_a_filter_decides_which_changes_are_heard(client: DittoClient, place: Place) -> None:
    thing_id = place.thing("x", attributes={"n": 0})
    stream = client.events(
        ids=[thing_id], filter=ditto.rql.gt("attributes/n", 5), fields="thingId,attributes"
    )
    with heard(stream) as events:
        for n in (3, 7, 4, 9):
            client.things.put(thing_id, n, "attributes/n")
        until(lambda: len(events) >= 2)

    assert [event.value["attributes"]["n"] for event in events] == [7, 9]


def test_extra_fields_come_along(client: DittoClient, place: Place) -> None:
    thing_id = place.thing("x", attributes={"n": 0, "name": "Cầu Mới"})
    stream = client.events(ids=[thing_id], extra_fields="attributes/name")
    with heard(stream) as events:
        client.things.put(thing_id, 1, "attributes/n")
        until(lambda: events)

    assert events[0].value["attributes"] == {"n": 1, "name": "Cầu Mới"}


def test_one_part_of_one_thing_can_be_followed(client: DittoClient, place: Place) -> None:
    thing_id = place.thing("x", attributes={"n": 0, "m": 0})
    with heard(client.things.follow(thing_id, "attributes/n")) as events:
        client.things.put(thing_id, 1, "attributes/m")
        client.things.put(thing_id, 2, "attributes/n")
        until(lambda: events)

    assert [event.value for event in events] == [2]


def test_a_message_is_heard_by_who_listens(client: DittoClient, place: Place) -> None:
    thing_id = place.thing("x", features={"cam": {}})
    with heard(client.messages.listen(thing_id)) as events:
        sent = client.messages.send(
            thing_id, "alarm", "cháy", direction="outbox", timeout=timedelta(0)
        )
        until(lambda: events)

    assert not sent.answered
    assert (events[0].name, events[0].data) == ("alarm", "cháy")


def test_a_message_of_a_feature_is_heard_by_its_subject(client: DittoClient, place: Place) -> None:
    thing_id = place.thing("x", features={"cam": {}})
    stream = client.messages.listen(thing_id, "look", feature="cam", direction="inbox")
    with heard(stream) as events:
        client.messages.send(thing_id, "other", 1, feature="cam", timeout=timedelta(0))
        client.messages.send(thing_id, "look", {"at": [1, 2]}, feature="cam", timeout=timedelta(0))
        until(lambda: events)

    assert [event.value for event in events] == [{"at": [1, 2]}]


def test_a_message_that_nobody_answers_is_no_reply(client: DittoClient, place: Place) -> None:
    thing_id = place.thing("x")

    with pytest.raises(ditto.NoReply):
        client.messages.send(thing_id, "ask", {"a": 1}, timeout=timedelta(seconds=1))


def test_a_message_to_nobody_is_not_found(client: DittoClient, place: Place) -> None:
    with pytest.raises(ditto.NotFound):
        client.messages.send(place.id("absent"), "ask", timeout=timedelta(seconds=1))


def test_who_may_not_write_a_message_may_not_send_it(
    client: DittoClient, other: DittoClient, place: Place
) -> None:
    thing_id = place.thing("x")
    entry = {
        "subjects": {other.who_am_i()["defaultSubject"]: {"type": "other"}},
        "resources": {"thing:/": {"grant": ["READ"], "revoke": []}},
    }
    client.policies.put(thing_id, entry, "entries/other")

    with pytest.raises(ditto.Forbidden):
        other.messages.send(thing_id, "ask", timeout=timedelta(seconds=1))


def test_a_stream_that_may_not_be_is_refused(client: DittoClient, place: Place) -> None:
    with pytest.raises(ditto.NotFound):
        next(client.things.follow(place.id("absent")))
    with pytest.raises(ditto.BadRequest):
        next(client.events(filter="eq("))
