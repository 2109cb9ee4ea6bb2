"""Field selectors: which parts of a thing or policy an answer shows.

`thingId,attributes/complex(some,serialNo),features/*/properties/on,_revision`: paths with
commas between, a shared beginning before parentheses. `*` means any where a feature's id
stands, and is a name elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ioc_cloud.twin.pointer import Path
from ioc_cloud.twin.rql.errors import RqlInvalid

MAX_LENGTH: Final = 16_384
MAX_NESTING: Final = 32
WILDCARD: Final = "*"
_SPECIAL: Final = "_"
_ENDS: Final = frozenset(",()")


@dataclass(frozen=True, slots=True)
class Selector:
    """A tree of names; one without members selects all below it.

    Attributes:
        members: Names with what is wanted below each, in the order asked for.
    """

    members: "tuple[tuple[str, Selector], ...]" = ()

    @property
    def names(self) -> frozenset[str]:
        """The names at this level."""
        return frozenset(name for name, _ in self.members)

    def to_paths(self) -> list[Path]:
        """The selected paths; a wildcard stands as `*`."""
        return list(_paths(self, ()))


WHOLE: Final = Selector()


def parse_fields(text: str) -> Selector:
    """The selector that a `fields` parameter describes.

    Raises:
        RqlInvalid: It has another form; with the position where that begins.
    """
    if len(text) > MAX_LENGTH:
        raise RqlInvalid(MAX_LENGTH, f"longer than {MAX_LENGTH} characters", text)
    reader = _Reader(text)
    tree: dict[str, Any] = {}
    reader.fields(tree, depth=0)
    if reader.at < len(text):
        raise RqlInvalid(reader.at, "a parenthesis is closed that was not opened", text)
    return _frozen(tree)


def select(doc: Mapping[str, Any], selector: Selector | None) -> dict[str, Any]:
    """The selected parts of a document.

    Args:
        doc: A thing, a policy or an object in one, special fields (`_revision` ...) among
            the others.
        selector: None for everything but the special fields.
    """
    if selector is None:
        return {key: value for key, value in doc.items() if not key.startswith(_SPECIAL)}
    return _cut(doc, selector, ())


def _cut(doc: Mapping[str, Any], selector: Selector, at: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, below in selector.members:
        anyone = name == WILDCARD and at == ("features",)
        for key in doc if anyone else (name,):
            if key not in doc:
                continue
            part = _part(doc[key], below, (*at, key))
            if part is not _NONE:
                found[key] = _joined(found[key], part) if key in found else part
    return found


_NONE: Final = object()


def _part(value: Any, selector: Selector, at: Path) -> Any:  # noqa: ANN401 JSON
    if not selector.members:
        return value
    # Lists are leaves, as in Ditto's answers: nothing below them can be named.
    inner = _cut(value, selector, at) if isinstance(value, Mapping) else None
    return inner or _NONE


def _joined(one: Any, other: Any) -> Any:  # noqa: ANN401 JSON
    """Two selections of the same value."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return one | {key: _joined(one[key], value) if key in one else value
                  for key, value in other.items()}  # fmt: skip


def _paths(selector: Selector, at: Path) -> Iterator[Path]:
    for name, below in selector.members:
        if below.members:
            yield from _paths(below, (*at, name))
        else:
            yield (*at, name)


def _frozen(tree: dict[str, Any]) -> Selector:
    return Selector(
        tuple((name, _frozen(below) if below else WHOLE) for name, below in tree.items())
    )


@dataclass
class _Reader:
    text: str
    at: int = 0

    def fields(self, tree: dict[str, Any], depth: int) -> None:
        """Paths up to the end or the closing parenthesis, into the tree; {} is a whole."""
        if depth > MAX_NESTING:
            why = f"parentheses stand in each other over {MAX_NESTING} deep"
            raise RqlInvalid(self.at, why, self.text)
        while True:
            self._field(tree, depth)
            if self._next() != ",":
                return
            self.at += 1

    def _field(self, tree: dict[str, Any], depth: int) -> None:
        *parents, last = self._path()
        inner: dict[str, Any] = {}
        if self._next() == "(":
            self.at += 1
            self.fields(inner, depth + 1)
            if self._next() != ")":
                raise RqlInvalid(self.at, "expected ')' or ','", self.text)
            self.at += 1
            if self._next() not in {",", ")", ""}:
                raise RqlInvalid(self.at, "expected ',' after ')'", self.text)
        _graft(tree, parents, last, inner)

    def _path(self) -> list[str]:
        begin = self.at
        while self.at < len(self.text) and self.text[self.at] not in _ENDS:
            self.at += 1
        path = self.text[begin : self.at].removeprefix("/").removesuffix("/")
        if "//" in self.text[begin : self.at]:
            raise RqlInvalid(self.text.index("//", begin), "two slashes in a row", self.text)
        if not path:
            raise RqlInvalid(begin, "expected the name of a field", self.text)
        return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")]

    def _next(self) -> str:
        return self.text[self.at : self.at + 1]


def _graft(tree: dict[str, Any], parents: list[str], last: str, inner: dict[str, Any]) -> None:
    """Add a path to the tree; whoever asks for all of a value gets it, whatever else stands."""
    for name in parents:
        if tree.get(name) == {}:
            return
        tree = tree.setdefault(name, {})
    if not inner or tree.get(last) == {}:
        tree[last] = {}
        return
    held = tree.setdefault(last, {})
    for name, below in inner.items():
        _graft(held, [], name, below)
