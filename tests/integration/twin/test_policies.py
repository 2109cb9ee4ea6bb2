"""Policies over HTTP, and what they let people see, search and change."""

from typing import Any

import httpx
import pytest
from tests.integration.twin.conftest import Person
from tests.support.api import Api

from ioc_cloud.auth import keys

MERGE = {"content-type": "application/merge-patch+json"}
EVERYTHING = {"grant": ["READ", "WRITE"], "revoke": []}
READ = {"grant": ["READ"], "revoke": []}
HIDE = {"grant": [], "revoke": ["READ"]}


def policy(**entries: dict[str, Any]) -> dict[str, Any]:
    owner = {
        "subjects": {"nginx:an": {"type": "owner"}},
        "resources": {f"{kind}:/": EVERYTHING for kind in ("thing", "policy", "message")},
    }
    return {"entries": {"OWNER": owner, **entries}}


def reader(name: str, **resources: dict[str, Any]) -> dict[str, Any]:
    found = {
        key.replace("__", "/").replace("thing", "thing:"): one for key, one in resources.items()
    }
    return {"subjects": {f"nginx:{name}": {"type": "reader"}}, "resources": found}


@pytest.fixture
def binh(person: Person) -> httpx.Client:
    return person("binh")


@pytest.fixture
def boat(an: httpx.Client) -> str:
    """A boat whose owner's name binh may not see."""
    hidden = reader("binh", thing__=READ, thing__features__owner=HIDE, thing__attributes__code=HIDE)
    assert an.put("/policies/org.x:boats", json=policy(READER=hidden)).status_code == 201
    body = {
        "policyId": "org.x:boats",
        "attributes": {"code": "secret", "length": 12},
        "features": {
            "owner": {"properties": {"name": "Nguyễn Văn An", "level": 7}},
            "engine": {"properties": {"power": 90, "level": 3}},
        },
    }
    assert an.put("/things/org.x:boat", json=body).status_code == 201
    return "/things/org.x:boat"


def found(client: httpx.Client, rql: str) -> list[str]:
    answer = client.get("/search/things", params={"filter": rql})
    assert answer.status_code == 200, answer.text
    count = client.get("/search/things/count", params={"filter": rql})
    assert count.json() == len(answer.json()["items"])
    return [thing["thingId"] for thing in answer.json()["items"]]


def test_a_policy_comes_back_as_it_was_put_and_at_every_level(an: httpx.Client) -> None:
    made = an.put("/policies/org.x:p", json=policy())
    entry = policy()["entries"]["OWNER"]

    assert made.status_code == 201
    assert an.get("/policies/org.x:p").json() == {"policyId": "org.x:p", **policy()}
    assert an.get("/policies/org.x:p/entries/OWNER").json() == entry
    assert an.get("/policies/org.x:p/entries/OWNER/subjects").json() == entry["subjects"]
    assert an.get("/policies/org.x:p/entries/OWNER/resources/thing:/").json() == EVERYTHING


def test_entries_subjects_and_resources_are_written_one_by_one(an: httpx.Client) -> None:
    an.put("/policies/org.x:p", json=policy())
    at = "/policies/org.x:p/entries/MORE"

    assert an.put(at, json={"subjects": {}, "resources": {}}).status_code == 201
    assert an.put(f"{at}/subjects/nginx:binh", json={"type": "x"}).status_code == 201
    assert an.put(f"{at}/subjects/nginx:binh", json={"type": "y"}).status_code == 204
    assert an.put(f"{at}/resources/thing:/features/a%2Fb", json=READ).status_code == 201
    assert an.get(at).json() == {
        "subjects": {"nginx:binh": {"type": "y"}}, "resources": {"thing:/features/a/b": READ},
    }  # fmt: skip
    assert an.delete(f"{at}/subjects/nginx:binh").status_code == 204
    assert an.delete(f"{at}/subjects/nginx:binh").status_code == 404
    assert an.delete(at).status_code == 204
    assert an.get(at).status_code == 404
    assert an.put("/policies/org.x:p/entries/NO/subjects/a:b", json={}).status_code == 404


def test_nobody_locks_everybody_out_by_mistake(an: httpx.Client) -> None:
    an.put("/policies/org.x:p", json=policy())

    assert an.delete("/policies/org.x:p/entries/OWNER").status_code == 403
    locked = an.put(
        "/policies/org.x:q", json={"entries": {}}, params={"allow-policy-lockout": "true"}
    )
    assert locked.status_code == 201
    assert an.get("/policies/org.x:q").status_code == 404


