"""People who sign in with a password, and their sessions."""

import hashlib
import secrets
import threading
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from ioc_cloud.auth import scopes as known
from ioc_cloud.auth.principal import Principal
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import TooManyAttempts, WrongPassword

SESSION_LIFE: Final = timedelta(hours=12)
FAILURES_ALLOWED: Final = 5
FAILURE_WINDOW: Final = timedelta(minutes=5)
# RFC 9106, second recommendation for small memories: 64 MiB, 3 passes.
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=2)
_AT_ONCE: Final = threading.BoundedSemaphore(2)
# Verified against when the name is unknown, so that the time tells nothing.
_NOBODY: Final = _HASHER.hash(secrets.token_hex(16))

_FIND: Final = """
select password_hash, scopes, roles, feeds from app_user where name = %s and disabled_at is null
"""
_PUT: Final = """
insert into app_user (name, password_hash, scopes, roles, feeds) values (%s, %s, %s, %s, %s)
on conflict (name) do update set
    password_hash = excluded.password_hash, scopes = excluded.scopes, roles = excluded.roles,
    feeds = excluded.feeds, disabled_at = null
"""
_END_SESSIONS: Final = "delete from app_session where name = %s"
_OPEN_SESSION: Final = (
    "insert into app_session (sha256, name, expires_at) values (%s, %s, now() + %s)"
)
_SESSION: Final = """
select u.name, u.scopes, u.roles, u.feeds from app_session as s join app_user as u using (name)
where s.sha256 = %s and s.expires_at > now() and u.disabled_at is null
"""
_END_SESSION: Final = "delete from app_session where sha256 = %s"
_FAILURES: Final = """
select count(*), extract(epoch from min(at) + %(window)s - now())
from login_failure where at > now() - %(window)s and (name = %(name)s or address = %(address)s)
"""
_FAILED: Final = "insert into login_failure (name, address) values (%s, %s)"
_FORGIVE: Final = "delete from login_failure where name = %s"


def create(
    connection: Connection,
    name: str,
    password: str,
    scopes: Iterable[str],
    *,
    roles: Iterable[str] = (),
    feeds: Iterable[str] = (),
) -> None:
    """Make a user, or give one this password and these rights; the same again changes nothing.

    A changed password ends the user's sessions.

    Raises:
        UnknownScope: A scope or role that does not exist.
    """
    allowed, whose = known.checked(scopes, box=None), known.checked_roles(roles)
    of = known.checked_feeds(feeds)
    row = connection.execute(_FIND, (name,)).fetchone()
    same = row is not None and [sorted(part) for part in row[1:]] == [allowed, whose, of]
    if row is not None and same and _fits(row[0], password):
        return
    connection.execute(_PUT, (name, _HASHER.hash(password), allowed, whose, of))
    connection.execute(_END_SESSIONS, (name,))


def sign_in(connection: Connection, name: str, password: str, address: str) -> str:
    """A new session's token; the database knows its hash alone.

    The caller writes a failure down (`remember_failure`) in a transaction of its own.

    Raises:
        WrongPassword: Name and password do not go together.
        TooManyAttempts: Five failures in five minutes.
    """
    verify(connection, name, password, address)
    token = secrets.token_urlsafe(32)
    connection.execute(_OPEN_SESSION, (_digest(token), name, SESSION_LIFE))
    return token


def verify(connection: Connection, name: str, password: str, address: str) -> Principal:
    """Who this is, by name and password.

    Raises:
        WrongPassword: Name and password do not go together.
        TooManyAttempts: Five failures in five minutes.
    """
    asked = {"window": FAILURE_WINDOW, "name": name, "address": address}
    failures = connection.execute(_FAILURES, asked).fetchone()
    if failures is not None and failures[0] >= FAILURES_ALLOWED:
        raise TooManyAttempts(max(1, int(failures[1])))
    row = connection.execute(_FIND, (name,)).fetchone()
    if not _fits(row[0] if row else _NOBODY, password) or row is None:
        raise WrongPassword(f"user {name!r}")
    connection.execute(_FORGIVE, (name,))
    return _person(name, *row[1:])


def remember_failure(connection: Connection, name: str, address: str) -> None:
    """Count a wrong password against its name and its address."""
    connection.execute(_FAILED, (name, address))


def sign_out(connection: Connection, token: str) -> None:
    """End a session; an unknown one is no error."""
    connection.execute(_END_SESSION, (_digest(token),))


def principal(connection: Connection, token: str) -> Principal | None:
    """Whose session this is; None when it is nobody's any more."""
    row = connection.execute(_SESSION, (_digest(token),)).fetchone()
    return _person(*row) if row else None


def _person(
    name: str, scopes: Iterable[str], roles: Iterable[str], feeds: Iterable[str]
) -> Principal:
    return Principal(f"user:{name}", frozenset(scopes), None, frozenset(roles), frozenset(feeds))


def _fits(hashed: str, password: str) -> bool:
    # 64 MiB each: a crowd at the door must wait, not fill the memory.
    with _AT_ONCE:
        try:
            return _HASHER.verify(hashed, password)
        except VerificationError:
            return False


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
