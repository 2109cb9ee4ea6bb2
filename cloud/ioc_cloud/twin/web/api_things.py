"""`/api/2/things`: one handler for every level of a thing's JSON."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson
from starlette.concurrency import run_in_threadpool

from ioc_cloud.db import twin_sql as sql
from ioc_cloud.twin import entities, history, ids, metadata, pointer, tags
from ioc_cloud.twin.change_thing import Change, Models, new_id
from ioc_cloud.twin.entities import Thing
from ioc_cloud.twin.errors import (
    DittoError,
    bad_header,
    bad_shape,
    condition_failed,
    part_not_found,
    thing_not_found,
)
from ioc_cloud.twin.fields import Selector, select
from ioc_cloud.twin.outcome import Outcome
from ioc_cloud.twin.placeholders import iso, matches
from ioc_cloud.twin.pointer import MISSING, ROOT, Path
from ioc_cloud.twin.request import Options, options
from ioc_cloud.twin.service import Row, Seen, Twin
from ioc_cloud.twin.web import http
from ioc_cloud.twin.web.api import PREFIX, Request, media_type_unsupported, method_not_allowed
from ioc_cloud.twin.web.selectors import fields_of

MERGE_PATCH: Final = "application/merge-patch+json"
THING_DESCRIPTION: Final = "application/td+json"
DEFAULT_NAMESPACE: Final = "org.camau"
MAX_IDS: Final = 200
_PARTS: Final = frozenset({"policyId", "definition", "attributes", "features"})
# Headers and parameters that make a read more than a look at the current state.
_PLAIN: Final = Options()


class ThingsApi:
    """Reads and writes of things."""

    def __init__(
        self,
        twin: Twin,
        models: Models,
        *,
        reserved: tuple[str, ...],
        describe: Callable[[dict[str, Any], Path, str], dict[str, Any]],
        every: Callable[[Request], Any],
    ) -> None:
        """`describe` makes Thing Descriptions; `every` answers for all visible things."""
        self._twin = twin
        self._models = models
        self._reserved = reserved
        self._describe = describe
        self._every = every

    async def handle(self, request: Request) -> None:
        """`/things` and below; streams and messages have handlers of their own."""
        parts = request.parts
        if len(parts) == 1:
            await self._collection(request)
            return
        thing_id = ids.checked(parts[1])
        path = pointer.of_parts(parts[2:])
        if path and path[0] not in _PARTS:
            raise DittoError(404, "gateway:resource.notfound", "A thing has no such part.")
        if "" in path:
            raise DittoError(404, "gateway:resource.notfound", "A path has no empty segment.")
        if request.method == "GET":
            await self._get(request, thing_id, path)
        elif request.method in {"PUT", "PATCH", "DELETE"}:
            await self._write(request, thing_id, path)
        else:
            raise method_not_allowed(request.method, "GET", "PUT", "PATCH", "DELETE")

    # --- reading -----------------------------------------------------------------

    async def _get(self, request: Request, thing_id: str, path: Path) -> None:
        wanted = options(request.asked)
        selector = fields_of(request)
        if wanted.historical:
            await self._get_past(request, thing_id, path, wanted)
            return
        found = await self._twin.read(request.caller, thing_id)
        if not found or not found[0].rules.may_some("thing", "READ"):
            raise thing_not_found(thing_id)
        seen = found[0]
        if wanted.condition is not None and not matches(
            wanted.condition, _thing(seen.row), seen.rules
        ):
            raise condition_failed()
        if request.asked.accepts(THING_DESCRIPTION):
            await self._get_description(request, seen, path)
            return
        if not path:
            await self._answer_whole(request, seen, wanted, selector)
            return
        await self._answer_part(request, seen, path, wanted, selector)

    async def _answer_whole(
        self, request: Request, seen: Seen, wanted: Options, selector: Selector | None
    ) -> None:
        tag = tags.of_revision(seen.row.revision)
        headers = request.headers | {"ETag": tag}
        _add_metadata(headers, seen, wanted, ROOT)
        exempt = selector is not None and "_policy" in selector.names
        if not exempt and tags.not_modified("thing", wanted.if_match, wanted.if_none_match, tag):
            await http.answer(request.send, 304, headers=headers)
            return
        if selector is None and seen.rules.may_all("thing", "READ"):
            await http.answer(request.send, 200, seen.row.doc.encode(), headers)
            return
        policy = await self._policy_for(seen, selector)
        shown = whole_of(seen, selector, policy)
        await http.answer_json(request.send, 200, shown, headers)

    async def _policy_for(self, seen: Seen, selector: Selector | None) -> dict[str, Any] | None:
        """The policy, where `fields=_policy` asks for it and it may be read."""
        if selector is None or "_policy" not in selector.names:
            return None
        rules = seen.rules

        def look_up() -> dict[str, Any] | None:
            with self._twin.pool.connection() as connection:
                held = self._twin.policies.get(connection, seen.row.policy_id, seen.row.epoch)
                docs = connection.execute(sql.POLICY_DOC, (held.policy_id,)).fetchone()
            if docs is None:
                return None
            shown = rules.readable(orjson.loads(docs[0]), resource="policy")
            return None if shown is MISSING else shown

        return await run_in_threadpool(look_up)

    async def _answer_part(
        self,
        request: Request,
        seen: Seen,
        path: Path,
        wanted: Options,
        selector: Selector | None,
    ) -> None:
        doc = orjson.loads(seen.row.doc)
        value = pointer.get(doc, path)
        if value is not MISSING:
            value = seen.rules.readable(value, path)
        if value is MISSING:
            raise part_not_found(_kind(path), seen.row.id, pointer.show(path))
        tag = tags.of_value(value)
        headers = request.headers | {"ETag": tag}
        _add_metadata(headers, seen, wanted, path)
        if tags.not_modified("thing", wanted.if_match, wanted.if_none_match, tag):
            await http.answer(request.send, 304, headers=headers)
            return
        if selector is not None and isinstance(value, dict):
            value = select(value, selector)
        await http.answer_json(request.send, 200, value, headers)

    async def _get_description(self, request: Request, seen: Seen, path: Path) -> None:
        """`Accept: application/td+json`: the thing, or a feature, as a Thing Description."""
        if path and not (path[0] == "features" and len(path) == 2):  # noqa: PLR2004 features/<id>
            raise DittoError(406, "gateway:not.acceptable", "Only things and features have a TD.")
        visible = seen.rules.readable(orjson.loads(seen.row.doc))
        doc = {**visible, "thingId": seen.row.id} if visible is not MISSING else {}
        body = orjson.dumps(self._describe(doc, path, f"{_base(request)}{PREFIX}"))
        await http.answer(
            request.send, 200, body, request.headers, content_type=THING_DESCRIPTION.encode()
        )

    async def _get_past(self, request: Request, thing_id: str, path: Path, wanted: Options) -> None:
        caller, twin = request.caller, self._twin

        def look_back() -> tuple[history.Past, Any]:
            with twin.pool.connection() as connection:
                held = history.holder(connection, twin, thing_id)
                if held is None:
                    raise thing_not_found(thing_id)
                rules = held.compiled.rules(
                    caller.subjects, thing_id.partition(":")[0], twin.clock()
                )
                if not rules.may_some("thing", "READ"):
                    raise thing_not_found(thing_id)
                past = history.thing_at(
                    connection, thing_id, revision=wanted.at_revision, time=wanted.at_timestamp
                )
                return past, rules

        past, rules = await run_in_threadpool(look_back)
        row = Row(
            thing_id, past.doc["policyId"], entities.dumps(past.doc), None, past.revision,
            past.created, past.time, None,
        )  # fmt: skip
        seen = Seen(row, rules)
        plain = Options(if_match=wanted.if_match, if_none_match=wanted.if_none_match)
        if path:
            await self._answer_part(request, seen, path, plain, fields_of(request))
        else:
            await self._answer_whole(request, seen, plain, fields_of(request))

    async def _collection(self, request: Request) -> None:
        if request.method == "GET":
            await self._get_many(request)
        elif request.method == "POST":
            await self._post(request)
        else:
            raise method_not_allowed(request.method, "GET", "POST")

    async def _get_many(self, request: Request) -> None:
        named = request.asked.query("ids")
        if named is None:
            await self._every(request)
            return
        if not named.strip():
            raise bad_header("ids", "must name at least one thing")
        wanted = list(dict.fromkeys(one.strip() for one in named.split(",")))
        if len(wanted) > MAX_IDS:
            raise bad_header("ids", f"at most {MAX_IDS} at once")
        selector = fields_of(request)
        found = await self._twin.read(request.caller, *[ids.checked(one) for one in wanted])
        shown = [
            whole_of(seen, selector, None) for seen in found if seen.rules.may_some("thing", "READ")
        ]
        await http.answer_json(request.send, 200, shown, request.headers)

    # --- writing -----------------------------------------------------------------

    async def _post(self, request: Request) -> None:
        wanted = options(request.asked)
        must_be_json(request, "application/json")
        value = entities.loads(await request.body())
        if not isinstance(value, dict):
            raise bad_shape("/", "a thing is a JSON object")
        if "thingId" in value:
            raise DittoError(
                400,
                "things:id.notsettable",
                "It is not allowed to provide a Thing ID in the request body for method POST.",
                "The method POST will generate the Thing ID by itself. If you want to provide "
                "your own Thing ID use PUT instead.",
            )
        namespace = request.asked.get("namespace") or DEFAULT_NAMESPACE
        thing_id = new_id(ids.namespace(namespace))
        change = self._change(request, thing_id, ROOT, value, wanted, verb="PUT")
        await self._answer_write(request, change, wanted)

    async def _write(self, request: Request, thing_id: str, path: Path) -> None:
        wanted = options(request.asked)
        value: Any = MISSING
        if request.method == "DELETE":
            if path == ("policyId",):
                raise method_not_allowed("DELETE", "GET", "PUT", "PATCH")
        else:
            needed = MERGE_PATCH if request.method == "PATCH" else "application/json"
            must_be_json(request, needed)
            value = entities.loads(await request.body())
        change = self._change(request, thing_id, path, value, wanted, verb=request.method)
        await self._answer_write(request, change, wanted)

    def _change(
        self,
        request: Request,
        thing_id: str,
        path: Path,
        value: Any,  # noqa: ANN401 JSON
        wanted: Options,
        verb: str,
    ) -> Change:
        return Change(
            request.caller, thing_id, verb, path, value, wanted, self._models, self._reserved
        )

    async def _answer_write(self, request: Request, change: Change, wanted: Options) -> None:
        acks = wanted.requested_acks
        outcome = await self._twin.change(change)
        if not wanted.response_required:
            await http.answer(request.send, 202, headers=request.headers)
            return
        if len(acks) > 1:
            await self._answer_acks(request, outcome, acks)
            return
        await answer_outcome(request, outcome, "things")

    async def _answer_acks(self, request: Request, outcome: Outcome, acks: tuple[str, ...]) -> None:
        """The twin's own acknowledgements are true once the change is committed.

        Labels of others are waited for before it comes to this (`twin.push.acks`).
        """
        given: dict[str, Any] = {
            "status": outcome.status,
            "headers": {"correlation-id": request.headers["correlation-id"]},
        }
        if outcome.body is not MISSING:
            given["payload"] = outcome.body
        await http.answer_json(request.send, 200, dict.fromkeys(acks, given), request.headers)


async def answer_outcome(request: Request, outcome: Outcome, kind: str) -> None:
    """What a committed write says."""
    headers = request.headers | dict(outcome.headers)
    if outcome.tag is not None:
        headers["ETag"] = outcome.tag
    if outcome.location is not None:
        entity_id, path = outcome.location
        parts = [quote(part, safe=":") for part in (kind, entity_id, *path)]
        headers["Location"] = f"{_base(request)}{PREFIX}/{'/'.join(parts)}"
    if outcome.body is MISSING:
        await http.answer(request.send, outcome.status, headers=headers)
        return
    await http.answer_json(request.send, outcome.status, outcome.body, headers)


def whole_of(
    seen: Seen, selector: Selector | None, policy: dict[str, Any] | None
) -> dict[str, Any]:
    """A thing as its caller may see it, with the special fields that were asked for."""
    row = seen.row
    visible = seen.rules.readable(orjson.loads(row.doc))
    doc: dict[str, Any] = dict(visible) if visible is not MISSING else {}
    doc["thingId"] = row.id
    if selector is None:
        return doc
    doc |= {
        "_revision": row.revision,
        "_created": iso(row.created),
        "_modified": iso(row.modified),
        "_namespace": row.id.partition(":")[0],
        "_lifecycle": "ACTIVE",
    }
    if row.metadata is not None:
        shown = seen.rules.readable(orjson.loads(row.metadata))
        if shown is not MISSING:
            doc["_metadata"] = shown
    if policy is not None:
        doc["_policy"] = policy
    return select(doc, selector)


def _thing(row: Row) -> Thing:
    held = orjson.loads(row.metadata) if row.metadata is not None else None
    return Thing(row.id, row.policy_id, orjson.loads(row.doc), held, *row[4:])


def _add_metadata(headers: dict[str, str], seen: Seen, wanted: Options, path: Path) -> None:
    if not wanted.get_metadata or seen.row.metadata is None:
        return
    shown = seen.rules.readable(orjson.loads(seen.row.metadata))
    if shown is MISSING:
        return
    found = metadata.selected(shown, wanted.get_metadata, path)
    if found:
        headers["ditto-metadata"] = orjson.dumps(found).decode()


def must_be_json(request: Request, needed: str) -> None:
    """See that a body is announced as what it must be.

    Raises:
        DittoError: It is not.
    """
    found = request.asked.media_type()
    # What has no body fails as no JSON; only a body of an unnamed kind is no merge patch.
    empty = request.asked.header("content-length") in {None, "0"}
    allowed = {needed, ""} if needed != MERGE_PATCH or empty else {needed}
    if found not in allowed:
        raise media_type_unsupported(found, needed)


def _kind(path: Path) -> str:
    if path[0] == "features":
        names: Mapping[int, str] = {1: "features", 2: "feature"}
        default = "feature.definition" if path[2:3] == ("definition",) else "feature.property"
        return names.get(len(path), default)
    if path[0] == "attributes":
        return "attributes" if len(path) == 1 else "attribute"
    return path[0].lower()


def _base(request: Request) -> str:
    host = request.asked.header("host") or "localhost"
    return f"{request.scope.get('scheme', 'http')}://{host}"
