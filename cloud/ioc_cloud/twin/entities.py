"""What a thing may look like: its parts, their form, their limits."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import orjson

from ioc_cloud.twin import ids
from ioc_cloud.twin.errors import DittoError, bad_json, bad_shape, too_large
from ioc_cloud.twin.pointer import Path, show

MAX_THING_BYTES: Final = 100 * 1024
MAX_DEPTH: Final = 64
Json = Any
Kind = Literal["thing", "policy"]

_KEY: Final = re.compile(r"[^\x00-\x1F\x7F-\xFF/]+")
_TOP: Final = frozenset({"thingId", "policyId", "definition", "attributes", "features"})
# What answers may carry and requests may hand back unchanged; nobody sets them.
SPECIAL: Final = frozenset(
    {
        "_revision", "_modified", "_created", "_metadata", "_policy", "_namespace", "_lifecycle",
        "_context", "_copyPolicyFrom",
    }
)  # fmt: skip
_FEATURE: Final = frozenset({"definition", "properties", "desiredProperties"})


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing as stored.

    Attributes:
        doc: `thingId`, `policyId`, `definition`, `attributes`, `features`.
        epoch: Version of its policy with all that the policy imports; None where the
            policy does not exist any more.
    """

    id: str
    policy_id: str
    doc: dict[str, Json]
    metadata: dict[str, Json] | None
    revision: int
    created: datetime
    modified: datetime
    epoch: int | None

    @property
    def namespace(self) -> str:
        """What stands before the first colon."""
        return self.id.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as stored."""

    id: str
    doc: dict[str, Json]
    revision: int
    epoch: int
    created: datetime
    modified: datetime


def loads(body: bytes) -> Json:
    """JSON that PostgreSQL can hold.

    Raises:
        DittoError: No JSON, or one with NUL characters.
    """
    value = parsed(body)
    # In what orjson writes, a NUL is spelled in just one way; an escaped backslash
    # before it would make it text about a NUL.
    if b"\\u0000" in body and b"\\u0000" in orjson.dumps(value).replace(b"\\\\", b""):
        raise bad_json("a string contains the character U+0000")
    return value


def parsed(body: bytes) -> Json:
    """JSON that is only looked at.

    Raises:
        DittoError: No JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_json(str(error)) from error


def dumps(value: Json) -> str:
    """JSON text for the database and for answers."""
    return orjson.dumps(value).decode()


def whole(thing_id: str, body: Json) -> dict[str, Json]:
    """A thing from a request's body, without what only answers carry.

    Raises:
        DittoError: A part that no thing can have.
    """
    if not isinstance(body, dict):
        raise bad_shape("/", "a thing is a JSON object")
    doc: dict[str, Json] = {"thingId": thing_id}
    for key, value in body.items():
        if key in SPECIAL or key == "thingId":
            continue
        if key not in _TOP:
            raise bad_shape(f"/{key}", "no such field in a thing")
        if value is None and key in {"attributes", "features", "definition"}:
            if key == "definition":
                continue
            doc[key] = {}
            continue
        checked((key,), value)
        doc[key] = value
    return doc


def checked(path: Path, value: Json) -> None:
    """See that `value` may stand at `path` of a thing.

    Raises:
        DittoError: It may not.
    """
    if not path:
        if not isinstance(value, dict):
            raise bad_shape("/", "a thing is a JSON object")
        for key, part in value.items():
            if key not in _TOP and key not in SPECIAL:
                raise bad_shape(f"/{key}", "no such field in a thing")
            checked((key,), part)
        return
    top = path[0]
    if top == "attributes":
        _object(path, value) if len(path) == 1 else _keys(path[1:], path)
        _tree(path, value)
    elif top == "features":
        _features(path, value)
    elif top == "definition":
        ids.definition(value, show(path))
    elif top == "policyId":
        ids.checked(value)
    elif top == "thingId" and not isinstance(value, str):
        raise bad_shape("/thingId", "an id is a string")


def _features(path: Path, value: Json) -> None:
    if len(path) == 1:
        _object(path, value)
        for name, feature in (value or {}).items():
            _features((*path, name), feature)
        return
    _keys(path[1:2], path)
    if len(path) == 2:  # noqa: PLR2004 features/<id>
        _object(path, value)
        for key, part in (value or {}).items():
            if key != "featureId":
                _feature_part((*path, key), part)
        return
    _feature_part(path, value)


def _feature_part(path: Path, value: Json) -> None:
    part = path[2]
    if part not in _FEATURE:
        raise bad_shape(show(path), "no such field in a feature")
    if part == "definition":
        _feature_definition(path, value)
        return
    if len(path) == 3:  # noqa: PLR2004 features/<id>/properties
        _object(path, value)
    else:
        _keys(path[3:], path)
    _tree(path, value)


def _feature_definition(path: Path, value: Json) -> None:
    if not isinstance(value, list) or not value:
        raise bad_shape(show(path), "a feature's definition is a list of at least one")
    for one in value:
        ids.definition(one, show(path))


def _object(path: Path, value: Json) -> None:
    if not isinstance(value, dict) and value is not None:
        raise bad_shape(show(path), "must be a JSON object")


def _tree(path: Path, value: Json, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise bad_shape(show(path)[:200], f"nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        for key, part in value.items():
            if key.startswith("{{"):
                continue
            if _KEY.fullmatch(key) is None:
                raise bad_key(key)
            _tree((*path, key), part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            if isinstance(part, dict | list):
                _tree(path, part, depth + 1)


def _keys(keys: Path, path: Path) -> None:
    for key in keys:
        if _KEY.fullmatch(key) is None:
            raise bad_key(key, show(path))


def bad_key(key: str, where: str = "") -> DittoError:
    """A key that real Ditto would refuse too."""
    return DittoError(
        400,
        "json.key.invalid",
        f"The key '{key[:80]}' is not allowed{f' in {where[:200]}' if where else ''}.",
        "Keys have no slash, no control character and none of U+007F to U+00FF.",
    )


def sized(doc: dict[str, Json]) -> str:
    """The thing's JSON text.

    Raises:
        DittoError: It is larger than a thing may be.
    """
    text = orjson.dumps(doc)
    if len(text) > MAX_THING_BYTES:
        raise too_large("thing", len(text), MAX_THING_BYTES)
    return text.decode()
