"""Questions to the twin's time series: understood, asked, answered.

The contract is upstream's unreleased one (eclipse-ditto/ditto, branch `timeseries-main` at
60c1c1ce80). One thing differs: points carry no tags here, so `filter` and `groupBy` across
things look at their present attributes.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final, LiteralString, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from ioc_cloud.db import twin_series_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin import pointer
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.ioc import paging, series_math
from ioc_cloud.twin.ioc.series_math import Fill, Value
from ioc_cloud.twin.placeholders import iso
from ioc_cloud.twin.request import timestamp

MAX_PATHS: Final = 100
# Values of one answer and one path; points that one derivative looks at.
MAX_VALUES: Final = 10_000
MAX_SCANNED: Final = 200_000
PER_BUCKET: Final = frozenset({"avg", "min", "max", "sum", "count", "first", "last", "stddev"})
WINDOWED: Final = frozenset({"derivative", "rate", "integral", "percentile"})
FILLS: Final[Mapping[str, Fill]] = {
    "null": "null", "previous": "previous", "zero": "zero", "linear": "linear",
}  # fmt: skip
UTC: Final = ZoneInfo("UTC")
_SHORT: Final = re.compile(r"(\d{1,9})([smhdw])")
_ISO: Final = re.compile(r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_HOUR: Final = timedelta(hours=1)


class Place(NamedTuple):
    """Where a page of raw points ended."""

    at: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of each path.

    Attributes:
        zone: As given; None means UTC.
    """

    paths: tuple[str, ...]
    since: datetime
    until: datetime
    step: timedelta | None = None
    aggregate: str | None = None
    fill: Fill | None = None
    zone: str | None = None
    percentile: float | None = None
    limit: int | None = None
    cursor: Place | None = None
    descending: bool | None = None

    @property
    def zone_info(self) -> ZoneInfo:
        """The zone that buckets follow."""
        return zone_info(self.zone)


def zone_info(name: str | None) -> ZoneInfo:
    """A zone by its checked name; UTC without one."""
    return ZoneInfo(name) if name else UTC


def question(asked: Mapping[str, str], paths: Sequence[str], now: datetime) -> Question:
    """A question to one thing.

    Args:
        asked: Query parameters.
        paths: Pointers into the thing.
        now: What `now` in `from` and `to` means.

    Raises:
        DittoError: It cannot be understood, or its parts do not go together.
    """
    checked_paths(paths)
    if asked.get("tagFilter"):
        raise DittoError(501, "ioc:feature.notsupported", "Points carry no tags here.")
    found = Question(
        tuple(paths),
        *_range(asked, now),
        step=step_of(asked.get("step")),
        aggregate=_one_of("agg", asked.get("agg"), PER_BUCKET | WINDOWED),
        fill=fill_of(asked.get("fill")),
        zone=zone_of(asked.get("tz")),
        percentile=_percentile(asked.get("percentile")),
        limit=_limit(asked.get("limit")),
        cursor=_opened(asked.get("cursor")),
        descending=_descending(asked.get("order")),
    )
    _check(found)
    return found


def _check(found: Question) -> None:
    shaped = found.step is not None or found.aggregate is not None or found.fill is not None
    if found.aggregate in PER_BUCKET and found.step is None:
        raise invalid(f"Aggregation '{found.aggregate}' needs 'step'.")
    if found.aggregate == "percentile" and found.percentile is None:
        raise invalid("Aggregation 'percentile' needs 'percentile' between 0 and 100.")
    if found.cursor is not None and (shaped or len(found.paths) != 1):
        raise invalid("'cursor' is for raw reads of one path.")
    if found.descending and shaped:
        raise invalid("'order=desc' is for raw reads.")
    if found.step is not None:
        check_size(found.since, found.until, found.step)


def check_size(since: datetime, until: datetime, step: timedelta) -> None:
    """See that a range has no more buckets than an answer may have.

    Raises:
        DittoError: It has.
    """
    if (until - since) / step > MAX_VALUES:
        raise invalid(f"More than {MAX_VALUES} buckets: a longer 'step' or a shorter range.")


