"""What a caller may read, as conditions of a query: authorisation is part of the search."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ioc_cloud.db import twin_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.pointer import Path
from ioc_cloud.twin.policy import Rules
from ioc_cloud.twin.rql.guards import FeatureRule, Guard
from ioc_cloud.twin.service import Twin

# Roles are few; whoever asks with more different sets of subjects than this is new.
MAX_KEPT: Final = 500
# Above this many policies of one kind (one for each thing, say) a set is asked instead.
MANY: Final = 100


class Readable(NamedTuple):
    """Policies under which a caller has the same rights.

    Attributes:
        namespaces: Where these rights hold; None for everywhere.
        whole: Whether all of every thing may be read.
        members: The policies again, to be asked quickly.
    """

    policy_ids: list[str]
    namespaces: list[str] | None
    rules: Rules
    whole: bool
    members: frozenset[str]


class Rights:
    """One caller's rights in SQL: a condition for whole things, a guard for each leaf.

    Attributes:
        visible: Condition on table alias `t`: at least a part of the thing may be read.
        params: What it binds; names begin with `may_`.
    """

    def __init__(self, groups: Sequence[Readable]) -> None:
        """Name every group's condition once."""
        self.params: dict[str, object] = {}
        self._groups = groups
        self._conditions = [self._condition(n, group) for n, group in enumerate(groups)]
        self.visible = _any(self._conditions)
        self._by_policy: dict[tuple[str, str | None], Rules] = {
            (policy_id, namespace): group.rules
            for group in groups
            for policy_id in (group.policy_ids if len(group.policy_ids) <= MANY else ())
            for namespace in (group.namespaces or (None,))
        }

    def guard(self, path: Path) -> Guard:
        """Where a leaf of a query may look."""
        if path[0].startswith("_") and path[0] != "_metadata":
            return Guard()
        asked = path[1:] if path[0] == "_metadata" else path
        if all(group.whole for group in self._groups):
            return Guard()
        if asked[:2] == ("features", "*"):
            rules = self._feature_rules(asked[2:])
            return Guard(params=self.params, features=tuple(rules))
        allowed = [
            condition
            for condition, group in zip(self._conditions, self._groups, strict=True)
            if group.rules.may("thing", "READ", asked)
        ]
        if len(allowed) == len(self._groups):
            return Guard()
        return Guard(_any(allowed), self.params)

    def rules(self, policy_id: str, thing_id: str) -> Rules | None:
        """What the caller may do with a thing that the query has found."""
        namespace = thing_id.partition(":")[0]
        for key in ((policy_id, None), (policy_id, namespace)):
            if key in self._by_policy:
                return self._by_policy[key]
        for group in self._groups:
            here = group.namespaces is None or namespace in group.namespaces
            if here and policy_id in group.members:
                return group.rules
        return None

    def _condition(self, number: int, group: Readable) -> str:
        self.params[f"may_{number}"] = group.policy_ids
        condition = f"t.policy_id = any(%(may_{number})s)"
        if group.namespaces is None:
            return condition
        self.params[f"may_ns_{number}"] = group.namespaces
        return f"({condition} and t.ns = any(%(may_ns_{number})s))"

    def _feature_rules(self, rest: Path) -> Iterable[FeatureRule]:
        """Which features' `rest` may be looked at, under each group of policies."""
        for condition, group in zip(self._conditions, self._groups, strict=True):
            rules = group.rules
            named = rules.named_below("READ", ("features",))
            readable = {
                one for one in named if rules.may("thing", "READ", ("features", one, *rest))
            }
            # No feature has an empty id: it stands for all that no rule names.
            if rules.may("thing", "READ", ("features", "", *rest)):
                yield FeatureRule(condition, frozenset(named - readable), all_but=True)
            elif readable:
                yield FeatureRule(condition, frozenset(readable), all_but=False)


def _any(conditions: Sequence[str]) -> str:
    return f"({' or '.join(conditions)})" if conditions else "false"


@dataclass
class Access:
    """Looks up what callers may read, and forgets it when any policy changes."""

    twin: Twin
    _kept: dict[frozenset[str], list[Readable]] = field(default_factory=dict)
    _version: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Hear of changes that this process makes; others are told by the hub."""
        self.twin.changed_policies.append(self.forget)

    def forget(self) -> None:
        """Look everything up again."""
        with self._lock:
            self._version += 1
            self._kept.clear()

    def rights(self, connection: Connection, caller: Caller) -> Rights:
        """The caller's rights, for a query."""
        return Rights(self.of(connection, caller))

    def of(self, connection: Connection, caller: Caller) -> list[Readable]:
        """Groups of policies under which the caller may read at least a part of things."""
        kept = self._kept.get(caller.subjects)
        if kept is not None:
            return kept
        version = self._version
        found = [one for one in self._look_up(connection, caller) if one is not None]
        with self._lock:
            # What changed meanwhile must not be covered by what was read before.
            if version == self._version and not self._expires(connection, caller):
                if len(self._kept) >= MAX_KEPT:
                    self._kept.clear()
                self._kept[caller.subjects] = found
        return found

    def _look_up(self, connection: Connection, caller: Caller) -> Iterable[Readable | None]:
        rows = connection.execute(
            sql.POLICIES_OF_CALLER, {"subjects": list(caller.subjects)}
        ).fetchall()
        for representative, policy_ids in rows:
            epoch = connection.execute(sql.EPOCH, (representative,)).fetchone()
            compiled = self.twin.policies.get(
                connection, representative, epoch[0] if epoch else None
            )
            if not compiled.by_namespace:
                yield self._group(compiled.rules(caller.subjects, "", self.twin.clock()),
                                  policy_ids, None)  # fmt: skip
                continue
            spaces = connection.execute(sql.NAMESPACES_OF_POLICIES, (policy_ids,)).fetchall()
            for (namespace,) in spaces:
                rules = compiled.rules(caller.subjects, namespace, self.twin.clock())
                yield self._group(rules, policy_ids, [namespace])

    @staticmethod
    def _group(
        rules: Rules, policy_ids: list[str], namespaces: list[str] | None
    ) -> Readable | None:
        if not rules.may_some("thing", "READ"):
            return None
        whole = rules.may_all("thing", "READ")
        return Readable(policy_ids, namespaces, rules, whole, frozenset(policy_ids))

    @staticmethod
    def _expires(connection: Connection, caller: Caller) -> bool:
        """Whether any of the caller's rights end by themselves: those are never kept."""
        row = connection.execute(
            "select exists (select from policy_subject where subject = any(%s)"
            " and expires_at > now())",
            (list(caller.subjects),),
        ).fetchone()
        return bool(row and row[0])
