"""Things: every level of their JSON, their history, their changes as they happen."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypedDict
from urllib.parse import quote

from ioc_ditto.errors import BadAnswer
from ioc_ditto.names import Path, below, checked, comma_list, entity_id, keys, url
from ioc_ditto.options import Asked, ReadOptions, WriteOptions, asked, instant
from ioc_ditto.streams import EventStream, Resume
from ioc_ditto.transport import Call, Transport, json_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import requests
    from typing_extensions import Unpack

    from ioc_ditto.rql import Rql
    from ioc_ditto.shapes import Json, Tagged, Thing, Written

MERGE_PATCH: Final = "application/merge-patch+json"
EVENT_STREAM: Final = "text/event-stream"
# Short enough for every proxy's limit on an address.
MAX_IDS_CHARS: Final = 4_000
MAX_IDS: Final = 100
# Ditto sends a heartbeat each second.
SILENCE: Final = timedelta(seconds=15)


class Follow(TypedDict, total=False):
    """What changes to follow, and how.

    Attributes:
        ids: These things alone.
        filter: RQL; it may look at `topic:action` and `resource:path`.
        fields: What to show; `_context` adds topic, path, value and headers.
        extra_fields: Parts of the thing to give along, changed or not.
        since: Go on behind this event id, where the service replays.
        on_gap: Called after a break; without replay, changes are missing then.
        silence: No word for so long, and the line counts as dead.
    """

    ids: Iterable[str]
    namespaces: str | Iterable[str]
    filter: Rql | str
    fields: str | Iterable[str]
    extra_fields: str | Iterable[str]
    since: str
    on_gap: Callable[[], None]
    silence: timedelta


class Things:
    """`/api/2/things`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, thing_id: str, path: Path = "", **options: Unpack[ReadOptions]) -> Json:
        """A thing, or what stands at `path` in it (`attributes/x`, `features/y/properties`).

        Raises:
            NotFound: It is not there, or not for you.
            NotModified: The entity tag of `if_none_match` still holds.
        """
        return self._transport.value(Call("GET", _at(thing_id, path), asked(options)))

    def get_tagged(self, thing_id: str, path: Path = "", **options: Unpack[ReadOptions]) -> Tagged:
        """As `get`, with the entity tag to write it back under."""
        return self._transport.tagged(Call("GET", _at(thing_id, path), asked(options)))

    def describe(self, thing_id: str, path: Path = "") -> Json:
        """The W3C Thing Description of a thing or a feature."""
        call = Call("GET", _at(thing_id, path), headers={"Accept": "application/td+json"})
        return self._transport.value(call)

    def list(
        self, ids: Iterable[str] | None = None, *, fields: str | Iterable[str] | None = None
    ) -> Iterator[Thing]:
        """These things, or all that you may see; absent and hidden ones are left out."""
        for some in [{}] if ids is None else _by_length(ids):
            params = some if fields is None else some | {"fields": comma_list(fields)}
            found = self._transport.value(Call("GET", "things", params=params))
            if not isinstance(found, list):
                raise BadAnswer("a list of things was asked for")
            yield from found

    def create(
        self,
        thing: Thing | Mapping[str, Any],
        *,
        namespace: str | None = None,
        **options: Unpack[WriteOptions],
    ) -> Written:
        """Make a thing under an id of the service's choice; see `Written.value`."""
        wishes = asked(options)
        if namespace is not None:
            wishes.params["namespace"] = checked(namespace, "the namespace")
        body, headers = json_body(thing)
        return self._transport.written(Call("POST", "things", wishes, headers=headers, body=body))

    def put(
        self, thing_id: str, value: Json, path: Path = "", **options: Unpack[WriteOptions]
    ) -> Written:
        """Let this stand at `path`, whatever was there."""
        body, headers = json_body(value)
        at = _at(thing_id, path)
        return self._transport.written(Call("PUT", at, asked(options), headers=headers, body=body))

    def merge(
        self, thing_id: str, value: Json, path: Path = "", **options: Unpack[WriteOptions]
    ) -> Written:
        """Change what the patch names and nothing else (RFC 7396); null removes."""
        body, headers = json_body(value, MERGE_PATCH)
        at = _at(thing_id, path)
        return self._transport.written(
            Call("PATCH", at, asked(options), headers=headers, body=body)
        )

    def delete(self, thing_id: str, path: Path = "", **options: Unpack[WriteOptions]) -> Written:
        """Take a thing, or a part of it, away. Its policy stays.

        Raises:
            NotFound: There is nothing; also on a repeat after a lost answer.
        """
        return self._transport.written(Call("DELETE", _at(thing_id, path), asked(options)))

    def events(self, **follow: Unpack[Follow]) -> EventStream:
        """Changes of all things that you may see, as they happen.

        Each event's `value` is the changed part of a thing.
        """
        return self._stream("things", _wishes(follow), _resume(follow), _silence(follow))

    def follow(self, thing_id: str, path: Path = "", **follow: Unpack[Follow]) -> EventStream:
        """Changes of one thing, or of one part of it."""
        at = _at(thing_id, path)
        return self._stream(at, _wishes(follow), _resume(follow), _silence(follow))

    def history(
        self,
        thing_id: str,
        *,
        from_: int | datetime = 0,
        to: int | datetime | None = None,
        fields: str | Iterable[str] | None = None,
    ) -> EventStream:
        """Past changes, by revision or by time; ends by itself.

        Args:
            thing_id: Whose.
            from_: First revision, or time; negative revisions count back from the newest.
            to: Last one; None is the newest.
            fields: As in `events`; `_context` gives topic, path, value and revision.

        Raises:
            Unreachable: While iterating: it broke off and cannot be taken up again.
        """
        wishes = Asked()
        for name, value in (("from", from_), ("to", to)):
            if isinstance(value, datetime):
                wishes.params[f"{name}-historical-timestamp"] = instant(value)
            elif value is not None:
                wishes.params[f"{name}-historical-revision"] = str(value)
        if fields is not None:
            wishes.params["fields"] = comma_list(fields)
        return self._stream(_at(thing_id, ""), wishes, Resume(finite=True, by_id=False), SILENCE)

    def _stream(self, path: str, wishes: Asked, resume: Resume, silence: timedelta) -> EventStream:
        return open_stream(self._transport, path, wishes, resume, silence)


