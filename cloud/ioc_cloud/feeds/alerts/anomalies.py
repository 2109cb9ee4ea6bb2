"""Days that stray from the profile of their kind: weekday, holiday, season.

A figure is unusual when it strays by more than the indicator's threshold, or when two of three
days in a row stray by nearly as much. Feeds that are late are not judged: a part of a day looks
like a fall.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from ioc_cloud.db import feeds_alert_sql as sql
from ioc_cloud.feeds import histories
from ioc_cloud.feeds.alerts import tuning
from ioc_cloud.feeds.alerts.book import Figure, Trouble
from ioc_cloud.feeds.alerts.ledger import Ledger, words
from ioc_cloud.feeds.alerts.thresholds import see_withdrawn, seen
from ioc_cloud.feeds.calendar import local_day
from ioc_cloud.feeds.catalogue import PROVINCE_DIGITS, Catalogue
from ioc_cloud.feeds.forecast.errors import ENOUGH_DAYS
from ioc_cloud.feeds.forecast.profile import fit_many
from ioc_cloud.feeds.histories import FloatArray, Newest
from ioc_cloud.feeds.wording import number
from ioc_models.feeds import Cadence, Contract, Indicator, TableSpec, periods
from ioc_models.feeds.contract import Words

YEARS: Final = 730
# Days at the end that are judged, and from which the profile does not learn.
JUDGED: Final = 3
# The newest day may be any of these; the days before it are looked at too.
LOOKED_AT: Final = 2 * JUDGED - 1
# An older figure than the newest days is no news.
CAME_LATE: Final = timedelta(days=JUDGED + 1)
OF_THREE: Final = 2
# Twice the threshold is a danger.
FAR: Final = 2.0
PER_CENT: Final = 100.0
WEEKDAYS: Final = (
    Words(vi="thứ Hai", en="Monday"),
    Words(vi="thứ Ba", en="Tuesday"),
    Words(vi="thứ Tư", en="Wednesday"),
    Words(vi="thứ Năm", en="Thursday"),
    Words(vi="thứ Sáu", en="Friday"),
    Words(vi="thứ Bảy", en="Saturday"),
    Words(vi="Chủ nhật", en="Sunday"),
)


@dataclass(frozen=True, slots=True)
class Daily:
    """An indicator whose days are judged."""

    feed: Contract
    table: TableSpec
    one: Indicator

    def judges(self, area: str) -> bool:
        """Whether an area's days are judged: a province's maximum is a commune's again."""
        if len(area) > PROVINCE_DIGITS or self.table.grid.areas == "province":
            return True
        return self.one.space != "max"


@dataclass(frozen=True, slots=True)
class Stray:
    """How far one day strays.

    Attributes:
        z: Standard deviations from the usual, above or below.
        often: How many of the three days up to it stray by nearly the threshold.
        usual: What was expected.
    """

    z: float
    often: int
    usual: float


@dataclass(frozen=True, slots=True)
class Found:
    """A judged day of an area, and where the area is."""

    area: str
    newest: Newest
    stray: Stray
    limit: float
    place: tuple[float, float] | None


def daily(catalogue: Catalogue) -> dict[str, Daily]:
    """Every indicator of a daily table, by its code."""
    found = {}
    for code, (feed, one) in catalogue.indicators.items():
        table = feed.table(one.table)
        if table.grid.period is Cadence.DAY:
            found[code] = Daily(feed, table, one)
    return found


def judge_anomalies(
    ledger: Ledger,
    places: Mapping[str, tuple[float, float]],
    since: datetime,
    late: frozenset[str],
) -> None:
    """Judge the days that came since a moment, but for feeds that are late."""
    judged = {code: one for code, one in daily(ledger.catalogue).items() if one.feed.id not in late}
    for one in ledger.know("anomaly"):
        see_withdrawn(ledger, one)
    limits = tuning.thresholds(ledger.connection, list(judged))
    for code, areas in _came(ledger, judged, since).items():
        watch, limit = judged[code], limits.get(code, tuning.USUAL_Z)
        for area, newest, stray in _strays(ledger, code, areas, limit):
            _judge(ledger, watch, Found(area, newest, stray, limit, places.get(area)))


def _came(ledger: Ledger, judged: Mapping[str, Daily], since: datetime) -> dict[str, list[str]]:
    """Areas of each indicator of which days came."""
    asked = {
        "feeds": sorted({one.feed.id for one in judged.values()}),
        "indicators": list(judged),
        "oldest": ledger.now - CAME_LATE,
        "since": since,
    }
    found: dict[str, set[str]] = defaultdict(set)
    for row in ledger.connection.execute(sql.CAME_SINCE, asked):
        one = seen(row)
        # A day that is not over, or a whole of which parts are missing, is less than a day.
        if one.end <= ledger.now and one.whole and judged[row[0]].judges(one.area):
            found[row[0]].add(one.area)
    return {code: sorted(areas) for code, areas in found.items()}


