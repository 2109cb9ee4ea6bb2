"""MQTT topics: spelled here and nowhere else."""

import re
from dataclasses import dataclass
from typing import Literal

ROOT = "ioc/1"
NAME = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
KIND = r"[a-z][a-z0-9_]{0,31}"

EVENTS = f"{ROOT}/+/ev/+"
STATUSES = f"{ROOT}/+/status"
TELEMETRY = f"{ROOT}/+/tel/+"
FEEDS = f"{ROOT}/+/feed/+"

# %u is the name that the broker authenticated: a box reaches its own topics alone.
BOX_MAY_WRITE = (
    f"{ROOT}/%u/ev/+",
    f"{ROOT}/%u/status",
    f"{ROOT}/%u/tel/+",
    f"{ROOT}/%u/feed/+",
)
BOX_MAY_READ = (f"{ROOT}/%u/ack", f"{ROOT}/%u/feed-ack")
CLOUD_MAY_WRITE = (f"{ROOT}/+/ack", f"{ROOT}/+/feed-ack")
CLOUD_MAY_READ = (EVENTS, STATUSES, TELEMETRY, FEEDS)

_TOPIC = re.compile(
    rf"{ROOT}/(?P<box>{NAME})/"
    rf"(?:(?P<plain>status|ack|feed-ack)"
    rf"|ev/(?P<kind>{KIND})|tel/(?P<camera>{NAME})|feed/(?P<feed>{NAME}))"
)


@dataclass(frozen=True, slots=True)
class Address:
    """A topic taken apart; `name` is the event kind, the camera or the feed, else empty."""

    box: str
    channel: Literal["ev", "status", "tel", "ack", "feed", "feed-ack"]
    name: str = ""


def event(box: str, kind: str) -> str:
    """Topic of a box's events of one kind."""
    return f"{ROOT}/{box}/ev/{kind}"


def status(box: str) -> str:
    """Retained topic that says whether a box is online."""
    return f"{ROOT}/{box}/status"


def telemetry(box: str, camera: str) -> str:
    """Topic of a camera's short-lived figures."""
    return f"{ROOT}/{box}/tel/{camera}"


def ack(box: str) -> str:
    """Topic on which the cloud says what it has committed."""
    return f"{ROOT}/{box}/ack"


def feed(box: str, feed_id: str) -> str:
    """Topic on which a sender delivers batches of a domain's feed."""
    return f"{ROOT}/{box}/feed/{feed_id}"


def feed_ack(box: str) -> str:
    """Topic on which the cloud says what became of a sender's batches."""
    return f"{ROOT}/{box}/feed-ack"


def parse(topic: str) -> Address | None:
    """Take a topic apart; None when it is not one of ours."""
    found = _TOPIC.fullmatch(topic)
    if found is None:
        return None
    part = found.groupdict()
    if part["plain"]:
        return Address(part["box"], part["plain"])  # type: ignore[arg-type]
    if part["kind"]:
        return Address(part["box"], "ev", part["kind"])
    if part["feed"]:
        return Address(part["box"], "feed", part["feed"])
    return Address(part["box"], "tel", part["camera"])