def checked_paths(paths: Sequence[str]) -> None:
    """See that there are paths, and not too many.

    Raises:
        DittoError: There are not.
    """
    if not paths:
        raise invalid("'paths' names at least one JSON pointer.")
    if len(paths) > MAX_PATHS:
        raise invalid(f"'paths' names {len(paths)} paths, at most {MAX_PATHS} are allowed.")
    if any("\0" in path for path in paths):
        raise invalid("A path has a character that no thing has.")


def split_paths(text: str | None) -> list[str]:
    """The pointers of `paths`, each with its leading slash."""
    parts = [part.strip() for part in (text or "").split(",")]
    return [pointer.show(pointer.parse(part)) for part in parts if part]


def _range(asked: Mapping[str, str], now: datetime) -> tuple[datetime, datetime]:
    since, until = _moment("from", asked, now), _moment("to", asked, now)
    if since > until:
        raise invalid("'from' lies behind 'to'.")
    return since, until


def time_range(asked: Mapping[str, str], now: datetime) -> tuple[datetime, datetime]:
    """`from` and `to`, both by the same `now`.

    Raises:
        DittoError: One is missing or no time, or they are the wrong way round.
    """
    return _range(asked, now)


def _moment(name: str, asked: Mapping[str, str], now: datetime) -> datetime:
    text = asked.get(name, "").strip()
    if text == "now":
        return now
    # A plus that nobody escaped has become a space on its way.
    if text.startswith(("now-", "now+", "now ")):
        offset = duration(name, text[4:])
        try:
            return now - offset if text[3] == "-" else now + offset
        except OverflowError as error:
            raise invalid(f"'{name}' lies outside of all time.") from error
    found = timestamp(text, name)
    if found is None:
        raise invalid(f"'{name}' is needed: an ISO 8601 time, 'now' or 'now-24h'.")
    return found


def duration(name: str, text: str) -> timedelta:
    """`30s`, `5m`, `1h`, `1d`, `1w` or `PT1H`.

    Raises:
        DittoError: Anything else.
    """
    if short := _SHORT.fullmatch(text):
        seconds = int(short[1]) * _SECONDS[short[2]]
    elif (whole := _ISO.fullmatch(text)) and any(whole.groups()):
        days, hours, minutes, rest = (int(part or 0) for part in whole.groups())
        seconds = days * 86400 + hours * 3600 + minutes * 60 + rest
    else:
        raise invalid(f"'{name}' is a duration such as '30s', '5m', '1h', '1d' or 'PT1H'.")
    if seconds > timedelta.max.days * 86400:
        raise invalid(f"'{name}' is longer than time.")
    return timedelta(seconds=seconds)


def step_of(text: str | None) -> timedelta | None:
    """The width of a bucket.

    Raises:
        DittoError: No positive whole number of seconds.
    """
    if not text:
        return None
    step = duration("step", text.strip())
    if not step:
        raise invalid("'step' is longer than nothing.")
    return step


def fill_of(text: str | None) -> Fill | None:
    """How gaps are filled.

    Raises:
        DittoError: An unknown way.
    """
    if not text:
        return None
    if text not in FILLS:
        raise invalid(f"'fill' is one of {', '.join(FILLS)}.")
    return FILLS[text]


def zone_of(text: str | None) -> str | None:
    """A zone by its IANA name.

    Raises:
        DittoError: There is none of this name.
    """
    if not text:
        return None
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise invalid(f"'tz' is no IANA time zone: '{text[:80]}'.") from error
    return text


def _one_of(name: str, text: str | None, allowed: frozenset[str]) -> str | None:
    if not text:
        return None
    if text not in allowed:
        raise invalid(f"'{name}' is one of {', '.join(sorted(allowed))}.")
    return text


def aggregate_of(text: str | None) -> str:
    """An aggregate across things.

    Raises:
        DittoError: None, or one that needs a single thing's points in order.
    """
    found = _one_of("agg", text, PER_BUCKET)
    if found is None:
        raise invalid("Across things 'agg' is needed: raw points of many things have no end.")
    return found


def _percentile(text: str | None) -> float | None:
    if not text:
        return None
    try:
        found = float(text)
    except ValueError as error:
        raise invalid("'percentile' is a number between 0 and 100.") from error
    if not 0 <= found <= 100:  # noqa: PLR2004 hundredths
        raise invalid(f"'percentile' lies between 0 and 100, not at {text}.")
    return found


