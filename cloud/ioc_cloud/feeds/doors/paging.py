"""All pages of one question: none missing, none twice, and an end to it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from ioc_cloud.feeds.doors import bodies
from ioc_cloud.feeds.doors.asking import Answer, Asker
from ioc_cloud.feeds.doors.bodies import Body
from ioc_cloud.feeds.doors.errors import (
    AnswerUnreadable,
    PagesMoved,
    PagesRepeat,
    SourceRefused,
)
from ioc_models.feeds.contract import Pull

MOST_PAGES: Final = 5_000
TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its bytes, and what they say."""

    answer: Answer
    body: Body

    def count(self, pull: Pull) -> int:
        """Records of all tables on it."""
        return sum(len(self.body.records(one.rows) or ()) for one in pull.tables)

    def longest(self, pull: Pull) -> int:
        """Records of the table that has the most; tables are paged side by side."""
        return max(len(self.body.records(one.rows) or ()) for one in pull.tables)


def read_page(pull: Pull, answer: Answer) -> Page:
    """An answer's page.

    Raises:
        AnswerUnreadable: With the hash of its bytes.
    """
    try:
        return Page(answer, bodies.read(pull.format, answer.path))
    except AnswerUnreadable as error:
        raise AnswerUnreadable(error.en, answer.sha256) from error


def pages(asker: Asker, pull: Pull, url: str, query: Mapping[str, str]) -> list[Page]:
    """Every page, in order.

    Raises:
        SourceTrouble: Not all could be had; nothing of this question counts then.
    """
    walk = _WALKS[pull.paging.style]
    if pull.paging.style not in {"page", "offset"}:
        return list(walk(asker, pull, url, query))
    # Counted pages slide when rows come or go in between: a row is then seen twice or never.
    for _ in range(TRIES):
        found = list(walk(asker, pull, url, query))
        if len(found) == 1 or _still(asker, pull, url, query, found[0]):
            return found
        asker.forget()
    raise PagesMoved(TRIES)


Walk = Callable[[Asker, Pull, str, Mapping[str, str]], Iterator[Page]]


def _one(asker: Asker, pull: Pull, url: str, query: Mapping[str, str]) -> Iterator[Page]:
    yield read_page(pull, asker.ask(url, query))


def _first_query(pull: Pull, query: Mapping[str, str]) -> dict[str, str]:
    paging = pull.paging
    asked = {**query, paging.size_parameter: str(paging.size)}
    if paging.style in {"page", "offset"}:
        asked[paging.parameter] = str(paging.first)
    return asked


def _still(asker: Asker, pull: Pull, url: str, query: Mapping[str, str], first: Page) -> bool:
    again = read_page(pull, asker.ask(url, _first_query(pull, query)))
    return _said(pull, again) == _said(pull, first)


def _said(pull: Pull, page: Page) -> bytes:
    """Hash of a page's records; the time at which it was made is none of them."""
    digest = hashlib.sha256()
    for one in pull.tables:
        for record in page.body.records(one.rows) or ():
            digest.update(page.body.said(record).encode(errors="surrogatepass") + b"\n")
        digest.update(b"\0")
    return digest.digest()


def _counted(asker: Asker, pull: Pull, url: str, query: Mapping[str, str]) -> Iterator[Page]:
    """By number or by offset, until a page is empty: its size may be capped by the source."""
    paging = pull.paging
    at = paging.first
    seen: dict[bytes, int] = {}
    for number in range(1, MOST_PAGES + 1):
        asked = {**_first_query(pull, query), paging.parameter: str(at)}
        try:
            page = read_page(pull, asker.ask(url, asked))
        except SourceRefused as error:
            if number > 1 and error.answered == HTTPStatus.NOT_FOUND:
                return
            raise
        if number > 1 and page.count(pull) == 0:
            return
        said = _said(pull, page)
        earlier = seen.setdefault(said, number)
        if earlier != number:
            if earlier == number - 1 and earlier > 1 and _is_last(asker, pull, url, asked, said):
                return
            raise PagesRepeat(number)
        yield page
        if page.count(pull) == 0:
            return
        at += 1 if paging.style == "page" else page.longest(pull)
    raise PagesRepeat(MOST_PAGES)


def _is_last(asker: Asker, pull: Pull, url: str, asked: Mapping[str, str], said: bytes) -> bool:
    """Whether the source gives its last page for every number behind it."""
    paging = pull.paging
    beyond = int(asked[paging.parameter]) + (1 if paging.style == "page" else paging.size)
    page = read_page(pull, asker.ask(url, {**asked, paging.parameter: str(beyond)}))
    return _said(pull, page) == said


def _by_cursor(asker: Asker, pull: Pull, url: str, query: Mapping[str, str]) -> Iterator[Page]:
    asked = _first_query(pull, query)
    seen: set[str] = set()
    for number in range(1, MOST_PAGES + 1):
        page = read_page(pull, asker.ask(url, asked))
        yield page
        cursor = _text(page.body.value(pull.paging.cursor_path))
        if not cursor:
            return
        if cursor in seen:
            raise PagesRepeat(number + 1)
        seen.add(cursor)
        asked[pull.paging.parameter] = cursor
    raise PagesRepeat(MOST_PAGES)


def _by_link(asker: Asker, pull: Pull, url: str, query: Mapping[str, str]) -> Iterator[Page]:
    seen: set[str] = set()
    asked = _first_query(pull, query)
    for number in range(1, MOST_PAGES + 1):
        page = read_page(pull, asker.ask(url, asked))
        yield page
        link = _link(pull, page)
        if not link:
            return
        if link in seen:
            raise PagesRepeat(number + 1)
        if _house(link) != _house(url):
            raise AnswerUnreadable("the next page is at another host")
        seen.add(link)
        url, asked = link, {}
    raise PagesRepeat(MOST_PAGES)


def _link(pull: Pull, page: Page) -> str | None:
    if pull.paging.cursor_path:
        said = _text(page.body.value(pull.paging.cursor_path))
        return urljoin(page.answer.url, said) if said else None
    return page.answer.next_link


def _house(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _text(value: Any) -> str:  # noqa: ANN401
    return "" if value is None or isinstance(value, (bool, dict, list)) else str(value)


_WALKS: Final[Mapping[str, Walk]] = {
    "none": _one,
    "page": _counted,
    "offset": _counted,
    "cursor": _by_cursor,
    "link": _by_link,
}
