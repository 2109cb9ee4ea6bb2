"""JSON pointers over parsed JSON: look, put, take away, never in place."""

from collections.abc import Sequence
from typing import Any, Final

Path = tuple[str, ...]
ROOT: Final[Path] = ()
MISSING: Final = object()


def parse(text: str) -> Path:
    """`/a/b~1c` -> ("a", "b/c"); a missing first slash is forgiven, as Ditto does."""
    stripped = text.removeprefix("/")
    if not stripped:
        return ROOT
    return of_parts(stripped.split("/"))


def of_parts(parts: Sequence[str]) -> Path:
    """Segments of a URL's path as a pointer: `~0` is a tilde, `~1` a slash."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def show(path: Sequence[str]) -> str:
    """The pointer as text; the root is `/`."""
    return "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)


def get(document: Any, path: Sequence[str]) -> Any:  # noqa: ANN401 JSON
    """What stands at `path`; MISSING when nothing does. Arrays are leaves."""
    for part in path:
        if not isinstance(document, dict) or part not in document:
            return MISSING
        document = document[part]
    return document


def put(document: Any, path: Sequence[str], value: Any) -> Any:  # noqa: ANN401 JSON
    """The document with `value` at `path`; objects on the way are made, others replaced."""
    if not path:
        return value
    found = document if isinstance(document, dict) else {}
    return {**found, path[0]: put(found.get(path[0]), path[1:], value)}


def remove(document: Any, path: Sequence[str]) -> Any:  # noqa: ANN401 JSON
    """The document without what stands at `path`."""
    if not path or not isinstance(document, dict) or path[0] not in document:
        return document
    rest = {key: value for key, value in document.items() if key != path[0]}
    if len(path) == 1:
        return rest
    return {**document, path[0]: remove(document[path[0]], path[1:])}


def leaves(value: Any, at: Path = ROOT) -> list[tuple[Path, Any]]:  # noqa: ANN401 JSON
    """Every leaf below, with its path; an empty object and an array are leaves."""
    if not isinstance(value, dict) or not value:
        return [(at, value)]
    return [leaf for key, part in value.items() for leaf in leaves(part, (*at, key))]
