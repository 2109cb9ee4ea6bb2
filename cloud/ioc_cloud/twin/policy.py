"""Policies: who may read and write which part of a thing, a policy, or its messages.

The deepest rule on the way to a path decides; at one path a revoke beats every grant,
whichever entry it stands in. WRITE does not imply READ.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Final, Literal

from ioc_cloud.twin import ids, pointer
from ioc_cloud.twin.errors import DittoError, bad_shape
from ioc_cloud.twin.pointer import Path

Permission = Literal["READ", "WRITE", "EXECUTE", "READ_TS"]
Resource = Literal["thing", "policy", "message"]
PERMISSIONS: Final = frozenset({"READ", "WRITE", "EXECUTE", "READ_TS"})
RESOURCES: Final = frozenset({"thing", "policy", "message"})
MAX_BYTES: Final = 100 * 1024
MAX_IMPORTS: Final = 10
DEFAULT_LABEL: Final = "DEFAULT"
IMPORTABLE: Final = frozenset({"implicit", "explicit", "never"})


@dataclass(slots=True)
class Node:
    """One step of a resource path; `granted` is None where no rule stands."""

    granted: bool | None = None
    children: dict[str, "Node"] = field(default_factory=dict)

    def rule(self, path: Sequence[str], *, granted: bool) -> None:
        """Add a rule; a revoke stays whatever comes after it."""
        node = self
        for part in path:
            node = node.children.setdefault(part, Node())
        node.granted = granted if node.granted is None else node.granted and granted

    def decides(self, path: Sequence[str]) -> tuple[bool, "Node | None"]:
        """Whether `path` is granted, and the rules below it if there are any."""
        granted = bool(self.granted)
        node: Node | None = self
        for part in path:
            node = node.children.get(part) if node is not None else None
            if node is None:
                return granted, None
            if node.granted is not None:
                granted = node.granted
        return granted, node

    def grants_below(self) -> bool:
        """Whether any rule below grants something."""
        return any(child.granted or child.grants_below() for child in self.children.values())

    def revokes_below(self) -> bool:
        """Whether any rule below takes something away."""
        return any(
            child.granted is False or child.revokes_below() for child in self.children.values()
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """What one caller may do under one policy."""

    trees: Mapping[tuple[str, str], Node]

    def may(self, resource: str, permission: str, path: Path = ()) -> bool:
        """Whether `path` itself is granted, whatever is revoked below it."""
        return self._tree(resource, permission).decides(path)[0]

    def may_all(self, resource: Resource, permission: Permission, path: Path = ()) -> bool:
        """Whether `path` is granted with everything below it."""
        granted, below = self._tree(resource, permission).decides(path)
        return granted and (below is None or not below.revokes_below())

    def may_some(self, resource: Resource, permission: Permission, path: Path = ()) -> bool:
        """Whether `path` or anything below it is granted."""
        granted, below = self._tree(resource, permission).decides(path)
        return granted or (below is not None and below.grants_below())

    def named_below(self, permission: Permission, path: Path) -> frozenset[str]:
        """Keys right below `path` that rules of their own speak of."""
        _, below = self._tree("thing", permission).decides(path)
        return frozenset(below.children) if below is not None else frozenset()

    def readable(
        self,
        document: Any,  # noqa: ANN401 JSON
        path: Path = (),
        *,
        resource: Resource = "thing",
        permission: Permission = "READ",
    ) -> Any:  # noqa: ANN401 JSON
        """The part of `document`, which stands at `path`, that may be read.

        MISSING where nothing may. Objects that are empty only because all in them is
        hidden disappear with it.
        """
        granted, below = self._tree(resource, permission).decides(path)
        if below is None or not below.children:
            return document if granted else pointer.MISSING
        return _visible(document, below, granted=granted)

    def _tree(self, resource: str, permission: str) -> Node:
        return self.trees.get((resource, permission), _NOTHING)


_NOTHING: Final = Node()


def _visible(value: Any, node: Node, *, granted: bool) -> Any:  # noqa: ANN401 JSON
    if node.granted is not None:
        granted = node.granted
    if not node.children:
        return value if granted else pointer.MISSING
    if not isinstance(value, dict):
        return value if granted else pointer.MISSING
    shown: dict[str, Any] = {}
    for key, part in value.items():
        child = node.children.get(key)
        if child is None:
            if granted:
                shown[key] = part
            continue
        seen = _visible(part, child, granted=granted)
        if seen is not pointer.MISSING:
            shown[key] = seen
    if not shown and not granted:
        return pointer.MISSING
    return shown


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a policy, taken apart."""

    label: str
    subjects: Mapping[str, datetime | None]
    rules: tuple[tuple[str, Path, frozenset[str], frozenset[str]], ...]
    namespaces: tuple[str, ...] = ()
    importable: str = "implicit"

    def covers(self, namespace: str) -> bool:
        """Whether the entry speaks for things of this namespace."""
        if not self.namespaces:
            return True
        return any(_names(one, namespace) for one in self.namespaces)


