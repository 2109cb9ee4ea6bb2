"""Sources that we ask: everything about one stands in its contract.

Order of a question: all pages on disk, the pages kept as one original, rows made of them, and
then one transaction with the rows and the cursor. Ended anywhere before its commit it leaves
nothing but bytes in the store, and the same question is asked again.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psycopg

from ioc_cloud.db.pool import Connection
from ioc_cloud.events.evidence import EvidenceStore
from ioc_cloud.feeds.batch import Batch, Receipt
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import deliver
from ioc_cloud.feeds.doors import bundle, sources
from ioc_cloud.feeds.doors.asking import Answer, Asker, Line, address
from ioc_cloud.feeds.doors.errors import (
    AnswerUnreadable,
    DoorMisconfigured,
    SourceRefused,
    SourceTrouble,
)
from ioc_cloud.feeds.doors.machine import deliver_once
from ioc_cloud.feeds.doors.mapping import DRIFT, Mapped, mapped
from ioc_cloud.feeds.doors.paging import Page, pages, read_page
from ioc_cloud.feeds.doors.sources import Standing
from ioc_models.feeds import Cadence, Contract, Period, periods
from ioc_models.feeds.contract import Pull
from ioc_models.feeds.periods import LOCAL

DOOR: Final = "pull"
# Sources that answer for one day are asked for these before it too: what comes late is seen.
LOOK_BACK: Final = 4
FIRST_LOOK_BACK: Final = 7
MOST_QUESTIONS: Final = 40
# How far back a source is read at first, by its shortest period.
FIRST_SINCE: Final[Mapping[bool, timedelta]] = {
    True: timedelta(days=2),
    False: timedelta(days=35),
}
LONG_SINCE: Final = timedelta(days=100)
# A source that hands out no cursor is read again from this long before its last answer.
OVERLAP: Final = timedelta(days=1)
_PLACEHOLDER: Final = re.compile(r"\{(day|since|period)\}")


@dataclass(frozen=True, slots=True)
class _Question:
    """One answer that we want.

    Attributes:
        about: What it is about; the same again is compared with what was said of it before.
        values: What the contract's placeholders stand for.
        cursor: Up to where the source has been read once it is answered; None: it says itself.
    """

    about: str
    values: Mapping[str, str]
    cursor: str | None


class Puller:
    """Asks sources and delivers what they say; one object serves all feeds.

    Args:
        connect: Opens a connection of a role that may deliver.
        catalogue: The contracts in force.
        store: Where originals are kept.
        line: Sources' address, secrets, limits.
        scratch: A folder for pages on their way.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        catalogue: Catalogue,
        store: EvidenceStore,
        line: Line,
        scratch: Path,
    ) -> None:
        self._connect = connect
        self._catalogue = catalogue
        self._store = store
        self._line = line
        self._scratch = scratch
        scratch.mkdir(parents=True, exist_ok=True, mode=0o750)

    def feeds(self) -> list[str]:
        """Feeds whose source can be asked here."""
        return [
            feed.id
            for feed in self._catalogue.feeds.values()
            if feed.pull and (self._line.base or feed.pull.url.startswith("http"))
        ]

    def due(self, now: datetime) -> list[str]:
        """Feeds whose source is to be asked now."""
        with self._connect() as connection:
            return sources.due(connection, self.feeds(), now)

    def pull(self, feed_id: str, now: datetime) -> Receipt | None:
        """Ask a feed's source for what is new and deliver it.

        A source in trouble is noted in `feed_source`, with when it is asked next.

        Returns:
            The last delivery's receipt; None where there was nothing to deliver, another
            process is asking, or the source is in trouble.

        Raises:
            NoSuchFeed: There is no such feed.
            psycopg.OperationalError: The database is away; nothing has moved.
        """
        feed = self._catalogue.feed(feed_id)
        if feed.pull is None:
            return None
        with self._connect() as connection, sources.held(connection, feed.id) as ours:
            return self._all(connection, feed, feed.pull, now) if ours else None

    def again(self, feed_id: str, sha256: str, now: datetime) -> Receipt:
        """Deliver a kept answer once more, under the contract as it is worded today.

        For a contract that has been corrected after the source's columns changed.

        Raises:
            FileNotFoundError: No such original.
            AnswerUnreadable: It is none of this feed's.
        """
        feed = self._catalogue.feed(feed_id)
        if feed.pull is None:
            raise DoorMisconfigured(f"{feed_id} không có nguồn", f"{feed_id} has no source")
        with TemporaryDirectory(dir=self._scratch) as folder, self._connect() as connection:
            answers = list(bundle.opened(self._store, sha256, Path(folder)))
            read = [read_page(feed.pull, answer) for answer in answers]
            found = mapped(feed, feed.pull, [page.body for page in read])
            batch = self._batch(feed, found, answers, Path(folder))
            key = f"{DOOR}:again:{sha256[:24]}:{feed.sha256[:16]}"
            keyed = replace(batch, idempotency_key=key)
            return deliver(connection, self._catalogue, keyed, now=now)

    def _all(
        self, connection: Connection, feed: Contract, pull: Pull, now: datetime
    ) -> Receipt | None:
        receipt: Receipt | None = None
        before = sources.standing(connection, feed.id)
        wanted = _questions(feed, pull, before.cursor, now)
        for number, question in enumerate(wanted, 1):
            next_at = now + pull.every if number == len(wanted) else now
            try:
                got = self._one(connection, feed, pull, question, now=now, next_at=next_at)
            except SourceTrouble as trouble:
                sources.failed(
                    connection, before, str(trouble),
                    every=pull.every, now=now, retry_after=trouble.retry_after,
                )  # fmt: skip
                return receipt
            if got is not None and (receipt is None or got.status != "repeated"):
                receipt = got
        sources.told_back(before)
        return receipt

    def _one(
        self,
        connection: Connection,
        feed: Contract,
        pull: Pull,
        question: _Question,
        *,
        now: datetime,
        next_at: datetime,
    ) -> Receipt | None:
        with TemporaryDirectory(dir=self._scratch) as folder:
            read = self._read(feed, pull, question, Path(folder), now)
            found = mapped(feed, pull, [page.body for page in read])
            batch = None
            if found.tables:
                batch = self._batch(feed, found, [page.answer for page in read], Path(folder))
        try:
            with connection.transaction():
                before = sources.standing(connection, feed.id)
                receipt = None
                if batch is not None:
                    begins = f"{DOOR}:{question.about}:"
                    receipt = deliver_once(connection, self._catalogue, batch, begins, now=now)
                sources.answered(
                    connection, before, now=now, next_at=next_at,
                    cursor=_cursor(pull, question, before, read, now)
                    if _is_settled(connection, found, receipt)
                    else before.cursor,
                    remark=_remark(found),
                )  # fmt: skip
        except psycopg.DataError as error:
            # A value that PostgreSQL cannot hold and no check has seen: loud, and tried again.
            raise AnswerUnreadable(f"database: {error.sqlstate}") from error
        return receipt

    def _read(
        self, feed: Contract, pull: Pull, question: _Question, folder: Path, now: datetime
    ) -> list[Page]:
        url = address(self._line.base, _filled(pull.url, question.values))
        query = {name: _filled(text, question.values) for name, text in pull.query.items()}
        with Asker(pull, self._line, folder, now) as asker:
            try:
                return pages(asker, pull, url, query)
            except AnswerUnreadable:
                # What cannot be read is what somebody will want to see.
                bundle.keep(self._store, feed.id, asker.answers, pull.format, folder)
                raise
            except SourceRefused as error:
                if question.cursor is not None and error.answered == HTTPStatus.NOT_FOUND:
                    # Asked for a day that it has nothing of.
                    return []
                raise

    def _batch(
        self, feed: Contract, found: Mapped, answers: Sequence[Answer], folder: Path
    ) -> Batch:
        form = feed.pull.format if feed.pull else "json"
        return Batch(
            feed=feed.id,
            tables=found.tables,
            door=DOOR,
            provenance="simulated" if any(one.simulated for one in answers) else "api",
            sent_by=f"{DOOR}:{feed.id}",
            original=bundle.keep(self._store, feed.id, answers, form, folder),
            controls=found.controls,
        )


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def _asked_for(pull: Pull) -> set[str]:
    return {
        name for text in (pull.url, *pull.query.values()) for name in _PLACEHOLDER.findall(text)
    }


