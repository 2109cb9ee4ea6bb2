"""Laws of the envelope that box and cloud share."""

import json
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ioc_models.events import (
    Ack,
    Event,
    Observation,
    PlateSeen,
    canonical_json,
    content_sha256,
    id_milliseconds,
    milliseconds,
    new_id,
    ranges,
    signed_bytes,
)

NOON = datetime(2026, 11, 24, 5, tzinfo=timezone.utc)
MOMENTS = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001 hypothesis wants naive bounds
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(timezone.utc),
)


def body(**changes: Any) -> dict[str, Any]:
    """A plate event as it comes off the wire."""
    return {
        "v": 1,
        "id": str(new_id(NOON)),
        "box": "demo-1",
        "epoch": str(uuid4()),
        "seq": 1,
        "boot": str(uuid4()),
        "kind": "plate",
        "camera": "camau-01",
        "seen_at": NOON.isoformat(),
        "clock": {"synced": True, "offset_ms": 0.4},
        "location": {"lon": 105.15, "lat": 9.18},
        "data": {
            "plate": {"text": "69A12345", "raw": "69A-123.45", "confidence": 0.97, "legal": True}
        },
        **changes,
    }


@given(MOMENTS)
def test_an_id_carries_the_millisecond_of_its_event(seen_at: datetime) -> None:
    made = new_id(seen_at)
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert id_milliseconds(made) == milliseconds(seen_at)


def test_ids_of_one_millisecond_differ() -> None:
    assert len({new_id(NOON) for _ in range(1000)}) == 1000


def test_a_uuid_of_another_version_has_no_time() -> None:
    assert id_milliseconds(uuid4()) is None


def test_ids_sort_by_time() -> None:
    later = new_id(NOON + timedelta(milliseconds=1))
    assert new_id(NOON) < later


@given(st.lists(st.integers(min_value=1, max_value=60)))
def test_ranges_hold_each_number_once_and_nothing_else(numbers: list[int]) -> None:
    found = ranges(numbers)
    assert [n for a, b in found for n in range(a, b + 1)] == sorted(set(numbers))
    assert all(a[1] + 1 < b[0] for a, b in pairwise(found))


def test_an_event_survives_the_wire() -> None:
    event = Event.model_validate_json(json.dumps(body()))
    again = Event.model_validate_json(event.model_dump_json())
    assert again == event
    assert isinstance(event.payload(), PlateSeen)


def test_a_kind_nobody_named_is_an_observation() -> None:
    event = Event.model_validate(body(kind="water_level", data={"values": {"level_m": 1.2}}))
    assert isinstance(event.payload(), Observation)


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"seq": 0},
        {"seq": 1.0},
        {"seq": True},
        {"seen_at": "2026-11-24T05:00:00"},
        {"location": {"lon": 200, "lat": 9}},
        {"box": "Demo_1"},
        {"box": "a/b"},
        {"kind": "Plate"},
        {"unknown": 1},
        {"clock": {"synced": True, "offset_ms": float("nan")}},
        {
            "evidence": [
                {"role": "plate", "sha256": "0" * 63, "bytes": 1, "media_type": "image/jpeg"}
            ]
        },
    ],
)
def test_what_does_not_fit_the_envelope_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Event.model_validate(body(**changes))


def test_a_payload_that_does_not_fit_its_kind_is_refused() -> None:
    with pytest.raises(ValidationError):
        Event.model_validate(body(data={"plate": {"text": "69a"}})).payload()


def test_a_resent_event_has_the_same_content_and_signature_input() -> None:
    first = body()
    again = {**first, "replayed": True}
    assert content_sha256(first) == content_sha256(again)
    assert signed_bytes(first) == signed_bytes(again)


def test_any_other_change_is_other_content() -> None:
    first = body()
    for key in ("seq", "data", "seen_at", "camera"):
        assert content_sha256({**first, key: None}) != content_sha256(first)


def test_canonical_json_does_not_know_the_order_of_keys() -> None:
    assert (
        canonical_json({"b": 1, "a": {"d": 2, "c": "Đ"}}) == '{"a":{"c":"Đ","d":2},"b":1}'.encode()
    )


def test_an_ack_names_closed_ranges() -> None:
    ack = Ack(epoch=uuid4(), ok=((1, 500),), rej=())
    assert Ack.model_validate_json(ack.model_dump_json()) == ack
