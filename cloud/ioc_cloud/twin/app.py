"""The twin put together: service, rights, routes; part of the API, or served alone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from psycopg_pool import ConnectionPool

from ioc_cloud.db.pool import (
    API_STATEMENT_TIMEOUT_MS,
    Connection,
    api_pool,
    connect,
    read_pool,
)
from ioc_cloud.settings import Settings
from ioc_cloud.twin.access import Access
from ioc_cloud.twin.api import Api, Request
from ioc_cloud.twin.api_policies import PoliciesApi
from ioc_cloud.twin.api_things import ThingsApi
from ioc_cloud.twin.callers import Callers
from ioc_cloud.twin.models import WotModels
from ioc_cloud.twin.search import SearchApi
from ioc_cloud.twin.service import Twin
from ioc_models.wot import Catalogue


@dataclass
class TwinApp:
    """Everything that runs for the twin in one process."""

    twin: Twin
    access: Access
    api: Api

    def start(self) -> None:
        """Begin to serve."""
        self.twin.pool.open()
        self.twin.start()

    def stop(self) -> None:
        """Finish what waits. Blocks."""
        self.twin.stop()
        self.twin.pool.close()


def build(settings: Settings, pool: ConnectionPool[Connection]) -> TwinApp:
    """The twin of an API process; `pool` serves sign-ins."""
    url = settings.api_database_url or settings.database_url
    models = WotModels(Catalogue(settings.twin_models_url))
    twin = Twin(
        connect=opener(url),
        pool=read_pool(url),
        series_of=models.series_of,
        outbox=settings.twin_engine == "ditto",
    )
    access = Access(twin)
    search = SearchApi(twin, access)
    things = ThingsApi(
        twin,
        models,
        reserved=settings.twin_reserved,
        describe=models.describe,
        every=search.every,
    )
    policies = PoliciesApi(twin, reserved=settings.twin_reserved)
    callers = Callers(pool, settings.twin_proxies)

    async def route_things(request: Request) -> None:
        await things.handle(request)

    api = Api(
        callers,
        {
            "things": route_things,
            "policies": policies.handle,
            "search": search.handle,
            "whoami": policies.who_am_i,
            "checkPermissions": policies.check_permissions,
        },
    )
    return TwinApp(twin, access, api)


def opener(url: str) -> Callable[[], Connection]:
    """Connections for the reader and the writer: prepared at once, bounded in time."""

    def open_one() -> Connection:
        connection = connect(url, application="ioc-twin")
        # The same few statements for the life of the process.
        connection.prepare_threshold = 1
        connection.execute(f"set statement_timeout = {API_STATEMENT_TIMEOUT_MS}")
        return connection

    return open_one


def alone(settings: Settings) -> FastAPI:
    """An application with nothing but the twin: `ioc twin serve`."""
    pool = api_pool(settings.api_database_url or settings.database_url)
    served = build(settings, pool)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        pool.open()
        served.start()
        try:
            yield
        finally:
            await asyncio.to_thread(served.stop)
            await asyncio.to_thread(pool.close)

    app = FastAPI(title="Cà Mau IOC twin", lifespan=lifespan, openapi_url=None)
    mount(app, served)
    return app


def mount(app: FastAPI, served: TwinApp) -> None:
    """Put the twin's routes before all others: it is asked most often."""
    app.mount("/api/2", served.api)
    app.mount("/ws/2", served.api)
    for _ in range(2):
        app.router.routes.insert(0, app.router.routes.pop())
