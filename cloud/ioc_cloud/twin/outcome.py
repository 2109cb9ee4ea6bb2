"""What a write answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ioc_cloud.twin.pointer import MISSING, Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """Status, body and headers of a write.

    Attributes:
        body: JSON of the answer; MISSING for none.
        tag: Entity tag of what was written.
        location: Path of a created resource, as entity id and pointer.
    """

    status: int
    body: Any = MISSING
    tag: str | None = None
    location: tuple[str, Path] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
