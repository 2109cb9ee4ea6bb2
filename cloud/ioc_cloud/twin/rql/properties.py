"""What a property of a filter stands for: a part of a thing, or a word about the event."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from ioc_cloud.twin.pointer import Path, parse, show
from ioc_cloud.twin.rql.ast import Compare, Empty, Exists, In, Leaf, Query, leaves
from ioc_cloud.twin.rql.ast import show as show_query
from ioc_cloud.twin.rql.errors import RqlInvalid
from ioc_cloud.twin.rql.like import MAX_PATTERN
from ioc_cloud.twin.rql.times import check_time

Use = Literal["compare", "presence", "sort"]
Kind = Literal["doc", "metadata", "text", "number", "time", "placeholder"]

_SIMPLE: Final[Mapping[str, tuple[str, Kind]]] = {
    "thingId": ("thingId", "text"),
    "policyId": ("policyId", "text"),
    "namespace": ("_namespace", "text"),
    "_namespace": ("_namespace", "text"),
    "_revision": ("_revision", "number"),
    "_created": ("_created", "time"),
    "_modified": ("_modified", "time"),
    "definition": ("definition", "doc"),
}
# Ditto's placeholders where changes are filtered (documentation, basic-placeholders).
_PLACEHOLDERS: Final = frozenset(
    {
        "topic:full", "topic:namespace", "topic:entityName", "topic:group", "topic:channel",
        "topic:criterion", "topic:action", "topic:subject", "topic:action-subject",
        "resource:path", "resource:type",
    }
)  # fmt: skip
_PARTS: Final = frozenset({"properties", "desiredProperties"})
WILDCARD: Final = "*"


@dataclass(frozen=True, slots=True)
class Property:
    """A property, understood.

    Attributes:
        path: As in the thing with its special fields: `("attributes", "geo", "lat")`,
            `("features", "*", "properties", "on")`, `("_revision",)`, `("_metadata", ...)`,
            `("topic:action",)`.
    """

    path: Path
    kind: Kind

    @property
    def any_feature(self) -> bool:
        """Whether it means some feature, whichever."""
        return self.kind == "doc" and self.path[:2] == ("features", WILDCARD)


@lru_cache(4096)
def resolve(text: str, use: Use) -> Property:
    """Understand a property.

    Raises:
        RqlInvalid: There is no such thing, or not for this use.
    """
    bare = text.removeprefix("/")
    if bare in _SIMPLE:
        name, kind = _SIMPLE[bare]
        return Property((name,), kind)
    if use != "sort" and bare in _PLACEHOLDERS:
        return Property((bare,), "placeholder")
    if "//" in text:
        raise RqlInvalid(text.index("//"), "two slashes in a row", text)
    path = parse(bare.removesuffix("/")) or ("",)
    if path[0] == "attributes" and len(path) > 1:
        return Property(path, "doc")
    if path[0] == "features" and _names_feature(path, use):
        return Property(path, "doc")
    if path[0] == "_metadata" and use != "sort" and (len(path) > 1 or use == "presence"):
        return Property(path, "metadata")
    raise RqlInvalid(0, _unknown(use), text)


def _names_feature(path: Path, use: Use) -> bool:
    if use == "sort" and path[1:2] == (WILDCARD,):
        return False
    match path[1:]:
        case (_,) | (_, "properties" | "desiredProperties"):
            return use == "presence"
        case (_, "definition"):
            return use != "sort"
        case (_, part, *_):
            return part in _PARTS
        case _:
            return False


def _unknown(use: Use) -> str:
    if use == "sort":
        return ("nothing to sort by: thingId, policyId, namespace, definition, _revision, _created,"
                " _modified, attributes/... or features/<id>/properties/...")  # fmt: skip
    return (
        "unknown property, use thingId, policyId, namespace, definition, _revision, _created,"
        " _modified, attributes/..., features/<id>/properties/... or _metadata/..."
    )


def of_leaf(leaf: Leaf) -> Property:
    """What a leaf looks at.

    Raises:
        RqlInvalid: There is no such thing.
    """
    return resolve(leaf.prop, "presence" if isinstance(leaf, Exists | Empty) else "compare")


def check(query: Query, *, placeholders: bool = False) -> None:
    """See that a query can be asked at all, before it is.

    Args:
        query: As parsed.
        placeholders: Whether `topic:action` and its kind may stand in it: where changes
            are filtered, and not in searches and conditions.

    Raises:
        RqlInvalid: An unknown property, a pattern that is no text or too long, an unknown
            time.
    """
    for leaf in leaves(query):
        if of_leaf(leaf).kind == "placeholder" and not placeholders:
            raise RqlInvalid(0, f"{leaf.prop} is known only where changes are filtered", leaf.prop)
        check_values(leaf)


def check_values(leaf: Leaf) -> None:
    """See that a leaf's values can be compared at all.

    Raises:
        RqlInvalid: They cannot.
    """
    match leaf:
        case Compare("like" | "ilike", _, value):
            if not isinstance(value, str):
                raise RqlInvalid(0, "a pattern is a quoted text", show_query(leaf))
            if len(value) > MAX_PATTERN:
                why = f"a pattern has at most {MAX_PATTERN} characters"
                raise RqlInvalid(0, why, show_query(leaf))
        case Compare(_, _, value):
            check_time(value)
        case In(_, values):
            for value in values:
                check_time(value)
        case _:
            pass


def paths(query: Query) -> set[str]:
    """JSON pointers that a caller must be allowed to READ to use this as a `condition`.

    Raises:
        RqlInvalid: A property that does not exist.
    """
    found = (of_leaf(leaf) for leaf in leaves(query))
    return {show(prop.path) for prop in found if prop.kind != "placeholder"}
