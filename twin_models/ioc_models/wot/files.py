"""The Thing Models that ship with this package, by the URLs under which they are known."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urljoin

from ioc_models.wot.errors import ModelNotFound

# A reserved name: an installation sets its own base once, because things remember it.
DEFAULT_BASE: Final = "https://ioc.example"
FOLDER: Final = "/wot/"
# In a wheel the models lie inside the package, in a clone beside it.
_PLACES: Final = (
    Path(__file__).resolve().parent / "models",
    Path(__file__).resolve().parents[2] / "wot",
)
# Members of a Thing Model whose values are URLs, relative to the file that holds them.
_LINKS: Final = frozenset({"href", "tm:ref"})


class Resolver(Protocol):
    """Fetches a Thing Model by its URL; the caller does not change what it gets."""

    def __call__(self, url: str) -> Mapping[str, Any]:
        """The document at `url`, which has no fragment.

        Raises:
            ModelNotFound: There is none.
        """
        ...


@lru_cache(maxsize=1)
def packaged() -> Mapping[str, Mapping[str, Any]]:
    """Every document of ours by its path, as `things/camera-1.0.0.tm.jsonld`."""
    folder = next(place for place in _PLACES if place.is_dir())
    return {
        path.relative_to(folder).as_posix(): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.jsonld"))
    }


class Packaged:
    """Resolves our own models under one base, without a network.

    Args:
        base: Where the cloud serves them; `<base>/wot/things/camera-1.0.0.tm.jsonld`.
    """

    def __init__(self, base: str = DEFAULT_BASE) -> None:
        self.root = base.rstrip("/") + FOLDER

    def __call__(self, url: str) -> Mapping[str, Any]:
        """The document at `url`.

        Raises:
            ModelNotFound: Not one of ours.
        """
        found = packaged().get(url.removeprefix(self.root)) if url.startswith(self.root) else None
        if found is None:
            raise ModelNotFound(url)
        return found


class FirstOf:
    """Asks several resolvers in turn."""

    def __init__(self, resolvers: Sequence[Resolver]) -> None:
        self._resolvers = tuple(resolvers)

    def __call__(self, url: str) -> Mapping[str, Any]:
        """The first document found at `url`.

        Raises:
            ModelNotFound: None of them has it.
        """
        for resolver in self._resolvers:
            with suppress(ModelNotFound):
                return resolver(url)
        raise ModelNotFound(url)


def absolute(document: Mapping[str, Any], url: str) -> dict[str, Any]:
    """A document with its relative references made absolute, as others must see it.

    Ditto and other readers of Thing Models do not know where they got one from.
    """
    served = {key: _absolute(value, url) for key, value in document.items()}
    context = document.get("@context")
    if isinstance(context, list):
        served["@context"] = [
            urljoin(url, part) if isinstance(part, str) else part for part in context
        ]
    return served


def _absolute(value: object, url: str) -> object:
    if isinstance(value, list):
        return [_absolute(part, url) for part in value]
    if not isinstance(value, dict):
        return value
    return {
        key: urljoin(url, part)
        if key in _LINKS and isinstance(part, str) and not part.startswith("#")
        else _absolute(part, url)
        for key, part in value.items()
    }
