"""A model's JSON Schema as one regular expression over canonical JSON text.

What matches is accepted by the model; what the model accepts need not match. So the
expression may settle what is sound, and leaves all that it does not know to the model.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

# What says nothing about which values are allowed, or stands in another word's place.
_ASIDE: Final = {"title", "description", "default", "type", "$defs"}
_SAFE_PATTERN: Final = re.compile(r"\^(?P<inner>[^\\\".^$]+)\$")
# A decimal of so many digits is the shortest one that its float has.
_DIGITS: Final = 15
_TOO_LONG: Final = 10**_DIGITS
_TOO_LONG_EXACT: Final = 10**9
# What 63 bits hold without a second thought.
_TOO_LONG_INT: Final = 10**18

_UUID: Final = "-".join(f"[0-9a-f]{{{count}}}" for count in (8, 4, 4, 4, 12))
# Days that exist in each year, UTC; a 29th of February goes the long way.
_DATE_TIME: Final = (
    r"(?:19|20)[0-9]{2}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?(?:Z|\+00:00)"
)
_FORMATS: Final = {"uuid": _UUID, "date-time": _DATE_TIME}
# Spelled alike by all who write JSON: no escapes, hence no control characters.
_CHARACTER: Final = r'[^"\\\x00-\x1f]'


class NotInGrammar(Exception):
    """A schema asks for something that no pattern here stands for."""

    def __init__(self, wanted: object) -> None:
        super().__init__(f"no pattern for {wanted}")
        self.wanted = wanted


def pattern(
    model: type[BaseModel],
    named: Mapping[tuple[str, ...], str],
    *,
    also_required: frozenset[str] = frozenset(),
    exact: bool = False,
) -> re.Pattern[str]:
    """The texts, written with sorted keys and no spaces, that the model accepts.

    Args:
        model: Its keys are closed, here and inside.
        named: Which values to capture: path of keys to the group's name. A string is
            captured without its quotes; what is missing or null is None, as is what the
            model does not know.
        also_required: Keys of the model itself that must be there, defaults or not.
        exact: Match only what is canonical for certain: numbers of few digits. Otherwise
            whoever asks must see for himself that the text is canonical JSON.

    Raises:
        NotInGrammar: The model's schema says something that is not known here, or the
            model has checks that no schema shows.
    """
    _refuse_hidden_checks(model.__pydantic_core_schema__)
    schema = model.model_json_schema()
    required = [*schema.get("required", ()), *also_required]
    writer = _Writer(schema.get("$defs", {}), named, exact=exact)
    text = writer.value({**schema, "required": required}, ())
    unknown = (name for name in named.values() if f"(?P<{name}>" not in text)
    return re.compile(text + "".join(_perhaps(f"(?P<{name}>(?!))") for name in unknown))


def _refuse_hidden_checks(core: object) -> None:
    """Functions of ours that judge a value stand in no JSON Schema."""
    if isinstance(core, Mapping):
        if str(core.get("type", "")).startswith("function"):
            raise NotInGrammar(core["type"])
        for below in core.values():
            _refuse_hidden_checks(below)
    elif isinstance(core, list | tuple):
        for below in core:
            _refuse_hidden_checks(below)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes patterns; `path` is where in the message a value stands."""

    defs: Mapping[str, Any]
    named: Mapping[tuple[str, ...], str]
    exact: bool

    def value(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> str:
        if "$ref" in schema:
            return self.value(self.defs[schema["$ref"].rpartition("/")[2]], path)
        if "anyOf" in schema:
            _only(schema, "anyOf")
            return "(?:" + "|".join(self.value(each, path) for each in schema["anyOf"]) + ")"
        if "const" in schema or "enum" in schema:
            return self._one_of(schema, path)
        if schema.get("type") == "object":
            return self._object(schema, path)
        if schema.get("type") == "array":
            return self._array(schema, path)
        return self._plain(schema, path)

    def _plain(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> str:
        match schema.get("type"):
            case "string":
                text = f'"{self._capture(_characters(schema), path)}"'
            case "integer":
                text = self._capture(_integer(schema), path)
            case "number":
                text = self._capture(self._number(schema), path)
            case "boolean":
                _only(schema)
                text = self._capture("true|false", path)
            case "null":
                _only(schema)
                text = "null"
            case _:
                raise NotInGrammar(schema)
        return text

    def _capture(self, inner: str, path: tuple[str, ...]) -> str:
        name = self.named.get(path)
        return f"(?P<{name}>{inner})" if name else f"(?:{inner})"

    def _one_of(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> str:
        _only(schema, "const", "enum")
        values = schema.get("enum", [schema.get("const")])
        if all(isinstance(value, str) for value in values):
            return f'"{self._capture("|".join(map(re.escape, values)), path)}"'
        return self._capture("|".join(re.escape(json.dumps(value)) for value in values), path)

    def _array(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> str:
        _only(schema, "items", "maxItems", "minItems")
        item = self.value(schema["items"], (*path, "*"))
        return rf"\[{_between(item, schema.get('minItems', 0), schema.get('maxItems'))}\]"

    def _object(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> str:
        if "patternProperties" in schema:
            return self._free_keys(schema, path)
        _only(schema, "properties", "required", "additionalProperties")
        if schema.get("additionalProperties") is not False:
            raise NotInGrammar(schema)
        required = set(schema["required"])
        names = sorted(schema["properties"])
        # Those before it end in a comma, those behind it begin with one.
        pivot = next(place for place, name in enumerate(names) if name in required)
        parts = []
        for place, name in enumerate(names):
            value = self.value(schema["properties"][name], (*path, name))
            member = ("," if place > pivot else "") + f'"{name}":{value}'
            member += "," if place < pivot else ""
            parts.append(member if name in required else _perhaps(member))
        return r"\{" + "".join(parts) + r"\}"

    def _free_keys(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> str:
        _only(schema, "patternProperties", "minProperties", "maxProperties")
        if self.exact:
            raise NotInGrammar("the order of free keys")
        ((key, value),) = schema["patternProperties"].items()
        member = f'"{_inside(key)}":{self.value(value, (*path, "*"))}'
        count = schema.get("minProperties", 0), schema.get("maxProperties")
        return rf"\{{{_between(member, *count)}\}}"

    def _number(self, schema: Mapping[str, Any]) -> str:
        """No exponents, and no number so small that somebody would write one."""
        _only(schema, "minimum", "maximum")
        low, high = schema.get("minimum"), schema.get("maximum", _TOO_LONG)
        if low not in {None, 0, -high} or high != int(high):
            raise NotInGrammar(schema)
        limit = min(int(high), _TOO_LONG_EXACT if self.exact else _TOO_LONG)
        # An integer has no minus zero; a float has.
        sign = "" if low == 0 else _perhaps(r"-(?!0[,}\]])")
        fraction = "[0-9]{1,20}"
        if self.exact:
            spare = _DIGITS - len(str(limit - 1))
            fraction = f"(?:0|[0-9]{{0,{spare - 1}}}[1-9])"
        top = f"|{limit}" + _perhaps(r"\.0") if limit == high else ""
        return f"{sign}(?:(?:{_below(limit)})" + _perhaps(rf"\.(?!0000){fraction}") + f"{top})"


def _integer(schema: Mapping[str, Any]) -> str:
    _only(schema, "minimum", "maximum")
    low = schema.get("minimum")
    if low not in {0, 1}:
        raise NotInGrammar(schema)
    limit = min(schema.get("maximum", _TOO_LONG_INT) + 1, _TOO_LONG_INT)
    return ("(?!0)" if low else "") + f"(?:{_below(limit)})"


def _below(limit: int) -> str:
    """Whole numbers from 0 to `limit` - 1, without leading zeros; `limit` >= 1."""
    digits = str(limit)
    found = ["0"] if limit > 1 or digits == "1" else []
    if len(digits) > 1:
        found.append(f"[1-9][0-9]{{0,{len(digits) - 2}}}")
    for place, digit in enumerate(map(int, digits)):
        lowest = 1 if place == 0 else 0
        if digit > lowest:
            rest = len(digits) - place - 1
            found.append(f"{digits[:place]}[{lowest}-{digit - 1}][0-9]{{{rest}}}")
    return "|".join(found)


def _characters(schema: Mapping[str, Any]) -> str:
    _only(schema, "pattern", "format", "minLength", "maxLength")
    lengths = "minLength" in schema, "maxLength" in schema
    if "pattern" in schema and not any(lengths):
        return _inside(schema["pattern"])
    if schema.get("format") in _FORMATS and not any(lengths):
        return _FORMATS[schema["format"]]
    if "maxLength" not in schema or "format" in schema or "pattern" in schema:
        raise NotInGrammar(schema)
    return f"{_CHARACTER}{{{schema.get('minLength', 0)},{schema['maxLength']}}}"


def _inside(wanted: str) -> str:
    """A pattern of a model without its anchors; it must not reach over the closing quote."""
    found = _SAFE_PATTERN.fullmatch(wanted)
    if found is None:
        raise NotInGrammar(wanted)
    return found["inner"]


def _between(item: str, low: int, high: int | None) -> str:
    """`low` to `high` of them with commas between."""
    if low > 1 or high == 0:
        raise NotInGrammar(f"{low} to {high} of something")
    more = f"(?:,{item})" + ("*" if high is None else f"{{0,{high - 1}}}")
    return f"{item}{more}" if low else _perhaps(f"{item}{more}")


def _perhaps(inner: str) -> str:
    """`(?:inner)?` takes half as long again to match."""
    return f"(?:{inner}|)"


def _only(schema: Mapping[str, Any], *known: str) -> None:
    if unknown := set(schema) - _ASIDE - set(known):
        raise NotInGrammar(unknown)
