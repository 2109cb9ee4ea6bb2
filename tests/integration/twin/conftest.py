"""A served twin for each module, emptied after each test; people who ask it; a judge.

One server a module keeps these hundreds of small tests within a minute.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import psycopg
import pytest
from tests.support.api import Api, serving
from tests.support.ditto_judge import JUDGE, report
from tests.support.postgres import Server

from ioc_cloud.auth import users
from ioc_cloud.db.pool import Connection

Person = Callable[..., httpx.Client]
EMPTY = (
    "truncate thing, thing_gone, thing_event, thing_snapshot, ts_point, ts_dirty, policy,"
    " policy_revision, twin_outbox cascade"
)


@pytest.fixture(scope="module")
def database(postgres: Server, template: str) -> Iterator[str]:
    """Name of the module's database."""
    name = f"t{uuid.uuid4().hex}"
    postgres.run(f"create database {name} template {template}")
    yield name
    postgres.run(f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def owner(postgres: Server, database: str) -> Iterator[Connection]:
    """The owner's connection to it."""
    with psycopg.connect(postgres.url(database), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def api_url(postgres: Server, database: str) -> str:
    """The API role's URL."""
    return postgres.url(database, user="ioc_api")


@pytest.fixture(scope="module")
def api(api_url: str, owner: Connection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The API on the module's database."""
    folder = tmp_path_factory.mktemp("api")
    with serving(api_url, folder) as url, ExitStack() as clients:
        yield Api(url, owner, clients)


@pytest.fixture(autouse=True)
def _emptied(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "owner" in request.fixturenames:
        request.getfixturevalue("owner").execute(EMPTY)


@pytest.fixture(scope="module")
def person(api: Api) -> Person:
    """Makes a user and gives a client that signs in as them."""
    made: dict[str, httpx.Client] = {}

    def make(name: str = "an", *roles: str) -> httpx.Client:
        whole = "-".join([name, *roles])
        if whole not in made:
            password = f"mat-khau-cua-{whole}"
            users.create(api.owner, whole, password, ["twin"], roles=roles)
            client = httpx.Client(
                base_url=f"{api.url}/api/2",
                auth=(whole, password),
                timeout=20,
                event_hooks={"response": [JUDGE.answer]},
            )
            made[whole] = api.clients.enter_context(client)
        return made[whole]

    return make


@pytest.fixture
def an(person: Person) -> httpx.Client:
    """Somebody who may make things."""
    return person("an")


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was judged."""
    for line in report():
        terminalreporter.write_line(line)
