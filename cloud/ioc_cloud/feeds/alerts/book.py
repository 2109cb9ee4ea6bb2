"""The book of alerts: rows, and the one way in which they change, a step at a time.

An alert's version is the number of its steps. Whoever changes it holds its row; whoever saw an
older version looks again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from psycopg.types.json import Jsonb

from ioc_cloud.db import feeds_alert_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.alerts import sop as sops_of
from ioc_cloud.feeds.alerts.errors import AlertMoved, NoSuchAlert
from ioc_cloud.feeds.alerts.sop import AlertKind, AlertSeverity, Sop, Sops
from ioc_models.feeds import Contract
from ioc_models.feeds.contract import Person, Words
from ioc_models.feeds.periods import LOCAL

State = Literal["open", "acknowledged", "handed_over", "closed", "false_alarm"]
Action = Literal[
    "opened", "escalated", "worse", "cleared", "returned", "acknowledged", "handed_over", "sop",
    "note", "closed", "false_alarm", "reopened",
]  # fmt: skip
Addressee = Literal["owner", "deputy", "head"]
FINISHED: Final[frozenset[State]] = frozenset({"closed", "false_alarm"})
# Who acts where no person does.
SYSTEM: Final = "system"
CHAIN: Final[tuple[Addressee, ...]] = ("owner", "deputy", "head")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose duty an alert is.

    Attributes:
        role: Of the contract (`owner`, `deputy`, `head`), or `other` after a hand-over.
        account: Their account here; empty until the province names somebody.
    """

    role: str
    account: str = ""
    name: str = ""
    post: Words | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """What an alert was judged by.

    Attributes:
        period: As figures write it; empty where no period stands behind it.
        version: Tells a correction from a repeat.
    """

    value: float | None
    as_of: datetime
    received_at: datetime
    provenance: str
    period: str = ""
    period_start: datetime | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that somebody should look at.

    Attributes:
        subject: What makes it the same as an earlier one: an indicator, a feed, a camera.
        area: Code of a commune or of the province.
        at: Longitude and latitude, where it has a place.
        reason: For people.
        detail: Numbers behind the reason, for programs.
    """

    kind: AlertKind
    severity: AlertSeverity
    subject: str
    area: str
    figure: Figure
    reason: Words
    feed: str | None = None
    indicator: str | None = None
    at: tuple[float, float] | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alert:
    """A row of the book."""

    id: int
    kind: AlertKind
    severity: AlertSeverity
    subject: str
    feed: str | None
    indicator: str | None
    area: str
    at: tuple[float, float] | None
    figure: Figure
    detail: Mapping[str, Any]
    reason: Words
    opened_at: datetime
    owner: Owner
    due_at: datetime
    escalated: Addressee | None
    state: State
    cleared_at: datetime | None
    closed_at: datetime | None
    result: str
    sop_kind: str
    sop_sha256: str
    version: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What there is one unfinished alert of."""
        return self.kind, self.subject, self.area

    @property
    def finished(self) -> bool:
        """Whether nobody has to do anything about it."""
        return self.state in FINISHED

    def judged(self, figure: Figure) -> bool:
        """Whether it was judged by this figure, or by one of a later period or version."""
        mine = self.figure
        if mine.period_start is None or figure.period_start is None:
            return False
        return (figure.period_start, figure.version or 0) <= (mine.period_start, mine.version or 0)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done about an alert; steps are never changed."""

    action: Action
    by: str
    at: datetime
    note: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


def alert(row: tuple[Any, ...]) -> Alert:
    """A row of `ALERT_COLUMNS`."""
    (
        number, kind, severity, subject, feed, indicator, area, lon, lat, period, period_start,
        figure_version, value, detail, vi, en, as_of, received_at, provenance, opened_at, role,
        account, name, post_vi, post_en, due_at, escalated, state, cleared_at, closed_at, result,
        sop_kind, sop_sha256, version,
    ) = row  # fmt: skip
    return Alert(
        id=number,
        kind=kind,
        severity=severity,
        subject=subject,
        feed=feed,
        indicator=indicator,
        area=area,
        at=(lon, lat) if lon is not None else None,
        figure=Figure(value, as_of, received_at, provenance, period, period_start, figure_version),
        detail=detail,
        reason=Words(vi=vi, en=en),
        opened_at=opened_at,
        owner=Owner(role, account, name, Words(vi=post_vi, en=post_en) if post_vi else None),
        due_at=due_at,
        escalated=escalated,
        state=state,
        cleared_at=cleared_at,
        closed_at=closed_at,
        result=result,
        sop_kind=sop_kind,
        sop_sha256=sop_sha256,
        version=version,
    )


def person(feed: Contract, role: Addressee) -> Person:
    """Who holds a duty by the contract."""
    return {"owner": feed.owner, "deputy": feed.deputy, "head": feed.head}[role]


def on_duty(feed: Contract | None, role: Addressee, day: date) -> Owner:
    """Who has to act: the role's person, or the next one up while theirs is not on duty."""
    if feed is None:
        return Owner(role)
    for one in CHAIN[CHAIN.index(role) :]:
        held = person(feed, one)
        if held.on_duty(day):
            return Owner(one, held.account, held.name, held.post)
    held = person(feed, role)
    return Owner(role, held.account, held.name, held.post)


