"""Figures that nobody delivers: counted from the events of our own boxes and stations.

A period is counted once it has ended, and again when an event of it comes late. Its rows are
`derived`, or `simulated` where an event or a camera behind them is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ioc_cloud.db import feeds_door_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.batch import Batch, Provenance, Receipt, Rows
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.doors import sources
from ioc_cloud.feeds.doors.machine import deliver_once
from ioc_models.feeds import Contract, Period, TableSpec, periods
from ioc_models.feeds.contract import AREA, PERIOD, Events
from ioc_models.feeds.periods import Cadence

DOOR: Final = "events"
# Boxes send within seconds; what takes longer comes late and is counted again.
GRACE: Final = timedelta(minutes=1)
# How far back is counted at first, and how old an event may be that reopens its period.
FIRST_LOOK: Final = timedelta(hours=2)
OLDEST: Final = timedelta(days=7)
MOST_PERIODS: Final = 96
AGGREGATES: Final = ("mean", "sum", "min", "max", "last")


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Up to which change, and through which period, it has been counted."""

    change: int
    through: Period | None

    @classmethod
    def read(cls, text: str | None, cadence: Cadence) -> "_Cursor":
        if not text:
            return cls(0, None)
        change, _, period = text.partition("/")
        return cls(int(change), periods.parse(period, cadence) if period else None)

    def __str__(self) -> str:
        return f"{self.change}/{self.through or ''}"


class EventsDoor:
    """Counts and delivers what contracts ask of our own events.

    Args:
        connect: Opens a connection of a role that may read events and deliver.
        catalogue: The contracts in force.
    """

    def __init__(self, connect: Callable[[], Connection], catalogue: Catalogue) -> None:
        self._connect = connect
        self._catalogue = catalogue

    def feeds(self) -> list[str]:
        """Feeds that are counted from events."""
        return [feed.id for feed in self._catalogue.feeds.values() if feed.events]

    def due(self, now: datetime) -> list[str]:
        """Feeds to be counted now."""
        names = {_name(feed): feed for feed in self.feeds()}
        with self._connect() as connection:
            return [names[name] for name in sources.due(connection, names, now)]

    def count(self, feed_id: str, now: datetime) -> list[Receipt]:
        """Count what has ended or was reopened since the last time, and deliver it.

        Raises:
            NoSuchFeed: There is no such feed.
        """
        feed = self._catalogue.feed(feed_id)
        if feed.events is None:
            return []
        with self._connect() as connection, sources.held(connection, _name(feed.id)) as ours:
            if not ours:
                return []
            with connection.transaction():
                return self._count(connection, feed, feed.events, now)

    def _count(
        self, connection: Connection, feed: Contract, events: Events, now: datetime
    ) -> list[Receipt]:
        table = feed.table(events.table)
        before = sources.standing(connection, _name(feed.id))
        cursor = _Cursor.read(before.cursor, table.grid.period)
        row = connection.execute(sql.LAST_CHANGE).fetchone()
        change = max(int(row[0]) if row else 0, cursor.change)
        fresh = _ended(cursor, table.grid.period, now)
        late = self._reopened(connection, cursor, change, table, now)
        wanted = sorted({*fresh, *late})
        receipts = [
            receipt
            for n in range(0, len(wanted), MOST_PERIODS)
            for receipt in self._deliver(
                connection, feed, table, events, wanted[n : n + MOST_PERIODS], now
            )
        ]
        through = fresh[-1] if fresh else cursor.through
        sources.answered(
            connection, before, cursor=str(_Cursor(change, through)),
            next_at=now + events.every, now=now,
        )  # fmt: skip
        sources.told_back(before)
        return receipts

    def _reopened(
        self, connection: Connection, cursor: _Cursor, change: int, table: TableSpec, now: datetime
    ) -> set[Period]:
        if cursor.through is None:
            return set()
        asked = {"after": cursor.change, "up_to": change, "oldest": now - OLDEST}
        moments = [row[0] for row in connection.execute(sql.CAME_SINCE, asked)]
        found = {periods.containing(moment, table.grid.period) for moment in moments}
        return {period for period in found if period <= cursor.through}

    def _deliver(
        self,
        connection: Connection,
        feed: Contract,
        table: TableSpec,
        events: Events,
        wanted: Sequence[Period],
        now: datetime,
    ) -> list[Receipt]:
        counted = _QUERIES[events.query](connection, events, wanted)
        by_provenance: dict[Provenance, list[Mapping[str, Any]]] = {}
        for simulated, cells in counted:
            kept = {name: value for name, value in cells.items() if name in _names(table)}
            by_provenance.setdefault("simulated" if simulated else "derived", []).append(kept)
        receipts = []
        for provenance, rows in sorted(by_provenance.items()):
            batch = Batch(
                feed=feed.id,
                tables={table.id: Rows(rows)},
                door=DOOR,
                provenance=provenance,
                sent_by=DOOR,
            )
            begins = f"{DOOR}:{provenance}:{wanted[0]}:{wanted[-1]}:"
            receipts.append(deliver_once(connection, self._catalogue, batch, begins, now=now))
        return receipts


