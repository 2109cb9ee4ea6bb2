"""TimescaleDB's community edition, for whoever has it: what it adds is used, and changes nothing.

    IOC_TEST_DATABASE_URL=postgresql://postgres@host/postgres python -m tests.tiers.community

Debian ships the Apache edition alone, so no run of ours can have this one; a superuser's
URL of a server that preloads it is enough. Two databases are made on it and dropped again:
one on the community tier and one as if TimescaleDB were not there. Both get the same points;
the script proves that the continuous aggregate and the columnstore are in use, that every
answer is equal, and prints what either costs. It ends with 0 only if all of it holds.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from tests.bench.table import show
from tests.support.postgres import Server

from ioc_cloud.db import twin_series_sql
from ioc_cloud.db.migrate import Tier, migrate, probe_tier
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.ioc import timeseries as ts

REPOSITORY = Path(__file__).resolve().parents[2]
PATH = "/features/measurements/properties/water_level_m"
THINGS = 40
START = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
START -= timedelta(days=70)
DAYS = 60
EVERY = timedelta(minutes=5)
FILL = """
with added as (
    insert into ts_point (thing_id, path, time, revision, num)
    select 'org.tier:s' || n, %(path)s, at, 1,
        round((sin(extract(epoch from at) / 7000 + n) + n)::numeric, 4)::float8
    from generate_series(1, %(things)s) as n,
        generate_series(%(since)s, %(until)s - %(every)s::interval, %(every)s) as at
    returning thing_id, path, time
)
insert into ts_dirty (thing_id, path, bucket)
select distinct thing_id, path, date_trunc('hour', time, 'UTC') from added
"""
CHUNKS = """
select count(*), count(*) filter (where is_compressed)
from timescaledb_information.chunks where hypertable_name = 'ts_point'
"""
SIZES = """
select sum(before_compression_total_bytes), sum(after_compression_total_bytes)
from hypertable_compression_stats('ts_point')
"""
AGGREGATES = "select view_name::text from timescaledb_information.continuous_aggregates"
JOBS = """
select proc_name::text, hypertable_name::text from timescaledb_information.jobs
where hypertable_name in ('ts_point', 'thing_event') or proc_name = 'ioc_refresh_ts_job'
order by 1, 2
"""


class NotSo(Exception):
    """A claim that does not hold here."""


def main() -> int:
    """Prove it, or say what does not hold."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--suite", action="store_true", help="run the twin's tests on it too")
    wanted = options.parse_args()
    url = os.environ.get("IOC_TEST_DATABASE_URL")
    if url is None:
        print("IOC_TEST_DATABASE_URL names no server", file=sys.stderr)
        return 2
    server = Server(url)
    with (
        made(server, "ts-community") as community,
        made(server, "native") as native,
    ):
        try:
            prove(community, native)
        except NotSo as claim:
            print(f"community edition: NOT so: {claim}", file=sys.stderr)
            return 1
    if wanted.suite:
        command = [sys.executable, "-m", "pytest", "-q", "tests/integration/twin/ioc"]
        return subprocess.run(command, cwd=REPOSITORY, check=False).returncode
    return 0


@contextmanager
def made(server: Server, tier: Tier) -> Iterator[Connection]:
    """A fresh database on a tier."""
    name = f"ioc_tier_{tier.replace('-', '_')}"
    server.run(f"drop database if exists {name} with (force)", f"create database {name}")
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        if tier == "ts-community" and (found := probe_tier(connection)) != tier:
            raise SystemExit(f"this server offers {found}, not {tier}")
        if (settled := migrate(server.url(name), tier=tier)) != tier:
            raise SystemExit(f"the database was made on {settled}, not on {tier}")
        yield connection
    server.run(f"drop database if exists {name} with (force)")


