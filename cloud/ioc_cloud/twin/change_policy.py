"""Writes to policies: whole, an entry, its subjects and resources, imports."""

from dataclasses import dataclass
from typing import Any, Final

from ioc_cloud.twin import ids, pointer, policy, tags
from ioc_cloud.twin.book import Action, Book, Caller
from ioc_cloud.twin.entities import Policy
from ioc_cloud.twin.errors import DittoError, not_modifiable, policy_not_found
from ioc_cloud.twin.outcome import Outcome
from ioc_cloud.twin.pointer import MISSING, Path, show
from ioc_cloud.twin.request import Options

SYSTEM_SUBJECT: Final = "ioc:system"


def check_way_in(doc: dict[str, Any], caller: Caller, *, allowed: bool) -> None:
    """See that the policy stays in somebody's hands.

    Raises:
        DittoError: Nobody could ever change it again, or not its own writer.
    """
    if allowed:
        return
    if not policy.keeps_a_way_in(doc):
        raise DittoError(
            403,
            "policies:policy.modificationinvalid",
            f"The Policy '{doc['policyId']}' must have at least one permanent subject with WRITE "
            "on 'policy:/'.",
            "Use allow-policy-lockout=true if this is what you want.",
        )
    if not policy.keeps_a_way_in(doc, caller.subjects):
        raise DittoError(
            403,
            "policies:policy.notcreatable",
            "The requester would have no WRITE permission on the policy any more.",
            "Use allow-policy-lockout=true if this is what you want.",
        )


@dataclass(frozen=True, slots=True)
class ChangePolicy:
    """One write of one caller.

    Attributes:
        path: Inside the policy's JSON: entries, entries/<label>/subjects ...
        reserved: Namespaces in which only the system makes policies.
    """

    caller: Caller
    policy_id: str
    verb: str
    path: Path
    value: Any
    options: Options
    reserved: tuple[str, ...] = ()

    def apply(self, book: Book) -> Outcome:
        """Do it.

        Raises:
            DittoError: It may not be done.
        """
        self.caller.must_change()
        held = book.policy(self.policy_id)
        if held is None:
            return self._create(book)
        rules = book.rules(self.caller, self.policy_id, self.policy_id.partition(":")[0])
        if not rules.may_all("policy", "WRITE", self.path):
            if not rules.may_some("policy", "READ", self.path):
                raise policy_not_found(self.policy_id)
            raise not_modifiable("policy", self.policy_id, show(self.path))
        current = pointer.get(held.doc, self.path)
        tag = tags.of_revision(held.revision) if not self.path else tags.tag_of(current)
        tags.check_write("policy", self.options.if_match, self.options.if_none_match, tag)
        if self.verb == "DELETE":
            return self._delete(book, held, current)
        return self._put(book, held, current)

    def _create(self, book: Book) -> Outcome:
        if self.path or self.verb == "DELETE":
            raise policy_not_found(self.policy_id)
        namespace = self.policy_id.partition(":")[0]
        if SYSTEM_SUBJECT not in self.caller.subjects and any(
            namespace == one or namespace.startswith(f"{one}.") for one in self.reserved
        ):
            raise DittoError(
                403,
                "policies:policy.notcreatable",
                f"The namespace '{namespace}' is the province's own.",
            )
        tags.check_write("policy", self.options.if_match, self.options.if_none_match, None)
        doc = policy.checked(self.policy_id, self.value, book.now)
        check_way_in(doc, self.caller, allowed=self.options.allow_policy_lockout)
        saved = book.save_policy(
            self.policy_id, doc, change=("created", (), doc), actor=self.caller.name
        )
        tag = tags.of_revision(saved.revision)
        return Outcome(201, doc, tag, (self.policy_id, ()))

    def _put(self, book: Book, held: Policy, current: Any) -> Outcome:  # noqa: ANN401 JSON
        self._check_parent(held)
        value = self._checked_value(book)
        after = value if not self.path else pointer.put(held.doc, self.path, value)
        if value == current and self.options.if_equal != "update":
            raise DittoError(412, "policies:precondition.notmodified", "Nothing would change.")
        check_way_in(after, self.caller, allowed=self.options.allow_policy_lockout)
        action: Action = "created" if current is MISSING else "modified"
        saved = book.save_policy(
            self.policy_id, after, change=(action, self.path, value), actor=self.caller.name
        )
        tag = tags.of_revision(saved.revision) if not self.path else tags.of_value(value)
        # A policy always has imports, if only none: to set them makes no resource.
        if current is MISSING and self.path[-1] not in {"imports", "importable", "namespaces"}:
            return Outcome(201, value, tag, (self.policy_id, self.path))
        return Outcome(204, tag=tag)

    def _delete(self, book: Book, held: Policy, current: Any) -> Outcome:  # noqa: ANN401 JSON
        if not self.path:
            book.delete_policy(held, self.caller.name)
            return Outcome(204)
        if current is MISSING:
            raise DittoError(
                404,
                f"policies:{self._kind()}.notfound",
                f"'{show(self.path)}' of policy '{self.policy_id}' could not be found.",
            )
        after = pointer.remove(held.doc, self.path)
        check_way_in(after, self.caller, allowed=self.options.allow_policy_lockout)
        book.save_policy(
            self.policy_id, after, change=("deleted", self.path, None), actor=self.caller.name
        )
        return Outcome(204)

    def _kind(self) -> str:
        names = {1: "entries", 2: "entry", 3: "subjects", 4: "subject"}
        if self.path[0] == "imports":
            return "import"
        if len(self.path) > 2 and self.path[2] == "resources":  # noqa: PLR2004 entries/<l>/resources
            return "resource"
        return names.get(len(self.path), "entry")

    def _check_parent(self, held: Policy) -> None:
        inside = self.path[:1] == ("entries",) and len(self.path) > 2  # noqa: PLR2004
        if inside and pointer.get(held.doc, self.path[:2]) is MISSING:
            raise DittoError(404, "policies:entry.notfound", f"There is no entry '{self.path[1]}'.")

    def _checked_value(self, book: Book) -> Any:  # noqa: ANN401 JSON
        match self.path:
            case ():
                return policy.checked(self.policy_id, self.value, book.now)
            case ("entries",):
                whole = {"policyId": self.policy_id, "entries": self.value}
                return policy.checked(self.policy_id, whole, book.now)["entries"]
            case ("entries", label):
                return policy.checked_entry(label, self.value, book.now)
            case ("entries", _, *rest):
                return self._checked_part(tuple(rest), book)
            case ("imports",):
                return policy.checked_imports(self.policy_id, self.value)
            case ("imports", other):
                ids.checked(other)
                return policy.checked_imports(self.policy_id, {other: self.value})[other]
        raise DittoError(404, "gateway:resource.notfound", f"No such part: {show(self.path)}")

    def _checked_part(self, rest: Path, book: Book) -> Any:  # noqa: ANN401 JSON
        """A part of an entry, put into a shell that has nothing else."""
        name, *keys = rest
        whole = {keys[0]: self.value} if keys else self.value
        shell = {"subjects": {}, "resources": {}, name: whole}
        kept = policy.checked_entry("x", shell, book.now)[name]
        return kept[keys[0]] if keys else kept
