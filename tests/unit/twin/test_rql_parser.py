"""Filters and options: what is read, what is refused and what the refusal says."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc_cloud.twin.rql import (
    Options,
    RqlInvalid,
    SortKey,
    check,
    parse_filter,
    parse_options,
    paths,
    read_options,
)
from ioc_cloud.twin.rql.ast import And, Compare, Empty, Exists, In, Not, Or, Query, Time, show
from ioc_cloud.twin.rql.parser import MAX_LENGTH, Cursor, Limit, Size, Sort

CORPUS = yaml.safe_load(
    (Path(__file__).parents[2] / "data" / "rql" / "corpus.yaml").read_text(encoding="utf-8")
)


def _cases(kind: str) -> list[Any]:
    return [pytest.param(one["text"], one["accept"], id=f"{n}: {one['reason']}")
            for n, one in enumerate(CORPUS[kind])]  # fmt: skip


@pytest.mark.parametrize(("text", "accept"), _cases("filters"))
def test_a_filter_is_read_or_refused_as_in_ditto(text: str, *, accept: bool) -> None:
    if accept:
        query = parse_filter(text)
        assert parse_filter(show(query)) == query
    else:
        with pytest.raises(RqlInvalid) as caught:
            parse_filter(text)
        assert 0 <= caught.value.position <= len(text)
        assert caught.value.expression == text


@pytest.mark.parametrize(("text", "accept"), _cases("options"))
def test_options_are_read_or_refused_as_in_ditto(text: str, *, accept: bool) -> None:
    if accept:
        read_options(text)
    else:
        with pytest.raises(RqlInvalid):
            read_options(text)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("eq(a,1)", Compare("eq", "a", 1)),
        ("ne(/a/b,-1.5)", Compare("ne", "/a/b", -1.5)),
        (r'like(a\u002cb,"x\"\\\/\n\u0110")', Compare("like", "a,b", 'x"\\/\nĐ')),
        (r"eq(a,'it\'s')", Compare("eq", "a", "it's")),
        (r'eq(a,"\ud83d\udea4")', Compare("eq", "a", "🚤")),
        ('in(a,1,"1",true,null,time:now-1h)', In("a", (1, "1", True, None, Time("now-1h")))),
        ("exists(features/*)", Exists("features/*")),
        ("empty( a)", Empty(" a")),
        ("not(and(exists(a), or(empty(b))))", Not(And((Exists("a"), Or((Empty("b"),)))))),
    ],
)
def test_a_filter_means_what_it_says(text: str, query: Query) -> None:
    found = parse_filter(text)
    assert found == query
    assert repr(found) == repr(query)  # 1, 1.0 and True are equal, and not the same


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("eq(a,test)", 5, "texts stand in quotes"),
        ("eq(a, 1)", 5, "blanks are allowed only"),
        ("eq(a,1", 6, "expected ')'"),
        ("eq(a)", 4, "expected ','"),
        ("equal(a,1)", 2, "expected '('"),
        ("not(eq(a,1),eq(b,2))", 11, "expected ')'"),
        ("eq(a,9223372036854775808)", 5, "not in -9223372036854775808"),
        ("gt(a,time:)", 5, "now_epoch_millis"),
        ('"' * 500 + "eq(a,1)", 0, "..."),
    ],
)
def test_a_refusal_names_the_place_and_what_would_be_right(
    text: str, position: int, words: str
) -> None:
    with pytest.raises(RqlInvalid) as caught:
        parse_filter(text)
    assert caught.value.position == position
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_filter_has_a_greatest_length() -> None:
    with pytest.raises(RqlInvalid, match="longer than"):
        parse_filter(f'eq(a,"{"x" * MAX_LENGTH}")')


@pytest.mark.parametrize("deep", [101, 5_000])
def test_queries_in_each_other_without_end_are_refused(deep: int) -> None:
    with pytest.raises(RqlInvalid, match="deep"):
        parse_filter("not(" * deep + "eq(a,1)" + ")" * deep)


def test_parentheses_without_end_are_refused() -> None:
    with pytest.raises(RqlInvalid):
        parse_filter("and(" * (MAX_LENGTH // 4))


def _try(read: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(RqlInvalid):
        read(text)


@given(st.text(alphabet=st.characters(), max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    for read in (parse_filter, read_options, parse_options):
        _try(read, text)


PIECES = st.sampled_from(
    ["eq", "in", "and", "or", "not", "exists", "like", "sort", "size", "(", ")", ",", "+", "-",
     " ", '"', "'", "\\", "\\u00", "1", "0", ".", "true", "null", "time:now", "a/b", "\n"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25).map("".join))
@settings(max_examples=300, deadline=None)
def test_pieces_of_rql_in_any_order_are_read_or_refused(text: str) -> None:
    for read in (parse_filter, read_options):
        _try(read, text)


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=("Cs",)))
    | st.sampled_from([Time("now"), Time("now-1h[h]")])
)
NAMES = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=12)
LEAVES = (
    st.builds(Compare, st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le", "like"]), NAMES, VALUES)
    | st.builds(In, NAMES, st.lists(VALUES, min_size=1, max_size=3).map(tuple))
    | st.builds(Exists, NAMES)
    | st.builds(Empty, NAMES)
)
QUERIES = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(And, st.lists(inner, min_size=1, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, min_size=1, max_size=3).map(tuple))
        | st.builds(Not, inner)
    ),
    max_leaves=6,
)


@given(QUERIES)
@settings(max_examples=150, deadline=None)
def test_a_query_written_out_reads_as_the_same_query(query: Query) -> None:
    assert parse_filter(show(query)) == query


def test_options_keep_what_was_asked() -> None:
    text = "sort(-_modified,+thingId),size(50),cursor(abc)"
    assert parse_options(text) == Options(
        (SortKey("_modified", descending=True), SortKey("thingId")), 50, "abc"
    )
    assert parse_options("limit(100,20)") == Options(limit=(100, 20))
    assert parse_options(None) == parse_options("") == Options(size=25)


def test_options_in_many_parameters_are_as_good_as_in_one() -> None:
    assert parse_options(["sort(+thingId)", "size(5)"]) == parse_options("sort(+thingId),size(5)")


def test_options_as_written_are_not_looked_at_for_sense() -> None:
    assert read_options("limit(0,1),sort(+x),cursor(y),size(463)") == (
        Limit(0, 1), Sort((SortKey("x"),)), Cursor("y"), Size(463),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("size(201)", "1 to 200"),
        ("size(0)", "1 to 200"),
        ("limit(0,201)", "0 to 200"),
        ("limit(-1,10)", "offset"),
        ("limit(0,10),cursor(x)", "cannot go with"),
        ("limit(0,10),size(5)", "cannot go with"),
        ("size(5),size(6)", "twice"),
        ("sort(+username)", "sort by"),
        ("sort(+attributes)", "sort by"),
        ("sort(+features/lamp)", "sort by"),
        ("sort(+features/*/properties/on)", "sort by"),
        ("sort(+topic:action)", "sort by"),
        ("sort(+)", "sort by"),
    ],
)
def test_options_without_sense_are_refused(text: str, words: str) -> None:
    with pytest.raises(RqlInvalid, match=words):
        parse_options(text)


@pytest.mark.parametrize(
    "text",
    [
        "eq(username,1)", "eq(attributes,1)", "exists(attributes)", "exists(attributes/)",
        "eq(features/lamp,1)", "eq(features/lamp/properties,1)", "exists(features)",
        "exists(features/lamp/other)", "exists(features/lamp/definition/0)", "eq(_metadata,1)",
        "eq(_policy,1)", "eq(attributes//x,1)", "like(attributes/x,1)", "like(attributes/x,null)",
        "ilike(thingId,time:now)", "gt(_modified,time:later)", "gt(_modified,time:now-1q)",
        "gt(_modified,time:now--1h)", "in(attributes/x,1,time:now-)", "eq(header:x,1)", "eq(,1)",
        "eq(topic:action,1)", "eq(topic:wrong,1)", f'like(attributes/x,"{"x" * 257}")',
    ],
)  # fmt: skip
def test_a_filter_for_what_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(RqlInvalid):
        check(parse_filter(text))


@pytest.mark.parametrize(
    "text",
    [
        "eq(/attributes/x,1)", "exists(features/lamp)", "exists(features/lamp/properties/)",
        "eq(features/lamp/definition,'a:b:1')", "eq(features/*/desiredProperties/x/y,1)",
        "exists(_metadata)", "eq(_metadata/attributes/x/unit,'m')", "eq(namespace,'vn.camau')",
        "gt(_modified,time:now-90d[w])", "lt(attributes/at,time:now_epoch_millis+5)",
    ],
)  # fmt: skip
def test_a_filter_for_what_may_exist_is_let_through(text: str) -> None:
    check(parse_filter(text))


def test_placeholders_are_for_changes_alone() -> None:
    query = parse_filter("and(eq(topic:action,'modified'),like(resource:path,'/features/*'))")
    check(query, placeholders=True)
    with pytest.raises(RqlInvalid, match="changes"):
        check(query)


def test_the_paths_of_a_condition_are_what_its_author_must_be_allowed_to_read() -> None:
    query = parse_filter(
        "and(eq(attributes/a/b,1),not(exists(/features/lamp)),gt(_revision,3),"
        "eq(topic:action,'x'),eq(namespace,'n'),in(features/*/properties/on,true))"
    )
    assert paths(query) == {
        "/attributes/a/b", "/features/lamp", "/_revision", "/_namespace",
        "/features/*/properties/on",
    }  # fmt: skip
