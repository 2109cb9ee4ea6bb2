"""One table's four measures on one day, with the cells that lowered them.

What is measured is what fell due (see `dues`): which questions its values answered well, how
much of its grid is there, how many of its rows came tidy, how late it came.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Final, Literal

from ioc_cloud.db import feeds_score_sql as sql
from ioc_cloud.db import feeds_sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import deadlines
from ioc_cloud.feeds.batch import Rows
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.check import Checked, check, correctness
from ioc_cloud.feeds.deadlines import Span
from ioc_cloud.feeds.deliver import places, stored_cells
from ioc_cloud.feeds.dues import Due, Key, Plan
from ioc_cloud.feeds.rows import period_of
from ioc_cloud.feeds.wording import number
from ioc_models.feeds import LOCAL, Cadence, NotAPeriod, Period, periods
from ioc_models.feeds.contract import AREA, PERIOD

Dimension = Literal["correct", "complete", "clean", "live"]
ANY: Final[Key] = ("", "")
# A stream whose keys no contract lists is expected to go on where it spoke within this time.
HEARD: Final = timedelta(days=7)
DEFAULT_WINDOW: Final = timedelta(hours=1)
# What an area or a key is called that could not be read.
UNREAD: Final = "?"


@dataclass(frozen=True, slots=True)
class Cell:
    """What lowered a score."""

    dimension: Dimension
    table: str
    rule: str
    vi: str
    en: str
    area: str | None = None
    period: str | None = None
    key: str | None = None
    field: str | None = None
    value: str | None = None
    batch: int | None = None
    place: str = ""


@dataclass(slots=True)
class Measured:
    """What became of one table.

    Attributes:
        passed: Weight of the questions answered well, before control totals.
        control: What control totals leave of it, 0 to 1; None where there were none.
        expected: Required cells of the grid; None where nobody can know.
        alive: Sum of liveness over `keys`.
        failures: How many cells, rows or keys lowered each score, whether listed or not.
    """

    dues: Sequence[Due]
    passed: float = 0
    asked: float = 0
    control: float | None = None
    received: int = 0
    expected: int | None = None
    rows_expected: int | None = None
    dirty: int = 0
    rows: int = 0
    alive: float = 0
    keys: int = 0
    cells: list[Cell] = field(default_factory=list)
    failures: Counter[Dimension] = field(default_factory=Counter)

    def fail(self, cell: Cell, n: int = 1) -> None:
        """Note what lowered a score; one cell may stand for `n`."""
        self.failures[cell.dimension] += n
        self.cells.append(cell)


@dataclass(frozen=True, slots=True)
class Stored:
    """A row as it lies: one that counts, or one that was kept out."""

    batch: int
    row: int
    place: str
    period: Period | None
    area: str | None
    key: str
    cells: Mapping[str, Any]

    @property
    def identity(self) -> tuple[Period | None, str, str]:
        """What a later row must share to take its place: its key, or else its line."""
        if self.area is None:
            return self.period, UNREAD, str(self.row)
        return self.period, self.area, self.key


@dataclass(frozen=True)
class Table:
    """A table on a day.

    Attributes:
        at: Up to when the day is judged: its end, or now while it runs.
        suspended: Maintenance.
    """

    connection: Connection
    catalogue: Catalogue
    plan: Plan
    day: date
    at: datetime
    suspended: Sequence[Span]

    @cached_property
    def dues(self) -> list[Due]:
        """What the day answers for."""
        return self.plan.on(self.day)

    @cached_property
    def asked(self) -> dict[str, Any]:
        """What every question to the database names."""
        return {
            "feed": self.plan.feed.id,
            "tbl": self.plan.table.id,
            "starts": [one.period.start for one in self.dues],
        }

    @cached_property
    def keys(self) -> list[Key] | None:
        """Keys of the rows that a period should have."""
        return self.plan.keys(self.catalogue)

    @cached_property
    def rows(self) -> list[Stored]:
        """The rows that count."""
        by_start = {one.period.start: one.period for one in self.dues}
        asked = (self.plan.feed.id, self.plan.table.id, list(by_start))
        return [
            Stored(batch, row, place, by_start[start], area, key, cells)
            for start, area, key, cells, batch, row, place, *_ in self.connection.execute(
                feeds_sql.ROWS_NOW, asked
            )
        ]

    @cached_property
    def parked(self) -> list[Stored]:
        """The rows that were kept out and that nothing came in place of since."""
        newest: dict[tuple[Period | None, str, str], int] = {}
        found = list(self._kept_out())
        for one in found:
            newest[one.identity] = max(one.batch, newest.get(one.identity, 0))
        for row in self.rows:
            line = str(row.row)
            for same in (row.identity, (row.period, UNREAD, line), (None, UNREAD, line)):
                newest[same] = max(row.batch, newest.get(same, 0))
        return [one for one in found if newest[one.identity] == one.batch]

    def _kept_out(self) -> Iterator[Stored]:
        local = periods.containing(self.day, Cadence.DAY)
        by_start = {one.period.start: one.period for one in self.dues}
        bounds = {"since": min([*by_start, local.start]), "until": local.end + HEARD}
        for batch, row, place, start, area, key, raw, received_at in self.connection.execute(
            sql.PARKED, {**self.asked, **bounds}
        ):
            period = by_start.get(start) if start is not None else self._said(raw)
            if period is None and not local.start <= received_at < local.end:
                continue
            if period is None or period.start in by_start:
                known = area if area in self.catalogue.areas else None
                yield Stored(batch, row, place, period, known, key or "", raw)

    def _said(self, raw: Mapping[str, Any]) -> Period | None:
        try:
            return period_of(raw.get(PERIOD), self.plan.table.grid.period)[0]
        except NotAPeriod:
            return None

    def is_open(self, one: Due) -> bool:
        """Whether what is missing of a period is not to be asked for yet.

        It is not due, or has been due in maintenance alone.
        """
        if one.due_at > self.at:
            return True
        if self.plan.is_stream:
            during = (one.period.start, one.period.end)
            return deadlines.overlap(during, self.suspended) > timedelta(0)
        late = self.at - one.due_at
        return late <= deadlines.overlap((one.due_at, self.at), self.suspended)


def measure(table: Table) -> Measured:
    """Take a table's four measures."""
    found = Measured(table.dues)
    found.rows = len(table.rows) + len(table.parked)
    _correct(table, found)
    _complete(table, found)
    _clean(table, found)
    if table.plan.is_stream:
        _fresh(table, found)
    else:
        _in_time(table, found)
    return found


