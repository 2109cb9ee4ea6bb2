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
TET: Final = "Tết Nguyên Đán"


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
        weekend, working = day.weekday() >= SATURDAY, self.is_working(day)
        if working:
            return "swapped_working" if weekend else "working"
        name = self.name_of(day)
        if name is None:
            return "weekend"
        override = self.overrides.get(day)
        swapped = override is not None or name.startswith("Ngày nghỉ (thay cho")
        return "swapped_off" if swapped else "holiday"

    def name_of(self, day: date) -> str | None:
        """A holiday's Vietnamese name; None for an ordinary day."""
        override = self.overrides.get(day)
        if override is not None:
            return override.note.vi
        name = _holidays(day.year).get(day)
        return str(name) if name is not None else None

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
