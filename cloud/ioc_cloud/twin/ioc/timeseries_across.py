"""Time series across the things of a namespace: one series for each group and path."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson

from ioc_cloud.db import twin_series_sql as sql
from ioc_cloud.db import twin_sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin import ids, pointer
from ioc_cloud.twin.access import Access
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.ioc import paging, series_math
from ioc_cloud.twin.ioc import timeseries as ts
from ioc_cloud.twin.ioc.series_math import Fill, Value
from ioc_cloud.twin.pointer import MISSING, Path
from ioc_cloud.twin.policy import Rules
from ioc_cloud.twin.rql import RqlInvalid, check, compile_sql, parse_filter
from ioc_cloud.twin.rql.ast import Query
from ioc_cloud.twin.service import Twin

MAX_THINGS: Final = 10_000
MAX_VALUES: Final = 200_000
DEFAULT_GROUPS: Final = 1_000
MOST_GROUPS: Final = 10_000
THING_ID: Final = "thingId"
PATH: Final = "path"
Group = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Across:
    """What is asked of a namespace."""

    namespace: str
    paths: tuple[str, ...]
    since: datetime
    until: datetime
    step: timedelta
    aggregate: str
    group_by: tuple[str, ...] = ()
    query: Query | None = None
    fill: Fill | None = None
    zone: str | None = None
    most_groups: int = DEFAULT_GROUPS


class Contributor(NamedTuple):
    """A thing with points of a path, and the policy that decides on it."""

    path: str
    thing_id: str
    policy_id: str
    epoch: int | None


@dataclass
class Allowed:
    """Who contributes to each path, and who was withheld from it."""

    by_path: dict[str, list[str]] = field(default_factory=dict)
    withheld: dict[str, set[str]] = field(default_factory=dict)
    rules: dict[str, Rules] = field(default_factory=dict)


def across(asked: Mapping[str, str], now: datetime) -> Across:
    """A question across things.

    Raises:
        DittoError: It cannot be understood, or a part is missing.
    """
    namespaces = [one.strip() for one in asked.get("namespaces", "").split(",") if one.strip()]
    if len(namespaces) != 1:
        raise ts.invalid("'namespaces' names exactly one namespace.")
    paths = ts.split_paths(asked.get("paths"))
    ts.checked_paths(paths)
    since, until = ts.time_range(asked, now)
    step = ts.step_of(asked.get("step"))
    if step is None:
        raise ts.invalid("Across things 'step' is needed.")
    ts.check_size(since, until, step)
    return Across(
        ids.namespace(namespaces[0]),
        tuple(dict.fromkeys(paths)),
        since,
        until,
        step,
        ts.aggregate_of(asked.get("agg")),
        tuple(_dimension(one) for one in asked.get("groupBy", "").split(",") if one.strip()),
        filter_of(asked.get("filter")),
        ts.fill_of(asked.get("fill")),
        ts.zone_of(asked.get("tz")),
        _most_groups(asked.get("maxGroups")),
    )


def _dimension(text: str) -> str:
    name = text.strip().removeprefix("tag:").removeprefix("/")
    if name in {THING_ID, PATH} or (name.startswith("attributes/") and "//" not in name):
        return name
    raise ts.invalid(f"'groupBy' is 'thingId', 'path' or 'attributes/...', not '{name[:80]}'.")


def filter_of(text: str | None) -> Query | None:
    """An RQL expression.

    Raises:
        DittoError: It cannot be parsed, or asks for what no thing has.
    """
    if not text or not text.strip():
        return None
    try:
        query = parse_filter(text)
        check(query)
    except RqlInvalid as error:
        raise DittoError(400, "rql.expression.invalid", str(error)) from error
    return query


def _most_groups(text: str | None) -> int:
    if not text:
        return DEFAULT_GROUPS
    found = paging.whole_number(text)
    if found is None or not 1 <= found <= MOST_GROUPS:
        raise ts.invalid(f"'maxGroups' lies between 1 and {MOST_GROUPS}.")
    return found


@dataclass(frozen=True)
class Aggregator:
    """Answers questions across things for one process."""

    twin: Twin
    access: Access

    def answer(self, caller: Caller, asked: Across) -> dict[str, Any]:
        """The series of every group. Blocks.

        Raises:
            DittoError: The caller may read no such series at all, or a dimension is hidden
                from him, or there are more things or groups than one answer may have.
        """
        with self.twin.pool.connection() as connection:
            self._check_entry(connection, caller, asked)
            allowed = self._allowed(connection, caller, asked)
            if asked.query is not None:
                self._narrow(connection, caller, asked.query, allowed)
            groups = self._groups(connection, asked, allowed)
            results = [
                one for path in asked.paths for one in _of_path(connection, asked, path, groups)
            ]
        return {"results": results, "authorization": _authorization(allowed)}

    def _check_entry(self, connection: Connection, caller: Caller, asked: Across) -> None:
        """A caller whom no policy gives READ_TS learns not even whether there are points."""
        rows = connection.execute(
            twin_sql.POLICIES_OF_CALLER, {"subjects": list(caller.subjects)}
        ).fetchall()
        for representative, _ in rows:
            epoch = connection.execute(twin_sql.EPOCH, (representative,)).fetchone()
            held = self.twin.policies.get(connection, representative, epoch[0] if epoch else None)
            rules = held.rules(caller.subjects, asked.namespace, self.twin.clock())
            if any(rules.may("thing", "READ_TS", pointer.parse(path)) for path in asked.paths):
                return
        raise DittoError(
            403,
            "timeseries:aggregation.forbidden",
            "No policy grants READ_TS on these paths in this namespace.",
        )

    def _allowed(self, connection: Connection, caller: Caller, asked: Across) -> Allowed:
        rows = connection.execute(
            sql.CONTRIBUTORS,
            {
                "paths": list(asked.paths), "namespace": asked.namespace, "from": asked.since,
                "to": asked.until, "most": MAX_THINGS * len(asked.paths) + 1,
            },
        ).fetchall()  # fmt: skip
        if len(rows) > MAX_THINGS * len(asked.paths):
            raise ts.invalid(f"More than {MAX_THINGS} things contribute.")
        by_policy: dict[str, Rules] = {}
        found, now = Allowed(), self.twin.clock()
        for one in (Contributor(*row) for row in rows):
            rules = by_policy.get(one.policy_id)
            if rules is None:
                held = self.twin.policies.get(connection, one.policy_id, one.epoch)
                rules = by_policy[one.policy_id] = held.rules(caller.subjects, asked.namespace, now)
            if rules.may_all("thing", "READ_TS", pointer.parse(one.path)):
                found.by_path.setdefault(one.path, []).append(one.thing_id)
                found.rules[one.thing_id] = rules
            else:
                found.withheld.setdefault(one.path, set()).add(one.thing_id)
        return found

    def _narrow(
        self, connection: Connection, caller: Caller, query: Query, allowed: Allowed
    ) -> None:
        rights = self.access.rights(connection, caller)
        try:
            condition, bound = compile_sql(query, rights)
        except RqlInvalid as error:
            raise DittoError(400, "rql.expression.invalid", str(error)) from error
        text = sql.MATCHING.format(where=f"{rights.visible} and {condition}")
        parameters = {"candidates": list(allowed.rules)} | dict(rights.params) | bound
        rows = connection.execute(text, parameters).fetchall()
        kept = {row[0] for row in rows}
        allowed.rules = {one: rules for one, rules in allowed.rules.items() if one in kept}
        allowed.by_path = {
            path: [one for one in named if one in kept] for path, named in allowed.by_path.items()
        }

    def _groups(
        self, connection: Connection, asked: Across, allowed: Allowed
    ) -> dict[str, dict[Group, list[str]]]:
        """Per path the things of each group."""
        named = [one for one in asked.group_by if one not in {THING_ID, PATH}]
        values = self._attributes(connection, named, allowed)
        found: dict[str, dict[Group, list[str]]] = {}
        for path, thing_ids in allowed.by_path.items():
            of_path = found.setdefault(path, {})
            for thing_id in thing_ids:
                of_path.setdefault(_group(asked.group_by, path, thing_id, values), []).append(
                    thing_id
                )
        if sum(map(len, found.values())) > asked.most_groups:
            raise ts.invalid(f"More than {asked.most_groups} groups ('maxGroups').")
        return found

    @staticmethod
    def _attributes(
        connection: Connection, named: Sequence[str], allowed: Allowed
    ) -> dict[str, dict[str, str]]:
        if not named:
            return {}
        paths: dict[str, Path] = {one: pointer.parse(one) for one in named}
        for rules in allowed.rules.values():
            for one, path in paths.items():
                if not rules.may_all("thing", "READ", path):
                    raise DittoError(
                        403,
                        "timeseries:aggregation.forbidden",
                        f"'{one}' may not be read of every thing, so nothing is grouped by it.",
                    )
        rows = connection.execute(sql.ATTRIBUTES, {"ids": list(allowed.rules)}).fetchall()
        return {
            row[0]: {one: _text(pointer.get(row[1] or {}, path[1:])) for one, path in paths.items()}
            for row in rows
        }


def _text(value: Any) -> str:  # noqa: ANN401 JSON
    if value is MISSING or value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _group(
    group_by: Sequence[str], path: str, thing_id: str, values: Mapping[str, Mapping[str, str]]
) -> Group:
    own = {THING_ID: thing_id, PATH: path}
    return tuple((one, own.get(one) or values.get(thing_id, {}).get(one, "")) for one in group_by)


def _of_path(
    connection: Connection,
    asked: Across,
    path: str,
    groups: Mapping[str, Mapping[Group, Sequence[str]]],
) -> list[dict[str, Any]]:
    ordered = sorted(groups.get(path, {}).items())
    if not ordered:
        return []
    zone = ts.zone_info(asked.zone)
    inner = ts.inner_hours(asked.since, asked.until, asked.step, zone)
    hours = inner is not None and asked.aggregate not in sql.ORDERED
    since, until = inner or (asked.until, asked.until)
    rows = connection.execute(
        sql.groups(asked.aggregate, hours=hours),
        {
            "ids": [one for _, named in ordered for one in named],
            "groups": [n for n, (_, named) in enumerate(ordered) for _ in named],
            "path": path, "from": asked.since, "to": asked.until, "step": asked.step,
            "zone": asked.zone or "UTC", "inner_from": since, "inner_to": until,
            "rank": 0.0, "most": MAX_VALUES + 1,
        },
    ).fetchall()  # fmt: skip
    if len(rows) > MAX_VALUES:
        raise ts.invalid(f"More than {MAX_VALUES} values: a longer 'step' or fewer groups.")
    series: dict[int, list[Value]] = {}
    for number, at, text in rows:
        value = None if text is None else orjson.loads(text)
        series.setdefault(number, []).append(Value(at, value))
    return [
        _shown(asked, path, ordered[number][0],
               series_math.filled(values, asked.step, asked.fill, zone))
        for number, values in series.items()
    ]  # fmt: skip


def _shown(asked: Across, path: str, group: Group, values: list[Value]) -> dict[str, Any]:
    named = {"group": dict(group)} if asked.group_by else {}
    return named | {"path": path, "result": ts.about(values, None), "data": ts.data(values)}


def _authorization(allowed: Allowed) -> dict[str, Any]:
    contributing = set(allowed.rules)
    withheld = {path: len(named) for path, named in allowed.withheld.items() if named}
    excluded = set().union(*allowed.withheld.values()) - contributing
    return {
        "contributingThings": len(contributing),
        "excludedThings": len(excluded),
        "withheldByPath": withheld,
        "partial": bool(withheld),
    }
