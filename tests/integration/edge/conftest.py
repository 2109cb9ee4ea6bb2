"""A spool and publishers on a real broker."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.mosquitto import Mosquitto, password
from tests.unit.edge.parts import ANY_QUOTA, BOX

from ioc_edge.publish import Broker, Pace, Publisher
from ioc_edge.spool import Origin, Spool
from ioc_models.events import BoxStatus

HURRIED = Pace(stall_s=0.5, longest_stall_s=1.0, first_retry_s=0.05, longest_retry_s=0.2)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool.sqlite3", Origin(BOX), quota=ANY_QUOTA)
    yield opened
    opened.close()


@pytest.fixture
def publish(spool: Spool, broker: Mosquitto) -> Iterator[Callable[..., Publisher]]:
    """Start a publisher, of the product's class or of another, as any user of the broker."""
    started: list[Publisher] = []

    def start(
        of: type[Publisher] = Publisher, *, box: str = BOX, user: str = BOX, port: int = 0
    ) -> Publisher:
        publisher = of(
            spool,
            Broker("127.0.0.1", port or broker.port, user, password(user)),
            box,
            birth=lambda: BoxStatus(online=True, box=box),
            pace=HURRIED,
        )
        publisher.start()
        started.append(publisher)
        return publisher

    yield start
    for publisher in started:
        publisher.stop(flush_s=0)
