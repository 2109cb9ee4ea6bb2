"""A Thing Model made ready to judge things: what its attributes and features must be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ioc_models.wot.check import (
    REQUIRED,
    UNKNOWN,
    Check,
    SchemaUnsupported,
    compiled,
)
from ioc_models.wot.errors import ModelInvalid, NotJudgedAlone
from ioc_models.wot.files import Resolver
from ioc_models.wot.keywords import Fault, type_name
from ioc_models.wot.resolve import extended, filled, resolved, submodels
from ioc_models.wot.schema import json_schema

Path = tuple[str, ...]
# Ditto takes values for a model's placeholders from this attribute.
PLACEHOLDERS: Final = "model-placeholders"
_FEATURE_KEYS: Final = frozenset({"definition", "properties", "desiredProperties"})
_NO_OBJECT: Final = ": {{type={} found, object expected}}"


@dataclass(frozen=True, slots=True)
class FeatureModel:
    """What one feature must be.

    Attributes:
        definition: Its URL and those of the models it extends, as Ditto lists them.
        document: The resolved Thing Model.
        desired: As `properties`, but nothing is required.
    """

    definition: tuple[str, ...]
    document: Mapping[str, Any]
    properties: Check
    desired: Check

    def faults(self, feature: object) -> list[Fault] | None:
        """What is wrong with a whole feature."""
        if not isinstance(feature, dict):
            return [((), _NO_OBJECT.format(type_name(feature)))]
        faults: list[Fault] = []
        # A feature that says nothing of its properties has none.
        parts = {"properties": {}, **feature}
        for key, part in parts.items():
            if key in _FEATURE_KEYS:
                found = self._part(key).judge(part) if key != "definition" else self._named(part)
                if found:
                    faults += [((key, *path), text) for path, text in found]
        return faults or None

    def faults_at(self, path: Path, value: object) -> list[Fault] | None:
        """What is wrong with `value` at a path inside the feature."""
        if not path:
            return self.faults(value)
        if path[0] == "definition":
            return _under(path[:1], self._named(value))
        if path[0] not in _FEATURE_KEYS:
            return None
        return _under(path, found_at(self._part(path[0]), path[1:]).judge(value))

    def faults_without(self, path: Path) -> list[Fault] | None:
        """What is wrong when nothing stands at a path inside the feature any more."""
        if not path:
            return [((), REQUIRED)]
        if path[0] != "properties":
            return None
        if path == ("properties",):
            return _under(path, self.properties.judge({}))
        return _under(path[:1], missing(self.properties, path[1:]))

    def _part(self, key: str) -> Check:
        return self.properties if key == "properties" else self.desired

    def _named(self, definition: object) -> list[Fault] | None:
        if isinstance(definition, list) and definition and definition[0] == self.definition[0]:
            return None
        return [((), f": {{definition=the first must be {self.definition[0]}}}")]


@dataclass(frozen=True, slots=True)
class ThingModel:
    """What a thing of one definition must be.

    Attributes:
        url: The definition.
        document: The resolved Thing Model.
        features: By feature id; all of them must be there, and no other.
    """

    url: str
    document: Mapping[str, Any]
    attributes: Check
    features: Mapping[str, FeatureModel]

    def faults(self, thing: Mapping[str, Any]) -> list[Fault]:
        """What is wrong with a whole thing."""
        found = _under(("attributes",), self._attributes(thing.get("attributes", {}))) or []
        return found + (_under(("features",), self._features(thing.get("features", {}))) or [])

    def faults_at(self, path: Path, value: object) -> list[Fault]:
        """What is wrong with `value` at a path inside the thing.

        Raises:
            NotJudgedAlone: Only a larger part can be judged.
        """
        if not path:
            return self.faults(value) if isinstance(value, dict) else [((), "not an object")]
        if path[0] == "attributes":
            return self._attribute_at(path[1:], value)
        if path[0] != "features":
            return []
        if len(path) == 1:
            return _under(path, self._features(value)) or []
        feature = self.features.get(path[1])
        if feature is None:
            return [(path[:2], UNKNOWN)]
        return _under(path[:2], feature.faults_at(path[2:], value)) or []

    def faults_without(self, path: Path) -> list[Fault]:
        """What is wrong when nothing stands at `path` any more."""
        top, below = path[0], path[1:]
        if top == "definition":
            return [(path, REQUIRED)]
        if top not in {"attributes", "features"}:
            return []
        if not below:
            return self.faults_at(path, {})
        if top == "attributes":
            return _under(path[:1], missing(self.attributes, below)) or []
        feature = self.features.get(below[0])
        return _under(path[:2], feature.faults_without(below[1:])) or [] if feature else []

    def _attributes(self, attributes: object) -> list[Fault] | None:
        if isinstance(attributes, dict) and PLACEHOLDERS in attributes:
            attributes = {key: one for key, one in attributes.items() if key != PLACEHOLDERS}
        return self.attributes.judge(attributes)

    def _attribute_at(self, path: Path, value: object) -> list[Fault]:
        if not path:
            return _under(("attributes",), self._attributes(value)) or []
        if path[0] == PLACEHOLDERS:
            return []
        at = ("attributes", *path)
        return _under(at, found_at(self.attributes, path).judge(value)) or []

    def _features(self, features: object) -> list[Fault] | None:
        if not isinstance(features, dict):
            return [((), _NO_OBJECT.format(type_name(features)))]
        faults: list[Fault] = []
        for name, feature in features.items():
            model = self.features.get(name)
            if model is None:
                faults.append(((name,), UNKNOWN))
                continue
            faults += _under((name,), model.faults(feature)) or ()
        if len(features) < len(self.features) or faults:
            faults += [((name,), REQUIRED) for name in self.features if name not in features]
        return faults or None


def thing_model(url: str, resolver: Resolver, values: Mapping[str, Any]) -> ThingModel:
    """The model at `url`, its submodels with it, `values` for its placeholders.

    Raises:
        ModelNotFound: It, or one that it needs, is nowhere.
        ModelInvalid: It cannot be used.
    """
    document = filled(resolved(url, resolver), values, url)
    features = {
        name: feature_model(one, resolver, values) for name, one in submodels(document, url).items()
    }
    return ThingModel(url, document, _check(json_schema(document), url), features)


def feature_model(url: str, resolver: Resolver, values: Mapping[str, Any]) -> FeatureModel:
    """The model of a feature; raises as `thing_model` does."""
    document = filled(resolved(url, resolver), values, url)
    return FeatureModel(
        definition=(url, *_ancestors(url, resolver)),
        document=document,
        properties=_check(json_schema(document), url),
        desired=_check(json_schema(document, wanted=True), url),
    )


def found_at(check: Check, path: Path) -> Check:
    """The check of what stands at `path` below a checked value.

    Raises:
        NotJudgedAlone: A `oneOf`, or an array, stands on the way.
    """
    for depth, part in enumerate(path):
        if check.composed:
            raise NotJudgedAlone(path[:depth])
        member = check.members.get(part, check.others)
        if member is None:
            return _ANYTHING
        check = member
    return check


_ANYTHING: Final = compiled(schema=True)


def _check(schema: Mapping[str, Any], url: str) -> Check:
    try:
        return compiled(schema)
    except (SchemaUnsupported, KeyError, TypeError, ValueError, re.error) as error:
        raise ModelInvalid(url, f"its properties are no usable schema: {error}") from error


def _ancestors(url: str, resolver: Resolver) -> list[str]:
    found: list[str] = []
    for base in extended(resolver(url), url):
        found += [base, *_ancestors(base, resolver)]
    return found


def missing(check: Check, path: Path) -> list[Fault] | None:
    """A fault if what `path` leads to, below a checked value, is required."""
    around = found_at(check, path[:-1])
    if around.composed:
        raise NotJudgedAlone(path)
    return [(path, REQUIRED)] if path[-1] in around.required else None


def _under(path: Path, faults: list[Fault] | None) -> list[Fault] | None:
    if not faults:
        return None
    return [((*path, *below), text) for below, text in faults]
