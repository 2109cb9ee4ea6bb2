"""What is alive now: messages, commands and events between clients, never stored."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple, Protocol

import orjson
from starlette.concurrency import run_in_threadpool

from ioc_cloud.db import twin_sql
from ioc_cloud.errors import DatabaseBusy
from ioc_cloud.twin import entities, pointer
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.entities import Thing
from ioc_cloud.twin.errors import DittoError, condition_failed, not_modifiable, thing_not_found
from ioc_cloud.twin.placeholders import matches, seen
from ioc_cloud.twin.pointer import Path
from ioc_cloud.twin.policy import Compiled, Rules
from ioc_cloud.twin.rql import Query, evaluate
from ioc_cloud.twin.service import Row, Twin

Kind = Literal["messages", "commands", "events"]
MAX_WAITING: Final = 5_000
CLAIM: Final[Path] = ("inbox", "messages", "claim")


@dataclass(frozen=True, slots=True)
class Place:
    """A thing as a live signal finds it: its policy, and its state for filters."""

    thing: Thing
    compiled: Compiled

    def rules(self, twin: Twin, subjects: frozenset[str]) -> Rules:
        """What somebody may do here."""
        return self.compiled.rules(subjects, self.thing.namespace, twin.clock())


@dataclass(frozen=True, slots=True)
class Signal:
    """One live message, command or event.

    Attributes:
        action: The subject of a message, the verb of a command or event.
        value: As the protocol writes it: JSON, text, or base64; MISSING for none.
    """

    kind: Kind
    place: Place
    action: str
    path: Path
    value: Any
    headers: Mapping[str, Any]
    fields: str | None = None

    @property
    def topic(self) -> str:
        """As the protocol names it."""
        namespace, _, name = self.place.thing.id.partition(":")
        return f"{namespace or '_'}/{name}/things/live/{self.kind}/{self.action}"

    @property
    def key(self) -> tuple[str, str]:
        """What an answer is matched by."""
        return self.place.thing.id, str(self.headers["correlation-id"])

    def seen_by(self, rules: Rules) -> "Signal | None":
        """The signal as a receiver may see it; None where it is not for them.

        A message is seen whole or not at all; of commands and events the readable part.
        """
        if self.kind == "messages":
            return self if rules.may_all("message", "READ", self.path) else None
        if self.value is pointer.MISSING:
            return self if rules.may_some("thing", "READ", self.path) else None
        value = rules.readable(self.value, self.path)
        if value is pointer.MISSING:
            return None
        return self if value is self.value else replace(self, value=value)

    def passes(self, query: Query, rules: Rules) -> bool:
        """Whether a filter lets the signal through.

        It looks at what a live event says, and at the thing's state beside messages and
        commands.
        """
        thing = self.place.thing
        doc = seen(thing, rules)
        if self.kind == "events":
            doc = {"thingId": thing.id, "_namespace": thing.namespace}
            if self.value is not pointer.MISSING:
                doc |= pointer.put({}, self.path, self.value)
        namespace, _, name = thing.id.partition(":")
        known = {
            "topic:full": self.topic,
            "topic:namespace": namespace,
            "topic:entityName": name,
            "topic:group": "things",
            "topic:channel": "live",
            "topic:criterion": self.kind,
            "topic:action": self.action if self.kind != "messages" else "",
            "topic:subject": self.action if self.kind == "messages" else "",
            "topic:action-subject": self.action,
            "resource:path": pointer.show(self.path),
            "resource:type": "message" if self.kind == "messages" else "thing",
        }
        return evaluate(query, doc, known)

    def payload(self) -> bytes:
        """The value as text: JSON, the text itself, or base64."""
        if self.value is pointer.MISSING:
            return b""
        if is_json(str(self.headers.get("content-type", ""))):
            return orjson.dumps(self.value)
        return str(self.value).encode()


def is_json(content_type: str) -> bool:
    """Whether a media type is JSON of some kind."""
    bare = content_type.partition(";")[0].strip().lower()
    return bare == "application/json" or bare.endswith("+json")


class Answer(NamedTuple):
    """What a receiver says to a message or live command."""

    status: int
    value: Any
    headers: Mapping[str, Any]
    path: Path


class Receiver(Protocol):
    """Somebody who wants live signals."""

    def receive(self, signal: Signal) -> None:
        """Look at a signal, at once; keep what one may and wants to see."""
        ...


@dataclass
class Live:
    """The bus of one process. On the event loop alone."""

    twin: Twin
    unclaimed: int = 0
    _receivers: dict[Kind, set[Receiver]] = field(
        default_factory=lambda: {"messages": set(), "commands": set(), "events": set()}
    )
    _waiting: dict[tuple[str, str], tuple[Signal, "asyncio.Future[Answer]"]] = field(
        default_factory=dict
    )

    def listen(self, kind: Kind, receiver: Receiver) -> None:
        """Hand signals of a kind to a receiver."""
        self._receivers[kind].add(receiver)

    def forget(self, kind: Kind, receiver: Receiver) -> None:
        """Hand it no more of them."""
        self._receivers[kind].discard(receiver)

    def tell(self, signal: Signal) -> None:
        """Hand a signal to everybody who listens."""
        for receiver in list(self._receivers[signal.kind]):
            receiver.receive(signal)

    async def ask(self, signal: Signal, timeout_s: float) -> Answer:
        """Hand a signal out and wait for the first answer.

        Raises:
            DittoError: Nobody answered in time, or its correlation id waits already.
            DatabaseBusy: Too many wait.
        """
        if signal.key in self._waiting:
            raise DittoError(
                409,
                "acknowledgement:request.duplicate.correlation.id",
                f"A request with the correlation-id '{signal.key[1]}' is waiting already.",
            )
        if len(self._waiting) >= MAX_WAITING:
            raise DatabaseBusy(f"{MAX_WAITING} live requests wait")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[signal.key] = (signal, future)
        try:
            self.tell(signal)
            return await asyncio.wait_for(future, timeout_s)
        except TimeoutError as error:
            raise _timed_out(signal, timeout_s) from error
        finally:
            del self._waiting[signal.key]

    def answer(self, caller: Caller, key: tuple[str, str], answer: Answer) -> bool:
        """Hand an answer to whoever waits; only those may answer who could see the question."""
        waiting = self._waiting.get(key)
        if waiting is not None:
            signal, future = waiting
            rules = signal.place.rules(self.twin, caller.subjects)
            if not future.done() and signal.seen_by(rules) is not None:
                future.set_result(answer)
                return True
        self.unclaimed += 1
        return False

    # --- rights ----------------------------------------------------------------------

    async def place_of(self, thing_id: str) -> Place:
        """The thing a signal is about.

        Raises:
            DittoError: It is not there.
        """
        found = await run_in_threadpool(self._look_up, thing_id)
        if found is None:
            raise thing_not_found(thing_id)
        return found

    def _look_up(self, thing_id: str) -> Place | None:
        with self.twin.pool.connection() as connection:
            found = connection.execute(twin_sql.THINGS, ([thing_id],)).fetchone()
            if found is None:
                return None
            row = Row(*found)
            compiled = self.twin.policies.get(connection, row.policy_id, row.epoch)
        doc = entities.loads(row.doc.encode())
        return Place(Thing(row.id, row.policy_id, doc, None, *row[4:]), compiled)

    def check_message(self, caller: Caller, place: Place, path: Path) -> Rules:
        """See that somebody may send a message.

        Raises:
            DittoError: They may not.
        """
        rules = place.rules(self.twin, caller.subjects)
        # Whoever claims a thing has no rights on it yet.
        if path == CLAIM or rules.may_all("message", "WRITE", path):
            return rules
        may_see = rules.may_some("thing", "READ") or rules.may_some("message", "READ")
        if not may_see and not rules.may_some("message", "WRITE"):
            raise thing_not_found(place.thing.id)
        raise DittoError(
            403,
            "messages:sendnotallowed",
            f"You are not allowed to send messages to '{pointer.show(path)}' of the Thing "
            f"'{place.thing.id}'.",
            "You need WRITE on the message resource of that path.",
        )

    def check_thing(self, caller: Caller, place: Place, path: Path, *, reads: bool) -> Rules:
        """See that somebody may command a thing live, or speak for it.

        Raises:
            DittoError: They may not.
        """
        rules = place.rules(self.twin, caller.subjects)
        if reads and rules.may_some("thing", "READ", path):
            return rules
        if not reads and rules.may_all("thing", "WRITE", path):
            return rules
        if not rules.may_some("thing", "READ"):
            raise thing_not_found(place.thing.id)
        raise not_modifiable("thing", place.thing.id, pointer.show(path))


def check_condition(query: Query | None, place: Place, rules: Rules) -> None:
    """See that a signal's condition holds.

    Raises:
        DittoError: It does not.
    """
    if query is not None and not matches(query, place.thing, rules):
        raise condition_failed()


def _timed_out(signal: Signal, timeout_s: float) -> DittoError:
    if signal.kind == "messages":
        return DittoError(
            408,
            "messages:message.timeout",
            f"Nobody answered the message '{signal.action}' within {timeout_s:g} s.",
        )
    return DittoError(
        408, "command.timeout", f"Nobody answered the live command within {timeout_s:g} s."
    )
