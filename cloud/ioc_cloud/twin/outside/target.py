"""One word to a real Ditto: a thing or policy as it stands, or that it is gone."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from ioc_ditto import (
    BadAnswer,
    BadName,
    Conflict,
    DittoClient,
    DittoClientError,
    DittoError,
    FailedDependency,
    NoReply,
    NotFound,
    ServerError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from ioc_ditto.errors import FIRST_SERVER_ERROR, NotSupported

KEEPER: Final = "ioc-courier"
FIRST_CLIENT_ERROR: Final = 400
MAX_REASON: Final = 500
# Trouble with the target as a whole, not with what was sent.
_AWAY: Final = (Unreachable, Unavailable, TooManyRequests, Unauthorized, BadAnswer)
# Trouble that passes.
_LATER: Final = (Conflict, FailedDependency, NoReply)


class Fate(Enum):
    """What became of a word."""

    SENT = "sent"
    REFUSED = "refused"
    LATER = "later"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Told:
    """What the target said to one word; `reason` where it was not taken."""

    fate: Fate
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """The newest state of one entity; `doc` is None where it is gone."""

    kind: str
    id: str
    doc: Mapping[str, Any] | None
    seq: int = 0

    @property
    def rests_on(self) -> tuple[str, ...]:
        """Policies that the target must know first."""
        if self.doc is None:
            return ()
        if self.kind == "policy":
            return tuple(self.doc.get("imports") or ())
        policy_id = self.doc.get("policyId")
        return (policy_id,) if isinstance(policy_id, str) else ()


@dataclass(slots=True)
class Target:
    """A Ditto that is told everything.

    Attributes:
        keeper: The subject as which the client is known there. It is put into every policy
            that is sent, or the target would shut its own feeder out. None asks the target;
            empty adds nothing, where the policies name the feeder already.
    """

    client: DittoClient
    keeper: str | None = None

    def tell(self, word: Word) -> Told:
        """Say it, once; the same again changes nothing."""
        try:
            self._tell(word)
        except NotFound as error:
            return Told(Fate.SENT) if word.doc is None else _refused(error)
        except DittoClientError as error:
            return classed(error)
        return Told(Fate.SENT)

    def reach(self) -> Told:
        """Whether a Ditto is there and knows us."""
        try:
            told = self.client.who_am_i()
        except DittoClientError as error:
            return Told(Fate.AWAY, _reason(error))
        if self.keeper is None:
            self.keeper = told["defaultSubject"]
        return Told(Fate.SENT)

    def _tell(self, word: Word) -> None:
        if word.kind == "policy":
            if word.doc is None:
                self.client.policies.delete(word.id)
            else:
                self.client.policies.put(word.id, with_keeper(word.doc, self.keeper))
        elif word.doc is None:
            self.client.things.delete(word.id)
        else:
            self.client.things.put(word.id, word.doc)


def with_keeper(policy: Mapping[str, Any], keeper: str | None) -> dict[str, Any]:
    """The policy, with an entry that lets its feeder go on writing."""
    if not keeper:
        return dict(policy)
    everything = {"grant": ["READ", "WRITE"], "revoke": []}
    entry = {
        "subjects": {keeper: {"type": "feeds this Ditto from the twin of the IOC"}},
        "resources": {"thing:/": everything, "policy:/": everything},
        "importable": "never",
    }
    return {**policy, "entries": {**policy.get("entries", {}), KEEPER: entry}}


def classed(error: DittoClientError) -> Told:
    """What an error means for the word, and for those behind it."""
    if isinstance(error, NotSupported | BadName):
        return _refused(error)
    if isinstance(error, _AWAY):
        return Told(Fate.AWAY, _reason(error))
    if isinstance(error, (*_LATER, ServerError)):
        return Told(Fate.LATER, _reason(error))
    if isinstance(error, DittoError) and FIRST_CLIENT_ERROR <= error.status < FIRST_SERVER_ERROR:
        return _refused(error)
    return Told(Fate.AWAY, _reason(error))


def _refused(error: DittoClientError) -> Told:
    return Told(Fate.REFUSED, _reason(error))


def _reason(error: DittoClientError) -> str:
    return f"{type(error).__name__}: {error}"[:MAX_REASON].replace("\0", "")
