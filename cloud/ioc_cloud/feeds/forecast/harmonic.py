"""Water that sun and moon move: waves of known speeds by least squares, and what they leave.

Value = mean + trend + waves + rest. The rest (wind, rain, sluices) fades: what it is now says
something of the next hours, as much as it did in the past. Amplitudes of the moon's waves change
over 18.6 years by up to a tenth (O1 a fifth); a fit on the last months follows that by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

import numpy as np

from ioc_cloud.feeds.forecast import robust
from ioc_cloud.feeds.forecast.days import Floats, Whole
from ioc_cloud.feeds.forecast.errors import TooShort
from ioc_cloud.feeds.forecast.profile import BAND_SD

# Speeds in degrees an hour: P. Schureman, Manual of Harmonic Analysis and Prediction of Tides,
# US Coast and Geodetic Survey, Special Publication 98 (1958), table 2; NOAA CO-OPS publishes the
# same. In order of their size in the South China Sea and the Gulf of Thailand; of two that a
# record is too short to tell apart the first is kept.
SPEEDS: Final = {
    "M2": 28.9841042,
    "K1": 15.0410686,
    "O1": 13.9430356,
    "S2": 30.0,
    "N2": 28.4397295,
    "P1": 14.9589314,
    "K2": 30.0821373,
    "Q1": 13.3986609,
    # Spring and neap, S2 less M2: what salinity follows rather than levels.
    "MSf": 1.0158958,
}
TIDE: Final = ("M2", "K1", "O1", "S2", "N2", "P1", "K2", "Q1")
EPOCH: Final = datetime(2000, 1, 1, tzinfo=timezone.utc)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
HOURS_A_DAY: Final = 24.0
HORIZON: Final = timedelta(days=14)
# Springs and neaps, 14.77 days, must be seen once.
ENOUGH: Final = timedelta(days=15)
# Half a day must be seen four times.
LONGEST_STEP: Final = timedelta(hours=3)
PASSES: Final = 3


@dataclass(frozen=True)
class Curve:
    """Values ahead.

    Attributes:
        starts: When each period begins.
        value: (n,) float64, in the station's unit.
        low: (n,) 95 % of values come out between `low` and `high`.
        high: (n,)
    """

    starts: tuple[datetime, ...]
    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Harmonic:
    """What was learnt of a station.

    Attributes:
        after: When the first period after the record begins.
        n: Periods that had a value.
        mean: At the middle of the record.
        trend_per_day: 0 where the record does not prove one.
        names: Waves that the record is long enough to tell apart.
        amplitude: (waves,) in the station's unit.
        phase_deg: (waves,) of the cosine, at 2000-01-01 00:00 UTC.
        sd: Standard deviation of the rest.
        kept: (n,) how much of a rest is left after 0, 1, ... steps, 1 to 0.
        rest: The last known one.
        since: Steps from it to `after`.
        last: The last known value.
        lower: Least possible value.
    """

    after: datetime
    step: timedelta
    n: int
    middle: float
    length: float
    mean: float
    trend_per_day: float
    names: tuple[str, ...]
    amplitude: Floats
    phase_deg: Floats
    sd: float
    kept: Floats
    rest: float
    since: int
    last: float
    lower: float

    def forecast(self, horizon: timedelta = HORIZON) -> Curve:
        """The periods after the record."""
        steps = np.arange(round(horizon / self.step))
        hours = hours_of(self.after, self.step, len(steps))
        kept = self.kept[np.minimum(steps + self.since, len(self.kept) - 1)]
        value = self.expected(hours) + kept * self.rest
        away = BAND_SD * self.sd * np.sqrt(1 - kept**2 + self._doubt(hours))
        starts = tuple(self.after + self.step * int(each) for each in steps)
        low, middle, high = (
            np.maximum(each, self.lower) for each in (value - away, value, value + away)
        )
        return Curve(starts, middle, low, high)

    def expected(self, hours: Floats, names: Sequence[str] | None = None) -> Floats:
        """Mean, trend and waves, or some waves alone, at hours since `EPOCH`."""
        found = np.zeros_like(hours)
        if names is None:
            found += self.mean + self.trend_per_day * (hours - self.middle) / HOURS_A_DAY
        for name, size, phase in zip(self.names, self.amplitude, self.phase_deg, strict=True):
            if names is None or name in names:
                found += size * np.cos(np.radians(SPEEDS[name] * hours - phase))
        return found

    def _doubt(self, hours: Floats) -> Floats:
        """How wrong mean and trend may be: variance, in units of the rest's."""
        independent = max(self.n / together(self.kept), 1.0)
        away = (hours - self.middle) / self.length
        of_trend = 12 * away**2 if self.trend_per_day else np.zeros_like(away)
        found: Floats = (1 + of_trend) / independent
        return found


