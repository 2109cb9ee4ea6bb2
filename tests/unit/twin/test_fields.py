"""Field selectors: what they choose and what is none."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc_cloud.twin.fields import Selector, parse_fields, select
from ioc_cloud.twin.rql import RqlInvalid

THING: dict[str, Any] = {
    "thingId": "a:b",
    "policyId": "a:p",
    "attributes": {"complex": {"some": 1, "serialNo": 2, "other": 3}, "list": [{"x": 1}], "*": 7},
    "features": {
        "lamp": {"properties": {"on": True, "level": 5}, "definition": ["x:y:1"]},
        "pump": {"properties": {"on": False}},
        "bare": {},
    },
    "_revision": 3,
    "_modified": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("thingId", [("thingId",)]),
        ("/thingId,/attributes/a/b", [("thingId",), ("attributes", "a", "b")]),
        ("attributes(a,b/c)", [("attributes", "a"), ("attributes", "b", "c")]),
        ("attributes(/a)", [("attributes", "a")]),
        ("attributes/a(b(c,d),e)", [("attributes", "a", "b", "c"), ("attributes", "a", "b", "d"),
                                    ("attributes", "a", "e")]),
        ("features/*/properties/on", [("features", "*", "properties", "on")]),
        ("a/b,a", [("a",)]),
        ("a,a/b", [("a",)]),
        ("a/b,a(c)", [("a", "b"), ("a", "c")]),
        ("a(b/c,b)", [("a", "b")]),
        ("a(b),a/b(c)", [("a", "b")]),
        ("a~1b/c~0d", [("a/b", "c~d")]),
        ("tên,có dấu", [("tên",), ("có dấu",)]),
        ("a/", [("a",)]),
    ],
)  # fmt: skip
def test_a_selector_names_paths(text: str, paths: list[tuple[str, ...]]) -> None:
    assert parse_fields(text).to_paths() == paths


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0), (",", 0), ("a,", 2), ("a,,b", 2), ("a(", 2), ("a()", 2), ("a(b", 3), ("a)", 1),
        ("a(b))", 4), (")a(", 0), ("(a)", 0), ("a(b)c", 4), ("a//b", 1), ("/", 0), ("a(b,)", 4),
        ("a(" * 40 + "b" + ")" * 40, 66), ("a" * 20_000, 16_384),
    ],
)  # fmt: skip
def test_what_is_no_selector_is_refused_with_its_place(text: str, position: int) -> None:
    with pytest.raises(RqlInvalid) as caught:
        parse_fields(text)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("thingId", {"thingId": "a:b"}),
        ("thingId,_revision", {"thingId": "a:b", "_revision": 3}),
        ("attributes/complex(some,serialNo)",
         {"attributes": {"complex": {"some": 1, "serialNo": 2}}}),
        ("features/*/properties/on",
         {"features": {"lamp": {"properties": {"on": True}},
                       "pump": {"properties": {"on": False}}}}),
        ("features/*/properties/on,features/lamp/definition",
         {"features": {"lamp": {"properties": {"on": True}, "definition": ["x:y:1"]},
                       "pump": {"properties": {"on": False}}}}),
        ("features/lamp/properties/level,features/*/properties/on",
         {"features": {"lamp": {"properties": {"on": True, "level": 5}},
                       "pump": {"properties": {"on": False}}}}),
        ("features/*", {"features": THING["features"]}),
        ("features/bare", {"features": {"bare": {}}}),
        ("attributes/*", {"attributes": {"*": 7}}),
        ("attributes/list/x", {}),
        ("attributes/missing", {}),
        ("attributes/complex/some/deeper", {}),
        ("nothing,policyId", {"policyId": "a:p"}),
    ],
)  # fmt: skip
def test_a_selector_cuts_a_document(text: str, found: dict[str, Any]) -> None:
    assert select(THING, parse_fields(text)) == found


def test_without_a_selector_special_fields_stay_out() -> None:
    assert set(select(THING, None)) == {"thingId", "policyId", "attributes", "features"}


def test_the_names_of_a_selector_are_those_at_the_top() -> None:
    assert parse_fields("_policy,attributes/x(y,z)").names == {"_policy", "attributes"}
    assert Selector().names == frozenset()


@given(st.text(max_size=40) | st.text("a/(),*~", max_size=25))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_selector_or_is_refused(text: str) -> None:
    try:
        found = parse_fields(text)
    except RqlInvalid:
        return
    assert found.to_paths()
    select(THING, found)
