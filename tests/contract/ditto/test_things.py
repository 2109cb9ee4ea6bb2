"""Things through the client: every level, every precondition, the past."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tests.contract.ditto.conftest import Place

import ioc_ditto as ditto
from ioc_ditto import DittoClient, rql

BODY = {
    "attributes": {"maker": "Đèn Việt", "room": {"floor": 1}},
    "features": {"light": {"properties": {"on": False, "level": 3}}},
}


@pytest.fixture
def lamp(place: Place) -> str:
    return place.thing("lamp", **BODY)


def test_a_thing_comes_back_as_it_was_put(client: DittoClient, lamp: str) -> None:
    assert client.things.get(lamp) == {"thingId": lamp, "policyId": lamp, **BODY}


def test_making_and_changing_are_told_apart(client: DittoClient, place: Place) -> None:
    thing_id = place.id("x")

    first = client.things.put(thing_id, {})
    second = client.things.put(thing_id, BODY)

    assert (first.created, second.created) == (True, False)
    assert first.etag != second.etag
    assert first.value["thingId"] == thing_id


def test_a_created_thing_gets_an_id(client: DittoClient, place: Place) -> None:
    made = client.things.create(BODY, namespace=place.namespace)
    place.made.append(made.value["thingId"])

    assert made.value["thingId"].startswith(f"{place.namespace}:")
    assert made.location is not None
    assert client.things.get(made.value["thingId"])["attributes"] == BODY["attributes"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("attributes", {"a": {"b": [1, {"c": None}]}}),
        ("attributes/room/floor", 2),
        ("attributes/new/deep/path", "x"),
        ("attributes/đường số 1", "Phan Ngọc Hiển"),
        ("features", {"other": {"properties": {"x": 1.5}}}),
        ("features/light", {"properties": {"on": True}}),
        ("features/light/properties", {"on": None}),
        ("features/light/properties/level", 4),
        ("features/light/desiredProperties", {"on": True}),
        ("features/light/desiredProperties/on", True),
        ("features/light/definition", ["org.x:light:1.0.0"]),
        ("definition", "org.x:lamp:1.0.0"),
    ],
)
def test_what_is_put_at_any_level_can_be_read_there_and_deleted(
    client: DittoClient, lamp: str, path: str, value: Any
) -> None:
    client.things.put(lamp, value, path)
    assert client.things.get(lamp, path) == value

    client.things.delete(lamp, path)
    with pytest.raises(ditto.NotFound):
        client.things.get(lamp, path)


def test_a_key_has_no_slash(client: DittoClient, lamp: str) -> None:
    with pytest.raises(ditto.BadName):
        client.things.put(lamp, 1, ("attributes", "a/b"))
    with pytest.raises(ditto.BadRequest):
        client.things.put(lamp, {"a/b": 1}, "attributes")


def test_a_key_may_hold_a_tilde(client: DittoClient, lamp: str) -> None:
    client.things.put(lamp, 1, ("attributes", "a~b"))

    assert client.things.get(lamp, "attributes")["a~b"] == 1
    assert client.things.get(lamp, "attributes/a~0b") == 1


def test_a_merge_changes_what_it_names_and_null_removes(client: DittoClient, lamp: str) -> None:
    client.things.merge(lamp, {"attributes": {"maker": None, "room": {"size": 9}}})
    client.things.merge(lamp, {"level": None, "colour": "đỏ"}, "features/light/properties")

    assert client.things.get(lamp, "attributes") == {"room": {"floor": 1, "size": 9}}
    assert client.things.get(lamp, "features/light/properties") == {"on": False, "colour": "đỏ"}


def test_a_merge_makes_what_is_not_there(client: DittoClient, place: Place) -> None:
    assert client.things.merge(place.id("fresh"), BODY).created


def test_a_deleted_thing_is_gone(client: DittoClient, lamp: str) -> None:
    client.things.delete(lamp)

    with pytest.raises(ditto.NotFound):
        client.things.get(lamp)
    with pytest.raises(ditto.NotFound):
        client.things.delete(lamp)


def test_fields_select(client: DittoClient, lamp: str) -> None:
    found = client.things.get(lamp, fields=["thingId", "attributes(maker)", "_revision"])

    assert found == {"thingId": lamp, "attributes": {"maker": "Đèn Việt"}, "_revision": 1}
    shown = client.things.get(lamp, fields="features/*/properties/on,_created,_modified,_policy")
    assert shown["features"] == {"light": {"properties": {"on": False}}}
    assert shown["_policy"]["policyId"] == lamp
    assert datetime.fromisoformat(shown["_created"]).tzinfo is not None


def test_things_are_listed_by_id(client: DittoClient, place: Place, lamp: str) -> None:
    second = place.thing("second")
    absent = place.id("absent")

    found = list(client.things.list([second, absent, lamp], fields="thingId"))

    assert sorted(one["thingId"] for one in found) == sorted([lamp, second])


def test_an_entity_tag_guards_a_write(client: DittoClient, lamp: str) -> None:
    seen = client.things.get_tagged(lamp, "attributes/room/floor")
    assert seen.etag is not None

    client.things.put(lamp, 2, "attributes/room/floor", if_match=seen.etag)
    with pytest.raises(ditto.PreconditionFailed):
        client.things.put(lamp, 3, "attributes/room/floor", if_match=seen.etag)

    assert client.things.get(lamp, "attributes/room/floor") == 2


def test_what_is_known_already_is_not_sent_again(client: DittoClient, lamp: str) -> None:
    seen = client.things.get_tagged(lamp)
    assert seen.etag is not None

    with pytest.raises(ditto.NotModified):
        client.things.get(lamp, if_none_match=seen.etag)
    client.things.put(lamp, 2, "attributes/x")
    assert client.things.get(lamp, if_none_match=seen.etag)


def test_star_means_must_or_must_not_exist(client: DittoClient, place: Place, lamp: str) -> None:
    with pytest.raises(ditto.PreconditionFailed):
        client.things.put(lamp, {}, if_none_match="*")
    client.things.put(place.id("fresh"), {}, if_none_match="*")
    client.things.merge(lamp, {"attributes": {"x": 1}}, if_match="*")


def test_a_condition_decides_over_a_write(client: DittoClient, lamp: str) -> None:
    off = rql.eq("features/light/properties/on", value=False)
    named = rql.eq("attributes/maker", "Đèn Việt")

    client.things.put(lamp, 9, "features/light/properties/level", condition=off & named)
    with pytest.raises(ditto.PreconditionFailed):
        client.things.put(lamp, 8, "features/light/properties/level", condition=~off)
    with pytest.raises(ditto.BadRequest):
        client.things.put(lamp, 8, "features/light/properties/level", condition="eq(")

    assert client.things.get(lamp, "features/light/properties/level") == 9


def test_what_changes_nothing_can_be_refused(client: DittoClient, lamp: str) -> None:
    with pytest.raises(ditto.PreconditionFailed):
        client.things.put(lamp, 3, "features/light/properties/level", if_equal="skip")
    client.things.put(lamp, 4, "features/light/properties/level", if_equal="skip")


def test_metadata_is_written_beside_and_read_on_request(client: DittoClient, lamp: str) -> None:
    path = "features/light/properties/level"
    client.things.put(lamp, 5, path, put_metadata={"unit": "độ"})

    whole = client.things.get(lamp, fields="_metadata")["_metadata"]

    assert whole["features"]["light"]["properties"]["level"]["unit"] == "độ"


def test_a_write_can_wait_for_the_search(client: DittoClient, place: Place) -> None:
    thing_id = place.id("found")
    client.things.put(thing_id, {"attributes": {"x": 1}}, requested_acks="search-persisted")

    found = client.search(rql.eq("thingId", thing_id), namespaces=place.namespace)

    assert [one["thingId"] for one in found] == [thing_id]


def test_each_acknowledgement_is_answered(client: DittoClient, lamp: str) -> None:
    done = client.things.put(
        lamp, 5, "attributes/x", requested_acks=["twin-persisted", "search-persisted"]
    )

    statuses = {label: told["status"] for label, told in done.value.items()}
    assert set(statuses) == {"twin-persisted", "search-persisted"}
    assert all(200 <= status < 300 for status in statuses.values())


def test_an_acknowledgement_that_nobody_gives_is_a_failed_dependency(
    client: DittoClient, lamp: str
) -> None:
    with pytest.raises(ditto.FailedDependency) as caught:
        client.things.put(
            lamp,
            5,
            "attributes/x",
            requested_acks=["twin-persisted", "nobody-there"],
            timeout=timedelta(seconds=1),
        )
    assert caught.value.payload["nobody-there"]["status"] == 408


def test_an_answer_need_not_be_waited_for(client: DittoClient, lamp: str) -> None:
    assert not client.things.put(lamp, 6, "attributes/x", response_required=False).done


def test_a_thing_can_be_seen_as_it_was(client: DittoClient, lamp: str) -> None:
    first = datetime.fromisoformat(client.things.get(lamp, fields="_modified")["_modified"])
    client.things.put(lamp, 7, "attributes/x")
    client.things.delete(lamp, "attributes/maker")

    assert client.things.get(lamp, at_revision=1)["attributes"] == BODY["attributes"]
    assert client.things.get(lamp, "attributes/x", at_revision=2) == 7
    at = first + timedelta(milliseconds=1)
    assert client.things.get(lamp, at_timestamp=at)["attributes"]["maker"] == "Đèn Việt"
    with pytest.raises(ditto.NotFound):
        client.things.get(lamp, at_timestamp=datetime(2020, 1, 1, tzinfo=timezone.utc))


def test_the_past_is_a_stream_that_ends(client: DittoClient, lamp: str) -> None:
    client.things.put(lamp, 1, "attributes/x")
    client.things.merge(lamp, {"attributes": {"x": 2}})

    with client.things.history(lamp, from_=1, fields="_context") as past:
        told = [event.value["_context"] for event in past]

    assert [one["topic"].rpartition("/")[2] for one in told] == ["created", "created", "merged"]
    assert told[1]["path"] == "/attributes/x"


@pytest.mark.parametrize(
    ("do", "kind"),
    [
        (lambda t, i: t.get(f"{i}-absent"), ditto.NotFound),
        (lambda t, i: t.get(i, "attributes/absent"), ditto.NotFound),
        (lambda t, i: t.put(f"{i}-absent", 1, "attributes/x"), ditto.NotFound),
        (lambda t, i: t.merge(f"{i}-absent", {"x": 1}, "attributes"), ditto.NotFound),
        (lambda t, i: t.put(i, {"thingId": "org.x:other"}), ditto.BadRequest),
        (lambda t, i: t.merge(i, {"thingId": "org.x:other"}), ditto.BadRequest),
        (lambda t, i: t.create({"thingId": i}), ditto.BadRequest),
        (lambda t, i: t.put(i, "no object"), ditto.BadRequest),
        (lambda t, i: t.put(i, 7, "features"), ditto.BadRequest),
        (lambda t, _: t.put("7bad:x", {}), ditto.BadRequest),
        (lambda t, i: t.get(i, fields="("), ditto.BadRequest),
        (lambda t, i: t.put(i, "x" * 150_000, "attributes/x"), ditto.TooLarge),
        (lambda t, i: t.delete(i, "policyId"), ditto.MethodNotAllowed),
    ],
)
def test_errors_are_what_their_status_says(
    client: DittoClient, lamp: str, do: Any, kind: type[ditto.DittoError]
) -> None:
    with pytest.raises(ditto.DittoError) as caught:
        do(client.things, lamp)

    assert isinstance(caught.value, kind), caught.value
    assert caught.value.error
    assert caught.value.message
    assert caught.value.payload["status"] == caught.value.status


def test_wrong_credentials_are_unauthorized(client: DittoClient, lamp: str) -> None:
    base = client.things._transport.base_url
    stranger = DittoClient(base, ditto.Basic("nobody", "nothing"))

    with pytest.raises(ditto.Unauthorized):
        stranger.things.get(lamp)