def test_a_policy_that_may_not_be_read_is_not_there(an: httpx.Client, binh: httpx.Client) -> None:
    an.put("/policies/org.x:p", json=policy())

    assert binh.get("/policies/org.x:p").status_code == 404
    assert binh.put("/policies/org.x:p", json=policy()).status_code == 404
    assert binh.delete("/policies/org.x:p").status_code == 404


def test_a_reader_sees_the_thing_without_what_is_hidden(boat: str, binh: httpx.Client) -> None:
    assert binh.get(boat).json() == {
        "thingId": "org.x:boat",
        "policyId": "org.x:boats",
        "attributes": {"length": 12},
        "features": {"engine": {"properties": {"power": 90, "level": 3}}},
    }
    assert binh.get(f"{boat}/features/owner").status_code == 404
    assert binh.get(f"{boat}/attributes/code").status_code == 404
    assert binh.get(f"{boat}/features").json().keys() == {"engine"}
    assert binh.get(boat, params={"fields": "features/*/properties/level"}).json() == {
        "features": {"engine": {"properties": {"level": 3}}}
    }


@pytest.mark.parametrize(
    ("rql", "seen_by_owner", "seen_by_reader"),
    [
        ("eq(attributes/length,12)", True, True),
        ("eq(attributes/code,'secret')", True, False),
        ("like(attributes/code,'s*')", True, False),
        ("ne(attributes/code,'other')", True, False),
        ("exists(attributes/code)", True, False),
        ("not(exists(attributes/code))", False, True),
        ("eq(features/owner/properties/level,7)", True, False),
        ("eq(features/*/properties/level,7)", True, False),
        ("eq(features/*/properties/level,3)", True, True),
        ("exists(features/owner)", True, False),
        ("gt(features/*/properties/level,0)", True, True),
        ("and(eq(thingId,'org.x:boat'),gt(_revision,0))", True, True),
    ],
)
def test_search_finds_by_what_the_searcher_may_read_and_by_nothing_else(
    boat: str, an: httpx.Client, binh: httpx.Client, rql: str, *, seen_by_owner: bool,
    seen_by_reader: bool,
) -> None:  # fmt: skip
    assert boat
    assert bool(found(an, rql)) == seen_by_owner
    assert bool(found(binh, rql)) == seen_by_reader


def test_an_order_by_what_is_hidden_tells_nothing(
    boat: str, an: httpx.Client, binh: httpx.Client
) -> None:
    def listed(client: httpx.Client, key: str) -> int:
        asked = {"option": f"sort(+{key})"}
        return len(client.get("/search/things", params=asked).json()["items"])

    assert boat
    assert (listed(an, "attributes/code"), listed(binh, "attributes/code")) == (1, 0)
    assert (listed(an, "attributes/length"), listed(binh, "attributes/length")) == (1, 1)


def test_conditions_look_at_what_the_writer_may_read(
    boat: str, an: httpx.Client, binh: httpx.Client
) -> None:
    both = {"grant": ["WRITE"], "revoke": []}
    an.put("/policies/org.x:boats/entries/READER/resources/thing:/attributes", json=both)
    secret = {"condition": "eq(attributes/code,'secret')"}

    assert binh.put(f"{boat}/attributes/a", json=1, headers=secret).status_code == 412
    assert an.put(f"{boat}/attributes/a", json=1, headers=secret).status_code == 201


def test_a_stranger_finds_nothing(boat: str, person: Person) -> None:
    chi = person("chi")

    assert chi.get(boat).status_code == 404
    assert found(chi, "exists(thingId)") == []
    assert chi.put(f"{boat}/attributes/a", json=1).status_code == 404


def test_a_change_of_policy_counts_from_the_next_search_on(
    boat: str, an: httpx.Client, binh: httpx.Client
) -> None:
    assert found(binh, "eq(attributes/length,12)") == ["org.x:boat"]

    an.delete("/policies/org.x:boats/entries/READER")

    assert found(binh, "eq(attributes/length,12)") == []
    assert binh.get(boat).status_code == 404


def test_a_merge_needs_the_right_to_write_every_leaf(
    boat: str, an: httpx.Client, binh: httpx.Client
) -> None:
    write = {"grant": ["WRITE"], "revoke": []}
    an.put("/policies/org.x:boats/entries/READER/resources/thing:/features/engine", json=write)
    an.put("/policies/org.x:boats/entries/READER/resources/thing:/features/engine/properties/power",
           json={"grant": [], "revoke": ["WRITE"]})  # fmt: skip

    def merge(patch: dict[str, Any]) -> int:
        return binh.patch(boat, json={"features": {"engine": patch}}, headers=MERGE).status_code

    assert merge({"properties": {"level": 4}}) == 204
    assert merge({"properties": {"level": 5, "power": 1}}) == 403
    assert binh.put(f"{boat}/features/engine", json={}).status_code == 403
    assert binh.delete(boat).status_code == 403
    assert binh.get(f"{boat}/features/engine/properties/level").json() == 4