def open_stream(
    transport: Transport, path: str, wishes: Asked, resume: Resume, silence: timedelta
) -> EventStream:
    """A stream that connects when it is first read."""

    def connect(last_id: str) -> requests.Response:
        headers = {
            "Accept": EVENT_STREAM,
            # Compressed events would wait in the compressor.
            "Accept-Encoding": "identity",
            "Cache-Control": "no-store",
        }
        if last_id:
            headers["Last-Event-ID"] = quote(last_id, safe=" !#$%&'()*+,/:;<=>?@[]^_`{|}~\"")
        call = Call("GET", path, wishes, headers=headers)
        response: requests.Response = transport.send(
            call, stream=True, read_s=silence.total_seconds()
        )
        return response

    return EventStream(partial(connect), resume)


def _wishes(follow: Follow) -> Asked:
    wishes = Asked()
    names = ("ids", "namespaces", "fields", "extra_fields")
    spelled = ("ids", "namespaces", "fields", "extraFields")
    for name, key in zip(names, spelled, strict=True):
        value: Any = follow.get(name)
        if value is not None:
            wishes.params[key] = comma_list(value)
    if (wanted := follow.get("filter")) is not None:
        wishes.params["filter"] = checked(str(wanted), "the filter")
    unknown = set(follow) - Follow.__optional_keys__
    if unknown:
        raise TypeError(f"there is no option {', '.join(sorted(unknown))}")
    return wishes


def _resume(follow: Follow) -> Resume:
    return Resume(since=follow.get("since", ""), on_gap=follow.get("on_gap"))


def _silence(follow: Follow) -> timedelta:
    return follow.get("silence", SILENCE)


def _at(thing_id: str, path: Path) -> str:
    start = url("things", entity_id(thing_id))
    return below(start, path) if keys(path) else start


def _by_length(ids: Iterable[str]) -> Iterator[dict[str, str]]:
    some: list[str] = []
    for one in ids:
        entity_id(one)
        full = len(some) >= MAX_IDS or sum(map(len, some)) + len(one) > MAX_IDS_CHARS
        if some and full:
            yield {"ids": ",".join(some)}
            some = []
        some.append(one)
    if some:
        yield {"ids": ",".join(some)}
