"""Cursors of the extensions: where a page ended, and of which question it was."""

import base64
import binascii
import hashlib
from typing import Any

import orjson

from ioc_cloud.twin.errors import DittoError


def sealed(question: object, place: list[Any]) -> str:
    """A cursor behind `place` of a question."""
    text = orjson.dumps([_digest(question), *place])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def opened(cursor: str | None, question: object, kinds: tuple[type, ...]) -> list[Any] | None:
    """The place that a cursor stands for; None for the first page.

    Raises:
        DittoError: No cursor of this question.
    """
    if not cursor:
        return None
    try:
        found = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        digest = found[0]
        place: list[Any] = found[1:]
    except (ValueError, TypeError, LookupError, binascii.Error) as error:
        raise _bad("it is none that an answer has given") from error
    if digest != _digest(question):
        raise _bad("it belongs to another question")
    if len(place) != len(kinds) or not all(map(isinstance, place, kinds)):
        raise _bad("it is none that an answer has given")
    if any("\0" in one for one in place if isinstance(one, str)):
        raise _bad("it is none that an answer has given")
    return place


def size_of(text: str | None, default: int, most: int) -> int:
    """How many a page holds.

    Raises:
        DittoError: No number, or too many.
    """
    if not text:
        return default
    if (found := whole_number(text)) is None or not 1 <= found <= most:
        raise DittoError(400, "ioc:parameter.invalid", f"'size' lies between 1 and {most}.")
    return found


def whole_number(text: str) -> int | None:
    """A number of at most nine digits; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None  # noqa: PLR2004 no limit has ten


def _digest(question: object) -> str:
    text = repr(question).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def _bad(why: str) -> DittoError:
    return DittoError(400, "ioc:cursor.invalid", f"The cursor cannot be used: {why}.")
