"""Figures beyond the bands of their contracts.

Of figures shorter than a day, sums and means are judged over the last 24 hours, as thresholds
for rain or dust are meant; the others each by itself, none skipped where many came at once.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from ioc_cloud.db import feeds_alert_sql as sql
from ioc_cloud.feeds.alerts.book import Alert, Figure, Trouble, judge
from ioc_cloud.feeds.alerts.ledger import Ledger, words
from ioc_cloud.feeds.alerts.sop import AlertSeverity
from ioc_cloud.feeds.catalogue import PROVINCE_DIGITS, Catalogue
from ioc_cloud.feeds.wording import number
from ioc_models.feeds import Contract, Indicator, TableSpec
from ioc_models.feeds.contract import Band, Words

DAY: Final = timedelta(hours=24)
# How far back figures that come late are still judged one by one.
CAME_LATE: Final = timedelta(days=2)
# A mean of a day stands on three quarters of its hours at least.
ENOUGH: Final = 0.75
# A figure is back when it is inside twice in a row, or inside by a margin: this share of the way
# from warning to danger, or of the bound where there is one alone.
MARGIN_OF_WAY: Final = 0.1
MARGIN_OF_BOUND: Final = 0.01
CALM_TWICE: Final = 2


@dataclass(frozen=True, slots=True)
class Watch:
    """An indicator with bands, and what it is made of."""

    feed: Contract
    table: TableSpec
    one: Indicator

    @property
    def window(self) -> str | None:
        """Whether the last 24 hours are judged as a whole, and how."""
        short = self.table.grid.period.is_short
        return self.one.time if short and self.one.time in {"sum", "mean"} else None

    def judges(self, area: str, *, whole: bool) -> bool:
        """Whether a figure of an area is judged.

        A province's maximum is a commune's figure again, and a part of a whole is no whole.
        """
        if len(area) > PROVINCE_DIGITS or self.table.grid.areas == "province":
            return True
        return self.one.space != "max" and (whole or self.one.is_ratio)

    def severity(self, value: float) -> AlertSeverity | None:
        """Which band a value lies in."""
        state = self.one.state(value)
        return None if state == "ok" else state


@dataclass(frozen=True, slots=True)
class Seen:
    """A figure on its way through."""

    area: str
    figure: Figure
    end: datetime
    numerator: float | None
    whole: bool


def watched(catalogue: Catalogue) -> dict[str, Watch]:
    """Every indicator with bands, by its code."""
    return {
        code: Watch(feed, feed.table(one.table), one)
        for code, (feed, one) in catalogue.indicators.items()
        if one.warn is not None or one.danger is not None
    }


def seen(row: Sequence[Any]) -> Seen:
    """A row of `feeds_alert_sql`'s figures."""
    (
        _, area, period, start, end, version, value, numerator, covered, expected, as_of,
        received_at, provenance,
    ) = row  # fmt: skip
    return Seen(
        area=area,
        figure=Figure(value, as_of, received_at, provenance, period, start, version),
        end=end,
        numerator=numerator,
        whole=expected is None or covered >= expected,
    )


def judge_thresholds(
    ledger: Ledger, places: Mapping[str, tuple[float, float]], since: datetime
) -> None:
    """Judge every figure that came since a moment, and the newest of each."""
    watches = watched(ledger.catalogue)
    for one in ledger.know("threshold", watches):
        see_withdrawn(ledger, one)
    for code, figures in _figures(ledger, watches, since).items():
        watch = watches[code]
        for area, own in groupby(figures, key=lambda one: one.area):
            for figure in own:
                _judge(ledger, watch, figure, places.get(area))


