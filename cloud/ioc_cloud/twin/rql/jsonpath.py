"""Texts of PostgreSQL's jsonpath: members and literals quoted, never a raw one."""

import json
import math
from collections.abc import Sequence
from typing import Final

from ioc_cloud.twin.rql.errors import RqlInvalid

Plain = str | int | float | bool | None
_BEYOND: Final = "1e400"
_OPERATORS: Final = {"eq": "==", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def member(path: Sequence[str]) -> str:
    """`$."attributes"."x"`: lax, so lists on the way stand for the objects in them.

    Raises:
        RqlInvalid: A name that PostgreSQL cannot hold.
    """
    return "$" + "".join(f".{quoted(part)}" for part in path)


def comparison(op: str, value: Plain) -> str:
    """`@ == 5`, for a filter."""
    return f"@ {_OPERATORS[op]} {literal(value)}"


def pattern(regex: str, *, fold: bool) -> str:
    """`@ like_regex "..."`, for a filter."""
    return f"@ like_regex {quoted(regex)}{' flag ' + quoted('i') if fold else ''}"


def any_of(values: Sequence[Plain]) -> str:
    """`@ == a || @ == b`, as a balanced tree: PostgreSQL recurses over it."""
    if len(values) == 1:
        return comparison("eq", values[0])
    middle = len(values) // 2
    return f"({any_of(values[:middle])} || {any_of(values[middle:])})"


def literal(value: Plain) -> str:
    """A scalar; an infinite number is one greater than JSON can write."""
    match value:
        case None:
            return "null"
        case True | False:
            return str(value).lower()
        case int():
            return str(value)
        case float():
            if math.isinf(value):
                return _BEYOND if value > 0 else f"-{_BEYOND}"
            return repr(value)
        case str():
            return quoted(value)


def quoted(text: str) -> str:
    """A string literal or member name.

    Raises:
        RqlInvalid: PostgreSQL holds neither U+0000 nor half a surrogate pair.
    """
    storable(text)
    return json.dumps(text)


def storable(text: str) -> str:
    """The text itself.

    Raises:
        RqlInvalid: PostgreSQL holds neither U+0000 nor half a surrogate pair.
    """
    for at, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            why = f"the character U+{ord(character):04X} cannot stand in a thing"
            raise RqlInvalid(at, why, ascii(text))
    return text
