"""All things as they were at one moment, page by page, under today's rights."""

import time as clock
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson

from ioc_cloud.db import twin_asof_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin import entities, history
from ioc_cloud.twin.access import Access
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.ioc import asked_ioc, paging
from ioc_cloud.twin.ioc.asked_ioc import Which, invalid
from ioc_cloud.twin.placeholders import iso
from ioc_cloud.twin.placeholders import seen as filtered
from ioc_cloud.twin.pointer import MISSING
from ioc_cloud.twin.policy import Rules
from ioc_cloud.twin.request import timestamp
from ioc_cloud.twin.rql import evaluate
from ioc_cloud.twin.service import Row, Seen, Twin
from ioc_cloud.twin.web.api_things import whole_of

DEFAULT_SIZE: Final = 200
MAX_SIZE: Final = 10_000
BATCH: Final = 1_000
# A filter that matches little goes on at the next page.
LONGEST_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A moment, and which things of it."""

    at: datetime
    which: Which
    size: int


class Visible(NamedTuple):
    """Which things are looked at: a condition on `t`, what it binds, and the namespaces."""

    sql: str
    params: Mapping[str, object]
    namespaces: tuple[str, ...] | None


EVERYTHING: Final = Visible("true", {}, None)


class State(NamedTuple):
    """A thing at the moment; its document is None where it had been deleted."""

    thing_id: str
    revision: int
    changed: datetime
    doc: dict[str, Any] | None
    policy_id: str | None
    epoch: int | None
    created: datetime
    replayed: int


def wanted(asked: Mapping[str, str], now: datetime) -> Wanted:
    """A question from its parameters.

    Raises:
        DittoError: One that cannot be understood.
    """
    at = timestamp(asked.get("time"), "time")
    if at is None:
        raise invalid("'time' is needed: an ISO 8601 time.")
    if at > now:
        raise invalid("'time' lies in the future.")
    size = paging.size_of(asked.get("size"), DEFAULT_SIZE, MAX_SIZE)
    return Wanted(at, asked_ioc.which(asked), size)


@dataclass(frozen=True)
class Moments:
    """Puts the past together."""

    twin: Twin
    access: Access

    def answer(self, caller: Caller, asked: Wanted, cursor: str | None) -> dict[str, Any]:
        """The things of that moment as the caller may see them. Blocks.

        Raises:
            DittoError: It is longer ago than the past is kept.
        """
        items, more = self._page(caller, asked, cursor)
        return {"time": iso(asked.at), "items": items} | more

    def on_map(self, caller: Caller, asked: Wanted, cursor: str | None) -> dict[str, Any]:
        """The same as GeoJSON: things that had a place. Blocks.

        Raises:
            DittoError: It is longer ago than the past is kept.
        """
        # The place is looked for in all that may be read, whatever `fields` asks for.
        every = Wanted(asked.at, Which(asked.which.query, asked.which.namespaces), asked.size)
        items, more = self._page(caller, every, cursor)
        features = [one for item in items if (one := _feature(item, asked.which)) is not None]
        return {"type": "FeatureCollection", "time": iso(asked.at), "features": features} | more

    def _page(
        self, caller: Caller, asked: Wanted, cursor: str | None
    ) -> tuple[list[dict[str, Any]], dict[str, str]]:
        key = (asked.at, asked.which.query, asked.which.namespaces)
        place = paging.opened(cursor, key, (str,))
        after = shown_last = place[0] if place else ""
        items = list[dict[str, Any]]()
        until = clock.monotonic() + LONGEST_S
        with self.twin.pool.connection() as connection:
            _check_kept(connection, asked.at)
            rights = self.access.rights(connection, caller)
            visible = Visible(rights.visible, rights.params, asked.which.namespaces)
            while True:
                most = min(BATCH, asked.size - len(items))
                batch = states(connection, asked.at, after, visible, most)
                for state in batch:
                    rules = self._readable(connection, caller, state)
                    if rules is None:
                        continue
                    # A cursor names no thing that its holder may not know of.
                    shown_last = state.thing_id
                    if (item := _item(state, rules, asked.which)) is not None:
                        items.append(item)
                if len(batch) < most:
                    return items, {}
                after = batch[-1].thing_id
                if len(items) >= asked.size or clock.monotonic() > until:
                    return items, {"cursor": paging.sealed(key, [shown_last])}

    def _readable(self, connection: Connection, caller: Caller, state: State) -> Rules | None:
        if state.doc is None or state.policy_id is None:
            return None
        rules = self._rules(connection, caller, state)
        return rules if rules.may_some("thing", "READ") else None

    def _rules(self, connection: Connection, caller: Caller, state: State) -> Rules:
        held = self.twin.policies.get(connection, state.policy_id or "", state.epoch)
        namespace = state.thing_id.partition(":")[0]
        return held.rules(caller.subjects, namespace, self.twin.clock())


def _item(state: State, rules: Rules, which: Which) -> dict[str, Any] | None:
    doc, policy_id = state.doc or {}, state.policy_id or ""
    thing = entities.Thing(
        state.thing_id, policy_id, doc, None, state.revision, state.created, state.changed,
        state.epoch,
    )  # fmt: skip
    if which.query is not None and not evaluate(which.query, filtered(thing, rules)):
        return None
    row = Row(
        state.thing_id, policy_id, entities.dumps(doc), None, state.revision, state.created,
        state.changed, state.epoch,
    )  # fmt: skip
    return whole_of(Seen(row, rules), which.selector, None)


def _check_kept(connection: Connection, at: datetime) -> None:
    row = connection.execute(sql.HISTORY_FROM).fetchone()
    if row is not None and row[0] is not None and at < row[0]:
        raise DittoError(
            404,
            "things:thing.history.notfound",
            f"The past is kept from {iso(row[0])} on.",
        )


def states(
    connection: Connection, at: datetime, after: str, visible: Visible, most: int
) -> list[State]:
    """Things by their id, behind `after`, each as it was: snapshot and replay.

    Among them are things that are gone by now, whoever might have read them.
    """
    spaces = visible.namespaces
    held = connection.execute(
        asked_ioc.statement(sql.STATES.format(visible=visible.sql)),
        dict(visible.params)
        | {
            "time": at, "after": after, "most": most,
            "namespaces": None if spaces is None else list(spaces),
        },
    ).fetchall()  # fmt: skip
    changes = _changes(connection, held, at)
    return [_replayed(row, changes.get(row[0], ())) for row in held]


def _changes(
    connection: Connection, held: list[tuple[Any, ...]], at: datetime
) -> dict[str, list[history.Event]]:
    found: dict[str, list[history.Event]] = {}
    if not held:
        return found
    rows = connection.execute(
        sql.CHANGES,
        {
            "ids": [row[0] for row in held], "revisions": [row[1] for row in held],
            "times": [row[2] for row in held], "oldest": min(row[2] for row in held),
            "time": at,
        },
    ).fetchall()  # fmt: skip
    for row in rows:
        found.setdefault(row[9], []).append(history.event_of(row[:9]))
    return found


def _replayed(row: tuple[Any, ...], changes: "list[history.Event] | tuple[()]") -> State:
    thing_id, revision, changed, text, policy_id, epoch, created = row
    doc: Any = MISSING if text is None else orjson.loads(text)
    for event in changes:
        doc, revision, changed = history.replay(doc, event), event.revision, event.time
    kept = None if doc is MISSING else doc
    return State(thing_id, revision, changed, kept, policy_id, epoch, created, len(changes))


def _feature(item: dict[str, Any], which: Which) -> dict[str, Any] | None:
    geometry = place_of(item.get("attributes"))
    if geometry is None:
        return None
    return {
        "type": "Feature",
        "id": item["thingId"],
        "geometry": geometry,
        "properties": asked_ioc.selected(item, which),
    }


def place_of(attributes: Any) -> dict[str, Any] | None:  # noqa: ANN401 JSON
    """A geometry from what may be read: `location`, else `geo`."""
    if not isinstance(attributes, dict):
        return None
    location, geo = attributes.get("location"), attributes.get("geo")
    if isinstance(location, dict) and {"type", "coordinates"} <= location.keys():
        return {"type": location["type"], "coordinates": location["coordinates"]}
    if isinstance(geo, dict):
        lon, lat = geo.get("long"), geo.get("lat")
        if isinstance(lon, int | float) and isinstance(lat, int | float):
            return {"type": "Point", "coordinates": [lon, lat]}
    return None


# --- the end of the past --------------------------------------------------------------


def prune(connection: Connection, keep: timedelta) -> datetime:
    """Forget what lies weeks before `keep`, so that every moment since can still be shown.

    Each thing first gets a snapshot of what it was then; older snapshots go. Only then
    may the events before that moment be dropped.

    Returns:
        Where the past begins now: the beginning of a week.
    """
    with connection.transaction():
        row = connection.execute(sql.CUTOFF, (keep,)).fetchone()
        if row is None:
            raise LookupError("the database told no time")
        cutoff: datetime = row[0]
        known = connection.execute(sql.HISTORY_FROM).fetchone()
        if known is None or known[0] is None or known[0] < cutoff:
            for batch in _settled(connection, cutoff):
                connection.execute(sql.ADD_SNAPSHOT, batch)
            connection.execute(sql.PRUNE, (keep,))
    return cutoff


def _settled(connection: Connection, cutoff: datetime) -> Iterator[dict[str, list[Any]]]:
    """The states at the cutoff that no snapshot holds yet."""
    after = ""
    while batch := states(connection, cutoff, after, EVERYTHING, BATCH):
        after = batch[-1].thing_id
        moved = [one for one in batch if one.replayed]
        yield {
            "ids": [one.thing_id for one in moved],
            "revisions": [one.revision for one in moved],
            "times": [one.changed for one in moved],
            "docs": [None if one.doc is None else entities.dumps(one.doc) for one in moved],
        }
