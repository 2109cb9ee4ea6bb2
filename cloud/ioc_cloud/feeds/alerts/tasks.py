"""What people do with alerts: take, hand over, tick off, close, open again.

Every function is one transaction, checks the state and the version that its caller saw, and
leaves a step and a line in the audit log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

import psycopg

from ioc_cloud import audit
from ioc_cloud.db import feeds_alert_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.alerts import book
from ioc_cloud.feeds.alerts.book import CHAIN, FINISHED, SYSTEM, Action, Alert, Owner, State, Step
from ioc_cloud.feeds.alerts.errors import NotInThisState, SameAlertOpen, StepUnsaid
from ioc_cloud.feeds.alerts.sop import kept
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_models.feeds.periods import LOCAL

UNFINISHED: Final[frozenset[State]] = frozenset({"open", "acknowledged", "handed_over"})
IN_HAND: Final[frozenset[State]] = frozenset({"acknowledged", "handed_over"})
# From which states each thing may be done. Whoever receives an alert acknowledges it anew.
ALLOWED: Final[Mapping[Action, frozenset[State]]] = {
    "acknowledged": frozenset({"open", "handed_over"}),
    "handed_over": UNFINISHED,
    "sop": IN_HAND,
    "note": UNFINISHED | FINISHED,
    "closed": UNFINISHED,
    "false_alarm": UNFINISHED,
    "reopened": FINISHED,
}
LONGEST_NOTE: Final = 2000
MOST_ESCALATED: Final = 500


@dataclass(frozen=True, slots=True)
class Act:
    """Who does something, when, and what they say.

    Attributes:
        by: Their account.
        version: Of the alert as they saw it.
        note: What they say; some acts need it.
    """

    by: str
    version: int
    now: datetime
    note: str = ""


def acknowledge(connection: Connection, alert: int, act: Act) -> Alert:
    """Take an alert: from now on it is this account's.

    Raises:
        NoSuchAlert: There is none.
        AlertMoved: Another was quicker.
        NotInThisState: It is taken already, or finished.
    """

    def taken(one: Alert) -> Alert:
        owner = one.owner if one.owner.account == act.by else Owner("other", act.by)
        return replace(one, state="acknowledged", owner=owner)

    return _done(connection, alert, "acknowledged", act, taken)


def hand_over(connection: Connection, alert: int, act: Act, to: Owner) -> Alert:
    """Give an alert to another, with the reason; they acknowledge it in their turn.

    Raises:
        NoSuchAlert: There is none.
        AlertMoved: Another was quicker.
        NotInThisState: It is finished.
        StepUnsaid: No reason, or nobody to give it to.
    """
    _said(act.note, "why it is handed over")
    _said(to.account or to.name or (to.post.vi if to.post else ""), "to whom it is handed")
    detail = {"to": {"role": to.role, "account": to.account, "name": to.name}}
    with connection.transaction():
        after = _done(
            connection,
            alert,
            "handed_over",
            act,
            lambda one: replace(one, state="handed_over", owner=to),
            detail,
        )
        book.notify(connection, after, f"handed_over {after.version}", to, act.now)
    return after


def tick(connection: Connection, alert: int, act: Act, step: int, *, done: bool = True) -> Alert:
    """Tick a step of the checklist off, or take the tick back; steps count from 0.

    Raises:
        NoSuchAlert: There is none.
        AlertMoved: Another was quicker.
        NotInThisState: Nobody has taken it yet, or it is finished.
        StepUnsaid: The checklist has no such step.
    """

    def checked(one: Alert) -> Alert:
        steps = kept(connection, one.sop_sha256).steps
        if not 0 <= step < len(steps):
            raise StepUnsaid(f"the checklist has steps 0 to {len(steps) - 1}, not {step}")
        return one

    return _done(connection, alert, "sop", act, checked, {"step": step, "done": done})


def add_note(connection: Connection, alert: int, act: Act) -> Alert:
    """Say something about an alert.

    Raises:
        NoSuchAlert: There is none.
        AlertMoved: Another was quicker.
        StepUnsaid: Nothing is said.
    """
    _said(act.note, "a note")
    return _done(connection, alert, "note", act, lambda one: one)


def close(connection: Connection, alert: int, act: Act, *, right: bool | None = None) -> Alert:
    """Finish an alert; the note is what came of it.

    `right` says whether it was worth raising: yes brings a widened threshold back.

    Raises:
        NoSuchAlert: There is none.
        AlertMoved: Another was quicker.
        NotInThisState: It is finished.
        StepUnsaid: No result.
    """
    _said(act.note, "the result")
    with connection.transaction():
        after = _finished(connection, alert, "closed", act, {"right": right})
        if right:
            _say(connection, after, act, right=True)
    return after


def false_alarm(connection: Connection, alert: int, act: Act) -> Alert:
    """Finish an alert that should not have been; its indicator's threshold widens.

    Raises:
        NoSuchAlert: There is none.
        AlertMoved: Another was quicker.
        NotInThisState: It is finished.
        StepUnsaid: No reason.
    """
    _said(act.note, "why it is a false alarm")
    with connection.transaction():
        after = _finished(connection, alert, "false_alarm", act)
        _say(connection, after, act, right=False)
    return after


def reopen(connection: Connection, alert: int, act: Act) -> Alert:
    """Take up a finished alert again; what was said of it counts no longer.

    Raises:
        NoSuchAlert: There is none.
        AlertMoved: Another was quicker.
        NotInThisState: It is not finished.
        SameAlertOpen: The same trouble has another alert by now.
        StepUnsaid: No reason.
    """
    _said(act.note, "why it is opened again")

    def anew(one: Alert) -> Alert:
        return replace(one, state="open", cleared_at=None, closed_at=None, result="")

    with connection.transaction():
        try:
            after = _done(connection, alert, "reopened", act, anew)
        except psycopg.errors.UniqueViolation as error:
            raise SameAlertOpen(alert) from error
        connection.execute(sql.UNSAY, (act.now, alert))
    return after


def escalate(connection: Connection, catalogue: Catalogue, *, now: datetime) -> list[Alert]:
    """Tell of overdue alerts, as reminders do: owner and deputy at the deadline, then the head.

    The head is told when the allowance has passed twice. Says which alerts moved.
    """
    moved = []
    with connection.transaction():
        rows = connection.execute(sql.OVERDUE, {"now": now, "most": MOST_ESCALATED}).fetchall()
        for one in map(book.alert, rows):
            to: book.Addressee = (
                "head" if now >= one.due_at + (one.due_at - one.opened_at) else "deputy"
            )
            if one.escalated is not None and CHAIN.index(one.escalated) >= CHAIN.index(to):
                continue
            moved.append(_escalated(connection, catalogue, one, to, now))
    return moved


def _escalated(
    connection: Connection,
    catalogue: Catalogue,
    one: Alert,
    to: book.Addressee,
    now: datetime,
) -> Alert:
    feed = catalogue.feeds.get(one.feed or "")
    day = now.astimezone(LOCAL).date()
    told: list[Owner] = []
    for role in CHAIN[: CHAIN.index(to) + 1]:
        held = book.on_duty(feed, role, day)
        if held.role == role:
            told.append(held)
            book.notify(connection, one, "overdue", held, now)
    detail = {
        "from": one.escalated,
        "to": to,
        "told": [{"role": who.role, "account": who.account} for who in told],
        "late_s": round((now - one.due_at).total_seconds()),
    }
    step = Step("escalated", SYSTEM, now, detail=detail)
    return book.move(connection, one, replace(one, escalated=to), step)


def _done(
    connection: Connection,
    alert: int,
    action: Action,
    act: Act,
    change: Callable[[Alert], Alert],
    detail: Mapping[str, Any] | None = None,
) -> Alert:
    if len(act.note) > LONGEST_NOTE:
        raise StepUnsaid(f"at most {LONGEST_NOTE} characters, not {len(act.note)}")
    with connection.transaction():
        before = book.held(connection, alert, act.version)
        if before.state not in ALLOWED[action]:
            raise NotInThisState(alert, action, before.state, ALLOWED[action])
        step = Step(action, act.by, act.now, act.note, detail or {})
        after = book.move(connection, before, change(before), step)
        states = {"version": after.version, "from": before.state, "to": after.state}
        audit.write(connection, act.by, f"alert.{action}", str(alert), states)
    return after


def _finished(
    connection: Connection,
    alert: int,
    action: Literal["closed", "false_alarm"],
    act: Act,
    detail: Mapping[str, Any] | None = None,
) -> Alert:
    def ended(one: Alert) -> Alert:
        return replace(one, state=action, closed_at=act.now, result=act.note)

    return _done(connection, alert, action, act, ended, detail)


def _say(connection: Connection, one: Alert, act: Act, *, right: bool) -> None:
    about = one.indicator or one.subject
    connection.execute(sql.SAY, (one.id, one.kind, about, right, act.by, act.now, act.note))


def _said(text: str, what: str) -> None:
    if not text.strip():
        raise StepUnsaid(f"{what} must be said")
