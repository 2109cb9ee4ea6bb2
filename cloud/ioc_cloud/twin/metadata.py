"""Metadata beside a thing's values: kept per path, written by header, read by header."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ioc_cloud.twin import pointer
from ioc_cloud.twin.pointer import MISSING, Path
from ioc_cloud.twin.request import Metadata


def written(
    metadata: Mapping[str, Any] | None,
    entries: Iterable[Metadata],
    at: Path,
    value: Any,  # noqa: ANN401 JSON
) -> dict[str, Any] | None:
    """The metadata after a write of `value` at `at`.

    A key is a path below what is written with the metadata's name last; `*/name` gives
    every leaf that is written that entry.
    """
    result: Any = dict(metadata or {})
    for entry in entries:
        if entry.path[0] == "*":
            for leaf, _ in pointer.leaves(value, at):
                result = pointer.put(result, (*leaf, *entry.path[1:]), entry.value)
        else:
            result = pointer.put(result, (*at, *entry.path), entry.value)
    return result or None


def selected(
    metadata: Mapping[str, Any] | None, keys: Sequence[str], at: Path
) -> dict[str, Any] | None:
    """What `get-metadata` asks for: the parts below `at` that the keys name."""
    found: Any = {}
    for key in keys:
        for path in _expanded(metadata or {}, pointer.parse(key), at):
            value = pointer.get(metadata, path)
            if value is not MISSING:
                found = pointer.put(found, path[len(at) :], value)
    return found or None


def deleted(
    metadata: Mapping[str, Any] | None, keys: Sequence[str], at: Path
) -> dict[str, Any] | None:
    """The metadata without what `delete-metadata` names."""
    result: Any = dict(metadata or {})
    for key in keys:
        for path in _expanded(result, pointer.parse(key), at):
            result = pointer.remove(result, path)
    return result or None


def without(metadata: Mapping[str, Any] | None, path: Path) -> dict[str, Any] | None:
    """The metadata of a thing that has lost what stood at `path`."""
    if metadata is None or not path:
        return None
    result = pointer.remove(dict(metadata), path)
    return result or None


def _expanded(metadata: Mapping[str, Any], key: Path, at: Path) -> list[Path]:
    """The paths that a key means: `*` stands for any one step, `*/name` for any depth."""
    if key[:1] == ("*",) and len(key) > 1:
        here = pointer.get(metadata, at)
        return [
            (*leaf[: -len(key[1:])], *key[1:])
            for leaf, _ in pointer.leaves(here if here is not MISSING else {}, at)
            if leaf[-len(key[1:]) :] == key[1:]
        ]
    paths: list[Path] = [at]
    for part in key:
        if part != "*":
            paths = [(*path, part) for path in paths]
            continue
        grown: list[Path] = []
        for path in paths:
            here = pointer.get(metadata, path)
            grown += [(*path, name) for name in here] if isinstance(here, dict) else []
        paths = grown
    return paths
