"""The conditions and wishes of a request, as headers and query parameters."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

from ioc_ditto.errors import BadName
from ioc_ditto.names import checked, comma_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ioc_ditto.rql import Rql

# Documented as headers; the rest of Ditto's options are query parameters.
_HEADERS: Final = frozenset(
    {
        "If-Match", "If-None-Match", "if-equal", "put-metadata", "get-metadata",
        "delete-metadata", "at-historical-revision", "at-historical-timestamp",
        "merge-thing-patch-conditions", "correlation-id",
    }
)  # fmt: skip


class ReadOptions(TypedDict, total=False):
    """What a read may ask.

    Attributes:
        fields: `"thingId,attributes/x"`, or the selectors one by one.
        if_none_match: The entity tag you know; raises `NotModified` while it holds.
        condition: RQL that must hold, or `PreconditionFailed`.
        at_revision: As it was then.
        get_metadata: Keys of the metadata to give along, see `Tagged.metadata`.
    """

    fields: str | Iterable[str]
    if_match: str
    if_none_match: str
    condition: Rql | str
    at_revision: int
    at_timestamp: datetime
    get_metadata: str | Iterable[str]
    timeout: timedelta
    correlation_id: str


class WriteOptions(TypedDict, total=False):
    """What a write may ask.

    Attributes:
        condition: RQL on the thing as it stands, or `PreconditionFailed`.
        if_match: An entity tag, or `*`: it must exist. Makes any write safe to repeat; a
            repeat after a lost answer then raises `PreconditionFailed`.
        if_none_match: `*`: it must not exist yet.
        if_equal: `skip` refuses what would change nothing.
        response_required: False is answered before the write is done.
        requested_acks: Labels to wait for; two or more are answered one by one in `value`.
        put_metadata: Relative pointer (or `*/key` for all leaves written) to value.
        merge_conditions: Parts of a merge that stand only where their RQL holds.
        timeout: How long the service may take; at most a minute.
        allow_policy_lockout: A policy may shut its writer out.
    """

    condition: Rql | str
    if_match: str
    if_none_match: str
    if_equal: Literal["update", "skip", "skip-minimizing-merge"]
    response_required: bool
    requested_acks: str | Iterable[str]
    put_metadata: Mapping[str, Any]
    delete_metadata: str | Iterable[str]
    merge_conditions: Mapping[str, Rql | str]
    timeout: timedelta
    correlation_id: str
    allow_policy_lockout: bool


@dataclass
class Asked:
    """Options on their way out."""

    headers: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    timeout: timedelta | None = None


def asked(options: Mapping[str, Any]) -> Asked:
    """Options as the API spells them; those that are None were not given.

    Raises:
        TypeError: An option that does not exist.
        BadName: A value that cannot be sent.
    """
    found = Asked(timeout=options.get("timeout"))
    for name, value in options.items():
        if name not in _SPELLED:
            raise TypeError(f"there is no option {name!r}")
        if value is None:
            continue
        spelled, write = _SPELLED[name]
        text = checked(write(value), name)
        # A header is ASCII; every option may also stand in the query, as UTF-8.
        if spelled in _HEADERS and text.isascii():
            found.headers[spelled] = text
        else:
            found.params[spelled] = text
    return found


def duration(span: timedelta) -> str:
    """`2500ms`.

    Raises:
        BadName: It ends before it begins.
    """
    if span < timedelta(0):
        raise BadName(f"a duration must not be negative: {span}")
    return f"{span // timedelta(milliseconds=1)}ms"


def instant(at: datetime) -> str:
    """ISO 8601 in UTC.

    Raises:
        BadName: The time has no zone.
    """
    if at.tzinfo is None:
        raise BadName(f"a time needs its zone: {at}")
    return at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def as_json(value: Any) -> str:  # noqa: ANN401 JSON
    """JSON in ASCII.

    Raises:
        BadName: It is no JSON.
    """
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadName(f"no JSON: {error}") from error


def _flag(value: bool) -> str:  # noqa: FBT001 an option's value
    return "true" if value else "false"


def _put_metadata(entries: Mapping[str, Any]) -> str:
    return as_json([{"key": key, "value": value} for key, value in entries.items()])


def _merge_conditions(entries: Mapping[str, Rql | str]) -> str:
    return as_json({key: str(condition) for key, condition in entries.items()})


_SPELLED: Final[dict[str, tuple[str, Any]]] = {
    "fields": ("fields", comma_list),
    "if_match": ("If-Match", str),
    "if_none_match": ("If-None-Match", str),
    "condition": ("condition", str),
    "at_revision": ("at-historical-revision", str),
    "at_timestamp": ("at-historical-timestamp", instant),
    "get_metadata": ("get-metadata", comma_list),
    "timeout": ("timeout", duration),
    "correlation_id": ("correlation-id", str),
    "if_equal": ("if-equal", str),
    "response_required": ("response-required", _flag),
    "requested_acks": ("requested-acks", comma_list),
    "put_metadata": ("put-metadata", _put_metadata),
    "delete_metadata": ("delete-metadata", comma_list),
    "merge_conditions": ("merge-thing-patch-conditions", _merge_conditions),
    "allow_policy_lockout": ("allow-policy-lockout", _flag),
}
