"""A stretch of a thing's past, as changes that a listener can be shown."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import orjson
from starlette.concurrency import run_in_threadpool

from ioc_cloud.twin import history, pointer
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import bad_header, thing_not_found
from ioc_cloud.twin.history import Event
from ioc_cloud.twin.pointer import MISSING
from ioc_cloud.twin.policy import Compiled
from ioc_cloud.twin.push.changes import Change
from ioc_cloud.twin.request import timestamp
from ioc_cloud.twin.service import Twin

CHUNK: Final = 500
MAX_REVISION: Final = 2**62


class Span(NamedTuple):
    """Which changes are asked for.

    Attributes:
        first: First revision; counted back from the newest where negative.
        last: Last revision; counted back from the newest where not above 0.
    """

    first: int = 0
    last: int = 0
    since: datetime | None = None
    until: datetime | None = None


def span_of(look: Callable[[str], str | None]) -> Span:
    """The span of `from-historical-…` and `to-historical-…`.

    Raises:
        DittoError: A value that cannot be understood.
    """
    return Span(
        _revision(look, "from-historical-revision"),
        _revision(look, "to-historical-revision"),
        timestamp(look("from-historical-timestamp"), "from-historical-timestamp"),
        timestamp(look("to-historical-timestamp"), "to-historical-timestamp"),
    )


def _revision(look: Callable[[str], str | None], name: str) -> int:
    text = look(name)
    if text is None or text == "":
        return 0
    try:
        number = int(text)
    except ValueError as error:
        raise bad_header(name, "a revision is a whole number") from error
    if abs(number) > MAX_REVISION:
        raise bad_header(name, "no revision has this number")
    return number


@dataclass(frozen=True, slots=True)
class Past:
    """Changes of a thing between two revisions, under its policy of now."""

    twin: Twin
    thing_id: str
    after: int
    upto: int
    times: tuple[datetime | None, datetime | None]
    compiled: Compiled

    async def chunks(self) -> AsyncIterator[list[Change]]:
        """The changes, oldest first, some hundred at a time."""
        after = self.after
        while found := await run_in_threadpool(self._read, after):
            yield found
            after = found[-1].revision

    def _read(self, after: int) -> list[Change]:
        if after >= self.upto:
            return []
        with self.twin.pool.connection() as connection:
            found = history.events(
                connection,
                self.thing_id,
                revisions=(after, self.upto),
                times=self.times,
                most=CHUNK,
            )
        return [_change(self.thing_id, self.compiled, one) for one in found]


def past_of(twin: Twin, caller: Caller, thing_id: str, span: Span) -> Past:
    """The past of a thing that the caller may read. Blocks.

    Raises:
        DittoError: It never was there, or is not for this caller.
    """
    with twin.pool.connection() as connection:
        held = history.holder(connection, twin, thing_id)
    if held is None:
        raise thing_not_found(thing_id)
    namespace = thing_id.partition(":")[0]
    rules = held.compiled.rules(caller.subjects, namespace, twin.clock())
    if not rules.may_some("thing", "READ"):
        raise thing_not_found(thing_id)
    first = span.first if span.first >= 0 else held.revision + span.first + 1
    last = span.last if span.last > 0 else held.revision + span.last
    times = (span.since, span.until)
    return Past(twin, thing_id, max(first, 1) - 1, last, times, held.compiled)


def _change(thing_id: str, compiled: Compiled, one: Event) -> Change:
    value = MISSING if one.action == "deleted" else one.value
    metadata = orjson.dumps(one.metadata).decode() if one.metadata is not None else None
    # What a thing's state is now has no place beside its past: no documents.
    return Change(
        one.seq, one.time, thing_id, one.revision, one.policy_id, one.action,
        pointer.parse(one.path), value, metadata, one.correlation_id, compiled, MISSING, 0,
    )  # fmt: skip
