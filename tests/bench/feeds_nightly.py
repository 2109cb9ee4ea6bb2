"""A night's work: scores and forecasts of 92 daily indicators of 64 communes and the province.

Two years of figures with weekdays, holidays, a trend and noise; beside it what everybody would
write first: a query and a fit for each series, one after the other, measured on a sample.
"""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from typing import Final, NamedTuple

import numpy as np
import psycopg
from tests.bench.table import show, whole
from tests.support.postgres import Cluster

from ioc_cloud.db.migrate import migrate
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.batch import Batch, Rows
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import deliver
from ioc_cloud.feeds.forecast.profile import fit
from ioc_cloud.feeds.nightly import nightly
from ioc_cloud.feeds.scores import score_nightly
from ioc_models.feeds import LOCAL, Contract, periods

INDICATORS: Final = 92
DAYS: Final = 730
FEED: Final = "bench"
# Wednesday 25 November 2026, 01:00 in the province.
NOW: Final = datetime(2026, 11, 24, 18, 0, tzinfo=timezone.utc)
LAST: Final = date(2026, 11, 24)
SAMPLE: Final = 60
GOAL_S: Final = 300
ONE: Final = """
select period_start, value from figure_now where indicator = %s and area = %s order by period_start
"""
LAID: Final = "select area, indicator, value from figure where period_start = %s"
ADD: Final = "insert into forecast values (%s, %s, %s, %s, %s, %s, %s)"
FILL: Final = """
insert into figure (
    indicator, area, period_start, version, feed, period, period_end, value, covered, expected,
    as_of, received_at, provenance
)
select i.code, a.code, d.start, 1, 'bench', d.period, d.start + interval '1 day',
    (20 + 5 * (i.n %% 40)) * (1 + a.n %% 7) * d.factor * (1 + 0.0002 * d.n)
        * (1 + 0.08 * (random() + random() + random() + random() - 2) * 1.732),
    1, 1, d.start + interval '1 day', d.start + interval '32 hours', 'api'
from unnest(%(codes)s::text[]) with ordinality as i (code, n)
cross join unnest(%(areas)s::text[]) with ordinality as a (code, n)
cross join unnest(%(starts)s::timestamptz[], %(periods)s::text[], %(factors)s::float8[])
    with ordinality as d (start, period, factor, n)
"""


def main() -> None:
    """Print what a night costs."""
    catalogue, calendar = invented(), Calendar.load()
    with database() as connection:
        filled_s = filled(connection, catalogue, calendar)
        series = len(catalogue.indicators) * len(catalogue.areas)
        print(f"{series:,} series, {series * DAYS:,} figures laid in {filled_s:.0f} s")
        naive_s, each_ms = one_at_a_time(connection, catalogue, calendar)
        rows = [scored(connection, catalogue, calendar), forecast(connection, catalogue, calendar)]
    night_s = sum(row.wall_s for row in rows)
    shown = [(row.name, f"{row.wall_s:.2f}", f"{row.cpu_s:.2f}", row.what) for row in rows]
    shown.append(("a night", f"{night_s:.1f}", "", f"at most {GOAL_S} s are asked for"))
    ratio = f"{each_ms:.0f} ms each, from {SAMPLE}; x {naive_s / rows[-1].wall_s:.1f}"
    shown.append(
        ("naive forecasts: a query, 5 fits, inserts a series", f"{naive_s:.0f}", "", ratio)
    )
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    show(
        f"nightly: {INDICATORS} indicators, {len(catalogue.areas)} areas, {DAYS} days,"
        f" {os.cpu_count()} cores, {whole(peak_mib)} MiB at most",
        ("", "s", "CPU s here", ""),
        shown,
    )


def invented() -> Catalogue:
    """One feed of 92 daily counts by commune; the product's own have 92 of all lengths."""
    fields = [
        {
            "code": f"f{n}",
            "title": {"vi": f"Số liệu {n}", "en": f"Figure {n}"},
            "type": "number",
            "unit": "việc",
            "min": 0,
            "required": n % 2 == 0,
        }
        for n in range(INDICATORS)
    ]
    rules = [
        {
            "id": f"steady_{n}",
            "expr": f"f{n} <= prev.f{n} * 20 + 100",
            "severity": "warning",
            "message": {"vi": "Nhảy", "en": "Leapt"},
        }
        for n in range(0, INDICATORS, 4)
    ]
    indicators = [
        {
            "code": f"BN.F{n}",
            "title": {"vi": f"Số liệu {n}", "en": f"Figure {n}"},
            "unit": "việc",
            "table": "ngay",
            "value": f"f{n}",
            "space": "sum",
            "time": "sum",
            "direction": "neutral",
        }
        for n in range(INDICATORS)
    ]
    words = {"vi": "Đo tốc độ", "en": "Benchmark"}
    contract = Contract.model_validate(
        {
            "id": FEED,
            "domain": FEED,
            "version": 1,
            "title": words,
            "about": words,
            "unit": words,
            "owner": {"post": words},
            "deputy": {"post": words},
            "head": {"post": words},
            "mode": "file",
            "likely_source": "invented",
            "tables": [
                {
                    "id": "ngay",
                    "title": words,
                    "grid": {"areas": "communes", "period": "day"},
                    "schedule": {"by": "08:00"},
                    "fields": fields,
                    "rules": rules,
                }
            ],
            "indicators": indicators,
        }
    )
    return Catalogue({FEED: contract}, Catalogue.of_province().areas)


