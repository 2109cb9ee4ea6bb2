"""What goes over the wire: quoting, credentials, retries, errors."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests
from tests.support.ports import free_port
from tests.unit.ditto.parts import Service, hang_up, say

import ioc_ditto as ditto
from ioc_ditto import Bearer, DittoClient, PreAuthenticated, rql

THING = "vn.camau.camera:cam-1"
LATE = say(503, b"", Retry_After="0")


@pytest.mark.parametrize(
    ("thing_id", "path", "sent"),
    [
        (THING, "", "/api/2/things/vn.camau.camera:cam-1"),
        ("org.x:a b%2F?#", "", "/api/2/things/org.x:a%20b%252F%3F%23"),
        (THING, "attributes/tên xã", f"/api/2/things/{THING}/attributes/t%C3%AAn%20x%C3%A3"),
        (THING, "/attributes/c~0d", f"/api/2/things/{THING}/attributes/c~0d"),
        (THING, ("attributes", "c~d"), f"/api/2/things/{THING}/attributes/c~0d"),
        (THING, ("features", "x%y&z"), f"/api/2/things/{THING}/features/x%25y%26z"),
    ],
)
def test_ids_and_paths_are_quoted(service: Service, thing_id: str, path: Any, sent: str) -> None:
    service.answers = [say(200)]

    service.client().things.get(thing_id, path)

    assert service.seen[0].path == sent


@pytest.mark.parametrize(
    ("thing_id", "path"),
    [
        ("no-namespace", ""), ("a:", ""), ("a:b/c", ""), ("a:b\0", ""), ("a:b\n", ""),
        (f"a:{'x' * 255}", ""), (THING, "attributes/../../policies"), (THING, "attributes//x"),
        (THING, ("attributes", "..")), (THING, ("attributes", "")), (THING, ("attributes", "a/b")),
        (THING, "attributes/\0"), (THING, "attributes/\ud800"),
    ],
)  # fmt: skip
def test_names_that_would_mean_something_else_are_refused(
    service: Service, thing_id: str, path: Any
) -> None:
    with pytest.raises(ditto.BadName):
        service.client().things.get(thing_id, path)
    assert service.seen == []


def test_options_reach_the_service_as_headers_and_parameters(service: Service) -> None:
    service.answers = [say(204, b"")]
    at = datetime(2026, 1, 2, tzinfo=timezone.utc)

    client = service.client()
    client.things.put(
        THING, 1, "attributes/x", if_match='"rev:3"', condition=rql.eq("attributes/n", "Cà Mau"),
        requested_acks=["twin-persisted", "x"], response_required=False,
        put_metadata={"unit": "m"}, timeout=timedelta(seconds=3),
    )  # fmt: skip
    service.answers = [say(200)]
    client.things.get(THING, at_timestamp=at, fields=["thingId", "_revision"])

    put, read = service.seen
    assert put.headers["If-Match"] == '"rev:3"'
    assert json.loads(put.headers["put-metadata"]) == [{"key": "unit", "value": "m"}]
    assert "condition=eq%28attributes%2Fn%2C%22C%C3%A0+Mau%22%29" in put.path
    assert "requested-acks=twin-persisted%2Cx" in put.path
    assert "response-required=false" in put.path
    assert "timeout=3000ms" in put.path
    assert (put.headers["Content-Type"], put.body) == ("application/json", b"1")
    assert read.headers["at-historical-timestamp"] == "2026-01-02T00:00:00Z"
    assert "fields=thingId%2C_revision" in read.path


def test_an_option_that_does_not_exist_is_refused(service: Service) -> None:
    with pytest.raises(TypeError, match="if_macth"):
        service.client().things.get(THING, if_macth="x")  # type: ignore[call-arg]


def test_a_header_cannot_be_smuggled_in(service: Service) -> None:
    with pytest.raises(ditto.BadName):
        service.client().things.get(THING, correlation_id="a\r\nx-ditto-pre-authenticated: b")


def test_a_password_with_marks_is_sent_as_utf_8(service: Service) -> None:
    service.answers = [say(200)]

    service.client().things.get(THING)

    assert service.seen[0].headers["Authorization"] == "Basic YW46beG6rXQga2jhuql1"


def test_bearer_and_pre_authenticated(service: Service) -> None:
    service.answers = [say(200)]
    tokens = iter(["one", "two"])
    bearer = DittoClient(service.url, Bearer(lambda: next(tokens)))

    bearer.things.get(THING)
    bearer.things.get(THING)
    DittoClient(f"{service.url}/api/2/", PreAuthenticated("ioc:x")).things.get(THING)

    assert [one.headers.get("Authorization") for one in service.seen] == [
        "Bearer one", "Bearer two", None,
    ]  # fmt: skip
    assert service.seen[2].headers["x-ditto-pre-authenticated"] == "ioc:x"
    assert service.seen[2].path == f"/api/2/things/{THING}"


def test_secrets_are_not_shown() -> None:
    assert "pass" not in repr(ditto.Basic("an", "pass"))
    assert "tok" not in repr(Bearer("tok"))


@pytest.mark.parametrize("broken", [hang_up, say(503, b""), say(502, b""), say(429, b""), LATE])
@pytest.mark.parametrize(
    "call",
    [
        lambda things: things.get(THING),
        lambda things: things.put(THING, {}),
        lambda things: things.delete(THING),
        lambda things: things.merge(THING, {}, if_match='"rev:1"'),
        lambda things: things.merge(THING, {}, if_none_match="*"),
    ],
)
def test_what_is_safe_is_sent_again(
    service: Service, call: Callable[[Any], Any], broken: Any
) -> None:
    service.answers = [broken, broken, say(200)]

    call(service.client().things)

    assert len(service.seen) == 3
    assert len({(one.method, one.path, one.body) for one in service.seen}) == 1


@pytest.mark.parametrize("broken", [hang_up, say(503, b""), say(502, b"")])
@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.things.create({}),
        lambda client: client.things.merge(THING, {}),
        lambda client: client.things.merge(THING, {}, if_none_match='"rev:1"'),
        lambda client: client.messages.send(THING, "ask"),
    ],
)
def test_what_could_happen_twice_is_sent_once(
    service: Service, call: Callable[[DittoClient], Any], broken: Any
) -> None:
    service.answers = [broken, say(200)]

    with pytest.raises((ditto.Unreachable, ditto.Unavailable)):
        call(service.client())

    assert len(service.seen) == 1


def test_a_refusal_before_any_work_is_asked_again_whatever_the_verb(service: Service) -> None:
    service.answers = [say(429, b""), say(201)]

    assert service.client().things.create({}).created


def test_patience_ends(service: Service) -> None:
    service.answers = [say(503, b'{"status":503,"error":"x:y","message":"m"}', Retry_After="9999")]

    with pytest.raises(ditto.Unavailable, match="x:y m"):
        service.client().things.get(THING)

    assert len(service.seen) == 4


def test_a_retry_after_that_cannot_be_read_is_ignored(service: Service) -> None:
    service.answers = [say(503, b"", Retry_After="soon"), say(200)]

    service.client().things.get(THING)

    assert len(service.seen) == 2


def test_a_session_of_the_caller_keeps_its_own_patience(service: Service) -> None:
    service.answers = [say(503, b""), say(200)]

    with requests.Session() as session, pytest.raises(ditto.Unavailable):
        DittoClient(service.url, session=session).things.get(THING)

    assert len(service.seen) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (304, ditto.NotModified), (400, ditto.BadRequest), (401, ditto.Unauthorized),
        (403, ditto.Forbidden), (404, ditto.NotFound), (405, ditto.MethodNotAllowed),
        (408, ditto.NoReply), (409, ditto.Conflict), (412, ditto.PreconditionFailed),
        (413, ditto.TooLarge), (414, ditto.TooLarge), (415, ditto.UnsupportedMediaType),
        (424, ditto.FailedDependency), (500, ditto.ServerError), (501, ditto.NotSupported),
        (507, ditto.ServerError), (418, ditto.DittoError), (302, ditto.DittoError),
    ],
)  # fmt: skip
def test_errors_are_told_apart_by_status_alone(
    service: Service, status: int, kind: type[ditto.DittoError]
) -> None:
    body = b'{"status":1,"error":"things:any","message":"m","description":"d","href":"h"}'
    service.answers = [say(status, b"" if status == 304 else body, Location="/elsewhere")]

    with pytest.raises(ditto.DittoError) as caught:
        service.client().things.get(THING)

    assert type(caught.value) is kind
    assert caught.value.status == status
    if status != 304:
        told = caught.value
        assert (told.error, told.message, told.description, told.href) == (
            "things:any", "m", "d", "h",
        )  # fmt: skip


@pytest.mark.parametrize("body", [b"<html>no</html>", b"\xff\xfe", b"[]", b"", b"[" * 100_000])
def test_an_error_that_is_no_json_is_an_error_all_the_same(service: Service, body: bytes) -> None:
    service.answers = [say(404, body)]

    with pytest.raises(ditto.NotFound):
        service.client().things.get(THING)


@pytest.mark.parametrize("body", [b"<html>", b"", b"[" * 100_000])
def test_a_success_that_is_no_json_is_no_answer(service: Service, body: bytes) -> None:
    service.answers = [say(200, body)]

    with pytest.raises(ditto.BadAnswer):
        service.client().things.get(THING)


def test_nobody_there_is_unreachable() -> None:
    client = DittoClient(f"http://127.0.0.1:{free_port()}", retries=ditto.Retries(times=0))

    with pytest.raises(ditto.Unreachable):
        client.things.get(THING)


def test_silence_is_timed_out(service: Service) -> None:
    def silent(_handler: Any) -> None:
        import time  # noqa: PLC0415

        time.sleep(0.5)

    service.answers = [silent]
    client = service.client(timeout=timedelta(seconds=0.05), retries=ditto.Retries(times=0))

    with pytest.raises(ditto.TimedOut):
        client.things.get(THING)


@pytest.mark.parametrize(
    "address", ["localhost:8080", "ftp://x", "http://", "http://an:pass@x", "http://x?y"]
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ditto.BadName):
        DittoClient(address)


def test_what_is_no_json_is_not_sent(service: Service) -> None:
    for value in (float("nan"), object(), {1, 2}):
        with pytest.raises(ditto.BadName):
            service.client().things.put(THING, value)
    assert service.seen == []


def test_a_search_follows_the_cursor_and_repeats_its_filter(service: Service) -> None:
    service.answers = [
        say(200, b'{"items":[{"thingId":"a:1"}],"cursor":"c,1)"}'),
        say(200, b'{"items":[{"thingId":"a:2"}]}'),
    ]

    found = list(service.client().search(rql.exists("attributes/x"), sort="-_modified", size=1))

    assert [one["thingId"] for one in found] == ["a:1", "a:2"]
    first, second = (one.path for one in service.seen)
    assert "filter=exists%28attributes%2Fx%29" in first
    assert "option=sort%28-_modified%29%2Csize%281%29" in first
    assert second == first + "%2Ccursor%28c%5Cu002c1%5Cu0029%29"


def test_a_long_filter_travels_in_the_body_and_is_still_repeatable(service: Service) -> None:
    service.answers = [say(503, b""), say(200, b'{"items":[]}')]

    assert list(service.client().search(rql.eq("attributes/x", "y" * 3000))) == []

    assert [one.method for one in service.seen] == ["POST", "POST"]
    assert service.seen[1].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert b"yyy" in service.seen[1].body
    assert not any("repeatable" in name.lower() for name in service.seen[1].headers)


def test_many_ids_are_asked_for_in_parts(service: Service) -> None:
    service.answers = [say(200, b'[{"thingId":"a:1"}]')]

    found = list(service.client().things.list([f"org.x:{n:040d}" for n in range(250)]))

    assert len(found) == 3
    assert max(len(one.path) for one in service.seen) < 6_000


def test_a_resource_keeps_its_slashes(service: Service) -> None:
    service.answers = [say(204, b"")]
    policies = service.client().policies

    policies.put_resource("a:p", "READER", "thing:/features/x y", {"grant": ["READ"], "revoke": []})
    policies.put_resource("a:p", "READER", "thing:/", {"grant": ["READ"], "revoke": []})
    policies.put_subject("a:p", "READER", "https://issuer/x:an")

    assert [one.path for one in service.seen] == [
        "/api/2/policies/a:p/entries/READER/resources/thing:/features/x%20y",
        "/api/2/policies/a:p/entries/READER/resources/thing:/",
        "/api/2/policies/a:p/entries/READER/subjects/https:%2F%2Fissuer%2Fx:an",
    ]


def test_a_message_carries_any_payload_and_its_kind(service: Service) -> None:
    service.answers = [say(200, b"\x00\x01", Content_Type="application/octet-stream")]
    messages = service.client().messages

    reply = messages.send(THING, "a/b c", b"\xff", feature="f", direction="outbox")
    messages.send(THING, "x", "chào")
    messages.send(THING, "x", {"a": 1}, timeout=timedelta(0))
    messages.send(THING, "x")

    assert (reply.payload, reply.content_type, reply.answered) == (
        b"\x00\x01", "application/octet-stream", True,
    )  # fmt: skip
    first, second, third, fourth = service.seen
    assert first.path == f"/api/2/things/{THING}/features/f/outbox/messages/a/b%20c"
    assert first.headers["Content-Type"] == "application/octet-stream"
    assert second.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert (third.body, third.headers["Content-Type"]) == (b'{"a":1}', "application/json")
    assert third.path.endswith("?timeout=0ms")
    assert fourth.body == b""


def test_series_are_asked_for_as_the_contract_says(service: Service) -> None:
    service.answers = [say(200, b"[]")]
    span = ditto.Span(
        from_=datetime(2026, 1, 1, tzinfo=timezone.utc), to="now", step=timedelta(minutes=5),
        agg="avg", tz="Asia/Ho_Chi_Minh",
    )  # fmt: skip
    series = service.client().timeseries

    series.of_property(THING, "health", "fps", span)
    series.of_thing(THING, ["features/health/properties/fps"], ditto.Span("now-1h"))
    series.across(["features/health/properties/fps"], span, namespaces="vn.camau.camera")

    start = "/api/2/timeseries/things"
    assert service.seen[0].path == (
        f"{start}/{THING}/features/health/properties/fps?from=2026-01-01T00%3A00%3A00Z&to=now"
        "&step=300s&agg=avg&tz=Asia%2FHo_Chi_Minh"
    )
    assert service.seen[1].path == (
        f"{start}/{THING}?from=now-1h&to=now&paths=features%2Fhealth%2Fproperties%2Ffps"
    )
    assert service.seen[2].path.startswith(f"{start}?from=")


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"defaultSubject":1}'])
def test_who_does_not_know_us_is_no_ditto(service: Service, body: bytes) -> None:
    service.answers = [say(200, body)]

    with pytest.raises(ditto.BadAnswer):
        service.client().who_am_i()
