"""Policies: who may do what, whole and in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from ioc_ditto.errors import BadName
from ioc_ditto.names import Path, below, checked, entity_id, keys, segment, url
from ioc_ditto.options import ReadOptions, WriteOptions, asked
from ioc_ditto.transport import Call, Transport, json_body

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ioc_ditto.shapes import Json, Permissions, Subject, Tagged, Written


class Policies:
    """`/api/2/policies`. A `path` is `entries`, `entries/LABEL`, `entries/LABEL/subjects` ..."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, policy_id: str, path: Path = "", **options: Unpack[ReadOptions]) -> Json:
        """A policy, or a part of it.

        Raises:
            NotFound: It is not there, or not for you.
        """
        return self._transport.value(Call("GET", _at(policy_id, path), asked(options)))

    def get_tagged(self, policy_id: str, path: Path = "", **options: Unpack[ReadOptions]) -> Tagged:
        """As `get`, with the entity tag to write it back under."""
        return self._transport.tagged(Call("GET", _at(policy_id, path), asked(options)))

    def put(
        self, policy_id: str, value: Json, path: Path = "", **options: Unpack[WriteOptions]
    ) -> Written:
        """Let this be the policy, or a part of it.

        Raises:
            Forbidden: You may not, or it would shut you out.
        """
        return self._put(_at(policy_id, path), value, options)

    def delete(self, policy_id: str, path: Path = "", **options: Unpack[WriteOptions]) -> Written:
        """Take a policy, or an entry of it, away."""
        return self._transport.written(Call("DELETE", _at(policy_id, path), asked(options)))

    def put_subject(
        self,
        policy_id: str,
        label: str,
        subject_id: str,
        subject: Subject | None = None,
        **options: Unpack[WriteOptions],
    ) -> Written:
        """Add one subject (`nginx:an`) to an entry."""
        at = _subject(policy_id, label, subject_id)
        return self._put(at, subject or {"type": "added by ioc-ditto"}, options)

    def delete_subject(
        self, policy_id: str, label: str, subject_id: str, **options: Unpack[WriteOptions]
    ) -> Written:
        """Take one subject out of an entry."""
        at = _subject(policy_id, label, subject_id)
        return self._transport.written(Call("DELETE", at, asked(options)))

    def get_resource(
        self, policy_id: str, label: str, resource: str, **options: Unpack[ReadOptions]
    ) -> Permissions:
        """What an entry says of one resource, such as `thing:/features/plate`."""
        at = _resource(policy_id, label, resource)
        found: Permissions = self._transport.value(Call("GET", at, asked(options)))
        return found

    def put_resource(
        self,
        policy_id: str,
        label: str,
        resource: str,
        permissions: Permissions,
        **options: Unpack[WriteOptions],
    ) -> Written:
        """Say what an entry gives and takes at one resource."""
        return self._put(_resource(policy_id, label, resource), permissions, options)

    def delete_resource(
        self, policy_id: str, label: str, resource: str, **options: Unpack[WriteOptions]
    ) -> Written:
        """Let an entry say nothing of one resource."""
        at = _resource(policy_id, label, resource)
        return self._transport.written(Call("DELETE", at, asked(options)))

    def _put(self, path: str, value: Json, options: WriteOptions) -> Written:
        body, headers = json_body(value)
        call = Call("PUT", path, asked(options), headers=headers, body=body)
        return self._transport.written(call)


def _at(policy_id: str, path: Path) -> str:
    start = url("policies", entity_id(policy_id))
    return below(start, path) if keys(path) else start


def _subject(policy_id: str, label: str, subject_id: str) -> str:
    checked(subject_id, "the subject")
    start = url("policies", entity_id(policy_id), "entries", segment(label), "subjects")
    return url(start, quote(subject_id, safe=":"))


def _resource(policy_id: str, label: str, resource: str) -> str:
    """A resource keeps its own slashes: `.../resources/thing:/features/plate`."""
    kind, colon, path = checked(resource, "the resource").partition(":/")
    if not colon or "/" in kind:
        raise BadName(f"a resource is thing:/..., policy:/... or message:/...: {resource!r}")
    start = url("policies", entity_id(policy_id), "entries", segment(label), "resources")
    return url(start, f"{segment(kind)}:", *(map(segment, path.split("/")) if path else [""]))
