r"""Filters in Ditto's RQL, quoted and escaped, joined by `&`, `|` and `~`.

    eq("attributes/commune", "Tân Thành") & ~exists("features/health/properties/temperatureC")

Inside a property comma, parenthesis, quote and backslash are escaped. In `like` and `ilike`
the wildcards are `*` and `?`, which RQL cannot escape.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import Final

from ioc_ditto.errors import BadName

LONGEST: Final = 2**63


@dataclass(frozen=True)
class Now:
    """The time at which the filter is asked: `Now("-1h")`, `Now("-1d", floor="d")`.

    Attributes:
        moved: A sign, a number and one of ms s m h d w mo y.
        floor: The unit to whose beginning it is rounded down.
    """

    moved: str = ""
    floor: str = ""

    def __str__(self) -> str:
        allowed = "+-0123456789mshdwoy"
        if any(char not in allowed for char in self.moved + self.floor):
            raise BadName(f"no distance in time: {self.moved!r} {self.floor!r}")
        return f"time:now{self.moved}" + (f"[{self.floor}]" if self.floor else "")


Value = str | int | float | bool | datetime | Now | None


@dataclass(frozen=True)
class Rql:
    """A filter; `str()` is what goes into `filter=` or `condition=`."""

    text: str

    def __str__(self) -> str:
        return self.text

    def __and__(self, other: "Rql") -> "Rql":
        return and_(self, other)

    def __or__(self, other: "Rql") -> "Rql":
        return or_(self, other)

    def __invert__(self) -> "Rql":
        return not_(self)

    def __bool__(self) -> bool:
        raise TypeError("join filters by & | ~, not by and, or, not")


def eq(prop: str, value: Value) -> Rql:
    """The property is the value."""
    return _compare("eq", prop, value)


def ne(prop: str, value: Value) -> Rql:
    """The property is there and is not the value."""
    return _compare("ne", prop, value)


def gt(prop: str, value: Value) -> Rql:
    """Greater."""
    return _compare("gt", prop, value)


def ge(prop: str, value: Value) -> Rql:
    """Greater or the same."""
    return _compare("ge", prop, value)


def lt(prop: str, value: Value) -> Rql:
    """Less."""
    return _compare("lt", prop, value)


def le(prop: str, value: Value) -> Rql:
    """Less or the same."""
    return _compare("le", prop, value)


def like(prop: str, pattern: str) -> Rql:
    """The whole text fits, `*` for any and `?` for one character."""
    return _compare("like", prop, pattern)


def ilike(prop: str, pattern: str) -> Rql:
    """As `like`, whatever the case."""
    return _compare("ilike", prop, pattern)


def in_(prop: str, values: Iterable[Value]) -> Rql:
    """The property is one of the values.

    Raises:
        BadName: There is no value.
    """
    written = [literal(value) for value in values]
    if not written:
        raise BadName("in() needs a value")
    return Rql(f"in({escaped(prop)},{','.join(written)})")


def exists(prop: str) -> Rql:
    """The property is there."""
    return Rql(f"exists({escaped(prop)})")


def empty(prop: str) -> Rql:
    """The property is absent, null, or an empty text, array or object; needs Ditto 3.9."""
    return Rql(f"empty({escaped(prop)})")


def and_(*filters: Rql) -> Rql:
    """All of them."""
    return _joined("and", filters)


def or_(*filters: Rql) -> Rql:
    """One of them at least."""
    return _joined("or", filters)


def not_(one: Rql) -> Rql:
    """Not this one."""
    return Rql(f"not({one})")


def escaped(prop: str) -> str:
    r"""A property as the grammar wants it: `,` and `)` as `\uXXXX`.

    Raises:
        BadName: No property can be called so.
    """
    if not prop or "\0" in prop:
        raise BadName(f"no property: {prop!r}")
    quoted = json.dumps(prop, ensure_ascii=False)[1:-1]
    for char in ",)\uffff":
        quoted = quoted.replace(char, f"\\u{ord(char):04x}")
    return _unicode(quoted)


def literal(value: Value) -> str:
    """A value as the grammar wants it.

    Raises:
        BadName: It has no place in RQL.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise BadName(f"a time needs its zone: {value}")
        value = value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, str):
        if "\0" in value:
            raise BadName("a NUL stands in no text of a thing")
        return _unicode(json.dumps(value, ensure_ascii=False).replace("\uffff", "\\uffff"))
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value) if isinstance(value, Now) else _number(value)


def _number(value: float) -> str:
    if isinstance(value, int):
        if not -LONGEST <= value < LONGEST:
            raise BadName(f"more than 64 bits: {value}")
        return str(value)
    if not math.isfinite(value):
        raise BadName(f"no number: {value}")
    # The grammar knows no exponent.
    text = format(Decimal(repr(value)), "f")
    return text if "." in text else f"{text}.0"


def _compare(name: str, prop: str, value: Value) -> Rql:
    return Rql(f"{name}({escaped(prop)},{literal(value)})")


def _joined(name: str, filters: tuple[Rql, ...]) -> Rql:
    if not filters:
        raise BadName(f"{name}() needs a filter")
    if len(filters) == 1:
        return filters[0]
    return Rql(f"{name}({','.join(map(str, filters))})")


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadName(f"no Unicode text: {text!r}") from error
    return text
