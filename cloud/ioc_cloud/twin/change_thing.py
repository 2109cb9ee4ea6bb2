"""Writes to things: create, replace, merge, delete, at every level of the JSON."""

import uuid
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ioc_cloud.twin import change_policy, entities, ids, metadata, patch, pointer, policy, tags
from ioc_cloud.twin.book import Action, Book, Caller
from ioc_cloud.twin.entities import Thing
from ioc_cloud.twin.errors import (
    DittoError,
    bad_shape,
    condition_failed,
    not_modifiable,
    part_not_found,
    policy_not_found,
    thing_not_found,
)
from ioc_cloud.twin.outcome import Outcome
from ioc_cloud.twin.placeholders import matches
from ioc_cloud.twin.pointer import MISSING, ROOT, Path, show
from ioc_cloud.twin.policy import Rules
from ioc_cloud.twin.request import Options

_FEATURE_LEVEL: Final = 2


class Models(Protocol):
    """What the twin asks of Thing Models."""

    def skeleton(self, doc: dict[str, Any]) -> dict[str, Any]:
        """A new thing filled up from its model."""
        ...

    def check(self, before: dict[str, Any] | None, after: dict[str, Any], path: Path) -> None:
        """See that a thing fits its model after a change at `path`.

        Raises:
            DittoError: It does not.
        """
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """One write by one caller.

    Attributes:
        verb: PUT, PATCH or DELETE.
        reserved: Namespaces in which only the system makes things.
    """

    caller: Caller
    thing_id: str
    verb: str
    path: Path
    value: Any
    options: Options
    models: Models
    reserved: tuple[str, ...] = ()

    def apply(self, book: Book) -> Outcome:
        """Do it.

        Raises:
            DittoError: It may not be done.
        """
        self.caller.must_change()
        thing = book.thing(self.thing_id)
        if thing is None:
            return self._on_absent(book)
        rules = book.rules(self.caller, thing.policy_id, thing.namespace)
        if not (rules.may_some("thing", "READ") or rules.may_some("thing", "WRITE")):
            raise thing_not_found(self.thing_id)
        current = pointer.get(thing.doc, self.path)
        self._check_allowed(rules, thing)
        self._check_conditions(rules, thing, current)
        if self.verb == "DELETE":
            return self._delete(book, thing, current)
        if self.verb == "PATCH":
            return self._merge(book, rules, thing, current)
        return self._put(book, thing, current)

    # --- checks ------------------------------------------------------------------

    def _check_allowed(self, rules: Rules, thing: Thing) -> None:
        if self.verb == "PATCH":
            touched = [leaf for leaf, _ in pointer.leaves(self.value, self.path)]
            allowed = all(rules.may_all("thing", "WRITE", self._readable(leaf)) for leaf in touched)
        else:
            allowed = rules.may_all("thing", "WRITE", self.path)
        if self.path == ("policyId",) or self._moves(thing):
            allowed = allowed and rules.may_all("policy", "WRITE")
        if allowed:
            return
        if not rules.may_some("thing", "READ", self.path):
            if not self.path or not rules.may_some("thing", "READ"):
                raise thing_not_found(self.thing_id)
            raise part_not_found(self._kind(), self.thing_id, show(self.path))
        raise not_modifiable(self._kind(), self.thing_id, show(self.path))

    def _moves(self, thing: Thing) -> bool:
        """Whether the write puts the thing under another policy."""
        if self.path or not isinstance(self.value, dict):
            return False
        return bool(self.value.get("policyId", thing.policy_id) != thing.policy_id)

    @staticmethod
    def _readable(leaf: Path) -> Path:
        """A key that deletes by pattern touches everything beside it."""
        for place, part in enumerate(leaf):
            if part.startswith("{{"):
                return leaf[:place]
        return leaf

    def _check_conditions(self, rules: Rules, thing: Thing, current: Any) -> None:  # noqa: ANN401
        wanted = self.options
        tag = tags.of_revision(thing.revision) if not self.path else tags.tag_of(current)
        tags.check_write("thing", wanted.if_match, wanted.if_none_match, tag)
        if wanted.condition is not None and not matches(wanted.condition, thing, rules):
            raise condition_failed()

    def _kind(self) -> str:
        if not self.path:
            return "thing"
        if self.path[0] == "features":
            if len(self.path) == 1:
                return "features"
            if len(self.path) == _FEATURE_LEVEL:
                return "feature"
            return "feature.definition" if self.path[2] == "definition" else "feature.property"
        if self.path[0] == "attributes":
            return "attributes" if len(self.path) == 1 else "attribute"
        return "thing" if self.path[0] == "thingId" else self.path[0].lower()

    def _check_parent(self, thing: Thing) -> None:
        """A property needs its feature; everything else makes its own way."""
        if self.path[0] == "features" and len(self.path) > _FEATURE_LEVEL:
            feature = self.path[:_FEATURE_LEVEL]
            if not isinstance(pointer.get(thing.doc, feature), dict):
                raise part_not_found("feature", self.thing_id, show(feature))

    # --- the verbs ---------------------------------------------------------------

    def _put(self, book: Book, thing: Thing, current: Any) -> Outcome:  # noqa: ANN401 JSON
        value = self.value
        if not self.path:
            self._check_named(value)
            value = entities.whole(self.thing_id, value)
            value.setdefault("policyId", thing.policy_id)
            if "_policy" in self.value:
                raise DittoError(
                    400, "things:policy.conflicting", "An existing thing takes no inline policy."
                )
        else:
            entities.checked(self.path, value)
            self._check_parent(thing)
        if value == current and self.options.if_equal != "update":
            raise self._unchanged()
        after = value if not self.path else pointer.put(thing.doc, self.path, value)
        self._check_policy(book, thing, after)
        action: Action = "created" if current is MISSING else "modified"
        saved = self._save(book, thing, after, (action, self.path, value))
        tag = tags.of_revision(saved.revision) if not self.path else tags.of_value(value)
        if current is MISSING:
            return Outcome(201, value, tag, (self.thing_id, self.path))
        return Outcome(204, tag=tag)

    def _merge(self, book: Book, rules: Rules, thing: Thing, current: Any) -> Outcome:  # noqa: ANN401
        value = self.value
        if not self.path:
            self._check_named(value)
        self._check_removals(value)
        value = self._without_failing_parts(rules, thing, value)
        base = MISSING if current is MISSING else current
        merged = patch.merge(None if base is MISSING else base, value)
        if merged == base and self.options.if_equal != "update":
            raise self._unchanged()
        if self.options.if_equal == "skip-minimizing-merge":
            value = minimised(base, value)
        if self.path:
            self._check_parent(thing)
        if merged is None:
            after = pointer.remove(thing.doc, self.path)
        elif not self.path:
            after = entities.whole(self.thing_id, merged)
        else:
            entities.checked(self.path, merged)
            after = pointer.put(thing.doc, self.path, merged)
        self._check_policy(book, thing, after)
        saved = self._save(book, thing, after, ("merged", self.path, value))
        tag = tags.of_revision(saved.revision) if not self.path else tags.of_value(merged)
        return Outcome(204, tag=tag)

    def _without_failing_parts(self, rules: Rules, thing: Thing, value: Any) -> Any:  # noqa: ANN401
        conditions = self.options.merge_conditions
        if not conditions:
            return value
        for at, query in conditions.items():
            if not matches(query, thing, rules):
                value = pointer.remove(value, at)
        if value == {} and self.value != {}:
            raise condition_failed()
        return value

    def _check_removals(self, value: Any) -> None:  # noqa: ANN401 JSON
        for name in ("thingId", "policyId"):
            removed = self.path == (name,) and value is None
            inside = not self.path and isinstance(value, dict) and value.get(name, "") is None
            if removed or inside:
                raise DittoError(
                    400, "things:id.notdeletable", f"'{name}' of a thing cannot be deleted."
                )
        if not self.path and not isinstance(value, dict):
            raise DittoError(400, "things:merge.invalid", "A thing is merged with a JSON object.")

    def _delete(self, book: Book, thing: Thing, current: Any) -> Outcome:  # noqa: ANN401 JSON
        if not self.path:
            book.delete_thing(thing, self.caller.name, self.options.correlation_id)
            return Outcome(204)
        if current is MISSING:
            raise part_not_found(self._kind(), self.thing_id, show(self.path))
        if self.path[0] in {"policyId", "thingId"}:
            raise DittoError(405, "gateway:method.notallowed", "This part cannot be deleted.")
        after = pointer.remove(thing.doc, self.path)
        self._save(book, thing, after, ("deleted", self.path, MISSING))
        return Outcome(204)

    def _unchanged(self) -> DittoError:
        return DittoError(
            412,
            "things:precondition.notmodified",
            f"The previous value was equal to the new value and the 'if-equal' header was set to "
            f"'{self.options.if_equal}'.",
        )

    def _save(
        self, book: Book, thing: Thing, after: dict[str, Any], change: tuple[Action, Path, Any]
    ) -> Thing:
        self.models.check(thing.doc, after, self.path)
        return book.save_thing(
            self.thing_id,
            after,
            metadata=self._metadata(thing.metadata, change),
            change=change,
            actor=self.caller.name,
            correlation_id=self.options.correlation_id,
        )

    def _metadata(
        self, before: dict[str, Any] | None, change: tuple[Action, Path, Any]
    ) -> dict[str, Any] | None:
        action, path, value = change
        result = metadata.without(before, path) if action == "deleted" else before
        if self.options.delete_metadata:
            result = metadata.deleted(result, self.options.delete_metadata, self.path)
        if self.options.put_metadata:
            result = metadata.written(result, self.options.put_metadata, self.path, value)
        return result

    def _check_policy(self, book: Book, thing: Thing, after: dict[str, Any]) -> None:
        """A thing may move under another policy that its writer may use."""
        if after["policyId"] == thing.policy_id:
            return
        ids.checked(after["policyId"])
        target = book.policy(after["policyId"])
        rules = book.rules(self.caller, after["policyId"], thing.namespace)
        if target is None or not rules.may_all("thing", "WRITE"):
            raise DittoError(
                400, "things:policy.id.invalid", f"'{after['policyId']}' is no policy to use."
            )

    def _check_named(self, value: Any) -> None:  # noqa: ANN401 JSON
        if isinstance(value, dict) and value.get("thingId", self.thing_id) != self.thing_id:
            if value["thingId"] is None:
                return
            raise DittoError(
                400,
                "things:id.notsettable",
                "The Thing ID in the request body is not equal to the Thing ID in the request URL.",
            )

    # --- creation ------------------------------------------------------------------

    def _on_absent(self, book: Book) -> Outcome:
        if self.path or self.verb == "DELETE":
            raise thing_not_found(self.thing_id)
        if self.verb == "PATCH" and (not isinstance(self.value, dict) or not self.value):
            raise DittoError(400, "things:merge.invalid", "A new thing is merged from an object.")
        if self.options.condition is not None:
            raise condition_failed()
        tags.check_write("thing", self.options.if_match, self.options.if_none_match, None)
        self._check_named(self.value)
        value = self.value
        if self.verb == "PATCH":
            self._check_removals(value)
            value = patch.merge(None, value)
        return self._create(book, value)

    def _create(self, book: Book, value: Any) -> Outcome:  # noqa: ANN401 JSON
        doc = entities.whole(self.thing_id, value)
        self._check_reserved(book, doc)
        doc["policyId"] = self._policy_for(book, value)
        doc = self.models.skeleton(doc)
        self.models.check(None, doc, ROOT)
        written = None
        if self.options.put_metadata:
            written = metadata.written(None, self.options.put_metadata, ROOT, doc)
        saved = book.save_thing(
            self.thing_id,
            doc,
            metadata=written,
            change=("created", ROOT, doc),
            actor=self.caller.name,
            correlation_id=self.options.correlation_id,
        )
        tag = tags.of_revision(saved.revision)
        return Outcome(201, doc, tag, (self.thing_id, ROOT))

    def _check_reserved(self, book: Book, doc: dict[str, Any]) -> None:
        namespace = self.thing_id.partition(":")[0]
        reserved = any(namespace == one or namespace.startswith(f"{one}.") for one in self.reserved)
        if not reserved or change_policy.SYSTEM_SUBJECT in self.caller.subjects:
            return
        # Who may write under a policy of the province may also add things to it.
        named = doc.get("policyId")
        if isinstance(named, str) and book.policy(named) is not None:
            rules = book.rules(self.caller, named, namespace)
            if rules.may_all("thing", "WRITE"):
                return
        raise DittoError(
            403,
            "things:thing.notcreatable",
            f"The namespace '{namespace}' is the province's own.",
            "Use a namespace of your own, or a policy that lets you write here.",
        )

    def _policy_for(self, book: Book, value: dict[str, Any]) -> str:
        inline, copied = value.get("_policy"), value.get("_copyPolicyFrom")
        if inline is not None and copied is not None:
            raise DittoError(
                400, "things:policy.conflicting", "'_policy' and '_copyPolicyFrom' exclude another."
            )
        named = value.get("policyId")
        if named is not None:
            ids.checked(named)
        if copied is not None:
            return self._new_policy(book, named or self.thing_id, self._copied(book, copied))
        if inline is not None:
            wanted = inline.get("policyId") if isinstance(inline, dict) else None
            return self._new_policy(book, wanted or named or self.thing_id, inline)
        if named is None or (named == self.thing_id and book.policy(named) is None):
            doc = policy.default_policy(self.thing_id, self.caller.default_subject)
            return self._new_policy(book, self.thing_id, doc)
        return self._existing(book, named)

    def _existing(self, book: Book, policy_id: str) -> str:
        namespace = self.thing_id.partition(":")[0]
        rules = book.rules(self.caller, policy_id, namespace)
        if book.policy(policy_id) is None or not rules.may_some("thing", "WRITE"):
            raise self._not_creatable(400, f"the Policy '{policy_id}' is not there for them to use")
        if not rules.may_all("thing", "WRITE"):
            raise self._not_creatable(403, f"the Policy '{policy_id}' lets them write parts only")
        return policy_id

    def _not_creatable(self, status: int, why: str) -> DittoError:
        return DittoError(
            status, "things:thing.notcreatable", f"'{self.thing_id}' cannot be created: {why}."
        )

    def _copied(self, book: Book, source: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
        if not isinstance(source, str):
            raise bad_shape("/_copyPolicyFrom", "the id of a policy, or a reference to a thing")
        if source.startswith("{{ ref:things/") and source.endswith("/policyId }}"):
            thing_id = source.removeprefix("{{ ref:things/").removesuffix("/policyId }}")
            thing = book.thing(ids.checked(thing_id))
            if thing is None:
                raise thing_not_found(thing_id)
            source = thing.policy_id
        held = book.policy(ids.checked(source))
        if held is None or not book.rules(self.caller, source, source.partition(":")[0]).may_all(
            "policy", "READ"
        ):
            raise policy_not_found(source)
        return {key: part for key, part in held.doc.items() if key != "policyId"}

    def _new_policy(self, book: Book, policy_id: str, doc: Any) -> str:  # noqa: ANN401 JSON
        ids.checked(policy_id)
        if book.policy(policy_id) is not None:
            why = f"the Policy '{policy_id}' exists already; name it as 'policyId' to use it"
            raise self._not_creatable(400, why)
        kept = policy.checked(policy_id, doc, book.now)
        lockout = self.options.allow_policy_lockout
        change_policy.check_way_in(kept, self.caller, allowed=lockout)
        book.save_policy(policy_id, kept, change=("created", ROOT, kept), actor=self.caller.name)
        namespace = self.thing_id.partition(":")[0]
        if not book.rules(self.caller, policy_id, namespace).may_all("thing", "WRITE"):
            raise self._not_creatable(403, "its policy would not let its maker write it")
        return policy_id


def minimised(current: Any, value: Any) -> Any:  # noqa: ANN401 JSON
    """A patch without the leaves that change nothing."""
    if not isinstance(value, dict) or not isinstance(current, dict):
        return value
    kept: dict[str, Any] = {}
    for key, part in value.items():
        if part is None:
            if key in current or patch.pattern_of(key) is not None:
                kept[key] = None
        elif key not in current:
            kept[key] = part
        elif current[key] != part:
            smaller = minimised(current[key], part)
            if smaller != {} or part == {}:
                kept[key] = smaller
    return kept


def new_id(namespace: str) -> str:
    """An id for a thing that came without one."""
    return f"{namespace}:{uuid.uuid4()}"
