"""Everything that must not get in, each with the reason under which it is parked."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.support.events import BoxSim, now, plate_data, wire

from ioc_models.events import MAX_EVENT_BYTES


@dataclass(frozen=True)
class Bad:
    """One message that must be parked; `told` says whether its box can be told by seq."""

    name: str
    reason: str
    make: Callable[[BoxSim], bytes]
    told: bool = True
    retain: bool = False


def changed(**over: Any) -> Callable[[BoxSim], bytes]:
    return lambda sim: wire(sim.event(**over))


def changed_after(**over: Any) -> Callable[[BoxSim], bytes]:
    return lambda sim: wire(sim.event() | over)


def with_seq(seq: Any) -> Callable[[BoxSim], bytes]:
    return changed_after(seq=seq)


def replaced(old: bytes, new: bytes) -> Callable[[BoxSim], bytes]:
    def make(sim: BoxSim) -> bytes:
        good = wire(sim.event())
        assert old in good
        return good.replace(old, new, 1)

    return make


def without(name: str) -> Callable[[BoxSim], bytes]:
    return lambda sim: wire({k: v for k, v in sim.event().items() if k != name})


def with_plate(**over: Any) -> Callable[[BoxSim], bytes]:
    def make(sim: BoxSim) -> bytes:
        data = plate_data()
        data["plate"] |= over
        return wire(sim.event(data=data))

    return make


def at(offset: timedelta) -> Callable[[BoxSim], bytes]:
    return lambda sim: wire(sim.event(seen_at=now() + offset))


def other_id_time(sim: BoxSim) -> bytes:
    body = sim.event()
    return wire(body | {"seen_at": (now() - timedelta(seconds=3)).isoformat()})


def padded(sim: BoxSim) -> bytes:
    body = sim.event(data={"values": {"note": "x" * 400}}, kind="plate")
    return json.dumps(body).encode() + b" " * MAX_EVENT_BYTES


# fmt: off
CASES = [
    Bad("broken json", "not_json", lambda sim: wire(sim.event())[:-2], told=False),
    Bad("empty", "not_json", lambda _: b"", told=False),
    Bad("not utf-8", "not_json", lambda _: b'{"v": "\xff"}', told=False),
    Bad("utf-16", "nul_character", lambda _: '{"v": 1}'.encode("utf-16"), told=False),
    Bad("deep nesting", "not_json", lambda _: b"[" * 30_000 + b"]" * 30_000, told=False),
    Bad("5000 digits", "not_json", lambda _: b'{"v": 1' + b"0" * 5000 + b"}", told=False),
    Bad("NaN", "not_json", replaced(b'"confidence": 0.97', b'"confidence": NaN')),
    Bad("Infinity", "not_json", replaced(b'"offset_ms": 1.5', b'"offset_ms": -Infinity')),
    Bad("lone surrogate", "not_json", replaced(b'"label": "car"', b'"label": "\\ud800"')),
    Bad("an array", "schema", lambda _: b"[1, 2]", told=False),
    Bad("a string", "schema", lambda _: b'"hello"', told=False),
    Bad("duplicate key", "duplicate_key", replaced(b'"v": 1', b'"v": 1, "v": 1')),
    Bad("duplicate inside", "duplicate_key", replaced(b'"votes": 5', b'"votes": 5, "votes": 6')),
    Bad("escaped NUL", "nul_character", replaced(b'"label": "car"', b'"label": "c\\u0000r"')),
    Bad("raw NUL", "nul_character", lambda _: b'{"v": "\0"}', told=False),
    Bad("version of tomorrow", "version", changed(v=2)),
    Bad("version as text", "version", changed(v="1")),
    Bad("version as truth", "version", changed(v=True)),
    Bad("no version", "version", without("v")),
    Bad("unknown key", "schema", changed(colour="red")),
    Bad("missing clock", "schema", without("clock")),
    Bad("naive time", "schema", lambda sim: wire(sim.event() | {"seen_at": "2026-01-01T00:00:00"})),
    Bad("seq zero", "schema", with_seq(0), told=False),
    Bad("seq as text", "schema", with_seq("7"), told=False),
    Bad("seq beyond 2**62", "schema", with_seq(2**62 + 1), told=False),
    Bad("plate in small letters", "schema", with_plate(text="69a12345")),
    Bad("plate of SQL", "schema", with_plate(text="'; drop")),
    Bad("confidence above one", "schema", with_plate(confidence=1.5)),
    Bad("more than a float holds", "schema", replaced(b'"offset_ms": 1.5', b'"offset_ms": 1e999')),
    Bad("longitude 181", "schema", changed(location={"lon": 181, "lat": 9})),
    Bad("latitude -91", "schema", changed(location={"lon": 105, "lat": -91})),
    Bad("Hà Nội", "outside_province", changed(location={"lon": 105.85, "lat": 21.03})),
    Bad("latitude first", "outside_province", changed(location={"lon": 9.18, "lat": 105.15 - 90})),
    Bad("null island", "outside_province", changed(location={"lon": 0, "lat": 0})),
    Bad("ten minutes ahead", "time_future", at(timedelta(minutes=10))),
    Bad("2099", "time_future", at(timedelta(days=27_000))),
    Bad("two years ago", "time_ancient", at(timedelta(days=-730))),
    Bad("1970", "time_ancient", at(timedelta(days=-20_000))),
    Bad("id of another time", "id_time", other_id_time),
    Bad("id of version 4", "id_time", lambda sim: wire(sim.event() | {"id": str(uuid4())})),
    Bad("another box in the body", "topic_mismatch", changed(box="box-02")),
    Bad("another kind in the body", "topic_mismatch", changed_after(kind="traffic")),
    Bad("oversize", "oversize", padded),
    Bad("retained", "retained", changed(), retain=True),
    Bad(
        "a number that PostgreSQL cannot hold",
        "database",
        replaced(b'"characters": [0.9', b'"characters": [1e-30000'),
    ),
]
# fmt: on