@contextmanager
def database() -> Iterator[Connection]:
    """A migrated database on a server of our own."""
    cluster = Cluster()
    cluster.create()
    cluster.start()
    try:
        migrate(cluster.url())
        with psycopg.connect(cluster.url(), autocommit=True) as connection:
            yield connection
    finally:
        cluster.stop()
        cluster.remove()


def filled(connection: Connection, catalogue: Catalogue, calendar: Calendar) -> float:
    """Lay two years of figures, and deliver the last day as a focal officer would."""
    began = time.perf_counter()
    days = [LAST - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    weekly = (1.0, 1.05, 1.0, 0.95, 0.9, 0.4, 0.3)
    holiday = 0.1
    factors = [
        holiday if calendar.kind(day) == "holiday" else weekly[day.weekday()] for day in days
    ]
    starts = [datetime.combine(day, datetime.min.time(), LOCAL) for day in days]
    connection.execute("select setseed(0.5)")
    for code in catalogue.indicators:
        connection.execute(
            FILL,
            {
                "codes": [code],
                "areas": list(catalogue.areas),
                "starts": starts,
                "periods": [str(periods.containing(day, periods.Cadence.DAY)) for day in days],
                "factors": factors,
            },
        )
    connection.execute("vacuum analyze figure")
    took = time.perf_counter() - began
    for back in (1, 0):
        day = LAST - timedelta(days=back)
        start = periods.containing(day, periods.Cadence.DAY).start
        usual: dict[str, dict[str, float]] = {area: {} for area in catalogue.areas}
        for area, code, value in connection.execute(LAID, (start,)):
            usual[area][code.removeprefix("BN.").lower()] = round(value, 2)
        cells = [
            {
                "area": area,
                "period": str(day),
                **usual[area],
            }
            for area in catalogue.communes
        ]
        batch = Batch(FEED, {"ngay": Rows(cells)}, "upload", "file", "bench")
        deliver(connection, catalogue, batch, now=NOW - timedelta(days=back, hours=1))
    return took


class Took(NamedTuple):
    name: str
    wall_s: float
    cpu_s: float
    what: str


def scored(connection: Connection, catalogue: Catalogue, calendar: Calendar) -> Took:
    """The last day's four scores, with every rule, cell and comparison behind them."""
    wall, cpu = time.perf_counter(), time.process_time()
    (score,) = score_nightly(connection, catalogue, calendar, LAST, now=NOW)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Took("scores", wall, cpu, f"{score.n_rows} rows of {INDICATORS} figures")


def forecast(connection: Connection, catalogue: Catalogue, calendar: Calendar) -> Took:
    """The product's night."""
    wall, cpu = time.perf_counter(), time.process_time()
    night = nightly(connection, catalogue, calendar, NOW)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    by = ", ".join(f"{name} {n:,}" for name, n in sorted(night.champions.items()))
    return Took("forecasts", wall, cpu, f"{night.points:,} points of {night.made:,} series; {by}")


def one_at_a_time(
    connection: Connection, catalogue: Catalogue, calendar: Calendar
) -> tuple[float, float]:
    """The same work series by series: seconds for all, from a sample, and ms for each."""
    codes, areas = list(catalogue.indicators), list(catalogue.areas)
    pairs = [(codes[n * 7 % len(codes)], areas[n * 11 % len(areas)]) for n in range(SAMPLE)]
    began = time.perf_counter()
    for code, area in pairs:
        rows = connection.execute(ONE, (code, area)).fetchall()
        days = [at.astimezone(LOCAL).date() for at, _ in rows]
        values = np.array([value for _, value in rows])
        for back in (0, 14, 28, 42, 56):
            found = fit(days[: DAYS - back], values[: DAYS - back], calendar).forecast()
        with connection.transaction(force_rollback=True):
            for day, value, low, high in zip(
                found.days, found.value, found.low, found.high, strict=True
            ):
                at = periods.containing(day, periods.Cadence.DAY).start
                row = (code, area, LAST, at, float(value), float(low), float(high))
                connection.execute(ADD, row)
    each_s = (time.perf_counter() - began) / SAMPLE
    return each_s * len(codes) * len(areas), each_s * 1e3
