"""The short way and the long way to an event never differ in what they say."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any, Self

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import model_validator
from tests.support.bad_events import CASES, Bad
from tests.support.events import BoxSim, now, plate_data

from ioc_cloud.events import canonical, decode
from ioc_cloud.events.decode import Door, Item, Parked, Sighting, Wire
from ioc_models.events import Observation, canonical_json, content_sha256

AT = "2026-01-01T00:00:00Z"
DATA: dict[str, dict[str, Any]] = {
    "plate": plate_data()
    | {"track": {"id": 7, "first_seen_at": AT, "last_seen_at": AT, "frames": 9}},
    "traffic": {"from_at": AT, "to_at": AT, "counts": {"car": 3}, "frames": 9},
    "health": {"state": "no_signal", "before": "ok", "detail": "mất tín hiệu"},
    "water_level": {"values": {"level_m": 1.25, "alarm": False, "n": 3, "name": "Sông Đốc"}},
}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([1e-5, 1e16, -0.0, 2**64, 5e-324, 0.00001234, True, "1", AT])
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
WRITERS: list[Callable[[dict[str, Any]], bytes]] = [
    canonical_json,
    lambda body: orjson.dumps(body, option=orjson.OPT_SORT_KEYS),
    lambda body: json.dumps(body).encode(),
    lambda body: json.dumps(body, sort_keys=True, separators=(",", ":")).encode(),
]


def same_both_ways(kind: str, message: bytes) -> Item:
    """What `decode` says; fails where it says something else without the short way."""
    wire = Wire(f"ioc/1/box-01/ev/{kind}", message)
    door = Door(now(), timedelta(days=400))
    short = decode.decode(wire, door)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "read", lambda *_: None)
        long = decode.decode(wire, door)
    assert short == long
    return short


def event(kind: str, **over: Any) -> dict[str, Any]:
    return deepcopy(BoxSim().event(kind, data=DATA[kind], **over))


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("replayed", [{}, {"replayed": False}, {"replayed": True}])
def test_a_boxs_own_writing_goes_the_short_way_to_the_same_hash(
    kind: str, replayed: dict[str, bool]
) -> None:
    body = event(kind, **replayed)
    read = canonical.read(canonical_json(body), kind)
    assert read is not None
    assert read.sha256 == content_sha256(body)
    assert isinstance(same_both_ways(kind, canonical_json(body)), Sighting)


def paths(value: Any, *at: Any) -> list[tuple[Any, ...]]:
    if not isinstance(value, dict | list):
        return [at]
    below = value.items() if isinstance(value, dict) else enumerate(value)
    return [at] * bool(at) + [path for key, each in below for path in paths(each, *at, key)]


def put(body: dict[str, Any], path: tuple[Any, ...], value: object) -> None:
    inside: Any = body
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(DATA)), st.data(), st.sampled_from(WRITERS))
def test_a_value_changed_anywhere_is_judged_alike(
    kind: str, draw: st.DataObject, write: Callable[[dict[str, Any]], bytes]
) -> None:
    body = event(kind)
    for _ in range(draw.draw(st.integers(1, 2))):
        path = draw.draw(st.sampled_from(paths(body)))
        put(body, path, draw.draw(JSON))
    try:
        message = write(body)
    except (ValueError, TypeError):
        return
    same_both_ways(kind, message)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(DATA)), st.data())
def test_bytes_changed_anywhere_are_judged_alike(kind: str, draw: st.DataObject) -> None:
    message = bytearray(canonical_json(event(kind, replayed=False)))
    pieces = [b"", b"e", b"0", b",", b'"', b"\\u0041", b"-0", b"1e5", b'"replayed":false,']
    for _ in range(draw.draw(st.integers(1, 2))):
        at = draw.draw(st.integers(0, len(message)))
        upto = at + draw.draw(st.integers(0, 3))
        message[at:upto] = draw.draw(st.sampled_from(pieces) | st.binary(max_size=2))
    same_both_ways(kind, bytes(message))


NUMBERS = [
    *(("plate", key) for key in ("confidence", "votes", "offset_ms", "lon", "lat", "seq", "id")),
    *(("water_level", key) for key in ("level_m", "n", "lon")),
]


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(NUMBERS),
    st.from_regex(
        r"-?(0|1|105|9|[0-9]{0,20})(\.0{0,5}[0-9]{0,18})?(e-?[0-9]{1,3})?", fullmatch=True
    ),
)
def test_a_number_however_spelled_is_judged_alike(place: tuple[str, str], number: str) -> None:
    kind, key = place
    message, found = re.subn(
        rf'"{key}":-?[0-9.]+', f'"{key}":{number}', canonical_json(event(kind)).decode(), count=1
    )
    assert found
    same_both_ways(kind, message.encode())


@pytest.mark.parametrize(
    ("kind", "over"),
    [
        ("plate", {"clock": {"synced": True, "offset_ms": -0.30000000000000004}}),
        ("plate", {"location": None, "evidence": [], "camera": None, "prev": "ab" * 32}),
        (
            "plate",
            {
                "evidence": [
                    {
                        "role": "plate",
                        "sha256": "cd" * 32,
                        "bytes": 33_554_432,
                        "media_type": "image/jpeg",
                    }
                ]
                * 3,
                "config_sha256": "ef" * 32,
            },
        ),
        ("traffic", {"simulated": False, "models": []}),
    ],
)
def test_what_boxes_leave_out_or_write_at_length_goes_the_short_way(
    kind: str, over: dict[str, Any]
) -> None:
    message = canonical_json(event(kind, **over))
    assert canonical.read(message, kind) is not None
    assert isinstance(same_both_ways(kind, message), Sighting)


def test_a_kind_whose_rules_no_pattern_can_say_goes_the_long_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Strict(Observation):
        @model_validator(mode="after")
        def _never(self) -> Self:
            raise ValueError("never")

    monkeypatch.setattr(canonical, "PAYLOADS", {"water_level": Strict})
    assert canonical.read(canonical_json(event("water_level")), "water_level") is None


def test_a_kind_that_nobody_knows_is_held_to_what_stations_say() -> None:
    body = event("water_level")
    assert canonical.read(canonical_json(body), "salinity") is not None
    assert canonical.read(canonical_json(body), "plate") is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_of_any_size_gives_the_same_hash(number: float) -> None:
    body = event("water_level")
    body["data"]["values"]["level_m"] = number
    for write in WRITERS[:2]:
        assert isinstance(same_both_ways("water_level", write(body)), Sighting)


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.name)
def test_what_must_not_get_in_is_refused_alike_in_canonical_writing(bad: Bad) -> None:
    message = bad.make(BoxSim())
    try:
        message = canonical_json(json.loads(message))
    except (ValueError, RecursionError, AttributeError):
        return
    item = same_both_ways("plate", message)
    if bad.reason not in {"database", "duplicate_key", "oversize", "retained"}:
        assert isinstance(item, Parked)


@pytest.mark.parametrize(
    "where", ['"a":1', '"replayed":false', '"data":{"replayed":false}', '"x\\"replayed":false']
)
def test_the_mark_of_a_repeat_is_cut_from_its_own_place_alone(where: str) -> None:
    body = event("water_level", replayed=False) | json.loads("{" + where + "}")
    same_both_ways("water_level", canonical_json(body))
    nested = event("water_level", replayed=False)
    nested["data"]["values"] |= {"replayed": False}
    item = same_both_ways("water_level", canonical_json(nested))
    assert isinstance(item, Sighting)
    assert item.sha256 == content_sha256(nested)
