"""The rule language: arithmetic over a row, and nothing that could do harm."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_models.feeds.expressions import DEEPEST, LONGEST, NotAnExpression, parse

NUMBERS = st.integers(-(10**9), 10**9)


def said(text: str, previous: dict[str, Any] | None = None, **row: Any) -> Any:
    return parse(text)(row, previous)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * 2", 17),
        ("(a + b) * 2", 22),
        ("a - b", -1),
        ("-a", -5),
        ("a / b", 5 / 6),
        ("b // a", 1),
        ("b % a", 1),
        ("a < b", True),
        ("a <= b <= 6", True),
        ("a == b or not a > b", True),
        ("a != b and b >= 6", True),
        ("abs(a - b)", 1),
        ("max(a, b, 9) - min(a, b)", 4),
        ("round(a / b, 2)", 0.83),
        ("kind == 'x'", True),
        ("kind != 'x' or a == 5", True),
    ],
)
def test_it_says_what_python_says(text: str, expected: Any) -> None:
    assert said(text, a=5, b=6, kind="x") == expected


@given(NUMBERS, NUMBERS)
def test_sums_and_comparisons_are_exact_for_counts(a: int, b: int) -> None:
    assert said("a + b == b + a", a=a, b=b) is True
    assert said("a < b or a == b or a > b", a=a, b=b) is True
    assert said("max(a, b) + min(a, b)", a=a, b=b) == a + b


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "__import__('os')",
        "open('x')",
        "a()",
        "abs.__class__",
        "a.b",
        "prev.a.b",
        "prev",
        "prev.__class__",
        "().__class__",
        "a ** 9",
        "a << 9",
        "a | b",
        "~a",
        "a @ b",
        "a is b",
        "a in b",
        "[x for x in a]",
        "{x: 1 for x in a}",
        "(x for x in a)",
        "(a := 5)",
        "lambda: 1",
        "a if b else 1",
        "a[0]",
        "[a, b]",
        "(a, b)",
        "{a}",
        "{'a': b}",
        "f'{a}'",
        "None",
        "...",
        "b'a'",
        "1j",
        "*a",
        "max(*a)",
        "max(a, key=abs)",
        "a; b",
        "a = 5",
        "await a",
        "yield a",
        "__builtins__",
        "prev__a",
        "_a",
        "eval('1')",
        "max(a, [b])",
        "round(a, ndigits=1)",
        "'x' * 1000000000",
        "'%1000000000d' % a",
        "max('x', 'y') * 1000000000",
        "(a or 'x') * 1000000000",
        "",
        "a +",
        "1_0__0",
        "\x00",
    ],
)
def test_what_is_not_of_the_language_is_refused(text: str) -> None:
    with pytest.raises(NotAnExpression):
        parse(text)


@given(st.text(max_size=60))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        expression = parse(text)
    except NotAnExpression:
        return
    try:
        expression(dict.fromkeys(expression.fields, 1), dict.fromkeys(expression.previous, 1))
    except NotAnExpression:
        return


def test_a_very_long_expression_is_refused_unread() -> None:
    with pytest.raises(NotAnExpression, match=str(LONGEST)):
        parse("a" + " + a" * LONGEST)


@pytest.mark.parametrize("text", ["(" * 240 + "a" + ")" * 240, "-" * 60 + "a", "not " * 60 + "a"])
def test_a_deeply_nested_expression_is_refused_before_it_is_run(text: str) -> None:
    with pytest.raises(NotAnExpression):
        parse(text)


def test_nesting_has_a_limit_that_real_rules_do_not_reach() -> None:
    assert said("abs(" * 15 + "a" + ")" * 15, a=-1) == 1
    with pytest.raises(NotAnExpression, match="nested too deep"):
        parse("abs(" * DEEPEST + "a" + ")" * DEEPEST)


def test_a_name_that_is_no_field_is_refused_by_name() -> None:
    with pytest.raises(NotAnExpression, match="names 'visit', which is no field"):
        parse("visit >= 0", frozenset({"visits"}))
    with pytest.raises(NotAnExpression, match="names 'visit', which is no field"):
        parse("prev.visit >= 0", frozenset({"visits"}))


def test_it_knows_what_it_needs() -> None:
    expression = parse("abs(a - prev.a) <= max(20, prev.b * 0.2)")
    assert expression.fields == {"a"}
    assert expression.previous == {"a", "b"}


def test_it_knows_what_it_reckons_with_apart_from_what_it_compares() -> None:
    assert parse("kind == 'x' or (a + prev.b) * 2 > c").reckoned == {"a", "b"}
    assert parse("(kind == 'x') * max(a, b) > 0").reckoned == {"a", "b"}


@pytest.mark.parametrize("row", [{}, {"a": None}, {"b": 1}])
def test_a_missing_field_leaves_the_question_unanswered(row: dict[str, Any]) -> None:
    assert parse("a >= 0")(row) is None


def test_the_period_before_is_the_second_row() -> None:
    assert said("a - prev.a", {"a": 4}, a=10) == 6
    assert said("a >= prev.a", {"a": None}, a=10) is None
    assert said("a >= prev.a", {}, a=10) is None
    assert said("a >= prev.a", None, a=10) is None


@pytest.mark.parametrize("text", ["a / b", "a // b", "a % b", "a / b > 1"])
def test_a_division_by_zero_says_nothing(text: str) -> None:
    assert said(text, a=1, b=0) is None


def test_a_number_beyond_all_bounds_says_nothing() -> None:
    assert said("a / b", a=10**400, b=3) is None
    assert said("round(a * 10.0)", a=1e308) is None


def test_decimals_and_floats_mix() -> None:
    assert said("a * 0.5 <= b", a=Decimal("2.50"), b=1.25) is True
    assert said("a - prev.a", {"a": Decimal("1.5")}, a=2.0) == 0.5


def test_numbers_and_texts_do_not_compare_and_the_rule_is_named() -> None:
    with pytest.raises(NotAnExpression, match="'a < b'"):
        said("a < b", a=1, b="x")


def test_days_compare() -> None:
    assert said("a < b", a=date(2026, 11, 24), b=date(2026, 11, 25)) is True


def test_text_of_a_rule_is_data_alone() -> None:
    assert said("kind == '__import__(\"os\")'", kind="x") is False
