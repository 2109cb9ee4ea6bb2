"""Who looked at what: written in the transaction that reads it, never changed after."""

from typing import Any, Final

from psycopg.types.json import Json

from ioc_cloud.db.pool import Connection

WRITE: Final = "insert into audit (actor, action, object, detail) values (%s, %s, %s, %s)"


def write(
    connection: Connection,
    actor: str,
    action: str,
    target: str,
    detail: dict[str, Any] | None = None,
) -> None:
    """Add a row to the caller's open transaction; no answer leaves unless it commits."""
    connection.execute(WRITE, (actor, action, target, Json(detail or {})))