def _figures(
    ledger: Ledger, watches: Mapping[str, Watch], since: datetime
) -> dict[str, list[Seen]]:
    """What there is to judge, by indicator, then by area and time."""
    each = [code for code, watch in watches.items() if watch.window is None]
    found: dict[str, dict[tuple[str, datetime | None], Seen]] = defaultdict(dict)
    asked = {
        "indicators": each,
        "areas": list(ledger.catalogue.areas),
        "feeds": sorted({watches[code].feed.id for code in each}),
        "oldest": ledger.now - CAME_LATE,
        "since": since,
    }
    for query in (sql.CAME_SINCE, sql.NEWEST):
        for row in ledger.connection.execute(query, asked):
            one = seen(row)
            found[row[0]][one.area, one.figure.period_start] = one
    by_code = {code: [own[key] for key in sorted(own)] for code, own in found.items()}
    by_code.update(_last_day(ledger, watches))
    return by_code


def _last_day(ledger: Ledger, watches: Mapping[str, Watch]) -> dict[str, list[Seen]]:
    """Sums and means of the 24 hours before each area's newest figure."""
    whole = {code: watch for code, watch in watches.items() if watch.window is not None}
    asked = {
        "indicators": list(whole),
        "feeds": sorted({watch.feed.id for watch in whole.values()}),
        "oldest": ledger.now - 2 * DAY,
    }
    found: dict[str, list[Seen]] = defaultdict(list)
    rows = ledger.connection.execute(sql.LATELY, asked)
    for (code, _), own in groupby(rows, key=lambda row: (row[0], row[1])):
        one = _summed(whole[code], [seen(row) for row in own])
        if one is not None:
            found[code].append(one)
    return found


def _summed(watch: Watch, figures: Sequence[Seen]) -> Seen | None:
    newest = figures[-1]
    own = [one for one in figures if one.end > newest.end - DAY]
    values = [one.figure.value for one in own if one.figure.value is not None]
    total = sum(values)
    if watch.window == "mean":
        length = newest.end - (newest.figure.period_start or newest.end)
        if len(values) * length < ENOUGH * DAY:
            return None
        total /= len(values)
    simulated = any(one.figure.provenance == "simulated" for one in own)
    figure = replace(
        newest.figure,
        value=total,
        as_of=min(one.figure.as_of for one in own),
        provenance="simulated" if simulated else "derived",
    )
    return replace(newest, figure=figure, whole=all(one.whole for one in own))


def see_withdrawn(ledger: Ledger, one: Alert) -> None:
    """An alert whose figure was taken back, with nothing newer in its place."""
    if one.finished or one.figure.period_start is None or one.indicator is None:
        return
    asked = {"indicators": [one.indicator], "areas": [one.area]}
    row = ledger.connection.execute(sql.NEWEST, asked).fetchone()
    if row is None or row[3] < one.figure.period_start:
        why = Words(vi="Số liệu đã bị thu hồi", en="The figure was withdrawn")
        ledger.absent(one.key, why)


def _judge(ledger: Ledger, watch: Watch, one: Seen, place: tuple[float, float] | None) -> None:
    value = one.figure.value
    if value is None or not watch.judges(one.area, whole=one.whole):
        return
    key = ("threshold", watch.one.code, one.area)
    last = ledger.last.get(key)
    if last is not None and last.judged(one.figure):
        return
    severity = watch.severity(value)
    if severity is not None:
        ledger.present(_trouble(ledger.catalogue, watch, one, severity, place))
    elif last is not None and last.cleared_at is None:
        _calm(ledger, watch, last, one)


def _calm(ledger: Ledger, watch: Watch, last: Alert, one: Seen) -> None:
    """A figure outside the bands: over when it is well outside, or the second in a row."""
    value, period = one.figure.value or 0.0, one.figure.period
    if last.detail.get("calm_period") == period:
        return
    calm = int(last.detail.get("calm", 0)) + 1
    if not well_back(watch.one, value) and calm < CALM_TWICE:
        # What a finished alert shows is what people saw when they finished it.
        figure = last.figure if last.finished else one.figure
        detail = {"calm": calm, "calm_period": period}
        ledger.last[last.key] = judge(ledger.connection, last, figure, detail=detail)
        return
    unit = watch.one.unit
    why = words(
        f"Đã về trong ngưỡng: {number(_rounded(watch, value))} {unit}".strip(),
        f"Back within its thresholds: {number(_rounded(watch, value), vi=False)} {unit}".strip(),
        simulated=one.figure.provenance == "simulated",
    )
    ledger.absent(last.key, why, one.figure)