# --- correct -------------------------------------------------------------------------


def _correct(table: Table, found: Measured) -> None:
    for rows in filter(None, (table.rows, table.parked)):
        checked = _judged(table, rows)
        passed, asked = correctness(table.plan.table, checked)
        found.passed += passed
        found.asked += asked
        for one in checked.problems:
            if one.dimension == "correct":
                row = rows[one.row]
                found.fail(
                    _cell("correct", table, row, one.rule, (one.vi, one.en), one.field, one.value)
                )
    _control(table, found)


def _judged(table: Table, rows: Sequence[Stored]) -> Checked:
    plan = table.plan
    return check(
        plan.table,
        Rows([_as_it_came(row) for row in rows]),
        places(table.catalogue, plan.table),
        now=table.at,
        before=lambda keys: stored_cells(
            table.connection, plan.feed, plan.table, {key[0] for key in keys}
        ),
    )


def _as_it_came(row: Stored) -> Mapping[str, Any]:
    """A row that counts gets back its area and period; one kept out still has them as it came."""
    if AREA in row.cells or PERIOD in row.cells or row.period is None:
        return row.cells
    return {**row.cells, AREA: row.area, PERIOD: str(row.period)}


def _control(table: Table, found: Measured) -> None:
    """Compare what was taken with what the source counted.

    Of each period the batch that spoke last: where it gave no totals, none are asked for.
    """
    latest: dict[Period | None, int] = {}
    for row in table.rows:
        latest[row.period] = max(row.batch, latest.get(row.period, 0))
    if not table.plan.table.controls or not latest:
        return
    asked = {"batches": sorted(set(latest.values())), "tbl": table.plan.table.id}
    said: dict[str, float] = defaultdict(float)
    off: dict[str, float] = defaultdict(float)
    for controls, taken in table.connection.execute(sql.CONTROLS, asked):
        for name, total in taken.items():
            said[name] += abs(controls[name])
            off[name] += abs(total - controls[name])
            if total != controls[name]:
                vi, en = number(total), number(total, vi=False)
                source_vi, source_en = number(controls[name]), number(controls[name], vi=False)
                found.fail(
                    Cell(
                        "correct", table.plan.table.id, "control",
                        f"cộng được {vi}, nguồn ghi tổng {source_vi}",
                        f"adds up to {en}, the source's total is {source_en}",
                        field=name, value=vi,
                    )
                )  # fmt: skip
    if said:
        found.control = min(
            max(0.0, 1 - off[name] / said[name]) if said[name] else float(not off[name])
            for name in said
        )


# --- complete ------------------------------------------------------------------------


