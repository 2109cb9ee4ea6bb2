"""Merge patch: RFC 7396's own table, and deleting keys by pattern."""

import pytest

from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.patch import merge

# RFC 7396, appendix A: original, patch, result.
TABLE = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("original", "patch", "result"), TABLE)
def test_the_table_of_rfc_7396_holds(original: object, patch: object, result: object) -> None:
    assert merge(original, patch) == result


def test_a_merge_changes_neither_side() -> None:
    original, patch = {"a": {"b": 1}}, {"a": {"c": {"d": 2}}}

    merge(original, patch)["a"]["c"]["d"] = 3

    assert original == {"a": {"b": 1}}


def test_a_pattern_with_null_deletes_the_keys_that_it_matches_in_whole() -> None:
    original = {"2026-01": 1, "2026-02": 2, "x2026-01": 3, "keep": 4}

    assert merge(original, {"{{ ~2026-.*~ }}": None, "2026-03": 5}) == {
        "x2026-01": 3,
        "keep": 4,
        "2026-03": 5,
    }


def test_a_pattern_with_a_value_is_refused() -> None:
    with pytest.raises(DittoError, match="takes null"):
        merge({"a": 1}, {"{{ ~a~ }}": 2})


def test_a_pattern_that_would_explode_is_refused() -> None:
    for pattern in ("(a+)+$", "(a*)*b", "(x+x+)+y", "a" * 300, "("):
        with pytest.raises(DittoError, match=r"not allowed|invalid"):
            merge({"a" * 40: 1}, {f"{{{{ ~{pattern}~ }}}}": None})
