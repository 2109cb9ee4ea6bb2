"""Whatever bytes come, decode answers, and says why where it refuses."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.support.bad_events import CASES, Bad
from tests.support.events import BoxSim, now, wire

from ioc_cloud.events.decode import (
    Door,
    Parked,
    Sighting,
    StatusNote,
    TelemetryNote,
    Wire,
    decode,
)
from ioc_models.events import content_sha256, signed_bytes

TOPIC = "ioc/1/box-01/ev/plate"


def door(**keys: Ed25519PrivateKey) -> Door:
    known = {name.replace("_", "-"): key.public_key() for name, key in keys.items()}
    return Door(now(), timedelta(days=400), known)


def test_a_good_event_passes() -> None:
    sim = BoxSim()
    body = sim.event()
    item = decode(Wire(TOPIC, wire(body)), door())
    assert isinstance(item, Sighting)
    assert item.sha256 == content_sha256(body)
    assert item.signature == "unsigned"
    assert not item.clock_suspect


@pytest.mark.parametrize(
    "bad", [case for case in CASES if case.reason != "database"], ids=lambda bad: bad.name
)
def test_a_bad_event_is_parked_whole_with_its_reason(bad: Bad) -> None:
    payload = bad.make(BoxSim())
    item = decode(Wire(TOPIC, payload, bad.retain), door())
    assert isinstance(item, Parked)
    assert (item.reason, item.payload) == (bad.reason, payload)
    assert (item.seq is not None) == bad.told


@given(st.binary(max_size=200), st.sampled_from(["ev/plate", "status", "tel/cam-01", "ack", "x"]))
def test_no_bytes_make_decode_raise(payload: bytes, channel: str) -> None:
    item = decode(Wire(f"ioc/1/box-01/{channel}", payload), door())
    assert isinstance(item, Parked | StatusNote | TelemetryNote)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@given(st.sampled_from(sorted(BoxSim().event())), JSON)
def test_no_value_in_any_field_makes_decode_raise(name: str, value: object) -> None:
    try:
        payload = wire(BoxSim().event() | {name: value})
    except UnicodeEncodeError:
        return
    assert isinstance(decode(Wire(TOPIC, payload), door()), Parked | Sighting)


def signed(key: Ed25519PrivateKey, body: dict[str, Any] | None = None) -> bytes:
    body = body or BoxSim().event()
    return wire(body | {"sig": b64encode(key.sign(signed_bytes(body))).decode()})


def test_a_signature_is_checked_against_the_registered_key() -> None:
    ours, theirs = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    good = decode(Wire(TOPIC, signed(ours)), door(box_01=ours))
    assert isinstance(good, Sighting)
    assert good.signature == "valid"
    forged = decode(Wire(TOPIC, signed(theirs)), door(box_01=ours))
    assert isinstance(forged, Parked)
    assert forged.reason == "signature"
    unknown = decode(Wire(TOPIC, signed(theirs)), door())
    assert isinstance(unknown, Sighting)
    assert unknown.signature == "unknown_key"


def test_one_signature_speaks_for_the_chain_behind_it_and_a_forged_one_for_nothing() -> None:
    ours, theirs, sim = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate(), BoxSim()
    first = sim.event(sig=b64encode(bytes(64)).decode())
    last = sim.event(prev=content_sha256(first))
    for signer, outcomes in ((ours, ["valid", "valid"]), (theirs, ["signature", "signature"])):
        at_the_door = door(box_01=ours)
        items = [
            decode(Wire(TOPIC, payload), at_the_door)
            for payload in (signed(signer, last), wire(first))
        ]
        found = [one.reason if isinstance(one, Parked) else one.signature for one in items]
        assert found == outcomes
    alone = decode(Wire(TOPIC, wire(first)), door(box_01=ours))
    assert isinstance(alone, Parked)


@pytest.mark.parametrize(
    "clock",
    [{"synced": False}, {"synced": True, "offset_ms": 2500}, {"synced": True, "offset_ms": -9e9}],
)
def test_a_doubtful_clock_is_marked(clock: dict[str, float]) -> None:
    item = decode(Wire(TOPIC, wire(BoxSim().event(clock=clock))), door())
    assert isinstance(item, Sighting)
    assert item.clock_suspect


def test_a_topic_of_nobody_is_parked() -> None:
    item = decode(Wire("ioc/1/Box 01/ev/plate", wire(BoxSim().event())), door())
    assert isinstance(item, Parked)
    assert (item.reason, item.box) == ("topic", None)