def allowance(sop: Sop, severity: AlertSeverity, agreed: timedelta) -> timedelta:
    """Time until it must be finished: the checklist's, else the feed's agreed hours."""
    return sop.due.get(severity, agreed)


def open_alert(
    connection: Connection,
    sops: Sops,
    feed: Contract | None,
    trouble: Trouble,
    *,
    agreed: timedelta,
    now: datetime,
) -> int | None:
    """Open an alert; None where the same trouble has one that is not finished.

    `agreed` are the feed's agreed hours at this moment, for checklists without a deadline.
    """
    sop = sops.of(trouble.kind, trouble.indicator)
    owner = on_duty(feed, sop.owner, now.astimezone(LOCAL).date())
    due_at = now + allowance(sop, trouble.severity, agreed)
    lon, lat = trouble.at or (None, None)
    row = connection.execute(
        sql.OPEN,
        {
            "kind": trouble.kind,
            "severity": trouble.severity,
            "subject": trouble.subject,
            "feed": trouble.feed,
            "indicator": trouble.indicator,
            "area": trouble.area,
            "lon": lon,
            "lat": lat,
            **_judged(trouble.figure, trouble.reason, trouble.detail),
            "now": now,
            **_owner(owner),
            "due_at": due_at,
            "sop_kind": sop.kind,
            "sop_sha256": sops_of.keep(connection, sop, now),
        },
    ).fetchone()
    if row is None:
        return None
    opened = held(connection, int(row[0]))
    detail = {"severity": trouble.severity, "value": trouble.figure.value, "owner": owner.account}
    _add_step(connection, opened, Step("opened", SYSTEM, now, detail=detail), None)
    notify(connection, opened, "opened", owner, now)
    return opened.id


def held(connection: Connection, number: int, version: int | None = None) -> Alert:
    """An alert with its row locked to the end of the transaction.

    Raises:
        NoSuchAlert: There is none.
        AlertMoved: It is at another version than the one that was seen.
    """
    row = connection.execute(sql.FOR_UPDATE, (number,)).fetchone()
    if row is None:
        raise NoSuchAlert(number)
    found = alert(row)
    if version is not None and found.version != version:
        raise AlertMoved(number, version, found.version)
    return found


def move(connection: Connection, before: Alert, after: Alert, step: Step) -> Alert:
    """Write a step and what it changed; the row must be held. Says how the alert stands now."""
    after = replace(after, version=before.version + 1)
    connection.execute(
        sql.MOVED,
        {
            "id": after.id,
            "state": after.state,
            "severity": after.severity,
            "due_at": after.due_at,
            "escalated": after.escalated,
            "cleared_at": after.cleared_at,
            "closed_at": after.closed_at,
            "result": after.result,
            **_owner(after.owner),
            "version": after.version,
        },
    )
    _add_step(connection, after, step, before.state)
    return after


def judge(
    connection: Connection,
    one: Alert,
    figure: Figure,
    *,
    reason: Words | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Alert:
    """Note a further figure of the same trouble, without a step."""
    after = replace(
        one, figure=figure, reason=reason or one.reason, detail={**one.detail, **(detail or {})}
    )
    connection.execute(
        sql.JUDGED, {"id": one.id, **_judged(after.figure, after.reason, after.detail)}
    )
    return after


def notify(connection: Connection, one: Alert, stage: str, to: Owner, now: datetime) -> None:
    """Tell a person of the contract; those without one of a feed see the list alone."""
    if one.feed is None or to.role not in CHAIN:
        return
    words = _NOTICE[stage.partition(" ")[0]]
    connection.execute(
        sql.NOTIFY,
        {
            "feed": one.feed,
            "alert": str(one.id),
            "stage": stage,
            "addressee": to.role,
            "account": to.account,
            "name": to.name,
            "due_at": one.due_at,
            "now": now,
            "vi": f"{words.vi}: {one.reason.vi}",
            "en": f"{words.en}: {one.reason.en}",
        },
    )


_NOTICE: Final = {
    "opened": Words(vi="Cảnh báo mới", en="New alert"),
    "handed_over": Words(vi="Cảnh báo được chuyển đến bạn", en="An alert is handed to you"),
    "overdue": Words(vi="Cảnh báo quá hạn xử lý", en="An alert is overdue"),
}


def _judged(figure: Figure, reason: Words, detail: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "period": figure.period,
        "period_start": figure.period_start,
        "figure_version": figure.version,
        "value": figure.value,
        "detail": Jsonb(dict(detail)),
        "vi": reason.vi,
        "en": reason.en,
        "as_of": figure.as_of,
        "received_at": figure.received_at,
        "provenance": figure.provenance,
    }


def _owner(owner: Owner) -> dict[str, Any]:
    return {
        "owner_role": owner.role,
        "owner_account": owner.account,
        "owner_name": owner.name,
        "owner_post_vi": owner.post.vi if owner.post else "",
        "owner_post_en": owner.post.en if owner.post else "",
    }


def _add_step(connection: Connection, after: Alert, step: Step, before: State | None) -> None:
    connection.execute(
        sql.ADD_STEP,
        {
            "alert": after.id,
            "n": after.version,
            "at": step.at,
            "by": step.by,
            "action": step.action,
            "note": step.note,
            "from": before,
            "to": after.state,
            "detail": Jsonb(dict(step.detail)),
        },
    )
