"""Thing Models by URL, each compiled once: the one door of this package."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeGuard

from ioc_models.wot import description, skeleton
from ioc_models.wot.errors import ModelNotFound, WotError
from ioc_models.wot.files import DEFAULT_BASE, FirstOf, Packaged, Resolver, absolute, packaged
from ioc_models.wot.keywords import Fault
from ioc_models.wot.model import (
    PLACEHOLDERS,
    FeatureModel,
    Path,
    ThingModel,
    feature_model,
    thing_model,
)
from ioc_models.wot.resolve import overlaid
from ioc_models.wot.series import Series, timeseries_paths

# Texts by JSON pointer; empty when all is well.
Faults = dict[str, list[str]]
MAX_KEPT: Final = 256
_SUFFIX: Final = ".tm.jsonld"


class Catalogue:
    """Our own Thing Models under one base, and others if a resolver knows them.

    Safe to share between threads: what two compile at once is the same.

    Args:
        base: Where the cloud serves `/wot/...`. Things remember it in `definition`, so an
            installation chooses it once.
        former: Bases that this installation had before; things made then stay valid.
        elsewhere: Asked for URLs that are not ours; without one they are `ModelNotFound`.
    """

    def __init__(
        self,
        base: str = DEFAULT_BASE,
        *,
        former: Sequence[str] = (),
        elsewhere: Resolver | None = None,
    ) -> None:
        self._own = Packaged(base)
        others = (elsewhere,) if elsewhere else ()
        self._resolver = FirstOf((self._own, *(Packaged(one) for one in former), *others))
        self._things: dict[tuple[str, str], ThingModel] = {}
        self._features: dict[tuple[str, str], FeatureModel] = {}
        self._series: dict[str, dict[Path, Series]] = {}

    @property
    def root(self) -> str:
        """Where the cloud serves our documents, with a slash at its end."""
        return self._own.root

    def url(self, name: str) -> str:
        """The definition of one of ours by its short name, as `things/camera-1.0.0`."""
        return f"{self._own.root}{name}{_SUFFIX}"

    def paths(self) -> list[str]:
        """Paths of our documents below `/wot/`, contexts included."""
        return list(packaged())

    def document(self, path: str) -> dict[str, Any]:
        """One of our documents as it is to be served, references absolute.

        Args:
            path: Below `/wot/`, as `things/camera-1.0.0.tm.jsonld`.

        Raises:
            ModelNotFound: There is none.
        """
        url = self._own.root + path
        return absolute(self._own(url), url)

    def model(self, definition: str, values: Mapping[str, Any] | None = None) -> ThingModel:
        """The compiled model of a definition.

        Raises:
            ModelNotFound: No resolver knows it.
            ModelInvalid: It cannot be used.
        """
        key = (definition, _key(values))
        found = self._things.get(key)
        if found is None:
            found = thing_model(definition, self._resolver, values or {})
            if len(self._things) >= MAX_KEPT:
                self._things.clear()
            self._things[key] = found
        return found

    def feature(self, definition: str, values: Mapping[str, Any] | None = None) -> FeatureModel:
        """The compiled model of a feature's definition; raises as `model` does."""
        key = (definition, _key(values))
        found = self._features.get(key)
        if found is None:
            found = feature_model(definition, self._resolver, values or {})
            if len(self._features) >= MAX_KEPT:
                self._features.clear()
            self._features[key] = found
        return found

    def skeleton(
        self,
        definition: str,
        *,
        attributes: Mapping[str, Any] | None = None,
        features: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A thing's definition, attributes and features before anyone has reported.

        Args:
            definition: URL of the thing's model.
            attributes: What is known; it wins over defaults.
            features: The same for features.
        """
        given = dict(attributes or {})
        model = self.model(definition, given.get(PLACEHOLDERS))
        made = {
            "definition": definition,
            "attributes": overlaid(skeleton.attributes(model), given),
            "features": overlaid(skeleton.features(model), dict(features or {})),
        }
        return {key: value for key, value in made.items() if value}

    def feature_skeleton(self, definition: str) -> dict[str, Any]:
        """A feature's definition and properties before anyone has reported."""
        return skeleton.feature(self.feature(definition))

    def validate(self, thing: Mapping[str, Any]) -> Faults:
        """What a thing's model does not allow; nothing for a thing without a model.

        Raises:
            ModelNotFound: Its definition is a URL that no resolver knows.
            ModelInvalid: Its model cannot be used.
        """
        definition = thing.get("definition")
        if is_url(definition):
            return _shown(self.model(definition, _values(thing)).faults(thing))
        faults: list[Fault] = []
        for name, feature in _dict(thing.get("features")).items():
            own = _dict(feature).get("definition")
            if isinstance(own, list) and own and is_url(own[0]):
                found = self.feature(own[0], _values(thing)).faults(feature) or ()
                faults += [(("features", name, *path), text) for path, text in found]
        return _shown(faults)

    def validate_path(
        self,
        definition: str,
        path: Path,
        value: object,
        placeholders: Mapping[str, Any] | None = None,
    ) -> Faults:
        """What is wrong with `value` at `path` (unescaped parts) of a thing.

        For merges: each touched path with the value that now stands there. A thing whose
        model has placeholders keeps their values in its attribute `model-placeholders`.

        Raises:
            NotJudgedAlone: Only a larger part can be judged; use `validate`.
        """
        return _shown(self.model(definition, placeholders).faults_at(tuple(path), value))

    def validate_removal(
        self, definition: str, path: Path, placeholders: Mapping[str, Any] | None = None
    ) -> Faults:
        """What is wrong with nothing standing at `path` any more."""
        return _shown(self.model(definition, placeholders).faults_without(tuple(path)))

    def thing_description(self, thing: Mapping[str, Any], api_base: str) -> dict[str, Any]:
        """The TD of a thing that has a model.

        Args:
            thing: As far as the caller may read it; `thingId` and `definition` with it.
            api_base: Where Ditto's API is, as `https://ioc.example/api/2`.

        Raises:
            ModelNotFound: It has no model, or none that is known.
        """
        definition = thing.get("definition")
        if not is_url(definition):
            raise ModelNotFound(str(definition))
        return description.of_thing(self.model(definition, _values(thing)), thing, api_base)

    def feature_description(
        self, thing: Mapping[str, Any], feature_id: str, api_base: str
    ) -> dict[str, Any]:
        """The TD of one feature of a thing; raises as `thing_description` does."""
        feature = _dict(_dict(thing.get("features")).get(feature_id))
        definition = feature.get("definition") or [None]
        if not is_url(definition[0]):
            raise ModelNotFound(str(definition[0]))
        model = self.feature(definition[0], _values(thing))
        return description.of_feature(model, thing["thingId"], feature_id, api_base)

    def timeseries_paths(self, definition: str) -> dict[Path, Series]:
        """Series by path from the thing's root; `*` in a path is any one key."""
        found = self._series.get(definition)
        if found is None:
            if len(self._series) >= MAX_KEPT:
                self._series.clear()
            found = self._series[definition] = timeseries_paths(self.model(definition))
        return found

    def series_of(self, definition: str) -> frozenset[Path]:
        """The patterns of `timeseries_paths`; none for what has no model that is known."""
        if not is_url(definition):
            return frozenset()
        with suppress(WotError):
            return frozenset(self.timeseries_paths(definition))
        return frozenset()


def is_url(definition: object) -> TypeGuard[str]:
    """Whether a definition is the URL of a model; `ns:name:version` has none."""
    return isinstance(definition, str) and definition.startswith(("http://", "https://"))


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _values(thing: Mapping[str, Any]) -> Mapping[str, Any] | None:
    values = _dict(thing.get("attributes")).get(PLACEHOLDERS)
    return values if isinstance(values, dict) else None


def _key(values: Mapping[str, Any] | None) -> str:
    return json.dumps(values, sort_keys=True) if values else ""


def _shown(faults: list[Fault]) -> Faults:
    shown: Faults = {}
    for path, text in faults:
        at = "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)
        shown.setdefault(at, []).append(text)
    return shown
