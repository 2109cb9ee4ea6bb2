"""Who asks the twin: Basic, Bearer, session or a trusted proxy's word, as Ditto subjects."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from psycopg_pool import ConnectionPool
from starlette.concurrency import run_in_threadpool

from ioc_cloud.auth import keys, scopes, users
from ioc_cloud.auth.principal import Principal
from ioc_cloud.db import api_sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import WrongPassword
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.request import Asked

# A password costs 50 ms to check; a revoked one opens the door this much longer.
BASIC_KEPT_S: Final = 30.0
TOKEN_KEPT_S: Final = 2.0
MAX_KEPT: Final = 2_000
MAX_CREDENTIALS: Final = 2_000
SESSION_COOKIE: Final = "ioc_session"
PRE_AUTHENTICATED: Final = "x-ditto-pre-authenticated"
_COOKIE: Final = re.compile(rf"(?:^|;\s*){SESSION_COOKIE}=([^;]+)")


def caller_of(principal: Principal) -> Caller:
    """The subjects under which policies know a principal.

    `nginx:<name>` for people, as Ditto's own default installation names them, `ioc:key-<name>`
    for keys, and `ioc:role-<role>` for each role; `ioc:wall` for whoever may see walls only.
    """
    kind, _, name = principal.name.partition(":")
    own = f"nginx:{name}" if kind == "user" else f"ioc:key-{name}"
    subjects = {own} | {f"ioc:role-{role}" for role in principal.roles}
    if "system" in principal.roles:
        subjects.add("ioc:system")
    if scopes.WALL_READ in principal.scopes:
        subjects.add("ioc:wall")
    looks_only = scopes.TWIN not in principal.scopes
    return Caller(principal.name, frozenset(subjects), own, looks_only)


@dataclass
class Callers:
    """Looks callers up, and remembers for a moment whom it has seen.

    Attributes:
        trusted: Addresses of proxies whose `x-ditto-pre-authenticated` is believed.
    """

    pool: ConnectionPool[Connection]
    trusted: frozenset[str] = frozenset()
    clock: Callable[[], float] = time.monotonic
    _salt: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _kept: dict[bytes, tuple[float, Caller]] = field(default_factory=dict)
    _looking: dict[bytes, "asyncio.Future[Caller]"] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def known(self, asked: Asked, address: str) -> Caller | None:
        """The caller where no database is needed to tell; None where one is."""
        if (word := asked.header(PRE_AUTHENTICATED)) is not None and address in self.trusted:
            return _pre_authenticated(word)
        kept = self._kept.get(self._key(_credentials(asked)))
        if kept is not None and kept[0] > self.clock():
            return kept[1]
        return None

    async def find(self, asked: Asked, address: str) -> Caller:
        """The caller; a crowd with the same credentials is looked up once.

        Raises:
            DittoError: Nobody, or nobody who may use the twin.
        """
        caller = self.known(asked, address)
        if caller is not None:
            return caller
        key = self._key(_credentials(asked))
        looking = self._looking.get(key)
        if looking is None:
            looking = asyncio.ensure_future(run_in_threadpool(self.look_up, asked, address))
            self._looking[key] = looking
            looking.add_done_callback(lambda _: self._looking.pop(key, None))
        return await asyncio.shield(looking)

    def look_up(self, asked: Asked, address: str) -> Caller:
        """The caller, by the database. Blocks.

        Raises:
            DittoError: Nobody, or nobody who may use the twin.
        """
        credentials = _credentials(asked)
        scheme, _, rest = credentials.partition(" ")
        if len(credentials) > MAX_CREDENTIALS:
            raise unauthorized("the credentials are too long")
        principal: Principal | None
        match scheme.lower():
            case "basic":
                principal, keep_s = self._basic(rest.strip(), address), BASIC_KEPT_S
            case "bearer":
                principal, keep_s = self._token(rest.strip()), TOKEN_KEPT_S
            case _:
                raise unauthorized("no credentials")
        if principal is None:
            raise unauthorized("the credentials are not known")
        if scopes.TWIN not in principal.scopes and scopes.WALL_READ not in principal.scopes:
            raise DittoError(
                403, "gateway:authorization.failed", f"needs the scope '{scopes.TWIN}'"
            )
        caller = caller_of(principal)
        self._keep(credentials, caller, keep_s)
        return caller

    def _basic(self, encoded: str, address: str) -> Principal:
        try:
            name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise unauthorized("the Basic credentials cannot be read") from error
        if not colon or "\0" in name:
            raise unauthorized("the Basic credentials have no password")
        try:
            with self.pool.connection() as connection:
                return users.verify(connection, name, password, address)
        except WrongPassword as error:
            with self.pool.connection() as connection:
                users.remember_failure(connection, name, address)
                connection.execute(api_sql.COUNT_AT_DOOR, ("twin", "wrong_password"))
            raise unauthorized("name and password do not go together") from error

    def _token(self, token: str) -> Principal | None:
        with self.pool.connection() as connection:
            if token.startswith(keys.PREFIX):
                return keys.principal(connection, token)
            return users.principal(connection, token)

    def _keep(self, credentials: str, caller: Caller, seconds: float) -> None:
        with self._lock:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[self._key(credentials)] = (self.clock() + seconds, caller)

    def _key(self, credentials: str) -> bytes:
        # Never the credentials themselves: a memory dump must not hold passwords.
        return hmac.digest(self._salt, credentials.encode("utf-8", "surrogatepass"), hashlib.sha256)


def _credentials(asked: Asked) -> str:
    header = asked.header("authorization")
    if header:
        return header
    if (token := asked.query("access_token")) is not None:
        return f"Bearer {token}"
    found = _COOKIE.search(asked.header("cookie") or "")
    return f"Bearer {found[1]}" if found else ""


def _pre_authenticated(word: str) -> Caller:
    subjects = [part.strip() for part in word.split(",") if ":" in part]
    if not subjects:
        raise unauthorized("the pre-authenticated subject is no 'issuer:subject'")
    return Caller(subjects[0], frozenset(subjects), subjects[0])


def unauthorized(why: str) -> DittoError:
    """Who asks is not known."""
    return DittoError(
        401,
        "gateway:authentication.failed",
        f"The request could not be authenticated: {why}.",
        "Use HTTP Basic, or a Bearer token.",
    )
