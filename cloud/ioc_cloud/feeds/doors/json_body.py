"""JSON pages: paths are JMESPath."""

import codecs
import json
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Self

import jmespath
from jmespath.exceptions import JMESPathError

from ioc_cloud.feeds.batch import written
from ioc_cloud.feeds.doors.errors import AnswerUnreadable

# Python refuses to read integers of more than 4,300 digits; no figure has a hundredth of that.
LONGEST_INTEGER: Final = 40


class JsonBody:
    """One JSON document."""

    def __init__(self, document: Any) -> None:  # noqa: ANN401
        self._document = document

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file; nothing is an empty object.

        Raises:
            AnswerUnreadable: It is no JSON in UTF-8.
        """
        raw = path.read_bytes().removeprefix(codecs.BOM_UTF8)
        if not raw.strip():
            return cls({})
        try:
            return cls(DECODER.decode(raw.decode("utf-8")))
        except (ValueError, RecursionError) as error:
            raise AnswerUnreadable(f"JSON: {error}") from error

    def records(self, path: str) -> list[Any] | None:
        """Records under a path; a single object counts as one."""
        found = _search(path, self._document)
        if found is None:
            return None
        return found if isinstance(found, list) else [found]

    def value(self, path: str) -> Any:  # noqa: ANN401
        """A value of the document."""
        return _search(path, self._document)

    def is_record(self, record: Any) -> bool:  # noqa: ANN401
        """Records are objects."""
        return isinstance(record, dict)

    def cell(self, record: Any, path: str) -> Any:  # noqa: ANN401
        """A value of a record."""
        return _search(path, record)

    def has(self, record: Any, path: str) -> bool:  # noqa: ANN401
        """Whether the names that a path speaks of are there.

        Of a path with a default of its own the first name alone is asked for: the contract
        says that the rest may be missing.
        """
        chains, defaulted = named(path)
        if defaulted:
            chains = tuple(chain[:1] for chain in chains)
        return not chains or any(_is_there(record, chain) for chain in chains)

    def said(self, record: Any) -> str:  # noqa: ANN401
        """The record in one spelling."""
        return written(record)

    def names(self, record: Any) -> list[str]:  # noqa: ANN401
        """Names of an object, those of objects in it after a point."""
        found = []
        for name, value in record.items():
            if isinstance(value, dict):
                found += [f"{name}.{inner}" for inner in value] or [name]
            else:
                found.append(str(name))
        return found


def _float(text: str) -> float | str:
    value = float(text)
    # 1e999 is legal JSON and no number that a database holds: it stays text, its row is refused.
    return value if math.isfinite(value) else text


def _int(text: str) -> int | str:
    return int(text) if len(text) <= LONGEST_INTEGER else text


# Numbers that no database holds stay text.
DECODER: Final = json.JSONDecoder(parse_float=_float, parse_int=_int, parse_constant=str)


@lru_cache(maxsize=1024)
def _compiled(path: str) -> Any:  # noqa: ANN401 jmespath's own class
    return jmespath.compile(path)


def _search(path: str, value: Any) -> Any:  # noqa: ANN401
    try:
        return _compiled(path).search(value)
    except (JMESPathError, TypeError):
        # A function that does not take what stands there: as good as nothing.
        return None


def _is_there(value: Any, chain: tuple[str, ...]) -> bool:  # noqa: ANN401
    for name in chain:
        if isinstance(value, list):
            return True
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return True


@lru_cache(maxsize=1024)
def named(path: str) -> tuple[tuple[tuple[str, ...], ...], bool]:
    """The chains of names that a path begins with, and whether it has a default of its own."""
    found: list[tuple[str, ...]] = []
    defaulted = _collect(_compiled(path).parsed, found)
    return tuple(found), defaulted


def _collect(node: Mapping[str, Any], found: list[tuple[str, ...]]) -> bool:
    kind, children = node["type"], node["children"]
    if kind == "literal":
        return True
    if kind in {"field", "subexpression"}:
        found.append(_chain(node))
        return False
    if kind in {"or_expression", "and_expression", "function_expression"}:
        # All of them: each may name something.
        defaults = [_collect(child, found) for child in children]
        return any(defaults)
    # Projections, indices and pipes: what they begin with.
    return _collect(children[0], found) if children else False


def _chain(node: Mapping[str, Any]) -> tuple[str, ...]:
    """Names one below the other; behind an index or a projection they are of something else."""
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] != "subexpression":
        return _chain(node["children"][0]) if node["children"] else ()
    found: tuple[str, ...] = ()
    for child in node["children"]:
        if child["type"] not in {"field", "subexpression"}:
            return found or _chain(child)
        found += _chain(child)
    return found


@lru_cache(maxsize=1024)
def conditions(path: str) -> tuple[tuple[tuple[str, ...], Any], ...]:
    """What records must say to be among those of a path: `a[?status=='00']` asks for `00`."""
    found: list[tuple[tuple[str, ...], Any]] = []

    def collect(node: Mapping[str, Any]) -> None:
        if node["type"] == "comparator" and node["value"] == "eq":
            left, right = node["children"]
            if right["type"] == "literal":
                found.append((_chain(left), right["value"]))
        for child in node["children"]:
            if isinstance(child, dict):
                collect(child)

    collect(_compiled(path).parsed)
    return tuple(found)
