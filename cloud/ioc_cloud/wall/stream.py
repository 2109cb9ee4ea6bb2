"""Server-sent events: every change after the one a wall saw last, in order."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final

from sse_starlette import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from ioc_cloud.access import State
from ioc_cloud.auth.principal import Principal
from ioc_cloud.auth.scopes import EVENTS_READ
from ioc_cloud.wall import feed
from ioc_cloud.wall.feed import Chunk

KEEP_ALIVE_S: Final = 15
# A wall that takes nothing for this long is gone, whatever TCP says.
SEND_TIMEOUT_S: Final = 30
# Browsers come back by themselves, and have to show again that they still may.
LINE_LIFE_S: Final = 900.0


async def changes(
    state: State, who: Principal, after: int | None
) -> AsyncIterator[ServerSentEvent]:
    """All changes behind `after`, then each as it comes; from now on where it is None.

    A `reset` event tells a wall that was away too long to load afresh.
    """
    seen = state.feed.newest if after is None else await run_in_threadpool(_place, state, after)
    if seen is None:
        seen = state.feed.newest
        yield ServerSentEvent(event="reset", id=str(seen), data="{}")
    else:
        # The id at once: a line that breaks before its first change resumes here too.
        yield ServerSentEvent(id=str(seen), comment="ioc")
    ends_at = time.monotonic() + LINE_LIFE_S
    while (left_s := ends_at - time.monotonic()) > 0:
        wake = state.feed.wake
        chunk = await _next(state, who, seen)
        for frame in chunk.frames:
            yield ServerSentEvent(event=frame.name, id=str(frame.seq), data=frame.data)
        if chunk.upto > seen:
            seen = chunk.upto
        else:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), left_s)


async def _next(state: State, who: Principal, seen: int) -> Chunk:
    if who.may(EVENTS_READ):
        return await run_in_threadpool(_in_full, state, who, seen)
    kept = state.feed.kept(seen)
    return kept if kept is not None else await run_in_threadpool(_masked, state, seen)


def _place(state: State, after: int) -> int | None:
    with state.pool.connection() as connection:
        return feed.place_of(connection, after)


def _masked(state: State, seen: int) -> Chunk:
    with state.pool.connection() as connection:
        return feed.read_masked(connection, seen)


def _in_full(state: State, who: Principal, seen: int) -> Chunk:
    with state.pool.connection() as connection:
        return feed.read_in_full(connection, seen, who)
