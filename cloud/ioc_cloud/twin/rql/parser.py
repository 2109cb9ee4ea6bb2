"""Text to queries and options, or the place where it goes wrong."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, cast

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from ioc_cloud.twin.rql.ast import (
    And,
    Compare,
    Empty,
    Exists,
    In,
    Not,
    Op,
    Or,
    Query,
    SortKey,
    Time,
    Value,
    children,
)
from ioc_cloud.twin.rql.errors import RqlInvalid
from ioc_cloud.twin.rql.grammar import GRAMMAR, OPTION_WORDS, QUERY_WORDS, VALUE_WORDS, WORDS

# A filter of 500 thing ids fits; parsing it takes tens of milliseconds.
MAX_LENGTH: Final = 32_768
# Far above what people write; Python and PostgreSQL recurse over the tree.
MAX_NESTING: Final = 100
_CACHED_LENGTH: Final = 2_048
_LONG: Final = range(-(2**63), 2**63)
_INT: Final = range(2**31)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPED: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
# What a dot of Java's regular expressions does not match; no time is named with them.
_LINE_END: Final = re.compile("[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Sort:
    """`sort(+p,-q)`."""

    keys: tuple[SortKey, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """`limit(offset,count)`."""

    offset: int
    count: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """`cursor(x)`."""

    text: str


@dataclass(frozen=True, slots=True)
class Size:
    """`size(n)`."""

    count: int


Option = Sort | Limit | Cursor | Size


def parse_filter(text: str) -> Query:
    """The query that a filter or condition asks.

    Only the form is looked at, as Ditto's parser does; what a property may be depends on
    its use and is seen to by `check`, `evaluate` and `compile_sql`.

    Raises:
        RqlInvalid: It is no RQL, too long or too deep.
    """
    return _kept(text) if len(text) <= _CACHED_LENGTH else _filter(text)


def read_options(text: str) -> tuple[Option, ...]:
    """The options as written, none looked at for sense.

    Raises:
        RqlInvalid: The text has another form.
    """
    return cast("tuple[Option, ...]", _parsed(text, "options"))


def _filter(text: str) -> Query:
    query = cast("Query", _parsed(text, "filter"))
    level: list[Query] = [query]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_NESTING:
            raise RqlInvalid(0, f"queries stand in each other over {MAX_NESTING} deep", text)
        level = [child for node in level for child in children(node)]
    return query


_kept = lru_cache(1024)(_filter)


def _parsed(text: str, start: str) -> object:
    if len(text) > MAX_LENGTH:
        raise RqlInvalid(MAX_LENGTH, f"longer than {MAX_LENGTH} characters", text)
    try:
        return _parser().parse(text, start=start)
    except UnexpectedInput as error:
        at = _position(error, text)
        raise RqlInvalid(at, _complaint(error, text, at), text) from error
    except _Refused as error:
        raise RqlInvalid(error.position, error.message, text) from error


@cache
def _parser() -> Lark:
    # With the transformer inside, LALR builds the tree on the way: no recursion at all.
    return Lark(
        GRAMMAR,
        parser="lalr",
        lexer="contextual",
        start=["filter", "options"],
        transformer=_Build(),
        maybe_placeholders=False,
    )


class _Refused(Exception):
    def __init__(self, token: Token, message: str) -> None:
        super().__init__(message)
        self.position = token.start_pos or 0
        self.message = message


@v_args(inline=True)
class _Build(Transformer[Token, Any]):
    """Lark's callbacks: one for each rule of the grammar."""

    def filter(self, query: Query) -> Query:
        return query

    def options(self, *options: Option) -> tuple[Option, ...]:
        return options

    def compare(self, op: Token, prop: str, value: Value) -> Query:
        return Compare(cast("Op", str(op)), prop, value)

    def among(self, prop: str, *values: Value) -> Query:
        return In(prop, values)

    def both(self, *parts: Query) -> Query:
        return And(parts)

    def either(self, *parts: Query) -> Query:
        return Or(parts)

    def negation(self, part: Query) -> Query:
        return Not(part)

    def present(self, prop: str) -> Query:
        return Exists(prop)

    def void(self, prop: str) -> Query:
        return Empty(prop)

    def sort(self, *keys: SortKey) -> Option:
        return Sort(keys)

    def sort_key(self, order: Token, prop: str) -> SortKey:
        if "//" in prop:
            raise _Refused(order, "a property to sort by has two slashes in a row")
        return SortKey(prop, descending=order == "-")

    def limit(self, offset: int, count: int) -> Option:
        return Limit(offset, count)

    def cursor(self, text: str) -> Option:
        return Cursor(text)

    def size(self, digits: Token) -> Option:
        return Size(_whole(digits, _INT))

    def property(self, text: Token | None = None) -> str:
        return unescaped(text) if text is not None else ""

    def double(self, text: Token) -> float:
        return float(text)

    def long(self, text: Token) -> int:
        return _whole(text, _LONG)

    def text(self, quoted: Token) -> str:
        return unescaped(quoted[1:-1])

    def time(self, token: Token) -> Time:
        name = token.removeprefix("time:")
        if not name or _LINE_END.search(name):
            raise _Refused(token, "after 'time:' stands now, now-1h or now_epoch_millis")
        return Time(name.strip(" \t\f"))

    def yes(self) -> bool:
        return True

    def no(self) -> bool:
        return False

    def null(self) -> None:
        return None


def unescaped(text: str) -> str:
    """The characters that backslashes stand for; two halves of a pair become one."""
    if "\\" not in text:
        return str(text)
    plain = _ESCAPE.sub(_character, text)
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _character(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    return _ESCAPED.get(found[2], found[2])


def _whole(text: Token, allowed: range) -> int:
    # int() refuses to read very long texts, by another error.
    if len(text) > len(str(2**63)) + 1 and len(text.lstrip("+-0")) > len(str(2**63)):
        raise _Refused(text, f"the number has {len(text)} digits")
    number = int(text)
    if number not in allowed:
        raise _Refused(text, f"the number is not in {allowed.start} to {allowed.stop - 1}")
    return number


def _position(error: UnexpectedInput, text: str) -> int:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return len(text)
    return min(error.pos_in_stream if error.pos_in_stream is not None else 0, len(text))


def _complaint(error: UnexpectedInput, text: str, at: int) -> str:
    expected: set[str] = set()
    if isinstance(error, UnexpectedToken):
        expected = set(error.expected or ())
    elif isinstance(error, UnexpectedCharacters):
        expected = set(error.allowed or ())
    found = "the text ends here" if at >= len(text) else f"{text[at]!r} cannot stand here"
    hint = ""
    if at < len(text) and text[at].isspace():
        hint = "; blanks are allowed only in front, after a value and between queries"
    elif "STRING" in expected and at < len(text) and text[at].isalpha():
        hint = "; texts stand in quotes"
    return f"{found}, expected {_in_words(expected)}{hint}"


def _in_words(expected: set[str]) -> str:
    words = [word for name, word in WORDS.items() if name in expected and "STRING" not in expected]
    if expected & QUERY_WORDS:
        words.append("eq(, ne(, gt(, ge(, lt(, le(, like(, ilike(, in(, exists(, empty(, and(, or("
                     " or not(")  # fmt: skip
    if expected & VALUE_WORDS:
        words.append("a number, a quoted text, true, false, null or time:now")
    if expected & OPTION_WORDS:
        words.append("sort(, size(, cursor( or limit(")
    return " or ".join(words) or "nothing more"