def fit(
    first: datetime,
    step: timedelta,
    values: Floats,
    names: Sequence[str],
    lower: float = -np.inf,
) -> Harmonic:
    """Learn a station's waves.

    Args:
        first: When the first period begins.
        step: How long a period is, at most three hours.
        values: (n,) float64, NaN where missing.
        names: Of `SPEEDS`, the more important first.
        lower: Least possible value.

    Raises:
        TooShort: Less than fifteen days' worth of periods have a value.
        ValueError: A step too long to see tides by.
    """
    if step > LONGEST_STEP:
        raise ValueError(f"a step of {step} is too long for tides")
    known = np.flatnonzero(~np.isnan(values))
    needed = round(ENOUGH / step)
    if len(known) < needed:
        raise TooShort(len(known), needed, ("kỳ đo", "readings"))
    hours = hours_of(first, step, len(values))
    middle = float((hours[known[0]] + hours[known[-1]]) / 2)
    length = float(hours[known[-1]] - hours[known[0]])
    names = told_apart(names, length)
    solved, rest = _solved(_design(hours - middle, hours, names), values, known)
    cos, sin = solved[2::2], solved[3::2]
    kept, sd = _fading(rest, len(solved), round(2 * HORIZON / step))
    trend = _proven(float(solved[1]), sd, len(known) / together(kept), length)
    return Harmonic(
        after=first + step * len(values), step=step, n=len(known), middle=middle, length=length,
        mean=float(solved[0]), trend_per_day=trend * HOURS_A_DAY, names=names,
        amplitude=np.hypot(cos, sin), phase_deg=np.degrees(np.arctan2(sin, cos)) % 360,
        sd=sd, kept=kept, rest=float(rest[known[-1]]), since=int(len(values) - known[-1]),
        last=float(values[known[-1]]), lower=lower,
    )  # fmt: skip


def told_apart(names: Sequence[str], hours: float) -> tuple[str, ...]:
    """Waves that differ by a whole turn over a record (Rayleigh's criterion)."""
    found: list[str] = []
    for name in names:
        near = [abs(SPEEDS[name] - SPEEDS[other]) for other in found]
        if min([*near, SPEEDS[name]]) * hours >= 360:  # noqa: PLR2004 - degrees of a turn
            found.append(name)
    return tuple(found)


def hours_of(first: datetime, step: timedelta, n: int) -> Floats:
    """(n,) hours since `EPOCH` at which periods begin."""
    return (first - EPOCH) / HOUR + np.arange(n, dtype=np.float64) * (step / HOUR)


def _design(away: Floats, hours: Floats, names: Sequence[str]) -> Floats:
    columns = [np.ones_like(hours), away]
    for name in names:
        angle = np.radians(SPEEDS[name] * hours)
        columns += [np.cos(angle), np.sin(angle)]
    return np.stack(columns, axis=1)


def _solved(design: Floats, values: Floats, known: Whole) -> tuple[Floats, Floats]:
    """Least squares; wild values are drawn to three standard deviations and it is done again."""
    came = values[known]
    drawn, fitted = came, came
    solved: Floats = np.zeros(design.shape[1])
    for _ in range(PASSES):
        solved = np.linalg.lstsq(design[known], drawn, rcond=None)[0].astype(np.float64)
        fitted = design[known] @ solved
        most = robust.CLIP_SD * float(robust.scale((came - fitted)[None, :])[0])
        drawn = fitted + np.clip(came - fitted, -most, most)
    rest = np.full(len(values), np.nan)
    rest[known] = drawn - fitted
    return solved, rest


def _fading(rest: Floats, unknowns: int, steps: int) -> tuple[Floats, float]:
    """How much of a rest is left after each number of steps, and its standard deviation."""
    known = ~np.isnan(rest)
    filled = np.where(known, rest, 0.0)
    variance = float(np.sum(filled**2)) / max(int(known.sum()) - unknowns, 1)
    kept = np.zeros(steps)
    kept[0] = 1.0
    usual = np.mean(filled[known] ** 2)
    for lag in range(1, min(steps, len(rest) // 2)):
        pairs = np.count_nonzero(known[lag:] & known[:-lag])
        if pairs == 0 or usual == 0:
            break
        kept[lag] = np.sum(filled[lag:] * filled[:-lag]) / pairs / usual
        if kept[lag] <= 0:
            break
    kept = np.minimum.accumulate(np.clip(kept, 0, 1))
    # A slow rest looks like mean and trend, which have taken their part of it.
    independent = int(known.sum()) / together(kept)
    variance *= independent / max(independent - 2, 1.0)
    return kept, float(np.sqrt(variance))


def together(kept: Floats) -> float:
    """How many rests say no more than one, because they last."""
    return 1 + 2 * float(kept[1:].sum())


def _proven(slope: float, sd: float, independent: float, hours: float) -> float:
    """A trend drawn to none as far as the rest explains it."""
    error = 12 * sd**2 / max(independent, 1.0) / hours**2
    return slope * max(0.0, 1 - 2 * error / slope**2) if slope else 0.0
