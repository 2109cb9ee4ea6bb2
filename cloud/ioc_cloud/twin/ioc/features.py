"""Search for features rather than things: each one by its own properties."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from ioc_cloud.db import twin_geo_sql as sql
from ioc_cloud.twin import ids
from ioc_cloud.twin.access import Access, Rights
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.ioc import asked_ioc, paging
from ioc_cloud.twin.ioc.asked_ioc import Which, invalid, statement
from ioc_cloud.twin.pointer import MISSING, Path
from ioc_cloud.twin.rql import RqlInvalid, check, compile_sql, parse_filter
from ioc_cloud.twin.rql.ast import And, Compare, Empty, Exists, In, Not, Or, Query
from ioc_cloud.twin.rql.guards import Guard
from ioc_cloud.twin.service import Twin

DEFAULT_SIZE: Final = 25
MAX_SIZE: Final = 1_000
BATCH: Final = 500
LONGEST_S: Final = 8.0
_OWN: Final = ("properties/", "desiredProperties/", "definition")
_SELF: Final = frozenset({"definition", "properties", "desiredProperties"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """One question for features."""

    query: Query | None
    which: Which
    feature_id: str | None
    definition: str | None
    size: int


def wanted(asked: Mapping[str, str]) -> Wanted:
    """A question from its parameters.

    Raises:
        DittoError: One that cannot be understood.
    """
    named, made_after = asked.get("featureId") or None, asked.get("definition") or None
    if made_after is not None:
        ids.definition(made_after, "definition")
    if "\0" in (named or "") + (made_after or ""):
        raise invalid("'featureId' or 'definition' has a character that neither can have.")
    return Wanted(
        _query(asked.get("filter")),
        Which(None, asked_ioc.namespaces_of(asked)),
        named,
        made_after,
        paging.size_of(asked.get("size"), DEFAULT_SIZE, MAX_SIZE),
    )


def _query(text: str | None) -> Query | None:
    if not text or not text.strip():
        return None
    try:
        query = _of_feature(parse_filter(text))
        check(query)
    except RqlInvalid as error:
        raise DittoError(400, "rql.expression.invalid", str(error)) from error
    return query


def _of_feature(query: Query) -> Query:
    """`properties/on` of a feature as `features/x/properties/on` of a thing that has only it."""
    match query:
        case And(parts) | Or(parts):
            return type(query)(tuple(_of_feature(part) for part in parts))
        case Not(part):
            return Not(_of_feature(part))
        case Compare() | In() | Exists() | Empty():
            bare = query.prop.removeprefix("/")
            if bare == "thingId":
                return query
            if not bare.startswith(_OWN) and bare not in _SELF:
                raise invalid(
                    f"'filter' looks at 'properties/...', 'desiredProperties/...', 'definition' or "
                    f"'thingId' of a feature, not at '{bare[:80]}'."
                )
            return replace(query, prop=f"features/x/{bare}")


@dataclass
class _FeatureGuard:
    """The caller's rights on the feature at hand."""

    rights: Rights
    _asked: int = field(default=0)

    def guard(self, path: Path) -> Guard:
        """What READ on `path` below `features/x` depends on."""
        if path[0] != "features":
            return self.rights.guard(path)
        found = self.rights.guard(("features", "*", *path[2:]))
        if found.features is None:
            return found
        parts, params = [], dict(found.params)
        for rule in found.features:
            name = f"may_feature_{self._asked}"
            self._asked += 1
            params[name] = sorted(rule.ids)
            test = "<> all" if rule.all_but else "= any"
            parts.append(f"({rule.sql} and t.feature_id {test}(%({name})s::text[]))")
        return Guard(f"({' or '.join(parts)})" if parts else "false", params)


@dataclass(frozen=True)
class Features:
    """Finds features."""

    twin: Twin
    access: Access

    def answer(self, caller: Caller, asked: Wanted, cursor: str | None) -> dict[str, Any]:
        """A page of features, each as far as the caller may read it. Blocks.

        Raises:
            DittoError: A cursor of another question.
        """
        place = paging.opened(cursor, asked, (str, str)) or ["", ""]
        items: list[dict[str, Any]] = []
        until = time.monotonic() + LONGEST_S
        with self.twin.pool.connection() as connection:
            rights = self.access.rights(connection, caller)
            query, bound = _query_of(rights, asked)
            # A page ends at what is seen: one that ended at something hidden would tell of it.
            while len(items) <= asked.size and time.monotonic() < until:
                bound |= {"after_id": place[0], "after_feature": place[1], "most": BATCH}
                rows = connection.execute(statement(query), bound).fetchall()
                items += [one for row in rows if (one := _item(row, rights, asked)) is not None]
                if len(rows) < BATCH:
                    break
                place = [rows[-1][0], rows[-1][2]]
        body: dict[str, Any] = {"items": items[: asked.size]}
        if len(items) > asked.size:
            last = items[asked.size - 1]
            body["cursor"] = paging.sealed(asked, [last["thingId"], last["featureId"]])
        return body


def _query_of(rights: Rights, asked: Wanted) -> tuple[str, dict[str, Any]]:
    things, bound = asked_ioc.where(asked.which, rights)
    condition, values = "true", dict[str, object]()
    if asked.query is not None:
        condition, values = compile_sql(asked.query, _FeatureGuard(rights))
    bound |= values | {"feature": asked.feature_id, "definition": asked.definition}
    return sql.FEATURES.format(things=things, features=condition), bound


def _item(row: tuple[Any, ...], rights: Rights, asked: Wanted) -> dict[str, Any] | None:
    thing_id, policy_id, feature_id, text = row
    rules = rights.rules(policy_id, thing_id)
    if rules is None:
        return None
    shown = rules.readable(orjson.loads(text), ("features", feature_id))
    if shown is MISSING:
        return None
    # A definition that may not be read must not be found by either.
    if asked.definition is not None and asked.definition not in shown.get("definition", ()):
        return None
    return {"thingId": thing_id, "featureId": feature_id, "feature": shown}
