"""Alerts as screens and programs get them: with their steps, their checklist, their counts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field

from ioc_cloud.db import feeds_alert_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.events.shown import Instant, Shown
from ioc_cloud.feeds import shown as feeds_shown
from ioc_cloud.feeds.alerts import book
from ioc_cloud.feeds.alerts.book import Alert, State
from ioc_cloud.feeds.alerts.errors import NoSuchAlert
from ioc_cloud.feeds.alerts.sop import AlertKind, AlertSeverity, kept
from ioc_cloud.feeds.catalogue import PROVINCE_DIGITS, Catalogue
from ioc_cloud.feeds.shown import QualityOut, Reader, SourceOut, WordsOut
from ioc_models.feeds import Contract, Indicator
from ioc_models.feeds.contract import Words

MOST: Final = 200
_COVERED: Final = Words(
    vi="Nhóm nhỏ: không hiện số liệu", en="A small group: the figure is not shown"
)


class AlertOwnerOut(Shown):
    """Whose duty it is."""

    role: str
    account: str
    name: str
    post: WordsOut | None


class AlertOut(Shown):
    """An alert in a list.

    `value` is of the newest figure that it was judged by; null where none is behind it or a
    small group is.
    """

    id: int
    version: int
    kind: AlertKind
    severity: AlertSeverity
    state: State
    subject: str
    feed: str | None
    indicator: str | None
    title: WordsOut
    area: str
    area_name: str
    lon: float | None
    lat: float | None
    period: str
    value: float | None
    suppressed: bool = False
    unit: str
    reason: WordsOut
    opened_at: Instant
    due_at: Instant
    overdue: bool
    escalated: Literal["owner", "deputy", "head"] | None
    owner: AlertOwnerOut
    cleared_at: Instant | None
    closed_at: Instant | None
    result: str
    sop: str
    simulated: bool
    as_of: Instant
    received_at: Instant
    source: SourceOut
    provenance: Literal["api", "file", "manual", "derived", "simulated"]
    quality: QualityOut


class AlertStepOut(Shown):
    """One thing that was done."""

    n: int
    at: Instant
    by: str
    action: book.Action
    note: str
    from_state: State | None
    to_state: State
    detail: Mapping[str, Any]


class SopStepOut(Shown):
    """A step of the checklist, and who ticked it off."""

    step: int
    text: WordsOut
    done: bool
    by: str | None = None
    at: Instant | None = None
    note: str = ""


class SopOut(Shown):
    """The checklist as it stood when the alert was opened."""

    kind: str
    sha256: str
    title: WordsOut
    intro: tuple[str, ...]
    steps: tuple[SopStepOut, ...]


class AlertFullOut(AlertOut):
    """An alert with all that was done about it."""

    steps: tuple[AlertStepOut, ...]
    checklist: SopOut
    detail: Mapping[str, Any] = Field(description="Số liệu đứng sau lý do / numbers behind it")


class AlertCountsOut(Shown):
    """How many alerts fit a question."""

    total: int
    overdue: int
    by_state: Mapping[str, int]
    by_severity: Mapping[str, int]
    by_kind: Mapping[str, int]
    by_feed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts: None means any.

    Attributes:
        account: Whose they are now.
        overdue: Unfinished and past their deadline, or not.
        since: Opened at or after it.
        until: Opened before it.
    """

    states: Sequence[State] | None = None
    kinds: Sequence[AlertKind] | None = None
    severities: Sequence[AlertSeverity] | None = None
    feeds: Sequence[str] | None = None
    indicators: Sequence[str] | None = None
    areas: Sequence[str] | None = None
    account: str | None = None
    overdue: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Showing:
    """What alerts are shown by: contracts, who asks, how good the feeds are, what time it is."""

    catalogue: Catalogue
    reader: Reader
    now: datetime
    scores: Mapping[str, QualityOut]

    @classmethod
    def on(
        cls, connection: Connection, catalogue: Catalogue, reader: Reader, now: datetime
    ) -> "Showing":
        """With the newest scores."""
        return cls(catalogue, reader, now, feeds_shown.qualities(connection))

    def sees(self, one: Alert) -> bool:
        """Whether an alert is for whoever asks."""
        feed, indicator = self.behind(one)
        if feed is None:
            return True
        if indicator is None:
            return self.reader.sees(feed)
        return self.reader.shows(feed, indicator)

    def behind(self, one: Alert) -> tuple[Contract | None, Indicator | None]:
        """The contract and the indicator, where they still stand."""
        found = self.catalogue.indicators.get(one.indicator or "")
        return found or (self.catalogue.feeds.get(one.feed or ""), None)

    def asked(self, wanted: Wanted) -> dict[str, Any]:
        """A question for the database, without what is not for whoever asks."""
        lists = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(wanted).items()
        }
        feeds, indicators = self.catalogue.feeds, self.catalogue.indicators
        return {
            **lists,
            "now": self.now,
            "hidden_feeds": [name for name, feed in feeds.items() if not self.reader.sees(feed)],
            "hidden_indicators": [
                code for code, found in indicators.items() if not self.reader.shows(*found)
            ],
        }


def listed(
    connection: Connection,
    showing: Showing,
    wanted: Wanted,
    *,
    before: int | None = None,
    most: int = MOST,
) -> list[AlertOut]:
    """Alerts, youngest first; `before` is the last alert of the page before."""
    asked = {**showing.asked(wanted), "before": before, "most": min(most, MOST)}
    rows = map(book.alert, connection.execute(sql.LISTED, asked))
    return [AlertOut(**_common(one, showing)) for one in rows]


