"""Policies against an oracle of thirty lines, and the cases that the contract names."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_cloud.twin import policy
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.pointer import MISSING

NOW = datetime(2026, 11, 25, 9, tzinfo=timezone.utc)
ME = frozenset({"nginx:an", "ioc:role-operator"})
NAMES = ("a", "b", "c")
PATHS = st.lists(st.sampled_from(NAMES), max_size=3).map(tuple)
SUBJECTS = st.sampled_from(["nginx:an", "ioc:role-operator", "nginx:binh"])
EFFECTS = st.fixed_dictionaries(
    {
        "grant": st.lists(st.sampled_from(["READ", "WRITE"]), max_size=2),
        "revoke": st.lists(st.sampled_from(["READ", "WRITE"]), max_size=2),
    }
)
RESOURCES = st.dictionaries(PATHS.map(lambda path: "thing:/" + "/".join(path)), EFFECTS, max_size=4)
ENTRIES = st.dictionaries(
    st.sampled_from(["ONE", "TWO", "THREE"]),
    st.fixed_dictionaries(
        {"subjects": st.dictionaries(SUBJECTS, st.just({}), max_size=2), "resources": RESOURCES}
    ),
    max_size=3,
)
LEAVES = st.integers(0, 9)
DOCUMENTS = st.dictionaries(
    st.sampled_from(NAMES),
    st.recursive(LEAVES, lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)),
    max_size=3,
)


def oracle(entries: dict[str, Any], path: tuple[str, ...], permission: str) -> bool:
    """The rule as the contract words it: deepest path first; there, revoke before grant."""
    for depth in range(len(path), -1, -1):
        key = "thing:/" + "/".join(path[:depth])
        effects = [
            entry["resources"][key]
            for entry in entries.values()
            if ME & entry["subjects"].keys() and key in entry["resources"]
        ]
        if any(permission in effect["revoke"] for effect in effects):
            return False
        if any(permission in effect["grant"] for effect in effects):
            return True
    return False


def rules_of(entries: dict[str, Any], now: datetime = NOW) -> policy.Rules:
    return policy.compiled("x:y", {"entries": entries}, {}).rules(ME, "x", now)


def leaf_paths(value: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict) or not value:
        return [at]
    return [path for key, part in value.items() for path in leaf_paths(part, (*at, key))]


@given(ENTRIES, PATHS, st.sampled_from(["READ", "WRITE"]))
def test_evaluation_agrees_with_the_oracle(
    entries: dict[str, Any], path: tuple[str, ...], permission: Any
) -> None:
    assert rules_of(entries).may("thing", permission, path) == oracle(entries, path, permission)


@given(ENTRIES, DOCUMENTS)
def test_a_partial_read_shows_exactly_the_leaves_that_the_oracle_grants(
    entries: dict[str, Any], document: dict[str, Any]
) -> None:
    shown = rules_of(entries).readable(document)

    wanted = {
        path
        for path in leaf_paths(document)
        if path and not _empty(document, path) and oracle(entries, path, "READ")
    }
    found = (
        set() if shown is MISSING else {p for p in leaf_paths(shown) if p and not _empty(shown, p)}
    )
    assert found == wanted


@given(ENTRIES, PATHS)
def test_all_means_that_nothing_below_is_revoked(
    entries: dict[str, Any], path: tuple[str, ...]
) -> None:
    deeper = [(*path, *rest) for rest in _paths_below(3 - len(path))]

    assert rules_of(entries).may_all("thing", "WRITE", path) == (
        oracle(entries, path, "WRITE") and all(oracle(entries, one, "WRITE") for one in deeper)
    )


def _paths_below(depth: int) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()]
    for _ in range(max(depth, 0)):
        found += [(*path, name) for path in found for name in NAMES if len(path) < depth]
    return list(dict.fromkeys(found))


def _empty(document: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        document = document[part]
    return document == {}


def test_write_does_not_imply_read() -> None:
    entries = {"E": {"subjects": {"nginx:an": {}}, "resources": {"thing:/": _grant("WRITE")}}}

    assert not rules_of(entries).may("thing", "READ")


def test_a_subject_counts_until_its_expiry() -> None:
    entries = {
        "E": {
            "subjects": {"nginx:an": {"expiry": "2026-11-25T10:00:00Z"}},
            "resources": {"thing:/": _grant("READ")},
        }
    }
    compiled = policy.compiled("x:y", {"entries": entries}, {})

    assert compiled.rules(ME, "x", NOW).may("thing", "READ")
    assert not compiled.rules(ME, "x", NOW + timedelta(hours=1)).may("thing", "READ")


def test_an_expiry_is_rounded_up_to_the_full_hour() -> None:
    kept = policy.checked_subject("nginx:an", {"expiry": "2026-11-25T16:01:00+07:00"}, NOW)

    assert kept == {"expiry": "2026-11-25T10:00:00Z"}


def test_an_entry_with_namespaces_speaks_for_those_alone() -> None:
    entry = {
        "subjects": {"nginx:an": {}},
        "resources": {"thing:/": _grant("READ")},
        "namespaces": ["vn.camau.*", "org"],
    }
    compiled = policy.compiled("x:y", {"entries": {"E": entry}}, {})

    readable = {
        namespace: compiled.rules(ME, namespace, NOW).may("thing", "READ")
        for namespace in ("vn.camau.camera", "vn.camau", "org", "org.x")
    }

    assert readable == {
        "vn.camau.camera": True, "vn.camau": False, "org": True, "org.x": False,
    }  # fmt: skip


def test_imported_entries_count_unless_they_are_never_importable() -> None:
    other = {
        "entries": {
            "OPEN": {"subjects": {"nginx:an": {}}, "resources": {"thing:/a": _grant("READ")}},
            "ASKED": {
                "subjects": {"nginx:an": {}},
                "resources": {"thing:/b": _grant("READ")},
                "importable": "explicit",
            },
            "SHUT": {
                "subjects": {"nginx:an": {}},
                "resources": {"thing:/c": _grant("READ")},
                "importable": "never",
            },
        }
    }

    plain = policy.compiled("x:y", {"entries": {}, "imports": {"o:p": {}}}, {"o:p": other})
    asked = policy.compiled(
        "x:y", {"entries": {}, "imports": {"o:p": {"entries": ["ASKED"]}}}, {"o:p": other}
    )

    def readable(compiled: policy.Compiled) -> list[str]:
        rules = compiled.rules(ME, "x", NOW)
        return [name for name in NAMES if rules.may("thing", "READ", (name,))]

    assert (readable(plain), readable(asked)) == (["a"], ["a", "b"])


@pytest.mark.parametrize(
    "broken",
    [
        [],
        {"entries": []},
        {"entries": {"E": {"subjects": {}}}},
        {"entries": {"E": {"subjects": {"nobody": {}}, "resources": {}}}},
        {"entries": {"E": {"subjects": {}, "resources": {"thing": {}}}}},
        {"entries": {"E": {"subjects": {}, "resources": {"thing:/": {"grant": ["FLY"]}}}}},
        {"entries": {"": {"subjects": {}, "resources": {}}}},
        {"entries": {}, "imports": {"x:y": {}}},
        {"entries": {"E": {"subjects": {"a:b": {"expiry": "soon"}}, "resources": {}}}},
        {
            "entries": {
                "E": {"subjects": {"a:b": {"expiry": "2020-01-01T00:00:00Z"}}, "resources": {}}
            }
        },
        {"policyId": "other:id", "entries": {}},
        {"entries": {}, "colour": 1},
    ],
)
def test_what_is_no_policy_is_refused(broken: Any) -> None:
    with pytest.raises(DittoError) as caught:
        policy.checked("x:y", broken, NOW)

    assert caught.value.http == 400


def _grant(*permissions: str) -> dict[str, list[str]]:
    return {"grant": list(permissions), "revoke": []}
