"""One simulated source: what it answers to a question, faults included."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.simulate import answers
from ioc_cloud.feeds.simulate.answers import BROKEN, Record, Sheet
from ioc_cloud.feeds.simulate.faults import Faults
from ioc_cloud.feeds.simulate.generate import Generator
from ioc_cloud.feeds.simulate.publishing import moment, published, published_at, spelt
from ioc_models.feeds import Contract, NotAPeriod, Period, TableSpec, periods
from ioc_models.feeds.contract import Pull, RowsFrom

LARGEST_PAGE: Final = 1_000
TOO_MUCH: Final = 1.1
WRONG_UNIT: Final = 1_000
EPOCH: Final = datetime(2000, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer.

    Attributes:
        next_page: The query of the page behind it, for sources that link pages.
    """

    text: str
    media_type: str
    next_page: Mapping[str, str] | None


class Source:
    """Plays one feed's source."""

    def __init__(self, feed: Contract, pull: Pull, catalogue: Catalogue, seed: int) -> None:
        self.feed = feed
        self.pull = pull
        self._catalogue = catalogue
        self._generator = Generator(feed, seed)
        self._last: tuple[Any, list[tuple[Sheet, datetime | None]]] | None = None

    def answer(self, query: Mapping[str, str], now: datetime, faults: Faults) -> Said:
        """What it says at a moment."""
        if faults.hit("garbage", self.feed.id):
            return Said(answers.LOGIN_PAGE, "text/html; charset=utf-8", None)
        late_fault = faults.hit("late", self.feed.id)
        late = timedelta(days=late_fault.value or 1) if late_fault else timedelta()
        found = self._sheets(query, now, late)
        sheets = [self._spoilt(sheet, faults) for sheet, _ in found]
        newest = max((at for _, at in found if at is not None), default=None)
        return self._paged(sheets, query, newest, faults)

    def _sheets(
        self, query: Mapping[str, str], now: datetime, late: timedelta
    ) -> list[tuple[Sheet, datetime | None]]:
        """Everything that a question asks for; the pages of one question are cut from one."""
        asked = answers.asked(self.pull, query)
        # Two moments without a publication in between would do as well; minutes are simpler.
        about = (tuple(sorted(asked.items())), now.replace(second=0, microsecond=0), late)
        last = self._last
        if last is None or last[0] != about:
            found = [self._sheet(one, query, about[1], late) for one in self.pull.tables]
            last = self._last = (about, found)
        return last[1]

    def _sheet(
        self, source: RowsFrom, query: Mapping[str, str], now: datetime, late: timedelta
    ) -> tuple[Sheet, datetime | None]:
        table = self.feed.table(source.table)
        records: list[Record | str] = []
        totals = dict.fromkeys(source.controls, 0.0)
        newest: datetime | None = None
        for period, at in self._periods(table, query, now, late):
            newest = at if newest is None else max(newest, at)
            for row in self._generator.rows(table, period, self._catalogue.areas_of(table)):
                record = answers.in_its_words(table, source, row)
                records.append(record)
                for name in totals:
                    totals[name] += record[name] or 0
        rounded = {name: round(total, 6) for name, total in totals.items()}
        whole = {name: int(n) if n == int(n) else n for name, n in rounded.items()}
        return Sheet(source, records, whole), newest

    def _periods(
        self, table: TableSpec, query: Mapping[str, str], now: datetime, late: timedelta
    ) -> list[tuple[Period, datetime]]:
        asked = answers.asked(self.pull, query)
        if "since" in asked or not asked:
            since = moment(asked.get("since", "")) or now - timedelta(days=35)
            return list(published(table, since, now, late))
        said = asked.get("period") or asked["day"]
        try:
            period = periods.parse(said, table.grid.period)
        except NotAPeriod:
            return []
        at = published_at(table, period, late)
        return [(period, at)] if at <= now else []

    def _spoilt(self, sheet: Sheet, faults: Faults) -> Sheet:
        """A sheet with the faults of its content."""
        feed, table = self.feed.id, self.feed.table(sheet.source.table)
        records = list(sheet.records)
        if fault := faults.hit("units", feed):
            name = self._figure(table, sheet.source, fault.text)
            records = [
                {**one, name: one[name] * WRONG_UNIT}
                if isinstance(one, dict) and isinstance(one.get(name), (int, float))
                else one
                for one in records
            ]
        if fault := faults.hit("bad_records", feed):
            for at in range(min(int(fault.value or 1), len(records))):
                records[at] = BROKEN
        if faults.hit("duplicates", feed):
            records = [one for one in records for _ in range(2)]
        if fault := faults.hit("drift", feed):
            sheet = replace(sheet, renamed=self._figure(table, sheet.source, fault.text))
        if faults.hit("wrong_totals", feed):
            totals = {name: total * TOO_MUCH for name, total in sheet.totals.items()}
            sheet = replace(sheet, totals=totals)
        return replace(sheet, records=records)

    def _figure(self, table: TableSpec, source: RowsFrom, named: str) -> str:
        """The field that a fault names, or the table's first figure."""
        if named in source.columns:
            return named
        keys = answers.key_columns(table)
        return next(name for name in source.columns if name not in keys)

    def _paged(
        self,
        sheets: Sequence[Sheet],
        query: Mapping[str, str],
        newest: datetime | None,
        faults: Faults,
    ) -> Said:
        paging = self.pull.paging
        if (fault := faults.hit("moving", self.feed.id)) and sheets[0].records:
            # Rows came in front: what follows has slid back.
            front = sheets[0].records[: int(fault.value or 1)]
            sheets = [replace(sheets[0], records=[*front, *sheets[0].records]), *sheets[1:]]
        total = sum(len(sheet.records) for sheet in sheets)
        start, size = self._window(query, sheets, faults)
        if paging.style == "offset":
            # Offsets count in each list; the other styles count all lists as one.
            cut = [_slice(sheet, start, size) for sheet in sheets]
            total = max(len(sheet.records) for sheet in sheets)
        else:
            cut = _run(sheets, start, size)
        more = start + size < total
        beside: dict[str, Any] = {}
        if self.pull.cursor:
            asked = answers.asked(self.pull, query).get("since", "")
            beside[self.pull.cursor] = spelt(newest) if newest else asked
        if paging.style == "cursor" and paging.cursor_path:
            beside[paging.cursor_path] = _token(start + size) if more else None
        text = answers.WRITERS[self.pull.format](self.pull, cut, beside)
        following = {**query, paging.parameter: str(start + size)}
        linked = following if paging.style == "link" and more else None
        return Said(text, answers.MEDIA_TYPES[self.pull.format], linked)

    def _window(
        self, query: Mapping[str, str], sheets: Sequence[Sheet], faults: Faults
    ) -> tuple[int, int]:
        """Where a page starts and how long it is."""
        paging = self.pull.paging
        if paging.style == "none":
            return 0, max(sum(len(sheet.records) for sheet in sheets), 1)
        size = min(_number(query.get(paging.size_parameter), paging.size), LARGEST_PAGE)
        said = query.get(paging.parameter)
        match paging.style:
            case "page":
                start = (_number(said, paging.first) - paging.first) * size
            case "cursor":
                start = _from_token(said)
            case _:
                start = _number(said, paging.first)
        if start and faults.hit("repeat_page", self.feed.id):
            start = max(start - size, 0)
        return start, size


def _number(said: str | None, usual: int) -> int:
    return int(said) if said is not None and said.isdecimal() else usual


def _token(start: int) -> str:
    return base64.urlsafe_b64encode(f"from:{start}".encode()).decode()


def _from_token(said: str | None) -> int:
    if not said:
        return 0
    try:
        return int(base64.urlsafe_b64decode(said).decode().removeprefix("from:"))
    except ValueError:
        return 0


def _slice(sheet: Sheet, start: int, size: int) -> Sheet:
    return replace(sheet, records=sheet.records[start : start + size])


def _run(sheets: Sequence[Sheet], start: int, size: int) -> list[Sheet]:
    """A window over all lists, one behind the other."""
    found = []
    for sheet in sheets:
        length = len(sheet.records)
        low, high = min(max(start, 0), length), min(max(start + size, 0), length)
        found.append(replace(sheet, records=sheet.records[low:high]))
        start -= length
    return found
