from datetime import datetime, timedelta, timezone
from pathlib import Path

import psycopg

from ioc_cloud.db.pool import Connection
from ioc_cloud.events.evidence import Folder
from ioc_cloud.feeds import originals
from ioc_cloud.feeds.batch import Batch, Rows
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import deliver
from ioc_cloud.feeds.keeping import keep

CATALOGUE = Catalogue.of_province()
THEN = datetime(2026, 11, 25, 2, 0, tzinfo=timezone.utc)
KEPT = timedelta(days=CATALOGUE.feed("y-te").retention_days)


def count(connection: Connection, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}").fetchone()  # noqa: S608 ours
    assert row is not None
    return int(row[0])


def test_what_is_past_its_time_goes_and_its_figures_and_its_name_stay(
    owner: Connection, feeds_url: str, tmp_path: Path
) -> None:
    store = Folder(tmp_path)
    original = originals.keep(store, b"ngay,1", "y-te.csv", "text/csv")
    row = {"area": CATALOGUE.communes[0], "period": "2026-11-24", "visits": 9, "beds": 5}
    rows = Rows([row, {**row, "area": CATALOGUE.communes[1], "visits": -1}])
    batch = Batch("y-te", {"ngay": rows}, "upload", "file", "test", original=original)
    deliver(owner, CATALOGUE, batch, now=THEN)
    with psycopg.connect(feeds_url, autocommit=True) as worker:
        assert keep(worker, CATALOGUE, store, THEN + KEPT - timedelta(days=2)) == 0
        assert store.has(original.sha256)
        gone = keep(worker, CATALOGUE, store, THEN + KEPT + timedelta(days=2))
    assert gone >= 3
    assert not store.has(original.sha256)
    assert [count(owner, name) for name in ("feed_row", "feed_parked_row", "feed_problem")] == [
        0,
        0,
        0,
    ]
    assert count(owner, "figure") > 0
    assert count(owner, "feed_batch") == 1


def test_bytes_that_came_again_since_stay(owner: Connection, tmp_path: Path) -> None:
    store = Folder(tmp_path)
    original = originals.keep(store, b"ngay,1", "y-te.csv", "text/csv")
    for n, now in enumerate((THEN, THEN + KEPT)):
        row = {"area": CATALOGUE.communes[0], "period": "2026-11-24", "visits": n, "beds": 5}
        batch = Batch(
            "y-te", {"ngay": Rows([row])}, "rest", "api", "test",
            idempotency_key=str(n), original=original,
        )  # fmt: skip
        deliver(owner, CATALOGUE, batch, now=now)
    keep(owner, CATALOGUE, store, THEN + KEPT + timedelta(days=2))
    assert store.has(original.sha256)
