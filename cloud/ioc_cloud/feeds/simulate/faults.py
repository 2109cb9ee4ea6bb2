"""What goes wrong at a source, on purpose: set at start, or by `POST /_faults` while it runs."""

import threading
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal[
    "slow",
    "error",
    "throttle",
    "cut",
    "garbage",
    "drift",
    "duplicates",
    "late",
    "units",
    "bad_records",
    "repeat_page",
    "moving",
    "token_expires",
    "wrong_totals",
]
KINDS: Final[tuple[str, ...]] = Kind.__args__  # type: ignore[attr-defined]


class Fault(BaseModel):
    """One fault.

    Attributes:
        kind: `slow` waits `value` seconds; `error` answers `value` (500); `throttle` answers
            429 with Retry-After `value`; `cut` ends the line inside the body; `garbage` answers
            a login page; `drift` renames the column of the field `text`; `duplicates` says each
            record twice; `late` holds the newest `value` days back; `units` counts the field
            `text` a thousand times too high; `bad_records` gives `value` records another shape;
            `repeat_page` answers the page before; `moving` has `value` records in front of
            the others while it lasts; `token_expires` lets a token live for `value` questions;
            `wrong_totals` adds a tenth to the totals.
        feed: None means every feed.
        times: How many questions it hits; None: until it is taken away.
        after: Questions that it lets pass first.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    feed: str | None = None
    times: int | None = Field(default=None, ge=0)
    after: int = Field(default=0, ge=0)
    value: float | None = Field(default=None, ge=0)
    text: str = Field(default="", max_length=100)


class Faults:
    """The faults in force; asked by every question, from any thread."""

    def __init__(self, faults: list[Fault] | None = None) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self.set(faults or [])

    def set(self, faults: list[Fault]) -> None:
        """Put these in place of all others."""
        with self._lock:
            self._faults = [fault.model_copy() for fault in faults]

    def list(self) -> list[Fault]:
        """What is in force."""
        with self._lock:
            return [fault.model_copy() for fault in self._faults]

    def hit(self, kind: Kind, feed: str) -> Fault | None:
        """The fault of a kind that hits this question; counts it."""
        with self._lock:
            for fault in self._faults:
                if fault.kind != kind or fault.feed not in {None, feed}:
                    continue
                if fault.after:
                    fault.after -= 1
                    continue
                found = fault.model_copy()
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self._faults.remove(fault)
                return found
        return None
