"""Many patches in one request: a line each, and a bad one stops none of the others."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson
import psycopg
import structlog
from starlette.types import Receive

from ioc_cloud.errors import CloudError
from ioc_cloud.twin import entities, ids, pointer
from ioc_cloud.twin.book import Book, Caller
from ioc_cloud.twin.change_thing import Change, Models
from ioc_cloud.twin.errors import DittoError, bad_shape, too_large
from ioc_cloud.twin.outcome import Outcome
from ioc_cloud.twin.request import Options
from ioc_cloud.twin.service import Twin
from ioc_cloud.twin.web import http

log = structlog.get_logger()

MEDIA_TYPE: Final = "application/x-ndjson"
PER_TRANSACTION: Final = 500
MAX_LINES: Final = 100_000
MAX_LINE: Final = http.MAX_BODY
_MEMBERS: Final = frozenset({"thingId", "path", "patch"})


@dataclass(frozen=True, slots=True)
class Bulk:
    """Changes for the writer to make one after the other in one transaction."""

    changes: tuple[Change, ...]

    def apply(self, book: Book) -> list[Outcome | CloudError]:
        """Make each, or say why not; what one does, the next ones see.

        Raises:
            psycopg.Error: None of them was made.
        """
        book.load_things(change.thing_id for change in self.changes)
        return [_applied(change, book) for change in self.changes]


def _applied(change: Change, book: Book) -> Outcome | CloudError:
    try:
        outcome = change.apply(book)
    except CloudError as error:
        book.forget()
        return error
    except psycopg.Error:
        raise
    except Exception:
        log.exception("bulk_change_failed")
        book.forget()
        return DittoError(500, "gateway:internalerror", "It has been logged.")
    book.keep()
    return outcome


async def lines(receive: Receive) -> AsyncIterator[bytes | DittoError]:
    """The lines of a body as they come in; none is kept longer than it takes to read it.

    Raises:
        Disconnected: The client went away before the end.
    """
    rest, skipping, more = b"", False, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise http.Disconnected
        more = message.get("more_body", False)
        *whole, rest = (rest + message.get("body", b"")).split(b"\n")
        for line in whole:
            if not skipping:
                yield line if len(line) <= MAX_LINE else too_large("message", len(line), MAX_LINE)
            skipping = False
        if len(rest) > MAX_LINE:
            if not skipping:
                yield too_large("message", len(rest), MAX_LINE)
            rest, skipping = b"", True
    if rest.strip() and not skipping:
        yield rest


@dataclass(frozen=True)
class BulkWriter:
    """Takes bulks for one process."""

    twin: Twin
    models: Models
    reserved: tuple[str, ...]

    async def write(
        self, caller: Caller, body: AsyncIterator[bytes | DittoError], correlation_id: str
    ) -> list[bytes]:
        """Every line's answer, in order: number, status, and the error if there is one.

        The answers are kept until the body has ended: a client that does not read while
        it sends would otherwise wait for us, and we for it.
        """
        answers: list[bytes] = []
        waiting: list[tuple[int, Change | DittoError]] = []
        number = 0
        async for line in body:
            number += 1
            if isinstance(line, bytes) and not line.strip():
                continue
            if number > MAX_LINES:
                answers += await self._flush(waiting)
                answers.append(_told(number, None, _too_many()))
                return answers
            waiting.append((number, self._read(caller, line, correlation_id)))
            if len(waiting) == PER_TRANSACTION:
                answers += await self._flush(waiting)
                waiting = []
        return answers + await self._flush(waiting)

    def _read(
        self, caller: Caller, line: bytes | DittoError, correlation_id: str
    ) -> Change | DittoError:
        if isinstance(line, DittoError):
            return line
        try:
            thing_id, path, patch = _parts(entities.loads(line))
        except DittoError as error:
            return error
        options = Options(correlation_id=correlation_id)
        return Change(caller, thing_id, "PATCH", path, patch, options, self.models, self.reserved)

    async def _flush(self, waiting: Sequence[tuple[int, Change | DittoError]]) -> list[bytes]:
        changes = tuple(one for _, one in waiting if isinstance(one, Change))
        outcomes: Iterator[Outcome | CloudError] = iter(await self._made(changes))
        return [
            _told(number, one.thing_id, next(outcomes))
            if isinstance(one, Change)
            else _told(number, None, one)
            for number, one in waiting
        ]

    async def _made(self, changes: tuple[Change, ...]) -> list[Outcome | CloudError]:
        if not changes:
            return []
        try:
            found: Any = await self.twin.change(cast("Any", Bulk(changes)))
        except CloudError as error:
            return [error] * len(changes)
        return cast("list[Outcome | CloudError]", found)


def _parts(value: Any) -> tuple[str, pointer.Path, Any]:  # noqa: ANN401 JSON
    if not isinstance(value, dict):
        raise bad_shape("/", 'a line is an object: {"thingId": …, "path": …, "patch": …}')
    if unknown := sorted(value.keys() - _MEMBERS):
        raise bad_shape(f"/{unknown[0]}", "no such member of a line")
    if "patch" not in value:
        raise bad_shape("/patch", "is missing")
    path = value.get("path", "/")
    if not isinstance(path, str):
        raise bad_shape("/path", "a JSON pointer is a string")
    found = pointer.parse(path)
    if "" in found or (
        found and found[0] not in {"policyId", "definition", "attributes", "features"}
    ):
        raise bad_shape("/path", "a thing has no such part")
    return ids.checked(value.get("thingId")), found, value["patch"]


def _told(number: int, thing_id: str | None, outcome: Outcome | CloudError) -> bytes:
    told: dict[str, Any] = {"line": number}
    if thing_id is not None:
        told["thingId"] = thing_id
    if isinstance(outcome, Outcome):
        told["status"] = outcome.status
        if outcome.tag is not None:
            told["etag"] = outcome.tag
    else:
        error = http.as_ditto(outcome)
        told |= {"status": error.http, "error": error.body()}
    return orjson.dumps(told) + b"\n"


def _too_many() -> DittoError:
    return DittoError(
        413,
        "gateway:message.toolarge",
        f"A bulk has at most {MAX_LINES} lines; this one and those behind it were not read.",
    )
