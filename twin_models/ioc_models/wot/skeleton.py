"""What a new thing holds before anyone has reported: defaults, else neutral values."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from ioc_models.wot.model import FeatureModel, ThingModel
from ioc_models.wot.schema import CATEGORY, optional

_NEUTRAL: Final[Mapping[str, Any]] = {
    "boolean": False,
    "string": "",
    "array": [],
    "null": None,
}


def attributes(model: ThingModel) -> dict[str, Any]:
    """The attributes that the model requires."""
    return _required(model.document)


def features(model: ThingModel) -> dict[str, Any]:
    """Every feature of the model, with the properties it requires."""
    return {name: feature(one) for name, one in model.features.items()}


def feature(model: FeatureModel) -> dict[str, Any]:
    """One feature: its definition and the properties it requires."""
    properties = _required(model.document)
    return {"definition": list(model.definition)} | (
        {"properties": properties} if properties else {}
    )


def neutral(schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 JSON
    """`const`, `default`, the first of `enum`, or the emptiest value of the type.

    A number is zero, or the nearest limit where zero is not allowed; an object holds
    what it requires. What has no neutral value, as a text with a pattern, comes out
    empty and will be found at fault: only the caller knows it.
    """
    for key in ("const", "default"):
        if key in schema:
            return deepcopy(schema[key])
    if schema.get("enum"):
        return deepcopy(schema["enum"][0])
    kind = schema.get("type")
    if kind in {"integer", "number"}:
        return _number(schema, whole=kind == "integer")
    if kind == "object":
        needed = schema.get("required", ())
        return {
            name: neutral(one)
            for name, one in schema.get("properties", {}).items()
            if name in needed
        }
    return deepcopy(_NEUTRAL.get(str(kind)))


def _required(document: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    left_out = optional(document)
    for name, schema in document.get("properties", {}).items():
        if name not in left_out:
            place = found.setdefault(schema[CATEGORY], {}) if CATEGORY in schema else found
            place[name] = neutral(schema)
    return found


def _number(schema: Mapping[str, Any], *, whole: bool) -> float:
    step = 1 if whole else 1e-6
    lowest = schema.get("minimum")
    if "exclusiveMinimum" in schema:
        lowest = schema["exclusiveMinimum"] + step
    highest = schema.get("maximum")
    if "exclusiveMaximum" in schema:
        highest = schema["exclusiveMaximum"] - step
    zero: float = 0 if whole else 0.0
    if lowest is not None and lowest > zero:
        zero = lowest
    if highest is not None and highest < zero:
        zero = highest
    return zero
