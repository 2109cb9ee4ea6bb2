"""Sorting and paging of a search, checked."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ioc_cloud.twin.rql.ast import SortKey
from ioc_cloud.twin.rql.errors import RqlInvalid
from ioc_cloud.twin.rql.parser import Cursor, Limit, Option, Size, Sort, read_options
from ioc_cloud.twin.rql.properties import resolve

DEFAULT_SIZE: Final = 25
MAX_SIZE: Final = 200
MAX_OFFSET: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Options:
    """How a search is to be answered.

    Attributes:
        sort: As asked; empty for Ditto's default, by thingId.
        size: Things on a page.
        cursor: Where the page before ended, as that page said.
        limit: Offset and count, the older way to page; excludes size and cursor.
    """

    sort: tuple[SortKey, ...] = ()
    size: int = DEFAULT_SIZE
    cursor: str | None = None
    limit: tuple[int, int] | None = None


def parse_options(text: str | Iterable[str] | None) -> Options:
    """The options of a search: one text, or one for each `option=` of the request.

    Raises:
        RqlInvalid: Another form, an option twice, options that exclude each other, a page
            of more than 200, or a property that nobody can sort by.
    """
    if text is None:
        return Options()
    whole = text if isinstance(text, str) else ",".join(part for part in text if part)
    if not whole:
        return Options()
    given: dict[type[Option], Option] = {}
    for option in read_options(whole):
        if type(option) in given:
            raise RqlInvalid(0, f"{type(option).__name__.lower()}() is given twice", whole)
        given[type(option)] = option
    if Limit in given and (Size in given or Cursor in given):
        raise RqlInvalid(0, "limit() cannot go with size() or cursor()", whole)
    return _checked(given.values(), whole)


def _checked(given: Iterable[Option], whole: str) -> Options:
    sort: tuple[SortKey, ...] = ()
    size, cursor, limit = DEFAULT_SIZE, None, None
    for option in given:
        match option:
            case Sort(keys):
                for key in keys:
                    resolve(key.prop, "sort")
                sort = keys
            case Size(count):
                size = _within(count, 1, MAX_SIZE, "size", whole)
            case Cursor(text):
                cursor = text
            case Limit(offset, count):
                _within(offset, 0, MAX_OFFSET, "the offset of limit", whole)
                _within(count, 0, MAX_SIZE, "the count of limit", whole)
                limit = (offset, count)
    return Options(sort, size, cursor, limit)


def _within(number: int, least: int, most: int, what: str, whole: str) -> int:
    if not least <= number <= most:
        raise RqlInvalid(0, f"{what} must be {least} to {most}, not {number}", whole)
    return number