def prove(community: Connection, native: Connection) -> None:
    """Every claim, one after the other.

    Raises:
        NotSo: One does not hold.
    """
    began = START, START + timedelta(days=DAYS)
    lines: list[tuple[str, str, str]] = []
    for connection in (community, native):
        connection.execute(
            FILL,
            {"path": PATH, "things": THINGS, "since": began[0], "until": began[1], "every": EVERY},
        )
        connection.execute("analyze")
    claim(answers(community) == answers(native), "answers are equal while every hour is dirty")
    refreshed = seconds(lambda: refresh(community)), seconds(lambda: refresh(native))
    lines.append(("all hours into the rollup, s", f"{refreshed[0]:.1f}", f"{refreshed[1]:.1f}"))
    claim(("ts_rollup_hour",) in rows(community, AGGREGATES), "hours are a continuous aggregate")
    claim(materialised(community), "the view reads what the aggregate has materialised")
    claim(answers(community) == answers(native), "answers are equal once hours are refreshed")
    lines += costs(community, native, "row store")
    compress(community)
    every, packed = rows(community, CHUNKS)[0]
    claim(every > 1 and packed == every, f"{packed} of {every} chunks of points are compressed")
    before, after = (int(one) for one in rows(community, SIZES)[0])
    lines.append(("points on disk, MiB", f"{after / 2**20:.1f}", f"{before / 2**20:.1f}"))
    claim(after < before, "compression saves space")
    claim(answers(community) == answers(native), "answers are equal from compressed chunks")
    lines += costs(community, native, "compressed")
    for connection in (community, native):
        late(connection)
    claim(answers(community) == answers(native), "late points count at once, compressed or not")
    refresh(community)
    refresh(native)
    claim(answers(community) == answers(native), "late points count after the refresh too")
    jobs = rows(community, JOBS)
    claim(len(jobs) >= 3, "compression policies and the refresh are scheduled")
    print("jobs: " + ", ".join(f"{name} ({table or 'all'})" for name, table in jobs))
    show(
        f"community edition beside native: {THINGS} series, {DAYS} days, a point every"
        f" {EVERY.seconds // 60} min, {THINGS * DAYS * 288:,} points",
        ("", "community", "native"),
        lines,
    )


def claim(holds: bool, words: str) -> None:  # noqa: FBT001 the sentence follows
    """Say that it holds, or stop."""
    if not holds:
        raise NotSo(words)
    print(f"holds: {words}")


def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]


def seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def refresh(connection: Connection) -> None:
    """Every dirty hour, by the tier's own means."""
    if rows(connection, "select to_regprocedure('ioc_refresh_ts_job(int, jsonb)')") != [(None,)]:
        connection.execute("call ioc_refresh_ts_job(0, '{}')")
    while rows(connection, "select ioc_refresh_ts(5000)")[0][0]:
        pass
    # As autovacuum would, a minute later.
    connection.execute("vacuum analyze ts_dirty")
    connection.execute("analyze")


def compress(connection: Connection) -> None:
    """What the policy does to chunks that are old enough, to all of them."""
    connection.execute("select compress_chunk(c, true) from show_chunks('ts_point') as c")


def late(connection: Connection) -> None:
    """Points of a month ago that arrive now."""
    connection.execute(
        FILL.replace("%(since)s", "%(since)s::timestamptz"),
        {
            "path": PATH, "things": 3, "since": START + timedelta(days=20, seconds=90),
            "until": START + timedelta(days=20, hours=5), "every": timedelta(minutes=7),
        },
    )  # fmt: skip


def materialised(connection: Connection) -> bool:
    plan = rows(connection, "explain (verbose) select * from v_ts_hour where thing_id = 'x'")
    return "_materialized_hypertable" in str(plan)


def question(step: timedelta | None, zone: str | None, days: int, offset_min: int) -> ts.Question:
    since = START + timedelta(days=3, minutes=offset_min)
    return ts.Question((PATH,), since, since + timedelta(days=days), step=step, zone=zone)


def answers(connection: Connection) -> dict[Any, Any]:
    """What is asked of series, rounded below what an order of addition changes."""
    found: dict[Any, Any] = {}
    for n, aggregate, hours, zone in product(
        (1, 2, THINGS), sorted(ts.PER_BUCKET), (1, 24), ("UTC", "Europe/Berlin")
    ):
        asked = question(timedelta(hours=hours), zone, 25, 17)
        where = ts._where(f"org.tier:s{n}", PATH, asked)
        values = ts._buckets(connection, where, asked, aggregate)
        found[n, aggregate, hours, zone] = [
            (one.at, round(one.value, 6) if isinstance(one.value, float) else one.value)
            for one in values
        ]
    return found


def costs(community: Connection, native: Connection, how: str) -> list[tuple[str, str, str]]:
    """Milliseconds of the same question from points and from hours, the best of five."""
    lines = []
    asked = question(timedelta(days=1), None, 50, 0)
    for name, hours in (("points", False), ("hours", True)):
        text = twin_series_sql.groups("avg", hours=hours)
        times = []
        for connection in (community, native):
            where = ts._where("", PATH, asked) | {
                "ids": [f"org.tier:s{n}" for n in range(1, THINGS + 1)],
                "groups": [0] * THINGS, "inner_from": asked.since, "inner_to": asked.until,
            }  # fmt: skip
            ask = partial(_fetch, connection, text, where)
            times.append(min(seconds(ask) for _ in range(5)))
        lines.append(
            (f"daily mean of all series, 50 days, from {name} ({how}), ms",
             f"{times[0] * 1e3:.0f}", f"{times[1] * 1e3:.0f}")
        )  # fmt: skip
    return lines


def _fetch(connection: Connection, text: LiteralString, where: dict[str, Any]) -> None:
    connection.execute(text, where).fetchall()


if __name__ == "__main__":
    sys.exit(main())
