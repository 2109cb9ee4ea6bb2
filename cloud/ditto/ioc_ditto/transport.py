"""Requests out, answers in: every fault of the network is translated here, once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
import urllib3

from ioc_ditto.errors import BadAnswer, BadName, TimedOut, Unreachable, from_answer
from ioc_ditto.options import Asked, as_json
from ioc_ditto.retries import REPEATABLE
from ioc_ditto.shapes import Tagged, Written

if TYPE_CHECKING:
    from datetime import timedelta

    from requests.auth import AuthBase

PREFIX: Final = "/api/2"
CONNECT_S: Final = 5.0
# The service answers a moment after its own timeout; the client must still be there.
MARGIN_S: Final = 5.0
_UNSENDABLE: Final = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        path: Below `/api/2`, quoted.
        repeatable: A POST that only reads.
    """

    method: str
    path: str
    asked: Asked = field(default_factory=Asked)
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Mapping[str, str] | None = None
    repeatable: bool = False


class Transport:
    """One service, as one caller reaches it."""

    def __init__(
        self,
        base_url: str,
        session: requests.Session,
        auth: AuthBase | None,
        timeout: timedelta,
    ) -> None:
        self.base_url = checked_base(base_url)
        self.session = session
        self._auth = auth
        self._timeout_s = timeout.total_seconds()

    def send(self, call: Call, *, stream: bool = False, read_s: float | None = None) -> Any:  # noqa: ANN401 requests.Response, whose types are a package of their own
        """The answer to a request.

        Raises:
            DittoError: An answer other than success.
            Unreachable: No answer.
            BadName: Something in it cannot be sent.
        """
        headers = {"Accept": "application/json"} | call.asked.headers | dict(call.headers)
        if call.repeatable:
            headers[REPEATABLE] = "1"
        try:
            response = self.session.request(
                call.method,
                f"{self.base_url}{PREFIX}/{call.path}",
                params=call.asked.params | dict(call.params),
                headers=headers,
                data=call.body,
                auth=self._auth,
                timeout=(CONNECT_S, self._read_s(call) if read_s is None else read_s),
                # A redirect would carry credentials to who knows whom.
                allow_redirects=False,
                stream=stream,
            )
        except _UNSENDABLE as error:
            raise BadName(str(error)) from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            kind = TimedOut if _was_silence(error) else Unreachable
            raise kind(str(error)) from error
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            with response:
                raise from_answer(response.status_code, _content(response))
        return response

    def _read_s(self, call: Call) -> float:
        if call.asked.timeout is None:
            return self._timeout_s
        return max(self._timeout_s, call.asked.timeout.total_seconds() + MARGIN_S)

    def value(self, call: Call) -> Any:  # noqa: ANN401 JSON
        """The JSON of an answer.

        Raises:
            DittoError, Unreachable, BadName: As `send`.
            BadAnswer: There is no JSON in it.
        """
        return body_of(self.send(call))

    def tagged(self, call: Call) -> Tagged:
        """The JSON of an answer, with its tag."""
        response = self.send(call)
        told = response.headers.get("ditto-metadata")
        metadata = json.loads(told) if told else None
        return Tagged(body_of(response), response.headers.get("ETag"), metadata)

    def written(self, call: Call) -> Written:
        """What became of a write."""
        response = self.send(call)
        value = body_of(response) if response.content else None
        headers = response.headers
        return Written(response.status_code, headers.get("ETag"), value, headers.get("Location"))


def json_body(value: Any, content_type: str = "application/json") -> tuple[bytes, dict[str, str]]:  # noqa: ANN401 JSON
    """A body, and the header that announces it."""
    return as_json(value).encode(), {"Content-Type": content_type}


def body_of(response: requests.Response) -> Any:  # noqa: ANN401 JSON
    """The JSON of an answer.

    Raises:
        BadAnswer: There is none.
    """
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as error:
        seen = response.headers.get("Content-Type", "nothing")
        raise BadAnswer(f"{response.url} answered {seen}, not JSON: {error}") from error


def checked_base(base_url: str) -> str:
    """`https://host:port/prefix`, without `/api/2` and without a slash at the end.

    Raises:
        BadName: No such address, or one with a password in it.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadName(f"no address of a service: {base_url!r}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadName("credentials go into auth=, not into the address")
    return base_url.rstrip("/").removesuffix(PREFIX).rstrip("/")


def _was_silence(error: Exception) -> bool:
    """Whether the time ran out, also behind the last retry."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.exceptions.Timeout) or isinstance(
        reason, urllib3.exceptions.ReadTimeoutError
    )


def _content(response: requests.Response) -> bytes:
    try:
        return response.content
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError):
        return b""
