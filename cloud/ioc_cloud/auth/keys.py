"""API keys: `ioc_<id>_<secret>`, of which the database knows the hash."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

from ioc_cloud.auth import scopes as known
from ioc_cloud.auth.principal import Principal
from ioc_cloud.db.pool import Connection

PREFIX: Final = "ioc_"
_ADD: Final = """
insert into api_key (id, name, sha256, scopes, box, roles, feeds)
values (%s, %s, %s, %s, %s, %s, %s)
"""
_FIND: Final = """
select name, sha256, scopes, box, roles, feeds from api_key where id = %s and revoked_at is null
"""
# Once a minute is enough to see a key's use, and spares a write a request.
_USED: Final = """
update api_key set last_used_at = now()
where id = %s and (last_used_at is null or last_used_at < now() - interval '1 minute')
"""


def create(
    connection: Connection,
    name: str,
    scopes: Iterable[str],
    box: str | None = None,
    *,
    roles: Iterable[str] = (),
    feeds: Iterable[str] = (),
) -> str:
    """A new key; the token is shown here and never again.

    Raises:
        UnknownScope: A scope or role that does not exist, or `evidence:write` without a box.
    """
    allowed = known.checked(scopes, box=box)
    # Hexadecimal: the underscore is what separates the parts.
    identifier, secret = secrets.token_hex(6), secrets.token_hex(32)
    whose = known.checked_roles(roles)
    of = known.checked_feeds(feeds)
    connection.execute(_ADD, (identifier, name, _digest(secret), allowed, box, whose, of))
    return f"{PREFIX}{identifier}_{secret}"


def principal(connection: Connection, token: str) -> Principal | None:
    """Who holds this token; None for one that is unknown, wrong or revoked."""
    identifier, _, secret = token.removeprefix(PREFIX).partition("_")
    if not token.startswith(PREFIX) or not secret or not token.isascii() or "\0" in token:
        return None
    row = connection.execute(_FIND, (identifier,)).fetchone()
    if row is None or not hmac.compare_digest(bytes(row[1]), _digest(secret)):
        return None
    connection.execute(_USED, (identifier,))
    return Principal(
        f"key:{row[0]}", frozenset(row[2]), row[3], frozenset(row[4]), frozenset(row[5])
    )


def _digest(secret: str) -> bytes:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).digest()