def well_back(one: Indicator, value: float) -> bool:
    """Whether a value is clear of every bound, so that it does not flutter."""
    bands = [band for band in (one.warn, one.danger) if band is not None]
    return not any(_widened(band, one.warn, one.danger).holds(value) for band in bands)


def _widened(band: Band, warn: Band | None, danger: Band | None) -> Band:
    bands = [one for one in (warn, danger) if one is not None]
    above, below = band.above, band.below
    if above is not None:
        above -= _margin([one.above for one in bands if one.above is not None])
    if below is not None:
        below += _margin([one.below for one in bands if one.below is not None])
    return Band(above=above, below=below)


def _margin(bounds: Sequence[float]) -> float:
    if len(bounds) > 1:
        return MARGIN_OF_WAY * abs(bounds[1] - bounds[0])
    return MARGIN_OF_BOUND * abs(bounds[0])


def _trouble(
    catalogue: Catalogue,
    watch: Watch,
    one: Seen,
    severity: AlertSeverity,
    place: tuple[float, float] | None,
) -> Trouble:
    value = one.figure.value or 0.0
    band = watch.one.danger if severity == "danger" else watch.one.warn
    bound, over = _bound(band, value)
    return Trouble(
        kind="threshold",
        severity=severity,
        subject=watch.one.code,
        area=one.area,
        figure=one.figure,
        reason=_reason(catalogue, watch, one, severity, bound, over=over),
        feed=watch.feed.id,
        indicator=watch.one.code,
        at=place,
        detail={
            "bound": bound,
            "side": "above" if over else "below",
            "numerator": one.numerator,
            "window_h": DAY.total_seconds() / 3600 if watch.window else None,
        },
    )


def _bound(band: Band | None, value: float) -> tuple[float, bool]:
    """The bound that a value is beyond, and whether it is above it."""
    if band is not None and band.above is not None and value > band.above:
        return band.above, True
    if band is not None and band.below is not None:
        return band.below, False
    raise AssertionError("a value is judged by the band that holds it")


def _rounded(watch: Watch, value: float) -> float:
    return round(value, watch.one.decimals)


def _reason(
    catalogue: Catalogue,
    watch: Watch,
    one: Seen,
    severity: AlertSeverity,
    bound: float,
    *,
    over: bool,
) -> Words:
    name = catalogue.areas[one.area].name_vi if one.area in catalogue.areas else one.area
    value, unit = _rounded(watch, one.figure.value or 0.0), watch.one.unit
    vi = (
        f"{watch.one.title.vi} {_WINDOW_VI[watch.window]}{number(value)} {unit}, {name}, "
        f"{one.figure.period}: {'trên' if over else 'dưới'} ngưỡng {_LEVEL_VI[severity]} "
        f"{number(bound)} {unit}"
    )
    en = (
        f"{watch.one.title.en} {_WINDOW_EN[watch.window]}{number(value, vi=False)} {unit}, {name}, "
        f"{one.figure.period}: {'above' if over else 'below'} the {_LEVEL_EN[severity]} threshold "
        f"of {number(bound, vi=False)} {unit}"
    )
    return words(vi, en, simulated=one.figure.provenance == "simulated")


_WINDOW_VI: Final = {None: "", "sum": "24 giờ qua ", "mean": "trung bình 24 giờ qua "}
_WINDOW_EN: Final = {None: "", "sum": "in the last 24 hours ", "mean": "mean of 24 hours "}
_LEVEL_VI: Final = {"warn": "cảnh báo", "danger": "nguy hiểm"}
_LEVEL_EN: Final = {"warn": "warning", "danger": "danger"}


def placed(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[str, tuple[float, float]]]:
    """Where communes stand on the map, of rows of `PLACES`."""
    for code, _, lon, lat in rows:
        yield code, (lon, lat)
