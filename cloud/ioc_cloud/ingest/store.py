"""One batch, one transaction: events, twins, change log, parked rows."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg.types.json import Json

from ioc_cloud.db import ingest_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.events.decode import (
    Item,
    Parked,
    Reason,
    Sighting,
    StatusNote,
    TelemetryNote,
    park,
)
from ioc_models.events import CameraHealth, Event, Rejection, id_milliseconds, ranges

# From here on COPY into a staging table costs less than JSON records.
COPY_FROM: Final = 5_000
# All writers of changes queue here, so that change numbers rise in commit order.
CHANGE_LOCK: Final = 0x10C_0002
# What is wrong with a row rather than with the server: bad values, broken rules,
# limits of size, a trigger's refusal, an internal error on odd geometry.
_POISON: Final = frozenset({"21", "22", "23", "54", "P0"})
_POISON_STATES: Final = frozenset({"XX000"})


class Spool(NamedTuple):
    """One spool of one box: the space in which a seq counts."""

    box: str
    epoch: UUID


@dataclass(slots=True)
class Receipt:
    """What one spool is to be told: committed, or parked with a code."""

    spool: Spool
    ok: set[int] = field(default_factory=set)
    rejected: dict[int, str] = field(default_factory=dict)

    def rejections(self) -> tuple[Rejection, ...]:
        """Refusals but for seqs that are stored: a good copy outweighs a bad one."""
        return tuple(
            Rejection(seq=seq, code=code)
            for seq, code in sorted(self.rejected.items())
            if seq not in self.ok
        )


@dataclass(slots=True)
class Sorted:
    """A batch taken apart: what may be new, what repeats, what is refused."""

    fresh: dict[UUID, Sighting] = field(default_factory=dict)
    repeats: list[Sighting] = field(default_factory=list)
    statuses: list[StatusNote] = field(default_factory=list)
    telemetry: list[TelemetryNote] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)

    def refuse(self, sighting: Sighting, reason: Reason, detail: str) -> None:
        """Park an event that passed the door but not its neighbours."""
        self.parked.append(park(sighting.topic, sighting.text.encode(), reason, detail))


def store(connection: Connection, items: Sequence[Item]) -> list[Receipt]:
    """Write a batch so that no row can hold back the others.

    One transaction where all rows are sound. Where the database refuses one, the
    batch is halved until the row stands alone, and that row is parked.

    Raises:
        psycopg.Error: The server's trouble, not a row's; nothing was written of
            what was not returned, and the call may be repeated.
    """
    try:
        return _store_together(connection, items)
    except psycopg.Error as error:
        if not _blames_a_row(error):
            raise
        if len(items) == 1:
            poison = _poisoned(items[0], error)
            return _store_together(connection, [poison])
    half = len(items) // 2
    return store(connection, items[:half]) + store(connection, items[half:])


def _store_together(connection: Connection, items: Sequence[Item]) -> list[Receipt]:
    batch = _sort(items)
    with connection.transaction():
        connection.execute(sql.LOCK, (CHANGE_LOCK,))
        if batch.fresh:
            _set_known_aside(connection, batch)
            _insert(connection, batch)
        receipts = _receipts(batch)
        with connection.pipeline():
            _write_twins(connection, batch)
            _write_books(connection, batch, receipts)
    return receipts


def _sort(items: Iterable[Item]) -> Sorted:
    """Find repeats and conflicts inside the batch; the first of its kind wins."""
    batch = Sorted()
    by_seq: dict[tuple[str, UUID, int], UUID] = {}
    for item in items:
        if isinstance(item, Sighting):
            _sort_sighting(item, batch, by_seq)
        elif isinstance(item, StatusNote):
            batch.statuses.append(item)
        elif isinstance(item, TelemetryNote):
            batch.telemetry.append(item)
        else:
            batch.parked.append(item)
    return batch


def _sort_sighting(
    item: Sighting, batch: Sorted, by_seq: dict[tuple[str, UUID, int], UUID]
) -> None:
    event = item.event
    first = batch.fresh.get(event.id)
    if first is not None:
        if first.sha256 == item.sha256:
            batch.repeats.append(item)
        else:
            batch.refuse(item, "id_conflict", f"{event.id} came with other content")
        return
    holder = by_seq.setdefault((event.box, event.epoch, event.seq), event.id)
    if holder != event.id:
        batch.refuse(item, "seq_conflict", f"seq {event.seq} belongs to {holder}")
        return
    batch.fresh[event.id] = item


def _set_known_aside(connection: Connection, batch: Sorted) -> None:
    """Of those whose seq came before: repeats, conflicts, and the rare innocent."""
    suspects = _seen_before(connection, batch.fresh.values())
    if not suspects:
        return
    _set_repeats_aside(connection, batch, suspects)
    left = [one for one in suspects if one.event.id in batch.fresh]
    if not left:
        return
    parameters = {
        "epochs": [one.event.epoch for one in left],
        "seqs": [one.event.seq for one in left],
    }
    rows = connection.execute(sql.KNOWN_SEQS, parameters).fetchall()
    holders = {(box, epoch, seq): holder for box, epoch, seq, holder in rows}
    for one in left:
        event = one.event
        if holder := holders.get((event.box, event.epoch, event.seq)):
            batch.refuse(one, "seq_conflict", f"seq {event.seq} belongs to {holder}")
            del batch.fresh[event.id]


def _seen_before(connection: Connection, fresh: Iterable[Sighting]) -> list[Sighting]:
    sightings = list(fresh)
    numbers: dict[Spool, list[int]] = {}
    for one in sightings:
        numbers.setdefault(Spool(one.event.box, one.event.epoch), []).append(one.event.seq)
    rows = connection.execute(sql.OVERLAPS, _spools(numbers)).fetchall()
    overlaps = {Spool(box, epoch): seen for box, epoch, seen in rows}
    if not overlaps:
        return []
    return [
        one
        for one in sightings
        if any(
            one.event.seq in part
            for part in overlaps.get(Spool(one.event.box, one.event.epoch), ())
        )
    ]


def _set_repeats_aside(connection: Connection, batch: Sorted, suspects: Iterable[Sighting]) -> None:
    """Move events whose id is stored out of `fresh`: same content or a conflict."""
    asked = list(suspects)
    parameters = {
        "ids": [one.event.id for one in asked],
        "times": [one.time for one in asked],
    }
    known: dict[UUID, str] = dict(connection.execute(sql.KNOWN_IDS, parameters).fetchall())
    for one in asked:
        sha256 = known.get(one.event.id)
        if sha256 is None:
            continue
        del batch.fresh[one.event.id]
        if sha256 == one.sha256:
            batch.repeats.append(one)
        else:
            batch.refuse(one, "id_conflict", f"{one.event.id} is stored with other content")


def _insert(connection: Connection, batch: Sorted) -> None:
    if not batch.fresh:
        return
    rows = [_row(n, one) for n, one in enumerate(batch.fresh.values())]
    if len(rows) >= COPY_FROM:
        stored = _insert_staged(connection, rows, batch.fresh.values())
    else:
        bodies = (one.text for one in batch.fresh.values())
        # The body goes in as the box wrote it: parsed here, never written anew.
        text = ",".join(
            f'{_ENCODE(row)[:-1]},"body":{body}}}' for row, body in zip(rows, bodies, strict=True)
        )
        stored = connection.execute(sql.STORE_JSON, {"rows": f"[{text}]"}).fetchall()
    if len(stored) < len(rows):
        taken = {identifier for (identifier,) in stored}
        left = [one for identifier, one in batch.fresh.items() if identifier not in taken]
        _set_repeats_aside(connection, batch, left)


def _insert_staged(
    connection: Connection, rows: Sequence[dict[str, Any]], sightings: Iterable[Sighting]
) -> list[tuple[Any, ...]]:
    connection.execute(sql.STAGE)
    with connection.cursor() as cursor:
        with cursor.copy(sql.COPY_STAGE) as copy:
            for row, one in zip(rows, sightings, strict=True):
                copy.write_row((*(row[name] for name in sql.STAGED[:-1]), one.text))
        return cursor.execute(sql.STORE_STAGED).fetchall()


def _row(n: int, one: Sighting) -> dict[str, Any]:
    event = one.event
    plate = _plate(event)
    place = event.location
    return {
        "n": n,
        "id": str(event.id),
        "ms": id_milliseconds(event.id),
        "box": event.box,
        "epoch": str(event.epoch),
        "seq": event.seq,
        "kind": event.kind,
        "camera": event.camera,
        "lon": place.lon if place else None,
        "lat": place.lat if place else None,
        "plate": plate,
        # `plates.search_key` of a text that is upper-case letters and digits already.
        "plate_key": plate.replace("Đ", "D") if plate else None,
        "simulated": event.simulated,
        "replayed": event.replayed,
        "clock_suspect": one.clock_suspect,
        "signature": one.signature,
        "sha256": one.sha256,
    }


def _plate(event: Event) -> str | None:
    if event.kind != "plate":
        return None
    seen = event.data["plate"]
    return str(seen["text"]) if isinstance(seen, dict) else None


def _receipts(batch: Sorted) -> list[Receipt]:
    found: dict[Spool, Receipt] = {}
    for one in (*batch.fresh.values(), *batch.repeats):
        spool = Spool(one.event.box, one.event.epoch)
        found.setdefault(spool, Receipt(spool)).ok.add(one.event.seq)
    for parked in batch.parked:
        if parked.box is not None and parked.epoch is not None and parked.seq is not None:
            spool = Spool(parked.box, parked.epoch)
            found.setdefault(spool, Receipt(spool)).rejected[parked.seq] = parked.reason
    return list(found.values())


def _write_twins(connection: Connection, batch: Sorted) -> None:
    for note in batch.statuses:
        _write_status(connection, note)
    if cameras := _camera_moves(batch.fresh.values()):
        connection.execute(sql.CAMERAS_OF_EVENTS, (Json(cameras),))
    if batch.telemetry:
        rows = [_telemetry_row(note) for note in batch.telemetry]
        connection.execute(sql.TELEMETRY, (Json(rows),))
        newest: dict[tuple[str, str], dict[str, Any]] = {}
        for row in sorted(rows, key=lambda row: str(row["time"])):
            newest[row["box"], row["camera"]] = row
        connection.execute(sql.CAMERAS_OF_TELEMETRY, (Json(list(newest.values())),))


def _write_status(connection: Connection, note: StatusNote) -> None:
    status = note.status
    parameters = {
        "box": note.box,
        "online": status.online,
        "received_at": note.received_at,
        "boot": status.boot,
        "epoch": status.epoch,
        "versions": Json(status.versions),
        "config_sha256": status.config_sha256,
    }
    connection.execute(sql.BOX_STATUS, parameters)
    if status.online and status.cameras:
        cards = {card.id: card.model_dump(mode="json") for card in status.cameras}
        connection.execute(sql.BOX_CARDS, {"box": note.box, "cards": Json(list(cards.values()))})


def _camera_moves(fresh: Iterable[Sighting]) -> list[dict[str, Any]]:
    """What the batch's events change on each camera, folded to one row a camera."""
    moves: dict[tuple[str, str], dict[str, Any]] = {}
    newest: dict[tuple[str, str], tuple[datetime, int]] = {}
    for one in fresh:
        event = one.event
        if event.camera is None:
            continue
        name = (event.box, event.camera)
        move = moves.setdefault(name, {"box": name[0], "id": name[1], "counts": Counter()})
        move["counts"][event.kind] += 1
        if name in newest and (one.time, event.seq) <= newest[name]:
            continue
        newest[name] = (one.time, event.seq)
        move["event_id"], move["event_at"] = str(event.id), one.time.isoformat()
        move["event_seq"], move["seen_at"] = event.seq, one.time.isoformat()
        move["simulated"] = event.simulated
        if event.location is not None:
            move["lon"], move["lat"] = event.location.lon, event.location.lat
        if event.kind == "health":
            health = CameraHealth.model_validate(event.data)
            move["state"], move["state_at"] = health.state.value, one.time.isoformat()
    return list(moves.values())