def _names(pattern: str, namespace: str) -> bool:
    """`a.b` names itself, `a.b.*` everything below."""
    if pattern.endswith(".*"):
        return namespace.startswith(pattern[:-1])
    return namespace == pattern


@dataclass(slots=True)
class Compiled:
    """A policy with its imports, ready to be asked."""

    policy_id: str
    entries: tuple[Entry, ...]
    _cache: dict[tuple[frozenset[str], str], Rules] = field(default_factory=dict)
    # Rules hold until the next subject expires.
    _until: datetime | None = None

    def rules(self, subjects: frozenset[str], namespace: str, now: datetime) -> Rules:
        """What a caller may do with things (and this policy) in `namespace`."""
        if self._until is None or now >= self._until:
            self._cache.clear()
            self._until = self._next_expiry(now)
        key = (subjects, namespace if self.by_namespace else "")
        rules = self._cache.get(key)
        if rules is None:
            if len(self._cache) >= 1_000:  # noqa: PLR2004 bounds memory
                self._cache.clear()
            rules = self._cache[key] = self._build(subjects, namespace, now)
        return rules

    @property
    def by_namespace(self) -> bool:
        """Whether any entry speaks for some namespaces only."""
        return any(entry.namespaces for entry in self.entries)

    def _next_expiry(self, now: datetime) -> datetime:
        coming = [
            at
            for entry in self.entries
            for at in entry.subjects.values()
            if at is not None and at > now
        ]
        return min(coming, default=datetime.max.replace(tzinfo=timezone.utc))

    def _build(self, subjects: frozenset[str], namespace: str, now: datetime) -> Rules:
        trees: dict[tuple[str, str], Node] = {}
        for entry in self.entries:
            named = any(
                subject in subjects and (at is None or at > now)
                for subject, at in entry.subjects.items()
            )
            if not named or not entry.covers(namespace):
                continue
            for resource, path, grant, revoke in entry.rules:
                for permission in grant:
                    trees.setdefault((resource, permission), Node()).rule(path, granted=True)
                for permission in revoke:
                    trees.setdefault((resource, permission), Node()).rule(path, granted=False)
        return Rules(trees)


def compiled(
    policy_id: str, doc: Mapping[str, Any], imported: Mapping[str, Mapping[str, Any]]
) -> Compiled:
    """A policy ready to be asked; `imported` holds the documents that it imports."""
    entries = [_entry(label, one) for label, one in doc.get("entries", {}).items()]
    for other_id, choice in doc.get("imports", {}).items():
        other = imported.get(other_id)
        if other is None:
            continue
        wanted = set((choice or {}).get("entries", ()))
        for label, one in other.get("entries", {}).items():
            entry = _entry(label, one)
            if entry.importable == "implicit" or (
                entry.importable == "explicit" and label in wanted
            ):
                entries.append(entry)
    return Compiled(policy_id, tuple(entries))


def _entry(label: str, one: Mapping[str, Any]) -> Entry:
    rules = []
    for key, effect in one.get("resources", {}).items():
        resource, _, path = key.partition(":")
        rules.append(
            (
                resource,
                pointer.parse(path),
                frozenset(effect.get("grant", ())),
                frozenset(effect.get("revoke", ())),
            )
        )
    subjects = {name: _expiry(subject) for name, subject in one.get("subjects", {}).items()}
    return Entry(
        label,
        subjects,
        tuple(rules),
        tuple(one.get("namespaces", ())),
        one.get("importable", "implicit"),
    )


