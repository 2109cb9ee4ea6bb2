"""The writer's working copy: state, revision, history and notification in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import orjson

from ioc_cloud.db import twin_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin import entities, pointer, policy
from ioc_cloud.twin.entities import Policy, Thing
from ioc_cloud.twin.errors import DittoError, too_large
from ioc_cloud.twin.pointer import MISSING, Path
from ioc_cloud.twin.policy import Compiled, Rules
from ioc_cloud.twin.series import SeriesOf, points

Action = Literal["created", "modified", "merged", "deleted"]
SNAPSHOT_EVERY: Final = 50
_COMPILED_KEPT: Final = 5_000


class Caller(NamedTuple):
    """Who asks, in the subjects that policies know."""

    name: str
    subjects: frozenset[str]
    default_subject: str
    # A wall's account looks; whatever a policy says, it changes nothing.
    looks_only: bool = False

    def must_change(self) -> None:
        """See that they may change anything at all.

        Raises:
            DittoError: They may look only.
        """
        if self.looks_only:
            raise DittoError(
                403, "gateway:authorization.failed", "This account may look, and change nothing."
            )


# Our own hand: seeding, and what boxes report.
SYSTEM: Final = Caller("system", frozenset({"ioc:system", "ioc:role-system"}), "ioc:system")


@dataclass(frozen=True, slots=True)
class ThingEvent:
    """One change of one thing."""

    thing: Thing
    action: Action
    path: Path
    value: Any
    metadata: Any
    actor: str
    correlation_id: str | None


@dataclass(frozen=True, slots=True)
class PolicyEvent:
    """One change of one policy."""

    policy_id: str
    revision: int
    action: Action
    path: Path
    value: Any
    doc: dict[str, Any] | None
    actor: str


class Policies:
    """Compiled policies of a process, by id and epoch, so that none is ever stale."""

    def __init__(self) -> None:
        self._compiled: dict[str, tuple[int, Compiled]] = {}

    def get(self, connection: Connection, policy_id: str, epoch: int | None) -> Compiled:
        """The policy as it stands at `epoch`; one that grants nothing where it is gone."""
        if epoch is None:
            return Compiled(policy_id, ())
        known = self._compiled.get(policy_id)
        if known is not None and known[0] == epoch:
            return known[1]
        docs = _policy_docs(connection, [policy_id])
        doc = docs.get(policy_id, {})
        made = compile_with(connection, policy_id, doc)
        if len(self._compiled) >= _COMPILED_KEPT:
            self._compiled.clear()
        self._compiled[policy_id] = (epoch, made)
        return made


def compile_with(connection: Connection, policy_id: str, doc: Mapping[str, Any]) -> Compiled:
    """A policy with the imported documents looked up."""
    imported = _policy_docs(connection, list(doc.get("imports", ())))
    return policy.compiled(policy_id, doc, imported)


def _policy_docs(connection: Connection, policy_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    if not policy_ids:
        return {}
    rows = connection.execute(sql.POLICIES, (list(policy_ids),)).fetchall()
    return {row[0]: orjson.loads(row[1]) for row in rows}


def thing_of(row: Sequence[Any]) -> Thing:
    """A row of `THINGS` as a thing."""
    metadata = orjson.loads(row[3]) if row[3] is not None else None
    return Thing(row[0], row[1], orjson.loads(row[2]), metadata, *row[4:8])


@dataclass(slots=True)
class Book:
    """Things and policies as this transaction has left them so far.

    A job reads and changes through a book; `keep` makes its changes stand for the jobs
    behind it, `forget` takes them back, so that one job's failure is its own.
    """

    connection: Connection
    now: datetime
    policies: Policies
    series_of: SeriesOf
    outbox: bool = False
    _things: dict[str, Thing | None] = field(default_factory=dict)
    _policies: dict[str, Policy | None] = field(default_factory=dict)
    _gone: dict[str, int] = field(default_factory=dict)
    _events: list[ThingEvent] = field(default_factory=list)
    _policy_events: list[PolicyEvent] = field(default_factory=list)
    _draft_things: dict[str, Thing | None] = field(default_factory=dict)
    _draft_policies: dict[str, Policy | None] = field(default_factory=dict)
    _draft_events: list[ThingEvent] = field(default_factory=list)
    _draft_policy_events: list[PolicyEvent] = field(default_factory=list)
    _fresh: dict[tuple[str, int], Compiled] = field(default_factory=dict)

    # --- reading -----------------------------------------------------------------

    def load_things(self, thing_ids: Iterable[str]) -> None:
        """Lock and read things that jobs are about to ask for."""
        wanted = sorted({one for one in thing_ids if one not in self._things})
        if not wanted:
            return
        found = self.connection.execute(sql.THINGS_TO_WRITE, (wanted,)).fetchall()
        for row in found:
            self._things[row[0]] = thing_of(row)
        absent = [one for one in wanted if one not in self._things]
        for one in absent:
            self._things[one] = None
        if absent:
            self._gone.update(dict(self.connection.execute(sql.GONE, (absent,)).fetchall()))

    def thing(self, thing_id: str) -> Thing | None:
        """The thing as it stands now, locked."""
        if thing_id in self._draft_things:
            return self._draft_things[thing_id]
        if thing_id not in self._things:
            self.load_things([thing_id])
        return self._things[thing_id]

    def policy(self, policy_id: str) -> Policy | None:
        """The policy as it stands now, locked."""
        if policy_id in self._draft_policies:
            return self._draft_policies[policy_id]
        if policy_id not in self._policies:
            row = self.connection.execute(sql.POLICIES_TO_WRITE, ([policy_id],)).fetchone()
            found = Policy(row[0], orjson.loads(row[1]), *row[2:]) if row else None
            self._policies[policy_id] = found
        return self._policies[policy_id]

    def rules(self, caller: Caller, policy_id: str, namespace: str) -> Rules:
        """What the caller may do under a policy as it stands now."""
        changed = policy_id in self._draft_policies or policy_id in self._policies
        if changed:
            held = self.policy(policy_id)
            if held is None:
                return Rules({})
            key = (policy_id, held.revision)
            if key not in self._fresh:
                self._fresh[key] = compile_with(self.connection, policy_id, held.doc)
            return self._fresh[key].rules(caller.subjects, namespace, self.now)
        epoch = self._epoch(policy_id)
        compiled = self.policies.get(self.connection, policy_id, epoch)
        return compiled.rules(caller.subjects, namespace, self.now)

    def _epoch(self, policy_id: str) -> int | None:
        for thing in self._things.values():
            if thing is not None and thing.policy_id == policy_id:
                return thing.epoch
        held = self.policy(policy_id)
        return held.epoch if held else None

    # --- changing ----------------------------------------------------------------

    def save_thing(
        self,
        thing_id: str,
        doc: dict[str, Any],
        *,
        metadata: dict[str, Any] | None,
        change: tuple[Action, Path, Any],
        actor: str,
        correlation_id: str | None,
    ) -> Thing:
        """Put a thing's new state, with the change that led to it.

        Raises:
            DittoError: It is larger than a thing may be.
        """
        before = self.thing(thing_id)
        entities.sized(doc)
        action, path, value = change
        revision = (before.revision if before else self._gone.get(thing_id, 0)) + 1
        after = Thing(
            thing_id,
            doc["policyId"],
            doc,
            metadata,
            revision,
            before.created if before else self.now,
            max(self.now, before.modified) if before else self.now,
            before.epoch if before and before.policy_id == doc["policyId"] else None,
        )
        if after.epoch is None and (held := self.policy(after.policy_id)) is not None:
            after = replace(after, epoch=held.epoch)
        self._draft_things[thing_id] = after
        event = ThingEvent(after, action, path, value, metadata, actor, correlation_id)
        self._draft_events.append(event)
        return after

    def delete_thing(self, thing: Thing, actor: str, correlation_id: str | None) -> None:
        """Take a thing away; its history stays."""
        last = replace(thing, revision=thing.revision + 1, modified=max(self.now, thing.modified))
        self._draft_things[thing.id] = None
        self._gone[thing.id] = last.revision
        event = ThingEvent(last, "deleted", pointer.ROOT, None, None, actor, correlation_id)
        self._draft_events.append(event)

    def save_policy(
        self,
        policy_id: str,
        doc: dict[str, Any],
        *,
        change: tuple[Action, Path, Any],
        actor: str,
    ) -> Policy:
        """Put a policy's new state.

        Raises:
            DittoError: It is larger than a policy may be.
        """
        size = len(orjson.dumps(doc))
        if size > policy.MAX_BYTES:
            raise too_large("policy", size, policy.MAX_BYTES)
        before = self.policy(policy_id)
        revision = (before.revision if before else self._last_policy_revision(policy_id)) + 1
        created = before.created if before else self.now
        epoch = before.epoch if before else 0
        after = Policy(policy_id, doc, revision, epoch, created, self.now)
        self._draft_policies[policy_id] = after
        action, path, value = change
        self._draft_policy_events.append(
            PolicyEvent(policy_id, revision, action, path, value, doc, actor)
        )
        return after

    def delete_policy(self, held: Policy, actor: str) -> None:
        """Take a policy away; things that use it become unreadable, as in Ditto."""
        self._draft_policies[held.id] = None
        self._draft_policy_events.append(
            PolicyEvent(held.id, held.revision + 1, "deleted", pointer.ROOT, None, None, actor)
        )

    def _last_policy_revision(self, policy_id: str) -> int:
        for event in reversed([*self._policy_events, *self._draft_policy_events]):
            if event.policy_id == policy_id:
                return event.revision
        row = self.connection.execute(sql.POLICY_LAST_REVISION, (policy_id,)).fetchone()
        return int(row[0]) if row else 0

    # --- one job at a time ---------------------------------------------------------

    def keep(self) -> None:
        """Let the job's changes stand."""
        self._things.update(self._draft_things)
        self._policies.update(self._draft_policies)
        self._events += self._draft_events
        self._policy_events += self._draft_policy_events
        self.forget()

    def forget(self) -> None:
        """Drop what the job at hand has changed."""
        self._draft_things = {}
        self._draft_policies = {}
        self._draft_events = []
        self._draft_policy_events = []

    @property
    def touched_policies(self) -> bool:
        """Whether any policy was changed."""
        return bool(self._policy_events)

    # --- to the database -----------------------------------------------------------

    def write(self) -> None:
        """Everything kept, in the transaction that stands open."""
        with self.connection.pipeline():
            self._write_policies()
            self._write_things()
            if self.outbox:
                self._write_outbox()
            if self._events or self._policy_events:
                self.connection.execute(sql.NOTIFY, ("p" if self._policy_events else "",))

    def _write_policies(self) -> None:
        for policy_id in dict.fromkeys(event.policy_id for event in self._policy_events):
            held = self._policies[policy_id]
            if held is None:
                self.connection.execute(sql.DELETE_POLICY, (policy_id,))
            else:
                self._write_policy(held)
            self.connection.execute(sql.TOUCH_IMPORTERS, (policy_id,))
        for event in self._policy_events:
            self.connection.execute(sql.ADD_POLICY_REVISION, _policy_row(event, self.now))

    def _write_policy(self, held: Policy) -> None:
        self.connection.execute(
            sql.PUT_POLICY,
            {
                "id": held.id,
                "doc": entities.dumps(held.doc),
                "revision": held.revision,
                "created": held.created,
                "modified": held.modified,
            },
        )
        subjects = policy.subjects_of(held.doc)
        self.connection.execute(sql.CLEAR_POLICY_INDEX, {"id": held.id})
        self.connection.execute(
            sql.ADD_POLICY_SUBJECTS,
            {"id": held.id, "subjects": list(subjects), "expiries": list(subjects.values())},
        )
        if imports := list(held.doc.get("imports", ())):
            self.connection.execute(sql.ADD_POLICY_IMPORTS, {"id": held.id, "imported": imports})

    def _write_things(self) -> None:
        if not self._events:
            return
        changed = list(dict.fromkeys(event.thing.id for event in self._events))
        last = {event.thing.id: event.thing for event in self._events}
        gone = [one for one in changed if self._things[one] is None]
        kept = [thing for one in changed if (thing := self._things[one]) is not None]
        if gone:
            revisions = [last[one].revision for one in gone]
            self.connection.execute(
                sql.DELETE_THINGS, {"ids": gone, "revisions": revisions, "now": self.now}
            )
        if kept:
            self.connection.execute(sql.PUT_THINGS, _thing_columns(kept))
            if again := [thing.id for thing in kept if thing.id in self._gone]:
                self.connection.execute(sql.UNDO_GONE, (again,))
        self.connection.execute(sql.ADD_EVENTS, _event_columns(self._events))
        self._write_snapshots()
        if rows := points(self._events, self.series_of):
            self.connection.execute(sql.ADD_POINTS, rows)

    def _write_snapshots(self) -> None:
        due = [
            event.thing
            for event in self._events
            if event.action != "deleted"
            and (
                (event.action == "created" and not event.path)
                or event.thing.revision % SNAPSHOT_EVERY == 0
            )
        ]
        if due:
            columns = {
                "ids": [thing.id for thing in due],
                "revisions": [thing.revision for thing in due],
                "times": [thing.modified for thing in due],
                "docs": [entities.dumps(thing.doc) for thing in due],
            }
            self.connection.execute(sql.ADD_SNAPSHOTS, columns)

    def _write_outbox(self) -> None:
        # Policies first: a real Ditto refuses a thing whose policy it does not know.
        rows: list[tuple[str, str, int, str | None]] = []
        for event in self._policy_events:
            doc = entities.dumps(event.doc) if event.doc is not None else None
            rows.append(("policy", event.policy_id, event.revision, doc))
        for thing in {event.thing.id: event.thing for event in self._events}.values():
            kept = self._things[thing.id]
            doc = entities.dumps(kept.doc) if kept is not None else None
            rows.append(("thing", thing.id, thing.revision, doc))
        if not rows:
            return
        kinds, names, revisions, docs = zip(*rows, strict=True)
        columns = {
            "kinds": list(kinds),
            "ids": list(names),
            "revisions": list(revisions),
            "docs": list(docs),
        }
        self.connection.execute(sql.ADD_TO_OUTBOX, columns)


