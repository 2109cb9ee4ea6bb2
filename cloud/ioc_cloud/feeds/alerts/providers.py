"""Vessels that fell silent, told apart from a provider whose whole feed did.

Any table with a key `provider` is looked at. On 7 November 2025 one provider's satellite fault
made more than 500 boats look lost; an alert for each would have hidden the cause.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ioc_cloud.db import feeds_alert_sql as sql
from ioc_cloud.feeds.alerts.book import Figure, Trouble
from ioc_cloud.feeds.alerts.ledger import Ledger, words
from ioc_cloud.feeds.wording import number
from ioc_models.feeds import Contract, TableSpec, Words
from ioc_models.things.ids import PROVINCE_CODE

PROVIDER: Final = "provider"
PAST: Final = timedelta(hours=24)
USUAL_WINDOW: Final = timedelta(minutes=45)
# Half of a provider's vessels silent at once is the provider.
DOWN_SHARE: Final = 0.5
# More vessels silent than a day ago: so many at least, or this share of the tracked.
FEWEST_LOST: Final = 5
LOST_SHARE: Final = 0.1
FAR_WORSE: Final = 3


@dataclass(frozen=True, slots=True)
class Moment:
    """What a provider said of one period, its rows added up."""

    start: datetime
    period: str
    sums: Mapping[str, float]
    as_of: datetime
    received_at: datetime
    simulated: bool

    def figure(self, value: float) -> Figure:
        """As an alert keeps it."""
        provenance = "simulated" if self.simulated else "derived"
        return Figure(value, self.as_of, self.received_at, provenance, self.period, self.start, 1)


def judge_providers(ledger: Ledger) -> None:
    """Raise and clear `provider_down` and `vessel_silent`, provider by provider."""
    ledger.know("provider_down")
    ledger.know("vessel_silent")
    for feed in ledger.catalogue.feeds.values():
        for table in feed.tables:
            if PROVIDER in table.key_fields:
                _judge_table(ledger, feed, table)


def _judge_table(ledger: Ledger, feed: Contract, table: TableSpec) -> None:
    said = _said(ledger, feed, table)
    if not said:
        return
    front = max(moments[-1].start for moments in said.values())
    window = table.schedule.window or USUAL_WINDOW
    for code, moments in said.items():
        title = _title(table, code)
        down = _down(moments, front, window)
        key = ("provider_down", f"{feed.id}/{code}", PROVINCE_CODE)
        if down is None:
            why = words(f"{title.vi}: đã gửi lại", f"{title.en}: sends again")
            ledger.absent(key, why)
            _judge_silent(ledger, feed, code, title, moments)
        else:
            vessels, nothing = down
            ledger.present(
                Trouble(
                    kind="provider_down",
                    severity="danger",
                    subject=key[1],
                    area=PROVINCE_CODE,
                    figure=moments[-1].figure(vessels),
                    reason=_down_reason(title, moments[-1], vessels, nothing=nothing),
                    feed=feed.id,
                    detail=dict(moments[-1].sums),
                )
            )


def _said(ledger: Ledger, feed: Contract, table: TableSpec) -> dict[str, list[Moment]]:
    """What each provider said in the last day, oldest first."""
    place = table.key_fields.index(PROVIDER)
    asked = {"feed": feed.id, "table": table.id, "oldest": ledger.now - PAST}
    rows: dict[tuple[str, datetime], list[Sequence[Any]]] = defaultdict(list)
    for row in ledger.connection.execute(sql.PROVIDER_ROWS, asked):
        rows[row[1].split("|")[place], row[3]].append(row)
    found: dict[str, list[Moment]] = defaultdict(list)
    for (code, start), own in sorted(rows.items()):
        found[code].append(_moment(start, own))
    return found


def _moment(start: datetime, rows: Sequence[Sequence[Any]]) -> Moment:
    sums: dict[str, float] = defaultdict(float)
    for row in rows:
        for name, value in row[4].items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                sums[name] += value
    return Moment(
        start=start,
        period=rows[0][2],
        sums=sums,
        as_of=min(row[5] for row in rows),
        received_at=max(row[6] for row in rows),
        simulated=any(row[7] == "simulated" for row in rows),
    )


def _down(
    moments: Sequence[Moment], front: datetime, window: timedelta
) -> tuple[float, bool] | None:
    """How many vessels a fault hides, and whether nothing came at all; None without a fault."""
    newest = moments[-1]
    tracked = newest.sums.get("tracked", 0.0)
    if front - newest.start >= window:
        return tracked, True
    silent = newest.sums.get("provider_silent", 0.0)
    return (silent, False) if tracked and silent >= DOWN_SHARE * tracked else None


def _judge_silent(
    ledger: Ledger, feed: Contract, code: str, title: Words, moments: Sequence[Moment]
) -> None:
    newest = moments[-1]
    lost = newest.sums.get("lost_6h")
    if lost is None:
        return
    rise = lost - min(one.sums.get("lost_6h", lost) for one in moments)
    bound = max(FEWEST_LOST, LOST_SHARE * newest.sums.get("tracked", 0.0))
    key = ("vessel_silent", f"{feed.id}/{code}", PROVINCE_CODE)
    if rise >= bound:
        ledger.present(
            Trouble(
                kind="vessel_silent",
                severity="danger" if rise >= FAR_WORSE * bound else "warn",
                subject=key[1],
                area=PROVINCE_CODE,
                figure=newest.figure(lost),
                reason=words(
                    f"{title.vi}: {number(lost)} tàu mất kết nối quá 6 giờ, thêm {number(rise)} "
                    "trong 24 giờ; nhà cung cấp vẫn gửi",
                    f"{title.en}: {number(lost, vi=False)} vessels silent for over 6 hours, "
                    f"{number(rise, vi=False)} more in 24 hours; the provider still sends",
                    simulated=newest.simulated,
                ),
                feed=feed.id,
                detail={"rise": rise, "bound": bound, **newest.sums},
            )
        )
    elif rise < bound / 2:
        why = words(
            f"{title.vi}: còn {number(lost)} tàu mất kết nối",
            f"{title.en}: {number(lost, vi=False)} vessels silent",
        )
        ledger.absent(key, why, newest.figure(lost))


def _title(table: TableSpec, code: str) -> Words:
    for choice in table.field(PROVIDER).choices:
        if choice.code == code:
            return choice.title
    return Words(vi=code, en=code)


def _down_reason(title: Words, newest: Moment, vessels: float, *, nothing: bool) -> Words:
    at = newest.period
    if nothing:
        return words(
            f"Nhà cung cấp {title.vi} không gửi từ {at}; {number(vessels)} tàu không rõ vị trí, "
            "không phải tàu im lặng",
            f"Provider {title.en} has sent nothing since {at}; {number(vessels, vi=False)} "
            "vessels are unknown, not silent",
            simulated=newest.simulated,
        )
    return words(
        f"Nhà cung cấp {title.vi} mất tín hiệu của {number(vessels)} tàu cùng lúc, {at}",
        f"Provider {title.en} lost {number(vessels, vi=False)} vessels at once, {at}",
        simulated=newest.simulated,
    )