def _telemetry_row(note: TelemetryNote) -> dict[str, Any]:
    row = note.telemetry.model_dump(mode="json", exclude={"v", "at"})
    at = note.telemetry.at.astimezone(timezone.utc)
    return {**row, "box": note.box, "camera": note.camera, "time": at.isoformat()}


def _write_books(connection: Connection, batch: Sorted, receipts: Iterable[Receipt]) -> None:
    """Sequences, parked rows, counts at the door, and the word that something changed."""
    arrived = {one.spool: [*one.ok, *one.rejected] for one in receipts}
    if arrived:
        connection.execute(sql.SEQUENCES, _spools(arrived))
        boxes = sorted({spool.box for spool in arrived})
        connection.execute(sql.BOXES_SEEN, {"boxes": boxes, "now": datetime.now(timezone.utc)})
    for one in batch.parked:
        connection.execute(sql.PARK, _parked_row(one))
    if batch.parked:
        count_at_door(connection, "mqtt", Counter(one.reason for one in batch.parked))
    if batch.fresh or batch.statuses or batch.telemetry:
        connection.execute(sql.NOTIFY)


def count_at_door(connection: Connection, door: str, reasons: Counter[Any]) -> None:
    """Add to the counters of refused input."""
    parameters = {"door": door, "reasons": list(reasons), "counts": list(reasons.values())}
    connection.execute(sql.COUNT_AT_DOOR, parameters)


def _parked_row(one: Parked) -> dict[str, Any]:
    return {
        "topic": one.topic,
        "box": one.box,
        "reason": one.reason,
        "detail": one.detail,
        "payload": one.payload,
        "epoch": one.epoch,
        "seq": one.seq,
    }


def _spools(numbers: dict[Spool, list[int]]) -> dict[str, list[Any]]:
    return {
        "boxes": [spool.box for spool in numbers],
        "epochs": [spool.epoch for spool in numbers],
        "seqs": [_multirange(seqs) for seqs in numbers.values()],
    }


def _multirange(numbers: Sequence[int]) -> str:
    return "{" + ",".join(f"[{low},{high}]" for low, high in ranges(numbers)) + "}"


def _blames_a_row(error: psycopg.Error) -> bool:
    state = error.sqlstate or ""
    return state[:2] in _POISON or state in _POISON_STATES


def _poisoned(item: Item, error: psycopg.Error) -> Parked:
    detail = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(item, Parked):
        # A parked row that the database refuses can only be its words about it.
        return replace(item, detail="", epoch=None, seq=None)
    payload = item.text.encode() if isinstance(item, Sighting) else item.payload
    return park(item.topic, payload, "database", detail)


_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
