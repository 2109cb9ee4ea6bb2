from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from tests.support.province import Played, played

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.catalogue import Catalogue

# Tuesday 24 November 2026, noon in the province.
NOON = datetime(2026, 11, 24, 5, 0, tzinfo=timezone.utc)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.of_province()


@pytest.fixture
def province(
    owner: Connection, feeds_url: str, tmp_path: Path, catalogue: Catalogue
) -> Iterator[Played]:
    with played(owner, feeds_url, tmp_path, catalogue, NOON) as one:
        yield one
