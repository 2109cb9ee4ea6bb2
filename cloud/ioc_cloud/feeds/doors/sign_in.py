"""How we prove to a source who we are: each style is an httpx authentication."""

from collections.abc import Generator, Mapping
from datetime import timedelta
from time import monotonic
from typing import Any, Final

import httpx

from ioc_cloud.feeds.doors.errors import NotLetIn
from ioc_cloud.feeds.doors.secret_files import Secrets
from ioc_models.feeds.contract import SignIn

# A token that ends while a page is on its way helps nobody.
BEFORE_EXPIRY: Final = timedelta(seconds=30)
# RFC 6749, 5.1 recommends `expires_in`; without it a token is good until it is refused.
FOR_EVER: Final = timedelta(days=365)
PLACEHOLDER: Final = "{secret}"


def signed_in(sign_in: SignIn, token_url: str, secrets: Secrets) -> httpx.Auth:
    """The authentication that a contract asks for.

    Raises:
        DoorMisconfigured: Its secret is not there.
    """
    secret = secrets(sign_in.secret) if sign_in.secret else ""
    fixed = {name: value.replace(PLACEHOLDER, secret) for name, value in sign_in.headers.items()}
    match sign_in.style:
        case "oauth2":
            return ClientCredentials(token_url, sign_in, secret, fixed)
        case "basic":
            return _Headers(fixed, httpx.BasicAuth(sign_in.client_id, secret))
        case "bearer":
            return _Headers({**fixed, "Authorization": f"Bearer {secret}"})
        case _:
            return _Headers(fixed)


class _Headers(httpx.Auth):
    """Headers that stand on every request, beside another authentication."""

    def __init__(self, headers: Mapping[str, str], beside: httpx.BasicAuth | None = None) -> None:
        self._headers = headers
        self._beside = beside

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers.update(self._headers)
        if self._beside is not None:
            yield from self._beside.auth_flow(request)
        else:
            yield request


class ClientCredentials(httpx.Auth):
    """OAuth 2 client credentials (RFC 6749, 4.4): a token is fetched when there is none.

    It is fetched anew shortly before it ends, and once more where the source refuses it
    before that.
    """

    def __init__(
        self, token_url: str, sign_in: SignIn, secret: str, headers: Mapping[str, str]
    ) -> None:
        self._token_url = token_url
        self._sign_in = sign_in
        self._secret = secret
        self._headers = headers
        self._token = ""
        self._until = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Ask for a token where one is due, then ask the question."""
        request.headers.update(self._headers)
        fresh = not self._token or monotonic() >= self._until
        if fresh:
            yield from self._fetch()
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED and not fresh:
            yield from self._fetch()
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _fetch(self) -> Generator[httpx.Request, httpx.Response, None]:
        self._token = ""
        response = yield self._question(in_body=False)
        if response.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED}:
            # Basic is what every server must take (RFC 6749, 2.3.1); some take the body alone.
            response = yield self._question(in_body=True)
        self._keep(response)

    def _question(self, *, in_body: bool) -> httpx.Request:
        form = {"grant_type": "client_credentials"}
        if self._sign_in.scope:
            form["scope"] = self._sign_in.scope
        if in_body:
            form |= {"client_id": self._sign_in.client_id, "client_secret": self._secret}
        question = httpx.Request(
            "POST", self._token_url, data=form, headers={"Accept": "application/json"}
        )
        question.headers.update(self._headers)
        if not in_body:
            next(httpx.BasicAuth(self._sign_in.client_id, self._secret).auth_flow(question))
        return question

    def _keep(self, response: httpx.Response) -> None:
        # httpx reads no body for us: it would read the source's pages whole as well.
        response.read()
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise httpx.RemoteProtocolError(f"the token endpoint answers {response.status_code}")
        try:
            said: Any = response.json()
        except ValueError:
            said = None
        token = said.get("access_token") if isinstance(said, dict) else None
        if response.status_code != httpx.codes.OK or not isinstance(token, str):
            raise NotLetIn(f"HTTP {response.status_code}")
        lasts = said.get("expires_in")
        seconds = float(lasts) if isinstance(lasts, (int, float, str)) and lasts else 0.0
        allowed = timedelta(seconds=seconds) - BEFORE_EXPIRY if seconds else FOR_EVER
        self._token = token
        self._until = monotonic() + max(allowed.total_seconds(), 0.0)
