"""The API on a real port, with a way to look at the twin's live side from within."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.api import served

from ioc_cloud.twin.push.wires import Wires


@contextmanager
def serving(database_url: str, folder: Path) -> Iterator[tuple[str, Wires]]:
    """Base URL of an API, and the live side of its twin."""
    with served(database_url, folder) as (url, app):
        yield url, app.state.twin.wires
