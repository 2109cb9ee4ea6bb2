"""The API on a real port, in a thread."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI
from tests.support.ports import free_port

from ioc_cloud.app import create_app
from ioc_cloud.auth import keys
from ioc_cloud.db.pool import Connection
from ioc_cloud.settings import Settings


@contextmanager
def serving(
    database_url: str, folder: Path, *, mqtt_port: int = 1, http_port: int | None = None
) -> Iterator[str]:
    """Base URL of an API that runs with the API role's rights."""
    with served(database_url, folder, mqtt_port=mqtt_port, http_port=http_port) as (url, _):
        yield url


@contextmanager
def served(
    database_url: str, folder: Path, *, mqtt_port: int = 1, http_port: int | None = None
) -> Iterator[tuple[str, FastAPI]]:
    """The same with the application, for tests that look inside."""
    port = http_port or free_port()
    settings = Settings(
        home=folder,
        api_database_url=database_url,
        mqtt_port=mqtt_port,
        http_port=port,
        evidence_dir=folder / "evidence",
    )
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield url, app
    finally:
        server.should_exit = True
        thread.join(20)


@dataclass
class Api:
    """A served API and clients for it, each with a key of its own."""

    url: str
    owner: Connection
    clients: ExitStack

    def client(
        self,
        *scopes: str,
        box: str | None = None,
        roles: Iterable[str] = (),
        feeds: Iterable[str] = (),
    ) -> httpx.Client:
        """A client that shows a key with these rights; without scopes it shows none."""
        token = (
            keys.create(self.owner, "test", scopes, box, roles=roles, feeds=feeds)
            if scopes
            else None
        )
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=20)
        return self.clients.enter_context(client)
