"""A page as records and values, whatever form it came in."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from ioc_cloud.feeds.doors.csv_body import CsvBody
from ioc_cloud.feeds.doors.json_body import JsonBody
from ioc_cloud.feeds.doors.xml_body import XmlBody


class Body(Protocol):
    """What mapping asks of a page; a record is whatever `records` gives."""

    def records(self, path: str) -> list[Any] | None:
        """The records under a path; None where the page has no such path."""

    def value(self, path: str) -> Any:  # noqa: ANN401
        """A single value of the page, such as a total or a cursor; None where there is none."""

    def is_record(self, record: Any) -> bool:  # noqa: ANN401
        """Whether it has the shape of a record at all."""

    def cell(self, record: Any, path: str) -> Any:  # noqa: ANN401
        """A cell of a record; None where it is empty or missing."""

    def has(self, record: Any, path: str) -> bool:  # noqa: ANN401
        """Whether a record has such a column, empty or not."""

    def said(self, record: Any) -> str:  # noqa: ANN401
        """A record in one spelling: two that agree here are the same."""

    def names(self, record: Any) -> list[str]:  # noqa: ANN401
        """What a record's columns are called now."""


_READERS: Final[Mapping[str, Callable[[Path], Body]]] = {
    "json": JsonBody.read,
    "csv": CsvBody.read,
    "xml": XmlBody.read,
}


def read(form: str, path: Path) -> Body:
    """Read a page.

    Raises:
        AnswerUnreadable: It is not in that form.
    """
    return _READERS[form](path)
