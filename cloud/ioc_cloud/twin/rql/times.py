"""Moments in filters: `time:now-1h[h]`, and ISO 8601 texts beside `_modified`."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final

from ioc_cloud.twin.rql.ast import Time, Value, show_value
from ioc_cloud.twin.rql.errors import RqlInvalid

Clock = Callable[[], datetime]

# Months and years of Java's ChronoUnit: parts of the mean Gregorian year.
_YEAR: Final = timedelta(seconds=31_556_952)
_UNITS: Final = {
    "": timedelta(seconds=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(days=7),
    "mo": _YEAR / 12,
    "y": _YEAR,
}
_NAME: Final = re.compile(
    r"now(?P<millis>_epoch_millis)?"
    r"(?:(?P<sign>[+-])\+?(?P<amount>[0-9]{1,12})(?P<unit>s|ms|m|h|d|w|mo|y)?)?"
    r"(?:\[(?P<floor>s|ms|m|h|d|w|mo|y|)\])?"
)
_ZEROED: Final = (
    ("microsecond", 0), ("second", 0), ("minute", 0), ("hour", 0), ("day", 1), ("month", 1),
)  # fmt: skip
_ZEROED_UP_TO: Final = {"": 1, "s": 1, "m": 2, "h": 3, "d": 4, "w": 4, "mo": 5, "y": 6}
_YEAR_OR_MONTH: Final = re.compile(r"([0-9]{4})(-[0-9]{2})?")
_KNOWN: Final = "known are time:now and time:now_epoch_millis, then +1h or -7d, then [d]"


def utc_now() -> datetime:
    """The clock where none is handed in."""
    return datetime.now(timezone.utc)


def iso(at: datetime) -> str:
    """ISO 8601 in UTC with a Z, as answers write `_modified`."""
    return at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def check_time(value: Value) -> None:
    """See that a time is one of those known.

    Raises:
        RqlInvalid: It is not.
    """
    if isinstance(value, Time) and _NAME.fullmatch(value.name) is None:
        raise RqlInvalid(0, _KNOWN, show_value(value))


def plain(value: Value, clock: Clock) -> str | int | float | bool | None:
    """The value itself, or what the time is now: ISO text, or milliseconds since 1970.

    Raises:
        RqlInvalid: An unknown time, or one beyond the calendar.
    """
    if not isinstance(value, Time):
        return value
    found = _NAME.fullmatch(value.name)
    if found is None:
        raise RqlInvalid(0, _KNOWN, show_value(value))
    try:
        at = _moved(clock().astimezone(timezone.utc), found)
    except OverflowError as error:
        raise RqlInvalid(0, "this time is beyond the calendar", show_value(value)) from error
    return int(at.timestamp() * 1000) if found["millis"] else iso(at)


def _moved(at: datetime, found: re.Match[str]) -> datetime:
    if found["sign"]:
        by = _UNITS[found["unit"] or ""] * int(found["amount"])
        at = at - by if found["sign"] == "-" else at + by
    return at if found["floor"] is None else _floored(at, found["floor"])


def _floored(at: datetime, unit: str) -> datetime:
    """The beginning of the second, hour, week (Monday) ... in UTC."""
    if unit == "ms":
        return at.replace(microsecond=at.microsecond // 1000 * 1000)
    if unit == "w":
        at -= timedelta(days=at.weekday())
    zeroed = _ZEROED[: _ZEROED_UP_TO[unit]]
    return at.replace(**dict(zeroed))  # type: ignore[arg-type]


def instant(text: object) -> datetime | None:
    """The moment that a text names: a year, a month, a day, or more; None for other things.

    Without an offset it is UTC.
    """
    if not isinstance(text, str):
        return None
    if found := _YEAR_OR_MONTH.fullmatch(text):
        text = f"{found[1]}{found[2] or '-01'}-01"
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