def _name(feed: str) -> str:
    return f"{feed}/{DOOR}"


def _names(table: TableSpec) -> frozenset[str]:
    return table.codes | {AREA, PERIOD}


def _ended(cursor: _Cursor, cadence: Cadence, now: datetime) -> list[Period]:
    """Periods that have ended since the last one that was counted."""
    last = periods.containing(now - GRACE, cadence).previous()
    if cursor.through is None:
        first = periods.containing(now - FIRST_LOOK, cadence)
    else:
        oldest = periods.containing(now - OLDEST, cadence)
        first = max(cursor.through.next(), oldest)
    found = []
    while first <= last:
        found.append(first)
        first = first.next()
    return found


Counted = Iterable[tuple[bool, dict[str, Any]]]


def _asked(wanted: Sequence[Period]) -> tuple[dict[str, Any], dict[datetime, str]]:
    spans = {"starts": [one.start for one in wanted], "ends": [one.end for one in wanted]}
    return spans, {one.start: str(one) for one in wanted}


def _traffic(connection: Connection, _events: Events, wanted: Sequence[Period]) -> Counted:
    """A row a camera and period: how long it was on, what it saw, how fast we knew."""
    spans, spelt = _asked(wanted)
    for low, area, camera, *figures, latency_s, simulated in connection.execute(
        sql.TRAFFIC, spans
    ).fetchall():
        minutes, online, vehicles, plates, suspected, events = figures
        yield (
            bool(simulated),
            {
                AREA: area,
                PERIOD: spelt[low],
                "camera": camera,
                "minutes": float(minutes),
                "minutes_online": min(float(online), float(minutes)),
                "vehicles": int(vehicles),
                "plates": plates,
                "suspected": suspected,
                "events": events,
                # A clock ahead of ours makes no event early.
                "latency_s": None if latency_s is None else round(max(float(latency_s), 0.0), 1),
            },
        )


def _stations(connection: Connection, events: Events, wanted: Sequence[Period]) -> Counted:
    """A row a station and period; a quantity may say how: `sum:rain_mm`, else it is the mean."""
    spans, spelt = _asked(wanted)
    taken = {code: _taken(said) for code, said in events.quantities.items()}
    names = sorted({name for _, name in taken.values()})
    rows: dict[tuple[datetime, str | None, str], dict[str, Any]] = {}
    simulated: dict[tuple[datetime, str | None, str], bool] = {}
    for low, area, station, name, *values, played in connection.execute(
        sql.STATIONS, {**spans, "names": names}
    ).fetchall():
        at = (low, area, station)
        row = rows.setdefault(at, {AREA: area, PERIOD: spelt[low], "station": station})
        simulated[at] = simulated.get(at, False) or bool(played)
        for code, (how, wanted_name) in taken.items():
            if wanted_name == name:
                row[code] = round(values[AGGREGATES.index(how)], 6)
    for at, row in rows.items():
        yield simulated[at], row


def _taken(said: str) -> tuple[str, str]:
    how, _, name = said.rpartition(":")
    return (how if how in AGGREGATES else "mean"), name


_QUERIES: Final[Mapping[str, Callable[[Connection, Events, Sequence[Period]], Counted]]] = {
    "traffic": _traffic,
    "stations": _stations,
}
