"""What the routes of feeds share: contracts, calendar, originals, and who may do what."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Annotated

from fastapi import Depends, Path, Request

from ioc_cloud.access import Who
from ioc_cloud.auth.principal import Principal
from ioc_cloud.auth.scopes import FEEDS_READ, FEEDS_STEWARD, FEEDS_WRITE, WALL_READ
from ioc_cloud.errors import NotAllowed
from ioc_cloud.events.evidence import EvidenceStore
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.errors import NoSuchFeed
from ioc_cloud.feeds.shown import Reader
from ioc_models.feeds import Contract

FeedId = Annotated[
    str,
    Path(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40, examples=["y-te"]),
]


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(timezone.utc)


@dataclass(frozen=True, slots=True)
class Feeds:
    """What the application holds for the routes of feeds."""

    catalogue: Catalogue
    calendar: Calendar
    originals: EvidenceStore
    clock: Callable[[], datetime] = utc_now


def feeds_of(request: Request) -> Feeds:
    """The application's feeds."""
    found: Feeds = request.app.state.feeds
    return found


FeedsOf = Annotated[Feeds, Depends(feeds_of)]


def reader(who: Who) -> Reader:
    """Whoever may see figures.

    Raises:
        NotAllowed: They may not.
    """
    who.must(FEEDS_READ, WALL_READ, FEEDS_STEWARD, FEEDS_WRITE)
    return Reader(who)


ReaderOf = Annotated[Reader, Depends(reader)]


def seen(feeds: Feeds, who: Reader, feed_id: str) -> Contract:
    """A feed that its reader may see.

    Raises:
        NoSuchFeed: There is none, or it is not for them: both look the same.
    """
    feed = feeds.catalogue.feed(feed_id)
    if not who.sees(feed):
        known = [one.id for one in feeds.catalogue.feeds.values() if who.sees(one)]
        raise NoSuchFeed(feed_id, known)
    return feed


def owned(feeds: Feeds, who: Principal, feed_id: str) -> Contract:
    """A feed that they may deliver to.

    Raises:
        NoSuchFeed: There is none.
        NotAllowed: It is not theirs.
    """
    who.must(FEEDS_WRITE, FEEDS_STEWARD)
    feed = feeds.catalogue.feed(feed_id)
    if not who.answers_for(feed.id):
        raise NotAllowed(f"the feed {feed.id!r} is not theirs")
    return feed
