"""XML pages: paths are elements below the root, parted by `/`; `@name` is an attribute.

Namespaces are left out of names: `soap:Body/ns2:row` is `Body/row`.
"""

import re
from pathlib import Path
from typing import Any, Final, Self
from xml.etree.ElementTree import Element, ParseError, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import parse

from ioc_cloud.feeds.doors.errors import AnswerUnreadable

# What XML Schema calls a decimal; its point is always a decimal point.
DECIMAL: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
HERE: Final = "@"
ATTRIBUTE: Final = "@"


class XmlBody:
    """One XML document; entities and document types are refused."""

    def __init__(self, root: Element | None) -> None:
        self._root = root

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file; nothing is no record.

        Raises:
            AnswerUnreadable: It is no XML, or has a document type.
        """
        if path.stat().st_size == 0:
            return cls(None)
        try:
            root = parse(path, forbid_dtd=True).getroot()
        except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
            raise AnswerUnreadable(f"XML: {type(error).__name__} {error}"[:300]) from error
        if root is None:
            raise AnswerUnreadable("XML: no element")
        for element in root.iter():
            element.tag = _bare(element.tag)
        return cls(root)

    def records(self, path: str) -> list[Any] | None:
        """Elements under a path; `@` is the root's children.

        A path whose parent is there without any such element is an empty list.
        """
        if self._root is None:
            return []
        if path == HERE:
            return list(self._root)
        found = _below(self._root, path.split("/"))
        if found:
            return found
        parents = path.split("/")[:-1]
        return [] if not parents or _below(self._root, parents) else None

    def value(self, path: str) -> Any:  # noqa: ANN401
        """Text of the first element under a path, or an attribute."""
        return None if self._root is None else _text(self._root, path)

    def is_record(self, record: Any) -> bool:  # noqa: ANN401
        """An element with something in it."""
        return isinstance(record, Element) and (len(record) > 0 or bool(record.attrib))

    def cell(self, record: Any, path: str) -> Any:  # noqa: ANN401
        """Text of an element or attribute of a record."""
        return _text(record, path)

    def has(self, record: Any, path: str) -> bool:  # noqa: ANN401
        """Whether a record has such an element or attribute, empty or not."""
        elements, attribute = _parted(path)
        found = _below(record, elements)
        return any(attribute in one.attrib for one in found) if attribute else bool(found)

    def said(self, record: Any) -> str:  # noqa: ANN401
        """The record in one spelling."""
        return tostring(record, encoding="unicode")

    def names(self, record: Any) -> list[str]:  # noqa: ANN401
        """Paths of a record's attributes and elements."""
        found = [f"@{name}" for name in record.attrib]
        for one in record:
            found += [f"{one.tag}/{inner.tag}" for inner in one] or [one.tag]
        return list(dict.fromkeys(found))


def _bare(tag: Any) -> str:  # noqa: ANN401 comments have functions for tags
    return tag.rpartition("}")[2] if isinstance(tag, str) else "#"


def _parted(path: str) -> tuple[list[str], str]:
    *elements, last = path.split("/")
    if last.startswith(ATTRIBUTE):
        return elements, last.removeprefix(ATTRIBUTE)
    return [*elements, last], ""


def _below(start: Element, elements: list[str]) -> list[Element]:
    found = [start]
    for name in elements:
        found = [child for one in found for child in one if child.tag == name]
    return found


def _text(start: Element, path: str) -> str | None:
    elements, attribute = _parted(path)
    for one in _below(start, elements):
        said = one.get(attribute) if attribute else one.text
        if said is not None and said.strip():
            return said.strip()
    return None
