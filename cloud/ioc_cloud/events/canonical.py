"""Events as our boxes write them, in canonical JSON, read at a sixth of the price.

What equals its own canonical form byte for byte holds no key twice, no NaN and no number
that a decoder could take for another, and its content hash is that of its bytes. What also
matches the grammar of its kind is what the kind's model accepts. For all other messages
`read` gives None, the sound and the broken alike: `decode` then reads them the long way,
where pydantic judges, and says what is wrong.
"""

import hashlib
import re
from datetime import datetime
from functools import cache
from typing import Final, NamedTuple

import orjson
from pydantic import BaseModel, create_model

from ioc_cloud.events.grammar import NotInGrammar, pattern
from ioc_models.events import MAX_EVENT_BYTES, PAYLOADS, Event, Observation


class Told(NamedTuple):
    """What an event says, as far as storage asks: texts as they are spelled canonically.

    Attributes:
        offset_ms: Of the sensor's clock, whose word `synced` is.
        plate: The text that was read, of kind `plate` alone.
        state: The camera's new state, of kind `health` alone.
    """

    id: str
    box: str
    epoch: str
    seq: int
    kind: str
    camera: str | None
    seen_at: datetime
    lon: float | None
    lat: float | None
    plate: str | None
    state: str | None
    simulated: bool
    replayed: bool
    synced: bool
    offset_ms: float
    prev: str | None
    sig: str | None


class Canonical(NamedTuple):
    """What was read; `sha256` is what `content_sha256` says of it."""

    told: Told
    text: str
    sha256: str


class _Grammar(NamedTuple):
    """Of one kind.

    Attributes:
        exact: Matches what is canonical for certain; None where no pattern can tell.
        loose: Matches sound values that may be spelled in another way; None where the model
            asks for more than patterns can say, and all goes the long way.
    """

    exact: re.Pattern[str] | None
    loose: re.Pattern[str] | None


def read(message: bytes, kind: str) -> Canonical | None:
    """The event of this kind in these bytes; None where the long way must be gone."""
    if len(message) > MAX_EVENT_BYTES:
        return None
    try:
        text = message.decode()
    except UnicodeDecodeError:
        return None
    grammar = _grammar(PAYLOADS.get(kind, Observation))
    found = grammar.exact.fullmatch(text) if grammar.exact else None
    if found is None:
        found = grammar.loose.fullmatch(text) if grammar.loose else None
        if found is None or not _is_canonical(message):
            return None
    return Canonical(_told(found), text, _content_sha256(message, found))


def _told(found: re.Match[str]) -> Told:
    (
        identifier, box, epoch, seq, kind, camera, seen_at, lon, lat, plate, state,
        simulated, replayed, synced, offset_ms, prev, sig,
    ) = found.group(*Told._fields)  # fmt: skip
    return Told(
        identifier,
        box,
        epoch,
        int(seq),
        kind,
        camera,
        datetime.fromisoformat(seen_at),
        None if lon is None else float(lon),
        None if lat is None else float(lat),
        plate,
        state,
        simulated == "true",
        replayed == "true",
        synced == "true",
        0.0 if offset_ms is None else float(offset_ms),
        prev,
        sig,
    )


def _is_canonical(message: bytes) -> bool:
    """Of what matches a grammar: there no decoder takes a number for another."""
    try:
        return orjson.dumps(orjson.loads(message), option=orjson.OPT_SORT_KEYS) == message
    except orjson.JSONDecodeError:
        return False


def _content_sha256(message: bytes, found: re.Match[str]) -> str:
    start, end = found.span("replayed")
    if start >= 0:
        # The mark of a repeat is no content; never the last key, so a comma follows.
        text = found.string
        message = (text[: start - len('"replayed":')] + text[end + 1 :]).encode()
    return hashlib.sha256(message).hexdigest()


@cache
def _grammar(payload: type[BaseModel]) -> _Grammar:
    whole = create_model("Event", __base__=Event, data=(payload, ...))
    return _Grammar(_pattern(whole, exact=True), _pattern(whole, exact=False))


def _pattern(whole: type[Event], *, exact: bool) -> re.Pattern[str] | None:
    try:
        return pattern(whole, _CAPTURED, also_required=_VERSION, exact=exact)
    except NotInGrammar:
        return None


_VERSION: Final = frozenset({"v"})
# Each group bears the name of the field that it fills.
_CAPTURED: Final[dict[tuple[str, ...], str]] = {
    **{(name,): name for name in Told._fields if name in Event.model_fields},
    ("location", "lon"): "lon",
    ("location", "lat"): "lat",
    ("data", "plate", "text"): "plate",
    ("data", "state"): "state",
    ("clock", "synced"): "synced",
    ("clock", "offset_ms"): "offset_ms",
}
