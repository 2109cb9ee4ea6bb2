"""Changes of things as the database keeps them, with the rules under which they are shown."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from ioc_cloud.db import twin_stream_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin import history, pointer
from ioc_cloud.twin.book import Policies
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.pointer import MISSING, Path
from ioc_cloud.twin.policy import Compiled


class Change(NamedTuple):
    """One change of one thing, with the rules under which it may be shown.

    Attributes:
        value: JSON; MISSING for a deletion.
        metadata: JSON text.
        doc: The thing as the change left it; MISSING where that is nothing, None where
            nobody looked.
        size: Bytes of JSON.
    """

    seq: int
    time: datetime
    thing_id: str
    revision: int
    policy_id: str
    action: str
    path: Path
    value: Any
    metadata: str | None
    correlation_id: str | None
    compiled: Compiled
    doc: Any
    size: int

    @property
    def namespace(self) -> str:
        """What stands before the first colon of the thing's id."""
        return self.thing_id.partition(":")[0]


class _Now(NamedTuple):
    """A thing as it is now."""

    doc: str
    policy_id: str
    epoch: int | None
    revision: int


def after(
    connection: Connection, policies: Policies, seq: int, since: datetime, most: int
) -> list[Change]:
    """The next changes behind a number, none older than `since`, under the policies of now."""
    bounds = {"after": seq, "since": since, "limit": most}
    rows = connection.execute(sql.EVENTS_LIVE, bounds).fetchall()
    found = [_change(row) for row in rows]
    compiled = _compiled(connection, policies, {change.policy_id for change in found})
    return [one._replace(compiled=compiled[one.policy_id]) for one in found]


def between(connection: Connection, seq: int, upto: int, most: int) -> list[Change]:
    """Old changes above `seq`; see `refreshed` before they are shown."""
    bounds = {"after": seq, "upto": upto, "limit": most}
    return [_change(row) for row in connection.execute(sql.EVENTS_PAST, bounds).fetchall()]


def refreshed(
    connection: Connection, policies: Policies, changes: Sequence[Change], *, docs: bool
) -> list[Change]:
    """Old changes under the policies that their things have now.

    Whoever may not read a thing now does not get to see its past either.
    """
    known = _things_now(connection, changes)
    gone = {change.policy_id for change in changes if change.thing_id not in known}
    compiled = _compiled(connection, policies, gone)
    for now in known.values():
        compiled[now.policy_id] = policies.get(connection, now.policy_id, now.epoch)
    found = []
    for change in changes:
        held = known.get(change.thing_id)
        policy_id = held.policy_id if held is not None else change.policy_id
        found.append(change._replace(compiled=compiled[policy_id]))
    return with_docs(connection, found, known) if docs else found


def _compiled(
    connection: Connection, policies: Policies, policy_ids: Iterable[str]
) -> dict[str, Compiled]:
    wanted = list(policy_ids)
    rows = connection.execute(sql.POLICY_EPOCHS, (wanted,)).fetchall() if wanted else []
    epochs: dict[str, int] = dict(rows)
    return {one: policies.get(connection, one, epochs.get(one)) for one in wanted}


_UNKNOWN: Final = Compiled("", ())


def _change(row: Sequence[Any]) -> Change:
    seq, at, thing_id, revision, policy_id, action, path, value, metadata, correlation_id = row
    return Change(
        seq, at, thing_id, revision, policy_id, action, pointer.parse(path),
        orjson.loads(value) if value is not None and action != "deleted" else MISSING,
        metadata, correlation_id, _UNKNOWN, None, len(value or "") + len(metadata or "") + 200,
    )  # fmt: skip


def _things_now(connection: Connection, changes: Sequence[Change]) -> dict[str, _Now]:
    wanted = list({change.thing_id for change in changes})
    rows = connection.execute(sql.THINGS_NOW, (wanted,)).fetchall()
    return {row[0]: _Now(*row[1:]) for row in rows}


def with_docs(
    connection: Connection,
    changes: Sequence[Change],
    known: Mapping[str, _Now] | None = None,
) -> list[Change]:
    """Changes with their things as each change left them.

    As they are now would not do: of two changes read together, the first would be
    filtered by what the second did.
    """
    if known is None:
        known = _things_now(connection, changes)
    docs: dict[str, Any] = {}
    found = []
    for change in changes:
        now = known.get(change.thing_id)
        if change.thing_id in docs:
            doc = history.replay(docs[change.thing_id], _event(change))
        elif now is not None and now.revision == change.revision:
            doc = orjson.loads(now.doc)
        else:
            doc = _doc_at(connection, change, now)
        docs[change.thing_id] = doc
        found.append(change._replace(doc=doc))
    return found


def _doc_at(connection: Connection, change: Change, now: _Now | None) -> Any:  # noqa: ANN401 JSON
    if change.action == "deleted" and not change.path:
        return MISSING
    try:
        return history.thing_at(connection, change.thing_id, revision=change.revision).doc
    except DittoError:
        # Longer ago than history is kept: what it is now comes closest.
        return orjson.loads(now.doc) if now is not None else MISSING


def _event(change: Change) -> history.Event:
    return history.Event(
        change.revision, change.time, change.action, pointer.show(change.path), change.value,
        change.policy_id, change.seq, change.correlation_id, None,
    )  # fmt: skip
