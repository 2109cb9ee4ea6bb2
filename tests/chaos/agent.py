"""A box without eyes: the product's spool and publisher, fed at a fixed rate. Killed at will.

`python -m tests.chaos.agent PLAN.json`. Every seq whose append returned is written down
before anything else happens to it; a killed run goes on where its spool ends.
"""

import json
import os
import sys
import threading
import time
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ioc_edge.publish import Broker, Publisher
from ioc_edge.spool import Draft, Origin, Spool
from ioc_models.events import BoxStatus, Clock
from ioc_models.geo import Point

TICK_S = 0.01


@dataclass(frozen=True)
class Plan:
    """What the harness asks of the agent."""

    folder: str
    box: str
    port: int
    password_file: str
    signing_key: str
    events: int
    per_second: int
    trust_broker: bool = False

    @property
    def spool(self) -> Path:
        return Path(self.folder) / "spool.sqlite"

    @property
    def accepted(self) -> Path:
        return Path(self.folder) / "accepted"


class TrustsTheBroker(Publisher):
    """Frees an event on PUBACK and does not listen to the cloud: the design we refused."""

    def on_puback(self, seq: int) -> None:
        self.spool.acknowledge([(seq, seq)])
        self._settle([(seq, seq)])

    def _hear_ack(self, body: bytes) -> None:
        """Deaf on purpose."""


def draft(number: int) -> Draft:
    """A plate as a demo camera would report it."""
    plate = f"69C{number % 100_000:05d}"
    now = datetime.now(timezone.utc)
    reading = {"text": plate, "raw": plate, "confidence": 0.93, "legal": True, "lines": 1}
    reading |= {"characters": [0.98] * 8, "margin": 0.4, "votes": 5}
    return Draft(
        kind="plate",
        seen_at=now,
        data={"plate": reading, "vehicle": {"label": "car", "confidence": 0.88}},
        camera=f"cam-{number % 4}",
        clock=Clock(synced=True),
        simulated=True,
        location=Point(lon=105.15, lat=9.18),
    )


def produce(plan: Plan, spool: Spool) -> list[Future[int]]:
    """Append at the rate until the spool's sequence has reached the plan's end."""
    written = os.open(plan.accepted, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(done: Future[int]) -> None:
        os.write(written, b"%d\n" % done.result())

    first, began, futures = spool.last_seq, time.monotonic(), []
    while (number := first + len(futures)) < plan.events:
        due = first + int((time.monotonic() - began) * plan.per_second)
        for each in range(number, min(due, plan.events)):
            futures.append(spool.submit(draft(each)))
            futures[-1].add_done_callback(note)
        time.sleep(TICK_S)
    return futures


def keep_counts(path: Path, publisher: Publisher) -> None:
    """Write the counters down all the time: the process will not be asked before it dies."""
    while True:
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(publisher.counts)))
        part.replace(path)
        time.sleep(10 * TICK_S)


def main(plan: Plan) -> None:
    key = load_pem_private_key(Path(plan.signing_key).read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    spool = Spool(plan.spool, Origin(plan.box), signer=key)
    broker = Broker("127.0.0.1", plan.port, plan.box, Path(plan.password_file).read_text())
    kind = TrustsTheBroker if plan.trust_broker else Publisher
    publisher = kind(
        spool, broker, plan.box, birth=lambda: BoxStatus(online=True, epoch=spool.epoch)
    )
    publisher.start()
    counts = Path(plan.folder) / f"counts-{os.getpid()}.json"
    threading.Thread(target=keep_counts, args=(counts, publisher), daemon=True).start()
    for future in produce(plan, spool):
        future.result()
    while spool.backlog:
        time.sleep(TICK_S)
    time.sleep(20 * TICK_S)
    publisher.stop()
    spool.close()


if __name__ == "__main__":
    main(Plan(**json.loads(Path(sys.argv[1]).read_text())))
