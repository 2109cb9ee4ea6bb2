"""How things hang together: what a thing names, and what names it, over several steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from ioc_cloud.db import twin_geo_sql as sql
from ioc_cloud.twin.access import Access, Rights
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import thing_not_found
from ioc_cloud.twin.ioc import paging
from ioc_cloud.twin.ioc.asked_ioc import invalid, statement
from ioc_cloud.twin.pointer import MISSING
from ioc_cloud.twin.service import Twin

# Attributes that hold the id of another thing, or a list of ids.
RELATIONS: Final = ("partOf", "isHostedBy", "containedInPlace", "observes")
MAX_DEPTH: Final = 10
MAX_NODES: Final = 1_000
MAX_EDGES: Final = 10_000
Direction = Literal["out", "in", "both"]
_DIRECTIONS: Final[dict[str, Direction]] = {"out": "out", "in": "in", "both": "both"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """How far to look, and which way."""

    direction: Direction
    depth: int


def wanted(asked: Mapping[str, str]) -> Wanted:
    """A question from its parameters.

    Raises:
        DittoError: One that cannot be understood.
    """
    direction = asked.get("direction") or "both"
    if direction not in _DIRECTIONS:
        raise invalid(f"'direction' is one of {', '.join(_DIRECTIONS)}.")
    depth = paging.whole_number(asked.get("depth") or "1")
    if depth is None or not 1 <= depth <= MAX_DEPTH:
        raise invalid(f"'depth' lies between 1 and {MAX_DEPTH}.")
    return Wanted(_DIRECTIONS[direction], depth)


@dataclass(frozen=True)
class Graph:
    """Walks from thing to thing, over what the caller may read."""

    twin: Twin
    access: Access

    def answer(self, caller: Caller, thing_id: str, asked: Wanted) -> dict[str, Any]:
        """The things within reach, and the relations between them. Blocks.

        Raises:
            DittoError: The thing is not there, or not readable.
        """
        with self.twin.pool.connection() as connection:
            rights = self.access.rights(connection, caller)
            bound = dict(rights.params) | {
                "root": thing_id, "depth": asked.depth, "most": MAX_NODES + 1,
            }  # fmt: skip
            found = connection.execute(statement(_walk(asked, rights)), bound).fetchall()
            if not found or found[0][0] != thing_id:
                raise thing_not_found(thing_id)
            nodes = [_node(row, rights) for row in found[:MAX_NODES]]
            rows = connection.execute(
                statement(sql.EDGES.format(relations=_held(rights), where=rights.visible)),
                dict(rights.params)
                | {"ids": [one["thingId"] for one in nodes], "most": MAX_EDGES + 1},
            ).fetchall()
        return {
            "thingId": thing_id,
            "direction": asked.direction,
            "depth": asked.depth,
            "nodes": nodes,
            "edges": [
                {"from": row[0], "relation": row[1], "to": row[2]} for row in rows[:MAX_EDGES]
            ],
            "truncated": len(found) > MAX_NODES or len(rows) > MAX_EDGES,
        }


def _walk(asked: Wanted, rights: Rights) -> str:
    steps = []
    if asked.direction in {"out", "both"}:
        steps.append(sql.STEP_OUT.format(relations=_held(rights), where=rights.visible))
    if asked.direction in {"in", "both"}:
        steps.append(
            sql.STEP_IN.format(
                patterns=_patterns(), readables=_readables(rights), where=rights.visible
            )
        )
    return sql.WALK.format(steps=" union all ".join(steps), where=rights.visible)


def _held(rights: Rights) -> str:
    """Rows of name, value and whether it may be read."""
    return ", ".join(
        f"('{name}', t.doc #> '{{attributes,{name}}}', {rights.guard(('attributes', name)).sql})"
        for name in RELATIONS
    )


def _patterns() -> str:
    """What a document contains that names the thing `w.id`, alone or in a list."""
    return ", ".join(
        f"('{name}', jsonb_build_object('attributes', jsonb_build_object('{name}', {value})))"
        for name in RELATIONS
        for value in ("w.id", "jsonb_build_array(w.id)")
    )


def _readables(rights: Rights) -> str:
    return " ".join(
        f"when '{name}' then {rights.guard(('attributes', name)).sql}" for name in RELATIONS
    )


def _node(row: tuple[Any, ...], rights: Rights) -> dict[str, Any]:
    thing_id, depth, policy_id, text = row
    rules = rights.rules(policy_id, thing_id)
    node: dict[str, Any] = {"thingId": thing_id, "depth": depth}
    shown: Any = rules.readable(orjson.loads(text)) if rules is not None else MISSING
    if shown is MISSING:
        return node
    if "definition" in shown:
        node["definition"] = shown["definition"]
    title = shown.get("attributes", {}).get("titleVi")
    return node | ({"titleVi": title} if isinstance(title, str) else {})
