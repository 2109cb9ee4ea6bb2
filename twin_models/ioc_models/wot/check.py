"""JSON Schema turned into functions once, so that every write can be judged.

The part of 2020-12 that Thing Models use; what is not supported is refused when it is
compiled, never ignored. A judge returns None for a good value, else faults with the path
to each from the value that was judged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ioc_models.wot.keywords import Fault, Judge, value_judges
from ioc_models.wot.schema import UNSUPPORTED

REQUIRED: Final = ": {required=missing}"
UNKNOWN: Final = ": {additionalProperties=not in the model}"


class SchemaUnsupported(Exception):
    """A keyword that would not be enforced."""

    def __init__(self, keywords: Sequence[str]) -> None:
        super().__init__(f"keywords not supported: {', '.join(keywords)}")


@dataclass(frozen=True, slots=True)
class Check:
    """A compiled schema.

    Attributes:
        judge: Judges a value.
        members: Checks of an object's named members.
        others: Check of its other members; None lets any pass.
        required: Members that it must have.
        composed: Whether a `oneOf` or its like judges the value as a whole.
    """

    judge: Judge
    members: Mapping[str, "Check"] = field(default_factory=dict)
    others: "Check | None" = None
    required: frozenset[str] = frozenset()
    composed: bool = False


def _passes(_value: object) -> list[Fault] | None:
    return None


def _refuses(_value: object) -> list[Fault] | None:
    return [((), UNKNOWN)]


ANYTHING: Final = Check(_passes)
NOTHING: Final = Check(_refuses)


def compiled(schema: Any) -> Check:  # noqa: ANN401 JSON
    """A schema as functions.

    Raises:
        SchemaUnsupported: It uses a keyword that would not be enforced.
    """
    if isinstance(schema, bool):
        return ANYTHING if schema else NOTHING
    unknown = sorted(UNSUPPORTED & schema.keys())
    if unknown:
        raise SchemaUnsupported(unknown)
    members = {name: compiled(one) for name, one in schema.get("properties", {}).items()}
    others = compiled(schema["additionalProperties"]) if "additionalProperties" in schema else None
    required = frozenset(schema.get("required", ()))
    judges = value_judges(schema)
    if members or others is not None or required:
        judges.append(_object(members, others, required))
    if "items" in schema or "prefixItems" in schema:
        judges.append(_array(schema))
    composed = _composed(schema)
    judges += composed
    return Check(_all(judges), members, others, required, composed=bool(composed))


def _all(judges: Sequence[Judge]) -> Judge:
    if not judges:
        return _passes
    if len(judges) == 1:
        return judges[0]
    first, rest = judges[0], tuple(judges[1:])

    def judge(value: object) -> list[Fault] | None:
        # The type comes first: what has the wrong type has no other faults worth telling.
        faults = first(value)
        if faults:
            return faults
        for one in rest:
            found = one(value)
            if found:
                faults = [*(faults or ()), *found]
        return faults

    return judge


def _object(members: Mapping[str, Check], others: Check | None, required: frozenset[str]) -> Judge:
    named: dict[str, Judge] = {name: one.judge for name, one in members.items()}
    rest = others.judge if others is not None else _passes

    def judge(value: object) -> list[Fault] | None:
        if not isinstance(value, dict):
            return None
        faults: list[Fault] | None = None
        for key, part in value.items():
            found = named.get(key, rest)(part)
            if found:
                faults = [*(faults or ()), *(((key, *path), text) for path, text in found)]
        if required and not value.keys() >= required:
            missing = sorted(required - value.keys())
            faults = [*(faults or ()), *(((name,), REQUIRED) for name in missing)]
        return faults

    return judge


def _array(schema: Mapping[str, Any]) -> Judge:
    first = tuple(compiled(one).judge for one in schema.get("prefixItems", ()))
    rest = compiled(schema.get("items", True)).judge

    def judge(value: object) -> list[Fault] | None:
        if not isinstance(value, list):
            return None
        faults: list[Fault] | None = None
        for index, part in enumerate(value):
            found = (first[index] if index < len(first) else rest)(part)
            if found:
                faults = [*(faults or ()), *(((str(index), *path), text) for path, text in found)]
        return faults

    return judge


def _composed(schema: Mapping[str, Any]) -> list[Judge]:
    found: list[Judge] = []
    if "allOf" in schema:
        found.append(_each([compiled(one).judge for one in schema["allOf"]]))
    if "anyOf" in schema:
        found.append(_counted("anyOf", schema["anyOf"], lambda passed: passed >= 1))
    if "oneOf" in schema:
        found.append(_counted("oneOf", schema["oneOf"], lambda passed: passed == 1))
    if "not" in schema:
        found.append(_counted("not", [schema["not"]], lambda passed: passed == 0))
    return found


def _each(judges: Sequence[Judge]) -> Judge:
    def judge(value: object) -> list[Fault] | None:
        return [fault for one in judges for fault in one(value) or ()] or None

    return judge


def _counted(keyword: str, schemas: Sequence[Any], good: Callable[[int], bool]) -> Judge:
    judges = [compiled(one).judge for one in schemas]

    def judge(value: object) -> list[Fault] | None:
        passed = sum(not one(value) for one in judges)
        if good(passed):
            return None
        return [((), f": {{{keyword}={passed} of {len(judges)} shapes fit}}")]

    return judge
