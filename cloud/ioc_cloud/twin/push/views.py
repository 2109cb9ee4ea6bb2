"""What one listener is shown of changes: the readable part, if its filter lets it pass."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from ioc_cloud.twin import ids, pointer
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError, bad_header
from ioc_cloud.twin.fields import Selector, parse_fields, select
from ioc_cloud.twin.placeholders import iso
from ioc_cloud.twin.pointer import MISSING, ROOT, Path
from ioc_cloud.twin.policy import Rules
from ioc_cloud.twin.push.changes import Change
from ioc_cloud.twin.rql import Query, RqlInvalid, check, evaluate, parse_filter

MAX_NAMED = 200
Look = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class View:
    """A listener's wishes; equal views are shown the same.

    Attributes:
        scope: Only what happens at this path, and what happens there is all that is shown.
    """

    subjects: frozenset[str]
    thing_ids: frozenset[str] | None = None
    namespaces: frozenset[str] | None = None
    scope: Path = ROOT
    texts: tuple[str | None, str | None, str | None] = (None, None, None)
    query: Query | None = field(default=None, compare=False)
    fields: Selector | None = field(default=None, compare=False)
    extra: Selector | None = field(default=None, compare=False)


class Shown(NamedTuple):
    """The part of a change that a view lets pass.

    Attributes:
        rules: What the listener may do with the thing.
        value: Of the change, readable; MISSING for a deletion.
        thing: The change as a partial thing, over the extra fields.
        extra: The extra fields alone; None where none are wanted.
    """

    change: Change
    rules: Rules
    value: Any
    thing: dict[str, Any]
    extra: dict[str, Any] | None


def view_of(
    look: Look, caller: Caller, *, thing_ids: frozenset[str] | None = None, scope: Path = ROOT
) -> View:
    """A view from parameters.

    Raises:
        DittoError: One that cannot be understood.
    """
    if thing_ids is None and (named := _list(look, "ids")) is not None:
        thing_ids = frozenset(ids.checked(one) for one in named)
    spaces = _list(look, "namespaces")
    namespaces = frozenset(ids.namespace(one) for one in spaces) if spaces is not None else None
    texts = (look("filter") or None, look("fields") or None, look("extraFields") or None)
    return View(
        caller.subjects, thing_ids, namespaces, scope, texts,
        query=query_of(texts[0]),
        fields=_selector("fields", texts[1]),
        extra=_selector("extraFields", texts[2]),
    )  # fmt: skip


def query_of(text: str | None) -> Query | None:
    """A filter of changes.

    Raises:
        DittoError: It cannot be understood.
    """
    if text is None:
        return None
    try:
        query = parse_filter(text)
        check(query, placeholders=True)
    except RqlInvalid as error:
        raise DittoError(400, "rql.expression.invalid", f"'filter': {error}") from error
    return query


def _selector(name: str, text: str | None) -> Selector | None:
    if text is None:
        return None
    try:
        return parse_fields(text)
    except RqlInvalid as error:
        raise DittoError(400, "json.fieldselector.invalid", f"'{name}': {error}") from error


def _list(look: Look, name: str) -> list[str] | None:
    text = look(name)
    if text is None:
        return None
    found = [one.strip() for one in text.split(",") if one.strip()]
    if not found or len(found) > MAX_NAMED:
        raise bad_header(name, f"names one to {MAX_NAMED}, with commas between")
    return found


def shown(view: View, change: Change, now: datetime) -> Shown | None:
    """What a view lets pass of a change; None for nothing."""
    if not _concerns(view, change):
        return None
    rules = change.compiled.rules(view.subjects, change.namespace, now)
    partial: dict[str, Any] = {"thingId": change.thing_id}
    value: Any = MISSING
    if change.action != "deleted":
        value = rules.readable(change.value, change.path)
        if value is MISSING:
            return None
        partial |= pointer.put({}, change.path, value)
    elif not rules.may_some("thing", "READ", change.path):
        return None
    extra = None
    if view.extra is not None:
        extra = _extra(view.extra, change, rules)
        partial = over(extra, partial)
    if view.query is not None and not _passes(view.query, change, partial):
        return None
    return Shown(change, rules, value, partial, extra)


def _concerns(view: View, change: Change) -> bool:
    if view.thing_ids is not None and change.thing_id not in view.thing_ids:
        return False
    if view.namespaces is not None and change.namespace not in view.namespaces:
        return False
    short = min(len(view.scope), len(change.path))
    return view.scope[:short] == change.path[:short]


def _extra(selector: Selector, change: Change, rules: Rules) -> dict[str, Any]:
    if change.doc is None or change.doc is MISSING:
        return {}
    visible = rules.readable(change.doc)
    if visible is MISSING:
        return {}
    return select({**visible, **specials(change)}, selector)


def specials(change: Change) -> dict[str, Any]:
    """What a thing is beside its parts, as of a change."""
    return {
        "thingId": change.thing_id,
        "_revision": change.revision,
        "_modified": iso(change.time),
        "_namespace": change.namespace,
        "_lifecycle": "ACTIVE" if change.action != "deleted" or change.path else "DELETED",
    }


def _passes(query: Query, change: Change, partial: dict[str, Any]) -> bool:
    return evaluate(query, partial | specials(change), placeholders(change))


def placeholders(change: Change) -> dict[str, str]:
    """What a filter may ask about the event itself."""
    namespace, _, name = change.thing_id.partition(":")
    return {
        "topic:full": topic(change),
        "topic:namespace": namespace,
        "topic:entityName": name,
        "topic:group": "things",
        "topic:channel": "twin",
        "topic:criterion": "events",
        "topic:action": change.action,
        "topic:action-subject": change.action,
        "resource:path": pointer.show(change.path),
        "resource:type": "thing",
    }


def topic(change: Change) -> str:
    """The topic of a change's event."""
    namespace, _, name = change.thing_id.partition(":")
    return f"{namespace or '_'}/{name}/things/twin/events/{change.action}"


