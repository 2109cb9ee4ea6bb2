"""Searches: pages by cursor, counts, and whole results as a stream."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ioc_ditto import rql
from ioc_ditto.errors import BadAnswer, BadName
from ioc_ditto.names import checked, comma_list
from ioc_ditto.options import Asked
from ioc_ditto.streams import EventStream, Resume
from ioc_ditto.things import SILENCE, open_stream
from ioc_ditto.transport import Call, Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ioc_ditto.shapes import Thing

PATH = "search/things"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LARGEST_PAGE = 200
# Longer filters travel in a body: proxies cut addresses.
MAX_IN_ADDRESS = 2_000


@dataclass(frozen=True)
class Search:
    """What to look for.

    Attributes:
        sort: Properties, `-` in front for the largest first: `["-_modified"]`.
        size: Things in one page, 1 to 200.
    """

    filter: rql.Rql | str | None = None
    sort: tuple[str, ...] = ()
    size: int = LARGEST_PAGE
    fields: str | Iterable[str] | None = None
    namespaces: str | Iterable[str] | None = None

    def params(self, cursor: str | None = None, *, paged: bool = True) -> dict[str, str]:
        """The search as the API spells it.

        Raises:
            BadName: A size or property that no service takes.
        """
        if not 1 <= self.size <= LARGEST_PAGE:
            raise BadName(f"a page holds 1 to {LARGEST_PAGE} things, not {self.size}")
        found: dict[str, str] = {}
        if self.filter is not None:
            found["filter"] = checked(str(self.filter), "the filter")
        if self.fields is not None:
            found["fields"] = comma_list(self.fields)
        if self.namespaces is not None:
            found["namespaces"] = comma_list(self.namespaces)
        options = [f"sort({','.join(map(_sort_key, self.sort))})"] if self.sort else []
        if paged:
            options.append(f"size({self.size})")
        if cursor is not None:
            options.append(f"cursor({rql.escaped(cursor)})")
        if options:
            found["option"] = ",".join(options)
        return found


def pages(transport: Transport, search: Search) -> Iterator[Thing]:
    """All that is found, page after page."""
    cursor: str | None = None
    while True:
        found = transport.value(_call(PATH, search.params(cursor)))
        if not isinstance(found, dict) or not isinstance(found.get("items"), list):
            raise BadAnswer("a page of things was asked for")
        yield from found["items"]
        cursor = found.get("cursor")
        if cursor is None:
            return


def count(transport: Transport, search: Search) -> int:
    """How many there are.

    Raises:
        BadAnswer: No number came.
    """
    params = {key: value for key, value in search.params().items() if key != "option"}
    found = transport.value(_call(f"{PATH}/count", params))
    if not isinstance(found, int):
        raise BadAnswer("a number was asked for")
    return found


def stream(transport: Transport, search: Search, since: str = "") -> EventStream:
    """All that is found, as a stream that ends by itself and goes on after a break."""
    wishes = Asked(params=search.params(paged=False))
    return open_stream(transport, PATH, wishes, Resume(finite=True, since=since), SILENCE)


def _call(path: str, params: dict[str, str]) -> Call:
    if sum(map(len, params.values())) <= MAX_IN_ADDRESS:
        return Call("GET", path, params=params)
    return Call("POST", path, headers=FORM, body=params, repeatable=True)


def _sort_key(key: str) -> str:
    order, prop = (key[0], key[1:]) if key[:1] in {"+", "-"} else ("+", key)
    return order + rql.escaped(prop)
