"""Connections: one typed opener for workers, one pool for the API."""

import select
from typing import Any, Final

import psycopg
from psycopg_pool import ConnectionPool

Connection = psycopg.Connection[tuple[Any, ...]]

# A query of the API that takes longer than this helps nobody and holds a worker.
API_STATEMENT_TIMEOUT_MS: Final = 15_000
API_CONNECTIONS: Final = 10
API_WAIT_S: Final = 5.0


def connect(url: str, *, application: str) -> Connection:
    """One connection in autocommit mode, named for `pg_stat_activity`.

    Transactions are opened explicitly by `connection.transaction()`.
    """
    return psycopg.connect(
        url, autocommit=True, application_name=application, connect_timeout=5, **_KEEPALIVE
    )


def api_pool(url: str) -> ConnectionPool[Connection]:
    """Connections for the API, closed; its lifespan opens it."""
    return ConnectionPool(
        url,
        min_size=1,
        max_size=API_CONNECTIONS,
        max_waiting=200,
        timeout=API_WAIT_S,
        open=False,
        check=ConnectionPool.check_connection,
        kwargs={
            "application_name": "ioc-api",
            "connect_timeout": 5,
            "options": f"-c statement_timeout={API_STATEMENT_TIMEOUT_MS}",
            **_KEEPALIVE,
        },
    )


def read_pool(url: str) -> ConnectionPool[Connection]:
    """Connections for single reads, closed: no transaction around each, no round trip before."""
    return ConnectionPool(
        url,
        min_size=1,
        max_size=API_CONNECTIONS,
        max_waiting=500,
        timeout=API_WAIT_S,
        open=False,
        check=_look_alive,
        kwargs={
            "application_name": "ioc-twin-read",
            "autocommit": True,
            "connect_timeout": 5,
            "options": f"-c statement_timeout={API_STATEMENT_TIMEOUT_MS}",
            **_KEEPALIVE,
        },
    )


def _look_alive(connection: Connection) -> None:
    """See that an idle connection still stands, without asking the server.

    Nothing is due on an idle line: what can be read there is its end, or a word that the
    server is going away. Only then is the server asked, which raises where it is gone.
    """
    if select.select([connection], [], [], 0)[0]:
        connection.execute("select 1")


# A database host that lost power sends no FIN; find out in half a minute.
_KEEPALIVE: Final[dict[str, Any]] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
}
