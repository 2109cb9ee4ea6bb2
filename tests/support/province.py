"""A simulated province on a real port, and a puller that asks it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from tests.support.ports import free_port

from ioc_cloud.db.pool import Connection, connect
from ioc_cloud.events.evidence import Folder
from ioc_cloud.feeds.batch import Receipt
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.doors.asking import Line
from ioc_cloud.feeds.doors.pull import Puller
from ioc_cloud.feeds.doors.secret_files import SecretFiles
from ioc_cloud.feeds.simulate.app import Province
from ioc_cloud.feeds.simulate.faults import Fault, Faults
from ioc_cloud.feeds.simulate.serve import secrets_in


@dataclass
class Played:
    """The province and who asks it.

    Attributes:
        now: What time it is, for both.
        pauses: Seconds that the puller wanted to wait, none of which it waited.
    """

    url: str
    home: Path
    database_url: str
    owner: Connection
    catalogue: Catalogue
    province: Province
    now: datetime
    pauses: list[float] = field(default_factory=list)

    @property
    def store(self) -> Folder:
        return Folder(self.home / "evidence")

    def puller(self, base: str | None = None, **line: Any) -> Puller:
        return Puller(
            partial(connect, self.database_url, application="test"),
            self.catalogue,
            self.store,
            Line(SecretFiles(self.home / "secrets"), self.pauses.append, base or self.url, **line),
            self.home / "scratch",
        )

    def pull(self, feed: str, **line: Any) -> Receipt | None:
        return self.puller(**line).pull(feed, self.now)

    def faults(self, *faults: Fault) -> None:
        self.province.faults.set(list(faults))

    def one(self, query: str, *values: Any) -> Any:
        row = self.owner.execute(query, values).fetchone()
        return row[0] if row else None

    def rows(self, feed: str, table: str) -> list[tuple[Any, ...]]:
        """Every row that counts, in order."""
        return self.owner.execute(
            "select period, area, key, cells, version from feed_row_now"
            " where feed = %s and tbl = %s order by period, area, key",
            (feed, table),
        ).fetchall()

    def standing(self, feed: str) -> tuple[str | None, int, str | None, datetime | None]:
        """Cursor, failures, failure and next_at of a source."""
        row = self.owner.execute(
            "select cursor, failures, failure, next_at from feed_source where feed = %s", (feed,)
        ).fetchone()
        assert row is not None
        return row


@contextmanager
def serving(province: Province, port: int | None = None) -> Iterator[str]:
    """Base URL of a province."""
    port = port or free_port()
    config = uvicorn.Config(
        province.application(), host="127.0.0.1", port=port, log_config=None, access_log=False,
        ws="none", timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def played(
    owner: Connection, database_url: str, home: Path, catalogue: Catalogue, now: datetime
) -> Iterator[Played]:
    """A province at a moment, and a puller's surroundings."""
    clock: list[Played] = []
    province = Province(
        catalogue, lambda: clock[0].now, Faults(), secrets_in(home / "secrets"), seed=7
    )
    with serving(province) as url:
        clock.append(Played(url, home, database_url, owner, catalogue, province, now))
        yield clock[0]
