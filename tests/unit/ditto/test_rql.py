"""The filter builder: what it writes, Ditto's grammar reads back."""

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_cloud.twin.rql import parse_filter
from ioc_cloud.twin.rql.ast import Compare
from ioc_ditto import BadName, rql

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@given(prop=TEXTS.filter(bool), value=TEXTS)
def test_any_property_and_text_come_back_from_the_grammar(prop: str, value: str) -> None:
    parsed = parse_filter(str(rql.eq(prop, value)))

    assert parsed == Compare("eq", prop, value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_comes_back_from_the_grammar(number: float) -> None:
    parsed = parse_filter(str(rql.gt("attributes/x", number)))

    assert isinstance(parsed, Compare)
    assert parsed.value == number


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_64_bit_integer_comes_back_from_the_grammar(number: int) -> None:
    parsed = parse_filter(str(rql.le("attributes/x", number)))

    assert isinstance(parsed, Compare)
    assert parsed.value == number


def test_filters_join_by_operators() -> None:
    built = (rql.eq("attributes/x", 1) & ~rql.exists("features/a")) | rql.like("thingId", "vn.*")

    assert str(built) == (
        'or(and(eq(attributes/x,1),not(exists(features/a))),like(thingId,"vn.*"))'
    )


def test_a_quote_cannot_end_the_text() -> None:
    built = rql.eq("attributes/name", '"),eq(attributes/secret,"')

    assert str(built) == r'eq(attributes/name,"\"),eq(attributes/secret,\"")'


def test_values_of_every_kind() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    built = rql.in_("attributes/x", [True, None, 1.5, "à", at, rql.Now("-1h", floor="h")])

    assert str(built) == (
        'in(attributes/x,true,null,1.5,"à","2026-01-02T03:04:05Z",time:now-1h[h])'
    )


def test_a_filter_is_never_joined_by_and_without_notice() -> None:
    with pytest.raises(TypeError, match="&"):
        bool(rql.eq("attributes/x", 1))


@pytest.mark.parametrize(
    "build",
    [
        lambda: rql.eq("", 1),
        lambda: rql.eq("attributes/\0", 1),
        lambda: rql.eq("attributes/x", "\0"),
        lambda: rql.eq("attributes/x", "\ud800"),
        lambda: rql.eq("attributes/x", float("nan")),
        lambda: rql.eq("attributes/x", 2**63),
        lambda: rql.eq("attributes/x", datetime(2026, 1, 1)),  # noqa: DTZ001 the point
        lambda: str(rql.eq("attributes/x", rql.Now('"'))),
        lambda: rql.in_("attributes/x", []),
        rql.and_,
    ],
)
def test_what_no_filter_can_say_is_refused(build: object) -> None:
    with pytest.raises(BadName):
        build()  # type: ignore[operator]
