"""Which changes of a twin become points of a time series."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ioc_cloud.twin import pointer
from ioc_cloud.twin.pointer import MISSING, Path

if TYPE_CHECKING:
    from ioc_cloud.twin.book import ThingEvent

# Patterns of paths of a definition whose values are kept as series; `*` is any one key.
SeriesOf = Callable[[str], frozenset[Path]]
NO_SERIES: Final[frozenset[Path]] = frozenset()
MAX_TEXT: Final = 200


def points(events: Iterable["ThingEvent"], series_of: SeriesOf) -> dict[str, list[Any]] | None:
    """The columns of `ts_point` for what these changes touched; None for nothing."""
    rows = [row for event in events for row in _rows(event, series_of)]
    if not rows:
        return None
    names = ("ids", "paths", "times", "revisions", "num", "txt", "bool")
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _rows(event: "ThingEvent", series_of: SeriesOf) -> Iterator[tuple[Any, ...]]:
    definition = event.thing.doc.get("definition")
    if event.action == "deleted" or not isinstance(definition, str):
        return
    patterns = series_of(definition)
    if not patterns:
        return
    for path, value in pointer.leaves(event.value, event.path):
        if value is None or value is MISSING or matching(path, patterns) is None:
            continue
        typed = _typed(value)
        if typed is not None:
            thing = event.thing
            yield (thing.id, pointer.show(path), thing.modified, thing.revision, *typed)


def matching(path: Path, patterns: frozenset[Path]) -> Path | None:
    """The pattern that a path fits; None for a path that is no series."""
    if path in patterns:
        return path
    return next(
        (
            pattern
            for pattern in _open(patterns)
            if len(pattern) == len(path)
            and all(one in ("*", part) for one, part in zip(pattern, path, strict=True))
        ),
        None,
    )


@lru_cache(maxsize=64)
def _open(patterns: frozenset[Path]) -> tuple[Path, ...]:
    return tuple(pattern for pattern in patterns if "*" in pattern)


def _typed(value: Any) -> tuple[float | None, str | None, bool | None] | None:  # noqa: ANN401
    if isinstance(value, bool):
        return None, None, value
    if isinstance(value, int | float):
        return float(value), None, None
    if isinstance(value, str):
        return None, value[:MAX_TEXT], None
    return None
