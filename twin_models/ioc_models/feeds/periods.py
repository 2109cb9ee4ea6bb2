"""Periods that figures belong to, written as ISO 8601 writes them, in the province's time.

`2026-11-24` is a day, `2026-11-24T14` an hour, `2026-11-24T14:15` a quarter of one, `2026-W48`
a week (Monday first), `2026-11` a month, `2026-Q4` a quarter, `2026` a year.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from enum import Enum
from functools import lru_cache
from typing import Final

# Vietnam has kept UTC+7 without summer time since 1975; a fixed offset needs no tz database.
LOCAL: Final = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")


class Cadence(str, Enum):
    """How long a period is."""

    QUARTER_HOUR = "15min"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"

    @property
    def is_short(self) -> bool:
        """Whether a day has several."""
        return self in {Cadence.QUARTER_HOUR, Cadence.HOUR}


class NotAPeriod(ValueError):
    """Text that names no period, or one of another length."""


_SHAPES: Final = {
    Cadence.YEAR: re.compile(r"(\d{4})"),
    Cadence.QUARTER: re.compile(r"(\d{4})-Q([1-4])"),
    Cadence.MONTH: re.compile(r"(\d{4})-(\d{2})"),
    Cadence.WEEK: re.compile(r"(\d{4})-W(\d{2})"),
    Cadence.DAY: re.compile(r"(\d{4})-(\d{2})-(\d{2})"),
    Cadence.HOUR: re.compile(r"(\d{4})-(\d{2})-(\d{2})T(\d{2})"),
    Cadence.QUARTER_HOUR: re.compile(r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(00|15|30|45)"),
}


_WRITTEN: Final = {
    Cadence.YEAR: "%Y",
    Cadence.MONTH: "%Y-%m",
    Cadence.DAY: "%Y-%m-%d",
    Cadence.HOUR: "%Y-%m-%dT%H",
    Cadence.QUARTER_HOUR: "%Y-%m-%dT%H:%M",
}


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """One period; `start` is inside, `end` is not. Both are UTC."""

    start: datetime
    cadence: Cadence

    def __hash__(self) -> int:
        # Rows are found by their period a million times a delivery; an enum's hash is Python.
        return hash(self.start)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return _moved(self, 1).start

    @property
    def first_day(self) -> date:
        """Its first local day."""
        return self._local().date()

    @property
    def last_day(self) -> date:
        """Its last local day."""
        return (self.end.astimezone(LOCAL) - timedelta(microseconds=1)).date()

    def next(self) -> "Period":
        """The one after."""
        return _moved(self, 1)

    def previous(self) -> "Period":
        """The one before."""
        return _moved(self, -1)

    @property
    def number(self) -> int:
        """Which one of its year it is, from 1; a week's year is the ISO week's."""
        return _numbered(self)

    def same_last_year(self) -> "Period":
        """The one that covers the same time a year before, where a year has it."""
        local = self._local()
        try:
            return containing(local.replace(year=local.year - 1), self.cadence)
        except ValueError:  # the 29th of February
            return containing(local.replace(year=local.year - 1, day=28), self.cadence)

    def _local(self) -> datetime:
        return self.start.astimezone(LOCAL)

    def __str__(self) -> str:
        """As figures carry it."""
        return _written(self)


@lru_cache(maxsize=4096)
def _written(period: Period) -> str:
    local = period.start.astimezone(LOCAL)
    if period.cadence is Cadence.WEEK:
        year, week, _ = local.isocalendar()
        return f"{year:04}-W{week:02}"
    if period.cadence is Cadence.QUARTER:
        return f"{local:%Y}-Q{(local.month + 2) // 3}"
    return local.strftime(_WRITTEN[period.cadence])


@lru_cache(maxsize=16_384)
def _moved(period: Period, by: int) -> Period:
    try:
        return _moved_by(period, by)
    except (OverflowError, ValueError) as error:
        raise NotAPeriod(f"no {period.cadence.value} lies beside {period}") from error


def _moved_by(period: Period, by: int) -> Period:
    local = period.start.astimezone(LOCAL)
    match period.cadence:
        case Cadence.QUARTER_HOUR:
            start = local + by * timedelta(minutes=15)
        case Cadence.HOUR:
            start = local + by * timedelta(hours=1)
        case Cadence.DAY:
            start = local + by * timedelta(days=1)
        case Cadence.WEEK:
            start = local + by * timedelta(days=7)
        case Cadence.MONTH:
            start = _month(local, by)
        case Cadence.QUARTER:
            start = _month(local, 3 * by)
        case Cadence.YEAR:
            start = local.replace(year=local.year + by)
    return Period(start.astimezone(timezone.utc), period.cadence)


@lru_cache(maxsize=16_384)
def _numbered(period: Period) -> int:
    local = period.start.astimezone(LOCAL)
    match period.cadence:
        case Cadence.WEEK:
            return local.isocalendar().week
        case Cadence.MONTH:
            return local.month
        case Cadence.QUARTER:
            return (local.month + 2) // 3
        case Cadence.YEAR:
            return 1
    day = local.timetuple().tm_yday
    if period.cadence is Cadence.DAY:
        return day
    per_hour = 4 if period.cadence is Cadence.QUARTER_HOUR else 1
    return ((day - 1) * 24 + local.hour) * per_hour + local.minute // 15 * (per_hour > 1) + 1


def _month(local: datetime, by: int) -> datetime:
    months = local.year * 12 + local.month - 1 + by
    return local.replace(year=months // 12, month=months % 12 + 1)


@lru_cache(maxsize=16_384)
def parse(text: str, cadence: Cadence) -> Period:
    """The period that a text names.

    Raises:
        NotAPeriod: It names none of this length.
    """
    found = _SHAPES[cadence].fullmatch(text)
    if found is None:
        raise NotAPeriod(f"{text!r} is no {cadence.value}")
    parts = [int(part) for part in found.groups()]
    try:
        match cadence:
            case Cadence.WEEK:
                day = date.fromisocalendar(parts[0], parts[1], 1)
            case Cadence.QUARTER:
                day = date(parts[0], 3 * parts[1] - 2, 1)
            case _:
                day = date(*[*parts, 1, 1][:3])
        hour, minute = [*parts[3:], 0, 0][:2]
        start = datetime.combine(day, time(hour, minute), LOCAL).astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise NotAPeriod(f"{text!r} is no {cadence.value}: {error}") from error
    return Period(start, cadence)


def containing(moment: datetime | date, cadence: Cadence) -> Period:
    """The period that a moment, or a local day, lies in.

    Raises:
        NotAPeriod: It begins before the first or ends after the last year that there is.
    """
    try:
        return _containing(moment, cadence)
    except OverflowError as error:
        raise NotAPeriod(f"{moment} lies in no {cadence.value}") from error


def _containing(moment: datetime | date, cadence: Cadence) -> Period:
    local = (
        moment.astimezone(LOCAL)
        if isinstance(moment, datetime)
        else datetime.combine(moment, time(), LOCAL)
    )
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    match cadence:
        case Cadence.QUARTER_HOUR:
            start = local.replace(minute=local.minute // 15 * 15, second=0, microsecond=0)
        case Cadence.HOUR:
            start = local.replace(minute=0, second=0, microsecond=0)
        case Cadence.DAY:
            start = midnight
        case Cadence.WEEK:
            start = midnight - timedelta(days=midnight.weekday())
        case Cadence.MONTH:
            start = midnight.replace(day=1)
        case Cadence.QUARTER:
            start = midnight.replace(day=1, month=(midnight.month - 1) // 3 * 3 + 1)
        case Cadence.YEAR:
            start = midnight.replace(day=1, month=1)
    return Period(start.astimezone(timezone.utc), cadence)


def between(first: datetime | date, last: datetime | date, cadence: Cadence) -> list[Period]:
    """Every period that starts at or after `first`'s own and at or before `last`'s, in order."""
    period, stop = containing(first, cadence), containing(last, cadence)
    found = []
    while period.start <= stop.start:
        found.append(period)
        period = period.next()
    return found