def _complete(table: Table, found: Measured) -> None:
    if table.keys is None:
        return
    required = [spec.code for spec in table.plan.table.figures if spec.required]
    per_row = len(required) or 1
    there = {row.identity: row for row in table.rows}
    found.expected = found.rows_expected = 0
    for due in table.dues:
        missing = []
        for key in table.keys:
            row = there.get((due.period, *key))
            if row is None:
                if not table.is_open(due):
                    missing.append(key)
                continue
            found.rows_expected += 1
            found.expected += per_row
            found.received += per_row
            for name in required:
                if row.cells.get(name) is None:
                    found.received -= 1
                    words = ("ô bắt buộc đang trống", "a required cell is empty")
                    found.fail(_cell("complete", table, row, "required", words, name))
        found.rows_expected += len(missing)
        found.expected += per_row * len(missing)
        _tell_missing(table, found, due, missing, per_row)
    if not found.rows_expected:
        # Nothing is due yet and nothing is there: there is nothing to measure.
        found.expected = None


def _tell_missing(
    table: Table, found: Measured, due: Due, missing: Sequence[Key], per_row: int
) -> None:
    if len(missing) > 1 and len(missing) == len(table.keys or ()):
        words = (f"thiếu cả {len(missing)} dòng", f"all {len(missing)} rows are missing")
        cell = Cell("complete", table.plan.table.id, "missing_rows", *words, period=str(due.period))
        found.fail(cell, per_row * len(missing))
        return
    for area, key in missing:
        words = ("thiếu dòng", "the row is missing")
        cell = Cell(
            "complete", table.plan.table.id, "missing_row", *words,
            area=area, period=str(due.period), key=key,
        )  # fmt: skip
        found.fail(cell, per_row)


# --- clean ---------------------------------------------------------------------------


def _clean(table: Table, found: Measured) -> None:
    rows = {(row.batch, row.row): row for row in (*table.rows, *table.parked)}
    if not rows:
        return
    asked = {
        "batches": sorted({batch for batch, _ in rows}),
        "tbl": table.plan.table.id,
    }
    dirty = set()
    for batch, line, place, name, rule, severity, value, vi, en in table.connection.execute(
        sql.DIRTY, asked
    ):
        row = rows.get((batch, line))
        if row is None:
            # A row that said what another of its batch had said came, and was dropped.
            if rule != "duplicate" or severity != "warning":
                continue
            row = Stored(batch, line, place, None, None, "", {})
            found.rows += (batch, line) not in dirty
        if (batch, line) not in dirty:
            found.failures["clean"] += 1
        dirty.add((batch, line))
        found.cells.append(_cell("clean", table, row, rule, (vi, en), name, value, place))
    found.dirty = len(dirty)


# --- live ----------------------------------------------------------------------------


def _in_time(table: Table, found: Measured) -> None:
    receipts = _receipts(table, table.dues)
    keys = table.keys if table.keys is not None else [ANY]
    gaps: list[tuple[Due, Key]] = []
    late: dict[Due, list[tuple[Key, Cell]]] = defaultdict(list)
    for due in table.dues:
        for key in keys:
            came = receipts.get((due.period.start, key))
            if came is None:
                if not table.is_open(due):
                    gaps.append((due, key))
                continue
            received_at, declared = came
            own = table.plan.due(due.period, declared)
            alive = _liveness(table, received_at, own)
            found.alive += alive
            found.keys += 1
            if alive < 1:
                late[due].append((key, _late(table, own, key, received_at)))
    for due, key, alive in _of_gaps(table, gaps):
        found.alive += alive
        found.keys += 1
        late[due].append((key, _missing(table, due, key)))
    for cells in late.values():
        _tell_once(found, cells, len(keys))


def _receipts(
    table: Table, dues: Sequence[Due]
) -> dict[tuple[datetime, Key], tuple[datetime, datetime | None]]:
    """First receipts by period and key; of a table without known keys the first of any."""
    asked = {**table.asked, "starts": [one.period.start for one in dues]}
    found: dict[tuple[datetime, Key], tuple[datetime, datetime | None]] = {}
    for start, area, key, received_at, declared in table.connection.execute(sql.RECEIPTS, asked):
        at = (start, (area, key) if table.keys is not None else ANY)
        if at not in found or received_at < found[at][0]:
            found[at] = received_at, declared
    return found


def _liveness(table: Table, received_at: datetime | None, due: Due) -> float:
    alive = deadlines.liveness(
        received_at, due.changed_at, due.due_at, now=table.at, suspended=table.suspended
    )
    return 1.0 if alive is None else alive


