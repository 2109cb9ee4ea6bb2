"""Vietnam's working days: the `holidays` library, with the yearly decisions laid over it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import holidays
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ioc_cloud.feeds.errors import ContractBroken
from ioc_models.feeds import LOCAL, Words

OVERRIDES: Final = Path(__file__).resolve().parents[3] / "twin_models" / "calendar" / "vn.yaml"
VN: Final = LOCAL
DayKind = Literal["working", "weekend", "holiday", "swapped_working", "swapped_off"]
SATURDAY: Final = 5
JUNE: Final = 6
# The library's own words.
TET: Final = "Tết Nguyên Đán"
SWAPPED: Final = "Ngày nghỉ (thay cho"


class Override(BaseModel):
    """A day that a decision changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: date
    working: bool
    decision: Annotated[str, Field(min_length=1, max_length=200)]
    note: Words


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    days: list[Override]


def local_day(at: datetime) -> date:
    """The province's day that a moment lies in."""
    return at.astimezone(LOCAL).date()


@dataclass(frozen=True, slots=True)
class DayFeatures:
    """What a day is to those who compare it with others.

    Attributes:
        kind: What kind of day it is.
        name: As `Calendar.name_of`.
        tet: Days since the New Year's Day of the nearest Tết; negative before it.
        eve: Worked, and a holiday's days off begin tomorrow.
        after: Worked, and a holiday's days off ended yesterday.
    """

    kind: DayKind
    name: str | None
    tet: int
    eve: bool
    after: bool


@dataclass(frozen=True)
class Calendar:
    """Which days are worked on.

    Attributes:
        overrides: By day; the latest word on it.
    """

    overrides: Mapping[date, Override] = field(default_factory=dict)

    @classmethod
    def load(cls, *files: Path) -> Self:
        """Read the product's overrides, then each further file's.

        Raises:
            ContractBroken: A file is not of this shape.
        """
        found: dict[date, Override] = {}
        for path in (OVERRIDES, *files):
            if path == OVERRIDES or path.exists():
                found |= {one.day: one for one in _read(path)}
        return cls(found)

    def is_working(self, day: date) -> bool:
        """Whether offices work on a day."""
        override = self.overrides.get(day)
        return override.working if override is not None else _is_working(day)

    def kind(self, day: date) -> DayKind:
        """What kind of day it is."""
        weekend = day.weekday() >= SATURDAY
        if self.is_working(day):
            return "swapped_working" if weekend else "working"
        known = _holidays(day.year).get(day)
        if known is not None:
            return "swapped_off" if known.startswith(SWAPPED) else "holiday"
        return "weekend" if weekend else "swapped_off"

    def name_of(self, day: date) -> str | None:
        """A day off's Vietnamese name; None for working days and ordinary weekends."""
        if self.is_working(day):
            return None
        override = self.overrides.get(day)
        if override is not None:
            return override.note.vi
        name = _holidays(day.year).get(day)
        return str(name) if name is not None else None

    def holiday_features(self, day: date) -> DayFeatures:
        """What a profile of days must know of a day."""
        works = self.is_working(day)
        return DayFeatures(
            kind=self.kind(day),
            name=self.name_of(day),
            tet=self._since_tet(day),
            eve=works and self._holiday_in_run(day, timedelta(days=1)),
            after=works and self._holiday_in_run(day, timedelta(days=-1)),
        )

    def _since_tet(self, day: date) -> int:
        near = (_tet(day.year), _tet(day.year + 1) if day.month > JUNE else _tet(day.year - 1))
        return min(((day - tet).days for tet in near), key=abs)

    def _holiday_in_run(self, day: date, step: timedelta) -> bool:
        """Whether the days off that follow, one step on, are more than a weekend."""
        other = day + step
        while not self.is_working(other):
            if self.kind(other) != "weekend":
                return True
            other += step
        return False

    def next_working(self, day: date) -> date:
        """The first working day after a day."""
        after = day + timedelta(days=1)
        while not self.is_working(after):
            after += timedelta(days=1)
        return after

    def tet(self, year: int) -> date:
        """New Year's Day of the lunar calendar in a year."""
        return _tet(year)


def _read(path: Path) -> Iterable[Override]:
    try:
        return _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).days
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ContractBroken(path, str(error)) from error


@lru_cache(maxsize=64)
def _holidays(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays("VN", language="vi", years=year)


@lru_cache(maxsize=8192)
def _is_working(day: date) -> bool:
    return bool(_holidays(day.year).is_working_day(day))


@lru_cache(maxsize=128)
def _tet(year: int) -> date:
    return next(day for day, name in _holidays(year).items() if name == TET)
