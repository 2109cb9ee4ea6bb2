"""Acknowledgements with labels of one's own: a write that waits for whoever it concerns.

`requested-acks: twin-persisted,ioc:on-the-wall` is answered once the change is committed
and a subscriber who was shown its event has acknowledged it under that label.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from ioc_cloud.errors import DatabaseBusy
from ioc_cloud.twin import request as requests
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.pointer import MISSING
from ioc_cloud.twin.push.changes import Change
from ioc_cloud.twin.push.commands import Answered
from ioc_cloud.twin.push.live import Answer, is_json
from ioc_cloud.twin.request import BUILT_IN_ACKS, Asked
from ioc_cloud.twin.web import http
from ioc_cloud.twin.web.api import Handler, Request

ACK_TIMEOUT_S: Final = 10.0
MAX_WAITING: Final = 5_000
_WRITES: Final = frozenset({"PUT", "PATCH", "DELETE", "POST"})
_ALL_WELL: Final = 200
_NOT_ALL_WELL: Final = 424
_REFUSED_FROM: Final = 400


class Overlay(Asked):
    """A request with some of its headers replaced."""

    __slots__ = ("_below", "_over")

    def __init__(self, below: Asked, over: Mapping[str, str]) -> None:
        """`over` stands before what `below` says."""
        super().__init__([], b"")
        self._below = below
        self._over = over
        self.query_string = below.query_string

    def get(self, name: str) -> str | None:
        """A header, or the query parameter of that name."""
        return self._over[name] if name in self._over else self._below.get(name)

    def header(self, name: str) -> str | None:
        """A header alone."""
        return self._over[name] if name in self._over else self._below.header(name)

    def query(self, name: str) -> str | None:
        """A query parameter alone."""
        return self._below.query(name)

    def media_type(self) -> str:
        """Content type without its parameters."""
        return self._below.media_type()

    def accepts(self, media_type: str) -> bool:
        """Whether the Accept header names this media type."""
        return self._below.accepts(media_type)


@dataclass(eq=False)
class Waiting:
    """One write that waits for labels.

    Attributes:
        shown_to: Subjects of those who were shown its event: they alone may acknowledge.
    """

    futures: dict[str, "asyncio.Future[Answer]"]
    shown_to: set[frozenset[str]] = field(default_factory=set)


@dataclass
class Acks:
    """The writes of this process that wait. On the event loop alone."""

    unclaimed: int = 0
    _waiting: dict[str, Waiting] = field(default_factory=dict)

    def expect(self, correlation_id: str, labels: Sequence[str]) -> Waiting:
        """Begin to wait, before the write is made.

        Raises:
            DittoError: A write of this correlation id waits already.
            DatabaseBusy: Too many wait.
        """
        if correlation_id in self._waiting:
            raise DittoError(
                409,
                "acknowledgement:request.duplicate.correlation.id",
                f"A request with the correlation-id '{correlation_id}' is waiting already.",
            )
        if len(self._waiting) >= MAX_WAITING:
            raise DatabaseBusy(f"{MAX_WAITING} writes wait for acknowledgements")
        loop = asyncio.get_running_loop()
        made = Waiting({label: loop.create_future() for label in labels})
        self._waiting[correlation_id] = made
        return made

    def forget(self, correlation_id: str) -> None:
        """Wait no longer."""
        self._waiting.pop(correlation_id, None)

    def headers(self, change: Change, subjects: frozenset[str]) -> dict[str, Any] | None:
        """What an event says to ask for acknowledgements, as it is shown to somebody."""
        if not self._waiting or change.correlation_id is None:
            return None
        waiting = self._waiting.get(change.correlation_id)
        if waiting is None:
            return None
        waiting.shown_to.add(subjects)
        return {"requested-acks": list(waiting.futures), "response-required": True}

    def acknowledge(
        self, caller: Caller, correlation_id: str, label: str, answer: Answer
    ) -> bool:  # fmt: skip
        """Take an acknowledgement; whether somebody waited for it."""
        waiting = self._waiting.get(correlation_id)
        future = waiting.futures.get(label) if waiting is not None else None
        if waiting is None or future is None or caller.subjects not in waiting.shown_to:
            self.unclaimed += 1
            return False
        if not future.done():
            future.set_result(answer)
        return True


@dataclass(frozen=True, slots=True)
class AckedThings:
    """`/things`, with writes that wait for acknowledgements of one's own."""

    things: Handler
    acks: Acks

    async def handle(self, request: Request) -> None:
        """Serve a request; those that ask for nothing special go straight on."""
        text = request.asked.get("requested-acks")
        if text is None or request.method not in _WRITES:
            await self.things(request)
            return
        wanted = requests.options(request.asked)
        own = [label for label in wanted.requested_acks if label not in BUILT_IN_ACKS]
        if not own or not wanted.response_required:
            await self.things(_without(request, own, wanted.requested_acks))
            return
        await self._wait(request, wanted.requested_acks, own)

    async def _wait(self, request: Request, labels: Sequence[str], own: Sequence[str]) -> None:
        correlation_id = request.headers["correlation-id"]
        timeout_s = requests.timeout(request.asked.get("timeout"), ACK_TIMEOUT_S)
        waiting = self.acks.expect(correlation_id, own)
        try:
            written = Answered()
            inner = _without(request, own, ("twin-persisted",))
            await self.things(replace(inner, send=written.send))
            if written.status >= _REFUSED_FROM:
                await _pass_on(request, written)
                return
            await asyncio.wait(waiting.futures.values(), timeout=timeout_s)
            told = {
                label: _given(label, waiting.futures[label], timeout_s)
                for label in own
            }  # fmt: skip
        finally:
            self.acks.forget(correlation_id)
        built_in = _of_write(written, correlation_id)
        await _answer(request, {label: told.get(label, built_in) for label in labels})