def _strays(
    ledger: Ledger, code: str, areas: Sequence[str], limit: float
) -> Iterator[tuple[str, Newest, Stray]]:
    """How far each area's newest day strays; areas with too short a past are left out."""
    # The last day that is over.
    last = local_day(ledger.now) - timedelta(days=1)
    start = periods.containing(last - timedelta(days=YEARS - 1), Cadence.DAY).start
    history = histories.read(ledger.connection, code, areas, start, YEARS)
    known = np.count_nonzero(~np.isnan(history.values[:, :-JUDGED]), axis=1) >= ENOUGH_DAYS
    if not known.any():
        return
    days = [last - timedelta(days=back) for back in range(YEARS - 1, -1, -1)]
    values = history.values[known]
    upper = ceiling(ledger.catalogue.indicator(code)[1], history.values)
    profiles = fit_many(days[:-JUDGED], values[:, :-JUDGED], ledger.calendar, upper=upper)
    usual, _ = profiles.expected(days[-LOOKED_AT:])
    z = profiles.residual_z(days[-LOOKED_AT:], values[:, -LOOKED_AT:])
    near = np.abs(z) > limit - tuning.PERSISTENT_LESS
    for row, area in enumerate(itertools.compress(areas, known)):
        newest = history.newest.get(area)
        if newest is None:
            continue
        at = LOOKED_AT - 1 - (last - local_day(newest.start)).days
        if not LOOKED_AT - JUDGED <= at < LOOKED_AT or np.isnan(z[row, at]):
            continue
        often = int(near[row, at - JUDGED + 1 : at + 1].sum())
        yield area, newest, Stray(float(z[row, at]), often, float(usual[row, at]))


def ceiling(one: Indicator, values: FloatArray) -> float | None:
    """What no figure exceeds: a hundred, for shares that never did."""
    full = one.unit == "%" and not np.any(values > PER_CENT)
    return PER_CENT if full else None


def _judge(ledger: Ledger, watch: Daily, found: Found) -> None:
    newest, stray = found.newest, found.stray
    figure = Figure(
        newest.value, newest.as_of, newest.received_at, newest.provenance, newest.period,
        newest.start, newest.version,
    )  # fmt: skip
    key = ("anomaly", watch.one.code, found.area)
    last = ledger.last.get(key)
    if last is not None and last.judged(figure):
        return
    if abs(stray.z) > found.limit or (
        stray.often >= OF_THREE and abs(stray.z) > found.limit - tuning.PERSISTENT_LESS
    ):
        ledger.present(
            Trouble(
                kind="anomaly",
                severity="danger" if abs(stray.z) > FAR * found.limit else "warn",
                subject=watch.one.code,
                area=found.area,
                figure=figure,
                reason=_reason(ledger, watch, found),
                feed=watch.feed.id,
                indicator=watch.one.code,
                at=found.place,
                detail={
                    "z": round(stray.z, 2),
                    "threshold": found.limit,
                    "usual": round(stray.usual, watch.one.decimals + 1),
                    "of_three": stray.often,
                    "numerator": newest.numerator,
                },
            )
        )
    elif abs(stray.z) <= found.limit - tuning.PERSISTENT_LESS:
        why = words(
            f"Ngày {newest.period} bình thường: {number(round(newest.value, watch.one.decimals))}",
            f"{newest.period} is as usual: "
            f"{number(round(newest.value, watch.one.decimals), vi=False)}",
        )
        ledger.absent(key, why, figure)


def _day(ledger: Ledger, day: date) -> Words:
    """What the calendar says of a day, for a reason."""
    if ledger.calendar.kind(day) == "swapped_working":
        return Words(vi="ngày làm bù", en="worked for another day")
    name = ledger.calendar.name_of(day)
    if name is None:
        return Words(vi="không phải ngày lễ", en="no holiday")
    return Words(vi=f"ngày lễ: {name}", en=f"holiday: {name}")


def _reason(ledger: Ledger, watch: Daily, found: Found) -> Words:
    newest, one = found.newest, watch.one
    day = local_day(newest.start)
    areas = ledger.catalogue.areas
    name = areas[found.area].name_vi if found.area in areas else found.area
    more = newest.value > found.stray.usual
    by = _by(newest.value, found.stray.usual)
    value, usual = round(newest.value, one.decimals), round(found.stray.usual, one.decimals)
    kind = _day(ledger, day)
    vi = (
        f"{one.title.vi} {number(value)} {one.unit}, {name}, {newest.period}: "
        f"{'cao' if more else 'thấp'} hơn {by.vi} so với {WEEKDAYS[day.weekday()].vi} thường "
        f"({number(usual)}); {kind.vi}"
    )
    en = (
        f"{one.title.en} {number(value, vi=False)} {one.unit}, {name}, {newest.period}: "
        f"{by.en} {'more' if more else 'less'} than a usual {WEEKDAYS[day.weekday()].en} "
        f"({number(usual, vi=False)}); {kind.en}"
    )
    return words(vi, en, simulated=newest.provenance == "simulated")


def _by(value: float, usual: float) -> Words:
    """By how much a value is off: a share, or a difference where the usual is next to nothing."""
    if abs(usual) >= 1:
        share = round(100 * abs(value - usual) / abs(usual))
        return Words(vi=f"{number(share)} %", en=f"{number(share, vi=False)} %")
    off = round(abs(value - usual), 2)
    return Words(vi=number(off), en=number(off, vi=False))
