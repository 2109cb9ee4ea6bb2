"""Answers that come in pages, as the client asks for them: searches and a thing's history.

Ditto Protocol's reactive streams: `created`, then as many `next` as were requested, then
`complete` or `failed`.
"""

import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson
from starlette.concurrency import run_in_threadpool

from ioc_cloud.errors import CloudError
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError, bad_shape, not_supported
from ioc_cloud.twin.push import protocol, views
from ioc_cloud.twin.push.commands import Commands
from ioc_cloud.twin.push.past import Span, past_of, span_of
from ioc_cloud.twin.push.protocol import ANY, Envelope, Topic
from ioc_cloud.twin.push.views import View
from ioc_cloud.twin.service import Twin
from ioc_cloud.twin.web.http import as_ditto

MAX_OPEN: Final = 100
MAX_DEMAND: Final = 1_000_000
_SPAN: Final[Mapping[str, str]] = {
    "fromHistoricalRevision": "from-historical-revision",
    "toHistoricalRevision": "to-historical-revision",
    "fromHistoricalTimestamp": "from-historical-timestamp",
    "toHistoricalTimestamp": "to-historical-timestamp",
}


@dataclass(eq=False)
class Subscription:
    """One stream of pages; `pages` gives the members of each page's value."""

    id: str
    topic: Topic
    pages: AsyncIterator[dict[str, Any]]
    demand: int = 0
    busy: bool = False

    def said(self, action: str, **more: Any) -> bytes:  # noqa: ANN401 JSON
        """An envelope about the subscription."""
        topic = replace(self.topic, action=action)
        headers = {"correlation-id": self.id, "content-type": "application/json", "version": 2}
        return protocol.dumps(topic, headers, "/", value={"subscriptionId": self.id, **more})


@dataclass
class Subscriptions:
    """Those of one connection."""

    twin: Twin
    commands: Commands
    _open: dict[str, Subscription] = field(default_factory=dict)

    async def run(self, caller: Caller, envelope: Envelope) -> AsyncIterator[bytes]:
        """Envelopes that follow from one.

        Raises:
            DittoError: It cannot be understood.
        """
        match envelope.topic.action:
            case "subscribe" | "subscribeForPersistedEvents":
                one = self._subscribe(caller, envelope)
                created = protocol.dumps(
                    replace(one.topic, action="created"),
                    {"correlation-id": envelope.correlation_id, "version": 2},
                    "/",
                    value={"subscriptionId": one.id},
                )
                yield created
            case "request":
                async for page in self._request(envelope):
                    yield page
            case "cancel":
                self._open.pop(self._named(envelope).id, None)
            case action:
                raise DittoError(400, "things:topic.malformed", f"'{action}' is no such command.")

    def _subscribe(self, caller: Caller, envelope: Envelope) -> Subscription:
        if len(self._open) >= MAX_OPEN:
            raise DittoError(
                429, "gateway:too.many.requests", f"{MAX_OPEN} subscriptions are open."
            )
        value = envelope.value if isinstance(envelope.value, dict) else {}
        topic = envelope.topic
        if topic.criterion == "search":
            pages = self._search(caller, envelope, value)
            topic = Topic(ANY, ANY, "things", "twin", "search")
        else:
            if topic.group != "things":
                raise not_supported("the history of policies as a stream")
            pages = self._history(caller, envelope, value)
        one = Subscription(str(uuid.uuid4()), topic, pages)
        self._open[one.id] = one
        return one

    def _named(self, envelope: Envelope) -> Subscription:
        value = envelope.value if isinstance(envelope.value, dict) else {}
        named = value.get("subscriptionId")
        found = self._open.get(named) if isinstance(named, str) else None
        if found is None:
            raise DittoError(
                404,
                "thing-search:subscription.notfound",
                f"The subscription '{str(named)[:80]}' is not open.",
            )
        return found

    async def _request(self, envelope: Envelope) -> AsyncIterator[bytes]:
        one = self._named(envelope)
        demand = envelope.value.get("demand")
        if not isinstance(demand, int) or isinstance(demand, bool) or demand <= 0:
            self._open.pop(one.id, None)
            error = bad_shape("/value/demand", "a whole number above 0")
            yield one.said("failed", error=error.body())
            return
        one.demand = min(one.demand + demand, MAX_DEMAND)
        if one.busy:
            # Whoever is at it goes on for longer.
            return
        one.busy = True
        try:
            while one.demand > 0:
                one.demand -= 1
                page = await anext(one.pages, None)
                if one.id not in self._open:
                    return
                if page is None:
                    self._open.pop(one.id, None)
                    yield one.said("complete")
                    return
                yield one.said("next", **page)
        except CloudError as error:
            self._open.pop(one.id, None)
            yield one.said("failed", error=as_ditto(error).body())
        finally:
            one.busy = False

    # --- what is streamed ----------------------------------------------------------------

    async def _search(
        self, caller: Caller, envelope: Envelope, value: Mapping[str, Any]
    ) -> AsyncIterator[dict[str, Any]]:
        query = {"filter": _text(value, "filter"), "fields": envelope.fields or ""}
        wanted = _text(value, "options")
        namespaces = value.get("namespaces")
        if envelope.topic.namespace != ANY:
            namespaces = [envelope.topic.namespace]
        if namespaces:
            query["namespaces"] = ",".join(str(one) for one in namespaces)
        cursor = None
        while True:
            options = ",".join(
                part for part in (wanted, f"cursor({cursor})" if cursor else "") if part
            )  # fmt: skip
            asked = {name: text for name, text in (query | {"option": options}).items() if text}
            found = await self.commands.call(caller, "GET", ("search", "things"), {}, asked)
            page = orjson.loads(found.body)
            if page["items"]:
                yield {"items": page["items"]}
            cursor = page.get("cursor")
            if not cursor:
                return

    async def _history(
        self, caller: Caller, envelope: Envelope, value: Mapping[str, Any]
    ) -> AsyncIterator[dict[str, Any]]:
        thing_id = envelope.topic.entity_id
        view = View(
            caller.subjects,
            thing_ids=frozenset({thing_id}),
            query=views.query_of(_text(value, "filter") or None),
        )
        span = _span(value)
        past = await run_in_threadpool(past_of, self.twin, caller, thing_id, span)
        async for changes in past.chunks():
            for change in changes:
                found = views.shown(view, change, self.twin.clock())
                if found is not None:
                    yield {"item": orjson.Fragment(protocol.event(found))}


def _text(value: Mapping[str, Any], name: str) -> str:
    text = value.get(name, "")
    if not isinstance(text, str):
        raise bad_shape(f"/value/{name}", "a string")
    return text


def _span(value: Mapping[str, Any]) -> Span:
    told = {header: value[name] for name, header in _SPAN.items() if value.get(name) is not None}
    texts = {name: one if isinstance(one, str) else orjson.dumps(one).decode()
             for name, one in told.items()}  # fmt: skip
    return span_of(texts.get)
