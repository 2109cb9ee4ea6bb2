"""The API on a real port, with a way to look at the twin's live side from within."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.routing import Match, WebSocketRoute
from tests.support.ports import free_port

from ioc_cloud.app import create_app
from ioc_cloud.settings import Settings
from ioc_cloud.twin.wires import Wires


@contextmanager
def serving(database_url: str, folder: Path) -> Iterator[tuple[str, Wires]]:
    """Base URL of an API, and the live side of its twin."""
    port = free_port()
    settings = Settings(
        home=folder,
        api_database_url=database_url,
        mqtt_port=1,
        http_port=port,
        evidence_dir=folder / "evidence",
    )
    app = create_app(settings)
    _serve_exactly(app, "/ws/2")
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
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}", app.state.twin.wires
    finally:
        server.should_exit = True
        thread.join(20)


def _serve_exactly(app: FastAPI, path: str) -> None:
    """A mount answers below its path; clients ask at the path itself."""
    scope = {"type": "websocket", "path": path, "root_path": "", "headers": []}
    if not any(route.matches(scope)[0] is Match.FULL for route in app.router.routes):
        app.router.routes.insert(0, WebSocketRoute(path, app.state.twin.api))
