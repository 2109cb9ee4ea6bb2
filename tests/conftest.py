"""Servers shared by all tests: started when the first test asks, stopped at the end."""

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import psycopg
import pytest
import structlog
from tests.support.api import Api, serving
from tests.support.mosquitto import Mosquitto
from tests.support.postgres import Cluster, Server

from ioc_cloud.db.migrate import migrate
from ioc_cloud.db.pool import Connection

TEMPLATE = "ioc_test_template"

# How long an example takes says how busy the machine is, not whether it is right.
hypothesis.settings.register_profile("ioc", deadline=None)
hypothesis.settings.load_profile("ioc")

# The default draws every local variable of every frame: seconds for one traceback.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The whole product comes last: once started it takes its cores from every other test."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server of our own, or the one of IOC_TEST_DATABASE_URL (a superuser's URL)."""
    if url := os.environ.get("IOC_TEST_DATABASE_URL"):
        yield Server(url)
        return
    cluster = Cluster()
    cluster.create()
    cluster.start()
    yield Server(cluster.url())
    cluster.stop()
    cluster.remove()


@pytest.fixture(scope="session")
def template(postgres: Server) -> str:
    """A migrated database, for copies."""
    postgres.run(f"drop database if exists {TEMPLATE}", f"create database {TEMPLATE}")
    migrate(postgres.url(TEMPLATE))
    postgres.run(
        "alter role ioc_ingest login", "alter role ioc_api login", "alter role ioc_feeds login"
    )
    return TEMPLATE


@pytest.fixture
def empty_database(postgres: Server) -> Iterator[str]:
    """URL of a database without a schema."""
    name = f"t{uuid.uuid4().hex}"
    postgres.run(f"create database {name}")
    yield postgres.url(name)
    postgres.run(f"drop database {name} with (force)")


@pytest.fixture
def database(postgres: Server, template: str) -> Iterator[str]:
    """Name of a migrated database that no other test sees."""
    name = f"t{uuid.uuid4().hex}"
    postgres.run(f"create database {name} template {template}")
    yield name
    postgres.run(f"drop database {name} with (force)")


@pytest.fixture
def owner(postgres: Server, database: str) -> Iterator[Connection]:
    """The owner's connection to the test's database."""
    with psycopg.connect(postgres.url(database), autocommit=True) as connection:
        yield connection


@pytest.fixture
def ingest_url(postgres: Server, database: str) -> str:
    """The ingest role's URL: its rights, no more."""
    return postgres.url(database, user="ioc_ingest")


@pytest.fixture
def api_url(postgres: Server, database: str) -> str:
    """The API role's URL: its rights, no more."""
    return postgres.url(database, user="ioc_api")


@pytest.fixture
def feeds_url(postgres: Server, database: str) -> str:
    """The feeds role's URL: its rights, no more."""
    return postgres.url(database, user="ioc_feeds")


@pytest.fixture(scope="session")
def _configured_broker() -> Iterator[Mosquitto]:
    mosquitto = Mosquitto()
    mosquitto.configure()
    yield mosquitto
    mosquitto.remove()


@pytest.fixture
def broker(_configured_broker: Mosquitto) -> Iterator[Mosquitto]:
    """A broker that remembers nothing of earlier tests."""
    _configured_broker.start()
    yield _configured_broker
    _configured_broker.kill()


@pytest.fixture
def api(api_url: str, owner: Connection, tmp_path: Path) -> Iterator[Api]:
    """An API on the test's database."""
    with serving(api_url, tmp_path) as url, ExitStack() as clients:
        yield Api(url, owner, clients)
