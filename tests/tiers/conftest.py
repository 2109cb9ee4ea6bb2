"""Servers in the Debian 13 root; without one, the word why."""

from collections.abc import Iterator

import pytest
from tests.support.postgres import Server
from tests.tiers.debian13 import Debian13Unavailable, prepare, timescale_server


@pytest.fixture(scope="session")
def debian13(pytestconfig: pytest.Config) -> None:
    """The root is there; its progress is shown, for it may take minutes."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        try:
            prepare()
        except Debian13Unavailable as why:
            pytest.skip(f"ts-apache: {why}")


@pytest.fixture(scope="session")
def timescale(debian13: None) -> Iterator[Server]:  # noqa: ARG001 the server runs in it
    """PostgreSQL 17 with TimescaleDB's Apache edition preloaded."""
    with timescale_server() as url:
        yield Server(url)


@pytest.fixture
def unfinished(debian13: None) -> Iterator[Server]:  # noqa: ARG001 the server runs in it
    """The same server, on which nobody preloaded TimescaleDB."""
    with timescale_server(preload=False) as url:
        yield Server(url)