def _thing_columns(things: Sequence[Thing]) -> dict[str, list[Any]]:
    return {
        "ids": [one.id for one in things],
        "policies": [one.policy_id for one in things],
        "docs": [entities.dumps(one.doc) for one in things],
        "metadata": [_or_null(one.metadata) for one in things],
        "revisions": [one.revision for one in things],
        "created": [one.created for one in things],
        "modified": [one.modified for one in things],
    }


def _event_columns(events: Sequence[ThingEvent]) -> dict[str, list[Any]]:
    return {
        "times": [one.thing.modified for one in events],
        "ids": [one.thing.id for one in events],
        "revisions": [one.thing.revision for one in events],
        "policies": [one.thing.policy_id for one in events],
        "actions": [one.action for one in events],
        "paths": [pointer.show(one.path) for one in events],
        "values": [None if one.value is MISSING else entities.dumps(one.value) for one in events],
        "metadata": [_or_null(one.metadata) for one in events],
        "actors": [one.actor for one in events],
        "correlations": [one.correlation_id for one in events],
    }


def _or_null(value: Any) -> str | None:  # noqa: ANN401 JSON
    return None if value is None else entities.dumps(value)


def _policy_row(event: PolicyEvent, now: datetime) -> dict[str, Any]:
    return {
        "id": event.policy_id,
        "revision": event.revision,
        "time": now,
        "action": event.action,
        "path": pointer.show(event.path),
        "value": entities.dumps(event.value),
        "doc": _or_null(event.doc),
        "actor": event.actor,
    }
