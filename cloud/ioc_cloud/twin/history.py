"""A thing or policy as it was: the newest snapshot before, and what happened since."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from ioc_cloud.db import twin_history_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin import patch, pointer
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.pointer import MISSING
from ioc_cloud.twin.policy import Compiled
from ioc_cloud.twin.service import Twin

# More changes than lie between two snapshots.
MOST_REPLAYED: Final = 1_000


class Past(NamedTuple):
    """A thing at one revision."""

    revision: int
    time: datetime
    doc: dict[str, Any]
    created: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One change, read back."""

    revision: int
    time: datetime
    action: str
    path: str
    value: Any
    policy_id: str
    seq: int
    correlation_id: str | None
    metadata: Any


def event_of(row: tuple[Any, ...]) -> Event:
    """A row of `EVENTS_*`."""
    value = orjson.loads(row[4]) if row[4] is not None else MISSING
    metadata = orjson.loads(row[8]) if row[8] is not None else None
    return Event(row[0], row[1], row[2], row[3], value, row[5], row[6], row[7], metadata)


def replay(doc: Any, event: Event) -> Any:  # noqa: ANN401 JSON
    """The document after an event; MISSING after a deletion."""
    path = pointer.parse(event.path)
    if event.action == "deleted":
        return pointer.remove(doc, path) if path else MISSING
    if event.action == "merged":
        before = pointer.get(doc, path)
        merged = patch.merge(None if before is MISSING else before, event.value)
        if merged is None and path:
            return pointer.remove(doc, path)
        return pointer.put(doc, path, merged)
    return pointer.put(doc, path, event.value)


def thing_at(
    connection: Connection,
    thing_id: str,
    *,
    revision: int | None = None,
    time: datetime | None = None,
) -> Past:
    """The thing as it was at a revision, or at a time.

    Raises:
        DittoError: It was not there then, or the past is not kept that long.
    """
    asked = {"id": thing_id, "revision": revision, "time": time}
    found = connection.execute(
        sql.SNAPSHOT_AT_REVISION if revision is not None else sql.SNAPSHOT_AT_TIME, asked
    ).fetchone()
    if found is None:
        raise _not_found(thing_id)
    at, since, doc = found[0], found[1], orjson.loads(found[2])
    query = sql.EVENTS_TO_REVISION if revision is not None else sql.EVENTS_TO_TIME
    bounds = {**asked, "after": at, "since": since, "most": MOST_REPLAYED}
    changed = since
    for row in connection.execute(query, bounds).fetchall():
        event = event_of(row)
        doc, at, changed = replay(doc, event), event.revision, event.time
    if doc is MISSING or (revision is not None and at != revision):
        raise _not_found(thing_id)
    # The first event may lie before what is kept; then nobody knows better than the snapshot.
    first = connection.execute(sql.FIRST_EVENT, asked).fetchone()
    return Past(at, changed, doc, first[0] if first is not None else since)


def policy_at(
    connection: Connection, policy_id: str, *, revision: int | None, time: datetime | None
) -> tuple[int, datetime, dict[str, Any]]:
    """The policy as it was.

    Raises:
        DittoError: It was not there then.
    """
    query = sql.POLICY_AT_REVISION if revision is not None else sql.POLICY_AT_TIME
    row = connection.execute(
        query, {"id": policy_id, "revision": revision, "time": time}
    ).fetchone()
    if row is None or row[2] is None:
        raise DittoError(
            404,
            "policies:policy.history.notfound",
            f"The Policy '{policy_id}' was not there at that revision or time.",
        )
    return row[0], row[1], orjson.loads(row[2])


def events(
    connection: Connection,
    thing_id: str,
    *,
    revisions: tuple[int, int],
    times: tuple[datetime | None, datetime | None] = (None, None),
    most: int = 1_000,
) -> list[Event]:
    """Changes with revisions above the first and up to the second number, oldest first."""
    bounds = {
        "id": thing_id,
        "after": revisions[0],
        "upto": revisions[1],
        "since": times[0],
        "until": times[1],
        "most": most,
    }
    return [event_of(row) for row in connection.execute(sql.EVENTS_BETWEEN, bounds).fetchall()]


class Holder(NamedTuple):
    """Whose rules a thing's past stands under: its policy as it is now."""

    revision: int
    compiled: Compiled


def holder(connection: Connection, twin: Twin, thing_id: str) -> Holder | None:
    """The policy of a thing that is there, or was; None for one that never was."""
    last = connection.execute(sql.LAST_EVENT, {"id": thing_id}).fetchone()
    if last is None:
        return None
    row = connection.execute(sql.POLICY_EPOCHS, ([last[2]],)).fetchone()
    epoch = row[1] if row else None
    return Holder(last[0], twin.policies.get(connection, last[2], epoch))


def _not_found(thing_id: str) -> DittoError:
    return DittoError(
        404,
        "things:thing.history.notfound",
        f"The Thing '{thing_id}' was not there at that revision or time, or it is longer ago "
        "than history is kept.",
    )
