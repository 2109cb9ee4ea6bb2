"""The one function that every door leads to: a batch of a feed comes in.

Everything happens in the caller's transaction: rows with their versions, what was kept out and
why, the figures. A batch is taken whole, or without its bad rows where the contract says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb

from ioc_cloud.db import feeds_sql as sql
from ioc_cloud.db.copying import copy_lines, moment, text
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import figures
from ioc_cloud.feeds.batch import Batch, Change, Placed, Receipt, Rows, written
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.check import Checked, Key, Places, Row, check
from ioc_cloud.feeds.errors import KeyReused, NothingToUndo
from ioc_cloud.feeds.figures import Source
from ioc_models.feeds import Contract, Period, TableSpec, periods

MOST_PROBLEMS: Final = 5_000
MOST_SHOWN: Final = 200


@dataclass(slots=True)
class _Table:
    """One table of a batch on its way through."""

    spec: TableSpec
    rows: Rows
    checked: Checked
    new: list[Row] = field(default_factory=list)
    changed: list[Row] = field(default_factory=list)
    same: int = 0
    versions: Mapping[Key, int] = field(default_factory=dict)
    stored: Mapping[Key, Source] = field(default_factory=dict)

    @property
    def periods(self) -> list[Period]:
        """Periods of the rows that change something."""
        return sorted({row.period for row in (*self.new, *self.changed)})


def deliver(
    connection: Connection,
    catalogue: Catalogue,
    batch: Batch,
    *,
    now: datetime,
    trial: bool = False,
) -> Receipt:
    """Take a batch.

    Args:
        connection: In the transaction that this belongs to, or in none: then in one of its own.
        catalogue: The contracts by which the batch is judged.
        batch: As it came.
        now: When it came.
        trial: Say what would become of it, and store nothing.

    Raises:
        NoSuchFeed: The feed, or one of its tables, does not exist.
        KeyReused: The idempotency key came before with other content.
    """
    with connection.transaction(force_rollback=trial):
        return _deliver(connection, catalogue, batch, now=now, trial=trial)


def _deliver(
    connection: Connection, catalogue: Catalogue, batch: Batch, *, now: datetime, trial: bool
) -> Receipt:
    feed = catalogue.feed(batch.feed)
    connection.execute(sql.LOCK, (feed.id,))
    repeated = _came_before(connection, batch)
    if repeated is not None:
        return Receipt(repeated, feed.id, "repeated", rows_in=batch.size, received_at=now)
    tables = [
        _judged(connection, catalogue, feed, catalogue.table(feed.id, name), rows, now)
        for name, rows in batch.tables.items()
    ]
    refused = not feed.partial and any(table.checked.has_errors() for table in tables)
    if not refused:
        for table in tables:
            _compare(connection, feed, table)
    receipt = _receipt(catalogue, feed, batch, tables, refused=refused, now=now)
    if trial:
        return receipt
    number = _store(connection, feed, batch, tables, receipt, now)
    for table in tables:
        renewal = figures.Renewal(catalogue, feed, table.spec, number, now)
        renewal.run(connection, table.periods, _counting(table, batch, now))
    return replace(receipt, batch=number)


def _counting(table: _Table, batch: Batch, now: datetime) -> Mapping[datetime, list[Source]]:
    """The rows of each period that count now: those stored before, and ours in their place."""
    counting = dict(table.stored)
    for row in (*table.new, *table.changed):
        counting[row.identity] = Source(
            row.area, row.cells, _as_of(row, batch, now), now, batch.provenance
        )
    found: dict[datetime, list[Source]] = {}
    for (period, _, _), source in counting.items():
        found.setdefault(period.start, []).append(source)
    return found


def _as_of(row: Row, batch: Batch, now: datetime) -> datetime:
    return batch.changed_at or min(row.period.end, now)


def _came_before(connection: Connection, batch: Batch) -> int | None:
    if batch.idempotency_key is not None:
        row = connection.execute(
            sql.BY_IDEMPOTENCY_KEY, (batch.feed, batch.idempotency_key)
        ).fetchone()
        if row is not None:
            if bytes(row[1]) != batch.content_sha256():
                raise KeyReused(batch.idempotency_key)
            return int(row[0])
    # A key says that its sender means it; without one the same bytes are the same delivery.
    elif batch.original is not None:
        digest = bytes.fromhex(batch.original.sha256)
        row = connection.execute(sql.BY_ORIGINAL, (batch.feed, digest)).fetchone()
        if row is not None:
            return int(row[0])
    return None


def _judged(
    connection: Connection,
    catalogue: Catalogue,
    feed: Contract,
    spec: TableSpec,
    rows: Rows,
    now: datetime,
) -> _Table:
    checked = check(
        spec,
        rows,
        places(catalogue, spec),
        now=now,
        before=lambda keys: stored_cells(connection, feed, spec, {key[0] for key in keys}),
        oldest=now - timedelta(days=feed.retention_days),
    )
    return _Table(spec, rows, checked)


def places(catalogue: Catalogue, spec: TableSpec) -> Places:
    """The areas that a table may speak of."""
    return Places.of({code: catalogue.areas[code].name_vi for code in catalogue.areas_of(spec)})


def stored_cells(
    connection: Connection, feed: Contract, spec: TableSpec, of: set[Period]
) -> dict[Key, Mapping[str, Any]]:
    """Cells of the rows that count in some periods."""
    by_start = {period.start: period for period in of}
    return {
        (by_start[start], area, key): cells
        for start, area, key, cells, *_ in connection.execute(
            sql.ROWS_NOW, (feed.id, spec.id, list(by_start))
        )
    }


def _compare(connection: Connection, feed: Contract, table: _Table) -> None:
    """Tell rows that are new from those that correct something and those that say nothing new."""
    of = {row.period for row in table.checked.taken}
    by_start = {period.start: period for period in of}
    asked = (feed.id, table.spec.id, list(by_start))
    table.stored = {
        (by_start[start], area, key): Source(area, cells, as_of, received_at, provenance)
        for start, area, key, cells, _, _, _, as_of, received_at, provenance in connection.execute(
            sql.ROWS_NOW, asked
        )
    }
    table.versions = {
        (by_start[start], area, key): version
        for start, area, key, version in connection.execute(sql.LAST_VERSIONS, asked)
    }
    for row in table.checked.taken:
        known = table.stored.get(row.identity)
        if known is None:
            table.new.append(row)
        elif written(known.cells) == written(row.cells):
            table.same += 1
        else:
            table.changed.append(row)


def _receipt(
    catalogue: Catalogue,
    feed: Contract,
    batch: Batch,
    tables: Sequence[_Table],
    *,
    refused: bool,
    now: datetime,
) -> Receipt:
    parked = sum(len(table.checked.parked) for table in tables)
    placed = sorted(_placed(tables), key=lambda one: one.severity)
    errors = sum(one.severity == "error" for one in placed)
    counts: dict[str, int] = {}
    for one in placed:
        counts[one.rule] = counts.get(one.rule, 0) + 1
    spoken = {(table.spec.id, row.period) for table in tables for row in table.checked.taken}
    return Receipt(
        batch=None,
        feed=feed.id,
        status="refused" if refused else "partial" if parked else "accepted",
        rows_in=batch.size - sum(table.checked.blank for table in tables),
        rows_new=sum(len(table.new) for table in tables),
        rows_changed=sum(len(table.changed) for table in tables),
        rows_same=sum(table.same for table in tables),
        rows_parked=parked,
        errors=errors,
        warnings=len(placed) - errors,
        version=max(
            (table.versions.get(row.identity, 0) + 1 for table in tables for row in table.changed),
            default=1,
        ),
        periods=tuple(sorted({str(period) for _, period in spoken})),
        missing=sum(_missing(catalogue, table) for table in tables),
        received_at=now,
        counts=counts,
        problems=tuple(placed[:MOST_SHOWN]),
        found=tuple(placed[:MOST_PROBLEMS]),
        changes=tuple(_changes(tables))[:MOST_SHOWN],
    )


def _missing(catalogue: Catalogue, table: _Table) -> int:
    grid = table.spec.grid
    lists = [key.expected for key in grid.keys]
    if not grid.expected or None in lists:
        return 0
    per_area = 1
    for values in lists:
        per_area *= len(values or ())
    periods_here = {row.period for row in table.checked.taken}
    should = len(periods_here) * len(catalogue.areas_of(table.spec)) * per_area
    there = {row.identity for row in table.checked.taken}
    there |= table.stored.keys()
    return max(0, should - len(there))


def _placed(tables: Sequence[_Table]) -> Iterator[Placed]:
    for table in tables:
        for one in table.checked.problems:
            yield Placed(
                table.spec.id,
                table.rows.number(one.row),
                table.rows.place(one.row, one.field),
                one.field,
                one.rule,
                one.dimension,
                one.severity,
                one.value,
                one.vi,
                one.en,
            )


def _changes(tables: Sequence[_Table]) -> Iterator[Change]:
    for table in tables:
        for row in table.changed:
            before = table.stored[row.identity].cells
            for spec in table.spec.figures:
                was, is_now = before.get(spec.code), row.cells[spec.code]
                if written(was) != written(is_now):
                    yield Change(
                        table.spec.id,
                        row.area,
                        str(row.period),
                        row.key,
                        spec.code,
                        was,
                        is_now,
                        table.versions[row.identity] + 1,
                    )


def _store(
    connection: Connection,
    feed: Contract,
    batch: Batch,
    tables: Sequence[_Table],
    receipt: Receipt,
    now: datetime,
) -> int:
    connection.execute(
        sql.KNOW_CONTRACT,
        (
            feed.id, feed.sha256, feed.rules_sha256, feed.version,
            Jsonb(feed.model_dump(mode="json")), now,
        ),
    )  # fmt: skip
    original = batch.original
    row = connection.execute(
        sql.ADD_BATCH,
        {
            "feed": feed.id,
            "door": batch.door,
            "provenance": batch.provenance,
            "sent_by": batch.sent_by,
            "idempotency_key": batch.idempotency_key,
            "content": batch.content_sha256(),
            "original_sha256": bytes.fromhex(original.sha256) if original else None,
            "original_name": original.name if original else None,
            "original_bytes": original.size if original else None,
            "media_type": original.media_type if original else None,
            "contract": feed.sha256,
            "status": receipt.status,
            "rows_in": receipt.rows_in,
            "rows_new": receipt.rows_new,
            "rows_changed": receipt.rows_changed,
            "rows_same": receipt.rows_same,
            "rows_parked": receipt.rows_parked,
            "controls": Jsonb(batch.controls),
            "taken": Jsonb(_taken(batch, tables)),
            "problems": Jsonb(receipt.counts),
            "changed_at": batch.changed_at,
            "received_at": now,
            "signed_by": batch.signed_by,
            "note": batch.note,
        },
    ).fetchone()
    if row is None:
        raise AssertionError("an insert that returns gives a row")
    number = int(row[0])
    if receipt.status != "refused":
        _add_rows(connection, feed, batch, tables, number, now)
    _add_parked(connection, feed, tables, number, now)
    _add_problems(connection, tables, number)
    return number


def _taken(batch: Batch, tables: Sequence[_Table]) -> dict[str, dict[str, float]]:
    """What the rows that were taken add up to, where the source gave its own total."""
    return {
        table.spec.id: {
            code: round(sum(float(row.cells[code] or 0) for row in table.checked.taken), 6)
            for code in batch.controls[table.spec.id]
            if code in table.spec.controls
        }
        for table in tables
        if table.spec.id in batch.controls
    }


def _add_rows(
    connection: Connection,
    feed: Contract,
    batch: Batch,
    tables: Sequence[_Table],
    number: int,
    now: datetime,
) -> None:
    with connection.cursor() as cursor:
        copy_lines(cursor, sql.ADD_ROWS, _row_lines(feed, batch, tables, number, now))


def _row_lines(
    feed: Contract, batch: Batch, tables: Sequence[_Table], number: int, now: datetime
) -> Iterator[str]:
    tail = f"{moment(now)}\t{batch.provenance}"
    for table in tables:
        head = f"{feed.id}\t{table.spec.id}"
        for row in (*table.new, *table.changed):
            yield (
                f"{head}\t{moment(row.period.start)}\t{row.area}\t{text(row.key)}\t"
                f"{table.versions.get(row.identity, 0) + 1}\t{row.period}\t{number}\t"
                f"{table.rows.number(row.index)}\t{text(table.rows.place(row.index))}\t"
                f"{text(written(row.cells))}\t{moment(_as_of(row, batch, now))}\t{tail}"
            )


def _add_parked(
    connection: Connection, feed: Contract, tables: Sequence[_Table], number: int, now: datetime
) -> None:
    with connection.cursor() as cursor, cursor.copy(sql.ADD_PARKED) as copy:
        for table in tables:
            for index, identity in table.checked.parked.items():
                period, area, key = identity or (None, None, None)
                raw = written(table.rows.cells[index]).replace("\\u0000", "\\ufffd")
                copy.write_row(
                    (
                        number, feed.id, table.spec.id, table.rows.number(index),
                        table.rows.place(index), area, str(period) if period else None,
                        period.start if period else None, key, raw, now,
                    )
                )  # fmt: skip


def _add_problems(connection: Connection, tables: Sequence[_Table], number: int) -> None:
    with connection.cursor() as cursor, cursor.copy(sql.ADD_PROBLEMS) as copy:
        for n, one in enumerate(_placed(tables)):
            if n == MOST_PROBLEMS:
                break
            copy.write_row(
                (
                    number, n, one.table, one.row, one.place, one.field, one.rule, one.dimension,
                    one.severity, _storable(one.value), _storable(one.vi), _storable(one.en),
                )
            )  # fmt: skip


def _storable(said: str | None) -> str | None:
    # PostgreSQL's text holds every character but this one.
    return said.replace("\0", "\ufffd") if said is not None else None


def undo(
    connection: Connection,
    catalogue: Catalogue,
    batch: int,
    *,
    by: str,
    reason: str,
    now: datetime,
) -> str:
    """Take a batch back: what counted before it counts again. Says which feed it was of.

    Raises:
        NothingToUndo: No such batch, or it counts for nothing.
    """
    with connection.transaction():
        row = connection.execute(sql.UNDO, (now, by, reason, batch)).fetchone()
        if row is None:
            raise NothingToUndo(f"batch {batch} is not there, was refused or is undone")
        feed = catalogue.feed(row[0])
        connection.execute(sql.LOCK, (feed.id,))
        touched: dict[str, list[Period]] = {}
        for table_id, start, _ in connection.execute(sql.TOUCHED, (batch,)):
            spec = catalogue.table(feed.id, table_id)
            touched.setdefault(table_id, []).append(periods.containing(start, spec.grid.period))
        for table_id, of in touched.items():
            spec = catalogue.table(feed.id, table_id)
            figures.Renewal(catalogue, feed, spec, batch, now).run(connection, sorted(of))
        return feed.id
