"""CSV pages: paths are the columns' headings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from ioc_cloud.feeds.batch import written
from ioc_cloud.feeds.doors.errors import AnswerUnreadable
from ioc_cloud.feeds.files import csv_text
from ioc_cloud.feeds.files.cells import Row
from ioc_cloud.feeds.files.errors import FileRefused
from ioc_cloud.feeds.files.limits import DEFAULT
from ioc_cloud.feeds.files.text import folded

Record = Mapping[str, Any] | list[Any]


class CsvBody:
    """One CSV file with a line of headings; which letters and commas is told from the bytes."""

    def __init__(self, headings: Row, lines: list[Row]) -> None:
        self._headings = [str(one or "").strip() for one in headings]
        self._places = {folded(one): at for at, one in reversed(list(enumerate(self._headings)))}
        self._records = [self._record(line) for line in lines]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file; nothing is no record.

        Raises:
            AnswerUnreadable: Its letters or its quotes cannot be told.
        """
        if path.stat().st_size == 0:
            return cls((), [])
        try:
            encoding = csv_text.encoding_of(path)
            delimiter = csv_text.delimiter_of(path, encoding, DEFAULT)
            lines = [
                line
                for line in csv_text.records(path, encoding, delimiter, DEFAULT)
                if any(cell is not None for cell in line)
            ]
        except FileRefused as error:
            raise AnswerUnreadable(f"CSV: {error.en}") from error
        return cls(lines[0] if lines else (), lines[1:])

    def records(self, _path: str) -> list[Any] | None:
        """All lines."""
        return self._records

    def value(self, _path: str) -> Any:  # noqa: ANN401
        """A CSV has nothing beside its lines."""
        return None

    def is_record(self, record: Any) -> bool:  # noqa: ANN401
        """A line as long as its headings."""
        return isinstance(record, dict)

    def cell(self, record: Any, path: str) -> Any:  # noqa: ANN401
        """The cell under a heading, spelt the same but for case, marks and spaces."""
        return record.get(folded(path))

    def has(self, _record: Any, path: str) -> bool:  # noqa: ANN401
        """Whether there is such a heading."""
        return folded(path) in self._places

    def said(self, record: Any) -> str:  # noqa: ANN401
        """The record in one spelling."""
        return written(record)

    def names(self, _record: Any) -> list[str]:  # noqa: ANN401
        """The headings."""
        return [one for one in self._headings if one]

    def _record(self, line: Row) -> Record:
        surplus = any(cell is not None for cell in line[len(self._headings) :])
        # Programs leave out empty cells at the end of a line, but not the line's key.
        if surplus or len(line) < min(len(self._headings), _LEAST):
            return list(line)
        return {
            heading: line[at] if at < len(line) else None for heading, at in self._places.items()
        }


_LEAST: Final = 2
