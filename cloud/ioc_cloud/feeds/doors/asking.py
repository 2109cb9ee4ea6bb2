"""One question to a source: patient with what passes, strict about size and time."""

import hashlib
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Final, Self
from urllib.parse import urljoin

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from ioc_cloud.feeds.doors.errors import (
    AnswerTooLarge,
    DoorMisconfigured,
    NotLetIn,
    SourceRefused,
    SourceTrouble,
    SourceUnreachable,
)
from ioc_cloud.feeds.doors.secret_files import Secrets
from ioc_cloud.feeds.doors.sign_in import signed_in
from ioc_models.feeds.contract import Pull

MOST_BYTES: Final = 50_000_000
TRIES: Final = 4
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 20.0
# A source that wants to be left alone for longer is asked again by the schedule.
PATIENCE: Final = timedelta(seconds=30)
# `timeout` bounds each wait for bytes; a source that drips them is cut off after this many.
TIMEOUTS_IN_ALL: Final = 10
SIMULATED: Final = "X-IOC-Simulated"
_COME_BACK: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_CLOSED_DOORS: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Answer:
    """One page, whole, on disk.

    Attributes:
        path: Its bytes, decompressed.
        simulated: Whether the source says of itself that it is none.
        next_link: Address of the next page by the Link header (RFC 8288), absolute.
    """

    url: str
    status: int
    media_type: str
    path: Path
    sha256: str
    size: int
    simulated: bool
    next_link: str | None


def address(base: str | None, url: str) -> str:
    """A source's address: absolute as it stands, else below the installation's sources.

    Raises:
        DoorMisconfigured: It is relative, and the installation names no sources.
    """
    if url.startswith(("http://", "https://")):
        return url
    if not base:
        raise DoorMisconfigured(
            f"chưa đặt IOC_SOURCES_URL cho {url!r}", f"IOC_SOURCES_URL is not set for {url!r}"
        )
    return urljoin(base.rstrip("/") + "/", url.lstrip("/"))


@dataclass(frozen=True, slots=True)
class Line:
    """What every question of an installation has in common.

    Attributes:
        base: Where relative addresses begin.
        ca_file: Certificate authority of the sources; None takes the public ones.
        pause: Waits a number of seconds between tries.
        most_bytes: Of one delivery, all pages together.
    """

    secrets: Secrets
    pause: Callable[[float], None]
    base: str | None = None
    ca_file: Path | None = None
    most_bytes: int = MOST_BYTES


class Asker:
    """Asks one source; its answers lie in a folder until the caller has done with them."""

    def __init__(self, pull: Pull, line: Line, folder: Path, now: datetime) -> None:
        self._pull = pull
        self._line = line
        self._folder = folder
        self._now = now
        self._bytes = 0
        self._asked = 0
        self._answers: list[Answer] = []
        token_url = pull.sign_in.token_url
        self._client = httpx.Client(
            auth=signed_in(
                pull.sign_in, address(line.base, token_url) if token_url else "", line.secrets
            ),
            timeout=pull.timeout.total_seconds(),
            headers={"User-Agent": "ioc/1", "Accept": _ACCEPT[pull.format]},
            verify=_trust(line.ca_file),
            # A redirect could carry our key to another house.
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def ask(self, url: str, query: Mapping[str, str]) -> Answer:
        """One page.

        Raises:
            SourceTrouble: No usable answer after all tries; the kind says why.
        """
        tries = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=_wait_s,
            retry=retry_if_exception(_may_pass),
            sleep=self._line.pause,
            reraise=True,
        )
        answer: Answer = tries(self._once, url, query)
        self._answers.append(answer)
        return answer

    @property
    def answers(self) -> list[Answer]:
        """All that came whole since `forget`."""
        return list(self._answers)

    def forget(self) -> None:
        """Begin anew: the pages so far are read again."""
        self._bytes = 0
        self._answers = []

    def _once(self, url: str, query: Mapping[str, str]) -> Answer:
        try:
            whole = httpx.URL(url).copy_merge_params(dict(query)) if query else httpx.URL(url)
            with self._client.stream("GET", whole) as response:
                self._judge(response)
                return self._kept(response)
        except httpx.InvalidURL as error:
            raise DoorMisconfigured(f"địa chỉ sai: {error}", f"bad address: {error}") from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise SourceUnreachable(f"{type(error).__name__} {error}".strip()) from error

    def _judge(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in _COME_BACK:
            raise SourceUnreachable(f"HTTP {status}", self._retry_after(response))
        if status in _CLOSED_DOORS:
            raise NotLetIn(f"HTTP {status}")
        if not response.is_success:
            raise SourceRefused(status, str(response.url.copy_with(query=None)))

    def _retry_after(self, response: httpx.Response) -> timedelta | None:
        said = response.headers.get("Retry-After", "").strip()
        if said.isdecimal():
            return timedelta(seconds=min(int(said), 86_400))
        try:
            until = parsedate_to_datetime(said)
        except ValueError:
            return None
        until = until if until.tzinfo else until.replace(tzinfo=timezone.utc)
        return max(until - self._now, timedelta())

    def _kept(self, response: httpx.Response) -> Answer:
        self._asked += 1
        path = self._folder / f"{self._asked:05}"
        digest, size = hashlib.sha256(), 0
        with path.open("wb") as file:
            for chunk in self._chunks(response):
                size += len(chunk)
                if self._bytes + size > self._line.most_bytes:
                    raise AnswerTooLarge(self._line.most_bytes)
                digest.update(chunk)
                file.write(chunk)
        self._bytes += size
        link = response.links.get("next", {}).get("url")
        return Answer(
            url=str(response.url),
            status=response.status_code,
            media_type=response.headers.get("Content-Type", ""),
            path=path,
            sha256=digest.hexdigest(),
            size=size,
            simulated=response.headers.get(SIMULATED) == "1",
            next_link=urljoin(str(response.url), link) if link else None,
        )

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        until = monotonic() + self._pull.timeout.total_seconds() * TIMEOUTS_IN_ALL
        for chunk in response.iter_bytes():
            if monotonic() > until:
                raise SourceUnreachable("too slow")
            yield chunk


_ACCEPT: Final = {
    "json": "application/json",
    "csv": "text/csv, text/plain;q=0.9",
    "xml": "application/xml, text/xml;q=0.9",
}


def _trust(ca_file: Path | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise DoorMisconfigured(
            f"không đọc được chứng thư {ca_file}", f"no certificate authority in {ca_file}"
        ) from error


def _may_pass(error: BaseException) -> bool:
    if not isinstance(error, SourceTrouble) or not error.passes:
        return False
    return error.retry_after is None or error.retry_after <= PATIENCE


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, SourceTrouble) else None
    usual = _BACKOFF(state)
    return max(usual, asked.total_seconds()) if asked is not None else usual


_BACKOFF: Final = wait_exponential_jitter(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S, jitter=0.5)
