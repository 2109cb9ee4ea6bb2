"""One client, two services: the embedded twin, and a Ditto where IOC_DITTO_URL names one."""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
import pytest
from tests.support.api import serving
from tests.support.postgres import Server

from ioc_cloud.auth import users
from ioc_ditto import Basic, DittoClient, DittoError

PASSWORD = "mật-khẩu"  # noqa: S105 of these tests alone
# A real Ditto's search follows its writes within seconds; ours at once.
PATIENCE_S = 15.0
T = TypeVar("T")


@dataclass(frozen=True)
class Service:
    """Where to ask and as whom; the other may nothing until a policy says so."""

    url: str
    user: tuple[str, str]
    other: tuple[str, str] | None


@pytest.fixture(scope="session")
def embedded(
    postgres: Server, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    name = f"t{uuid.uuid4().hex}"
    postgres.run(f"create database {name} template {template}")
    with psycopg.connect(postgres.url(name), autocommit=True) as owner:
        users.create(owner, "an", PASSWORD, ["twin"])
        users.create(owner, "bình", PASSWORD, ["twin"])
    with serving(postgres.url(name, user="ioc_api"), tmp_path_factory.mktemp("twin")) as url:
        yield Service(url, ("an", PASSWORD), ("bình", PASSWORD))
    postgres.run(f"drop database {name} with (force)")


def real() -> Service:
    """The Ditto of the environment; skips where there is none."""
    url = os.environ.get("IOC_DITTO_URL")
    if url is None:
        pytest.skip("no real Ditto: set IOC_DITTO_URL, IOC_DITTO_USER, IOC_DITTO_PASSWORD")
    user = (os.environ.get("IOC_DITTO_USER", "ditto"), os.environ.get("IOC_DITTO_PASSWORD", ""))
    return Service(url, user, None)


@pytest.fixture(scope="session", params=["embedded", "ditto"])
def service(request: pytest.FixtureRequest) -> Service:
    if request.param == "ditto":
        return real()
    found: Service = request.getfixturevalue("embedded")
    return found


@pytest.fixture(scope="session")
def client(service: Service) -> Iterator[DittoClient]:
    with DittoClient(service.url, Basic(*service.user)) as made:
        yield made


@pytest.fixture
def other(service: Service) -> Iterator[DittoClient]:
    """Somebody else."""
    if service.other is None:
        pytest.skip("a real Ditto is tried with the one account that was named")
    with DittoClient(service.url, Basic(*service.other)) as made:
        yield made


@dataclass
class Place:
    """A namespace of one test, emptied after it."""

    client: DittoClient
    namespace: str
    made: list[str]

    def thing(self, name: str, **parts: Any) -> str:
        """Make a thing; its id."""
        thing_id = self.id(name)
        self.client.things.put(thing_id, parts)
        return thing_id

    def id(self, name: str) -> str:
        """An id that is cleaned up."""
        thing_id = f"{self.namespace}:{name}"
        self.made.append(thing_id)
        return thing_id


@pytest.fixture
def place(client: DittoClient) -> Iterator[Place]:
    made = Place(client, f"org.ioc.t{uuid.uuid4().hex[:12]}", [])
    yield made
    with ExitStack() as stack:
        for one in made.made:
            stack.callback(quietly, lambda one=one: client.policies.delete(one))
            stack.callback(quietly, lambda one=one: client.things.delete(one))


def quietly(do: Callable[[], object]) -> None:
    """Do it if it can be done."""
    try:
        do()
    except DittoError:
        return


def eventually(ask: Callable[[], T], wanted: T) -> None:
    """Ask until the answer is the one wanted."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := ask()) != wanted:
        assert time.monotonic() < deadline, f"{found!r} is not {wanted!r}"
        time.sleep(0.1)
