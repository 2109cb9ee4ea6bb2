"""Judging values: the same verdict as the jsonschema package, and words a person can use."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from ioc_models.wot.check import SchemaUnsupported, compiled
from ioc_models.wot.keywords import is_date, is_date_time

SMALL = st.integers(-5, 5)
LENGTHS = st.integers(0, 4)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    SMALL,
    st.sampled_from([0.5, 1.0, -2.5, 3.0, 1e9]),
    st.text("ab1", max_size=4),
)
VALUES = st.recursive(
    SCALARS,
    lambda inside: st.one_of(
        st.lists(inside, max_size=4), st.dictionaries(st.sampled_from("abc"), inside, max_size=3)
    ),
    max_leaves=8,
)
KEYWORDS = {
    "type": st.sampled_from(["string", "number", "integer", "boolean", "object", "array", "null"]),
    "const": VALUES,
    "enum": st.lists(VALUES, min_size=1, max_size=3),
    "minimum": SMALL,
    "maximum": SMALL,
    "exclusiveMinimum": SMALL,
    "exclusiveMaximum": SMALL,
    "multipleOf": st.sampled_from([1, 2, 0.5, 3]),
    "minLength": LENGTHS,
    "maxLength": LENGTHS,
    "pattern": st.sampled_from(["^a", "b$", "^[ab]+$", "1", "^$"]),
    "minItems": LENGTHS,
    "maxItems": LENGTHS,
    "uniqueItems": st.booleans(),
    "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
}


def nested(inside: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    below = {
        "properties": st.dictionaries(st.sampled_from("abc"), inside, max_size=2),
        "additionalProperties": st.one_of(st.booleans(), inside),
        "items": st.one_of(st.booleans(), inside),
        "prefixItems": st.lists(inside, min_size=1, max_size=2),
        "oneOf": st.lists(inside, min_size=1, max_size=3),
        "anyOf": st.lists(inside, min_size=1, max_size=3),
        "allOf": st.lists(inside, min_size=1, max_size=3),
        "not": inside,
    }
    return st.fixed_dictionaries({}, optional=KEYWORDS | below)


SCHEMAS = st.recursive(st.fixed_dictionaries({}, optional=KEYWORDS), nested, max_leaves=6)


@given(SCHEMAS, st.lists(VALUES, min_size=1, max_size=6))
def test_a_value_is_good_exactly_when_json_schema_says_so(
    schema: dict[str, Any], values: list[Any]
) -> None:
    check, judge = compiled(schema), Draft202012Validator(schema)
    for value in values:
        assert (check.judge(value) is None) is judge.is_valid(value), (schema, value)


@given(
    st.text("0123456789-:TZtz+. ", max_size=30)
    | st.datetimes().map(lambda at: f"{at.isoformat()}Z")
)
def test_moments_are_those_of_the_format_checker_or_stricter(text: str) -> None:
    loose = FormatChecker(["date"])
    assert not is_date(text) or loose.conforms(text, "date")
    if is_date_time(text):
        assert is_date(text[:10])


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("2026-11-24T05:00:00Z", True),
        ("2026-11-24T05:00:00.123456789+07:00", True),
        ("2026-11-24T05:00:00", False),
        ("2026-11-24 05:00:00Z", False),
        ("2026-02-30T05:00:00Z", False),
        ("2026-11-24T25:00:00Z", False),
        ("2026-11-24T05:00:00+24:00", False),
        ("٢٠٢٦-11-24T05:00:00Z", False),
        ("2026-11-24T05:00:00Z\n", False),
        ("", False),
    ],
)
def test_a_moment_has_a_date_a_time_and_an_offset(text: str, good: bool) -> None:  # noqa: FBT001
    check = compiled({"type": "string", "format": "date-time"})
    assert (check.judge(text) is None) is good


@pytest.mark.parametrize(
    ("schema", "value", "path", "word"),
    [
        ({"type": "string"}, True, (), ": {type=boolean found, string expected}"),
        ({"type": ["string", "null"]}, 1, (), ": {type=integer found, string or null expected}"),
        ({"minimum": 0}, -1, (), ": {minimum=-1 is below 0}"),
        ({"enum": ["a", "b"]}, "c", (), ": {enum=c is none of ['a', 'b']}"),
        ({"items": {"type": "number"}}, [1, "x"], ("1",), ": {type=string found, number expected}"),
        ({"required": ["a"]}, {}, ("a",), ": {required=missing}"),
        (
            {"properties": {"a": {"additionalProperties": False}}},
            {"a": {"b": 1}},
            ("a", "b"),
            ": {additionalProperties=not in the model}",
        ),
    ],
)
def test_a_fault_says_where_and_what(
    schema: dict[str, Any], value: Any, path: tuple[str, ...], word: str
) -> None:
    assert compiled(schema).judge(value) == [(path, word)]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_have_are_no_numbers(value: float) -> None:
    assert compiled({"type": "number"}).judge(value)
    assert compiled({"type": "integer"}).judge(value)
    assert compiled({"multipleOf": 2}).judge(value) is None


def test_steps_are_counted_in_decimals() -> None:
    check = compiled({"multipleOf": 0.1})
    assert check.judge(0.3) is None
    assert check.judge(0.35)
    # 10**300 leaves 1; in binary fractions nobody could tell.
    assert compiled({"multipleOf": 3}).judge(1e300)


def test_the_end_of_a_pattern_is_the_end_of_the_text() -> None:
    assert compiled({"pattern": "^a$"}).judge("a\n")


@pytest.mark.parametrize("keyword", ["$ref", "patternProperties", "if", "minProperties"])
def test_a_keyword_that_would_not_be_enforced_is_refused(keyword: str) -> None:
    with pytest.raises(SchemaUnsupported, match=keyword.replace("$", r"\$")):
        compiled({"properties": {"a": {keyword: {}}}})
