"""A thing as conditions and filters see it: what the caller may read, and what it is."""

from datetime import datetime, timezone
from typing import Any

from ioc_cloud.twin.entities import Thing
from ioc_cloud.twin.pointer import MISSING
from ioc_cloud.twin.policy import Rules
from ioc_cloud.twin.rql import evaluate
from ioc_cloud.twin.rql.ast import Query


def iso(at: datetime) -> str:
    """ISO 8601 in UTC with a Z, as every answer writes times."""
    return at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def seen(thing: Thing, rules: Rules) -> dict[str, Any]:
    """The readable part of a thing with its special fields, for filters."""
    visible = rules.readable(thing.doc)
    doc: dict[str, Any] = dict(visible) if visible is not MISSING else {}
    doc["thingId"] = thing.id
    if not rules.may_some("thing", "READ"):
        return doc
    doc |= {
        "_revision": thing.revision,
        "_created": iso(thing.created),
        "_modified": iso(thing.modified),
        "_namespace": thing.namespace,
    }
    if thing.metadata is not None:
        shown = rules.readable(thing.metadata)
        if shown is not MISSING:
            doc["_metadata"] = shown
    return doc


def matches(query: Query, thing: Thing, rules: Rules) -> bool:
    """Whether a condition holds for what the caller may see of a thing."""
    return evaluate(query, seen(thing, rules))