def _expiry(subject: Mapping[str, Any]) -> datetime | None:
    text = subject.get("expiry")
    return datetime.fromisoformat(text) if text else None


def subjects_of(doc: Mapping[str, Any]) -> dict[str, datetime | None]:
    """Every subject that the policy itself names, with the latest end of its rights."""
    found: dict[str, datetime | None] = {}
    for entry in doc.get("entries", {}).values():
        for name, subject in entry.get("subjects", {}).items():
            at = _expiry(subject)
            if name not in found:
                found[name] = at
            elif (known := found[name]) is not None:
                found[name] = None if at is None else max(known, at)
    return found


def default_policy(policy_id: str, subject: str) -> dict[str, Any]:
    """The policy of a thing that came without one: its maker may do everything."""
    everything = {"grant": ["READ", "WRITE"], "revoke": []}
    return {
        "policyId": policy_id,
        "entries": {
            DEFAULT_LABEL: {
                "subjects": {subject: {"type": "the creator"}},
                "resources": {f"{kind}:/": everything for kind in ("thing", "policy", "message")},
            }
        },
    }


def checked(policy_id: str, doc: Any, now: datetime) -> dict[str, Any]:  # noqa: ANN401 JSON
    """A policy as it is stored: every part of the right form, expiries rounded up.

    Raises:
        DittoError: A part that no policy can have.
    """
    if not isinstance(doc, dict):
        raise bad_shape("/", "a policy is a JSON object")
    unknown = doc.keys() - {"policyId", "entries", "imports", "subjects", "_revision", "_modified",
                            "_created", "_namespace"}  # fmt: skip
    if unknown:
        raise bad_shape(f"/{min(unknown)}", "no such field in a policy")
    if doc.get("policyId", policy_id) != policy_id:
        raise DittoError(
            400,
            "policies:id.invalid",
            f"The Policy ID in the body is not the one of the request: '{policy_id}'.",
        )
    entries = doc.get("entries", {})
    if not isinstance(entries, dict):
        raise bad_shape("/entries", "entries are a JSON object")
    kept: dict[str, Any] = {
        "policyId": policy_id,
        "entries": {label: checked_entry(label, one, now) for label, one in entries.items()},
    }
    if "imports" in doc:
        kept["imports"] = checked_imports(policy_id, doc["imports"])
    return kept


def checked_entry(label: str, one: Any, now: datetime) -> dict[str, Any]:  # noqa: ANN401 JSON
    """One entry of a policy.

    Raises:
        DittoError: A part that no entry can have.
    """
    where = f"/entries/{label}"
    if not label or label.startswith("imported"):
        raise bad_shape(where, "a label is not empty and does not begin with 'imported'")
    if not isinstance(one, dict):
        raise bad_shape(where, "an entry is a JSON object")
    for needed in ("subjects", "resources"):
        if not isinstance(one.get(needed), dict):
            raise bad_shape(f"{where}/{needed}", "is missing or no JSON object")
    unknown = one.keys() - {"subjects", "resources", "importable", "namespaces"}
    if unknown:
        raise bad_shape(f"{where}/{min(unknown)}", "no such field in an entry")
    kept: dict[str, Any] = {
        "subjects": {
            name: checked_subject(name, subject, now) for name, subject in one["subjects"].items()
        },
        "resources": {
            key: checked_resource(key, effect) for key, effect in one["resources"].items()
        },
    }
    if "importable" in one:
        if one["importable"] not in IMPORTABLE:
            raise bad_shape(f"{where}/importable", f"one of {', '.join(sorted(IMPORTABLE))}")
        kept["importable"] = one["importable"]
    if "namespaces" in one:
        kept["namespaces"] = _namespaces(f"{where}/namespaces", one["namespaces"])
    return kept


