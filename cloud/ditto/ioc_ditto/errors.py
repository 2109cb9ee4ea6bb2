"""What can go wrong with a Ditto: its own words, told apart by status alone."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Final

MESSAGE_CHARS: Final = 500


class DittoClientError(Exception):
    """Base of everything that this package raises."""


class BadName(DittoClientError, ValueError):
    """An id, a path or a value that no Ditto could take; nothing was sent."""


class Unreachable(DittoClientError):
    """No answer: refused, broken off, or not found. A write may or may not have happened."""


class TimedOut(Unreachable):
    """No answer in time. A write may or may not have happened."""


class BadAnswer(DittoClientError):
    """An answer that is not what the API promises; something other than a Ditto replied."""


class DittoError(DittoClientError):
    """An answer other than success.

    Only `status` is a stable part of Ditto's API; `error` and the texts are for people.

    Attributes:
        error: Ditto's code, such as `things:thing.notfound`; empty where it gave none.
        payload: The whole answer: parsed JSON, or its text.
    """

    status: int
    by_status: ClassVar[dict[int, type[DittoError]]] = {}
    statuses: ClassVar[tuple[int, ...]] = ()

    def __init__(
        self,
        status: int,
        error: str = "",
        message: str = "",
        description: str | None = None,
        href: str | None = None,
        payload: Any = None,  # noqa: ANN401 JSON
    ) -> None:
        self.status = status
        self.error = error
        self.message = message
        self.description = description
        self.href = href
        self.payload = payload
        told = " ".join(part for part in (error, message, description) if part)
        super().__init__(f"{status} {told}".strip())

    def __init_subclass__(cls) -> None:
        for status in cls.statuses:
            cls.by_status[status] = cls


class NotModified(DittoError):
    """What you know is still so (304)."""

    statuses = (304,)


class BadRequest(DittoError):
    """The request cannot be understood."""

    statuses = (400,)


class Unauthorized(DittoError):
    """The credentials are not accepted."""

    statuses = (401,)


class Forbidden(DittoError):
    """The policy does not allow it."""

    statuses = (403,)


class NotFound(DittoError):
    """It is not there, or not for you."""

    statuses = (404, 410)


class MethodNotAllowed(DittoError):
    """The resource does not know the verb."""

    statuses = (405,)


class NoReply(DittoError):
    """Nobody answered a message in time (408)."""

    statuses = (408,)


class Conflict(DittoError):
    """It exists already, or is being changed."""

    statuses = (409,)


class PreconditionFailed(DittoError):
    """The condition or entity tag does not hold; nothing was changed."""

    statuses = (412,)


class TooLarge(DittoError):
    """The thing, policy, message or address is larger than allowed."""

    statuses = (413, 414, 431)


class UnsupportedMediaType(DittoError):
    """The body's content type is not for this resource."""

    statuses = (406, 415)


class FailedDependency(DittoError):
    """An acknowledgement that was asked for did not come; see `payload`."""

    statuses = (424,)


class TooManyRequests(DittoError):
    """Slow down."""

    statuses = (429,)


class ServerError(DittoError):
    """The service failed."""


class NotSupported(ServerError):
    """A part of the API that this service leaves out."""

    statuses = (501,)


class Unavailable(ServerError):
    """The service, or a part behind it, does not answer at the moment."""

    statuses = (502, 503, 504)


FIRST_SERVER_ERROR: Final = 500


def from_answer(status: int, body: bytes) -> DittoError:
    """The error of an answer, by its status."""
    text = body.decode("utf-8", "replace")
    default = ServerError if status >= FIRST_SERVER_ERROR else DittoError
    kind = DittoError.by_status.get(status, default)
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        return kind(status, message=text[:MESSAGE_CHARS], payload=text)
    told = payload if isinstance(payload, dict) else {}
    return kind(
        status,
        str(told.get("error", "")),
        str(told.get("message", "")),
        _text(told.get("description")),
        _text(told.get("href")),
        payload,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
