"""Filters in the database: the same answers as in memory, indexes used, rights kept."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from tests.support.postgres import Server

from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.pointer import Path
from ioc_cloud.twin.rql import Query, RqlInvalid, SortKey, compile_sql, evaluate, parse_filter
from ioc_cloud.twin.rql.ast import And, Compare, Empty, Exists, In, Not, Or
from ioc_cloud.twin.rql.sql import (
    FeatureRule,
    Guard,
    after,
    order_by,
    sort_values,
)

NOW = datetime(2026, 8, 19, 7, 30, 15, 250_000, tzinfo=timezone.utc)
TABLE = """
create temporary table thing (
    id text primary key, ns text, policy_id text, doc jsonb not null, metadata jsonb,
    revision bigint not null, created timestamptz not null, modified timestamptz not null,
    lat_least float8 generated always as (twin_least(doc, '$.attributes.geo.lat[*][*]')) stored,
    lat_most float8 generated always as (twin_most(doc, '$.attributes.geo.lat[*][*]')) stored,
    long_least float8 generated always as (twin_least(doc, '$.attributes.geo.long[*][*]')) stored,
    long_most float8 generated always as (twin_most(doc, '$.attributes.geo.long[*][*]')) stored,
    geo_box geometry generated always as (st_makeenvelope(
        twin_least(doc, '$.attributes.geo.long[*][*]'),
        twin_least(doc, '$.attributes.geo.lat[*][*]'),
        twin_most(doc, '$.attributes.geo.long[*][*]'),
        twin_most(doc, '$.attributes.geo.lat[*][*]'),
        4326)) stored
)
"""


@pytest.fixture
def things(postgres: Server, database: str) -> Iterator[Connection]:
    with psycopg.connect(postgres.url(database), autocommit=True) as connection:
        connection.execute(TABLE)
        yield connection


def _doc(name: str = "vn.camau:x", **parts: Any) -> dict[str, Any]:
    return {"thingId": name, "policyId": "vn.camau:p", "attributes": {}, "features": {}} | parts


def _put(connection: Connection, doc: dict[str, Any], **row: Any) -> dict[str, Any]:
    """Store a thing; the document that `evaluate` sees."""
    name = doc["thingId"]
    at = row.get("modified", NOW)
    columns = {
        "id": name, "ns": name.partition(":")[0], "policy_id": doc["policyId"],
        "doc": Jsonb(doc), "metadata": Jsonb(row["metadata"]) if row.get("metadata") else None,
        "revision": row.get("revision", 1), "created": row.get("created", NOW), "modified": at,
    }  # fmt: skip
    connection.execute(
        "insert into thing values (%(id)s, %(ns)s, %(policy_id)s, %(doc)s, %(metadata)s,"
        " %(revision)s, %(created)s, %(modified)s)",
        columns,
    )
    seen = doc | {
        "_revision": columns["revision"], "_namespace": columns["ns"],
        "_created": _iso(columns["created"]), "_modified": _iso(at),
    }  # fmt: skip
    return seen | ({"_metadata": row["metadata"]} if row.get("metadata") else {})


def _iso(at: datetime) -> str:
    return at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def _found(connection: Connection, query: Query | str, guard: Any = None) -> list[str]:
    asked = parse_filter(query) if isinstance(query, str) else query
    sql, params = compile_sql(asked, guard, clock=lambda: NOW)
    rows = connection.execute(
        f"select t.id, {sql} from thing as t order by t.id",  # noqa: S608 our own condition
        params,
    ).fetchall()
    return [name for name, held in rows if held]


# Few names and values, so that filters and things meet.
SCALARS = st.sampled_from(
    [None, True, False, 0, 1, 2, -1, 1.0, 1.5, -0.0, 2**53 + 1, 1e22, "", "a", "A", "ab", "Đ", "đ",
     "1", "true", "a\nb", "🚤", "\uffee", "%", "_", "\\", '"', "'", "*", "a.b", "ǅ", "ß"]
)  # fmt: skip
KEYS = st.sampled_from(["a", "b", "0", 'q"u', "ô n", "geo", "lat"])
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, TREES, max_size=4)
PLACES = st.fixed_dictionaries({}, optional={"lat": TREES, "long": TREES})
ATTRIBUTES = OBJECTS | st.builds(
    lambda rest, place: rest | {"geo": place}, OBJECTS, PLACES | st.lists(PLACES, max_size=2)
)
FEATURES = st.dictionaries(
    st.sampled_from(["lamp", "pump"]),
    st.none()
    | st.fixed_dictionaries(
        {}, optional={"properties": OBJECTS, "definition": st.just(["a:b:1", "a:c:2"])}
    ),
    max_size=2,
)
TIMES = st.sampled_from([NOW, NOW - timedelta(hours=1), NOW.replace(microsecond=0)])
THINGS = st.fixed_dictionaries(
    {
        "thingId": st.sampled_from(["vn.camau:x", "vn.camau:Đ", ":n", "vn.a_b:y%"]),
        "policyId": st.sampled_from(["vn.camau:p", "vn.camau:q"]),
        "attributes": ATTRIBUTES,
        "features": FEATURES,
    },
    optional={"definition": st.sampled_from(["a:b:1", "https://x/y_z"])},
)
ROWS = st.fixed_dictionaries(
    {"modified": TIMES, "created": TIMES, "revision": st.sampled_from([1, 2, 42])},
    optional={"metadata": st.just({"attributes": {"a": {"unit": "m"}}})},
)

SEGMENTS = st.sampled_from(["a", "b", "0", 'q\\"u', "ô n"])
PATHS = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join)
COMPARED = (
    PATHS.map("attributes/{}".format)
    | st.sampled_from(["attributes/geo/lat", "attributes/geo/long", "attributes/geo"])
    | st.tuples(st.sampled_from(["lamp", "*"]), PATHS).map(
        lambda both: f"features/{both[0]}/properties/{both[1]}"
    )
    | st.sampled_from(
        ["thingId", "policyId", "namespace", "definition", "_revision", "_created", "_modified",
         "features/*/definition", "features/lamp/definition", "_metadata/attributes/a/unit"]
    )
)  # fmt: skip
SHOWN = COMPARED | st.sampled_from(
    ["features/lamp", "features/*", "features/*/properties", "features/lamp/properties",
     "features/lamp/desiredProperties", "_metadata", "_metadata/attributes"]
)  # fmt: skip
LITERALS = st.sampled_from(
    ["null", "true", "false", "0", "1", "2", "-1", "1.0", "1.5", "42", "9007199254740993",
     "9007199254740992.0", "10000000000000000000000.0", "9" * 400 + ".0", '""', '"a"', '"A"',
     '"ab"', '"Đ"', '"1"', '"true"', '"a\\nb"', '"🚤"', '"\uffee"', '"vn.camau:x"', '"vn.camau"',
     '"a:b:1"', '"m"', f'"{_iso(NOW)}"', '"2026-08-19T14:30:15+07:00"', '"2026"', "time:now",
     "time:now-1h", "time:now_epoch_millis"]
)  # fmt: skip
PATTERNS = st.text("aAbĐđ*?.%_\\\"'\n ǅß1:vnc2", max_size=6).map(
    lambda text: json.dumps(text, ensure_ascii=False)
)
LEAVES = (
    st.tuples(st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]), COMPARED, LITERALS).map(
        lambda leaf: f"{leaf[0]}({leaf[1]},{leaf[2]})"
    )
    | st.tuples(st.sampled_from(["like", "ilike"]), COMPARED, PATTERNS).map(
        lambda leaf: f"{leaf[0]}({leaf[1]},{leaf[2]})"
    )
    | st.tuples(COMPARED, st.lists(LITERALS, min_size=1, max_size=3)).map(
        lambda leaf: f"in({leaf[0]},{','.join(leaf[1])})"
    )
    | st.tuples(st.sampled_from(["exists", "empty"]), SHOWN).map(
        lambda leaf: f"{leaf[0]}({leaf[1]})"
    )
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: (
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3)).map(
            lambda parts: f"{parts[0]}({','.join(parts[1])})"
        )
        | inner.map("not({})".format)
    ),
    max_leaves=4,
)


@given(
    stored=st.lists(st.tuples(THINGS, ROWS), min_size=1, max_size=4),
    filters=st.lists(FILTERS, min_size=1, max_size=12),
)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_database_finds_what_memory_finds(
    things: Connection, stored: list[tuple[dict[str, Any], dict[str, Any]]], filters: list[str]
) -> None:
    things.execute("truncate thing")
    unique = {doc["thingId"]: (doc, row) for doc, row in stored}
    seen = {name: _put(things, doc, **row) for name, (doc, row) in unique.items()}
    for text in filters:
        query = parse_filter(text)
        expected = {name for name, doc in seen.items() if evaluate(query, doc, clock=lambda: NOW)}
        assert set(_found(things, query)) == expected, text


def test_a_thing_with_parts_of_another_shape_fails_no_search(things: Connection) -> None:
    _put(things, {"thingId": "a:1", "policyId": "a:p", "features": [1]})
    _put(things, {"thingId": "a:2", "policyId": "a:p", "attributes": "x", "features": None})
    _put(things, {"thingId": "a:3", "policyId": "a:p"})
    for text in (
        "eq(features/*/properties/on,1)",
        "gt(attributes/geo/lat,1)",
        "exists(features/*)",
        "empty(attributes/x/y)",
        "like(definition,'*')",
        "ne(attributes/x,1)",
    ):
        _found(things, text)


def test_a_text_is_never_read_as_sql_or_jsonpath(things: Connection) -> None:
    hostile = ["'; drop table thing; --", '") || (1==1', "$.*", "%s", "%(q_0)s", "\\", "{}", "[*]",
               '" ? (@ == 1)', "a\u2028b", "*' or '1'='1"]  # fmt: skip
    for n, text in enumerate(hostile):
        _put(things, _doc(f"a:{n}", attributes={"x": text, text.replace("/", ""): n}))
    for n, text in enumerate(hostile):
        assert _found(things, Compare("eq", "attributes/x", text)) == [f"a:{n}"]
        key = text.replace("/", "")
        assert _found(things, Compare("eq", f"attributes/{key}", n)) == [f"a:{n}"]
        sort = [SortKey(f"attributes/{key}", descending=True)]
        first = things.execute(
            f"select t.id from thing as t where true or %s order by {order_by(sort)}",  # noqa: S608
            (True,),
        ).fetchone()
        assert first == (f"a:{n}",)
    assert len(_found(things, "exists(thingId)")) == len(hostile)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_what_no_thing_can_hold_is_refused_before_the_database_does(text: str) -> None:
    for query in (
        Compare("eq", "attributes/x", text),
        Compare("like", "thingId", text),
        In("policyId", ("a", text)),
        Exists(f"attributes/{text}"),
    ):
        with pytest.raises(RqlInvalid, match=r"U\+"):
            compile_sql(query)
    with pytest.raises(RqlInvalid):
        after([], [text])


def test_a_placeholder_is_no_part_of_a_search() -> None:
    with pytest.raises(RqlInvalid, match="changes"):
        compile_sql(parse_filter("eq(topic:action,'created')"))


def test_a_thousand_values_and_a_hundred_levels_are_no_trouble(things: Connection) -> None:
    _put(things, _doc("a:1", attributes={"x": 999}))
    many = In("attributes/x", tuple(range(8_000)))
    assert _found(things, many) == ["a:1"]
    query: Query = many
    for _ in range(99):
        query = Not(query)
    assert _found(things, query) == []
    flat = Or(tuple(Compare("eq", "attributes/x", n) for n in range(3_000)))
    assert _found(things, flat) == ["a:1"]


class Rights:
    """Read rights as a table of paths."""

    def __init__(self, **guards: Guard) -> None:
        self.guards = guards
        self.asked: list[Path] = []

    def guard(self, path: Path) -> Guard:
        self.asked.append(path)
        return self.guards.get(path[0], Guard())


def test_a_leaf_holds_only_where_its_path_may_be_read(things: Connection) -> None:
    _put(things, _doc("a:1", attributes={"x": 1}, policyId="a:open"))
    _put(things, _doc("a:2", attributes={"x": 1}, policyId="a:closed"))
    rights = Rights(attributes=Guard("t.policy_id = any(%(pol)s)", {"pol": ["a:open"]}))
    assert _found(things, "eq(attributes/x,1)", rights) == ["a:1"]
    assert _found(things, "exists(attributes/x)", rights) == ["a:1"]
    assert _found(things, "ne(attributes/x,2)", rights) == ["a:1"]
    assert _found(things, "not(eq(attributes/x,1))", rights) == ["a:2"]
    assert _found(things, "or(eq(attributes/x,1),eq(thingId,'a:2'))", rights) == ["a:1", "a:2"]
    assert rights.asked[-2:] == [("attributes", "x"), ("thingId",)]


def test_a_wildcard_looks_at_readable_features_alone(things: Connection) -> None:
    features = {"lamp": {"properties": {"on": 1}}, "cam": {"properties": {"on": 2}}}
    _put(things, _doc("a:1", features=features, policyId="a:all"))
    _put(things, _doc("a:2", features=features, policyId="a:lamp"))
    _put(things, _doc("a:3", features=features, policyId="a:nothing"))
    rights = Rights(
        features=Guard(
            features=(
                FeatureRule("t.policy_id = %(one)s", frozenset(), params={"one": "a:all"}),
                FeatureRule(
                    "t.policy_id = %(two)s", frozenset({"lamp"}), all_but=False,
                    params={"two": "a:lamp"},
                ),
            )
        )
    )  # fmt: skip
    assert _found(things, "eq(features/*/properties/on,1)", rights) == ["a:1", "a:2"]
    assert _found(things, "eq(features/*/properties/on,2)", rights) == ["a:1"]
    assert _found(things, "exists(features/*)", rights) == ["a:1", "a:2"]
    assert _found(things, "empty(features/*)", rights) == ["a:3"]
    but_lamp = Rights(features=Guard(features=(FeatureRule("true", frozenset({"lamp"})),)))
    assert _found(things, "eq(features/*/properties/on,1)", but_lamp) == []
    assert _found(things, "eq(features/*/properties/on,2)", but_lamp) == ["a:1", "a:2", "a:3"]
    nothing = Rights(features=Guard(features=()))
    assert _found(things, "exists(features/*/properties/on)", nothing) == []


def _plan(connection: Connection, text: str) -> str:
    sql, params = compile_sql(parse_filter(text), clock=lambda: NOW)
    # The planner must not be talked out of an index by a small table.
    connection.execute("set enable_seqscan = off")
    rows = connection.execute(
        f"explain select t.id from thing as t where {sql}",  # noqa: S608 our own condition
        params,
    ).fetchall()
    return "\n".join(str(row[0]) for row in rows)


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("eq(attributes/kind,'camera')", "by_doc"),
        ("in(attributes/kind,'camera','station',3)", "by_doc"),
        ("eq(features/lamp/properties/on,true)", "by_doc"),
        ("eq(definition,'a:b:1')", "by_doc"),
        ("eq(attributes/geo/lat,9.5)", "by_doc"),
        ("ge(attributes/geo/lat,8.5)", "by_lat"),
        ("and(ge(attributes/geo/lat,8.5),le(attributes/geo/lat,9.7))", "by_lat"),
        ("and(ge(attributes/geo/lat,8.5),le(attributes/geo/long,106))", "by_box"),
        ("gt(_modified,time:now-1h)", "by_modified"),
        ("in(thingId,'a:1','a:2')", "thing_pkey"),
        ("like(thingId,'vn.camau:*')", "thing_pkey"),
        ("gt(thingId,'vn.camau:x')", "thing_pkey"),
        ("eq(policyId,'a:p')", "by_policy"),
        ("eq(namespace,'vn.camau')", "by_ns"),
        ("gt(_revision,5)", "by_revision"),
    ],
)
def test_an_index_serves_the_filter(things: Connection, text: str, index: str) -> None:
    things.execute("drop table thing; " + TABLE.replace(" text", ' text collate "C"'))
    things.execute("""
        create index by_doc on thing using gin (doc jsonb_path_ops);
        create index by_lat on thing (lat_most);
        create index by_box on thing using gist (geo_box);
        create index by_modified on thing (modified, id);
        create index by_policy on thing (policy_id);
        create index by_ns on thing (ns, id);
        create index by_revision on thing (revision);
    """)
    plan = _plan(things, text)
    assert index in plan
    assert "Seq Scan" not in plan


SORTS = st.lists(
    st.builds(
        SortKey,
        st.sampled_from(
            ["attributes/a", "attributes/b", "features/lamp/properties/a", "_revision",
             "_modified", "policyId", "namespace", "definition", "thingId"]
        ),
        st.booleans(),
    ),
    max_size=3,
)  # fmt: skip


def _page(connection: Connection, sort: list[SortKey], last: Any, size: int) -> list[Any]:
    condition, params = after(sort, last) if last is not None else ("true", {})
    return connection.execute(
        f"select t.id, {sort_values(sort)} from thing as t where {condition}"  # noqa: S608
        f" order by {order_by(sort)} limit {size}",
        params,
    ).fetchall()


@given(sort=SORTS, trees=st.lists(OBJECTS, min_size=1, max_size=7), size=st.integers(1, 3))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_pages_put_together_are_the_whole(
    things: Connection, sort: list[SortKey], trees: list[dict[str, Any]], size: int
) -> None:
    things.execute("truncate thing")
    for n, tree in enumerate(trees):
        doc = _doc(f"a:{n}", attributes=tree, features={"lamp": {"properties": tree}})
        _put(things, doc, revision=n % 2 + 1, modified=NOW + timedelta(microseconds=n % 3))
    whole = [name for name, _ in _page(things, sort, None, 100)]
    assert sorted(whole) == sorted(f"a:{n}" for n in range(len(trees)))
    paged: list[str] = []
    last = None
    while page := _page(things, sort, last, size):
        paged += [name for name, _ in page]
        # As a cursor carries it: through JSON and back.
        last = json.loads(json.dumps(page[-1][1]))
    assert paged == whole


def test_things_that_come_and_go_between_pages_hide_no_other(things: Connection) -> None:
    sort = [SortKey("attributes/level", descending=True)]
    for n in range(6):
        _put(things, _doc(f"a:{n}", attributes={"level": n}))
    first = _page(things, sort, None, 2)
    assert [name for name, _ in first] == ["a:5", "a:4"]
    _put(things, _doc("a:new-front", attributes={"level": 9}))
    _put(things, _doc("a:new-behind", attributes={"level": 2.5}))
    things.execute("delete from thing where id = 'a:4'")
    second = _page(things, sort, first[-1][1], 3)
    assert [name for name, _ in second] == ["a:3", "a:new-behind", "a:2"]


def test_values_are_sorted_by_type_and_the_absent_as_null(things: Connection) -> None:
    values: list[Any] = [None, "b", "a", 2, 1.5, True, False, {"x": 1}]
    for n, value in enumerate(values):
        _put(things, _doc(f"a:{n}", attributes={"v": value}))
    _put(things, _doc("a:absent"))
    up = [name for name, _ in _page(things, [SortKey("attributes/v")], None, 100)]
    assert up == ["a:0", "a:absent", "a:2", "a:1", "a:4", "a:3", "a:6", "a:5", "a:7"]
    down = [
        name for name, _ in _page(things, [SortKey("attributes/v", descending=True)], None, 100)
    ]
    assert down == ["a:7", "a:5", "a:6", "a:3", "a:4", "a:1", "a:2", "a:0", "a:absent"]


@pytest.mark.parametrize(
    "last", [None, [], ["a"], [1, 2], ["x", "y", "z"], "xy", {"a": 1}, [2**70, "a:1"], [True, "a"]]
)
def test_a_cursor_of_another_order_is_refused(last: Any) -> None:
    with pytest.raises(RqlInvalid, match="another order"):
        after([SortKey("_revision")], last)


def test_an_order_ends_where_the_id_stands() -> None:
    keys = [SortKey("thingId", descending=True), SortKey("_revision")]
    assert order_by(keys) == 't.id collate "C" desc'
    assert order_by([]) == 't.id collate "C" asc'


def test_all_kinds_of_query_have_a_condition(things: Connection) -> None:
    _put(things, _doc("a:1", attributes={"x": 1}))
    query = And(
        (Exists("attributes/x"), Not(Empty("attributes/x")), Or((In("thingId", ("a:1",)),)))
    )
    assert _found(things, query) == ["a:1"]
