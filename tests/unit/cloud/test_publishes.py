"""Publishes are read as they were written, however the line cuts them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_cloud.ingest.publishes import Publish, is_publish, is_whole, whole_publishes

PUBACK = b"\x40\x02\x00\x07"


def number(value: int) -> bytes:
    written = bytearray()
    while True:
        value, digit = divmod(value, 128)
        written.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(written)


def packet(one: Publish, properties: bytes = b"") -> bytes:
    """A publish as MQTT 5, 3.3 writes it."""
    topic = one.topic.encode()
    body = struct.pack(">H", len(topic)) + topic
    if one.qos:
        body += struct.pack(">H", one.mid)
    body += number(len(properties)) + properties + one.payload
    return bytes([0x30 | one.qos << 1 | one.retained]) + number(len(body)) + body


PUBLISHES = st.builds(
    lambda mid, topic, payload, retained: Publish(mid, min(mid, 1), topic, payload, retained),
    st.integers(0, 0xFFFF),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=70),
    st.binary(max_size=40) | st.integers(100, 70_000).map(bytes),
    st.booleans(),
)
# A format indicator; one user property; a subscription identifier of two bytes.
PROPERTIES = st.sampled_from([b"", b"\x01\x01", b"\x26\x00\x01a\x00\x01b" * 20, b"\x0b\x80\x01"])


@given(st.lists(st.tuples(PUBLISHES, PROPERTIES), max_size=5), st.data())
def test_what_is_cut_anywhere_comes_in_two_parts_and_nothing_else_changes(
    written: list[tuple[Publish, bytes]], draw: st.DataObject
) -> None:
    line = b"".join(packet(*each) for each in written)
    cut = draw.draw(st.integers(0, len(line)))
    first, taken = whole_publishes(line[:cut])
    rest, end = whole_publishes(line[taken:])
    assert first + rest == [one for one, _ in written]
    assert taken + end == len(line)
    if taken < cut:
        assert is_publish(line[taken:cut])
        assert not is_whole(line[taken:cut])


@pytest.mark.parametrize("other", [PUBACK, b"\xd0\x00", b"\x34\x05\x00\x00\x00\x01\x00", b""])
def test_other_packets_end_the_row_and_stay_on_the_line(other: bytes) -> None:
    one = Publish(7, 1, "ioc/1/box-01/ev/plate", b"{}", retained=False)
    line = packet(one) + other + packet(one)
    found, taken = whole_publishes(line)
    assert found == [one] * (1 if other else 2)
    if other:
        assert line[taken:].startswith(other)
        assert not is_publish(line[taken:])
        assert is_whole(line[taken:])
        assert not is_whole(other[:-1])


def test_a_length_without_end_is_no_packet() -> None:
    assert whole_publishes(b"\x32" + b"\xff" * 3) == ([], 0)
    assert not is_whole(b"\x32\xff\xff")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"\x00\x09short",
        b"\x00\x01a\x00",
        b"\x00\x01a\x00\x07",
        b"\x00\x01a\x00\x07\x05ab",
    ],
)
def test_a_publish_whose_lengths_do_not_fit_is_left_to_paho(body: bytes) -> None:
    line = bytes([0x32, len(body)]) + body
    assert whole_publishes(line) == ([], 0)
    assert is_publish(line)
