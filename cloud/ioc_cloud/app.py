"""`python -m ioc_cloud.app`: the API and the wall over HTTP."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any, Final

import psycopg
import structlog
import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ioc_cloud import calibration, docs, log, problems, status
from ioc_cloud.access import State, StateOf, Who
from ioc_cloud.access import problems as described
from ioc_cloud.auth import routes as auth_routes
from ioc_cloud.auth.scopes import STATUS_READ
from ioc_cloud.db.pool import api_pool, connect
from ioc_cloud.events import routes as event_routes
from ioc_cloud.events.evidence import Folder
from ioc_cloud.feeds import api as feeds
from ioc_cloud.settings import Settings
from ioc_cloud.twin import app as twin
from ioc_cloud.wall import routes as wall_routes
from ioc_cloud.wall.feed import Feed

# Everything from here, nothing from elsewhere; MapLibre runs its worker from a blob
# and styles elements inline.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; connect-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; "
    "worker-src 'self' blob:; child-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
HEALTH_WAIT_S: Final = 1.0
GZIP_ABOVE: Final = 1_000
DESCRIPTION: Final = """
API của Trung tâm điều hành thông minh Cà Mau. Mọi lỗi theo RFC 9457. Thời gian ISO 8601, `Z`.

API of the Cà Mau operations centre. Every error is RFC 9457 problem details. Times are
ISO 8601 in UTC. Longitude comes first. What is simulated says so.
"""


class Health(BaseModel):
    """Whether the parts answer."""

    ok: bool
    database: bool
    broker: bool


def create_app(settings: Settings) -> FastAPI:
    """The application; its lifespan opens the pool and the live line."""
    url = settings.api_database_url or settings.database_url
    app = FastAPI(
        title="Cà Mau IOC",
        version=version("ioc-cloud"),
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    pool = api_pool(url)
    app.state.twin = twin.build(settings, pool)
    app.state.ioc = State(
        settings=settings,
        pool=pool,
        evidence=Folder(settings.evidence_folder),
        feed=Feed(partial(connect, url, application="ioc-feed")),
    )
    problems.install(app)
    app.add_middleware(problems.BodyLimit)
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_ABOVE)
    app.add_middleware(SafetyHeaders)
    app.state.feeds = feeds.build(settings)
    parts = (auth_routes.router, event_routes.router, wall_routes.router, calibration.router)
    for router in (*parts, *feeds.ROUTERS):
        app.include_router(router)
    _add_system_routes(app)
    twin.mount(app, app.state.twin)
    if settings.wall_dir is not None and settings.wall_dir.is_dir():
        app.mount("/", StaticFiles(directory=settings.wall_dir, html=True), name="wall")
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: State = app.state.ioc
    state.pool.open()
    state.feed.start(asyncio.get_running_loop())
    app.state.twin.start()
    try:
        yield
    finally:
        await app.state.twin.stop()
        await asyncio.to_thread(state.feed.stop)
        await asyncio.to_thread(state.pool.close)


def _add_system_routes(app: FastAPI) -> None:
    tags: list[Any] = ["Hệ thống / System"]

    @app.get("/api/docs", include_in_schema=False)
    def get_docs() -> HTMLResponse:
        return HTMLResponse(docs.page(app.openapi()))

    @app.get(
        "/api/status",
        tags=tags,
        summary="Trạng thái hệ thống / state of the system",
        responses=described(401, 403, 503),
    )
    def get_status(who: Who, state: StateOf) -> dict[str, Any]:
        """Sự kiện, hàng chờ xử lý, số thiếu, thiết bị / events, parked, missing, boxes, cameras."""
        who.must(STATUS_READ)
        with state.pool.connection() as connection:
            found = status.collect(connection)
        return {**found, "twin": {**found["twin"], "live": app.state.twin.counted()}}

    @app.get(
        "/api/health",
        tags=tags,
        summary="Còn sống không / health",
        responses={503: {"model": Health, "description": "Có phần không trả lời / a part is down"}},
    )
    def get_health(state: StateOf, response: Response) -> Health:
        """Không cần đăng nhập / needs no sign-in."""
        database, broker = _database_answers(state), _broker_answers(state.settings)
        response.status_code = 200 if database and broker else 503
        response.headers["Cache-Control"] = "no-store"
        return Health(ok=database and broker, database=database, broker=broker)


def _database_answers(state: State) -> bool:
    try:
        with state.pool.connection(timeout=HEALTH_WAIT_S) as connection:
            connection.execute("select 1")
    except psycopg.Error:
        return False
    return True


def _broker_answers(settings: Settings) -> bool:
    address = (settings.mqtt_host, settings.mqtt_port)
    try:
        with socket.create_connection(address, timeout=HEALTH_WAIT_S):
            return True
    except OSError:
        return False


class SafetyHeaders:
    """Headers that every answer carries."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def main() -> int:
    """Serve until SIGTERM."""
    settings = Settings()
    log.set_up("api")
    structlog.get_logger().info("api_started", address=f"{settings.http_host}:{settings.http_port}")
    uvicorn.run(
        create_app(settings),
        host=settings.http_host,
        port=settings.http_port,
        log_config=None,
        access_log=False,
        server_header=False,
        # Live lines never end by themselves.
        timeout_graceful_shutdown=2,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
