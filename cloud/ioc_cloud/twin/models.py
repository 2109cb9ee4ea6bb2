"""Thing Models as the twin asks them: skeletons, judgement, descriptions, series."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.pointer import Path, parse, show
from ioc_cloud.twin.series import NO_SERIES, matching
from ioc_models.wot import Catalogue, ModelNotFound, WotError, is_url


class WotModels:
    """Models of one catalogue.

    A definition that the catalogue does not know is somebody else's business: no network
    is asked for it, and such a thing is held to nothing.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        """Things made after `catalogue` are judged by it."""
        self.catalogue = catalogue
        self._series = lru_cache(maxsize=256)(self._series_of)

    def skeleton(self, doc: dict[str, Any]) -> dict[str, Any]:
        """A new thing with what its model requires; what it brings along wins."""
        definition = doc.get("definition")
        if is_url(definition):
            try:
                made = self.catalogue.skeleton(
                    definition, attributes=doc.get("attributes"), features=doc.get("features")
                )
            except ModelNotFound:
                return doc
            except WotError as error:
                raise _unusable(definition, error) from error
            return {**doc, **made}
        return doc

    def check(self, before: dict[str, Any] | None, after: dict[str, Any], path: Path) -> None:
        """See that a thing fits its model after a change at `path`.

        Raises:
            DittoError: It does not.
        """
        definition = after.get("definition")
        if before is not None and not definition and is_url(before.get("definition")):
            raise _invalid({show(("definition",)): [": a modelled thing keeps its definition"]})
        if not is_url(definition) and not _has_modelled_feature(after, path):
            return
        try:
            faults = self.catalogue.validate(after)
        except ModelNotFound:
            return
        except WotError as error:
            raise _unusable(str(definition), error) from error
        if faults:
            raise _invalid(faults)

    def describe(self, doc: dict[str, Any], path: Path, api_base: str) -> dict[str, Any]:
        """The Thing Description of a thing, or of its feature at `path`.

        Raises:
            DittoError: It has no model, or none that is known here.
        """
        try:
            if path:
                return self.catalogue.feature_description(doc, path[1], api_base)
            return self.catalogue.thing_description(doc, api_base)
        except ModelNotFound as error:
            raise DittoError(
                404, "wot:model.notfound", f"There is no Thing Model to describe it by: {error}"
            ) from error

    @property
    def series_of(self) -> Callable[[str], frozenset[Path]]:
        """Paths of a definition that are kept as series."""
        return self._series

    def unit_of(self, definition: str, path: str) -> str | None:
        """The unit that a definition states for a series; None where it states none."""
        if not is_url(definition):
            return None
        try:
            series = self.catalogue.timeseries_paths(definition)
        except WotError:
            return None
        wanted = parse(path)
        pattern = wanted if wanted in series else matching(wanted, frozenset(series))
        return series[pattern].unit if pattern is not None else None

    def _series_of(self, definition: str) -> frozenset[Path]:
        if not is_url(definition):
            return NO_SERIES
        try:
            return frozenset(self.catalogue.timeseries_paths(definition))
        except WotError:
            return NO_SERIES


def _has_modelled_feature(doc: dict[str, Any], path: Path) -> bool:
    if path and path[0] != "features":
        return False
    features = doc.get("features")
    return isinstance(features, dict) and any(
        isinstance(one, dict) and is_url((one.get("definition") or [None])[0])
        for one in features.values()
    )


def _unusable(definition: str, error: WotError) -> DittoError:
    return DittoError(
        400, "wot:model.invalid", f"'{definition}' cannot be used as a Thing Model: {error}"
    )


def _invalid(faults: dict[str, list[str]]) -> DittoError:
    first, texts = next(iter(faults.items()))
    return DittoError(
        400,
        "wot:payload.validation.error",
        f"The provided payload did not conform to the specified WoT (Web of Things) model: "
        f"{first}{texts[0]}",
        validationDetails=faults,
    )
