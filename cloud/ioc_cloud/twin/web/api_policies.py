"""`/api/2/policies`, `/whoami` and `/checkPermissions`."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson
from starlette.concurrency import run_in_threadpool

from ioc_cloud.db import twin_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin import entities, history, ids, pointer, tags
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.change_policy import ChangePolicy
from ioc_cloud.twin.entities import Policy
from ioc_cloud.twin.errors import DittoError, bad_shape, not_supported, policy_not_found
from ioc_cloud.twin.fields import select
from ioc_cloud.twin.placeholders import iso
from ioc_cloud.twin.pointer import MISSING, Path
from ioc_cloud.twin.policy import PERMISSIONS, RESOURCES, Rules
from ioc_cloud.twin.request import Options, options
from ioc_cloud.twin.service import Twin
from ioc_cloud.twin.web import http
from ioc_cloud.twin.web.api import Request, method_not_allowed
from ioc_cloud.twin.web.api_things import answer_outcome, must_be_json
from ioc_cloud.twin.web.selectors import fields_of

_ENTRY_PARTS: Final = frozenset({"subjects", "resources", "importable", "namespaces"})
MAX_CHECKS: Final = 100


class _Asked(NamedTuple):
    entity_id: str
    kind: str
    path: Path
    permissions: list[str]


class PoliciesApi:
    """Reads and writes of policies."""

    def __init__(self, twin: Twin, *, reserved: tuple[str, ...]) -> None:
        """`reserved`: namespaces in which only the system makes policies."""
        self._twin = twin
        self._reserved = reserved

    async def handle(self, request: Request) -> None:
        """`/policies/<id>` and below."""
        if len(request.parts) == 1:
            raise method_not_allowed(request.method, "GET, PUT and DELETE of one policy")
        policy_id = ids.checked(request.parts[1])
        path = _path(request.parts[2:])
        if request.method == "GET":
            await self._get(request, policy_id, path)
        elif request.method in {"PUT", "DELETE"}:
            await self._write(request, policy_id, path)
        else:
            raise method_not_allowed(request.method, "GET", "PUT", "DELETE")

    async def _get(self, request: Request, policy_id: str, path: Path) -> None:
        wanted = options(request.asked)
        held, rules = await run_in_threadpool(self._look_up, request.caller, policy_id, wanted)
        value = rules.readable(pointer.get(held.doc, path), path, resource="policy")
        if pointer.get(held.doc, path) is MISSING or value is MISSING:
            if not path or not rules.may_some("policy", "READ"):
                raise policy_not_found(policy_id)
            raise DittoError(
                404, "policies:resource.notfound", f"Nothing readable at '{pointer.show(path)}'."
            )
        tag = tags.of_value(value) if path else tags.of_revision(held.revision)
        headers = request.headers | {"ETag": tag}
        if tags.not_modified("policy", wanted.if_match, wanted.if_none_match, tag):
            await http.answer(request.send, 304, headers=headers)
            return
        selector = fields_of(request)
        if not path:
            value = {"policyId": policy_id, **value}
            if selector is not None:
                special = {
                    "_revision": held.revision,
                    "_created": iso(held.created),
                    "_modified": iso(held.modified),
                    "_namespace": policy_id.partition(":")[0],
                }
                value = select(value | special, selector)
        await http.answer_json(request.send, 200, value, headers)

    def _look_up(self, caller: Caller, policy_id: str, wanted: Options) -> tuple[Policy, Rules]:
        with self._twin.pool.connection() as connection:
            row = connection.execute(sql.POLICIES, ([policy_id],)).fetchone()
            if row is None:
                raise policy_not_found(policy_id)
            held = Policy(row[0], orjson.loads(row[1]), *row[2:])
            compiled = self._twin.policies.get(connection, policy_id, held.epoch)
            rules = compiled.rules(caller.subjects, policy_id.partition(":")[0], self._twin.clock())
            if not rules.may_some("policy", "READ"):
                raise policy_not_found(policy_id)
            if wanted.historical:
                revision, time, doc = history.policy_at(
                    connection,
                    policy_id,
                    revision=wanted.at_revision,
                    time=wanted.at_timestamp,
                )
                held = Policy(policy_id, doc, revision, held.epoch, held.created, time)
        return held, rules

    async def _write(self, request: Request, policy_id: str, path: Path) -> None:
        wanted = options(request.asked)
        value: Any = MISSING
        if request.method == "DELETE":
            if path == ("entries",) or (len(path) == 3 and path[2] in _ENTRY_PARTS):  # noqa: PLR2004
                raise method_not_allowed("DELETE", "GET", "PUT")
        else:
            must_be_json(request, "application/json")
            value = entities.loads(await request.body())
        change = ChangePolicy(
            request.caller, policy_id, request.method, path, value, wanted, self._reserved
        )
        outcome = await self._twin.change(change)
        if not wanted.response_required:
            await http.answer(request.send, 202, headers=request.headers)
            return
        await answer_outcome(request, outcome, "policies")

    async def who_am_i(self, request: Request) -> None:
        """`GET /whoami`."""
        if request.method != "GET" or len(request.parts) > 1:
            raise method_not_allowed(request.method, "GET")
        caller = request.caller
        rest = sorted(caller.subjects - {caller.default_subject})
        body = {
            "defaultSubject": caller.default_subject,
            "subjects": [caller.default_subject, *rest],
        }
        await http.answer_json(request.send, 200, body, request.headers)

    async def check_permissions(self, request: Request) -> None:
        """`POST /checkPermissions`.

        Whatever cannot be understood or does not exist is not permitted.
        """
        if request.method != "POST" or len(request.parts) > 1:
            raise method_not_allowed(request.method, "POST")
        must_be_json(request, "application/json")
        checks = entities.parsed(await request.body())
        if not isinstance(checks, dict):
            raise bad_shape("/", "an object of named checks")
        if len(checks) > MAX_CHECKS:
            raise bad_shape("/", f"at most {MAX_CHECKS} checks at once")
        asked = {name: _check(one) for name, one in checks.items()}
        found = await run_in_threadpool(self._allowed, request.caller, asked)
        await http.answer_json(request.send, 200, found, request.headers)

    def _allowed(self, caller: Caller, asked: Mapping[str, _Asked | None]) -> dict[str, bool]:
        with self._twin.pool.connection() as connection:
            return {
                name: one is not None and self._is_allowed(connection, caller, one)
                for name, one in asked.items()
            }

    def _is_allowed(self, connection: Connection, caller: Caller, one: _Asked) -> bool:
        policy_id = one.entity_id
        if one.kind != "policy":
            row = connection.execute(sql.POLICY_OF_THING, (one.entity_id,)).fetchone()
            policy_id = row[0] if row else one.entity_id
        epoch = connection.execute(sql.EPOCH, (policy_id,)).fetchone()
        compiled = self._twin.policies.get(connection, policy_id, epoch[0] if epoch else None)
        rules = compiled.rules(caller.subjects, one.entity_id.partition(":")[0], self._twin.clock())
        return all(rules.may(one.kind, each, one.path) for each in one.permissions)


def _path(parts: tuple[str, ...]) -> Path:
    """Parts of a policy's path; a resource key has slashes of its own."""
    if not parts:
        return ()
    if parts[0] in {"transitiveImports", "references", "actions", "namespaces"} or (
        parts[0] == "imports" and len(parts) > 2  # noqa: PLR2004 imports/<id>/...
    ):
        raise not_supported(f"/policies/…/{'/'.join(parts)}")
    if len(parts) > 2 and parts[0] == "entries":  # noqa: PLR2004 entries/<label>/...
        if parts[2] in {"actions", "references", "allowedAdditions"}:
            raise not_supported(f"/policies/…/entries/…/{parts[2]}")
        if parts[2] == "resources" and len(parts) > 3:  # noqa: PLR2004
            return (*parts[:3], "/".join(parts[3:]))
    known = parts[0] in {"policyId", "entries", "imports"} and (
        len(parts) < 3 or parts[0] == "imports" or parts[2] in _ENTRY_PARTS  # noqa: PLR2004
    )
    if not known or len(parts) > 4 or "" in parts:  # noqa: PLR2004
        raise DittoError(404, "gateway:resource.notfound", "A policy has no such part.")
    return parts


def _check(one: Any) -> _Asked | None:  # noqa: ANN401 JSON
    """One check; None for what names nothing that could be permitted."""
    match one:
        case {"resource": str(resource), "entityId": str(entity_id), "hasPermissions": list(all_)}:
            kind, _, path = resource.partition(":")
            known = kind in RESOURCES and ids.possible(entity_id)
            if known and all(isinstance(each, str) and each in PERMISSIONS for each in all_):
                return _Asked(entity_id, kind, pointer.parse(path), all_)
    return None
