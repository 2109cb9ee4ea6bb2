"""Topics: what is made can be taken apart, and nothing else can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_models import topics

NAMES = st.from_regex(topics.NAME, fullmatch=True)
KINDS = st.from_regex(topics.KIND, fullmatch=True)


@given(NAMES, KINDS)
def test_an_event_topic_comes_apart_as_it_was_made(box: str, kind: str) -> None:
    assert topics.parse(topics.event(box, kind)) == topics.Address(box, "ev", kind)


@given(NAMES, NAMES)
def test_a_telemetry_topic_comes_apart_as_it_was_made(box: str, camera: str) -> None:
    assert topics.parse(topics.telemetry(box, camera)) == topics.Address(box, "tel", camera)


@given(NAMES)
def test_status_and_ack_come_apart_as_they_were_made(box: str) -> None:
    assert topics.parse(topics.status(box)) == topics.Address(box, "status")
    assert topics.parse(topics.ack(box)) == topics.Address(box, "ack")


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "ioc/1//ev/plate",
        "ioc/1/+/ev/plate",
        "ioc/1/box/ev/#",
        "ioc/2/box/ev/plate",
        "ioc/1/box/ev/plate/more",
        "ioc/1/../ev/plate",
        "ioc/1/Box/ev/plate",
        "ioc/1/box/ev/plate\n",
        "$SYS/ioc/1/box/status",
    ],
)
def test_other_topics_are_not_ours(topic: str) -> None:
    assert topics.parse(topic) is None
