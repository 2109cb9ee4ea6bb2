"""Topics, envelopes and views: what Ditto Protocol says, read and written."""

from datetime import datetime, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ditto_judge import JUDGE

from ioc_cloud.twin import policy
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.pointer import MISSING, Path
from ioc_cloud.twin.push import protocol, views
from ioc_cloud.twin.push.changes import Change
from ioc_cloud.twin.push.protocol import Topic, envelope_of, topic_of
from ioc_cloud.twin.web.lines import frame

NOW = datetime(2026, 3, 1, 7, 30, tzinfo=timezone.utc)
AN = Caller("user:an", frozenset({"nginx:an"}), "nginx:an")
MODIFY = "org.x/lamp/things/twin/commands/modify"
PARTS = st.from_regex(r"[a-z][a-z0-9.-]{0,8}", fullmatch=True)


def change(
    path: Path = ("attributes", "n"),
    value: Any = 1,
    action: str = "modified",
    rights: dict[str, Any] | None = None,
    **over: Any,
) -> Change:
    resources = rights or {"thing:/": {"grant": ["READ"], "revoke": []}}
    entry = {"subjects": {"nginx:an": {}}, "resources": resources}
    compiled = policy.compiled("org.x:p", {"entries": {"an": entry}}, {})
    made = Change(
        seq=7, time=NOW, thing_id="org.x:lamp", revision=3, policy_id="org.x:p", action=action,
        path=path, value=value, metadata=None, correlation_id="mine", compiled=compiled,
        doc=None, size=0,
    )  # fmt: skip
    return made._replace(**over)


def view(**params: str) -> views.View:
    return views.view_of(params.get, AN)


@given(namespace=PARTS, name=PARTS, action=PARTS)
def test_a_topic_is_read_as_it_was_written(namespace: str, name: str, action: str) -> None:
    for made in (
        Topic(namespace, name, "things", "live", "messages", action),
        Topic(namespace, name, "things", "twin", "commands", action),
        Topic(namespace, name, "policies", "twin", "commands", action),
        Topic(namespace, name, "things", "twin", "errors"),
    ):
        assert topic_of(str(made)) == made


def test_a_topic_names_its_entity() -> None:
    assert topic_of(MODIFY).entity_id == "org.x:lamp"
    assert topic_of("_/lamp/things/twin/events/created").entity_id == ":lamp"
    assert not topic_of("_/_/things/twin/search/subscribe").names_one
    assert topic_of("a/b/things/live/messages/ask/me").action == "ask/me"


@pytest.mark.parametrize(
    "text", ["", "a/b", "a/b/things", "a/b/boats/twin/commands/x", "a/b/things/commands/x",
             "a/b/things/twin/", "a/b/things/twin", None, 7],
)  # fmt: skip
def test_what_is_no_topic_is_refused(text: Any) -> None:
    with pytest.raises(DittoError) as refused:
        topic_of(text)

    assert refused.value.http == 400


def test_an_envelope_without_a_correlation_id_gets_one() -> None:
    found = envelope_of(orjson.dumps({"topic": MODIFY, "path": "/attributes/a~1b", "value": None}))

    assert found.path == ("attributes", "a/b")
    assert found.value is None
    assert len(found.correlation_id) == 36
    assert found.response_required


def test_headers_of_an_envelope_are_found_as_those_of_a_request() -> None:
    asked = protocol.asked_of(
        {"if-match": '"rev:1"', "condition": 'eq(attributes/room,"bếp")', "timeout": 5,
         "requested-acks": ["twin-persisted"], "response-required": False,
         "authorization": "Basic x", "x-ditto-pre-authenticated": "nginx:root"},
        {"fields": "thingId"},
    )  # fmt: skip

    assert asked.get("if-match") == '"rev:1"'
    assert asked.get("condition") == 'eq(attributes/room,"bếp")'
    assert asked.get("timeout") == "5"
    assert asked.get("requested-acks") == '["twin-persisted"]'
    assert asked.flag("response-required", default=True) is False
    assert asked.query("fields") == "thingId"
    assert asked.get("authorization") is None
    assert asked.get("x-ditto-pre-authenticated") is None


@pytest.mark.parametrize(
    ("value", "content_type"),
    [({"a": [1, None]}, "application/json"), ("xin chào", "text/plain"), (None, "a/b+json")],
)
def test_a_payload_comes_back_as_it_went(value: Any, content_type: str) -> None:
    body = protocol.payload_bytes(value, content_type)

    assert protocol.payload_value(body, content_type) == value


@given(st.binary(min_size=1))
def test_bytes_travel_as_base64(body: bytes) -> None:
    value = protocol.payload_value(body, "image/png")

    assert protocol.payload_bytes(value, "image/png") == body


