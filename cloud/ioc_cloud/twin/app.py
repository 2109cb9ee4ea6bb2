"""The twin put together: service, rights, routes; part of the API, or served alone."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from fastapi import APIRouter, FastAPI
from psycopg_pool import ConnectionPool
from starlette.routing import Mount, WebSocketRoute

from ioc_cloud.db.pool import (
    API_STATEMENT_TIMEOUT_MS,
    Connection,
    api_pool,
    connect,
    read_pool,
)
from ioc_cloud.settings import Settings
from ioc_cloud.twin.access import Access
from ioc_cloud.twin.ioc import api_ioc
from ioc_cloud.twin.ioc.api_timeseries import TimeseriesApi
from ioc_cloud.twin.models import WotModels
from ioc_cloud.twin.outside.outbox import Courier
from ioc_cloud.twin.push.wires import Wires, wires
from ioc_cloud.twin.service import Twin
from ioc_cloud.twin.web import api_wot
from ioc_cloud.twin.web.api import Api
from ioc_cloud.twin.web.api_policies import PoliciesApi
from ioc_cloud.twin.web.api_things import ThingsApi
from ioc_cloud.twin.web.callers import Callers
from ioc_cloud.twin.web.lines import Lines
from ioc_cloud.twin.web.search import SearchApi
from ioc_ditto import Basic, DittoClient
from ioc_models.wot import Catalogue


@dataclass
class TwinApp:
    """Everything that runs for the twin in one process."""

    twin: Twin
    models: WotModels
    access: Access
    api: Api
    ioc: Api
    wires: Wires
    models_router: APIRouter
    courier: Courier | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin to serve. On the loop."""
        self.twin.pool.open()
        self.twin.start()
        self.wires.start(asyncio.get_running_loop())
        if self.courier is not None:
            thread = threading.Thread(
                target=self.courier.run, args=[self._stop], name="courier", daemon=True
            )
            thread.start()

    def counted(self) -> dict[str, int]:
        """Lines that stand, and what was dropped on them since the start."""
        live = self.wires
        return {
            "lines": len(live.lines),
            "lines_cut": live.lines.cut,
            "sockets": len(live.web_socket.sessions),
            "events_dropped": live.web_socket.dropped,
            "messages_unclaimed": live.live.unclaimed,
        }

    async def stop(self) -> None:
        """End every line and finish what waits."""
        self._stop.set()
        self.wires.close()
        await asyncio.to_thread(self.wires.stop)
        await asyncio.to_thread(self.twin.stop)
        await asyncio.to_thread(self.twin.pool.close)


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
    lines = Lines()
    search = SearchApi(twin, access, lines)
    things = ThingsApi(
        twin,
        models,
        reserved=settings.twin_reserved,
        describe=models.describe,
        every=search.every,
    )
    policies = PoliciesApi(twin, reserved=settings.twin_reserved)
    callers = Callers(pool, settings.twin_proxies)
    live = wires(
        twin, callers, lines, things=things.handle, policies=policies.handle, search=search.handle
    )
    series = TimeseriesApi(twin, access, models.unit_of)
    api = Api(
        callers,
        {
            "things": live.things,
            "policies": policies.handle,
            "search": search.handle,
            "whoami": policies.who_am_i,
            "checkPermissions": policies.check_permissions,
            "timeseries": series.handle,
        },
        live.web_socket,
    )
    ioc = api_ioc.api(
        callers, api_ioc.IocApi(twin, access, models, reserved=settings.twin_reserved)
    )
    router = api_wot.router(models.catalogue)
    return TwinApp(twin, models, access, api, ioc, live, router, _courier(settings, url))


def _courier(settings: Settings, url: str) -> Courier | None:
    """Who carries changes to a real Ditto, where there is one."""
    if settings.twin_engine != "ditto" or settings.ditto_url is None:
        return None
    account = Basic(settings.ditto_user or "", settings.ditto_password)
    client = DittoClient(settings.ditto_url, account)
    return Courier(partial(connect, url, application="ioc-courier"), client)


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
            await served.stop()
            await asyncio.to_thread(pool.close)

    app = FastAPI(title="Cà Mau IOC twin", lifespan=lifespan, openapi_url=None)
    mount(app, served)
    return app


def mount(app: FastAPI, served: TwinApp) -> None:
    """Put the twin's routes before all others: it is asked most often."""
    # A mount at /ws/2 would not match /ws/2 itself.
    app.router.routes.insert(0, WebSocketRoute("/ws/2", served.api))
    app.router.routes.insert(0, Mount("/api/2", served.api))
    app.include_router(served.models_router)
    app.mount(api_ioc.PREFIX, served.ioc)
