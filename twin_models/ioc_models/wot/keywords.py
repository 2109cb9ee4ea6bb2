"""The keywords of JSON Schema that look at one value."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from fractions import Fraction
from math import isfinite
from typing import Any, Final

# The path from the judged value to the fault, and what is wrong there.
Fault = tuple[tuple[str, ...], str]
Judge = Callable[[object], list[Fault] | None]

# RFC 3339: a date and a time with an offset, nothing looser.
_DATE_TIME: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SHOWN: Final = 80


def value_judges(schema: Mapping[str, Any]) -> list[Judge]:
    """Judges for the keywords of `schema` that look at one value, the type's first."""
    judges = [_types(schema["type"])] if "type" in schema else []
    if "const" in schema:
        judges.append(_among("const", [schema["const"]]))
    if "enum" in schema:
        judges.append(_among("enum", schema["enum"]))
    judges += [make(schema[key]) for key, make in _MAKERS.items() if key in schema]
    if schema.get("uniqueItems"):
        judges.append(_unique)
    return judges


def same(one: object, other: object) -> bool:
    """Equality of JSON: 1 is 1.0, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            same(part, other[key]) for key, part in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def type_name(value: object) -> str:
    """What JSON calls the type of a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    names: tuple[tuple[type, str], ...] = (
        (float, "number"),
        (str, "string"),
        (dict, "object"),
        (list, "array"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def _integer(value: object) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    # Python reads NaN and Infinity, which JSON does not have and no limit would stop.
    if isinstance(value, float):
        return isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


_IS: Final[Mapping[str, Callable[[object], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "number": _number,
    "integer": _integer,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}


def _types(wanted: str | list[str]) -> Judge:
    names = [wanted] if isinstance(wanted, str) else wanted
    tests = [_IS[name] for name in names]
    expected = " or ".join(names)

    def wrong(value: object) -> list[Fault]:
        return [((), f": {{type={type_name(value)} found, {expected} expected}}")]

    def judge_one(value: object) -> list[Fault] | None:
        return None if test(value) else wrong(value)

    def judge_any(value: object) -> list[Fault] | None:
        return None if any(one(value) for one in tests) else wrong(value)

    test = tests[0]
    return judge_one if len(tests) == 1 else judge_any


def _among(keyword: str, values: list[Any]) -> Judge:
    texts = frozenset(value for value in values if isinstance(value, str))

    def judge(value: object) -> list[Fault] | None:
        if value in texts if isinstance(value, str) else any(same(value, one) for one in values):
            return None
        return [((), f": {{{keyword}={_short(value)} is none of {_short(values)}}}")]

    return judge


def _limit(keyword: str, broken: Callable[[Any, Any], bool], text: str) -> Callable[[Any], Judge]:
    def make(limit: float) -> Judge:
        def judge(value: object) -> list[Fault] | None:
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                return None
            if not broken(value, limit):
                return None
            return [((), f": {{{keyword}={value} is {text} {limit}}}")]

        return judge

    return make


def _size(keyword: str, kind: type, broken: Callable[[int, int], bool]) -> Callable[[Any], Judge]:
    def make(limit: int) -> Judge:
        def judge(value: object) -> list[Fault] | None:
            if not isinstance(value, kind):
                return None
            size = len(value)  # type: ignore[arg-type]  # str and list alone are asked for
            return (
                [((), f": {{{keyword}={size} against {limit}}}")] if broken(size, limit) else None
            )

        return judge

    return make


def _multiple(of: float) -> Judge:
    step = Fraction(str(of))

    def judge(value: object) -> list[Fault] | None:
        # As written: 0.3 is a multiple of 0.1, whatever binary fractions say.
        if not _number(value) or (Fraction(str(value)) / step).denominator == 1:
            return None
        return [((), f": {{multipleOf={value} is no multiple of {of}}}")]

    return judge


def _pattern(pattern: str) -> Judge:
    # `$` means the end, as in JavaScript; Python's lets a line break follow.
    ends = pattern.endswith("$") and not pattern.endswith(r"\$")
    search = re.compile(pattern[:-1] + r"\Z" if ends else pattern).search

    def judge(value: object) -> list[Fault] | None:
        if not isinstance(value, str) or search(value):
            return None
        return [((), f": {{pattern={_short(value)} does not match {pattern}}}")]

    return judge


def _format(name: str) -> Judge:
    def judge(value: object) -> list[Fault] | None:
        if not isinstance(value, str) or known is None or known(value):
            return None
        return [((), f": {{format={_short(value)} is no {name}}}")]

    known = _FORMATS.get(name)
    return judge


def is_date_time(text: str) -> bool:
    """Whether a text is a moment as RFC 3339 writes them, and one that exists."""
    if not _DATE_TIME.fullmatch(text):
        return False
    try:
        # Python 3.10 reads neither Z nor fractions of other than 3 or 6 digits.
        datetime.fromisoformat(text[:19].upper())
        return text[-1] in "Zz" or (text[-5:-3] < "24" and text[-2:] < "60")
    except ValueError:
        return False


def is_date(text: str) -> bool:
    """Whether a text is a day that exists, as 2026-11-24."""
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


# Other formats are notes, as JSON Schema has it.
_FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {"date-time": is_date_time, "date": is_date}


def _unique(value: object) -> list[Fault] | None:
    if not isinstance(value, list):
        return None
    for index, one in enumerate(value):
        if any(same(one, other) for other in value[:index]):
            return [((), f": {{uniqueItems={_short(one)} comes twice}}")]
    return None


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


_MAKERS: Final[Mapping[str, Callable[[Any], Judge]]] = {
    "minimum": _limit("minimum", lambda value, limit: value < limit, "below"),
    "maximum": _limit("maximum", lambda value, limit: value > limit, "above"),
    "exclusiveMinimum": _limit(
        "exclusiveMinimum", lambda value, limit: value <= limit, "not above"
    ),
    "exclusiveMaximum": _limit(
        "exclusiveMaximum", lambda value, limit: value >= limit, "not below"
    ),
    "multipleOf": _multiple,
    "minLength": _size("minLength", str, lambda size, limit: size < limit),
    "maxLength": _size("maxLength", str, lambda size, limit: size > limit),
    "pattern": _pattern,
    "format": _format,
    "minItems": _size("minItems", list, lambda size, limit: size < limit),
    "maxItems": _size("maxItems", list, lambda size, limit: size > limit),
}
