"""One whole Thing Model out of a file, what it extends and what it refers to."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urljoin

from ioc_models.wot.errors import ModelInvalid
from ioc_models.wot.files import Resolver, absolute

# Schemas do not nest so deep; references inside one document that do go in a circle.
MAX_DEPTH: Final = 32
_PLACEHOLDER: Final = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")


def resolved(url: str, resolver: Resolver, trail: tuple[str, ...] = ()) -> dict[str, Any]:
    """A Thing Model with all that it extends and refers to in place.

    What the model itself says wins over what it extends; `null` takes an inherited
    member away; optional affordances and submodels add up.

    Args:
        url: Where it is.
        resolver: Fetches it and the others.
        trail: Models that asked for this one, and may not be asked for again.

    Raises:
        ModelNotFound: The URL, or one on the way, has no document.
        ModelInvalid: It goes in circles, or a reference hits nothing.
    """
    if url in trail:
        raise ModelInvalid(url, "what it extends or refers to leads back to it")
    on = (*trail, url)
    own = resolver(url)
    types = own.get("@type")
    if types != "tm:ThingModel" and not (isinstance(types, list) and "tm:ThingModel" in types):
        raise ModelInvalid(url, "@type is not tm:ThingModel")
    whole: dict[str, Any] = {}
    for base in extended(own, url):
        whole = _extended_by(whole, resolved(base, resolver, on))
    return _References(on, _extended_by(whole, absolute(own, url)), resolver).followed()


def extended(model: Mapping[str, Any], url: str) -> list[str]:
    """URLs of the models that this one extends."""
    return [
        urljoin(url, link["href"])
        for link in model.get("links", ())
        if link.get("rel") == "tm:extends"
    ]


def submodels(model: Mapping[str, Any], url: str) -> dict[str, str]:
    """URLs of the features' models by feature id."""
    return {
        link["instanceName"]: urljoin(url, link["href"])
        for link in model.get("links", ())
        if link.get("rel") == "tm:submodel" and "instanceName" in link
    }


def filled(value: Any, values: Mapping[str, Any], url: str) -> Any:  # noqa: ANN401 JSON
    """A model with `{{NAME}}` replaced by values, typed where it is all of a string.

    Raises:
        ModelInvalid: A placeholder has no value.
    """
    if isinstance(value, dict):
        return {key: filled(part, values, url) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, values, url) for part in value]
    if not isinstance(value, str) or "{{" not in value:
        return value
    names = _PLACEHOLDER.findall(value)
    missing = [name for name in names if name not in values]
    if missing:
        raise ModelInvalid(url, f"no value for placeholder {', '.join(missing)}")
    whole = _PLACEHOLDER.fullmatch(value)
    if whole:
        return values[whole[1]]
    return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), value)


def overlaid(below: Any, above: Any) -> Any:  # noqa: ANN401 JSON
    """`above` over `below`: objects merge, `null` takes away, all else replaces."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    whole = dict(below)
    for key, value in above.items():
        if value is None and key in whole:
            del whole[key]
        else:
            whole[key] = overlaid(whole.get(key), value)
    return whole


def _extended_by(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    if not base:
        return own
    whole: dict[str, Any] = overlaid(base, own)
    whole["tm:optional"] = _both(base.get("tm:optional", []), own.get("tm:optional", []))
    whole["@context"] = _both(_several(own.get("@context")), _several(base.get("@context")))
    names = {link.get("instanceName") for link in own.get("links", ())}
    whole["links"] = [*own.get("links", ())] + [
        link
        for link in base.get("links", ())
        if link.get("rel") == "tm:submodel" and link.get("instanceName") not in names
    ]
    return whole


def _several(value: Any) -> list[Any]:  # noqa: ANN401 JSON
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _both(first: list[Any], second: list[Any]) -> list[Any]:
    return first + [one for one in second if one not in first]


class _References:
    """Follows the `tm:ref` of one document."""

    def __init__(self, trail: tuple[str, ...], root: dict[str, Any], resolver: Resolver) -> None:
        self._trail = trail
        self._url = trail[-1]
        self._root = root
        self._resolver = resolver

    def followed(self) -> dict[str, Any]:
        whole = self._follow(self._root, 0)
        if not isinstance(whole, dict):
            raise ModelInvalid(self._url, "not an object")
        return whole

    def _follow(self, value: object, depth: int) -> Any:  # noqa: ANN401 JSON
        if depth > MAX_DEPTH:
            raise ModelInvalid(self._url, "nests or refers too deep")
        if isinstance(value, list):
            return [self._follow(part, depth + 1) for part in value]
        if not isinstance(value, dict):
            return value
        parts = {
            key: self._follow(part, depth + 1) for key, part in value.items() if key != "tm:ref"
        }
        if "tm:ref" not in value:
            return parts
        return overlaid(self._target(value["tm:ref"], depth + 1), parts)

    def _target(self, reference: object, depth: int) -> Any:  # noqa: ANN401 JSON
        if not isinstance(reference, str) or "#" not in reference:
            raise ModelInvalid(self._url, f"tm:ref {reference!r} has no fragment")
        url, _, fragment = urljoin(self._url, reference).partition("#")
        if url == self._url:
            return self._follow(_at(self._root, fragment, reference, self._url), depth)
        whole = resolved(url, self._resolver, self._trail)
        return _at(whole, fragment, reference, self._url)


def _at(document: Any, pointer: str, reference: str, url: str) -> Any:  # noqa: ANN401 JSON
    for part in unquote(pointer).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(document, dict) or key not in document:
            raise ModelInvalid(url, f"tm:ref {reference} refers to nothing")
        document = document[key]
    return document
