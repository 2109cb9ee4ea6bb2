"""A Thing Model's properties as JSON Schema (2020-12), which its data schemas nearly are."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
CATEGORY: Final = "ditto:category"
# Keywords that mean the same in a WoT data schema and in JSON Schema.
_SAME: Final = frozenset(
    {
        "type",
        "const",
        "default",
        "enum",
        "format",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "uniqueItems",
        "required",
        "title",
        "description",
        "readOnly",
        "writeOnly",
        "contentEncoding",
        "contentMediaType",
    }
)
_ONE: Final = ("additionalProperties", "not")
_MANY: Final = ("oneOf", "anyOf", "allOf")
# JSON Schema that WoT does not have and that we would silently not enforce.
UNSUPPORTED: Final = frozenset(
    {"$ref", "$dynamicRef", "if", "patternProperties", "contains"}
    | {"propertyNames", "dependentRequired", "dependentSchemas", "minProperties", "maxProperties"}
    | {"unevaluatedProperties", "unevaluatedItems"}
)


def json_schema(model: Mapping[str, Any], *, wanted: bool = False) -> dict[str, Any]:
    """What attributes (of a thing's model) or properties (of a feature's) look like.

    Args:
        model: A resolved Thing Model.
        wanted: For `desiredProperties`: none is required.
    """
    properties: dict[str, Any] = model.get("properties", {})
    flat = {name: one for name, one in properties.items() if CATEGORY not in one}
    needed = set(properties) - optional(model)
    whole = _object(flat, () if wanted else needed)
    for category in sorted({one[CATEGORY] for one in properties.values() if CATEGORY in one}):
        inside = {name: one for name, one in properties.items() if one.get(CATEGORY) == category}
        whole["properties"][category] = _object(inside, () if wanted else needed)
        if not wanted and needed & set(inside):
            whole["required"] = sorted({*whole.get("required", ()), category})
    title = model.get("title")
    return {"$schema": DIALECT} | ({"title": title} if title else {}) | whole


def optional(model: Mapping[str, Any], affordance: str = "properties") -> set[str]:
    """Names of the affordances of one kind that an instance may leave out."""
    start = f"/{affordance}/"
    return {
        pointer.removeprefix(start).replace("~1", "/").replace("~0", "~")
        for pointer in model.get("tm:optional", ())
        if pointer.startswith(start)
    }


def data_schema(affordance: Mapping[str, Any]) -> dict[str, Any]:
    """One data schema as JSON Schema; a unit becomes a note in the description."""
    schema = {key: value for key, value in affordance.items() if key in _SAME}
    schema |= {key: value for key, value in affordance.items() if key in UNSUPPORTED}
    if "properties" in affordance:
        schema["properties"] = {
            name: data_schema(one) for name, one in affordance["properties"].items()
        }
    if "items" in affordance:
        schema |= _items(affordance["items"])
    for key in _ONE:
        if key in affordance:
            one = affordance[key]
            schema[key] = data_schema(one) if isinstance(one, dict) else one
    for key in _MANY:
        if key in affordance:
            schema[key] = [data_schema(one) for one in affordance[key]]
    return _with_unit(schema, affordance.get("unit"))


def _items(items: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
    # WoT's array of schemas is a tuple: prefixItems in today's JSON Schema.
    if isinstance(items, list):
        return {"prefixItems": [data_schema(one) for one in items]}
    return {"items": data_schema(items) if isinstance(items, dict) else items}


def _with_unit(schema: dict[str, Any], unit: str | None) -> dict[str, Any]:
    if unit is None:
        return schema
    said = schema.get("description") or schema.get("title") or ""
    return schema | {"description": f"{said} [{unit}]".strip()}


def _object(properties: Mapping[str, Any], needed: Iterable[str]) -> dict[str, Any]:
    required = sorted(set(properties) & set(needed))
    return {
        "type": "object",
        "properties": {name: data_schema(one) for name, one in properties.items()},
        "additionalProperties": False,
    } | ({"required": required} if required else {})