def checked_subject(name: str, subject: Any, now: datetime) -> dict[str, Any]:  # noqa: ANN401
    """One subject of an entry; its expiry is rounded up to the next full hour.

    Raises:
        DittoError: No `issuer:id`, or an expiry that has passed.
    """
    where = f"subject '{name}'"
    issuer, colon, rest = name.partition(":")
    if not (issuer and colon and rest) and name != "{{ request:subjectId }}":
        raise DittoError(
            400, "policies:subjectid.invalid", f"'{name}' is no subject: it must be 'issuer:id'."
        )
    if not isinstance(subject, dict):
        raise bad_shape(where, "a subject is a JSON object")
    unknown = subject.keys() - {"type", "expiry"}
    if unknown:
        raise bad_shape(where, f"'{min(unknown)}' is not supported")
    kept: dict[str, Any] = {}
    if "type" in subject:
        if not isinstance(subject["type"], str):
            raise bad_shape(where, "its type is a string")
        kept["type"] = subject["type"]
    if "expiry" in subject:
        kept["expiry"] = _rounded_up(where, subject["expiry"], now)
    return kept


def _rounded_up(where: str, text: Any, now: datetime) -> str:  # noqa: ANN401 JSON
    try:
        at = datetime.fromisoformat(text)
        at = at.astimezone(timezone.utc)
        whole = at.replace(minute=0, second=0, microsecond=0)
        at = at if at == whole else whole + timedelta(hours=1)
    except (TypeError, ValueError, OverflowError) as error:
        raise bad_shape(where, f"its expiry is no ISO 8601 time: {error}") from error
    if at <= now:
        raise DittoError(
            400, "policies:subjectexpiry.invalid", f"The expiry of {where} lies in the past: {text}"
        )
    return at.isoformat().replace("+00:00", "Z")


def checked_resource(key: str, effect: Any) -> dict[str, list[str]]:  # noqa: ANN401 JSON
    """What an entry grants and revokes at one path.

    Raises:
        DittoError: An unknown type of resource or permission.
    """
    kind, colon, path = key.partition(":")
    if kind not in RESOURCES or not colon or not path.startswith("/"):
        raise bad_shape(f"resource '{key}'", "it must be thing:/…, policy:/… or message:/…")
    if not isinstance(effect, dict) or effect.keys() - {"grant", "revoke"}:
        raise bad_shape(f"resource '{key}'", "an object of 'grant' and 'revoke'")
    kept = {}
    for name in ("grant", "revoke"):
        permissions = effect.get(name, [])
        if not isinstance(permissions, list) or not all(
            isinstance(one, str) and one in PERMISSIONS for one in permissions
        ):
            raise bad_shape(f"resource '{key}'", f"{name} lists {', '.join(sorted(PERMISSIONS))}")
        kept[name] = permissions
    return kept


def checked_imports(policy_id: str, imports: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
    """Which other policies' entries count here too.

    Raises:
        DittoError: Too many, or of a wrong form.
    """
    if not isinstance(imports, dict) or len(imports) > MAX_IMPORTS:
        raise bad_shape("/imports", f"an object of at most {MAX_IMPORTS} policy ids")
    kept = {}
    for other, choice in imports.items():
        ids.checked(other)
        if other == policy_id:
            raise DittoError(400, "policies:import.invalid", "A policy cannot import itself.")
        if not isinstance(choice, dict) or choice.keys() - {"entries"}:
            raise bad_shape(f"/imports/{other}", "an object of 'entries'")
        labels = choice.get("entries", [])
        if not isinstance(labels, list) or not all(isinstance(one, str) for one in labels):
            raise bad_shape(f"/imports/{other}/entries", "a list of labels")
        kept[other] = dict(choice)
    return kept


def _namespaces(where: str, value: Any) -> list[str]:  # noqa: ANN401 JSON
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise bad_shape(where, "a list of namespaces")
    for one in value:
        ids.namespace(one.removesuffix(".*"))
    return value


def keeps_a_way_in(doc: Mapping[str, Any], subjects: Iterable[str] | None = None) -> bool:
    """Whether somebody (or one of `subjects`) may write the policy, for good."""
    for entry in doc.get("entries", {}).values():
        effect = entry["resources"].get("policy:/", {})
        if "WRITE" in effect.get("grant", ()) and "WRITE" not in effect.get("revoke", ()):
            lasting = [name for name, one in entry["subjects"].items() if "expiry" not in one]
            if lasting and (subjects is None or set(lasting) & set(subjects)):
                return True
    return False
