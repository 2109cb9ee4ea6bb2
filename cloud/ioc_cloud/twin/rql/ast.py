"""What a filter says, as frozen values, and back to text."""

import math
import re
from dataclasses import dataclass
from typing import Final, Literal

Op = Literal["eq", "ne", "gt", "ge", "lt", "le", "like", "ilike"]


@dataclass(frozen=True, slots=True)
class Time:
    """A moment relative to the question: `now`, `now-1h`, `now_epoch_millis`."""

    name: str


Value = str | int | float | bool | None | Time


@dataclass(frozen=True, slots=True)
class Compare:
    """`eq(attributes/x,1)` and its seven siblings."""

    op: Op
    prop: str
    value: Value


@dataclass(frozen=True, slots=True)
class In:
    """`in(attributes/x,1,"a")`: any of these."""

    prop: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """`exists(attributes/x)`: there, null or not."""

    prop: str


@dataclass(frozen=True, slots=True)
class Empty:
    """`empty(attributes/x)`: absent, null, `""`, `[]` or `{}`."""

    prop: str


@dataclass(frozen=True, slots=True)
class And:
    """All of these."""

    parts: "tuple[Query, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """Any of these."""

    parts: "tuple[Query, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    part: "Query"


Leaf = Compare | In | Exists | Empty
Query = Leaf | And | Or | Not


@dataclass(frozen=True, slots=True)
class SortKey:
    """`+thingId` or `-attributes/x`."""

    prop: str
    descending: bool = False


def children(query: Query) -> "tuple[Query, ...]":
    """What a logical node holds; nothing for a leaf."""
    match query:
        case And(parts) | Or(parts):
            return parts
        case Not(part):
            return (part,)
        case _:
            return ()


def leaves(query: Query) -> list[Leaf]:
    """All leaves, in no particular order."""
    found: list[Leaf] = []
    waiting: list[Query] = [query]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Compare | In | Exists | Empty):
            found.append(node)
        waiting.extend(children(node))
    return found


def show(query: Query) -> str:
    """RQL that parses to the same query."""
    match query:
        case Compare(op, prop, value):
            return f"{op}({_prop(prop)},{show_value(value)})"
        case In(prop, values):
            return f"in({_prop(prop)},{','.join(map(show_value, values))})"
        case Exists(prop):
            return f"exists({_prop(prop)})"
        case Empty(prop):
            return f"empty({_prop(prop)})"
        case And() | Or() | Not():
            name = type(query).__name__.lower()
            return f"{name}({','.join(map(show, children(query)))})"


def show_value(value: Value) -> str:
    """A literal as RQL writes it; RQL has no exponents."""
    match value:
        case None:
            return "null"
        case True | False:
            return str(value).lower()
        case Time(name):
            return f"time:{name}"
        case int():
            return str(value)
        case float():
            return _decimal(value)
        case str():
            return f'"{_escaped(value, _STRING)}"'


_STRING: Final = re.compile(r'["\\\uFFFF]')
_PROPERTY: Final = re.compile(r'[,)"\\\uFFFF]')


def _decimal(value: float) -> str:
    if math.isinf(value):
        # RQL can write a number that no float holds, and reads it as infinite.
        return f"{'-' if value < 0 else ''}1{'0' * 309}.0"
    text = f"{value:f}"
    if float(text) == value:
        return text
    exact = f"{value:.400f}".rstrip("0")
    return exact + "0" if exact.endswith(".") else exact


def _prop(text: str) -> str:
    return _escaped(text, _PROPERTY)


def _escaped(text: str, special: re.Pattern[str]) -> str:
    # \uXXXX is the one escape that a string and a property share for every character.
    return special.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
