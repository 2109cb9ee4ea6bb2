"""What may be sent again, and after how long: urllib3's Retry, bounded and mounted."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests
    from urllib3.response import BaseHTTPResponse

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
# A refusal before any work was done; the others may have left work behind.
BEFORE_WORK: Final = frozenset({429})
TRANSIENT: Final = frozenset({429, 502, 503, 504})
READS: Final = 2
# Marks a POST that only reads; taken off before it is sent.
REPEATABLE: Final = "x-ioc-repeatable"


@dataclass(frozen=True)
class Retries:
    """How patient a client is.

    Attributes:
        times: Tries after the first.
        first_wait_s: Before the second try, at most; doubled for each that follows.
        longest_wait_s: Also the most that a `Retry-After` is obeyed.
    """

    times: int = 4
    first_wait_s: float = 0.2
    longest_wait_s: float = 20.0


class BoundedRetry(Retry):
    """urllib3's Retry, whose `Retry-After` has an end and whose 429 is for every verb."""

    # Copies of this object are made by urllib3 for every try, by its own arguments.
    longest_wait_s = 20.0

    def new(self, **changed: Any) -> BoundedRetry:  # noqa: ANN401 urllib3's own
        """A copy, as urllib3 makes one for each try."""
        copy = super().new(**changed)
        copy.longest_wait_s = self.longest_wait_s
        return copy

    def get_backoff_time(self) -> float:
        """Seconds before the next try: doubled each time, half of it at random."""
        if not self.history:
            return 0.0
        longest = min(self.backoff_factor * 2 ** (len(self.history) - 1), self.backoff_max)
        return float(longest * random.uniform(0.5, 1.0))  # noqa: S311 spread, no secret

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Seconds that the server asks for, up to what we are willing to wait."""
        try:
            asked = super().get_retry_after(response)
        except Exception:  # noqa: BLE001 a date that cannot be read is no reason to fail
            return None
        return None if asked is None else min(asked, self.longest_wait_s)

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:  # noqa: ARG002, FBT001, FBT002 urllib3's signature
        """Whether an answer with this status is asked for again."""
        if self.total and status_code in BEFORE_WORK:
            return True
        # Not on the word of `Retry-After` alone: urllib3 would repeat a 413.
        return super().is_retry(method, status_code, has_retry_after=False)


class SafeAdapter(HTTPAdapter):
    """Sends again what is idempotent, or guarded by an entity tag."""

    def __init__(self, retries: Retries) -> None:
        super().__init__(max_retries=_policy(retries, IDEMPOTENT), pool_maxsize=32)
        self._any = HTTPAdapter(max_retries=_policy(retries, None), pool_maxsize=32)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 requests' own
        """Send one request."""
        repeatable = request.headers.pop(REPEATABLE, None) is not None
        if repeatable or guarded(request.headers):
            return self._any.send(request, *args, **kwargs)
        return super().send(request, *args, **kwargs)

    def close(self) -> None:
        """Let all connections go."""
        self._any.close()
        super().close()


def guarded(headers: Mapping[str, str]) -> bool:
    """Whether a second arrival of the same write would be refused."""
    return "If-Match" in headers or headers.get("If-None-Match") == "*"


def mount(session: requests.Session, base_url: str, retries: Retries) -> None:
    """Let a session be patient with one service; other addresses stay as they were."""
    session.mount(base_url, SafeAdapter(retries))


def _policy(retries: Retries, methods: frozenset[str] | None) -> BoundedRetry:
    policy = BoundedRetry(
        total=retries.times,
        # Each of these may have taken the whole timeout.
        read=min(retries.times, READS),
        allowed_methods=methods,
        status_forcelist=TRANSIENT,
        redirect=0,
        # The last answer is ours to explain.
        raise_on_status=False,
        raise_on_redirect=False,
        backoff_factor=retries.first_wait_s,
        backoff_max=retries.longest_wait_s,
        respect_retry_after_header=True,
    )
    policy.longest_wait_s = retries.longest_wait_s
    return policy