def test_an_imported_entry_counts_and_stops_when_the_imported_policy_changes(
    an: httpx.Client, binh: httpx.Client
) -> None:
    an.put("/policies/org.x:role", json=policy(READER=reader("binh", thing__=READ)))
    importing = {**policy(), "imports": {"org.x:role": {}}}
    assert an.put("/policies/org.x:own", json=importing).status_code == 201
    an.put("/things/org.x:t", json={"policyId": "org.x:own"})

    assert binh.get("/things/org.x:t").status_code == 200
    assert found(binh, "eq(thingId,'org.x:t')") == ["org.x:t"]
    an.delete("/policies/org.x:role/entries/READER")
    assert binh.get("/things/org.x:t").status_code == 404
    assert found(binh, "eq(thingId,'org.x:t')") == []


def test_permissions_are_told_before_they_are_tried(boat: str, binh: httpx.Client) -> None:
    def check(resource: str, *permissions: str) -> dict[str, Any]:
        entity = "org.x:boats" if resource.startswith("policy") else "org.x:boat"
        return {"resource": resource, "entityId": entity, "hasPermissions": list(permissions)}

    asked = {
        "read": check("thing:/features/engine", "READ"),
        "hidden": check("thing:/features/owner/properties/name", "READ"),
        "write": check("thing:/attributes", "WRITE"),
        "policy": check("policy:/", "READ"),
        "nothing": {"resource": "thing:/", "entityId": "org.x:no", "hasPermissions": ["READ"]},
    }
    assert boat
    assert binh.post("/checkPermissions", json=asked).json() == {
        "read": True, "hidden": False, "write": False, "policy": False, "nothing": False,
    }  # fmt: skip


def test_a_thing_of_the_province_is_made_by_those_whom_its_policy_lets(
    person: Person, an: httpx.Client
) -> None:
    admin = person("quan-tri", "system")
    assert an.put("/things/vn.camau.x:t", json={}).status_code == 403
    assert an.put("/policies/vn.camau:mine", json=policy()).status_code == 403
    assert an.put("/things/vn.camaux:t", json={}).status_code == 201
    assert admin.put("/policies/vn.camau:open", json={
        "entries": {**policy()["entries"], "SYS": {
            "subjects": {"ioc:system": {"type": "s"}},
            "resources": {"policy:/": EVERYTHING, "thing:/": EVERYTHING},
        }}
    }).status_code == 201  # fmt: skip
    assert an.put("/things/vn.camau.x:t", json={"policyId": "vn.camau:open"}).status_code == 201


def test_a_walls_account_looks_and_changes_nothing(api: Api, an: httpx.Client) -> None:
    key = keys.create(api.owner, "wall", ["wall:read"])
    wall = {"Authorization": f"Bearer {key}"}

    assert httpx.get(f"{an.base_url}search/things", headers=wall).status_code == 200
    made = httpx.put(f"{an.base_url}things/org.x:t", json={}, headers=wall)
    put = httpx.put(f"{an.base_url}policies/org.x:p", json=policy(), headers=wall)
    assert (made.status_code, put.status_code) == (403, 403)
    other = keys.create(api.owner, "status", ["status:read"])
    refused = httpx.get(f"{an.base_url}whoami", headers={"Authorization": f"Bearer {other}"})
    assert refused.status_code == 403


def test_who_is_asking(an: httpx.Client, person: Person) -> None:
    assert an.get("/whoami").json() == {"defaultSubject": "nginx:an", "subjects": ["nginx:an"]}
    subjects = person("truc", "operator").get("/whoami").json()["subjects"]
    assert subjects == ["nginx:truc-operator", "ioc:role-operator"]


def test_without_credentials_or_with_wrong_ones_nothing_is_told(an: httpx.Client) -> None:
    for auth in (None, ("an", "wrong"), ("nobody", "x")):
        answer = httpx.get(f"{an.base_url}whoami", auth=auth)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")


def test_a_header_that_only_a_proxy_may_set_is_ignored(an: httpx.Client) -> None:
    forged = httpx.get(
        f"{an.base_url}whoami", headers={"x-ditto-pre-authenticated": "nginx:system"}
    )

    assert forged.status_code == 401
