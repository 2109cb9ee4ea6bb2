"""The order of a search's answers, and the place in it where a page ended.

A page goes on behind its last thing by that thing's values, not by a count: things that
come or go meanwhile neither repeat nor hide others. Every order ends in the id, so no two
things share a place. An absent value sorts like null, where jsonb puts null.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from ioc_cloud.twin.pointer import Path
from ioc_cloud.twin.rql.ast import SortKey
from ioc_cloud.twin.rql.errors import RqlInvalid
from ioc_cloud.twin.rql.jsonpath import member, storable
from ioc_cloud.twin.rql.properties import Property, resolve
from ioc_cloud.twin.rql.times import instant

COLUMNS: Final[dict[Path, str]] = {
    ("thingId",): 't.id collate "C"',
    ("policyId",): 't.policy_id collate "C"',
    ("_namespace",): 't.ns collate "C"',
    ("_revision",): "t.revision",
    ("_created",): "t.created",
    ("_modified",): "t.modified",
}
# As `times.iso` writes it: microseconds only where there are any.
TIME_TEXT: Final = (
    "(to_char({0} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')"
    " || case when mod(date_part('microseconds', {0})::bigint, 1000000) <> 0"
    " then to_char({0} at time zone 'UTC', '.US') else '' end || 'Z')"
)
_BIGINT: Final = 2**63
_BY_ID: Final = SortKey("thingId")


def order_by(sort: Sequence[SortKey]) -> str:
    """What stands after `order by`.

    Raises:
        RqlInvalid: A property that nobody can sort by.
    """
    return ", ".join(
        f"{_expression(resolve(key.prop, 'sort'))} {'desc' if key.descending else 'asc'}"
        for key in _total(sort)
    )


def sort_values(sort: Sequence[SortKey]) -> str:
    """An expression for the select list: the thing's place in the order, a jsonb list."""
    keys = (_expression(resolve(key.prop, "sort")) for key in _total(sort))
    return f"jsonb_build_array({', '.join(keys)})"


def after(sort: Sequence[SortKey], last_values: object) -> tuple[str, dict[str, object]]:
    """The condition that a thing comes after the one with these values.

    Args:
        sort: As for `order_by`.
        last_values: What `sort_values` gave for the last thing of the page before.

    Raises:
        RqlInvalid: Values that this order cannot have given.
    """
    keys = _total(sort)
    if not isinstance(last_values, list) or len(last_values) != len(keys):
        raise RqlInvalid(0, "this cursor belongs to another order", str(last_values))
    params: dict[str, object] = {}
    condition = ""
    for at in reversed(range(len(keys))):
        key = keys[at]
        prop = resolve(key.prop, "sort")
        name = f"after_{at}"
        params[name], cast = _bound(prop, last_values[at])
        expression, value = _expression(prop), f"%({name})s::{cast}"
        beyond = f"{expression} {'<' if key.descending else '>'} {value}"
        if not condition:
            condition = beyond
            continue
        # The first clause says nothing new: it is the range that an index can serve.
        begins = f"{expression} {'<=' if key.descending else '>='} {value}"
        condition = f"({begins} and ({beyond} or {condition}))"
    return condition, params


def _total(sort: Sequence[SortKey]) -> list[SortKey]:
    """The keys up to the id; what follows it cannot matter."""
    keys: list[SortKey] = []
    for key in sort:
        keys.append(key)
        if resolve(key.prop, "sort").path == ("thingId",):
            return keys
    return [*keys, _BY_ID]


def _expression(prop: Property) -> str:
    if prop.kind != "doc":
        return COLUMNS[prop.path]
    return f"coalesce(jsonb_path_query_first(t.doc, {_literal(prop.path)}), 'null'::jsonb)"


def _literal(path: Path) -> str:
    """The path as an SQL literal: ASCII, with neither quote nor percent sign.

    An order has no parameters, so that it can stand in a query beside others; JSON's
    escapes leave nothing that SQL or psycopg could read as its own.
    """
    text = member(path)
    for character in "'%{}":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"'{text}'::jsonpath"


def _bound(prop: Property, value: Any) -> tuple[object, str]:  # noqa: ANN401 JSON
    match prop.kind:
        case "text" if isinstance(value, str):
            return storable(value), "text"
        case "number" if type(value) is int and abs(value) < _BIGINT:
            return value, "bigint"
        case "time" if (at := instant(value)) is not None:
            return at, "timestamptz"
        case "doc":
            return _json(value), "jsonb"
        case _:
            raise RqlInvalid(0, "this cursor belongs to another order", str(value))


def _json(value: Any) -> str:  # noqa: ANN401 JSON
    text = json.dumps(value)
    storable(json.dumps(value, ensure_ascii=False))
    return text
