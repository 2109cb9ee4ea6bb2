"""Days and moments as people and sheets write them: day before month, years in four digits.

Each remark is a finding: a warning where the value could be read without doubt, an error where it
could not and `value` is `None`.
"""

import datetime as dt
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from ioc_cloud.feeds.files.findings import Finding

LOCAL: Final = ZoneInfo("Asia/Ho_Chi_Minh")
_SPACES: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class ParsedDate:
    """A day that was read; `None` for an empty cell and where a finding is an error."""

    value: dt.date | None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedMoment:
    """A moment that was read, aware and in UTC; `None` as in `ParsedDate`."""

    value: dt.datetime | None
    findings: tuple[Finding, ...] = ()


# Excel counts days from here for every day after its own invented 29 February 1900.
EPOCH: Final = dt.date(1899, 12, 30)
FIRST: Final = dt.date(1900, 3, 1)
LAST: Final = dt.date(2100, 12, 31)
_DAY: Final = re.compile(r"(\d{1,2})\s*[/.-]\s*(\d{1,2})\s*[/.-]\s*(\d{4})")
_SHORT: Final = re.compile(r"\d{1,2}\s*[/.-]\s*\d{1,2}\s*[/.-]\s*\d{2}")
_ISO: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_ZONED: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ].+(?:Z|[+-]\d{2}:?\d{2})")
_CLOCK: Final = re.compile(r"(?P<day>.+?)[ T,]\s*(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)")


def date(raw: object) -> ParsedDate:
    """Read a day: `dd/mm/yyyy`, ISO, or a sheet's own date or serial number.

    Two-digit years are refused: `01/02/03` has six readings. Day comes before month, always.
    """
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return ParsedDate(None)
    if isinstance(raw, dt.datetime):
        local = raw.astimezone(LOCAL) if raw.tzinfo else raw
        return _within(local.date(), () if local.time() == dt.time() else (_time_dropped(raw),))
    if isinstance(raw, dt.date):
        return _within(raw, ())
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return _serial(raw)
    if isinstance(raw, str):
        return _day_from_text(raw)
    return _no_date(raw)


def moment(raw: object) -> ParsedMoment:
    """Read a moment; one without a zone is the province's time, for sheets know no zones."""
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return ParsedMoment(None)
    if isinstance(raw, dt.datetime):
        return _moment_within(raw, ())
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return _serial_moment(raw)
    if isinstance(raw, str):
        return _moment_from_text(raw)
    day = date(raw)
    if day.value is None:
        return ParsedMoment(None, day.findings)
    return _moment_within(dt.datetime.combine(day.value, dt.time()), day.findings)


def _day_from_text(raw: str) -> ParsedDate:
    text = _SPACES.sub(" ", unicodedata.normalize("NFKC", raw)).strip()
    if _ZONED.fullmatch(text):
        return _day_from_moment(raw)
    if clocked := _CLOCK.fullmatch(text):
        found = _day_from_text(clocked["day"])
        return ParsedDate(found.value, (*found.findings, *_dropped(clocked["time"], found)))
    if iso := _ISO.fullmatch(text):
        return _made(raw, int(iso[1]), int(iso[2]), int(iso[3]), ())
    if day := _DAY.fullmatch(text):
        return _made(raw, int(day[3]), int(day[2]), int(day[1]), (_date_as_text(raw),))
    if _SHORT.fullmatch(text):
        return ParsedDate(None, (_short_year(raw),))
    return _no_date(raw)


def _day_from_moment(raw: str) -> ParsedDate:
    found = moment(raw)
    if found.value is None:
        return ParsedDate(None, found.findings)
    return date(found.value)


def _dropped(clock: str, found: ParsedDate) -> tuple[Finding, ...]:
    at_midnight = not clock.strip("0:.,")
    return () if at_midnight or found.value is None else (_time_dropped(clock),)


def _made(
    raw: object, year: int, month: int, day: int, findings: tuple[Finding, ...]
) -> ParsedDate:
    try:
        return _within(dt.date(year, month, day), findings)
    except ValueError:
        return _no_date(raw)