def over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two documents in one; where both say something, `above` is right."""
    merged = dict(below)
    for key, value in above.items():
        held = merged.get(key)
        if isinstance(held, dict) and isinstance(value, dict):
            merged[key] = over(held, value)
        else:
            merged[key] = value
    return merged


def thing_json(view: View, found: Shown) -> Any:  # noqa: ANN401 JSON
    """A change as Ditto streams it: the partial thing, or what stands at the scope.

    MISSING where the view's fields leave nothing of it.
    """
    if view.scope:
        value = pointer.get(found.thing, view.scope)
        if view.fields is None or not isinstance(value, dict):
            return value
        return select(value, view.fields) or MISSING
    if view.fields is None:
        return found.thing
    change = found.change
    whole = found.thing | specials(change)
    if "_metadata" in view.fields.names and change.metadata is not None:
        metadata = found.rules.readable(orjson.loads(change.metadata))
        if metadata is not MISSING:
            whole["_metadata"] = metadata
    if "_context" in view.fields.names:
        whole["_context"] = context(found)
    return select(whole, view.fields) or MISSING


def context(found: Shown) -> dict[str, Any]:
    """`_context`: the event that a partial thing came from."""
    told: dict[str, Any] = {
        "topic": topic(found.change),
        "path": pointer.show(found.change.path),
        "headers": headers(found.change),
    }
    if found.value is not MISSING:
        told["value"] = found.value
    return told


def headers(change: Change) -> dict[str, Any]:
    """The headers of a change's event."""
    told: dict[str, Any] = {
        # Without one of its own, a change is still told apart by its number.
        "correlation-id": change.correlation_id or f"ioc-{change.seq}",
        "version": 2,
        "response-required": False,
        "requested-acks": [],
        "entity-id": f"thing:{change.thing_id}",
    }
    if change.action != "deleted":
        merged = change.action == "merged"
        told["content-type"] = f"application/{'merge-patch+json' if merged else 'json'}"
    return told
