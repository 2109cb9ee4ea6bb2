"""What a request asks besides its path and body: headers, each also as a query parameter."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

from ioc_cloud.twin import pointer
from ioc_cloud.twin.errors import DittoError, bad_header, not_supported
from ioc_cloud.twin.pointer import Path
from ioc_cloud.twin.rql import RqlInvalid, parse_filter
from ioc_cloud.twin.rql.ast import Query

IfEqual = Literal["update", "skip", "skip-minimizing-merge"]
DEFAULT_TIMEOUT_S: Final = 60.0
MAX_TIMEOUT_S: Final = 60.0
MESSAGE_TIMEOUT_S: Final = 10.0
BUILT_IN_ACKS: Final = frozenset({"twin-persisted", "search-persisted", "live-response"})
_TIMEOUT: Final = re.compile(r"(?P<n>\d{1,6})(?P<unit>ms|s|m)?")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}
_ACK: Final = re.compile(r"[a-zA-Z0-9\-_:]{3,165}")
MAX_HEADER: Final = 8_000


@dataclass(frozen=True, slots=True)
class Metadata:
    """One entry of `put-metadata`."""

    path: Path
    value: Any


class Asked:
    """Headers and query of one request, looked up as Ditto does: header before query."""

    __slots__ = ("_headers", "_query", "query_string")

    def __init__(self, headers: list[tuple[bytes, bytes]], query_string: bytes) -> None:
        """Take both apart.

        Raises:
            DittoError: A header that may stand once stands twice, or bad encoding.
        """
        self._headers: dict[str, str] = {}
        self.query_string = query_string
        for raw_name, raw_value in headers:
            name = raw_name.decode("latin-1")
            if name == "correlation-id" and name in self._headers:
                raise DittoError(
                    400, "gateway:duplicate.header.field", "The header 'correlation-id' is given "
                    "twice.",
                )  # fmt: skip
            self._headers[name] = raw_value.decode("latin-1")
        self._query: dict[str, str] = {}
        if query_string:
            pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
            self._query = dict(pairs)

    def get(self, name: str) -> str | None:
        """A header, or the query parameter of that name."""
        value = self._headers.get(name)
        if value is None:
            value = self._query.get(name)
        if value is not None and len(value) > MAX_HEADER:
            raise bad_header(name, f"it is longer than {MAX_HEADER} characters")
        return value

    def header(self, name: str) -> str | None:
        """A header alone."""
        return self._headers.get(name)

    def query(self, name: str) -> str | None:
        """A query parameter alone."""
        return self._query.get(name)

    def flag(self, name: str, *, default: bool) -> bool:
        """A header that is `true` or `false`."""
        value = self.get(name)
        if value is None or value == "":
            return default
        if value.lower() not in {"true", "false"}:
            raise bad_header(name, "must be 'true' or 'false'")
        return value.lower() == "true"

    def media_type(self) -> str:
        """Content type without its parameters."""
        return (self._headers.get("content-type") or "").partition(";")[0].strip().lower()

    def accepts(self, media_type: str) -> bool:
        """Whether the Accept header names this media type."""
        return media_type in (self._headers.get("accept") or "")


@dataclass(frozen=True, slots=True)
class Options:
    """The conditions and wishes of one write or read."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_equal: IfEqual = "update"
    condition: Query | None = None
    merge_conditions: Mapping[Path, Query] | None = None
    response_required: bool = True
    requested_acks: tuple[str, ...] = ("twin-persisted",)
    timeout_s: float = DEFAULT_TIMEOUT_S
    put_metadata: tuple[Metadata, ...] = ()
    get_metadata: tuple[str, ...] = ()
    delete_metadata: tuple[str, ...] = ()
    correlation_id: str | None = None
    allow_policy_lockout: bool = False
    at_revision: int | None = None
    at_timestamp: datetime | None = None

    @property
    def historical(self) -> bool:
        """Whether a past state is asked for."""
        return self.at_revision is not None or self.at_timestamp is not None


def options(asked: Asked) -> Options:
    """The request's options.

    Raises:
        DittoError: One that cannot be understood, or is not part of the profile.
    """
    channel = asked.get("channel")
    if channel not in {None, "", "twin", "live"}:
        raise bad_header("channel", "must be 'twin' or 'live'")
    if asked.get("live-channel-condition"):
        raise not_supported("live-channel-condition")
    return Options(
        if_match=_tags(asked, "if-match"),
        if_none_match=_tags(asked, "if-none-match"),
        if_equal=_if_equal(asked.get("if-equal")),
        condition=condition(asked.get("condition"), "condition"),
        merge_conditions=_merge_conditions(asked.get("merge-thing-patch-conditions")),
        response_required=asked.flag("response-required", default=True),
        requested_acks=_acks(asked.get("requested-acks")),
        timeout_s=timeout(asked.get("timeout"), DEFAULT_TIMEOUT_S),
        put_metadata=_put_metadata(asked.get("put-metadata")),
        get_metadata=_keys(asked.get("get-metadata")),
        delete_metadata=_keys(asked.get("delete-metadata")),
        correlation_id=asked.get("correlation-id"),
        allow_policy_lockout=asked.flag("allow-policy-lockout", default=False),
        at_revision=_revision(asked.get("at-historical-revision"), "at-historical-revision"),
        at_timestamp=timestamp(asked.get("at-historical-timestamp"), "at-historical-timestamp"),
    )


