"""A workbook of 50,000 rows, from the officer's file to committed rows and figures.

Beside it what everybody writes first: openpyxl, `int()` on each cell, an INSERT for each row.
The product also looks the archive through, judges every cell and rule against the contract and
the period before, keeps the original, versions, problems and figures of every commune and day.
"""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg
from openpyxl import Workbook, load_workbook
from tests.bench.table import show, whole
from tests.support.postgres import Cluster

from ioc_cloud.db.migrate import migrate
from ioc_cloud.db.pool import Connection
from ioc_cloud.events.evidence import Folder
from ioc_cloud.feeds import upload
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.files.safely import read_safely
from ioc_cloud.feeds.sheets import rows_of

FEED: Final = "y-te"
TABLE: Final = "ngay"
ROWS: Final = 50_000
LAST: Final = date(2026, 11, 23)
NOW: Final = datetime(2026, 11, 24, 3, 0, tzinfo=timezone.utc)
ROUNDS: Final = 3


def main() -> None:
    """Print what 50,000 rows cost, and the naive way's share."""
    catalogue = Catalogue.of_province()
    feed = catalogue.feed(FEED)
    with TemporaryDirectory() as name, database() as (url, connection):
        folder = Path(name)
        good = written(folder / "good.xlsx", catalogue)
        bad = written(folder / "bad.xlsx", catalogue, bad_each=100)
        rows: list[tuple[str, float, str]] = []
        for number in range(ROUNDS):
            naive_s = naive(connection, good)
            read_s = timed(lambda: rows_of(feed, read_safely(good, good.name)))
            rows.append((f"naive, round {number + 1}", naive_s, ""))
            rows.append(("  product: the file read and mapped", read_s, ""))
            for words, path in (("all good", good), ("1 % bad", bad)):
                store = Folder(folder / f"originals-{number}-{words[:1]}")
                with emptied(connection):
                    said, took = committed(connection, catalogue, store, path)
                rows.append((f"  product: committed, {words}", took, said))
        product = sorted(row[1] for row in rows if "all good" in row[0])[ROUNDS // 2]
        base = sorted(row[1] for row in rows if row[0].startswith("naive"))[ROUNDS // 2]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        durable = connection.execute("show fsync").fetchall()[0][0]
        show(
            f"upload: {ROWS:,} rows of {FEED}, {os.cpu_count()} cores, fsync {durable},"
            f" {whole(peak)} MiB at most; median {product:.1f} s of 10 s, naive x"
            f" {base / product:.1f}",
            ("", "s", ""),
            [(words, f"{took:.1f}", said) for words, took, said in rows],
        )
        if profiled := os.environ.get("IOC_BENCH_PROFILE"):
            profile(Path(profiled), url, catalogue, good)


def written(path: Path, catalogue: Catalogue, bad_each: int | None = None) -> Path:
    """A workbook as a hospital system would export it: every commune, day after day."""
    feed = catalogue.feed(FEED)
    table = feed.table(TABLE)
    book = Workbook(write_only=True)
    sheet = book.create_sheet(table.title.vi[:31])
    codes = [spec.code for spec in table.fields]
    sheet.append(["area", "period", *codes])
    days = -(-ROWS // len(catalogue.communes))
    done = 0
    for back in range(days - 1, -1, -1):
        period = (LAST - timedelta(days=back)).isoformat()
        for n, area in enumerate(catalogue.communes):
            if done == ROWS:
                break
            done += 1
            line: list[Any] = [area, period, *figures(n, back, codes)]
            if bad_each and done % bad_each == 0:
                line[2] = "không rõ"
            sheet.append(line)
    book.save(path)
    return path


def figures(area: int, day: int, codes: list[str]) -> list[int]:
    """Plausible counts that break none of the contract's rules."""
    visits = 40 + (area * 7 + day * 3) % 60
    beds = 30 + area % 20
    known = {"visits": visits, "inpatients": 10 + (area + day) % 18, "beds": beds}
    return [known.get(code, (area + day) % 3) for code in codes]


def timed(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def committed(
    connection: Connection, catalogue: Catalogue, store: Folder, path: Path
) -> tuple[str, float]:
    """Upload a file; what became of it, and the seconds."""
    feed = catalogue.feed(FEED)
    started, busy = time.perf_counter(), time.process_time()
    receipt = upload.commit(
        connection, catalogue, store, feed, path, path.name, now=NOW, by="bench", signed_by="bench"
    )
    took, busy = time.perf_counter() - started, time.process_time() - busy
    made = connection.execute("select count(*) from figure").fetchall()[0][0]
    said = f"{receipt.status}, {receipt.rows_new:,} rows, {made:,} figures, CPU here {busy:.1f} s"
    return said, took


def naive(connection: Connection, path: Path) -> float:
    """openpyxl, `int()`, a row an INSERT, one commit."""
    connection.execute("drop table if exists naive")
    connection.execute(
        "create table naive (area text, period date, a int, b int, c int, d int, e int,"
        " primary key (area, period))"
    )
    started = time.perf_counter()
    with connection.transaction():
        book = load_workbook(path, read_only=True)
        rows = book.worksheets[0].iter_rows(min_row=2, values_only=True)
        for area, period, *cells in rows:
            values = [int(str(cell)) for cell in cells[:5]]
            if any(value < 0 for value in values):
                raise ValueError(values)
            connection.execute(
                "insert into naive values (%s, %s, %s, %s, %s, %s, %s)",
                (area, date.fromisoformat(str(period)), *values),
            )
        book.close()
    return time.perf_counter() - started


@contextmanager
def database() -> Iterator[tuple[str, Connection]]:
    """A migrated database of our own, durable as in production."""
    cluster = Cluster()
    cluster.create()
    cluster.start()
    try:
        url = cluster.url()
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            yield url, connection
    finally:
        cluster.stop()
        cluster.remove()


@contextmanager
def emptied(connection: Connection) -> Iterator[None]:
    """Feeds without rows, before and after."""
    tables = "feed_batch, feed_row, feed_parked_row, feed_problem, figure, feed_contract"
    empty = f"truncate {tables} cascade"
    connection.execute(empty)
    connection.execute("analyze")
    yield
    connection.execute(empty)


def profile(target: Path, url: str, catalogue: Catalogue, path: Path) -> None:
    """Where the time goes, for `python -m pstats`."""
    import cProfile  # noqa: PLC0415

    with psycopg.connect(url, autocommit=True) as connection, emptied(connection):
        store = Folder(path.parent / "profiled")
        profiler = cProfile.Profile()
        profiler.enable()
        committed(connection, catalogue, store, path)
        profiler.disable()
        profiler.dump_stats(target)


if __name__ == "__main__":
    main()
