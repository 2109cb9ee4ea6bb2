"""One batch, one transaction: events, twins, change log, parked rows."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.types.json import Json

from ioc_cloud.db import ingest_sql as sql
from ioc_cloud.db.locks import CHANGE_LOCK
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
from ioc_models.events import Rejection, ranges

# What is wrong with a row rather than with the server: bad values, broken rules,
# limits of size, a trigger's refusal, an internal error on odd geometry.
_POISON: Final = frozenset({"21", "22", "23", "54", "P0"})
_POISON_STATES: Final = frozenset({"XX000", sql.SEEN_BEFORE})


class Spool(NamedTuple):
    """One spool of one box: the space in which a seq counts."""

    box: str
    epoch: str


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
    """A batch taken apart: what may be new, what repeats, what is refused.

    Attributes:
        seqs: Of the fresh events, who holds which seq of which spool.
        rows: The fresh events as the database takes them; None when to be made anew.
        moves: What they change on cameras; None when to be made anew.
    """

    fresh: dict[str, Sighting] = field(default_factory=dict)
    seqs: dict[Spool, dict[int, str]] = field(default_factory=dict)
    repeats: list[Sighting] = field(default_factory=list)
    statuses: list[StatusNote] = field(default_factory=list)
    telemetry: list[TelemetryNote] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    rows: dict[str, str] | None = None
    moves: list[dict[str, Any]] | None = None

    def copy(self) -> "Sorted":
        """One to change, as storing does."""
        return replace(
            self,
            fresh=dict(self.fresh),
            seqs={spool: dict(held) for spool, held in self.seqs.items()},
            repeats=list(self.repeats),
            parked=list(self.parked),
        )

    def add(self, one: Sighting) -> None:
        """Take an event as fresh, unless a neighbour has its id or its seq."""
        event = one.event
        if first := self.fresh.get(event.id):
            if first.sha256 == one.sha256:
                self.repeats.append(one)
            else:
                self.refuse(one, "id_conflict", f"{event.id} came with other content")
            return
        holder = self.seqs.setdefault(_spool(one), {}).setdefault(event.seq, event.id)
        if holder is not event.id:
            self.refuse(one, "seq_conflict", f"seq {event.seq} belongs to {holder}")
            return
        self.fresh[event.id] = one

    def take_out(self, one: Sighting) -> None:
        """What was fresh here is not fresh to the database."""
        del self.fresh[one.event.id]
        del self.seqs[_spool(one)][one.event.seq]
        self.rows = self.moves = None

    def refuse(self, one: Sighting, reason: Reason, detail: str) -> None:
        """Park an event that passed the door but not its neighbours."""
        self.parked.append(park(one.topic, one.text.encode(), reason, detail))


def _spool(one: Sighting) -> Spool:
    return Spool(one.event.box, one.event.epoch)


def sort(items: Iterable[Item]) -> Sorted:
    """Find repeats and conflicts inside a batch; the first of its kind wins.

    Needs no database: a batch can be sorted while the one before is being stored.
    """
    batch = Sorted()
    for item in items:
        if isinstance(item, Sighting):
            batch.add(item)
        elif isinstance(item, StatusNote):
            batch.statuses.append(item)
        elif isinstance(item, TelemetryNote):
            batch.telemetry.append(item)
        else:
            batch.parked.append(item)
    batch.rows = _rows(batch.fresh.values())
    batch.moves = _camera_moves(batch.fresh.values())
    return batch


def store(
    connection: Connection, items: Sequence[Item], ahead: Sorted | None = None
) -> list[Receipt]:
    """Write a batch so that no row can hold back the others.

    One transaction where all rows are sound. Where the database refuses one, the
    batch is halved until the row stands alone, and that row is parked.

    Args:
        connection: Idle, in autocommit mode.
        items: The batch, oldest first.
        ahead: What `sort` says of it, where that has been asked already.

    Raises:
        psycopg.Error: The server's trouble, not a row's; nothing was written of
            what was not returned, and the call may be repeated.
    """
    batch = ahead or sort(items)
    try:
        return _store_new(connection, batch)
    except psycopg.Error as error:
        if not _blames_a_row(error):
            raise
    try:
        return _store_with_care(connection, batch.copy())
    except psycopg.Error as error:
        if not _blames_a_row(error):
            raise
        if len(items) == 1:
            return _store_with_care(connection, sort([_poisoned(items[0], error)]))
    half = len(items) // 2
    return store(connection, items[:half]) + store(connection, items[half:])


def _store_new(connection: Connection, batch: Sorted) -> list[Receipt]:
    """All in one go, in the belief that none of it is stored: the server never waits for us.

    Raises:
        psycopg.Error: Nothing was written; a row is wrong, or has been here before.
    """
    receipts = _receipts(batch)
    with connection.pipeline(), connection.transaction():
        connection.execute(sql.LOCK, (CHANGE_LOCK,))
        if batch.fresh:
            connection.execute(sql.REFUSE_SEEN, _spools(batch.seqs))
            connection.execute(sql.STORE_NEW, batch.rows or _rows(batch.fresh.values()))
        _write_twins(connection, batch)
        _write_books(connection, batch, receipts)
    return receipts


def _store_with_care(connection: Connection, batch: Sorted) -> list[Receipt]:
    """What is stored already is found and told apart first."""
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


def _set_known_aside(connection: Connection, batch: Sorted) -> None:
    """Of those whose seq came before: repeats, conflicts, and the rare innocent."""
    suspects = _seen_before(connection, batch)
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
    holders = {(box, str(epoch), seq): holder for box, epoch, seq, holder in rows}
    for one in left:
        event = one.event
        if holder := holders.get((event.box, event.epoch, event.seq)):
            batch.refuse(one, "seq_conflict", f"seq {event.seq} belongs to {holder}")
            batch.take_out(one)


def _seen_before(connection: Connection, batch: Sorted) -> list[Sighting]:
    rows = connection.execute(sql.OVERLAPS, _spools(batch.seqs)).fetchall()
    return [
        batch.fresh[holder]
        for box, epoch, seen in rows
        for seq, holder in batch.seqs[Spool(box, str(epoch))].items()
        if any(seq in part for part in seen)
    ]


def _set_repeats_aside(connection: Connection, batch: Sorted, suspects: Iterable[Sighting]) -> None:
    """Move events whose id is stored out of `fresh`: same content or a conflict."""
    asked = list(suspects)
    parameters = {
        "ids": [one.event.id for one in asked],
        "times": [one.time for one in asked],
    }
    rows = connection.execute(sql.KNOWN_IDS, parameters).fetchall()
    known = {str(identifier): sha256 for identifier, sha256 in rows}
    for one in asked:
        sha256 = known.get(one.event.id)
        if sha256 is None:
            continue
        batch.take_out(one)
        if sha256 == one.sha256:
            batch.repeats.append(one)
        else:
            batch.refuse(one, "id_conflict", f"{one.event.id} is stored with other content")


def _insert(connection: Connection, batch: Sorted) -> None:
    if not batch.fresh:
        return
    rows = batch.rows or _rows(batch.fresh.values())
    stored = connection.execute(sql.STORE, rows).fetchall()
    if len(stored) < len(batch.fresh):
        taken = {str(identifier) for (identifier,) in stored}
        left = [one for identifier, one in batch.fresh.items() if identifier not in taken]
        _set_repeats_aside(connection, batch, left)


def _rows(fresh: Collection[Sighting]) -> dict[str, str]:
    """The columns of the rows, each an array as PostgreSQL spells it."""
    events = [one.event for one in fresh]
    points = {(event.lon, event.lat) for event in events if event.lon is not None}
    plates = [event.plate for event in events]
    return {
        "ids": _texts([event.id for event in events]),
        "times": _texts([one.time.isoformat() for one in fresh]),
        "boxes": _texts([event.box for event in events]),
        "epochs": _texts([event.epoch for event in events]),
        "seqs": _numbers([event.seq for event in events]),
        "kinds": _texts([event.kind for event in events]),
        "cameras": _texts([event.camera for event in events]),
        "lons": _numbers([event.lon for event in events]),
        "lats": _numbers([event.lat for event in events]),
        "point_lons": _numbers([lon for lon, _ in points]),
        "point_lats": _numbers([lat for _, lat in points]),
        "plates": _texts(plates),
        # `plates.search_key` of a text that is upper-case letters and digits already.
        "plate_keys": _texts([plate and plate.replace("Đ", "D") for plate in plates]),
        "simulated": _truths([event.simulated for event in events]),
        "replayed": _truths([event.replayed for event in events]),
        "suspect": _truths([one.clock_suspect for one in fresh]),
        "signatures": _texts([one.signature for one in fresh]),
        "hashes": '{"\\\\x' + '","\\\\x'.join([one.sha256 for one in fresh]) + '"}',
        # The bodies go in as the boxes wrote them: parsed here, never written anew.
        "bodies": sql.BETWEEN_BODIES.join([one.text for one in fresh]),
        "between": sql.BETWEEN_BODIES,
    }


def _texts(texts: Sequence[str | None]) -> str:
    """Of checked names and texts: none holds a quote or a backslash."""
    if None in texts:
        return "{" + ",".join(["null" if text is None else f'"{text}"' for text in texts]) + "}"
    return '{"' + '","'.join(texts) + '"}' if texts else "{}"  # type: ignore[arg-type]


def _numbers(numbers: Iterable[float | None]) -> str:
    return "{" + ",".join(["null" if n is None else repr(n) for n in numbers]) + "}"


def _truths(truths: Iterable[bool]) -> str:
    return "{" + ",".join(["t" if truth else "f" for truth in truths]) + "}"


def _receipts(batch: Sorted) -> list[Receipt]:
    found = {spool: Receipt(spool, set(held)) for spool, held in batch.seqs.items() if held}
    for one in batch.repeats:
        spool = _spool(one)
        found.setdefault(spool, Receipt(spool)).ok.add(one.event.seq)
    for parked in batch.parked:
        if parked.box is not None and parked.epoch is not None and parked.seq is not None:
            spool = Spool(parked.box, str(parked.epoch))
            found.setdefault(spool, Receipt(spool)).rejected[parked.seq] = parked.reason
    return list(found.values())


def _write_twins(connection: Connection, batch: Sorted) -> None:
    for note in batch.statuses:
        _write_status(connection, note)
    moves = batch.moves if batch.moves is not None else _camera_moves(batch.fresh.values())
    if moves:
        connection.execute(sql.CAMERAS_OF_EVENTS, (Json(moves),))
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
    seen: dict[tuple[str, str], list[Sighting]] = {}
    for one in fresh:
        if one.event.camera is not None:
            seen.setdefault((one.event.box, one.event.camera), []).append(one)
    return [_camera_move(box, camera, theirs) for (box, camera), theirs in seen.items()]


def _camera_move(box: str, camera: str, sightings: Sequence[Sighting]) -> dict[str, Any]:
    newest_first = sorted(sightings, key=_time_and_seq, reverse=True)
    last = newest_first[0]
    move = {
        "box": box,
        "id": camera,
        "counts": Counter([one.event.kind for one in sightings]),
        "event_id": last.event.id,
        "event_at": last.time.isoformat(),
        "event_seq": last.event.seq,
        "seen_at": last.time.isoformat(),
        "simulated": last.event.simulated,
    }
    for one in newest_first:
        if one.event.lon is not None:
            move |= {"lon": one.event.lon, "lat": one.event.lat}
            break
    for one in newest_first:
        if one.event.state is not None:
            move |= {"state": one.event.state, "state_at": one.time.isoformat()}
            break
    return move


def _time_and_seq(one: Sighting) -> tuple[datetime, int]:
    return one.time, one.event.seq


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


def _spools(numbers: Mapping[Spool, Collection[int]]) -> dict[str, list[Any]]:
    return {
        "boxes": [spool.box for spool in numbers],
        "epochs": [spool.epoch for spool in numbers],
        "seqs": [_multirange(seqs) for seqs in numbers.values()],
    }


def _multirange(numbers: Iterable[int]) -> str:
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
