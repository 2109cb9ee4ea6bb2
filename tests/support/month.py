"""A province for a month, by a clock that the test moves: what comes, what is done at night.

What comes is in `tests/data/feeds/month/`: rows that are the same every day, and incidents.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import product
from pathlib import Path
from typing import Any, Final

import yaml

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.batch import Batch, Original, Receipt, Rows
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Area, Catalogue
from ioc_cloud.feeds.deadlines import expected
from ioc_cloud.feeds.deliver import deliver, undo
from ioc_cloud.feeds.doors.json_body import JsonBody
from ioc_cloud.feeds.doors.mapping import mapped
from ioc_cloud.feeds.publish import Twin
from ioc_cloud.feeds.reminders import Notice, remind
from ioc_cloud.feeds.scores import score_nightly
from ioc_cloud.feeds.settle import settle
from ioc_models.feeds import LOCAL, Cadence, Contract, Period, TableSpec, periods

DATA: Final = Path(__file__).parents[1] / "data" / "feeds" / "month"
# The communes with melaleuca forest, which one contract names.
AREAS: Final = {
    code: Area(code, name)
    for code, name in {
        "96": "Tỉnh Cà Mau",
        "32044": "Xã Nguyễn Phích",
        "32047": "Xã U Minh",
        "32059": "Xã Khánh An",
        "32062": "Xã Khánh Lâm",
        "32104": "Xã Đá Bạc",
        "32119": "Xã Khánh Hưng",
    }.items()
}
HALF_HOUR: Final = timedelta(minutes=30)
# So long after an incident somebody may still be reminded of it.
WATCHED: Final = timedelta(days=4)
STREAMS_AT: Final = (time(6, 30), time(12, 30), time(18, 30))
Cells = dict[str, Any]


def read(name: str) -> Any:
    """A YAML file of the month."""
    return yaml.safe_load((DATA / name).read_text(encoding="utf-8"))


def moment(said: str) -> datetime:
    """`2026-02-03 00:30` in the province."""
    return datetime.strptime(said, "%Y-%m-%d %H:%M").replace(tzinfo=LOCAL)


@dataclass
class Month:
    """One simulated stretch of days.

    Attributes:
        at_each: Called whenever something was settled and every night: where alerts are judged.
        act: Called where people do something about an alert.
    """

    connection: Connection
    catalogue: Catalogue
    calendar: Calendar
    twin: Twin
    incidents: Sequence[Mapping[str, Any]]
    at_each: Callable[[Connection, datetime], None]
    act: Callable[[Connection, Mapping[str, Any], datetime], None]
    receipts: list[tuple[datetime, Receipt]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    _rows: Mapping[str, Any] = field(default_factory=lambda: read("rows.yaml"))

    # --- the clock ---------------------------------------------------------------------

    def play(self, first: date, last: date) -> None:
        """Live from the first day to the night after the last one."""
        for day in _days(first - timedelta(days=2), last):
            self._day(day, first)
        self._night(last + timedelta(days=1))

    def _day(self, day: date, first: date) -> None:
        """The days before the first one only bring what it stands on."""
        self.deliver_all(day)
        if day < first:
            return
        if day > first:
            self._night(day)
        self._settle(_at(day, time(0, 45)))
        self._remind(_at(day, time(0, 50)))
        watched = self._watched(day)
        for tick in _ticks(day):
            if tick.time() in STREAMS_AT:
                self._streams(tick)
            if self._happen(tick):
                self._settle(tick + timedelta(minutes=15))
            if tick.time() == time(19, 0):
                self._settle(tick)
                self._remind(tick)
            elif watched:
                self._remind(tick, watched)

    def _night(self, day: date) -> None:
        """At 00:40 the day before is scored."""
        now = _at(day, time(0, 40))
        before = day - timedelta(days=1)
        score_nightly(self.connection, self.catalogue, self.calendar, before, now)
        self.at_each(self.connection, now)

    def _settle(self, now: datetime) -> None:
        settle(self.connection, self.catalogue, self.calendar, self.twin, now)
        self.at_each(self.connection, now)

    def _remind(self, now: datetime, feeds: Sequence[str] | None = None) -> None:
        named = self.catalogue.feeds if feeds is None else feeds
        some = Catalogue({name: self.catalogue.feed(name) for name in named}, AREAS)
        self.notices += remind(self.connection, some, self.calendar, now)

    def _watched(self, day: date) -> list[str]:
        """Feeds in trouble: whom to remind is asked every half hour."""
        troubled = {
            one["feed"] for one in self.incidents
            if one["kind"] in {"silent", "renamed", "maintenance"}
            and moment(one["at"]).date() <= day <= moment(one["at"]).date() + WATCHED
        }  # fmt: skip
        return sorted(troubled)

    # --- what comes by itself ------------------------------------------------------------

    def deliver_before(self, at: datetime, *cadences: Cadence) -> None:
        """The periods of some lengths that ended last before a moment, of every feed."""
        for feed in self.catalogue.feeds.values():
            tables = {
                table.id: self._of(
                    feed, table, periods.containing(at, table.grid.period).previous()
                )
                for table in feed.tables
                if table.grid.period in cadences
            }
            if tables:
                self._deliver(feed, tables, at)

    def deliver_all(self, day: date) -> None:
        """At half past midnight: what is new since the night before."""
        now = _at(day, time(0, 30))
        for feed in self.catalogue.feeds.values():
            tables = {
                table.id: self._of(feed, table, period)
                for table in feed.tables
                if (period := self._new(table, day, now)) is not None
                and not self._silent(feed, table, now)
            }
            self._deliver(feed, self._bent(feed, tables, now), now)

    def _new(self, table: TableSpec, day: date, now: datetime) -> Period | None:
        cadence, schedule = table.grid.period, table.schedule
        if cadence.is_short:
            return _ended(table, now)
        if cadence is Cadence.DAY:
            early = schedule.by is not None and schedule.days_after == 0
            period = periods.containing(day if early else day - timedelta(days=1), cadence)
            return period if expected(period, schedule, self.calendar) else None
        period = periods.containing(day, cadence)
        return period.previous() if period.first_day == day else None

    def _streams(self, now: datetime) -> None:
        for feed in self.catalogue.feeds.values():
            tables = {
                table.id: self._of(
                    feed, table, periods.containing(now, table.grid.period).previous()
                )
                for table in feed.tables
                if table.grid.period.is_short and not self._silent(feed, table, now)
            }
            self._deliver(feed, tables, now)

    def _of(self, feed: Contract, table: TableSpec, period: Period) -> list[Cells]:
        said = self._rows[feed.id][table.id]
        areas = said.get("areas") or self.catalogue.areas_of(table)
        keys = [part.expected for part in table.grid.keys]
        listed = [] if None in keys else [list(values or ()) for values in keys]
        return [
            {
                "area": area,
                "period": str(period),
                **dict(zip(table.key_fields, key, strict=False)),
                **{name: _figure(value, period) for name, value in row.items()},
            }
            for area in areas
            for key in product(*listed)
            for row in said["rows"]
        ]

    def _deliver(
        self, feed: Contract, tables: Mapping[str, list[Cells]], now: datetime, **said: Any
    ) -> Receipt | None:
        if not tables:
            return None
        known = {"door": "rest", "provenance": "simulated", "sent_by": "month"}
        rows = {name: Rows(of) if isinstance(of, list) else of for name, of in tables.items()}
        batch = Batch(feed.id, rows, **{**known, **said})
        receipt = deliver(self.connection, self.catalogue, batch, now=now)
        self.receipts.append((now, receipt))
        return receipt

    # --- what goes wrong ------------------------------------------------------------------

    def _at(self, now: datetime, feed: str | None = None) -> Iterator[Mapping[str, Any]]:
        for one in self.incidents:
            if moment(one["at"]) == now and feed in {None, one["feed"]}:
                yield one

    def _silent(self, feed: Contract, table: TableSpec, now: datetime) -> bool:
        return any(
            one["kind"] == "silent" and one["table"] == table.id for one in self._at(now, feed.id)
        )

    def _bent(
        self, feed: Contract, tables: dict[str, list[Cells]], now: datetime
    ) -> Mapping[str, list[Cells]]:
        """The regular delivery with the incidents of its hour; those that replace it deliver."""
        for one in self._at(now, feed.id):
            match one["kind"]:
                case "wrong":
                    _same(tables[one["table"]], one).update(one["cells"])
                case "renamed":
                    self._renamed(feed, tables.pop(one["table"]), now)
                case "control":
                    self._deliver(feed, tables, now, controls={one["table"]: one["totals"]})
                    return {}
                case "twice":
                    said = _twice(one)
                    for _ in range(2):
                        self._deliver(feed, tables, now, **said)
                    return {}
        return tables

    def _renamed(self, feed: Contract, rows: list[Cells], now: datetime) -> None:
        """The source's own answer, read as its contract maps it, with one name changed."""
        daily = [
            {
                "ma_xa": row["area"],
                "date": row["period"],
                "luot_kham": row["visits"],
                "noi_tru": row["inpatients"],
                "giuong": row["beds"],
                "benh": {"A97": row["dengue"], "B08": row["hfmd"]},
            }
            for row in rows
        ]
        answer = {"data": {"daily": daily, "monthly": [], "totals": {"visits": 600}}}
        assert feed.pull is not None
        found = mapped(feed, feed.pull, [JsonBody(answer)])
        assert found.drifted
        batch = Batch(feed.id, found.tables, "pull", "simulated", "month", controls=found.controls)
        receipt = deliver(self.connection, self.catalogue, batch, now=now)
        self.receipts.append((now, receipt))

    def _happen(self, now: datetime) -> bool:
        """Incidents at their own hour; says whether any delivered."""
        regular = now.time() == time(0, 30)
        found = [one for one in self._at(now) if one["kind"] in _OF_ITS_OWN] if not regular else []
        for one in found:
            feed = self.catalogue.feed(one["feed"])
            match one["kind"]:
                case "deliver" | "deliver_wrong" | "wrong_batch":
                    self._bring(feed, one, now)
                case "undo":
                    number = next(
                        receipt.batch for _, receipt in reversed(self.receipts)
                        if receipt.feed == feed.id
                    )  # fmt: skip
                    assert number is not None
                    undo(
                        self.connection, self.catalogue, number,
                        by="owner", reason="sửa nhầm", now=now,
                    )  # fmt: skip
                case "maintenance":
                    self._maintain(one, now)
                case "taken" | "done":
                    self.act(self.connection, one, now)
        return any(one["kind"] not in _NO_DELIVERY for one in found)

    def _bring(self, feed: Contract, one: Mapping[str, Any], now: datetime) -> None:
        """Some rows of a period at an hour of their own: all, all with one wrong, or one."""
        table = feed.table(one["table"])
        period = periods.parse(str(one["period"]), table.grid.period)
        rows = self._of(feed, table, period)
        if "key" in one:
            row = _same(rows, one)
            row.update(one.get("cells", {}))
            rows = rows if one["kind"] == "deliver_wrong" else [row]
        self._deliver(feed, {table.id: rows}, now)

    def _maintain(self, one: Mapping[str, Any], now: datetime) -> None:
        self.connection.execute(
            "insert into feed_maintenance"
            " (feed, starts_at, ends_at, reason, entered_by, entered_at)"
            " values (%s, %s, %s, 'Nâng cấp', 'steward', %s)",
            (one["feed"], moment(one["from"]), moment(one["until"]), now),
        )


