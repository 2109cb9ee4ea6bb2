"""Policies through the client, and what they let others do."""

from typing import Any

import pytest
from tests.contract.ditto.conftest import Place

import ioc_ditto as ditto
from ioc_ditto import DittoClient

READ: Any = {"grant": ["READ"], "revoke": []}
ALL: Any = {"grant": ["READ", "WRITE"], "revoke": []}


@pytest.fixture
def me(client: DittoClient) -> str:
    return client.who_am_i()["defaultSubject"]


@pytest.fixture
def shared(client: DittoClient, place: Place, me: str) -> str:
    """A policy that its writer owns."""
    policy_id = place.id("shared")
    resources = {"thing:/": ALL, "policy:/": ALL, "message:/": ALL}
    entry = {"subjects": {me: {"type": "owner"}}, "resources": resources}
    assert client.policies.put(policy_id, {"entries": {"owner": entry}}).created
    return policy_id


def test_who_i_am_is_among_my_subjects(client: DittoClient) -> None:
    told = client.who_am_i()

    assert told["defaultSubject"] in told["subjects"]


def test_a_policy_is_read_at_every_level(client: DittoClient, shared: str, me: str) -> None:
    policies = client.policies

    assert policies.get(shared)["policyId"] == shared
    assert set(policies.get(shared, "entries")) == {"owner"}
    assert policies.get(shared, "entries/owner/subjects")[me]["type"] == "owner"
    assert policies.get(shared, ("entries", "owner", "subjects", me))["type"] == "owner"
    assert policies.get(shared, "entries/owner/resources")["thing:/"] == ALL
    assert policies.get_resource(shared, "owner", "thing:/") == ALL


def test_parts_are_put_and_deleted(client: DittoClient, shared: str) -> None:
    policies = client.policies

    policies.put(shared, {"subjects": {}, "resources": {"thing:/": READ}}, "entries/readers")
    policies.put_subject(shared, "readers", "nginx:someone")
    policies.put_resource(shared, "readers", "thing:/features/x", READ)
    entry = policies.get(shared, "entries/readers")
    assert list(entry["subjects"]) == ["nginx:someone"]
    assert set(entry["resources"]) == {"thing:/", "thing:/features/x"}

    policies.delete_resource(shared, "readers", "thing:/features/x")
    policies.delete_subject(shared, "readers", "nginx:someone")
    policies.delete(shared, "entries/readers")
    with pytest.raises(ditto.NotFound):
        policies.get(shared, "entries/readers")


def test_a_policy_must_not_shut_its_writer_out(client: DittoClient, shared: str) -> None:
    shut = {"entries": {"x": {"subjects": {}, "resources": {"thing:/": READ}}}}

    with pytest.raises((ditto.Forbidden, ditto.BadRequest)):
        client.policies.put(shared, shut)


def test_a_policy_is_guarded_by_its_tag(client: DittoClient, shared: str) -> None:
    seen = client.policies.get_tagged(shared)
    assert seen.etag is not None
    client.policies.put_resource(shared, "owner", "thing:/features/x", READ)

    with pytest.raises(ditto.PreconditionFailed):
        client.policies.put(shared, seen.value, if_match=seen.etag)


def test_a_deleted_policy_is_gone(client: DittoClient, shared: str) -> None:
    client.policies.delete(shared)

    with pytest.raises(ditto.NotFound):
        client.policies.get(shared)


def test_permissions_can_be_asked_for(client: DittoClient, shared: str, place: Place) -> None:
    thing_id = place.thing("asked", policyId=shared)
    found = client.check_permissions(
        {
            "read": {"resource": "thing:/attributes", "entityId": thing_id,
                     "hasPermissions": ["READ"]},
            "execute": {"resource": "policy:/", "entityId": shared,
                        "hasPermissions": ["EXECUTE"]},
        }
    )  # fmt: skip

    assert found == {"read": True, "execute": False}


def test_what_may_not_be_seen_is_not_there(
    client: DittoClient, other: DittoClient, shared: str, place: Place
) -> None:
    thing_id = place.thing("x", policyId=shared, attributes={"open": 1, "secret": 2})
    with pytest.raises(ditto.NotFound):
        other.things.get(thing_id)

    stranger = other.who_am_i()["defaultSubject"]
    entry = {
        "subjects": {stranger: {"type": "other"}},
        "resources": {
            "thing:/": READ,
            "thing:/attributes/secret": {"grant": [], "revoke": ["READ"]},
        },
    }
    client.policies.put(shared, entry, "entries/other")

    assert other.things.get(thing_id, "attributes") == {"open": 1}
    with pytest.raises(ditto.NotFound):
        other.things.get(thing_id, "attributes/secret")
    with pytest.raises(ditto.Forbidden):
        other.things.put(thing_id, 3, "attributes/open")
    with pytest.raises(ditto.NotFound):
        other.policies.get(shared)
