from hypothesis import given
from hypothesis import strategies as st

from ioc_cloud.ops.broker import acl_text
from ioc_models import topics

NAMES = st.from_regex(topics.NAME, fullmatch=True)


@given(NAMES, NAMES)
def test_a_feeds_topic_reads_back_as_it_was_spelt(box: str, feed: str) -> None:
    assert topics.parse(topics.feed(box, feed)) == topics.Address(box, "feed", feed)
    assert topics.parse(topics.feed_ack(box)) == topics.Address(box, "feed-ack")


def test_a_box_writes_its_own_batches_and_hears_its_own_answers() -> None:
    rights = acl_text().splitlines()

    assert f"pattern write {topics.ROOT}/%u/feed/+" in rights
    assert f"pattern read {topics.ROOT}/%u/feed-ack" in rights
    assert f"topic read {topics.FEEDS}" in rights
