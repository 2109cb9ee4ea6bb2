"""Boxes, cameras and stations as things: what they reported, carried over every few seconds.

A detection is an event and stays one; a thing keeps counters and the last one. Carrying
states rather than events makes a busy junction one change of its twin every two seconds,
and nothing is lost if this stands still for an hour.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
import structlog

from ioc_cloud.db import twin_mirror_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.book import SYSTEM
from ioc_cloud.twin.change_thing import Change
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.models import WotModels
from ioc_cloud.twin.pointer import ROOT
from ioc_cloud.twin.request import Options
from ioc_cloud.twin.service import Writer
from ioc_models import things
from ioc_models.events import CameraCard
from ioc_models.geo import Point
from ioc_models.things import instant
from ioc_models.things.stations import Station

log = structlog.get_logger()

EVERY_S: Final = 2.0
RETRY_S: Final = 5.0
MOST: Final = 500
_ONLY_NEWS: Final = Options(if_equal="skip-minimizing-merge")
_ONLY_NEW_THINGS: Final = Options(if_none_match="*")


@dataclass
class Mirror:
    """Carries reports into things, in a thread of its own, on a connection of its own."""

    connect: Callable[[], Connection]
    writer: Writer
    models: WotModels
    stop: threading.Event

    def run(self) -> None:
        """Work until `stop` is set; the database may be away meanwhile."""
        while not self.stop.is_set():
            try:
                with self.connect() as connection:
                    while not self.stop.is_set():
                        self.once(connection)
                        self.stop.wait(EVERY_S)
            except psycopg.Error as error:  # noqa: PERF203 the loop outlives the database
                log.warning("mirror_failed", error=str(error))
                self.stop.wait(RETRY_S)

    def once(self, connection: Connection) -> int:
        """Carry over what is new; says how many things changed."""
        with connection.transaction():
            row = connection.execute(sql.SEEN).fetchone()
            seen = int(row[0]) if row else 0
            found = list(self._news(connection, seen))
            if not found:
                return 0
            jobs = [job for _, jobs in found for job in jobs]
            answers = self.writer.write(connection, jobs)
            connection.execute(sql.REMEMBER, (max(change for change, _ in found),))
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(answer, BaseException) and not _no_news(answer):
                log.warning("mirror_refused", thing_id=job.thing_id, error=str(answer))
        return sum(not isinstance(answer, BaseException) for answer in answers)

    def _news(self, connection: Connection, seen: int) -> Iterator[tuple[int, list[Change]]]:
        boxes = connection.execute(sql.CHANGED_BOXES, (seen, MOST)).fetchall()
        cameras = connection.execute(sql.CHANGED_CAMERAS, (seen, MOST)).fetchall()
        upto = _bound(connection, boxes, cameras)
        for row in boxes:
            if row[0] <= upto:
                yield row[0], self._box(row)
        for row in cameras:
            if row[0] <= upto:
                yield row[0], self._camera(row)
        stations = connection.execute(sql.OBSERVATIONS, (seen, upto)).fetchall()
        names = [row[1] for row in stations]
        known = {row[0]: row[1:] for row in connection.execute(sql.STATIONS, (names,)).fetchall()}
        for row in stations:
            yield upto, self._station(row, *known.get(row[1], (None, None)))

    def _box(self, row: tuple[Any, ...]) -> list[Change]:
        _, box, online, status_at, seen_at, boot, epoch, versions, config = row
        thing = things.edge_box(self.models.catalogue, box)
        known = {
            "online": online,
            "onlineAt": _time(status_at),
            "lastSeenAt": _time(seen_at),
            "boot": str(boot) if boot else None,
            "epoch": str(epoch) if epoch else None,
            "versions": versions,
            "configSha256": config,
        }
        return [self._made(thing), self._merge(thing["thingId"], {"status": known})]

    def _camera(self, row: tuple[Any, ...]) -> list[Change]:
        box, name, title_vi, title_en, lon, lat, simulated, state, state_at, seen_at = row[1:11]
        fps, skipped, spooled, pending, counts, event_id, event_at, event_seq = row[11:19]
        kind, commune = row[19:]
        if lon is None or lat is None:
            # Its place comes with its birth or its first event; until then no map has it.
            return []
        card = CameraCard(
            id=name,
            title_vi=title_vi,
            title_en=title_en,
            location=Point(lon=lon, lat=lat),
            simulated=simulated,
            state=state,
        )
        thing = things.camera(self.models.catalogue, box, card, commune=commune)
        health = {
            "state": state,
            "stateAt": _time(state_at),
            "lastSeenAt": _time(seen_at),
            "fps": fps,
            "skippedFrames": skipped,
            "spoolEvents": spooled,
            "evidencePending": pending,
        }
        events = {
            "counts": counts,
            "lastEventId": str(event_id) if event_id else None,
            "lastEventKind": kind,
            "lastEventAt": _time(event_at),
            "lastEventSeq": event_seq,
        }
        # What the box declares (title, place) moves with it; what people added stays.
        declared = {key: thing["attributes"][key] for key in ("titleVi", "location", "geo")}
        patch = {"attributes": declared, **_features({"health": health, "events": events})}
        return [self._made(thing), self._change(thing["thingId"], "PATCH", patch, _ONLY_NEWS)]

    def _station(
        self, row: tuple[Any, ...], thing_id: str | None, measured_at: str | None
    ) -> list[Change]:
        _, box, time, received_at, lon, lat, commune, simulated, values = row
        made = []
        if thing_id is None:
            if lon is None or lat is None:
                return []
            spec = Station(
                id=box,
                title_vi=box,
                title_en="",
                kind="other",
                at=Point(lon=lon, lat=lat),
                commune=commune,
                box=box,
                simulated=simulated,
            )
            thing = things.station(self.models.catalogue, spec)
            thing_id, made = thing["thingId"], [self._made(thing)]
        if measured_at is not None and measured_at >= instant(time):
            # The twin only moves forward; history has the event wherever it belongs.
            return made
        patch = things.measured(values, measured_at=time, received_at=received_at)
        return [*made, self._change(thing_id, "PATCH", patch, _ONLY_NEWS)]

    def _made(self, thing: dict[str, Any]) -> Change:
        return self._change(thing["thingId"], "PUT", thing, _ONLY_NEW_THINGS)

    def _merge(self, thing_id: str, features: dict[str, dict[str, Any]]) -> Change:
        return self._change(thing_id, "PATCH", _features(features), _ONLY_NEWS)

    def _change(self, thing_id: str, verb: str, value: dict[str, Any], options: Options) -> Change:
        return Change(SYSTEM, thing_id, verb, ROOT, value, options, self.models)


def _bound(connection: Connection, *found: Iterable[tuple[Any, ...]]) -> int:
    """How far this round goes: a full list may have left later changes out."""
    lists = [list(rows) for rows in found]
    full = [rows[-1][0] for rows in lists if len(rows) == MOST]
    if full:
        return int(min(full))
    row = connection.execute(sql.NEWEST).fetchone()
    return int(row[0]) if row else 0


def _features(features: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A patch of properties; null takes away what is not known any more."""
    return {"features": {name: {"properties": known} for name, known in features.items()}}


def _time(at: datetime | None) -> str | None:
    return instant(at) if at is not None else None


def _no_news(error: BaseException) -> bool:
    return isinstance(error, DittoError) and error.http == 412  # noqa: PLR2004
