"""The client: one service, one caller."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

import requests

from ioc_ditto import search as searches
from ioc_ditto.errors import BadAnswer
from ioc_ditto.messages import Messages
from ioc_ditto.policies import Policies
from ioc_ditto.retries import Retries, mount
from ioc_ditto.search import LARGEST_PAGE, Search
from ioc_ditto.things import Things
from ioc_ditto.timeseries import Timeseries
from ioc_ditto.transport import Call, Transport, json_body

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from requests.auth import AuthBase
    from typing_extensions import Self, Unpack

    from ioc_ditto.rql import Rql
    from ioc_ditto.shapes import Check, Thing, WhoAmI
    from ioc_ditto.streams import EventStream
    from ioc_ditto.things import Follow

TIMEOUT = timedelta(seconds=20)


class DittoClient:
    """A client of Ditto's HTTP API 2, or of a service that speaks it.

    Reads, PUT and DELETE are repeated when the line or the service fails, other writes
    only under `if_match` or `if_none_match="*"`; see `Retries`. A repeated DELETE may
    find nothing left (`NotFound`), a repeated guarded write its own work
    (`PreconditionFailed`).
    """

    def __init__(
        self,
        base_url: str,
        auth: AuthBase | None = None,
        *,
        session: requests.Session | None = None,
        timeout: timedelta = TIMEOUT,
        retries: Retries | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            base_url: `https://host:port`, with or without `/api/2`.
            auth: `Basic`, `Bearer` or `PreAuthenticated`.
            session: Yours to configure and to close; it is repeated with only where
                `retries` are given too.
            timeout: Longest silence of the service before `TimedOut`.
            retries: How patient to be.
        """
        self._own = session is None
        self._session = session or requests.Session()
        self._transport = Transport(base_url, self._session, auth, timeout)
        if session is None or retries is not None:
            mount(self._session, self._transport.base_url, retries or Retries())
        self.things = Things(self._transport)
        self.policies = Policies(self._transport)
        self.messages = Messages(self._transport)
        self.timeseries = Timeseries(self._transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go, unless the session is yours."""
        if self._own:
            self._session.close()

    def search(
        self,
        filter: Rql | str | None = None,  # noqa: A002 the API's own word
        *,
        sort: str | Sequence[str] = (),
        size: int = LARGEST_PAGE,
        fields: str | Iterable[str] | None = None,
        namespaces: str | Iterable[str] | None = None,
    ) -> Iterator[Thing]:
        """Things that fit, page after page, as they are asked for.

        Args:
            filter: RQL, from `ioc_ditto.rql` or as text.
            sort: Properties, `-` in front for the largest first.
            size: Things in one page, 1 to 200.
            fields: What to show of each.
            namespaces: Where to look.

        Raises:
            BadRequest: While iterating: the filter is no RQL.
        """
        keys = (sort,) if isinstance(sort, str) else tuple(sort)
        return searches.pages(self._transport, Search(filter, keys, size, fields, namespaces))

    def search_stream(
        self,
        filter: Rql | str | None = None,  # noqa: A002 the API's own word
        *,
        sort: str | Sequence[str] = (),
        fields: str | Iterable[str] | None = None,
        namespaces: str | Iterable[str] | None = None,
        since: str = "",
    ) -> EventStream:
        """Things that fit, as a stream; each event's `value` is a thing, its `id` the place."""
        keys = (sort,) if isinstance(sort, str) else tuple(sort)
        search = Search(filter, keys, LARGEST_PAGE, fields, namespaces)
        return searches.stream(self._transport, search, since)

    def count(
        self,
        filter: Rql | str | None = None,  # noqa: A002 the API's own word
        *,
        namespaces: str | Iterable[str] | None = None,
    ) -> int:
        """How many things fit."""
        return searches.count(self._transport, Search(filter, namespaces=namespaces))

    def events(self, **follow: Unpack[Follow]) -> EventStream:
        """Changes of all things that you may see; see `Things.events`."""
        return self.things.events(**follow)

    def who_am_i(self) -> WhoAmI:
        """Under which subjects policies know you.

        Raises:
            BadAnswer: Something other than a Ditto replied.
        """
        found = self._transport.value(Call("GET", "whoami"))
        if not isinstance(found, dict) or not isinstance(found.get("defaultSubject"), str):
            raise BadAnswer("who am I? There was no subject in the answer")
        return cast("WhoAmI", found)

    whoami = who_am_i

    def check_permissions(self, checks: Mapping[str, Check]) -> dict[str, bool]:
        """Whether you may, for each question by its name."""
        body, headers = json_body(dict(checks))
        call = Call("POST", "checkPermissions", headers=headers, body=body, repeatable=True)
        found: dict[str, bool] = self._transport.value(call)
        return found
