"""What the API speaks of: JSON stays plain, these say its shape."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, TypedDict

Json = Any


class Feature(TypedDict, total=False):
    """One side of a thing."""

    definition: list[str]
    properties: dict[str, Json]
    desiredProperties: dict[str, Json]


class Thing(TypedDict, total=False):
    """A thing as it is written and read."""

    thingId: str
    policyId: str
    definition: str
    attributes: dict[str, Json]
    features: dict[str, Feature]


class Permissions(TypedDict, total=False):
    """What an entry gives and takes at one resource."""

    grant: list[str]
    revoke: list[str]


class Subject(TypedDict, total=False):
    """Who an entry speaks of."""

    type: str
    expiry: str


class Entry(TypedDict, total=False):
    """Subjects and what they may do."""

    subjects: dict[str, Subject]
    resources: dict[str, Permissions]
    importable: Literal["implicit", "explicit", "never"]
    namespaces: list[str]


class Policy(TypedDict, total=False):
    """A policy as it is written and read."""

    policyId: str
    entries: dict[str, Entry]
    imports: dict[str, Json]


class Check(TypedDict):
    """One question to `check_permissions`."""

    resource: str
    entityId: str
    hasPermissions: list[str]


class WhoAmI(TypedDict):
    """Under which subjects policies know the caller."""

    defaultSubject: str
    subjects: list[str]


@dataclass(frozen=True)
class Tagged:
    """A value with what lets you write it back safely.

    Attributes:
        etag: For `if_match`.
        metadata: What `get_metadata` asked for.
    """

    value: Json
    etag: str | None
    metadata: Json = None


@dataclass(frozen=True)
class Written:
    """A write that was accepted.

    Attributes:
        value: The body of the answer: what was created, or one answer per requested ack.
    """

    status: int
    etag: str | None = None
    value: Json = None
    location: str | None = None

    @property
    def created(self) -> bool:
        """Whether it was not there before."""
        return self.status == HTTPStatus.CREATED

    @property
    def done(self) -> bool:
        """Whether it has happened; False where only its arrival was confirmed."""
        return self.status != HTTPStatus.ACCEPTED
