"""Forecasts as screens and programs get them: with their band, their errors and their grounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from ioc_cloud.db import feeds_forecast_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.events.shown import Instant, Shown
from ioc_cloud.feeds import shown
from ioc_cloud.feeds.catalogue import PROVINCE_DIGITS, Catalogue
from ioc_cloud.feeds.shown import QualityOut, Reader, SourceOut, WordsOut
from ioc_models.feeds.contract import Words

Status = Literal["made", "too_short", "stale"]
Step = Literal["day", "hour"]


@dataclass(frozen=True, slots=True)
class Point:
    """One period ahead: what is likely, and the band that nineteen of twenty should lie in."""

    start: datetime
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """How wrong a model was over the past, from origins that saw nothing of what came after.

    Attributes:
        champion: Whether it made the forecast.
        wape: Sum of errors over sum of values, a share, an origin; None where nothing came.
        mae: Mean error, in the indicator's unit.
        inside: Share of what came that lay inside the band.
    """

    model: str
    champion: bool
    origins: Sequence[datetime]
    wape: Sequence[float | None]
    mae: Sequence[float | None]
    inside: Sequence[float | None]

    @property
    def mean_wape(self) -> float | None:
        """Over the origins where something could be compared."""
        known = [one for one in self.wape if one is not None]
        return sum(known) / len(known) if known else None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a night said of one indicator and area.

    Attributes:
        status: Whether there is a forecast, or why there is none; `reason` says it to people.
        n: Periods of history with a value.
        as_of: Of the newest figure behind it.
        provenance: Of that figure; `simulated` where any of the history is.
    """

    indicator: str
    area: str
    made_on: date
    made_at: datetime
    step: Step
    status: Status
    reason: Words | None
    model: str | None
    n: int
    since: datetime | None
    until: datetime | None
    feed: str | None
    as_of: datetime
    received_at: datetime
    provenance: str
    detail: Mapping[str, Any]
    points: Sequence[Point]
    errors: Sequence[Backtest]


def latest(
    connection: Connection, indicator: str, area: str, made_on: date | None = None
) -> Forecast | None:
    """The newest forecast, or the newest that was made on a day or before it; None without."""
    asked: dict[str, Any] = {"indicator": indicator, "area": area, "made_on": made_on}
    row = connection.execute(sql.LATEST_RUN, asked).fetchone()
    if row is None:
        return None
    code, place, day, made_at, step, status, vi, en, model, n, since, until, *rest = row
    feed, as_of, received_at, provenance, detail = rest
    asked["made_on"] = day
    return Forecast(
        indicator=code,
        area=place,
        made_on=day,
        made_at=made_at,
        step=step,
        status=status,
        reason=Words(vi=vi, en=en) if vi else None,
        model=model,
        n=n,
        since=since,
        until=until,
        feed=feed,
        as_of=as_of,
        received_at=received_at,
        provenance=provenance,
        detail=detail,
        points=[Point(*one) for one in connection.execute(sql.PERIODS, asked)],
        errors=[Backtest(*one) for one in connection.execute(sql.BACKTESTS, asked)],
    )


class PointOut(Shown):
    """One period ahead; null where a small group would show."""

    start: Instant
    value: float | None
    low: float | None
    high: float | None


class BacktestOut(Shown):
    """How wrong a model was, origin by origin."""

    model: str
    champion: bool
    origins: tuple[Instant, ...]
    wape: tuple[float | None, ...] = Field(description="Tỷ lệ / a share")
    mae: tuple[float | None, ...]
    inside: tuple[float | None, ...]
    mean_wape: float | None


class ForecastOut(Shown):
    """A forecast with its band, the errors of its like and what it stands on."""

    indicator: str
    title: WordsOut
    unit: str
    area: str
    area_name: str
    made_on: date
    made_at: Instant
    step: Step
    status: Status
    reason: WordsOut | None
    model: str | None
    n: int = Field(description="Số kỳ có số liệu / periods with a value")
    since: Instant | None
    until: Instant | None
    points: tuple[PointOut, ...]
    suppressed: bool
    errors: tuple[BacktestOut, ...]
    detail: Mapping[str, Any] = Field(
        description="Trạm nước: sóng triều, lúc mặn qua ngưỡng / waves, when limits are crossed"
    )
    simulated: bool
    decimals: int
    as_of: Instant
    received_at: Instant
    source: SourceOut
    provenance: Literal["api", "file", "manual", "derived", "simulated"]
    quality: QualityOut


def out(connection: Connection, catalogue: Catalogue, reader: Reader, one: Forecast) -> ForecastOut:
    """A forecast as a reader may see it; see first that the indicator is for them.

    Raises:
        NoSuchFeed: No contract knows the indicator any longer.
    """
    feed, indicator = catalogue.indicator(one.indicator)
    covered = (
        feed.k_min
        if indicator.persons and len(one.area) > PROVINCE_DIGITS and not reader.full(feed)
        else 0
    )
    areas = catalogue.areas
    return ForecastOut(
        indicator=one.indicator,
        title=WordsOut(vi=indicator.title.vi, en=indicator.title.en),
        unit=indicator.unit,
        area=one.area,
        area_name=areas[one.area].name_vi if one.area in areas else one.area,
        made_on=one.made_on,
        made_at=one.made_at,
        step=one.step,
        status=one.status,
        reason=WordsOut(vi=one.reason.vi, en=one.reason.en) if one.reason else None,
        model=one.model,
        n=one.n,
        since=one.since,
        until=one.until,
        points=tuple(_point(point, covered) for point in one.points),
        suppressed=any(_hidden(point, covered) for point in one.points),
        errors=tuple(_error(error) for error in one.errors),
        detail=one.detail,
        simulated=one.provenance == "simulated",
        decimals=indicator.decimals,
        as_of=one.as_of,
        received_at=one.received_at,
        source=shown.source(feed),
        provenance=one.provenance,
        quality=shown.qualities(connection).get(feed.id, QualityOut()),
    )


def _hidden(point: Point, covered: int) -> bool:
    return point.low < covered


def _point(point: Point, covered: int) -> PointOut:
    if _hidden(point, covered):
        return PointOut(start=point.start, value=None, low=None, high=None)
    return PointOut(start=point.start, value=point.value, low=point.low, high=point.high)


def _error(one: Backtest) -> BacktestOut:
    return BacktestOut(
        model=one.model,
        champion=one.champion,
        origins=tuple(one.origins),
        wape=tuple(one.wape),
        mae=tuple(one.mae),
        inside=tuple(one.inside),
        mean_wape=one.mean_wape,
    )
