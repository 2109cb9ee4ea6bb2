"""Entity tags and the preconditions that speak of them."""

import hashlib
from typing import Any

import orjson

from ioc_cloud.twin.entities import Kind
from ioc_cloud.twin.errors import precondition_failed
from ioc_cloud.twin.pointer import MISSING


def of_revision(revision: int) -> str:
    """The tag of a whole thing or policy."""
    return f'"rev:{revision}"'


def of_value(value: Any) -> str:  # noqa: ANN401 JSON
    """The tag of a part: the same value has the same tag."""
    digest = hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=8)
    return f'"hash:{digest.hexdigest()}"'


def names(header: str, tag: str | None) -> bool:
    """Whether a header's list of tags names this one; `*` names all that exist."""
    if tag is None:
        return False
    wanted = {part.strip().removeprefix("W/") for part in header.split(",")}
    return "*" in wanted or tag in wanted


def check_write(
    kind: Kind, if_match: str | None, if_none_match: str | None, tag: str | None
) -> None:
    """See that a write's preconditions hold; `tag` is None where nothing stands yet.

    Raises:
        DittoError: One does not.
    """
    if if_match is not None and not names(if_match, tag):
        raise precondition_failed(kind, "If-Match", if_match, tag or "")
    if if_none_match is not None and names(if_none_match, tag):
        raise precondition_failed(kind, "If-None-Match", if_none_match, tag or "")


def not_modified(
    kind: Kind, if_match: str | None, if_none_match: str | None, tag: str | None
) -> bool:
    """Whether a read need not be answered with a body.

    Raises:
        DittoError: If-Match does not hold.
    """
    if if_match is not None and not names(if_match, tag):
        raise precondition_failed(kind, "If-Match", if_match, tag or "")
    return if_none_match is not None and names(if_none_match, tag)


def tag_of(value: Any) -> str | None:  # noqa: ANN401 JSON
    """The tag of a part that may be missing."""
    return None if value is MISSING else of_value(value)