def _if_equal(text: str | None) -> IfEqual:
    match text:
        case None | "" | "update":
            return "update"
        case "skip" | "skip-minimizing-merge":
            return text
    raise bad_header("if-equal", "'update', 'skip' or 'skip-minimizing-merge'")


def timeout(text: str | None, default_s: float, most_s: float = MAX_TIMEOUT_S) -> float:
    """`42s`, `250ms`, `1m` or seconds.

    Raises:
        DittoError: Anything else, or longer than allowed.
    """
    if text is None or text == "":
        return default_s
    found = _TIMEOUT.fullmatch(text.strip())
    if found is None:
        raise bad_header("timeout", "a number with ms, s or m, such as '42s'")
    seconds = int(found["n"]) * _UNITS[found["unit"]]
    if seconds > most_s:
        raise DittoError(
            400,
            "gateway:timeout.invalid",
            f"The timeout '{text}' is longer than the allowed {most_s:.0f} seconds.",
        )
    return seconds


def timestamp(text: str | None, name: str) -> datetime | None:
    """An ISO 8601 time.

    Raises:
        DittoError: No such time.
    """
    if text is None or text == "":
        return None
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))
        return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise bad_header(name, f"no ISO 8601 time: {error}") from error


def condition(text: str | None, name: str) -> Query | None:
    """An RQL expression of a header.

    Raises:
        DittoError: It cannot be parsed.
    """
    if text is None or text == "":
        return None
    try:
        return parse_filter(text)
    except RqlInvalid as error:
        code = "things:condition.invalid" if name == "condition" else "rql.expression.invalid"
        raise DittoError(400, code, f"'{name}' is no valid RQL: {error}") from error


def _revision(text: str | None, name: str) -> int | None:
    if text is None or text == "":
        return None
    try:
        number = int(text)
    except ValueError as error:
        raise bad_header(name, "a revision is a whole number") from error
    if not 0 <= number < 2**62:
        raise bad_header(name, "no revision has this number")
    return number


def _tags(asked: Asked, name: str) -> str | None:
    text = asked.get(name)
    if text is None or text == "":
        return None
    for tag in text.split(","):
        bare = tag.strip().removeprefix("W/")
        if bare != "*" and not (len(bare) > 1 and bare[0] == bare[-1] == '"'):
            raise DittoError(
                400, "header.invalid", f"'{name}' must be '*' or entity-tags in quotes: {text}"
            )
    return text


def _acks(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ("twin-persisted",)
    parts = _json_list(text) if text.startswith("[") else text.split(",")
    labels = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
    for label in labels:
        if _ACK.fullmatch(label) is None:
            raise DittoError(
                400, "acknowledgement:label.invalid", f"'{label[:80]}' is no acknowledgement label."
            )
    return labels


def _keys(text: str | None) -> tuple[str, ...]:
    if text is None or text == "":
        return ()
    return tuple(part.strip().strip("/") for part in text.split(",") if part.strip())


def _json_list(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise bad_header("requested-acks", f"no JSON: {error}") from error
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise bad_header("requested-acks", "a list of labels")
    return found


def _put_metadata(text: str | None) -> tuple[Metadata, ...]:
    if text is None or text == "":
        return ()
    try:
        found = json.loads(text)
        made = tuple(Metadata(pointer.parse(one["key"]), one["value"]) for one in found)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise bad_header("put-metadata", 'a JSON array of {"key": …, "value": …}') from error
    for one in made:
        if not one.path:
            raise bad_header("put-metadata", "a key must not be empty")
    return made


def _merge_conditions(text: str | None) -> Mapping[Path, Query] | None:
    if text is None or text == "":
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise bad_header("merge-thing-patch-conditions", f"no JSON: {error}") from error
    if not isinstance(found, dict):
        raise bad_header("merge-thing-patch-conditions", "a JSON object of pointer: RQL")
    conditions: dict[Path, Query] = {}
    for key, expression in found.items():
        if not isinstance(expression, str):
            raise bad_header("merge-thing-patch-conditions", f"'{key}' has no RQL expression")
        parsed = condition(expression, "merge-thing-patch-conditions")
        if parsed is not None:
            conditions[pointer.parse(key)] = parsed
    return conditions
