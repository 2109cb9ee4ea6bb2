"""The province's systems as one web service: every contract with a `pull` at its own address."""

import asyncio
import base64
import binascii
import hmac
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.simulate.faults import Fault, Faults
from ioc_cloud.feeds.simulate.source import Said, Source
from ioc_models.feeds.contract import SignIn

HEADER: Final = {"X-IOC-Simulated": "1"}
TOKEN_S: Final = 3_600
LARGEST_FAULTS: Final = 100_000
_FAULTS: Final = TypeAdapter(list[Fault])
SecretOf = Callable[[str], str]


@dataclass(slots=True)
class _Token:
    """A token that was handed out.

    Attributes:
        left: Questions that it is still good for; None: any number.
    """

    client: str
    until: float
    left: int | None


@dataclass(slots=True)
class Province:
    """All sources of the province.

    Attributes:
        clock: What time it is there.
        secret_of: What each client's secret is: the installation's own.
    """

    catalogue: Catalogue
    clock: Callable[[], datetime]
    faults: Faults
    secret_of: SecretOf
    seed: int = 0
    _sources: dict[str, Source] = field(default_factory=dict)
    _token_urls: dict[str, list[SignIn]] = field(default_factory=dict)
    _tokens: dict[str, _Token] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for feed in self.catalogue.feeds.values():
            if feed.pull is None:
                continue
            source = Source(feed, feed.pull, self.catalogue, self.seed)
            self._sources[path_of(feed.pull.url)] = source
            sign_in = feed.pull.sign_in
            # Whoever asks must have the secret before the first question.
            self._secret(sign_in)
            if sign_in.token_url:
                self._token_urls.setdefault(path_of(sign_in.token_url), []).append(sign_in)

    def application(self) -> Starlette:
        """The web service."""
        return Starlette(
            routes=[
                Route("/_faults", self._set_faults, methods=["POST", "DELETE"]),
                Route("/_faults", self._list_faults, methods=["GET"]),
                Route("/_sources", self._list_sources, methods=["GET"]),
                Route("/{path:path}", self._serve, methods=["GET", "POST"]),
            ]
        )

    async def _list_sources(self, _request: Request) -> Response:
        listed = {path: source.feed.id for path, source in self._sources.items()}
        return JSONResponse(listed, headers=HEADER)

    async def _list_faults(self, _request: Request) -> Response:
        told = [fault.model_dump() for fault in self.faults.list()]
        return JSONResponse(told, headers=HEADER)

    async def _set_faults(self, request: Request) -> Response:
        found: list[Fault] = []
        if request.method == "POST":
            body = await request.body()
            try:
                found = _FAULTS.validate_json(body[:LARGEST_FAULTS])
            except ValidationError as error:
                told = error.errors(include_url=False, include_input=False, include_context=False)
                return JSONResponse(told, 422, headers=HEADER)
        self.faults.set(found)
        return await self._list_faults(request)

    async def _serve(self, request: Request) -> Response:
        path = request.path_params["path"].strip("/")
        if request.method == "POST":
            if path in self._token_urls:
                return await self._token(request, self._token_urls[path])
            return _refused(404)
        source = self._sources.get(path)
        if source is None:
            return _refused(404)
        if (trouble := await self._trouble(source.feed.id)) is not None:
            return trouble
        if not self._let_in(source.pull.sign_in, request):
            return _refused(401, {"WWW-Authenticate": "Bearer"})
        query = dict(request.query_params)
        said = await run_in_threadpool(source.answer, query, self.clock(), self.faults)
        return self._sent(request, said, cut=self.faults.hit("cut", source.feed.id) is not None)

    async def _trouble(self, feed: str) -> Response | None:
        """What happens to a question before anybody reads it."""
        if fault := self.faults.hit("slow", feed):
            await asyncio.sleep(fault.value if fault.value is not None else 5)
        if fault := self.faults.hit("error", feed):
            return _refused(int(fault.value or 500))
        if fault := self.faults.hit("throttle", feed):
            return _refused(429, {"Retry-After": str(int(fault.value or 0))})
        return None

    def _sent(self, request: Request, said: Said, *, cut: bool) -> Response:
        body = said.text.encode()
        headers = {**HEADER, "Content-Type": said.media_type}
        if said.next_page is not None:
            headers["Link"] = f'<{request.url.path}?{urlencode(said.next_page)}>; rel="next"'
        if cut:
            headers["Content-Length"] = str(len(body))
            return StreamingResponse(_half(body), headers=headers)
        return Response(body, headers=headers)

    async def _token(self, request: Request, clients: list[SignIn]) -> Response:
        form = {name: said[0] for name, said in parse_qs((await request.body()).decode()).items()}
        client, secret = _basic(request) or (
            form.get("client_id", ""), form.get("client_secret", "")
        )  # fmt: skip
        known = [one for one in clients if one.client_id == client]
        good = [
            one for one in known if hmac.compare_digest(self._secret(one).encode(), secret.encode())
        ]
        if form.get("grant_type") != "client_credentials" or not good:
            return JSONResponse({"error": "invalid_client"}, 401, headers=HEADER)
        fault = next(
            (
                hit
                for feed in self._feeds_of(good[0])
                if (hit := self.faults.hit("token_expires", feed))
            ),
            None,
        )
        token = secrets.token_urlsafe(24)
        with self._lock:
            left = int(fault.value or 1) if fault else None
            self._tokens[token] = _Token(client, monotonic() + TOKEN_S, left)
        told = {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_S}
        return JSONResponse(told, headers=HEADER)

    def _feeds_of(self, sign_in: SignIn) -> list[str]:
        return [one.feed.id for one in self._sources.values() if one.pull.sign_in == sign_in]

    def _let_in(self, sign_in: SignIn, request: Request) -> bool:
        secret = self._secret(sign_in)
        wanted = {
            name: value.replace("{secret}", secret) for name, value in sign_in.headers.items()
        }
        if any(request.headers.get(name) != value for name, value in wanted.items()):
            return False
        said = request.headers.get("Authorization", "")
        match sign_in.style:
            case "basic":
                return _basic(request) == (sign_in.client_id, secret)
            case "bearer":
                return hmac.compare_digest(said.encode(), f"Bearer {secret}".encode())
            case "oauth2":
                return self._is_good(said.removeprefix("Bearer "), sign_in.client_id)
            case _:
                return True

    def _is_good(self, token: str, client: str) -> bool:
        with self._lock:
            found = self._tokens.get(token)
            if found is None or found.client != client or monotonic() > found.until:
                return False
            if found.left is not None:
                if found.left == 0:
                    return False
                found.left -= 1
            return True

    def _secret(self, sign_in: SignIn) -> str:
        return self.secret_of(sign_in.secret) if sign_in.secret else ""


def path_of(url: str) -> str:
    """A source's path here, whether its contract names a host or not."""
    return urlsplit(url).path.strip("/") if "://" in url else url.strip("/")


def _basic(request: Request) -> tuple[str, str] | None:
    style, _, said = request.headers.get("Authorization", "").partition(" ")
    if style.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(said, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, password


def _refused(status: int, headers: Mapping[str, str] | None = None) -> Response:
    body: dict[str, Any] = {"error": status}
    return JSONResponse(body, status, headers={**HEADER, **(headers or {})})


async def _half(body: bytes) -> AsyncIterator[bytes]:
    """Less than was announced; then the line ends."""
    yield body[: len(body) // 2]
