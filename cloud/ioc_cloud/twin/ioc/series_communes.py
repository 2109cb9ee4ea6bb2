"""Series by commune, on today's boundaries or on those of before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

import orjson

from ioc_cloud.db import twin_series_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin import pointer
from ioc_cloud.twin.access import Access, Rights
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.ioc import asked_ioc, boundaries
from ioc_cloud.twin.ioc import timeseries as ts
from ioc_cloud.twin.ioc.asked_ioc import Which, invalid, statement
from ioc_cloud.twin.ioc.boundaries import Boundaries, Counted, Moved
from ioc_cloud.twin.placeholders import iso
from ioc_cloud.twin.service import Twin

MAX_ROWS: Final = 100_000
MAX_THINGS: Final = 5_000
EVENTS: Final = "events/"
# What parts of communes add up to the whole by; a mean of parts is no mean of the whole.
ADDED: Final = frozenset({"sum", "count"})
_PLACES: Final = (("attributes", "commune"), ("attributes", "containedInPlace"),
                  ("attributes", "partOf"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """One series by commune.

    Attributes:
        path: `events/<kind>`, or a pointer into things that each stand for a commune.
    """

    path: str
    namespace: str | None
    since: datetime
    until: datetime
    step: timedelta
    aggregate: str
    zone: str
    boundaries: Boundaries


def wanted(asked: Mapping[str, str], now: datetime) -> Wanted:
    """A question from its parameters.

    Raises:
        DittoError: One that cannot be understood.
    """
    path = (asked.get("path") or "").removeprefix("/")
    events = path.startswith(EVENTS)
    if not events and not path.startswith(("features/", "attributes/")):
        raise invalid("'path' is 'events/<kind>', 'features/...' or 'attributes/...'.")
    if "\0" in path:
        raise invalid("'path' has a character that none has.")
    namespaces = asked_ioc.namespaces_of(asked)
    if not events and (namespaces is None or len(namespaces) != 1):
        raise invalid("'namespaces' names the one namespace whose things stand for communes.")
    side = asked.get("boundaries") or "today"
    if side not in {"today", "old"}:
        raise invalid("'boundaries' is 'today' or 'old'.")
    step = ts.step_of(asked.get("step") or "1d")
    aggregate = asked.get("agg") or ("count" if events else "sum")
    if aggregate not in ADDED or (events and aggregate != "count"):
        raise invalid(
            "'agg' is 'count' of events, 'sum' or 'count' of other series: only what adds up"
            " can be moved to other boundaries."
        )
    since, until = ts.time_range(asked, now)
    if step is None or (events and step % timedelta(hours=1)):
        raise invalid("'step' of events is a whole number of hours.")
    ts.check_size(since, until, step)
    return Wanted(
        path, namespaces[0] if namespaces else None, since, until, step, aggregate,
        ts.zone_of(asked.get("tz")) or "UTC", cast("Boundaries", side),
    )  # fmt: skip


@dataclass(frozen=True)
class CommuneSeries:
    """Answers for communes."""

    twin: Twin
    access: Access

    def answer(self, caller: Caller, asked: Wanted) -> dict[str, Any]:
        """A series for each commune of the wanted boundaries. Blocks.

        Raises:
            DittoError: Nothing that the caller may read.
        """
        simulated = False
        with self.twin.pool.connection() as connection:
            if asked.path.startswith(EVENTS):
                counted, simulated = _events(connection, asked)
            else:
                counted = self._of_things(connection, caller, asked)
            walk = boundaries.crosswalk(connection)
        return _shown(asked, walk, counted, simulated=simulated)

    def _of_things(self, connection: Connection, caller: Caller, asked: Wanted) -> list[Counted]:
        rights = self.access.rights(connection, caller)
        communes = self._communes(connection, rights, asked)
        path = pointer.parse(asked.path)
        allowed = [
            one for one, (policy_id, _) in communes.items()
            if (rules := rights.rules(policy_id, one)) is not None
            and rules.may_all("thing", "READ_TS", path)
        ]  # fmt: skip
        if not allowed:
            raise DittoError(
                404, "ioc:series.notfound", "No readable thing of a commune has this series."
            )
        zone = ts.zone_info(asked.zone)
        inner = ts.inner_hours(asked.since, asked.until, asked.step, zone)
        since, until = inner or (asked.until, asked.until)
        rows = connection.execute(
            sql.groups(asked.aggregate, hours=inner is not None),
            {
                "ids": allowed, "groups": list(range(len(allowed))), "path": pointer.show(path),
                "from": asked.since, "to": asked.until, "step": asked.step, "zone": asked.zone,
                "inner_from": since, "inner_to": until, "rank": 0.0, "most": MAX_ROWS + 1,
            },
        ).fetchall()  # fmt: skip
        if len(rows) > MAX_ROWS:
            raise invalid("Too many values: a longer 'step' or a shorter range.")
        return [
            Counted(at, communes[allowed[number]][1], float(orjson.loads(text)))
            for number, at, text in rows
            if text is not None
        ]

    @staticmethod
    def _communes(
        connection: Connection, rights: Rights, asked: Wanted
    ) -> dict[str, tuple[str, str | None]]:
        """Things of the namespace that say which commune they stand for, as far as may be read."""
        condition, bound = asked_ioc.where(Which(namespaces=(asked.namespace or "",)), rights)
        columns = {f"may_{number}": rights.guard(path).sql for number, path in enumerate(_PLACES)}
        rows = connection.execute(
            statement(sql.COMMUNE_THINGS.format(where=condition, **columns)),
            bound | {"most": MAX_THINGS + 1},
        ).fetchall()
        if len(rows) > MAX_THINGS:
            raise invalid(f"More than {MAX_THINGS} things stand for communes.")
        return {row[0]: (row[1], boundaries.code_of(row[2])) for row in rows}


def _events(connection: Connection, asked: Wanted) -> tuple[list[Counted], bool]:
    rows = connection.execute(
        sql.EVENTS_BY_COMMUNE,
        {
            "kind": asked.path.removeprefix(EVENTS), "from": asked.since, "to": asked.until,
            "step": asked.step, "zone": asked.zone, "most": MAX_ROWS + 1,
        },
    ).fetchall()  # fmt: skip
    if len(rows) > MAX_ROWS:
        raise invalid("Too many values: a longer 'step' or a shorter range.")
    return [Counted(at, code, value) for at, code, value, _ in rows], any(row[3] for row in rows)


def _shown(
    asked: Wanted, walk: boundaries.Crosswalk, counted: list[Counted], *, simulated: bool
) -> dict[str, Any]:
    moved = walk.moved(counted, asked.boundaries)
    by_code: dict[str | None, list[tuple[Any, Moved]]] = {}
    for (at, code), one in sorted(moved.items(), key=lambda item: (item[0][0], item[0][1] or "~")):
        by_code.setdefault(code, []).append((at, one))
    return {
        "path": asked.path,
        "boundaries": asked.boundaries,
        "aggregation": asked.aggregate,
        "step": ts.iso_duration(asked.step),
        "from": iso(asked.since),
        "to": iso(asked.until),
        "simulated": simulated,
        "total": sum(one.value for one in moved.values()),
        "communes": [_commune(walk, code, values) for code, values in by_code.items()],
    }


def _commune(
    walk: boundaries.Crosswalk, code: str | None, values: list[tuple[Any, Moved]]
) -> dict[str, Any]:
    """One commune; without a code what no commune could be told for, so sums stay whole."""
    area = walk.areas.get(code) if code is not None else None
    sources = sorted(set().union(*(one.sources for _, one in values)))
    return {
        "code": code,
        "nameVi": area.name_vi if area else None,
        "districtVi": area.district_vi if area else None,
        "approximate": any(one.approximate for _, one in values),
        "weightSource": ", ".join(sources) or None,
        "data": [{"t": iso(at), "v": one.value} for at, one in values],
    }