def test_an_event_is_one_by_ditto_s_schema() -> None:
    found = views.shown(view(extraFields="attributes"), change(doc={"attributes": {"n": 1}}), NOW)
    assert found is not None
    told = orjson.loads(protocol.event(found))

    JUDGE.validate("protocol-envelope", told)
    assert told["topic"] == "org.x/lamp/things/twin/events/modified"
    assert (told["path"], told["value"], told["revision"]) == ("/attributes/n", 1, 3)
    assert told["timestamp"] == "2026-03-01T07:30:00Z"
    assert told["extra"] == {"attributes": {"n": 1}}


def test_an_error_is_one_by_ditto_s_schema() -> None:
    error = DittoError(412, "things:condition.failed", "No.", "Try again.")
    told = orjson.loads(protocol.error(error, topic_of(MODIFY), "mine"))

    JUDGE.validate("protocol-error_response", told)
    assert told["topic"] == "org.x/lamp/things/twin/errors"
    assert (told["status"], told["value"]["status"]) == (412, 412)


def test_what_may_not_be_read_is_not_shown() -> None:
    hidden = {
        "thing:/": {"grant": ["READ"], "revoke": []},
        "thing:/attributes/secret": {"grant": [], "revoke": ["READ"]},
    }
    whole = change(("attributes",), {"n": 1, "secret": 2}, rights=hidden)

    found = views.shown(view(), whole, NOW)
    assert found is not None
    assert found.value == {"n": 1}
    assert views.shown(view(), change(("attributes", "secret"), rights=hidden), NOW) is None
    gone = change(("attributes", "secret"), MISSING, "deleted", rights=hidden)
    assert views.shown(view(), gone, NOW) is None


def test_a_filter_does_not_see_what_its_caller_may_not() -> None:
    hidden = {
        "thing:/attributes/n": {"grant": ["READ"], "revoke": []},
    }
    whole = change(("attributes",), {"n": 1, "secret": 2}, rights=hidden)

    assert views.shown(view(filter="eq(attributes/secret,2)"), whole, NOW) is None
    assert views.shown(view(filter="eq(attributes/n,1)"), whole, NOW) is not None


def test_metadata_is_cut_like_the_rest() -> None:
    readable = {"thing:/attributes/n": {"grant": ["READ"], "revoke": []}}
    told = change(metadata='{"attributes":{"n":{"unit":"m"},"x":{"unit":"s"}}}', rights=readable)
    wished = view(fields="thingId,_metadata")
    found = views.shown(wished, told, NOW)
    assert found is not None

    assert views.thing_json(wished, found)["_metadata"] == {"attributes": {"n": {"unit": "m"}}}


@pytest.mark.parametrize(
    ("query", "passes"),
    [
        ('eq(topic:action,"modified")', True),
        ('eq(topic:action,"merged")', False),
        ('like(resource:path,"/attributes/*")', True),
        ('eq(topic:channel,"live")', False),
        ("gt(_revision,2)", True),
        ('eq(thingId,"org.x:lamp")', True),
        ("exists(features/x)", False),
    ],
)
def test_a_filter_may_ask_about_the_event(query: str, passes: bool) -> None:  # noqa: FBT001
    assert (views.shown(view(filter=query), change(), NOW) is not None) is passes


def test_equal_wishes_of_equal_people_are_one_audience() -> None:
    assert view(filter="gt(attributes/n,1)") == view(filter="gt(attributes/n,1)")
    assert view(filter="gt(attributes/n,1)") != view(filter="gt(attributes/n,2)")
    nothing: dict[str, str] = {}
    other = Caller("x", frozenset({"nginx:x"}), "nginx:x")
    assert view() != views.view_of(nothing.get, other)


def test_a_frame_cannot_be_broken_out_of() -> None:
    made = frame(b"one\ntwo\r\nthree\rfour", id="1\n2", event="a\nid: 9")

    assert made == (
        b"event: a id: 9\nid: 1 2\ndata: one\ndata: two\ndata: three\ndata: four\n\n"
    )  # fmt: skip


def test_a_message_s_path_must_fit_its_topic() -> None:
    def at(path: str) -> protocol.Envelope:
        body = {"topic": "a/b/things/live/messages/turn/on", "path": path}
        return envelope_of(orjson.dumps(body))

    assert protocol.message_path(at("/inbox/messages/turn/on"))[-1] == "on"
    assert protocol.message_path(at("/features/f/outbox/messages/turn/on"))[1] == "f"
    for wrong in ("/", "/inbox/messages/turn", "/attributes/messages/turn/on", "/features/inbox"):
        with pytest.raises(DittoError):
            protocol.message_path(at(wrong))
