"""The extensions, served beside Ditto's API; policies, people and things to ask about."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from tests.support.api import Api
from tests.support.ports import free_port

from ioc_cloud.auth import users
from ioc_cloud.db.pool import Connection, api_pool
from ioc_cloud.settings import Settings
from ioc_cloud.twin import api_ioc, app as twin_app
from ioc_cloud.twin.api import Api as TwinApi
from ioc_cloud.twin.api_timeseries import TimeseriesApi
from ioc_cloud.twin.callers import Callers
from ioc_cloud.twin.models import WotModels

EXTRA = "truncate ts_dirty, ts_rollup_hour, commune_area, commune, event, rollup_event_hour cascade"
Ask = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def api(api_url: str, owner: Connection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The twin with its extensions on the module's database."""
    with served(api_url, tmp_path_factory.mktemp("api")) as url, ExitStack() as clients:
        yield Api(url, owner, clients)


@contextmanager
def served(api_url: str, folder: Path) -> Iterator[str]:
    port = free_port()
    settings = Settings(home=folder, api_database_url=api_url, http_port=port)
    config = uvicorn.Config(
        extended(settings), host="127.0.0.1", port=port, log_config=None, access_log=False,
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


def extended(settings: Settings) -> FastAPI:
    pool = api_pool(settings.api_database_url or settings.database_url)
    made = twin_app.build(settings, pool)
    callers = Callers(pool)
    models = WotModels(settings.twin_models_url)
    ioc = api_ioc.IocApi(made.twin, made.access, models, reserved=settings.twin_reserved)
    series = TimeseriesApi(made.twin, made.access)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        pool.open()
        made.start()
        yield
        await asyncio.to_thread(made.stop)
        await asyncio.to_thread(pool.close)

    app = FastAPI(lifespan=lifespan)
    app.mount(api_ioc.PREFIX, api_ioc.api(callers, ioc))
    app.mount("/api/2/timeseries", TwinApi(callers, {"timeseries": series.handle}))
    app.mount("/api/2", made.api)
    return app


@pytest.fixture(autouse=True)
def _emptied_too(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "owner" in request.fixturenames:
        request.getfixturevalue("owner").execute(EXTRA)


@pytest.fixture(scope="module")
def ask(api: Api) -> Ask:
    """A client of a person for any path of the server."""
    made: dict[str, httpx.Client] = {}

    def make(name: str = "an", *roles: str) -> httpx.Client:
        whole = "-".join([name, *roles])
        if whole not in made:
            password = f"mat-khau-cua-{whole}"
            users.create(api.owner, f"x-{whole}", password, ["twin"], roles)
            client = httpx.Client(base_url=api.url, auth=(f"x-{whole}", password), timeout=60)
            made[whole] = api.clients.enter_context(client)
        return made[whole]

    return make


@pytest.fixture
def make(ask: Ask) -> Callable[..., None]:
    """Puts things under policies; each policy grants and revokes to named people."""

    def put(thing_id: str, thing: dict[str, Any], policy: str | None = None) -> None:
        body = thing if policy is None else thing | {"policyId": policy}
        answer = ask("owner").put(f"/api/2/things/{thing_id}", json=body)
        assert answer.status_code in {201, 204}, answer.text

    return put


@pytest.fixture
def policy(ask: Ask) -> Callable[..., str]:
    """Makes a policy under which `owner` may do everything and others what is given."""

    def put(policy_id: str, **others: dict[str, dict[str, list[str]]]) -> str:
        everything = {"grant": ["READ", "WRITE", "READ_TS"], "revoke": []}
        entries: dict[str, Any] = {
            "OWNER": {
                "subjects": {"nginx:x-owner": {"type": "user"}},
                "resources": {
                    f"{kind}:/": everything if kind == "thing" else
                    {"grant": ["READ", "WRITE"], "revoke": []}
                    for kind in ("thing", "policy", "message")
                },
            }
        }  # fmt: skip
        for name, resources in others.items():
            ask(name)
            entries[name.upper()] = {
                "subjects": {f"nginx:x-{name}": {"type": "user"}},
                "resources": {
                    f"thing:{path}": {"grant": [], "revoke": []} | effect
                    for path, effect in resources.items()
                },
            }
        answer = ask("owner").put(f"/api/2/policies/{policy_id}", content=json.dumps(
            {"policyId": policy_id, "entries": entries}),
            headers={"Content-Type": "application/json"})  # fmt: skip
        assert answer.status_code in {201, 204}, answer.text
        return policy_id

    return put