def _questions(feed: Contract, pull: Pull, cursor: str | None, now: datetime) -> list[_Question]:
    names = _asked_for(pull)
    if names & {"day", "period"}:
        return list(_by_period(feed, pull, cursor, now, by_day="day" in names))
    if "since" not in names:
        return [_Question("all", {}, None)]
    since = cursor if cursor is not None else _first_since(feed, pull, now)
    return [_Question(f"since={since}", {"since": since}, None)]


def _by_period(
    feed: Contract, pull: Pull, cursor: str | None, now: datetime, *, by_day: bool
) -> Iterator[_Question]:
    tables = [feed.table(one.table) for one in pull.tables]
    cadence = Cadence.DAY if by_day else tables[0].grid.period
    last = periods.containing(now, cadence)
    # A day that is due the same evening is asked for while it runs.
    if all(table.schedule.days_after > 0 or table.schedule.by is None for table in tables):
        last = last.previous()
    if cursor is None:
        period = _back(last, FIRST_LOOK_BACK - 1)
    else:
        period = _back(min(periods.parse(cursor, cadence), last), LOOK_BACK)
    for _ in range(MOST_QUESTIONS):
        if period > last:
            return
        said = str(period)
        values = {"day": said, "period": said, "since": period.first_day.isoformat()}
        yield _Question(said, values, said)
        period = period.next()


def _back(period: Period, steps: int) -> Period:
    for _ in range(steps):
        period = period.previous()
    return period


def _first_since(feed: Contract, pull: Pull, now: datetime) -> str:
    cadences = {feed.table(one.table).grid.period for one in pull.tables}
    back = FIRST_SINCE[any(cadence.is_short for cadence in cadences)]
    if not cadences & {Cadence.QUARTER_HOUR, Cadence.HOUR, Cadence.DAY}:
        back = LONG_SINCE
    return (now - back).astimezone(LOCAL).date().isoformat()


def _is_settled(connection: Connection, found: Mapped, receipt: Receipt | None) -> bool:
    """Whether a source need not be asked for this again.

    What it no longer shows, and what was refused as a whole, is asked for until it is mended.
    """
    if found.drifted:
        return False
    return receipt is None or not sources.was_refused(connection, receipt)


def _cursor(
    pull: Pull,
    question: _Question,
    before: Standing,
    read: Sequence[Page],
    now: datetime,
) -> str | None:
    """Up to where the source is read now."""
    if question.cursor is not None:
        return max(before.cursor or "", question.cursor)
    if not pull.cursor:
        return (now - OVERLAP).isoformat() if "since" in _asked_for(pull) else None
    # The first page's: what changed while the others were read is asked for again.
    for page in read:
        value = page.body.value(pull.cursor)
        if value is not None and not isinstance(value, (dict, list, bool)):
            return str(value)
    return before.cursor


def _remark(found: Mapped) -> str | None:
    """What a person should know of a source that answers."""
    lost = [
        f"{name}: {one.vi} / {one.en}"
        for name, rows in found.tables.items()
        for one in rows.problems
        if one.rule == DRIFT
    ]
    return "; ".join(lost) or None
