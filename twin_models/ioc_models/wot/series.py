"""Which properties of a thing are kept as time series: those marked `ditto:timeseries`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ioc_models.wot.model import ThingModel
from ioc_models.wot.schema import CATEGORY

MARK: Final = "ditto:timeseries"
# Stands for any one key, where a model lets them be open.
ANY: Final = "*"
_KINDS: Final = frozenset({"number", "integer", "boolean", "string"})


@dataclass(frozen=True, slots=True)
class Series:
    """What a chart must know of one series.

    Attributes:
        unit: UCUM code, None for what has none.
        data_type: `number`, `integer`, `boolean` or `string`.
        title_vi: What people call it.
    """

    unit: str | None
    data_type: str
    title_vi: str = ""
    title_en: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def timeseries_paths(model: ThingModel) -> dict[tuple[str, ...], Series]:
    """Series by path from the thing's root; `*` in a path is any one key."""
    found = dict(_marked(model.document, ("attributes",)))
    for name, feature in model.features.items():
        found |= dict(_marked(feature.document, ("features", name, "properties")))
    return found


def _marked(
    document: Mapping[str, Any], start: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Series]]:
    for name, schema in document.get("properties", {}).items():
        place = (*start, schema[CATEGORY]) if CATEGORY in schema else start
        yield from _below(schema, (*place, name), None)


def _below(
    schema: Mapping[str, Any], path: tuple[str, ...], around: Mapping[str, Any] | None
) -> Iterator[tuple[tuple[str, ...], Series]]:
    """`around` is the mark of an object that holds this: it reaches down to numbers."""
    mark = schema.get(MARK, around)
    if mark is not None and mark.get("ingest") == "ALL" and schema.get("type") in _KINDS:
        yield path, _series(schema, mark)
    for name, one in schema.get("properties", {}).items():
        yield from _below(one, (*path, name), mark)
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        yield from _below(others, (*path, ANY), mark)


def _series(schema: Mapping[str, Any], mark: Mapping[str, Any]) -> Series:
    titles = schema.get("titles", {})
    return Series(
        unit=schema.get("unit"),
        data_type=schema["type"],
        title_vi=titles.get("vi", schema.get("title", "")),
        title_en=titles.get("en", ""),
        tags=dict(mark.get("tags", {})),
    )