def _within(day: dt.date, findings: tuple[Finding, ...]) -> ParsedDate:
    if FIRST <= day <= LAST:
        return ParsedDate(day, findings)
    return ParsedDate(None, (*findings, _out_of_range(day.isoformat())))


def _serial(raw: float) -> ParsedDate:
    last = (LAST - EPOCH).days
    if not (math.isfinite(raw) and (FIRST - EPOCH).days <= raw < last + 1):
        return ParsedDate(None, (_out_of_range(repr(raw)),))
    findings = [_date_as_number(raw)]
    if raw != int(raw):
        findings.append(_time_dropped(raw))
    return ParsedDate(EPOCH + dt.timedelta(days=int(raw)), tuple(findings))


def _serial_moment(raw: float) -> ParsedMoment:
    day = _serial(raw)
    if day.value is None:
        return ParsedMoment(None, day.findings)
    # A double holds a moment of this century to about a microsecond; sheets show seconds.
    seconds = round((raw - int(raw)) * 86_400)
    at = dt.datetime.combine(day.value, dt.time()) + dt.timedelta(seconds=seconds)
    return _moment_within(at, day.findings[:1])


def _moment_from_text(raw: str) -> ParsedMoment:
    text = _SPACES.sub(" ", unicodedata.normalize("NFKC", raw)).strip()
    try:
        return _moment_within(dt.datetime.fromisoformat(text), ())
    except ValueError:
        pass
    clocked = _CLOCK.fullmatch(text)
    day = _day_from_text(clocked["day"] if clocked else text)
    if day.value is None:
        return ParsedMoment(None, day.findings)
    clock = (clocked["time"] if clocked else "0:00").replace(",", ".").zfill(5)
    if clock[1] == ":":
        clock = f"0{clock}"
    try:
        at = dt.time.fromisoformat(clock)
    except ValueError:
        return ParsedMoment(None, _no_date(raw).findings)
    return _moment_within(dt.datetime.combine(day.value, at), day.findings)


def _moment_within(at: dt.datetime, findings: tuple[Finding, ...]) -> ParsedMoment:
    if not FIRST <= at.date() <= LAST:
        return ParsedMoment(None, (*findings, _out_of_range(at.isoformat())))
    aware = at if at.tzinfo else at.replace(tzinfo=LOCAL)
    return ParsedMoment(aware.astimezone(dt.UTC), findings)


def _no_date(raw: object) -> ParsedDate:
    said = repr(raw)[:60]
    return ParsedDate(
        None,
        (
            Finding(
                "type",
                "error",
                f"không phải ngày dd/mm/yyyy: {said}",
                f"is no date dd/mm/yyyy: {said}",
            ),
        ),
    )


def _short_year(raw: str) -> Finding:
    return Finding(
        "two-digit-year",
        "error",
        f"năm phải đủ bốn chữ số (dd/mm/yyyy): {raw[:40]!r}",
        f"the year needs four digits (dd/mm/yyyy): {raw[:40]!r}",
    )


def _date_as_text(raw: str) -> Finding:
    return Finding(
        "date-as-text",
        "warning",
        f"ngày được ghi dạng chữ: {raw[:40]!r}",
        f"a date written as text: {raw[:40]!r}",
    )


def _date_as_number(raw: float) -> Finding:
    return Finding(
        "date-as-number",
        "warning",
        f"ngày được ghi dạng số thứ tự của Excel: {raw}",
        f"a date written as Excel's serial number: {raw}",
    )


def _time_dropped(raw: object) -> Finding:
    return Finding(
        "time-dropped",
        "warning",
        f"chỉ lấy ngày, bỏ giờ: {raw}",
        f"the day alone is taken, the time dropped: {raw}",
    )


def _out_of_range(said: str) -> Finding:
    return Finding(
        "date-range",
        "error",
        f"ngày ngoài khoảng 1900-2100: {said}",
        f"a date outside 1900 to 2100: {said}",
    )
