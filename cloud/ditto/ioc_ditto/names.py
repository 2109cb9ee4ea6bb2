"""Ids and paths on their way into a URL: checked, then quoted, so that none means another."""

import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

from ioc_ditto.errors import BadName

# A JSON pointer (`/attributes/x`, the first slash may be missing, `~` is `~0`), or its keys.
Path = str | Sequence[str]

MAX_ID: Final = 256
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# What HTTP libraries take out of a path, however it is quoted (RFC 3986, 5.2.4).
_DOTS: Final = frozenset({".", ".."})


def checked(text: str, what: str) -> str:
    """A text without control characters that can be written as UTF-8.

    Raises:
        BadName: It is none.
    """
    if _CONTROL.search(text):
        raise BadName(f"{what} holds a control character: {text!r}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadName(f"{what} is no Unicode text: {text!r}") from error
    return text


def entity_id(text: str) -> str:
    """An id as one URL segment.

    Raises:
        BadName: No Ditto has such an id.
    """
    checked(text, "the id")
    if ":" not in text or "/" in text or len(text) > MAX_ID or text.endswith(":"):
        raise BadName(f"an id is namespace:name without '/', at most {MAX_ID} long: {text!r}")
    return quote(text, safe=":")


def segment(text: str, what: str = "a path segment") -> str:
    """One URL segment.

    Raises:
        BadName: It is empty, holds a slash, or would change its meaning on the way.
    """
    checked(text, what)
    # Ditto has no way to write a slash inside a key: its pointers know `~0`, not `~1`.
    if text in _DOTS or not text or "/" in text:
        raise BadName(f"{what} must not be {text!r}")
    return quote(text, safe=":")


def keys(path: Path) -> tuple[str, ...]:
    """The keys of a path."""
    if not isinstance(path, str):
        return tuple(path)
    bare = path.removeprefix("/")
    if not bare:
        return ()
    return tuple(key.replace("~0", "~") for key in bare.split("/"))


def url(*parts: str) -> str:
    """Segments that are quoted already, as a path."""
    return "/".join(parts)


def below(start: str, path: Path) -> str:
    """A path of the API, and what a JSON pointer names below it.

    Raises:
        BadName: A key that cannot stand in a URL.
    """
    return url(start, *(segment(key.replace("~", "~0")) for key in keys(path)))


def comma_list(values: str | Iterable[str]) -> str:
    """`a,b` of one text or many.

    Raises:
        BadName: One holds a control character.
    """
    return checked(values if isinstance(values, str) else ",".join(values), "the list")
