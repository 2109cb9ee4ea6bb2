"""Live messages and commands: sent by one, answered by another, never stored."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from tests.support.api import Api
from tests.support.twin_live import line, socket
from tests.support.twin_wires import serving

from ioc_cloud.db.pool import Connection

LAMP = "/things/org.x:lamp"
LIVE = "org.x/lamp/things/live"
ASK = f"{LAMP}/inbox/messages/ask"


@pytest.fixture(scope="module")
def api(api_url: str, owner: Connection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(api_url, tmp_path_factory.mktemp("api")) as (url, _), ExitStack() as clients:
        yield Api(url, owner, clients)


@pytest.fixture
def lamp(an: httpx.Client) -> httpx.Client:
    body = {"attributes": {"room": "bếp"}, "features": {"light": {"properties": {"on": False}}}}
    assert an.put(LAMP, json=body).status_code == 201
    return an


@contextmanager
def device(
    client: httpx.Client, say: Callable[[dict[str, Any]], dict[str, Any]], kind: str = "MESSAGES"
) -> Iterator[list[dict[str, Any]]]:
    """A device that answers what it is asked, until the test is over."""
    heard: list[dict[str, Any]] = []
    with socket(client) as one:
        one.control(f"START-SEND-{kind}")

        def answer() -> None:
            for text in one.connection:
                found = json.loads(text)
                if "status" in found:
                    continue
                heard.append(found)
                headers = {"correlation-id": found["headers"]["correlation-id"]}
                told = say(found)
                headers |= told.pop("headers", {})
                body = {"topic": found["topic"], "path": found["path"], "headers": headers, **told}
                one.connection.send(json.dumps(body))

        thread = threading.Thread(target=answer)
        thread.start()
        yield heard
        one.connection.close()
        thread.join(10)


def test_a_message_is_answered_by_whoever_listens(lamp: httpx.Client) -> None:
    said = {"status": 418, "value": {"tea": True}, "headers": {
        "content-type": "application/json", "x-pot": "short", "set-cookie": "a=b"}}  # fmt: skip
    with device(lamp, lambda _: dict(said)) as heard, unjudged(lamp) as asking:
        found = asking.post(ASK, json={"cup": 1})

    assert (found.status_code, found.json()) == (418, {"tea": True})
    assert found.headers["x-pot"] == "short"
    assert "set-cookie" not in found.headers
    assert heard[0]["topic"] == f"{LIVE}/messages/ask"
    assert (heard[0]["path"], heard[0]["value"]) == ("/inbox/messages/ask", {"cup": 1})
    told = heard[0]["headers"]
    assert told["content-type"] == "application/json"
    assert told["ditto-message-direction"] == "TO"
    assert told["correlation-id"] == found.headers["correlation-id"]


def test_any_content_type_goes_there_and_back(lamp: httpx.Client) -> None:
    picture = bytes(range(256))
    encoded = base64.b64encode(picture).decode()

    def echo(asked: dict[str, Any]) -> dict[str, Any]:
        return {
            "status": 200,
            "value": asked["value"],
            "headers": {"content-type": asked["headers"]["content-type"]},
        }

    with device(lamp, echo) as heard:
        image = lamp.post(ASK, content=picture, headers={"content-type": "image/png"})
        text = lamp.post(
            ASK, content="xin chào".encode(), headers={"content-type": "text/plain"}
        )  # fmt: skip

    assert (image.content, image.headers["content-type"]) == (picture, "image/png")
    assert text.text == "xin chào"
    assert [one["value"] for one in heard] == [encoded, "xin chào"]


def test_a_feature_has_boxes_of_its_own(lamp: httpx.Client) -> None:
    with device(lamp, lambda _: {"status": 204}) as heard:
        found = lamp.post(f"{LAMP}/features/light/inbox/messages/turn/on", json=True)

    assert (found.status_code, found.content) == (204, b"")
    assert heard[0]["path"] == "/features/light/inbox/messages/turn/on"
    assert heard[0]["headers"]["ditto-message-feature-id"] == "light"
    assert heard[0]["topic"] == f"{LIVE}/messages/turn/on"


def test_nobody_s_answer_is_a_timeout(lamp: httpx.Client) -> None:
    found = lamp.post(ASK, json=1, params={"timeout": "200ms"})

    assert (found.status_code, found.json()["error"]) == (408, "messages:message.timeout")


def test_who_does_not_wait_is_told_at_once(lamp: httpx.Client) -> None:
    assert lamp.post(ASK, json=1, params={"timeout": "0"}).status_code == 202
    assert lamp.post(ASK, json=1, headers={"response-required": "false"}).status_code == 202
    assert lamp.post(ASK, json=1, params={"requested-acks": ""}).status_code == 202


@pytest.mark.parametrize(
    ("path", "content", "headers", "status"),
    [
        (ASK, b"{", {"content-type": "application/json"}, 400),
        (ASK, b"\xff", {"content-type": "text/plain"}, 400),
        (ASK, b"x" * 250 * 1024 + b"x", {"content-type": "text/plain"}, 413),
        (ASK, b"1", {"timeout": "61s"}, 400),
        (ASK, b"1", {"condition": 'eq(attributes/room,"x")'}, 412),
        (f"{LAMP}/inbox/messages/", b"1", {}, 400),
        (ASK, b"1", {"requested-acks": "ioc:mine"}, 501),
        (ASK, b"1", {"channel": "live", "response-required": "maybe"}, 400),
        ("/things/org.x:none/inbox/messages/ask", b"1", {}, 404),
    ],
)
def test_what_is_no_message_is_refused(
    lamp: httpx.Client, path: str, content: bytes, headers: dict[str, str], status: int
) -> None:
    assert lamp.post(path, content=content, headers=headers).status_code == status


def test_rights_on_messages_decide(lamp: httpx.Client, person: Any) -> None:
    guest, stranger = person("guest"), person("stranger")
    _let(lamp, guest, {"thing:/": ["READ"], "message:/inbox/messages/ask": ["WRITE"]})
    quick = {"timeout": "0"}

    assert guest.post(ASK, json=1, params=quick).status_code == 202
    refused = guest.post(f"{LAMP}/inbox/messages/other", json=1, params=quick)
    assert (refused.status_code, refused.json()["error"]) == (403, "messages:sendnotallowed")
    assert guest.post(f"{LAMP}/outbox/messages/ask", json=1, params=quick).status_code == 403
    assert stranger.post(ASK, json=1, params=quick).status_code == 404
    assert stranger.post(f"{LAMP}/inbox/claim", json="mine", params=quick).status_code == 202


def test_only_who_may_read_a_message_hears_and_answers_it(lamp: httpx.Client, person: Any) -> None:
    guest = person("guest")
    _let(lamp, guest, {"thing:/": ["READ", "WRITE"], "message:/": ["WRITE"]})
    with socket(guest) as ears:
        ears.control("START-SEND-MESSAGES")

        def say(asked: dict[str, Any]) -> dict[str, Any]:
            # The guest guesses the correlation id, and is first.
            ears.send(
                asked["topic"], asked["path"], value="theirs", status=200,
                headers={"correlation-id": asked["headers"]["correlation-id"]},
            )  # fmt: skip
            ears.ask("org.x/lamp/things/twin/commands/retrieve")
            return {"status": 200, "value": "mine"}

        with device(lamp, say):
            found = lamp.post(ASK, json=1)

        assert found.text == "mine"
        assert found.headers["content-type"].startswith("text/plain")
        assert ears.kept == []


def test_outgoing_messages_are_streamed_as_events(lamp: httpx.Client, person: Any) -> None:
    guest = person("guest")
    _let(lamp, guest, {"thing:/": ["READ"], "message:/outbox": ["READ"]})
    quick = {"timeout": "0"}
    with (
        line(guest, f"{LAMP}/outbox/messages") as every,
        line(guest, f"{LAMP}/outbox/messages/alarm") as alarms,
    ):
        lamp.post(f"{LAMP}/outbox/messages/hello", json={"n": 1}, params=quick)
        lamp.post(f"{LAMP}/inbox/messages/alarm", json={"n": 2}, params=quick)
        lamp.post(
            f"{LAMP}/outbox/messages/alarm", content="cháy\nnhà".encode(), params=quick,
            headers={"content-type": "text/plain"},
        )  # fmt: skip

        first, second = every.next(), every.next()
        assert (first.name, first.json()) == ("hello", {"n": 1})
        assert (second.name, second.data) == ("alarm", "cháy\nnhà")
        assert alarms.next().data == "cháy\nnhà"


def test_boxes_that_may_not_be_read_have_no_line(lamp: httpx.Client, person: Any) -> None:
    guest = person("guest")
    _let(lamp, guest, {"thing:/": ["READ"], "message:/outbox": ["READ"]})
    found = guest.get(f"{LAMP}/inbox/messages", headers={"accept": "text/event-stream"})

    assert found.status_code == 404


def test_messages_are_sent_and_answered_over_sockets(lamp: httpx.Client) -> None:
    said = {"status": 200, "value": "fine", "headers": {"content-type": "text/plain"}}
    with device(lamp, lambda _: dict(said)) as heard, socket(lamp) as asking:
        found = asking.ask(
            f"{LIVE}/messages/ask", "/inbox/messages/ask", value="how are you",
            headers={"content-type": "text/plain", "x-from": "me"},
        )  # fmt: skip

    assert (found["status"], found["value"]) == (200, "fine")
    assert heard[0]["headers"]["x-from"] == "me"
    assert heard[0]["value"] == "how are you"


def test_a_message_s_path_ends_with_its_subject(lamp: httpx.Client) -> None:
    with socket(lamp) as asking:
        found = asking.ask(f"{LIVE}/messages/ask", "/inbox/messages/other", value=1)

    assert (found["status"], found["value"]["error"]) == (400, "messages:path.invalid")


def test_a_live_command_is_answered_by_the_device_not_by_the_twin(lamp: httpx.Client) -> None:
    with device(lamp, lambda _: {"status": 200, "value": 17}, "LIVE-COMMANDS") as heard:
        found = lamp.get(f"{LAMP}/features/light/properties/on", params={"channel": "live"})
        changed = lamp.put(
            f"{LAMP}/features/light/properties/on", json=True, params={"channel": "live"}
        )

    assert (found.status_code, found.json(), changed.status_code) == (200, 17, 200)
    assert [one["topic"] for one in heard] == [
        f"{LIVE}/commands/retrieve",
        f"{LIVE}/commands/modify",
    ]
    assert heard[1]["value"] is True
    assert lamp.get(f"{LAMP}/features/light/properties/on").json() is False


def test_a_live_command_needs_the_rights_of_a_stored_one(lamp: httpx.Client, person: Any) -> None:
    guest = person("guest")
    _let(lamp, guest, {"thing:/": ["READ"]})
    live = {"channel": "live", "timeout": "0"}

    assert guest.put(f"{LAMP}/attributes/room", json="x", params=live).status_code == 403
    assert person("stranger").get(LAMP, params=live).status_code == 404
    assert lamp.put(f"{LAMP}/attributes/room", json="x", params=live).status_code == 202
    timed_out = lamp.get(LAMP, params={"channel": "live", "timeout": "100ms"})
    assert timed_out.status_code == 408


def test_live_events_reach_their_listeners_as_far_as_they_may_see(
    lamp: httpx.Client, person: Any
) -> None:
    guest = person("guest")
    _let(lamp, guest, {"thing:/features/light/properties/on": ["READ"]})
    with socket(guest) as ears, socket(lamp) as mouth:
        ears.control("START-SEND-LIVE-EVENTS?filter=eq(features/light/properties/on,true)")
        for on in (False, True):
            mouth.send(
                f"{LIVE}/events/modified", "/features/light/properties",
                value={"on": on, "level": 3},
            )  # fmt: skip

        found = ears.receive()
        assert (found["topic"], found["value"]) == (f"{LIVE}/events/modified", {"on": True})


def test_two_questions_with_one_correlation_id_do_not_mix(lamp: httpx.Client) -> None:
    same = {"correlation-id": "same"}
    with ThreadPoolExecutor() as pool:
        first = pool.submit(lamp.post, ASK, json=1, params={"timeout": "1s"}, headers=same)
        found = {lamp.post(ASK, json=1, params={"timeout": "1s"}, headers=same).status_code}

    assert found | {first.result().status_code} == {408, 409}


def unjudged(client: httpx.Client) -> httpx.Client:
    """The same person, whose answers are a device's own and no error of Ditto's."""
    return httpx.Client(base_url=client.base_url, auth=client.auth, timeout=20)


def _let(owner: httpx.Client, guest: httpx.Client, rights: dict[str, list[str]]) -> None:
    subject = guest.get("/whoami").json()["defaultSubject"]
    entry = {
        "subjects": {subject: {"type": "guest"}},
        "resources": {key: {"grant": grant, "revoke": []} for key, grant in rights.items()},
    }
    put = owner.put("/policies/org.x:lamp/entries/guest", json=entry)
    assert put.status_code in {201, 204}, put.text
