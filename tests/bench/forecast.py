"""A province's daily figures forecast and tested, beside a fit for each series and naive models.

The generator shares the profile's form (weekdays, holidays, a level), so its edge in quiet weeks
is flattered; that models without a calendar fail over Tết is not.
"""

import os
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Final

import numpy as np
from tests.bench.table import show, whole
from tests.support.series import Floats, days_until, effects, office

from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.forecast.backtest import Backtests, backtest_many, look_ahead
from ioc_cloud.feeds.forecast.harmonic import EPOCH, SPEEDS, TIDE
from ioc_cloud.feeds.forecast.profile import fit, fit_many
from ioc_cloud.feeds.forecast.tide import backtest_water, fit_tide

SERIES: Final = 92 * 64
DAYS: Final = 730
LAST: Final = date(2026, 11, 23)
# Folds from 4 February, Tết on 17 February, to 31 March 2026.
AFTER_TET: Final = date(2026, 3, 31)
SAMPLE: Final = 60
JUDGED: Final = 400
INJECTED: Final = 8
HOUR: Final = timedelta(hours=1)


def main() -> None:
    """Print what a night's forecasts cost, and how wrong they are."""
    calendar = Calendar.load()
    costs(calendar)
    errors(calendar)
    anomalies(calendar)
    water()


def costs(calendar: Calendar) -> None:
    """All series at once, beside one after the other."""
    days = days_until(LAST, DAYS)
    values = np.round(office(days, calendar, SERIES))
    fit(days, values[0], calendar)
    rows = []
    for name, one, many in (
        (
            "fit, 14 days ahead",
            lambda row: fit(days, row, calendar).forecast(),
            lambda: fit_many(days, values, calendar).forecast(),
        ),
        (
            "that and 4 folds of 3 models",
            lambda row: look_ahead(days, row[None, :], calendar),
            lambda: look_ahead(days, values, calendar),
        ),
    ):
        _, alone = timed(lambda one=one: [one(row) for row in values[:SAMPLE]])
        wall, together = timed(many)
        alone *= SERIES / SAMPLE
        rows.append(
            (
                name,
                f"{wall:.1f}",
                f"{together:.1f}",
                f"{together / SERIES * 1e3:.2f}",
                f"{alone:.1f}",
                f"{alone / together:.1f}",
            )
        )
    show(
        f"forecast: {SERIES:,} series of {DAYS} days, {os.cpu_count()} cores",
        ("", "s", "CPU s", "ms a series", f"one by one, from {SAMPLE}", "x"),
        rows,
    )


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def errors(calendar: Calendar) -> None:
    """WAPE and the band's hold, in quiet weeks and over Tết."""
    quiet = tested(calendar, LAST, 760)
    tet = tested(calendar, AFTER_TET, DAYS)
    rows = []
    for at, name in enumerate(quiet.models):
        figures = [float(np.nanmean(one)) for one in (quiet.wape[at], tet.wape[at, :, :2])]
        inside = [float(np.nanmean(one)) for one in (quiet.inside[at], tet.inside[at, :, :2])]
        rows.append(
            (
                name,
                f"{figures[0]:.3f}",
                f"{figures[0] / np.nanmean(quiet.wape[1]):.2f}",
                f"{inside[0]:.1%}",
                f"{figures[1]:.3f}",
                f"{figures[1] / np.nanmean(tet.wape[1, :, :2]):.2f}",
                f"{inside[1]:.1%}",
            )
        )
    show(
        f"forecast: errors of {JUDGED} series; 4 quiet fortnights, 2 fortnights over Tết",
        ("", "WAPE", "x naive", "in band", "Tết WAPE", "x naive", "in band"),
        rows,
    )


def tested(calendar: Calendar, last: date, n: int) -> Backtests:
    days = days_until(last, n)
    return backtest_many(days, office(days, calendar, JUDGED), calendar)


def anomalies(calendar: Calendar) -> None:
    """Ordinary days halved or raised by a half, as the profile and a calendar-blind z see them."""
    days = days_until(LAST, 760)
    random = np.random.default_rng(11)
    spoilt = office(days, calendar, JUDGED)
    where = np.zeros(spoilt.shape, bool)
    ordinary = np.flatnonzero(effects(days, calendar) > 0.3)
    for row in range(JUDGED):
        at = random.choice(ordinary[ordinary > 56], INJECTED, replace=False)
        where[row, at] = True
        spoilt[row, at] *= random.choice([0.5, 1.5], INJECTED)
    profile = fit_many(days, spoilt, calendar).residual_z(days, spoilt)
    centre = np.median(spoilt, axis=1, keepdims=True)
    spread = 1.4826 * np.median(np.abs(spoilt - centre), axis=1, keepdims=True)
    rows = [
        (name, whole(np.count_nonzero(beyond & where)), whole(np.count_nonzero(beyond & ~where)))
        for name, z in (("profile", profile), ("values alone", (spoilt - centre) / spread))
        for beyond in [np.abs(z) > 4]
    ]
    clean = np.count_nonzero(~where)
    show(
        f"forecast: {np.count_nonzero(where):,} days injected among {clean:,}, z beyond 4",
        ("", "found", "false"),
        rows,
    )


def water() -> None:
    """A year of one station, hour by hour."""
    first, n = datetime(2026, 1, 1, tzinfo=timezone.utc), 365 * 24
    values = level(first, n)
    wall, cpu = timed(lambda: fit_tide(first, HOUR, values).forecast())
    found = backtest_water(first, HOUR, values)
    mae = np.nanmean(found.mae, axis=1)
    show(
        f"forecast: tide of a station, {n:,} hours, 336 ahead; fit {wall * 1e3:.0f} ms"
        f" ({cpu * 1e3:.0f} CPU), {np.nanmean(found.inside):.1%} in the band",
        ("", "MAE cm", "x last value"),
        [
            (name, f"{one * 100:.1f}", f"{one / mae[1]:.2f}")
            for name, one in zip(found.models, mae, strict=True)
        ],
    )


def level(first: datetime, n: int) -> Floats:
    """Eight waves and a wind that lasts a day and a half, in metres."""
    random = np.random.default_rng(4)
    hours = (first - EPOCH) / HOUR + np.arange(n, dtype=np.float64)
    sizes = (0.12, 0.30, 0.18, 0.05, 0.03, 0.09, 0.015, 0.03)
    found = np.zeros(n)
    for name, size in zip(TIDE, sizes, strict=True):
        found += size * np.cos(np.radians(SPEEDS[name] * hours - random.uniform(0, 360)))
    kept, wind = np.exp(-1 / 36), 0.0
    for at in range(n):
        wind = kept * wind + 0.06 * np.sqrt(1 - kept**2) * random.standard_normal()
        found[at] += wind
    return found
