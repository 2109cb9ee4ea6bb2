"""MQTT 5 publishes out of the bytes of a connection.

paho takes 27 microseconds for a message, most of it for properties that nobody here asks
for; this takes three. It knows publishes alone: all else on the line is paho's.
"""

from functools import lru_cache
from typing import Final, NamedTuple

_PUBLISH: Final = 3
_LONGEST_LENGTH: Final = 4


class Publish(NamedTuple):
    """One message; `mid` is 0 at QoS 0."""

    mid: int
    qos: int
    topic: str
    payload: bytes
    retained: bool


def is_publish(seen: bytes) -> bool:
    """Whether a publish at QoS 0 or 1 begins here, all of it or a part."""
    return bool(seen) and seen[0] >> 4 == _PUBLISH and seen[0] & 0b100 == 0


def is_whole(seen: bytes) -> bool:
    """Whether the packet that begins here is all there."""
    _, end = _body(seen, 0)
    return 0 < end <= len(seen)


def whole_publishes(seen: bytes) -> tuple[list[Publish], int]:
    """The publishes that stand whole at the beginning, and how many bytes they take."""
    found: list[Publish] = []
    at = 0
    while at < len(seen) and seen[at] >> 4 == _PUBLISH and seen[at] & 0b100 == 0:
        start, end = _body(seen, at)
        if not 0 < end <= len(seen):
            break
        one = _publish(seen[start:end], seen[at])
        if one is None:
            break
        found.append(one)
        at = end
    return found, at


def _publish(body: bytes, flags: int) -> Publish | None:
    """None where the lengths inside do not fit: paho closes the line over it."""
    try:
        at = 2 + (body[0] << 8 | body[1])
        topic = _text(body[2:at])
        qos, mid = flags >> 1 & 1, 0
        if qos:
            mid = body[at] << 8 | body[at + 1]
            at += 2
        properties, at = _length(body, at)
    except IndexError:
        return None
    if at + properties > len(body):
        return None
    return Publish(mid, qos, topic, body[at + properties :], bool(flags & 1))


def _body(seen: bytes, at: int) -> tuple[int, int]:
    """Where the packet that begins at `at` has its body; its end is 0 where nobody can say."""
    try:
        length, start = _length(seen, at + 1)
    except IndexError:
        return 0, 0
    return start, start + length


def _length(seen: bytes, at: int) -> tuple[int, int]:
    """A number of variable length (MQTT 5, 1.5.5) and where it ends."""
    value = seen[at] & 127
    for n in range(1, _LONGEST_LENGTH + 1):
        if seen[at + n - 1] < 128:  # noqa: PLR2004 the highest bit says that more follows
            break
        value |= (seen[at + n] & 127) << 7 * n
    return value, at + n


@lru_cache(maxsize=4096)
def _text(topic: bytes) -> str:
    # Mosquitto lets no other through; from elsewhere it would be a topic of nobody.
    return topic.decode("utf-8", "replace")
