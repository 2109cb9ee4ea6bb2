"""Things over HTTP: every level, every verb, every precondition."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

MERGE = {"content-type": "application/merge-patch+json"}
LAMP = "/things/org.x:lamp"
BODY = {
    "attributes": {"maker": "Đèn Việt", "room": {"floor": 1}},
    "features": {"light": {"properties": {"on": False, "level": 3}}},
}


@pytest.fixture
def lamp(an: httpx.Client) -> httpx.Client:
    assert an.put(LAMP, json=BODY).status_code == 201
    return an


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


def test_a_thing_comes_back_as_it_was_put(lamp: httpx.Client) -> None:
    assert lamp.get(LAMP).json() == {"thingId": "org.x:lamp", "policyId": "org.x:lamp", **BODY}
    assert lamp.get(f"{LAMP}/").json()["thingId"] == "org.x:lamp"


def test_a_posted_thing_gets_an_id_and_says_where_it_is(an: httpx.Client) -> None:
    made = an.post("/things", params={"namespace": "org.y"}, json=BODY)

    assert made.status_code == 201
    assert made.json()["thingId"].startswith("org.y:")
    assert httpx.get(made.headers["location"], auth=an.auth).json() == made.json()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", {"attributes": {"a": 1}}),
        ("/attributes", {"a": {"b": [1, {"c": None}]}}),
        ("/attributes/room/floor", 2),
        ("/attributes/new/deep/path", "x"),
        ("/features", {"other": {"properties": {"x": 1.5}}}),
        ("/features/light", {"properties": {"on": True}, "definition": ["org.x:light:1.0.0"]}),
        ("/features/light/properties", {"on": None}),
        ("/features/light/properties/level", 4),
        ("/features/light/desiredProperties", {"on": True}),
        ("/features/light/desiredProperties/on", True),
        ("/features/light/definition", ["org.x:light:1.0.0"]),
        ("/definition", "org.x:lamp:1.0.0"),
    ],
)
def test_what_is_put_at_any_level_can_be_read_there(
    lamp: httpx.Client, path: str, value: Any
) -> None:
    existed = lamp.get(LAMP + path).status_code == 200

    put = lamp.put(LAMP + path, json=value)

    assert put.status_code == (204 if existed else 201)
    read = lamp.get(LAMP + path)
    shown = {**value, "thingId": "org.x:lamp", "policyId": "org.x:lamp"} if path == "" else value
    assert read.json() == shown
    assert read.headers["etag"] == put.headers["etag"]


@pytest.mark.parametrize(
    "path",
    [
        "/attributes", "/attributes/room/floor", "/features", "/features/light",
        "/features/light/properties", "/features/light/properties/level",
    ],
)  # fmt: skip
def test_what_is_deleted_is_gone_and_deleting_it_again_is_an_error(
    lamp: httpx.Client, path: str
) -> None:
    assert lamp.delete(LAMP + path).status_code == 204
    assert lamp.get(LAMP + path).status_code == 404
    assert lamp.delete(LAMP + path).status_code == 404


def test_a_deleted_thing_is_gone_with_its_parts_but_its_policy_stays(lamp: httpx.Client) -> None:
    assert lamp.delete(LAMP).status_code == 204
    assert error_of(lamp.get(LAMP)) == (404, "things:thing.notfound")
    assert error_of(lamp.put(f"{LAMP}/attributes/a", json=1)) == (404, "things:thing.notfound")
    assert lamp.get("/policies/org.x:lamp").status_code == 200


def test_a_thing_made_again_goes_on_counting_its_revisions(lamp: httpx.Client) -> None:
    lamp.delete(LAMP)

    made = lamp.put(LAMP, json={"policyId": "org.x:lamp"})

    assert (made.status_code, made.headers["etag"]) == (201, '"rev:3"')


def test_a_merge_adds_replaces_and_removes_at_once(lamp: httpx.Client) -> None:
    patch = {
        "attributes": {"maker": None, "room": {"floor": 2, "side": "B"}},
        "features": {"light": {"properties": {"level": None}}},
    }

    assert lamp.patch(LAMP, json=patch, headers=MERGE).status_code == 204
    read = lamp.get(LAMP).json()
    assert read["attributes"] == {"room": {"floor": 2, "side": "B"}}
    assert read["features"] == {"light": {"properties": {"on": False}}}


def test_a_merge_of_an_absent_thing_makes_it(an: httpx.Client) -> None:
    made = an.patch("/things/org.x:new", json={"attributes": {"a": 1, "b": None}}, headers=MERGE)

    assert made.status_code == 201
    assert made.json()["attributes"] == {"a": 1}


@pytest.mark.parametrize(
    ("method", "path", "sent", "expected"),
    [
        ("PUT", LAMP, {"content": b"{nonsense"}, (400, "json.invalid")),
        ("PUT", LAMP, {"content": b'{"attributes":{"a":"\\u0000"}}'}, (400, "json.invalid")),
        ("PUT", LAMP, {"json": {"thingId": "org.x:other"}}, (400, "things:id.notsettable")),
        ("PATCH", LAMP, {"json": {"thingId": "org.x:other"}}, (400, "things:id.notsettable")),
        ("PATCH", LAMP, {"json": {"thingId": None}}, (400, "things:id.notdeletable")),
        ("PATCH", LAMP, {"json": {"policyId": None}}, (400, "things:id.notdeletable")),
        ("PATCH", LAMP, {"content": b"null"}, (400, "things:merge.invalid")),
        ("PATCH", "/things/org.x:no", {"json": {}}, (400, "things:merge.invalid")),
        ("PATCH", "/things/org.x:no/attributes", {"json": {}}, (404, "things:thing.notfound")),
        ("POST", "/things", {"json": {"thingId": "a:b"}}, (400, "things:id.notsettable")),
        ("PUT", LAMP, {"json": {"colour": 1}}, (400, "json.field.invalid")),
        ("PUT", LAMP, {"json": {"attributes": 5}}, (400, "json.field.invalid")),
        ("PUT", f"{LAMP}/attributes", {"json": 5}, (400, "json.field.invalid")),
        ("PUT", f"{LAMP}/features/x", {"json": {"y": 1}}, (400, "json.field.invalid")),
        ("PUT", f"{LAMP}/attributes", {"json": {"à": 5}}, (400, "json.key.invalid")),
        ("PUT", f"{LAMP}/policyId", {"json": "org.x:none"}, (400, "things:policy.id.invalid")),
        ("PUT", f"{LAMP}/features/no/properties/x", {"json": 5}, (404, "things:feature.notfound")),
        ("PUT", "/things/nocolon", {"json": {}}, (400, "namespacedentity.id.invalid")),
        ("PUT", "/things/a:" + "b" * 255, {"json": {}}, (400, "namespacedentity.id.invalid")),
        ("GET", "/things?ids=", {}, (400, "header.invalid")),
        ("GET", f"{LAMP}//attributes", {}, (404, "gateway:resource.notfound")),
        ("GET", f"{LAMP}/colour", {}, (404, "gateway:resource.notfound")),
        ("GET", f"{LAMP}?at-historical-revision=x", {}, (400, "header.invalid")),
        ("GET", f"{LAMP}?condition=eq(", {}, (400, "things:condition.invalid")),
        ("GET", f"{LAMP}?timeout=2h", {}, (400, "header.invalid")),
        ("GET", f"{LAMP}?timeout=2m", {}, (400, "gateway:timeout.invalid")),
        ("GET", f"{LAMP}?fields=a((", {}, (400, "json.fieldselector.invalid")),
        ("DELETE", f"{LAMP}/policyId", {}, (405, "gateway:method.notallowed")),
        ("POST", LAMP, {"json": {}}, (405, "gateway:method.notallowed")),
        ("GET", "/connections", {}, (501, "ioc:feature.notsupported")),
        ("GET", "/nothing", {}, (404, "gateway:resource.notfound")),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_changes_nothing(
    lamp: httpx.Client, method: str, path: str, sent: dict[str, Any], expected: tuple[int, str]
) -> None:
    headers = MERGE if method == "PATCH" else {"content-type": "application/json"}

    answer = lamp.request(method, path, headers=headers, **sent)

    assert error_of(answer) == expected
    assert lamp.get(LAMP).headers["etag"] == '"rev:1"'


def test_a_patch_that_is_announced_as_plain_json_is_refused(lamp: httpx.Client) -> None:
    assert error_of(lamp.patch(LAMP, json={})) == (415, "mediatype.unsupported")


def test_a_thing_beyond_100_kib_is_refused(lamp: httpx.Client) -> None:
    answer = lamp.put(f"{LAMP}/attributes/big", json="x" * 102_400)

    assert error_of(answer) == (413, "things:thing.toolarge")


def test_an_announced_body_beyond_every_limit_is_refused(lamp: httpx.Client) -> None:
    assert lamp.put(LAMP, content=b" " * 300_000).status_code == 413


def test_a_correlation_id_comes_back(lamp: httpx.Client) -> None:
    assert lamp.get(LAMP, headers={"correlation-id": "abc"}).headers["correlation-id"] == "abc"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-match": '"rev:1"'}, 204),
        ({"if-match": '"rev:2"'}, 412),
        ({"if-match": '"rev:9", "rev:1"'}, 204),
        ({"if-match": "*"}, 204),
        ({"if-none-match": "*"}, 412),
        ({"if-none-match": '"rev:2"'}, 204),
        ({"if-match": "rev:1"}, 400),
        ({"condition": "eq(attributes/room/floor,1)"}, 204),
        ({"condition": "eq(attributes/room/floor,2)"}, 412),
        ({"condition": "exists(features/light)"}, 204),
        ({"condition": "gt(_modified,'2020-01-01T00:00:00Z')"}, 204),
        ({"if-equal": "nonsense"}, 400),
    ],
)
def test_a_write_happens_only_if_its_preconditions_hold(
    lamp: httpx.Client, headers: dict[str, str], status: int
) -> None:
    answer = lamp.put(LAMP, json=BODY, headers=headers)

    assert answer.status_code == status
    written = lamp.get(LAMP).headers["etag"] != '"rev:1"'
    assert written == (status == 204)


def test_headers_may_come_as_query_parameters(lamp: httpx.Client) -> None:
    assert lamp.put(LAMP, json=BODY, params={"condition": "eq(thingId,'no')"}).status_code == 412
    assert lamp.put(LAMP, json=BODY, params={"if-match": '"rev:1"'}).status_code == 204


def test_a_read_with_the_tag_that_it_has_gets_no_body(lamp: httpx.Client) -> None:
    for path in ("", "/attributes", "/features/light/properties/on"):
        tag = lamp.get(LAMP + path).headers["etag"]
        again = lamp.get(LAMP + path, headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")


def test_if_equal_skip_leaves_an_equal_value_alone(lamp: httpx.Client) -> None:
    same = {"headers": {"if-equal": "skip"}}

    assert lamp.put(f"{LAMP}/attributes/maker", json="Đèn Việt", **same).status_code == 412
    assert lamp.put(f"{LAMP}/attributes/maker", json="Khác", **same).status_code == 204
    patch = {"attributes": {"maker": "Khác"}}
    assert lamp.patch(LAMP, json=patch, headers=MERGE | {"if-equal": "skip"}).status_code == 412


def test_a_minimising_merge_records_only_what_changed(lamp: httpx.Client) -> None:
    patch = {"attributes": {"maker": "Đèn Việt", "room": {"floor": 5}}}
    headers = MERGE | {"if-equal": "skip-minimizing-merge"}

    assert lamp.patch(LAMP, json=patch, headers=headers).status_code == 204
    assert lamp.get(f"{LAMP}/attributes/room/floor").json() == 5
    assert lamp.patch(LAMP, json=patch, headers=headers).status_code == 412


def test_parts_of_a_merge_whose_condition_fails_are_left_out(lamp: httpx.Client) -> None:
    conditions = '{"features/light/properties/level": "gt(features/light/properties/level,9)"}'
    patch = {"attributes": {"a": 1}, "features": {"light": {"properties": {"level": 7}}}}

    headers = MERGE | {"merge-thing-patch-conditions": conditions}
    assert lamp.patch(LAMP, json=patch, headers=headers).status_code == 204

    assert lamp.get(f"{LAMP}/attributes/a").json() == 1
    assert lamp.get(f"{LAMP}/features/light/properties/level").json() == 3


def test_fields_choose_what_is_read(lamp: httpx.Client) -> None:
    chosen = lamp.get(
        LAMP, params={"fields": "thingId,attributes(maker,room/floor),features/*/properties/on"}
    )
    assert chosen.json() == {
        "thingId": "org.x:lamp",
        "attributes": {"maker": "Đèn Việt", "room": {"floor": 1}},
        "features": {"light": {"properties": {"on": False}}},
    }
    special = lamp.get(LAMP, params={"fields": "_revision,_policy,_namespace,_created"}).json()
    assert (special["_revision"], special["_namespace"]) == (1, "org.x")
    assert special["_policy"]["policyId"] == "org.x:lamp"
    assert "thingId" not in special


def test_metadata_is_kept_beside_what_it_speaks_of(lamp: httpx.Client) -> None:
    put = '[{"key":"/features/light/properties/level/unit","value":"lux"}]'
    lamp.patch(
        LAMP,
        json={"features": {"light": {"properties": {"level": 8}}}},
        headers=MERGE | {"put-metadata": put},
    )
    every = {"put-metadata": '[{"key":"*/by","value":"an"}]'}
    lamp.put(f"{LAMP}/attributes/room", json={"floor": 3, "side": "A"}, headers=every)

    kept = lamp.get(LAMP, params={"fields": "_metadata"}).json()["_metadata"]
    assert kept["features"]["light"]["properties"]["level"] == {"unit": "lux"}
    assert kept["attributes"]["room"] == {"floor": {"by": "an"}, "side": {"by": "an"}}
    asked = lamp.get(LAMP, headers={"get-metadata": "attributes/room/floor/by"})
    assert asked.headers["ditto-metadata"] == '{"attributes":{"room":{"floor":{"by":"an"}}}}'
    lamp.put(f"{LAMP}/attributes/room/floor", json=4, headers={"delete-metadata": "by"})
    kept = lamp.get(LAMP, params={"fields": "_metadata"}).json()["_metadata"]
    assert kept["attributes"]["room"] == {"floor": {}, "side": {"by": "an"}}


def test_many_things_are_read_in_the_order_asked_and_unknown_ones_left_out(
    lamp: httpx.Client,
) -> None:
    lamp.put("/things/org.x:second", json={})

    many = lamp.get("/things", params={"ids": "org.x:second,org.x:none,org.x:lamp"})

    assert [thing["thingId"] for thing in many.json()] == ["org.x:second", "org.x:lamp"]
    assert {thing["thingId"] for thing in lamp.get("/things").json()} == {
        "org.x:second", "org.x:lamp",
    }  # fmt: skip


def test_an_answer_that_nobody_wants_is_202_and_the_change_is_made(lamp: httpx.Client) -> None:
    quiet = lamp.put(f"{LAMP}/attributes/a", json=1, params={"response-required": "false"})

    assert (quiet.status_code, quiet.content) == (202, b"")
    assert lamp.get(f"{LAMP}/attributes/a").json() == 1


def test_both_acknowledgements_of_the_twin_are_given(lamp: httpx.Client) -> None:
    both = {"requested-acks": "twin-persisted,search-persisted"}

    answer = lamp.put(f"{LAMP}/attributes/a", json=1, headers=both)

    assert answer.status_code == 200
    assert {label: ack["status"] for label, ack in answer.json().items()} == {
        "twin-persisted": 201, "search-persisted": 201,
    }  # fmt: skip


def test_an_acknowledgement_that_nobody_gives_fails_and_the_change_stands(
    lamp: httpx.Client,
) -> None:
    soon = {"timeout": "200ms"}
    both = {"requested-acks": "my-app,twin-persisted"}

    alone = lamp.put(f"{LAMP}/attributes/a", json=1, headers={"requested-acks": "my-app"} | soon)
    answer = lamp.put(f"{LAMP}/attributes/a", json=2, headers=both | soon)

    assert alone.status_code == 408
    assert answer.status_code == 424
    statuses = {label: ack["status"] for label, ack in answer.json().items()}
    assert statuses == {"my-app": 408, "twin-persisted": 204}
    assert lamp.get(f"{LAMP}/attributes/a").json() == 2


def test_fifty_clients_merging_one_thing_lose_no_update(lamp: httpx.Client) -> None:
    def merge(number: int) -> list[int]:
        with httpx.Client(base_url=lamp.base_url, auth=lamp.auth, timeout=30) as client:
            return [
                client.patch(
                    LAMP,
                    json={"attributes": {f"c{number}": {f"k{turn}": turn}}},
                    headers=MERGE,
                ).status_code
                for turn in range(6)
            ]

    with ThreadPoolExecutor(50) as pool:
        statuses = [status for found in pool.map(merge, range(50)) for status in found]

    assert set(statuses) == {204}
    read = lamp.get(LAMP)
    assert read.headers["etag"] == '"rev:301"'
    written = {key: value for key, value in read.json()["attributes"].items() if key[0] == "c"}
    assert written == {f"c{n}": {f"k{turn}": turn for turn in range(6)} for n in range(50)}


def test_fifty_clients_that_compare_and_set_count_without_a_gap(lamp: httpx.Client) -> None:
    lamp.put(f"{LAMP}/attributes/n", json=0)

    def count_up(_number: int) -> None:
        with httpx.Client(base_url=lamp.base_url, auth=lamp.auth, timeout=30) as client:
            while True:
                read = client.get(f"{LAMP}/attributes/n")
                tag = {"if-match": read.headers["etag"]}
                put = client.put(f"{LAMP}/attributes/n", json=read.json() + 1, headers=tag)
                if put.status_code == 204:
                    return

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(count_up, range(50)))

    assert lamp.get(f"{LAMP}/attributes/n").json() == 50
