"""What durability costs: our spool at several group sizes beside bare SQLite, one fsync a row."""

import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.bench.table import show, whole
from tests.chaos.agent import draft

from ioc_edge.spool import Origin, Spool
from ioc_models.events import canonical_json

GROUPS = {1: 50, 10: 1_000, 100: 4_000, 500: 8_000}
BARE = 300
ROUNDS = 3


def main() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        found: dict[str, list[Rate]] = {}
        for each in range(ROUNDS):
            here = Path(folder) / str(each)
            here.mkdir()
            found.setdefault("SQLite FULL, one per commit", []).append(bare(here))
            for group, puts in GROUPS.items():
                rate = ours(here / f"{group}.sqlite", group, puts)
                found.setdefault(f"spool, {group} at once", []).append(rate)
    base = median(each.per_second for each in next(iter(found.values())))
    rows = [
        (name, whole(rate), f"{rate / base:.1f}", whole(median(each.cpu_us for each in rates)))
        for name, rates in found.items()
        for rate in [median(each.per_second for each in rates)]
    ]
    heads = ("", "puts/s", "x bare", "CPU us/put")
    show("spool: durable puts of a signed plate event", heads, rows)


class Rate(NamedTuple):
    per_second: float
    cpu_us: float


def bare(folder: Path) -> Rate:
    """A row of the same size and one fsync, nothing else."""
    db = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL").fetchone()
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    body = canonical_json(draft(1).data) * 4

    def put() -> None:
        for _ in range(BARE):
            db.execute("INSERT INTO event (body) VALUES (?)", (body,))

    return per_second(BARE, put)


def ours(path: Path, group: int, puts: int) -> Rate:
    """The product's spool, `group` appends waiting together as if from so many threads."""
    spool = Spool(path, Origin("bench"), signer=Ed25519PrivateKey.generate())

    def put() -> None:
        for first in range(0, puts, group):
            for future in [spool.submit(draft(first + each)) for each in range(group)]:
                future.result()

    try:
        return per_second(puts, put)
    finally:
        spool.close()


def per_second(count: int, work: Callable[[], None]) -> Rate:
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return Rate(count / (time.perf_counter() - began), (time.process_time() - cpu) / count * 1e6)
