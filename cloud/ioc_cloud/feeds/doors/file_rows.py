"""A file's rows, whatever kind of file it is; the bytes have been kept before."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from ioc_cloud.feeds.batch import Rows
from ioc_cloud.feeds.doors import bodies, said
from ioc_cloud.feeds.doors.errors import AnswerUnreadable
from ioc_cloud.feeds.doors.mapping import mapped
from ioc_cloud.feeds.doors.said import Said
from ioc_cloud.feeds.doors.xml_body import XmlBody
from ioc_cloud.feeds.files.safely import read_safely
from ioc_cloud.feeds.sheets import rows_of
from ioc_models.feeds import Contract, TableSpec

LARGEST_TEXT: Final = 50_000_000


def read(feed: Contract, path: Path, name: str) -> Said | dict[str, Rows]:
    """Rows by table, or a batch in our own words.

    Args:
        feed: Whose rows they are to be.
        path: Where the bytes are.
        name: As the sender called the file: its end tells its kind.

    Raises:
        FileRefused: It is no workbook that is read, or its header is none of ours.
        AnswerUnreadable: It is no text of its kind.
    """
    reader = _READERS.get(Path(name).suffix.casefold(), _workbook)
    return reader(feed, path, name)


def _workbook(feed: Contract, path: Path, name: str) -> dict[str, Rows]:
    return rows_of(feed, read_safely(path, name))


def _csv(feed: Contract, path: Path, name: str) -> Said | dict[str, Rows]:
    """A sheet as a person exports it, or the source's own file where the contract knows it."""
    if feed.pull is not None and feed.pull.format == "csv":
        body = bodies.read("csv", path)
        found = mapped(feed, feed.pull, [body])
        if not found.drifted and found.tables:
            return dict(found.tables)
    return _workbook(feed, path, name)


def _text(path: Path) -> str:
    if path.stat().st_size > LARGEST_TEXT:
        raise AnswerUnreadable(f"more than {LARGEST_TEXT} bytes")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnswerUnreadable(f"not UTF-8: {error}") from error


def _json(_feed: Contract, path: Path, _name: str) -> Said:
    return said.said(said.read(_text(path)))


def _ndjson(_feed: Contract, path: Path, _name: str) -> Said:
    return said.lines(_text(path))


def _xml(feed: Contract, path: Path, _name: str) -> dict[str, Rows]:
    """The source's own document where the contract knows it, else elements named by our codes."""
    if path.stat().st_size > LARGEST_TEXT:
        raise AnswerUnreadable(f"more than {LARGEST_TEXT} bytes")
    body = XmlBody.read(path)
    if feed.pull is not None and feed.pull.format == "xml":
        found = mapped(feed, feed.pull, [body])
        if not found.drifted and found.tables:
            return dict(found.tables)
    return _plain_xml(feed, body)


def _plain_xml(feed: Contract, body: XmlBody) -> dict[str, Rows]:
    """`<x><ngay><row><area>…` or, for a feed's first table, `<x><row><area>…`."""
    records = body.records("@") or []
    found: dict[str, Rows] = {}
    for table in feed.tables:
        groups = [one for one in records if one.tag == table.id]
        if groups:
            found[table.id] = _rows(table, [row for group in groups for row in group])
    if found:
        return found
    return {feed.tables[0].id: _rows(feed.tables[0], records)}


def _rows(table: TableSpec, records: list[Element]) -> Rows:
    names = ("area", "period", *(spec.code for spec in table.fields))
    return said.rows_of(
        [
            {name: one.findtext(name, one.get(name)) for name in names}
            if len(one) or one.attrib
            else one.text
            for one in records
        ]
    )


_READERS: Final[Mapping[str, Callable[[Contract, Path, str], Said | dict[str, Rows]]]] = {
    ".json": _json,
    ".ndjson": _ndjson,
    ".jsonl": _ndjson,
    ".xml": _xml,
    ".csv": _csv,
}
