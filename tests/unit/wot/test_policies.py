"""The policies that ship: who may see what, and that nothing is locked out."""

import json
from typing import Any

import pytest
from tests.support.ditto_judge import JUDGE

from ioc_models import things
from ioc_models.things import access

SUBJECTS = {
    *("ioc:role-leader", "ioc:role-operator", "ioc:role-steward", "ioc:role-focal"),
    *("ioc:role-police", "ioc:role-technician", "ioc:role-auditor", "ioc:role-dpo"),
    *("ioc:role-developer", "ioc:wall", "ioc:system"),
}
POLICIES = things.policies()


def granted(policy_id: str, subject: str, permission: str, path: str) -> bool:
    """What grants alone say of a path: any grant on it or above it."""
    for entry in POLICIES[policy_id]["entries"].values():
        if subject not in entry["subjects"]:
            continue
        for resource, effect in entry["resources"].items():
            above = resource.rstrip("/")
            if permission in effect["grant"] and (path == above or path.startswith(f"{above}/")):
                return True
    return False


def test_there_are_few_and_each_is_named_in_the_code() -> None:
    named = {value for name, value in vars(access).items() if name.isupper() and name[0] != "_"}
    assert set(POLICIES) == named
    assert 8 <= len(POLICIES) <= 15


@pytest.mark.parametrize("policy_id", sorted(POLICIES))
def test_a_policy_has_dittos_shape(policy_id: str) -> None:
    policy: dict[str, Any] = POLICIES[policy_id]
    JUDGE.validate("policy", policy)
    assert len(json.dumps(policy)) < 100_000
    for entry in policy["entries"].values():
        assert set(entry["subjects"]) <= SUBJECTS
        for resource, effect in entry["resources"].items():
            assert resource.partition(":")[0] in {"thing", "policy", "message"}
            assert set(effect) == {"grant", "revoke"}
            assert set(effect["grant"]) <= {"READ", "WRITE", "EXECUTE", "READ_TS"}


@pytest.mark.parametrize("policy_id", sorted(POLICIES))
def test_the_system_writes_all_and_manages_the_policy(policy_id: str) -> None:
    for path in ("thing:/features/any", "policy:/entries", "message:/inbox"):
        assert granted(policy_id, "ioc:system", "WRITE", path)
    managers = [
        subject for subject in SUBJECTS if granted(policy_id, subject, "WRITE", "policy:/entries")
    ]
    assert managers == ["ioc:system"]


@pytest.mark.parametrize("policy_id", sorted(POLICIES))
def test_policies_only_grant_because_roles_add_up(policy_id: str) -> None:
    effects = [
        effect
        for entry in POLICIES[policy_id]["entries"].values()
        for effect in entry["resources"].values()
    ]
    assert not [effect for effect in effects if effect["revoke"]]


@pytest.mark.parametrize("policy_id", sorted(POLICIES))
def test_who_may_read_may_read_its_history(policy_id: str) -> None:
    for entry in POLICIES[policy_id]["entries"].values():
        for resource, effect in entry["resources"].items():
            if resource.startswith("thing:"):
                assert ("READ" in effect["grant"]) is ("READ_TS" in effect["grant"])


@pytest.mark.parametrize("policy_id", sorted(POLICIES))
def test_a_wall_writes_nothing(policy_id: str) -> None:
    for path in ("thing:/attributes", "thing:/features/scene", "message:/inbox", "policy:/"):
        assert not granted(policy_id, "ioc:wall", "WRITE", path)


@pytest.mark.parametrize(
    ("policy_id", "path"),
    [
        (access.VESSELS, "thing:/features/registration"),
        (access.VESSELS, "thing:/features/registration/properties/ownerName"),
        (access.VESSELS, "thing:/attributes/titleVi"),
        (access.CAMERAS, "thing:/features/events/properties/lastEventId"),
        (access.CAMERAS_RESTRICTED, "thing:/attributes/location"),
        (access.DOMAIN_TRAFFIC, "thing:/features/indicators/properties/values/CAM.BIEN_THEO_DOI"),
        (access.DOMAINS_RESTRICTED, "thing:/features/indicators/properties/values"),
        (access.EDGE, "thing:/features/config"),
        (access.SANDBOX, "thing:/attributes"),
    ],
)
def test_a_wall_in_a_lobby_does_not_show_it(policy_id: str, path: str) -> None:
    assert not granted(policy_id, "ioc:wall", "READ", path)


@pytest.mark.parametrize(
    ("policy_id", "path"),
    [
        (access.PUBLIC_INFRASTRUCTURE, "thing:/attributes/location"),
        (access.STATIONS, "thing:/features/measurements/properties/salinity_g_l"),
        (access.CAMERAS, "thing:/features/health/properties/fps"),
        (access.DOMAINS, "thing:/features/indicators/properties/values/YT.SXH"),
        (access.DOMAIN_TRAFFIC, "thing:/features/indicators/properties/values/CAM.LUU_LUONG"),
        (access.VESSELS, "thing:/features/position/properties/lat"),
        (access.WALLS, "thing:/features/scene/desiredProperties"),
    ],
)
def test_a_wall_shows_it(policy_id: str, path: str) -> None:
    assert granted(policy_id, "ioc:wall", "READ", path)


def test_nobody_but_the_system_writes_a_score() -> None:
    for policy_id in (access.DOMAINS, access.DOMAINS_RESTRICTED, access.DOMAIN_TRAFFIC):
        path = "thing:/features/dataQuality/properties/correct"
        writers = [one for one in SUBJECTS if granted(policy_id, one, "WRITE", path)]
        assert writers == ["ioc:system"]


def test_a_restricted_camera_is_followed_by_the_police_alone() -> None:
    path = "thing:/features/events/properties/lastEventAt"
    readers = {one for one in SUBJECTS if granted(access.CAMERAS_RESTRICTED, one, "READ", path)}
    assert readers == {"ioc:role-police", "ioc:role-auditor", "ioc:role-dpo", "ioc:system"}