def _limit(text: str | None) -> int | None:
    if not text:
        return None
    found = paging.whole_number(text)
    if found is None or found < 1:
        raise invalid("'limit' is a whole number above 0.")
    return min(found, MAX_VALUES)


def _descending(text: str | None) -> bool | None:
    if not text:
        return None
    if text not in {"asc", "desc"}:
        raise invalid("'order' is 'asc' or 'desc'.")
    return text == "desc"


def _sealed(place: Place) -> str:
    text = orjson.dumps({"t": iso(place.at), "r": place.revision})
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _opened(cursor: str | None) -> Place | None:
    if not cursor:
        return None
    try:
        found = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        at, revision = datetime.fromisoformat(found["t"]), int(found["r"])
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise invalid("'cursor' is none that an answer has given.") from error
    if at.tzinfo is None or not 0 <= revision < 2**63:
        raise invalid("'cursor' is none that an answer has given.")
    return Place(at, revision)


def invalid(why: str) -> DittoError:
    """A question that cannot be asked."""
    return DittoError(400, "timeseries:query.invalid", why)


# --- one thing ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Series:
    """The answer for one path."""

    values: list[Value]
    more: bool | None = None
    next_cursor: str | None = None


NOTHING: Final = Series([])


def nothing(asked: Question) -> Series:
    """The answer for a path without points."""
    return Series([], more=False) if asked.aggregate is None else NOTHING


def document(text: str) -> Any:  # noqa: ANN401 JSON
    """A stored thing."""
    return orjson.loads(text)


def series(connection: Connection, thing_id: str, path: str, asked: Question) -> Series:
    """One path of one thing.

    Raises:
        DittoError: More points than an answer may look at.
    """
    where = _where(thing_id, path, asked)
    match asked.aggregate:
        case None:
            return _raw(connection, where, asked)
        case "derivative" | "rate":
            points = _points(connection, where, asked)
            return Series(series_math.derivative(points, rate=asked.aggregate == "rate"))
        case "integral":
            return Series(series_math.integral(_numbers(connection, where)))
        case "percentile" if asked.step is None:
            row = connection.execute(sql.WHOLE_RANGE_PERCENTILE, where).fetchone()
            empty = row is None or row[0] is None
            return NOTHING if empty or row is None else Series([Value(asked.since, row[0])])
        case aggregate:
            found = _buckets(connection, where, asked, aggregate)
            step = asked.step or _HOUR
            return Series(series_math.filled(found, step, asked.fill, asked.zone_info))


def _where(thing_id: str, path: str, asked: Question) -> dict[str, Any]:
    return {
        "thing": thing_id,
        "path": path,
        "from": asked.since,
        "to": asked.until,
        "step": asked.step,
        "zone": asked.zone or "UTC",
        "rank": (asked.percentile or 0.0) / 100,
        "most": MAX_VALUES + 1,
    }


def _raw(connection: Connection, where: dict[str, Any], asked: Question) -> Series:
    limit = asked.limit or MAX_VALUES
    query: LiteralString = sql.RAW_DESC if asked.descending else sql.RAW_ASC
    if asked.cursor is not None:
        query = sql.RAW_BEFORE if asked.descending else sql.RAW_AFTER
        where = {**where, "time": asked.cursor.at, "revision": asked.cursor.revision}
    rows = connection.execute(query, {**where, "most": limit + 1}).fetchall()
    more = len(rows) > limit
    values = [Value(row[0], orjson.loads(row[2])) for row in rows[:limit]]
    last = rows[limit - 1] if more else None
    return Series(values, more, _sealed(Place(last[0], last[1])) if last else None)


def _numbers(connection: Connection, where: dict[str, Any]) -> list[tuple[datetime, float]]:
    rows = connection.execute(sql.NUMBERS, {**where, "most": MAX_SCANNED + 1}).fetchall()
    if len(rows) > MAX_SCANNED:
        raise invalid(f"More than {MAX_SCANNED} points: a 'step' or a shorter range.")
    return [(row[0], row[1]) for row in rows]


