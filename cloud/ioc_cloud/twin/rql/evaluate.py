"""Whether a query holds for one thing in memory; `sql` gives the same answers in the database.

One meaning everywhere, that of Ditto's search. Ditto's in-memory filters differ from its
search in corners: there `ne` holds for what is absent, and a number may equal a text.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from ioc_cloud.twin.pointer import Path
from ioc_cloud.twin.rql import like
from ioc_cloud.twin.rql.ast import And, Compare, Empty, Exists, In, Leaf, Not, Or, Query
from ioc_cloud.twin.rql.properties import Property, check_values, of_leaf
from ioc_cloud.twin.rql.times import Clock, instant, plain, utc_now

Plain = str | int | float | bool | None
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_EXACT: Final = 2**53


def evaluate(
    query: Query,
    doc: Mapping[str, Any],
    context: Mapping[str, str] = _NOTHING,
    *,
    clock: Clock = utc_now,
) -> bool:
    """Whether the query holds.

    Args:
        query: As parsed.
        doc: The thing as its reader may see it, special fields beside the others:
            `_revision`, `_created` and `_modified` (ISO 8601), `_namespace`, `_metadata`.
        context: Values of placeholders: `topic:action`, `resource:path`.
        clock: What `time:now` means.

    Raises:
        RqlInvalid: A property that does not exist, a pattern that is no text.
    """
    match query:
        case And(parts):
            return all(evaluate(part, doc, context, clock=clock) for part in parts)
        case Or(parts):
            return any(evaluate(part, doc, context, clock=clock) for part in parts)
        case Not(part):
            return not evaluate(part, doc, context, clock=clock)
        case _:
            return _leaf(query, doc, context, clock)


def _leaf(
    leaf: Leaf, doc: Mapping[str, Any], context: Mapping[str, str], clock: Clock
) -> bool:  # fmt: skip
    prop = of_leaf(leaf)
    check_values(leaf)
    if prop.kind == "placeholder":
        return _holds(leaf, context, prop.path, prop, clock)
    if not prop.any_feature:
        return _holds(leaf, doc, prop.path, prop, clock)
    features = doc.get("features")
    each = list(features.values()) if isinstance(features, dict) else []
    if len(prop.path) == 2:  # noqa: PLR2004 features/*
        return bool(each) == isinstance(leaf, Exists)
    return any(_holds(leaf, feature, prop.path[2:], prop, clock) for feature in each)


def _holds(leaf: Leaf, doc: object, path: Path, prop: Property, clock: Clock) -> bool:
    nodes = _walk(doc, path)
    match leaf:
        case Exists():
            return bool(nodes)
        case Empty():
            return not nodes or any(_void(node) for node in _straight(doc, path))
        case In(_, values):
            wanted = [plain(value, clock) for value in values]
            return any(_equal(node, one, prop) for node in _flat(nodes) for one in wanted)
        case Compare("ne", _, value):
            one = plain(value, clock)
            return bool(nodes) and not any(_equal(node, one, prop) for node in _flat(nodes))
        case Compare(op, _, value):
            one = plain(value, clock)
            return any(_compare(op, node, one, prop) for node in _flat(nodes))


def _walk(doc: object, path: Path) -> list[object]:
    """All values at a path; lists on the way stand for the objects in them."""
    nodes: list[object] = [doc]
    for key in path:
        holders = (one for node in nodes for one in (node if isinstance(node, list) else [node]))
        nodes = [holder[key] for holder in holders if isinstance(holder, Mapping) and key in holder]
    return nodes


def _straight(doc: object, path: Path) -> list[object]:
    """The one value at a path that leads through objects alone."""
    for key in path:
        if not isinstance(doc, Mapping) or key not in doc:
            return []
        doc = doc[key]
    return [doc]


def _void(value: object) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _flat(nodes: Iterable[object]) -> Iterable[object]:
    """Values, and what lists of them hold, and lists directly in those; no deeper.

    Two levels are what a filter of PostgreSQL's lax jsonpath opens.
    """
    for node in nodes:
        for one in node if isinstance(node, list) else [node]:
            yield from one if isinstance(one, list) else [one]


def _equal(found: object, wanted: Plain, prop: Property) -> bool:
    pair = _pair(found, wanted, prop)
    if pair is None:
        return found is None and wanted is None and prop.kind != "time"
    return bool(pair[0] == pair[1])


def _compare(op: str, found: object, wanted: Plain, prop: Property) -> bool:
    match op:
        case "eq":
            return _equal(found, wanted, prop)
        case "like" | "ilike":
            texts = isinstance(found, str) and isinstance(wanted, str)
            return texts and like.matches(str(wanted), str(found), fold=op == "ilike")
        case _:
            pair = _pair(found, wanted, prop)
            return pair is not None and _ORDERS[op](*pair)


def _pair(found: object, wanted: Plain, prop: Property) -> tuple[Any, Any] | None:
    """Both as values with an order; None where they have none: two types, or null."""
    if prop.kind == "time":
        left, right = instant(found), instant(wanted)
        return None if left is None or right is None else (left, right)
    if _number(found) and _number(wanted):
        return _comparable(found, wanted)
    if wanted is None or type(found) is not type(wanted):
        return None
    return found, wanted


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comparable(left: Any, right: Any) -> tuple[Any, Any]:  # noqa: ANN401 int or float
    """Both as PostgreSQL's numeric holds them: a float by its shortest digits."""
    if type(left) is type(right) or (abs(left) < _EXACT and abs(right) < _EXACT):
        return left, right
    return Decimal(repr(left)), Decimal(repr(right))