def _of_gaps(table: Table, gaps: Sequence[tuple[Due, Key]]) -> Iterator[tuple[Due, Key, float]]:
    """What is left of keys that have not come.

    They are as old as the first of their periods in a row that has not come: a feed that died
    a week ago is not half alive because today's figures are half a day late.
    """
    before = {due: table.plan.before(due) for due in {due for due, _ in gaps}}
    earlier = {one for many in before.values() for one in many}
    receipts = _receipts(table, sorted(earlier, key=lambda one: one.due_at)) if gaps else {}
    for due, key in gaps:
        oldest = due
        for one in before[due]:
            if (one.period.start, key) in receipts:
                break
            oldest = one
        yield due, key, _liveness(table, None, oldest)


def _late(table: Table, due: Due, key: Key, received_at: datetime) -> Cell:
    hours = (received_at - due.due_at) / timedelta(hours=1)
    vi = f"nhận {_when(received_at)}, hạn {_when(due.due_at)}"
    en = f"received {_when(received_at)}, due {_when(due.due_at)}"
    return Cell(
        "live", table.plan.table.id, "late", vi, en,
        area=key[0] or None, period=str(due.period), key=key[1], value=f"{hours:.1f} h",
    )  # fmt: skip


def _missing(table: Table, due: Due, key: Key) -> Cell:
    vi, en = f"chưa nhận, hạn {_when(due.due_at)}", f"not received, due {_when(due.due_at)}"
    return Cell(
        "live", table.plan.table.id, "not_received", vi, en,
        area=key[0] or None, period=str(due.period), key=key[1],
    )  # fmt: skip


def _when(at: datetime) -> str:
    return at.astimezone(LOCAL).strftime("%d/%m/%Y %H:%M")


def _tell_once(found: Measured, late: Sequence[tuple[Key, Cell]], of: int) -> None:
    """What is the same for every key is said once."""
    first = late[0][1]
    alike = {(cell.rule, cell.vi) for _, cell in late} == {(first.rule, first.vi)}
    if 1 < of == len(late) and alike:
        whole = Cell(
            "live", first.table, first.rule, first.vi, first.en,
            period=first.period, value=first.value,
        )  # fmt: skip
        found.fail(whole, of)
        return
    for _, cell in late:
        found.fail(cell)


def _fresh(table: Table, found: Measured) -> None:
    """Of each key of a stream the share of the day in which its newest value was fresh."""
    local = periods.containing(table.day, Cadence.DAY)
    window = table.plan.table.schedule.window or DEFAULT_WINDOW
    arrivals: dict[Key, list[datetime]] = defaultdict(list)
    asked = {**table.asked, "since": local.start - timedelta(days=1), "until": local.end}
    for area, key, start, received_at in table.connection.execute(sql.ARRIVALS, asked):
        # A value that was old already when it came freshened nothing.
        end = periods.containing(start, table.plan.table.grid.period).end
        if received_at <= end + window:
            arrivals[area, key].append(received_at)
    stale: list[tuple[Key, Cell]] = []
    keys = _streams(table, local)
    for one in keys:
        share = deadlines.fresh_share(
            arrivals[one], window, table.day, now=table.at, suspended=table.suspended
        )
        if share is None:
            continue
        found.alive += share
        found.keys += 1
        if share < 1:
            vi, en = number(round(100 * share, 1)), number(round(100 * share, 1), vi=False)
            cell = Cell(
                "live", table.plan.table.id, "stale",
                f"chỉ {vi} % thời gian có số liệu mới", f"fresh {en} % of the time only",
                area=one[0] or None, key=one[1], period=str(local), value=f"{vi} %",
            )  # fmt: skip
            stale.append((one, cell))
    if stale:
        _tell_once(found, stale, len(keys))


def _streams(table: Table, local: Period) -> list[Key]:
    if table.keys is not None:
        return table.keys
    asked = {**table.asked, "since": local.start - HEARD, "until": local.end}
    heard = sorted((area, key) for area, key in table.connection.execute(sql.HEARD, asked))
    return heard or [ANY]


def _cell(  # noqa: PLR0913, PLR0917 a cell in one line
    dimension: Dimension,
    table: Table,
    row: Stored,
    rule: str,
    words: tuple[str, str],
    name: str | None,
    value: str | None = None,
    place: str | None = None,
) -> Cell:
    return Cell(
        dimension,
        table.plan.table.id,
        rule,
        *words,
        area=row.area,
        period=str(row.period) if row.period else None,
        key=row.key,
        field=name,
        value=value,
        batch=row.batch,
        place=row.place if place is None else place,
    )