def _points(
    connection: Connection, where: dict[str, Any], asked: Question
) -> list[tuple[datetime, float]]:
    """What is differenced: each bucket's last number, or every number."""
    if asked.step is None:
        return _numbers(connection, where)
    found = _buckets(connection, where, asked, "last")
    return [
        (one.at, float(one.value))
        for one in found
        if isinstance(one.value, int | float) and not isinstance(one.value, bool)
    ]


def _buckets(
    connection: Connection, where: dict[str, Any], asked: Question, aggregate: str
) -> list[Value]:
    inner = inner_hours(asked.since, asked.until, asked.step or _HOUR, asked.zone_info)
    if inner is not None and aggregate in sql.OF_HOURS:
        bound = {
            **where, "ids": [where["thing"]], "groups": [0],
            "inner_from": inner[0], "inner_to": inner[1],
        }  # fmt: skip
        rows = connection.execute(sql.groups(aggregate, hours=True), bound).fetchall()
        found = [(row[1], row[2]) for row in rows]
    else:
        rows = connection.execute(sql.buckets(aggregate), where).fetchall()
        found = [(row[0], row[1]) for row in rows]
    return [Value(at, None if text is None else orjson.loads(text)) for at, text in found]


def inner_hours(
    since: datetime, until: datetime, step: timedelta, zone: ZoneInfo
) -> tuple[datetime, datetime] | None:
    """The whole hours of a range; None where its buckets are not made of whole hours."""
    if not series_math.on_whole_hours(since, until, step, zone):
        return None
    below = until.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)
    above = since.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)
    above = above if above == since else above + _HOUR
    return (above, below) if above < below else (until, until)


# --- how it is told -------------------------------------------------------------------


def shown(thing_id: str, path: str, asked: Question, found: Series, unit: str | None) -> Any:  # noqa: ANN401 JSON
    """The answer for one path, as the contract writes it."""
    result: dict[str, Any] = about(found.values, unit)
    if found.more is not None:
        result["hasMore"] = found.more
    if found.next_cursor is not None:
        result["nextCursor"] = found.next_cursor
    return {
        "thingId": thing_id,
        "path": path,
        "query": _echo(thing_id, asked),
        "result": result,
        "data": data(found.values),
    }


def about(values: Sequence[Value], unit: str | None) -> dict[str, Any]:
    """Count and type of a series."""
    found: dict[str, Any] = {"count": len(values), "dataType": _type(values)}
    return found | ({"unit": unit} if unit else {})


def data(values: Sequence[Value]) -> list[dict[str, Any]]:
    """The values themselves."""
    return [
        {"t": iso(one.at), "v": one.value, **({"_gap": True} if one.gap else {})} for one in values
    ]


def _type(values: Sequence[Value]) -> str:
    for one in values:
        if isinstance(one.value, bool):
            return "boolean"
        if isinstance(one.value, int | float):
            return "number"
        if isinstance(one.value, str):
            return "string"
    return "null"


def _echo(thing_id: str, asked: Question) -> dict[str, Any]:
    echo: dict[str, Any] = {
        "thingId": thing_id,
        "paths": list(asked.paths),
        "from": iso(asked.since),
        "to": iso(asked.until),
        "step": iso_duration(asked.step) if asked.step else None,
        "aggregation": asked.aggregate,
        "fillStrategy": asked.fill,
        "percentile": asked.percentile,
        "timezone": asked.zone,
        "limit": asked.limit,
        "cursor": _sealed(asked.cursor) if asked.cursor else None,
        "order": None if asked.descending is None else ("desc" if asked.descending else "asc"),
    }
    return {name: value for name, value in echo.items() if value is not None}


def iso_duration(step: timedelta) -> str:
    """`PT1H30M`: hours, minutes and seconds, as upstream writes durations."""
    seconds = int(step.total_seconds())
    parts = ((seconds // 3600, "H"), (seconds % 3600 // 60, "M"), (seconds % 60, "S"))
    return "PT" + "".join(f"{number}{unit}" for number, unit in parts if number)


def in_milliseconds(answer: Any) -> Any:  # noqa: ANN401 JSON
    """`timeFormat=ms`: the times of an answer's data as milliseconds since 1970."""
    every = answer["results"] if isinstance(answer, dict) else answer
    for one in every:
        for value in one["data"]:
            value["t"] = int(datetime.fromisoformat(value["t"]).timestamp() * 1000)
    return answer
