"""Ids and names that things, policies and features may have."""

import re
from typing import Any, Final

from ioc_cloud.twin.errors import bad_id, bad_shape

MAX_ID: Final = 256
_NAMESPACE: Final = r"(?:[a-zA-Z]\w*(?:[.-][a-zA-Z]\w*)*)?"
_NAME: Final = r"[^\x00-\x1F\x7F-\xFF/]+"
_ID: Final = re.compile(rf"(?P<ns>{_NAMESPACE}):(?P<name>{_NAME})", re.ASCII)
_NAMESPACE_ONLY: Final = re.compile(_NAMESPACE, re.ASCII)
# `ns:name:version`, or the URL of a Thing Model.
_DEFINITION: Final = re.compile(
    r"[_a-zA-Z0-9\-.]+:[_a-zA-Z0-9\-.]+:[_a-zA-Z0-9\-.]+|https?://[^\s]+"
)


def checked(entity_id: Any) -> str:  # noqa: ANN401 JSON
    """The id of a thing or policy.

    Raises:
        DittoError: It cannot be one.
    """
    if not isinstance(entity_id, str):
        raise bad_shape("/thingId", "an id is a string")
    if len(entity_id) > MAX_ID:
        raise bad_id(entity_id, f"it has {len(entity_id)} characters, at most {MAX_ID}")
    # Half a surrogate pair can come out of an escaped URL; UTF-8 has no place for it.
    if _ID.fullmatch(entity_id) is None or not _encodable(entity_id):
        raise bad_id(entity_id, "namespace and name are separated by a colon")
    return entity_id


def possible(entity_id: str) -> bool:
    """Whether a thing or policy could have this id."""
    fits = len(entity_id) <= MAX_ID and _ID.fullmatch(entity_id) is not None
    return fits and _encodable(entity_id)


def namespace(text: str) -> str:
    """A namespace by itself.

    Raises:
        DittoError: It cannot be one.
    """
    if len(text) > MAX_ID or not text or _NAMESPACE_ONLY.fullmatch(text) is None:
        raise bad_id(text, "this is no namespace")
    return text


def definition(value: Any, where: str) -> str:  # noqa: ANN401 JSON
    """What a thing or feature is made after.

    Raises:
        DittoError: Neither `ns:name:version` nor a URL.
    """
    if not isinstance(value, str) or _DEFINITION.fullmatch(value) is None:
        raise bad_shape(where, "a definition is 'namespace:name:version' or an HTTP(S) URL")
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