_NO_DELIVERY: Final = frozenset({"maintenance", "taken", "done"})
_OF_ITS_OWN: Final = _NO_DELIVERY | {"deliver", "deliver_wrong", "wrong_batch", "undo"}


def _ended(table: TableSpec, now: datetime) -> Period:
    """The last period of a table that is over."""
    return periods.containing(now, table.grid.period).previous()


def _same(rows: list[Cells], one: Mapping[str, Any]) -> Cells:
    """The row that an incident is about."""
    wanted = {"area": one["area"], **one["key"]}
    return next(row for row in rows if wanted.items() <= row.items())


def _twice(one: Mapping[str, Any]) -> dict[str, Any]:
    if one["by"] == "key":
        return {"idempotency_key": f"{one['feed']} {one['at']}"}
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return {
        "door": "upload",
        "provenance": "simulated",
        "original": Original("bao-cao.xlsx", sheet, "ab" * 32, 4096),
    }


def _figure(value: Any, period: Period) -> Any:
    if value == "DAY_OF_YEAR":
        return period.number
    return 100 * period.number if value == "HUNDRED_A_MONTH" else value


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, LOCAL)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _ticks(day: date) -> list[datetime]:
    """Every half hour after what is done at night."""
    return [_at(day, time()) + n * HALF_HOUR for n in range(2, 48)]