def counts(connection: Connection, showing: Showing, wanted: Wanted) -> AlertCountsOut:
    """How many alerts there are, by what they are."""
    by: tuple[dict[str, int], ...] = ({}, {}, {}, {})
    total = overdue = 0
    for *names, late, n in connection.execute(sql.COUNTS, showing.asked(wanted)):
        total += n
        overdue += n if late else 0
        for held, name in zip(by, names, strict=True):
            held[name or ""] = held.get(name or "", 0) + n
    return AlertCountsOut(
        total=total,
        overdue=overdue,
        by_state=by[0],
        by_severity=by[1],
        by_kind=by[2],
        by_feed=by[3],
    )


def full(connection: Connection, showing: Showing, number: int) -> AlertFullOut:
    """One alert with its steps and its checklist.

    Raises:
        NoSuchAlert: There is none, or it is not for whoever asks: both look the same.
    """
    row = connection.execute(sql.ONE, (number,)).fetchone()
    if row is None or not showing.sees(one := book.alert(row)):
        raise NoSuchAlert(number)
    steps = tuple(
        AlertStepOut(
            n=n, at=at, by=by, action=action, note=note, from_state=before, to_state=to,
            detail=detail,
        )
        for n, at, by, action, note, before, to, detail in connection.execute(
            sql.STEPS, (number,)
        )
    )  # fmt: skip
    small = _is_small(one, showing)
    return AlertFullOut(
        **_common(one, showing),
        # Steps of the system name the figure; those of people say what they did.
        steps=tuple(
            step.model_copy(update={"detail": {}}) if small and step.by == book.SYSTEM else step
            for step in steps
        ),
        checklist=_checklist(connection, one, steps),
        detail={} if small else one.detail,
    )


def _common(one: Alert, showing: Showing) -> dict[str, Any]:
    feed, indicator = showing.behind(one)
    small = _is_small(one, showing)
    areas = showing.catalogue.areas
    return {
        "id": one.id,
        "version": one.version,
        "kind": one.kind,
        "severity": one.severity,
        "state": one.state,
        "subject": one.subject,
        "feed": one.feed,
        "indicator": one.indicator,
        "title": _words(indicator.title if indicator else one.reason),
        "area": one.area,
        "area_name": areas[one.area].name_vi if one.area in areas else one.area,
        "lon": one.at[0] if one.at else None,
        "lat": one.at[1] if one.at else None,
        "period": one.figure.period,
        "value": None if small else one.figure.value,
        "suppressed": small,
        "unit": indicator.unit if indicator else "",
        "reason": _words(_COVERED if small else one.reason),
        "opened_at": one.opened_at,
        "due_at": one.due_at,
        "overdue": not one.finished and one.due_at < showing.now,
        "escalated": one.escalated,
        "owner": AlertOwnerOut(
            role=one.owner.role,
            account=one.owner.account,
            name=one.owner.name,
            post=_words(one.owner.post) if one.owner.post else None,
        ),
        "cleared_at": one.cleared_at,
        "closed_at": one.closed_at,
        "result": one.result,
        "sop": one.sop_kind,
        "simulated": one.figure.provenance == "simulated",
        "as_of": one.figure.as_of,
        "received_at": one.figure.received_at,
        "source": feeds_shown.source(feed) if feed else _OURSELVES,
        "provenance": one.figure.provenance,
        "quality": showing.scores.get(one.feed or "", QualityOut()),
    }


_OURSELVES: Final = SourceOut(
    feed="",
    title=WordsOut(vi="Hệ thống", en="The system"),
    unit=WordsOut(vi="Trung tâm điều hành", en="Operations centre"),
    system="ioc",
)


def _is_small(one: Alert, showing: Showing) -> bool:
    """A count of people, too few to hide in, before somebody who may not see it."""
    feed, indicator = showing.behind(one)
    if feed is None or indicator is None or not indicator.persons:
        return False
    if feed.k_min == 0 or len(one.area) <= PROVINCE_DIGITS:
        return False
    count = one.detail.get("numerator") if indicator.is_ratio else one.figure.value
    return count is not None and 0 < count < feed.k_min and not showing.reader.full(feed)


def _checklist(connection: Connection, one: Alert, steps: Sequence[AlertStepOut]) -> SopOut:
    sop = kept(connection, one.sop_sha256)
    ticked: dict[int, AlertStepOut] = {}
    for step in steps:
        if step.action == "sop":
            ticked[int(step.detail["step"])] = step
    return SopOut(
        kind=sop.kind,
        sha256=one.sop_sha256,
        title=_words(sop.title),
        intro=sop.intro,
        steps=tuple(
            _sop_step(place, text, ticked.get(place)) for place, text in enumerate(sop.steps)
        ),
    )


def _sop_step(place: int, text: Words, said: AlertStepOut | None) -> SopStepOut:
    if said is None or not said.detail["done"]:
        return SopStepOut(step=place, text=_words(text), done=False)
    return SopStepOut(
        step=place, text=_words(text), done=True, by=said.by, at=said.at, note=said.note
    )


def _words(words: Words) -> WordsOut:
    return WordsOut(vi=words.vi, en=words.en)