def _without(request: Request, own: Sequence[str], labels: Sequence[str]) -> Request:
    """The request as the twin itself is to take it."""
    left = [label for label in labels if label not in own]
    over = {
        "requested-acks": ",".join(left or ["twin-persisted"]),
        "correlation-id": request.headers["correlation-id"],
    }
    return replace(request, asked=Overlay(request.asked, over))


def _given(label: str, future: "asyncio.Future[Answer]", timeout_s: float) -> dict[str, Any]:
    if not future.done():
        error = DittoError(
            408,
            "acknowledgement:request.timeout",
            f"The acknowledgement '{label}' did not come within {timeout_s:g} s.",
        )
        return {"status": 408, "payload": error.body(), "headers": {}}
    answer = future.result()
    shown = {name: answer.headers[name] for name in ("correlation-id", "content-type")
             if name in answer.headers}  # fmt: skip
    told: dict[str, Any] = {"status": answer.status, "headers": shown}
    if answer.value is not MISSING:
        told["payload"] = answer.value
    return told


def _of_write(written: Answered, correlation_id: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "status": written.status,
        "headers": {"correlation-id": correlation_id},
    }
    if written.body and is_json(written.headers.get("content-type", "")):
        told["payload"] = orjson.Fragment(written.body)
    return told


async def _pass_on(request: Request, written: Answered) -> None:
    headers = {name: value for name, value in written.headers.items()
               if name not in {"content-length", "content-type"}}  # fmt: skip
    await http.answer(request.send, written.status, written.body, headers)


async def _answer(request: Request, told: Mapping[str, dict[str, Any]]) -> None:
    if len(told) == 1:
        (one,) = told.values()
        body = orjson.dumps(one["payload"]) if "payload" in one else b""
        await http.answer(request.send, one["status"], body, request.headers)
        return
    well = all(one["status"] < 300 for one in told.values())  # noqa: PLR2004 HTTP
    status = _ALL_WELL if well else _NOT_ALL_WELL
    await http.answer_json(request.send, status, told, request.headers)
