"""Ditto Protocol over WebSocket: commands, events, pages, errors, each a valid envelope."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.api import Api
from tests.support.twin_live import Socket, socket
from tests.support.twin_wires import serving
from tests.support.wire import eventually
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from ioc_cloud.auth import keys
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.push import sending, websocket
from ioc_cloud.twin.push.wires import Wires

LAMP = "/things/org.x:lamp"
TWIN = "org.x/lamp/things/twin"
BODY = {
    "attributes": {"room": "bếp", "counter": 1},
    "features": {"light": {"properties": {"on": False, "level": 3}}},
}


@pytest.fixture(scope="module")
def served(api_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Wires]]:
    with serving(api_url, tmp_path_factory.mktemp("api")) as found:
        yield found


@pytest.fixture(scope="module")
def api(served: tuple[str, Wires], owner: Connection) -> Iterator[Api]:
    with ExitStack() as clients:
        yield Api(served[0], owner, clients)


@pytest.fixture
def wired(served: tuple[str, Wires]) -> Wires:
    return served[1]


@pytest.fixture
def ws(an: httpx.Client) -> Iterator[Socket]:
    with socket(an) as one:
        yield one


@pytest.fixture
def lamp(an: httpx.Client) -> httpx.Client:
    assert an.put(LAMP, json=BODY).status_code == 201
    return an


def test_a_thing_lives_its_whole_life_over_the_socket(ws: Socket, an: httpx.Client) -> None:
    created = ws.ask(f"{TWIN}/commands/create", value=BODY)
    assert (created["status"], created["topic"]) == (201, f"{TWIN}/commands/create")
    assert created["value"]["thingId"] == "org.x:lamp"

    assert ws.ask(f"{TWIN}/commands/modify", "/attributes/counter", value=2)["status"] == 204
    assert ws.ask(f"{TWIN}/commands/modify", "/attributes/new", value="đèn")["status"] == 201
    patch = {"features": {"light": {"properties": {"on": True, "level": None}}}}
    assert ws.ask(f"{TWIN}/commands/merge", "/", value=patch)["status"] == 204
    assert ws.ask(f"{TWIN}/commands/delete", "/attributes/room")["status"] == 204

    found = ws.ask(f"{TWIN}/commands/retrieve")
    assert found["status"] == 200
    assert found["value"]["attributes"] == {"counter": 2, "new": "đèn"}
    assert found["value"]["features"] == {"light": {"properties": {"on": True}}}
    assert found["headers"]["ETag"] == '"rev:5"'
    assert found["value"] == an.get(LAMP).json()

    assert ws.ask(f"{TWIN}/commands/delete")["status"] == 204
    assert ws.ask(f"{TWIN}/commands/retrieve")["status"] == 404


def test_what_is_there_is_not_created_again(ws: Socket, lamp: httpx.Client) -> None:
    found = ws.ask(f"{TWIN}/commands/create", value={})

    assert (found["status"], found["value"]["error"]) == (409, "things:thing.conflict")
    assert found["topic"] == f"{TWIN}/errors"
    assert lamp.get(LAMP).json()["attributes"] == BODY["attributes"]


def test_fields_and_several_things_at_once(ws: Socket, lamp: httpx.Client) -> None:
    lamp.put("/things/org.x:other", json={"attributes": {"counter": 7}})
    fields = "thingId,attributes/counter"

    one = ws.ask(f"{TWIN}/commands/retrieve", fields=fields)
    many = ws.ask(
        "_/_/things/twin/commands/retrieve",
        value={"thingIds": ["org.x:lamp", "org.x:other", "org.x:none"]},
        fields=fields,
    )

    assert one["value"] == {"thingId": "org.x:lamp", "attributes": {"counter": 1}}
    assert many["value"] == [
        one["value"],
        {"thingId": "org.x:other", "attributes": {"counter": 7}},
    ]


def test_headers_of_an_envelope_mean_what_they_mean_over_http(
    ws: Socket, lamp: httpx.Client
) -> None:
    modify = f"{TWIN}/commands/modify"

    failed = ws.ask(modify, "/attributes/counter", value=2, headers={"If-Match": '"rev:9"'})
    unmet = ws.ask(
        modify, "/attributes/counter", value=2, headers={"condition": 'eq(attributes/room,"sân")'}
    )
    met = ws.ask(
        modify, "/attributes/counter", value=2, headers={"condition": 'eq(attributes/room,"bếp")'}
    )

    assert (failed["status"], unmet["status"], met["status"]) == (412, 412, 204)
    assert lamp.get(f"{LAMP}/attributes/counter").json() == 2


def test_a_command_that_wants_no_answer_gets_none(ws: Socket, lamp: httpx.Client) -> None:
    quiet = {"response-required": False}
    ws.send(f"{TWIN}/commands/modify", "/attributes/counter", value=2, headers=quiet)

    assert ws.ask(f"{TWIN}/commands/retrieve", "/attributes/counter")["value"] == 2
    assert ws.kept == []
    assert lamp.get(f"{LAMP}/attributes/counter").json() == 2


def test_policies_are_commanded_too(ws: Socket, lamp: httpx.Client) -> None:
    policy = "org.x/lamp/policies/commands"
    entry = {"subjects": {"ioc:x": {"type": "x"}}, "resources": {}}

    assert ws.ask(f"{policy}/modify", "/entries/guest", value=entry)["status"] == 201
    found = ws.ask(f"{policy}/retrieve", "/entries/guest")
    assert (found["status"], found["value"]) == (200, entry)
    assert ws.ask(f"{policy}/delete", "/entries/guest")["status"] == 204
    missing = ws.ask(f"{policy}/retrieve", "/entries/guest")
    assert (missing["status"], missing["topic"]) == (404, "org.x/lamp/policies/errors")
    assert lamp.get("/policies/org.x:lamp").status_code == 200


def test_events_come_after_they_were_asked_for(ws: Socket, lamp: httpx.Client) -> None:
    ws.control("START-SEND-EVENTS?namespaces=org.x&extraFields=attributes/room")
    lamp.put(f"{LAMP}/attributes/counter", json=2, headers={"correlation-id": "mine"})

    event = ws.receive()
    assert event["topic"] == f"{TWIN}/events/modified"
    assert (event["path"], event["value"], event["revision"]) == ("/attributes/counter", 2, 2)
    assert event["extra"] == {"attributes": {"room": "bếp"}}
    assert event["headers"]["correlation-id"] == "mine"

    ws.control("STOP-SEND-EVENTS")
    lamp.put(f"{LAMP}/attributes/counter", json=3)
    assert ws.ask(f"{TWIN}/commands/retrieve", "/attributes/counter")["value"] == 3
    assert ws.kept == []


def test_every_kind_of_change_has_its_event(ws: Socket, an: httpx.Client) -> None:
    ws.control("START-SEND-EVENTS")
    an.put(LAMP, json=BODY)
    an.patch(LAMP, json={"attributes": {"counter": 2}}, headers=_merge())
    an.put(LAMP, json=BODY)
    an.delete(f"{LAMP}/attributes/counter")
    an.delete(LAMP)

    events = [ws.receive() for _ in range(5)]
    actions = [one["topic"].rpartition("/")[2] for one in events]
    assert actions == ["created", "merged", "modified", "deleted", "deleted"]
    assert [one["revision"] for one in events] == [1, 2, 3, 4, 5]
    assert [one["path"] for one in events] == ["/", "/", "/", "/attributes/counter", "/"]
    assert "value" not in events[3]
    assert events[1]["headers"]["content-type"] == "application/merge-patch+json"


def test_a_filter_is_url_encoded_and_looks_at_the_change(ws: Socket, lamp: httpx.Client) -> None:
    query = httpx.QueryParams({"filter": "gt(attributes/counter,2)"})
    ws.control(f"START-SEND-EVENTS?{query}")
    for number in (2, 3):
        lamp.put(f"{LAMP}/attributes/counter", json=number)

    assert ws.receive()["value"] == 3


def test_a_search_comes_in_the_pages_that_are_asked_for(ws: Socket, an: httpx.Client) -> None:
    for number in range(5):
        an.put(f"/things/org.s:{number}", json={"attributes": {"n": number}})
    search = "_/_/things/twin/search"
    asked = ws.send(
        f"{search}/subscribe",
        value={
            "filter": "exists(attributes/n)",
            "options": "size(2),sort(-attributes/n)",
            "namespaces": ["org.s"],
        },
        fields="thingId",
    )
    created = ws.receive()
    assert created["topic"] == f"{search}/created"
    assert created["headers"]["correlation-id"] == asked
    named = created["value"]["subscriptionId"]

    ws.send(f"{search}/request", value={"subscriptionId": named, "demand": 1})
    first = ws.receive()
    assert first["topic"] == f"{search}/next"
    assert first["value"]["items"] == [{"thingId": "org.s:4"}, {"thingId": "org.s:3"}]

    ws.send(f"{search}/request", value={"subscriptionId": named, "demand": 9})
    rest = [ws.receive() for _ in range(3)]
    assert [one["value"].get("items") for one in rest] == [
        [{"thingId": "org.s:2"}, {"thingId": "org.s:1"}],
        [{"thingId": "org.s:0"}],
        None,
    ]
    assert rest[2]["topic"] == f"{search}/complete"


def test_a_search_that_cannot_be_understood_fails_when_asked_for(
    ws: Socket, an: httpx.Client
) -> None:
    del an
    search = "_/_/things/twin/search"
    ws.send(f"{search}/subscribe", value={"filter": "nonsense("})
    named = ws.receive()["value"]["subscriptionId"]
    ws.send(f"{search}/request", value={"subscriptionId": named, "demand": 1})

    failed = ws.receive()
    assert failed["topic"] == f"{search}/failed"
    assert failed["value"]["error"]["status"] == 400


def test_a_thing_s_past_is_streamed_as_events(ws: Socket, lamp: httpx.Client) -> None:
    for number in (2, 3, 4):
        lamp.put(f"{LAMP}/attributes/counter", json=number)
    streaming = f"{TWIN}/streaming"
    ws.send(f"{streaming}/subscribeForPersistedEvents", value={"fromHistoricalRevision": -2})
    named = ws.receive()["value"]["subscriptionId"]
    ws.send(f"{streaming}/request", value={"subscriptionId": named, "demand": 10})

    found = [ws.receive() for _ in range(3)]
    items = [one["value"]["item"] for one in found[:2]]
    assert [(one["revision"], one["value"]) for one in items] == [(3, 3), (4, 4)]
    assert found[2]["topic"] == f"{streaming}/complete"


def test_a_cancelled_subscription_is_gone(ws: Socket, lamp: httpx.Client) -> None:
    del lamp
    search = "_/_/things/twin/search"
    ws.send(f"{search}/subscribe", value={})
    named = ws.receive()["value"]["subscriptionId"]
    ws.send(f"{search}/cancel", value={"subscriptionId": named})

    asked = ws.ask(f"{search}/request", value={"subscriptionId": named, "demand": 1})
    assert asked["status"] == 404


@pytest.mark.parametrize(
    ("text", "status", "error"),
    [
        ("START-SEND-NONSENSE", 400, "json.invalid"),
        ("HELLO", 400, "json.invalid"),
        ("{", 400, "json.invalid"),
        ('{"topic":"org.x/lamp"}', 400, "things:topic.malformed"),
        ('{"topic":"org.x/lamp/things/up/commands/modify"}', 400, "things:topic.malformed"),
        ('{"topic":"org.x/lamp/things/twin/commands/dance"}', 400, "things:topic.malformed"),
        ('{"topic":"org.x/lamp/things/twin/commands/migrate"}', 501, "ioc:feature.notsupported"),
        ('{"topic":"org.x/lamp/things/twin/events/modified"}', 400, "things:topic.malformed"),
        ('{"topic":"_/_/things/twin/commands/modify"}', 400, "things:topic.malformed"),
        ('{"topic":"x/y/things/twin/commands/modify","path":7}', 400, "json.invalid"),
        ('{"topic":"x/y/things/twin/commands/modify","headers":[]}', 400, "json.invalid"),
        ("START-SEND-EVENTS?filter=gt(", 400, "rql.expression.invalid"),
        ('{"topic":"x/y/things/twin/commands/modify","value":"' + "x" * 410_000 + '"}',
         413, "gateway:message.toolarge"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_answered_with_its_reason(
    ws: Socket, an: httpx.Client, text: str, status: int, error: str
) -> None:
    del an
    ws.connection.send(text)

    found = ws.receive()
    assert (found["status"], found["value"]["error"]) == (status, error)
    assert ws.ask(f"{TWIN}/commands/retrieve")["status"] == 404


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
TOPICS = st.sampled_from(
    [
        *(
            f"{TWIN}/commands/{verb}"
            for verb in ("create", "modify", "merge", "retrieve", "delete")
        ),
        *(
            f"{TWIN}/streaming/{verb}"
            for verb in ("subscribeForPersistedEvents", "request", "cancel")
        ),
        *(f"_/_/things/twin/search/{verb}" for verb in ("subscribe", "request", "cancel")),
        "_/_/things/twin/commands/retrieve",
        "org.x/lamp/policies/commands/modify",
        "org.x/lamp/policies/commands/retrieve",
        "org.x/lamp/things/live/messages/ask",
        "org.x/lamp/things/live/commands/modify",
        "org.x/lamp/things/live/events/modified",
        "org.x/lamp/things/twin/acks/ioc:x",
        "org.x/lamp/things/live/errors",
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "correlation-id",
            "if-match",
            "condition",
            "timeout",
            "requested-acks",
            "if-equal",
            "response-required",
            "put-metadata",
            "channel",
            "content-type",
            "x-ü",
        ]
    )
    | st.text(max_size=8),
    JSON,
    max_size=3,
)
ENVELOPES = st.fixed_dictionaries(
    {"topic": TOPICS | JSON},
    optional={
        "headers": HEADERS | JSON,
        "path": st.sampled_from(["/", "/attributes/n", "/features/f/properties/x", "/inbox"])
        | JSON,
        "value": JSON,
        "fields": JSON,
        "status": JSON,
    },
)


@settings(max_examples=300, deadline=None, suppress_health_check=[*HealthCheck])
@given(body=ENVELOPES)
def test_no_envelope_breaks_a_session_or_is_our_fault(
    an: httpx.Client, ws: Socket, body: dict[str, Any]
) -> None:
    an.put(LAMP, json={})
    headers = body.setdefault("headers", {})
    if isinstance(headers, dict) and "timeout" not in headers:
        headers["timeout"] = "0"
    ws.connection.send(json.dumps(body))
    last = ws.ask("_/_/things/twin/commands/retrieve", value={"thingIds": ["org.x:none"]})

    assert last["status"] == 200
    assert all(one.get("status", 0) < 500 or one["status"] == 501 for one in ws.kept), ws.kept
    ws.kept.clear()


def test_commands_on_one_socket_are_done_in_their_order(ws: Socket, lamp: httpx.Client) -> None:
    sent = [
        ws.send(f"{TWIN}/commands/modify", "/attributes/counter", value=number)
        for number in range(200)
    ]
    last = ws.ask(f"{TWIN}/commands/retrieve", "/attributes/counter")

    assert last["value"] == 199
    answered = {one["headers"]["correlation-id"] for one in ws.kept}
    assert answered == set(sent)
    assert lamp.get(f"{LAMP}/attributes/counter").json() == 199


def test_who_waits_for_others_is_not_kept_from_anything_else(
    ws: Socket, lamp: httpx.Client
) -> None:
    for number in range(100):
        ws.send("org.x/lamp/things/live/commands/modify", "/attributes/counter", value=number)
    ws.send(
        f"{TWIN}/commands/modify", "/attributes/counter", value=7,
        headers={"requested-acks": ["ioc:nobody"]},
    )  # fmt: skip

    assert ws.ask(f"{TWIN}/commands/modify", "/attributes/other", value=8)["status"] == 201
    assert ws.ask(f"{TWIN}/commands/retrieve", "/attributes/other")["value"] == 8
    assert lamp.get(LAMP).status_code == 200


def test_a_stranger_is_turned_away(api: Api) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"ws{api.url[4:]}/ws/2"):
        pass

    assert refused.value.response.status_code in {401, 403}


def test_a_token_is_renewed_by_its_own_subject_alone(api: Api) -> None:
    mine, other = (keys.create(api.owner, name, ["twin"]) for name in ("mine", "other"))
    address = f"ws{api.url[4:]}/ws/2?access_token={mine}"
    again = keys.create(api.owner, "mine", ["twin"])
    with connect(address) as connection:
        connection.send(f"JWT-TOKEN?jwtToken={again}")
        connection.send("START-SEND-EVENTS")
        assert connection.recv(timeout=10) == "START-SEND-EVENTS:ACK"

        connection.send(f"JWT-TOKEN?jwtToken={other}")
        found = json.loads(connection.recv(timeout=10))
        assert found["status"] == 401
        with pytest.raises(ConnectionClosed):
            connection.recv(timeout=10)


def test_every_control_message_is_acknowledged(ws: Socket, an: httpx.Client) -> None:
    del an
    for kind in ("EVENTS", "MESSAGES", "LIVE-COMMANDS", "LIVE-EVENTS", "POLICY-ANNOUNCEMENTS"):
        ws.control(f"START-SEND-{kind}")
        ws.control(f"STOP-SEND-{kind}")


def test_events_that_a_client_is_too_slow_for_are_dropped_and_counted(
    lamp: httpx.Client, wired: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MAX_EVENTS", 3)
    with socket(lamp) as slow:
        slow.control("START-SEND-EVENTS")
        # Reads nothing: the buffers between fill, then the server's own.
        slow.connection.recv_messages.pause()
        for number in range(400):
            lamp.put(f"{LAMP}/attributes/long", json=str(number) + "x" * 60_000)
        slow.connection.recv_messages.resume()
        last = ""
        while not last.startswith("399"):
            last = slow.receive()["value"]
    eventually(lambda: wired.web_socket.dropped > 0)


def test_a_revoked_key_ends_the_lines_that_it_opened(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "RECHECK_S", 0.2)
    token = keys.create(api.owner, "short", ["twin"])
    with connect(f"ws{api.url[4:]}/ws/2?access_token={token}") as connection:
        connection.send("START-SEND-EVENTS")
        assert connection.recv(timeout=10) == "START-SEND-EVENTS:ACK"
        api.owner.execute("update api_key set revoked_at = now() where name = 'short'")

        assert json.loads(connection.recv(timeout=10))["status"] == 401
        with pytest.raises(ConnectionClosed):
            connection.recv(timeout=10)


def test_a_session_leaves_nothing_behind(lamp: httpx.Client, wired: Wires) -> None:
    with socket(lamp) as one:
        for kind in ("EVENTS", "MESSAGES", "LIVE-COMMANDS", "LIVE-EVENTS"):
            one.control(f"START-SEND-{kind}")
        assert len(wired.web_socket.sessions) == 1
    eventually(lambda: not wired.web_socket.sessions)
    assert wired.hub._audiences == {}
    assert not any(wired.live._receivers.values())


def _merge() -> dict[str, Any]:
    return {"content-type": "application/merge-patch+json"}
