"""What is there and what is not, told to the book once: opened, worse, back, over.

Whoever looks for troubles says `present` or `absent` of each; the ledger knows what the book
says of it already and writes only what is new.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from ioc_cloud.db import feeds_alert_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import deadlines
from ioc_cloud.feeds.alerts import book
from ioc_cloud.feeds.alerts.book import SYSTEM, Alert, Figure, Step, Trouble
from ioc_cloud.feeds.alerts.sop import AlertKind, Sops, kept
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_models.feeds import Contract
from ioc_models.feeds.contract import Words

# Somebody closed an alert while its cause stood: the cause is news again after this long, or
# when it was gone in between, or when it became a danger.
QUIET: Final = timedelta(days=7)
# Late data are asked for again the next day.
QUIET_OF: Final[Mapping[AlertKind, timedelta]] = {"data_task": timedelta(days=1)}
LONGEST: Final = 300


@dataclass
class Ledger:
    """One round of judging.

    Attributes:
        last: The youngest alert of each (kind, subject, area) that the round may speak of.
        written: How many alerts were opened, became worse, came back, were cleared.
        ids: The alerts of these steps.
    """

    connection: Connection
    catalogue: Catalogue
    sops: Sops
    calendar: Calendar
    now: datetime
    last: dict[tuple[str, str, str], Alert] = field(default_factory=dict)
    written: Counter[str] = field(default_factory=Counter)
    ids: list[int] = field(default_factory=list)

    def know(self, kind: AlertKind, subjects: Iterable[str] | None = None) -> list[Alert]:
        """Read the youngest alerts of a kind, of some subjects or of all."""
        asked = {"kinds": [kind], "subjects": None if subjects is None else list(subjects)}
        known = [book.alert(row) for row in self.connection.execute(sql.LAST_OF, asked)]
        self.last.update((one.key, one) for one in known)
        return known

    def unfinished(self, kind: AlertKind, subject: str, area: str) -> Alert | None:
        """The alert of a trouble that somebody has still to deal with."""
        one = self.last.get((kind, subject, area))
        return None if one is None or one.finished else one

    def present(self, trouble: Trouble) -> None:
        """A trouble is there: open an alert, or note what is new of it."""
        last = self.last.get((trouble.kind, trouble.subject, trouble.area))
        if last is None or (last.finished and self._is_news(last, trouble)):
            self._open(trouble)
        elif not last.finished:
            self._go_on(last, trouble)

    def absent(self, key: tuple[str, str, str], why: Words, figure: Figure | None = None) -> None:
        """A trouble is gone: say so on its alert.

        One that nobody took is closed; one in somebody's hands stays theirs, marked, for them to
        close with a result. One that was closed before is marked too: its cause may come anew.
        """
        one = self.last.get(key)
        if one is None or one.cleared_at is not None:
            return
        one = book.held(self.connection, one.id)
        if figure is not None and not one.finished:
            one = book.judge(self.connection, one, figure)
        after = replace(one, cleared_at=self.now)
        if one.state == "open":
            after = replace(
                after, state="closed", closed_at=self.now, result=f"{why.vi} / {why.en}"
            )
        value = figure.value if figure is not None else None
        self._step(one, after, "cleared", f"{why.vi} / {why.en}", value)

    def agreed(self, feed: Contract | None) -> timedelta:
        """The feed's agreed hours for a change of this moment: fewer on a working day."""
        if feed is None:
            return _NO_FEED
        return deadlines.due(self.now, feed.sla, self.calendar) - self.now

    def _is_news(self, last: Alert, trouble: Trouble) -> bool:
        if last.judged(trouble.figure):
            return False
        if last.cleared_at is not None:
            return True
        return (last.severity == "warn" and trouble.severity == "danger") or self.now - (
            last.closed_at or last.opened_at
        ) >= QUIET

    def _open(self, trouble: Trouble) -> None:
        feed = self.catalogue.feeds.get(trouble.feed or "")
        number = book.open_alert(
            self.connection, self.sops, feed, trouble, agreed=self.agreed(feed), now=self.now
        )
        if number is not None:
            self._note(book.held(self.connection, number), "opened")

    def _go_on(self, last: Alert, trouble: Trouble) -> None:
        # People may have acted since the round began; what they said stands.
        one = book.held(self.connection, last.id)
        if one.finished:
            self.last[one.key] = one
            return
        if one.figure != trouble.figure or one.reason != trouble.reason or one.detail.get("calm"):
            detail = {**trouble.detail, "calm": 0, "calm_period": None}
            one = book.judge(
                self.connection, one, trouble.figure, reason=trouble.reason, detail=detail
            )
            self.last[one.key] = one
        value = trouble.figure.value
        if (one.severity, trouble.severity) == ("warn", "danger"):
            sop = kept(self.connection, one.sop_sha256)
            feed = self.catalogue.feeds.get(one.feed or "")
            due = self.now + book.allowance(sop, "danger", self.agreed(feed))
            worse = replace(one, severity="danger", due_at=min(one.due_at, due), cleared_at=None)
            self._step(one, worse, "worse", _both(trouble.reason), value)
        elif one.cleared_at is not None:
            back = replace(one, cleared_at=None)
            self._step(one, back, "returned", _both(trouble.reason), value)

    def _step(
        self, before: Alert, after: Alert, action: book.Action, note: str, value: float | None
    ) -> None:
        detail = {"severity": after.severity, "value": value, "period": after.figure.period}
        step = Step(action, SYSTEM, self.now, note, detail)
        self._note(book.move(self.connection, before, after, step), action)

    def _note(self, one: Alert, action: str) -> None:
        self.last[one.key] = one
        self.written[action] += 1
        self.ids.append(one.id)


# A duty that no contract gives hours for.
_NO_FEED: Final = timedelta(hours=24)


def _both(words: Words) -> str:
    return f"{words.vi} / {words.en}"


def words(vi: str, en: str, *, simulated: bool = False) -> Words:
    """A reason for people, cut where it is longer than a line, marked where it is not real."""
    if simulated:
        vi, en = f"(mô phỏng) {vi}", f"(simulated) {en}"
    return Words(vi=vi[:LONGEST], en=en[:LONGEST])


def areas_named(catalogue: Catalogue, codes: Sequence[str]) -> str:
    """Names of areas, for a reason."""
    return ", ".join(
        catalogue.areas[code].name_vi if code in catalogue.areas else code for code in codes
    )
