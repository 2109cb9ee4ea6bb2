"""What filters mean, on one thing."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc_cloud.twin.rql import RqlInvalid, evaluate, parse_filter
from ioc_cloud.twin.rql.like import matches

NOW = datetime(2026, 8, 19, 7, 30, 15, 250_000, tzinfo=timezone.utc)
THING: dict[str, Any] = {
    "thingId": "vn.camau.tram:song-doc",
    "policyId": "vn.camau:tram",
    "definition": "https://ioc.example/station-1.0.0.tm.jsonld",
    "attributes": {
        "ten": "Trạm Sông Đốc",
        "level": 1.5,
        "whole": 3,
        "big": 9007199254740993,
        "on": True,
        "none": None,
        "blank": "",
        "nothing": [],
        "object": {},
        "tags": ["misc", "high-priority", 2, 3, False, {"room": "kitchen", "floor": 2}],
        "deep": [[1, 2], [[3]]],
        "rooms": [{"name": "a", "beds": [1, 2]}, {"name": "b"}, "attic", [{"name": "c"}]],
        "lines": "one\ntwo",
        "nulls": [None, 1],
        "0": "zero",
        "geo": {"lat": 9.04, "long": 104.83},
    },
    "features": {
        "lamp": {"properties": {"on": True, "level": 5}, "definition": ["a:b:1", "a:c:2"]},
        "pump": {"properties": {"on": False}, "desiredProperties": {"on": True}},
        "bare": {},
    },
    "_revision": 42,
    "_created": "2026-01-02T00:00:00Z",
    "_modified": "2026-08-19T07:30:00.500000Z",
    "_namespace": "vn.camau.tram",
    "_metadata": {"attributes": {"level": {"unit": "m"}}},
}


def _holds(text: str, thing: dict[str, Any] | None = None, **context: str) -> bool:
    named = {key.replace("_", ":"): value for key, value in context.items()}
    return evaluate(parse_filter(text), THING if thing is None else thing, named, clock=lambda: NOW)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        # equality
        ('eq(attributes/ten,"Trạm Sông Đốc")', True),
        ("eq(/attributes/level,1.5)", True),
        ("eq(attributes/whole,3.0)", True),
        ("eq(attributes/whole,3)", True),
        ('eq(attributes/whole,"3")', False),
        ("eq(attributes/on,true)", True),
        ("eq(attributes/on,1)", False),
        ("eq(attributes/whole,true)", False),
        ("eq(attributes/big,9007199254740993)", True),
        ("eq(attributes/big,9007199254740992)", False),
        ("eq(attributes/big,9007199254740993.0)", False),
        ("eq(attributes/missing,1)", False),
        ("eq(attributes/level/deeper,1)", False),
        ("eq(attributes/object,null)", False),
        ("eq(attributes/0,'zero')", True),
        ("eq(attributes/tags/0,'misc')", False),
        # null
        ("eq(attributes/none,null)", True),
        ("ne(attributes/none,null)", False),
        ("ne(attributes/none,1)", True),
        ("eq(attributes/level,null)", False),
        ("ne(attributes/level,null)", True),
        ("eq(attributes/missing,null)", False),
        ("ne(attributes/missing,null)", False),
        ("ge(attributes/none,null)", False),
        ("le(attributes/none,null)", False),
        ("in(attributes/none,1,null)", True),
        ("eq(attributes/nulls,null)", True),
        # inequality
        ("ne(attributes/level,1)", True),
        ("ne(attributes/level,1.5)", False),
        ("ne(attributes/missing,1)", False),
        ("not(eq(attributes/missing,1))", True),
        ('ne(attributes/level,"1.5")', True),
        ("ne(attributes/nothing,1)", True),
        # order
        ("gt(attributes/level,1)", True),
        ("gt(attributes/level,1.5)", False),
        ("ge(attributes/level,1.5)", True),
        ("lt(attributes/level,2)", True),
        ("le(attributes/level,1.4)", False),
        ('gt(attributes/level,"1")', False),
        ('lt(attributes/level,"9")', False),
        ("gt(attributes/on,false)", True),
        ("gt(attributes/on,0)", False),
        ("gt(attributes/object,0)", False),
        ('gt(attributes/ten,"Trạm A")', True),
        ('gt(attributes/ten,"Trạm Đ")', False),  # U+0053 is below U+0110
        ("lt(attributes/level,%s.0)" % ("1" * 400), True),
        ("gt(attributes/level,-%s.0)" % ("1" * 400), True),
        # lists
        ('eq(attributes/tags,"high-priority")', True),
        ('ne(attributes/tags,"high-priority")', False),
        ("ne(attributes/tags,1)", True),
        ("gt(attributes/tags,6)", False),
        ("gt(attributes/tags,2)", True),
        ('in(attributes/tags,"x","misc")', True),
        ('like(attributes/tags,"*-priority")', True),
        ("exists(attributes/tags/room)", True),
        ('eq(attributes/tags/room,"kitchen")', True),
        ("ge(attributes/tags/floor,2)", True),
        ("eq(attributes/rooms/beds,2)", True),
        ('eq(attributes/rooms/name,"b")', True),
        ('ne(attributes/rooms/name,"b")', False),
        ('eq(attributes/rooms/name,"c")', False),  # a list in a list has no names
        ("eq(attributes/deep,2)", True),
        ("eq(attributes/deep,3)", False),
        ("exists(attributes/nothing)", True),
        # in
        ("in(attributes/whole,1,2,3)", True),
        ("in(attributes/whole,1,2)", False),
        ('in(attributes/whole,"3",true)', False),
        # patterns
        ('like(attributes/ten,"Trạm*")', True),
        ('like(attributes/ten,"trạm*")', False),
        ('ilike(attributes/ten,"TRẠM SÔNG ĐỐC")', True),
        ('like(attributes/ten,"Tr?m*Đ?c")', True),
        ('like(attributes/ten,"Sông")', False),
        ('like(attributes/ten,"*Sông*")', True),
        ('like(attributes/blank,"")', True),
        ('like(attributes/blank,"?")', False),
        ('like(attributes/ten,"Tr.m*")', False),
        ('like(attributes/level,"1*")', False),
        ('like(attributes/lines,"one*")', False),
        ('like(attributes/lines,"one\\n*")', True),
        # presence
        ("exists(attributes/none)", True),
        ("exists(attributes/missing)", False),
        ("exists(features/lamp)", True),
        ("exists(features/bare)", True),
        ("exists(features/other)", False),
        ("exists(features/lamp/properties)", True),
        ("exists(features/bare/properties)", False),
        ("exists(features/pump/desiredProperties/on)", True),
        ("empty(attributes/missing)", True),
        ("empty(attributes/none)", True),
        ("empty(attributes/blank)", True),
        ("empty(attributes/nothing)", True),
        ("empty(attributes/object)", True),
        ("empty(attributes/level)", False),
        ("empty(attributes/tags)", False),
        ("empty(attributes/tags/room)", False),
        ("empty(attributes/tags/size)", True),
        ("empty(attributes/level/deeper)", True),
        ("empty(features/bare)", True),
        ("empty(features/lamp)", False),
        ("empty(thingId)", False),
        # features
        ("eq(features/lamp/properties/on,true)", True),
        ('eq(features/lamp/definition,"a:c:2")', True),
        ("eq(features/*/properties/on,true)", True),
        ("eq(features/*/properties/on,false)", True),
        ("ne(features/*/properties/on,true)", True),
        ("gt(features/*/properties/level,5)", False),
        ("exists(features/*/desiredProperties/on)", True),
        ("exists(features/*/properties/missing)", False),
        ("empty(features/*/properties/level)", True),
        ("exists(features/*)", True),
        ("empty(features/*)", False),
        ("exists(features/*/definition)", True),
        # special fields
        ('eq(thingId,"vn.camau.tram:song-doc")', True),
        ('like(policyId,"vn.camau:*")', True),
        ('eq(namespace,"vn.camau.tram")', True),
        ('eq(_namespace,"vn.camau")', False),
        ('like(definition,"*station-1.?.0*")', True),
        ("eq(_revision,42)", True),
        ("eq(_revision,42.0)", True),
        ("gt(_revision,41.5)", True),
        ('eq(_revision,"42")', False),
        ('ne(_revision,"42")', True),
        ('eq(_metadata/attributes/level/unit,"m")', True),
        ("exists(_metadata)", True),
        # times
        ('gt(_modified,"2026-08-19T07:30:00Z")', True),
        ('eq(_modified,"2026-08-19T14:30:00.5+07:00")', True),
        ('gt(_modified,"2026-08")', True),
        ('lt(_modified,"2027")', True),
        ('gt(_modified,"soon")', False),
        ('ne(_modified,"soon")', True),
        ("ne(_modified,null)", True),
        ("gt(_modified,1)", False),
        ('like(_modified,"2026-08-19*")', True),
        ("lt(_modified,time:now)", True),
        ("gt(_modified,time:now-1m)", True),
        ("gt(_modified,time:now-14)", False),
        ("gt(_modified,time:now[m])", True),
        ("gt(_modified,time:now-1h[d])", True),
        ("gt(_created,time:now-1y)", True),
        ("gt(_modified,time:now_epoch_millis)", False),
        ("in(_created,'2026-01-02T07:00:00+07:00')", True),
        # logic
        ("and(eq(attributes/on,true),gt(attributes/level,1))", True),
        ("and(eq(attributes/on,true),gt(attributes/level,2))", False),
        ("or(eq(attributes/on,false),gt(attributes/level,1))", True),
        ("not(or(eq(attributes/on,false),gt(attributes/level,2)))", True),
    ],
)
def test_a_filter_holds_for_the_thing_or_not(text: str, *, holds: bool) -> None:
    assert _holds(text) is holds


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("now", NOW),
        ("now-1h", NOW - timedelta(hours=1)),
        ("now+90", NOW + timedelta(seconds=90)),
        ("now+250ms", NOW + timedelta(milliseconds=250)),
        ("now-1w", NOW - timedelta(days=7)),
        ("now-12mo", NOW - timedelta(seconds=31_556_952)),
        ("now[s]", NOW.replace(microsecond=0)),
        ("now[]", NOW.replace(microsecond=0)),
        ("now[ms]", NOW),
        ("now[m]", datetime(2026, 8, 19, 7, 30, tzinfo=timezone.utc)),
        ("now[h]", datetime(2026, 8, 19, 7, tzinfo=timezone.utc)),
        ("now[d]", datetime(2026, 8, 19, tzinfo=timezone.utc)),
        ("now[w]", datetime(2026, 8, 17, tzinfo=timezone.utc)),
        ("now[mo]", datetime(2026, 8, 1, tzinfo=timezone.utc)),
        ("now-1d[y]", datetime(2026, 1, 1, tzinfo=timezone.utc)),
    ],
)
def test_a_time_is_counted_from_the_clock(name: str, meant: datetime) -> None:
    thing = {"_modified": meant.isoformat(), "attributes": {"at": int(meant.timestamp() * 1000)}}
    assert _holds(f"eq(_modified,time:{name})", thing)
    millis = name.replace("now", "now_epoch_millis")
    assert _holds(f"eq(attributes/at,time:{millis})", thing)


@pytest.mark.parametrize("name", ["now-999999999999y", "now+20000y", "now-3000y"])
def test_a_time_beyond_the_calendar_is_refused(name: str) -> None:
    with pytest.raises(RqlInvalid, match="calendar"):
        _holds(f"gt(_modified,time:{name})")


def test_a_filter_of_changes_asks_for_the_event() -> None:
    text = "and(eq(topic:action,'modified'),like(resource:path,'/attributes*'))"
    assert _holds(text, topic_action="modified", resource_path="/attributes/level")
    assert not _holds(text, topic_action="created", resource_path="/attributes/level")
    assert not _holds("exists(topic:subject)", topic_action="created")
    assert not _holds("ne(topic:action,'created')")


@pytest.mark.parametrize("text", ["eq(wrong,1)", "like(thingId,1)", "gt(_created,time:now[y]+1d)"])
def test_a_filter_for_what_does_not_exist_is_no_false(text: str) -> None:
    with pytest.raises(RqlInvalid):
        _holds(text)


def test_a_thing_without_features_has_no_feature() -> None:
    thing = {"thingId": "a:b"}
    assert _holds("empty(features/*)", thing)
    assert not _holds("exists(features/*)", thing)
    assert not _holds("empty(features/*/properties/on)", thing)
    assert not _holds("ne(features/*/properties/on,1)", thing)


def test_many_stars_take_no_time() -> None:
    assert not matches("*a" * 120 + "b", "a" * 5_000, fold=True)


@given(st.text("ab*?\n.", max_size=8), st.text("abA\n.", max_size=8))
@settings(max_examples=200, deadline=None)
def test_a_pattern_without_wildcards_is_the_text_itself(pattern: str, text: str) -> None:
    if not set(pattern) & {"*", "?"}:
        assert matches(pattern, text, fold=False) is (pattern == text)
    assert matches("*" + pattern, text, fold=False) >= matches(pattern, text, fold=False)
