"""Alerts and tasks over HTTP: what is open, one with its checklist, and what people do with it."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ioc_cloud.access import StateOf, Who, problems
from ioc_cloud.auth.scopes import ALERTS, EVENTS_READ, TWIN
from ioc_cloud.errors import BadFilter
from ioc_cloud.events.shown import Instant, Shown
from ioc_cloud.feeds.alerts import correlate, shown, tasks
from ioc_cloud.feeds.alerts.book import Owner
from ioc_cloud.feeds.alerts.correlate import Neighbour
from ioc_cloud.feeds.alerts.shown import (
    AlertCountsOut,
    AlertFullOut,
    AlertOut,
    Showing,
    Wanted,
)
from ioc_cloud.feeds.api.part import FeedsOf, ReaderOf
from ioc_cloud.feeds.shown import Reader

router = APIRouter(prefix="/api", tags=["Cảnh báo / Alerts"])

Number = Annotated[int, Path(ge=1, le=2**62)]
OPEN: Final = ("open", "acknowledged", "handed_over")
DONE: Final = ("closed", "false_alarm")
MOST: Final = 200
# As the policies of stations and vessels have it; an alert's page shows no more than the twin.
SEES_VESSELS: Final = frozenset({"leader", "operator", "police", "auditor", "dpo"})


class AlertPage(BaseModel):
    """Youngest first; `next` is the `before` of the page behind, null at the end."""

    items: list[AlertOut]
    counts: AlertCountsOut
    next: int | None


class NeighbourOut(Shown):
    """What is near an alert in place and time."""

    kind: Literal["event", "alert", "task", "camera", "station", "vessel"]
    id: str
    title: str | None
    state: str | None
    lon: float
    lat: float
    distance_m: float
    at: Instant | None
    simulated: bool


class AlertDetail(BaseModel):
    """An alert with its steps and checklist, and what else is near."""

    alert: AlertFullOut
    near: list[NeighbourOut]


class Act(BaseModel):
    """What somebody does with an alert."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"action": "acknowledge", "version": 1}]},
    )

    action: Literal["acknowledge", "hand_over", "tick", "note", "close", "false_alarm", "reopen"]
    version: int = Field(
        ge=1, le=2**31 - 1, description="Phiên bản mà người đó đã xem / as they saw it"
    )
    note: Annotated[str, StringConstraints(max_length=2000, strip_whitespace=True)] = ""
    to: Annotated[str, StringConstraints(max_length=100, strip_whitespace=True)] = ""
    step: int | None = Field(default=None, ge=0, le=200)
    done: bool = True
    right: bool | None = None


@router.get(
    "/alerts", summary="Cảnh báo và việc / alerts and tasks", responses=problems(401, 403, 422, 503)
)
def list_alerts(
    who: ReaderOf,
    state: StateOf,
    feeds: FeedsOf,
    *,
    open: bool = True,  # noqa: A002 the parameter's name in the address
    feed: Annotated[str | None, Query(max_length=40)] = None,
    overdue: bool | None = None,
    mine: bool = False,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> AlertPage:
    """Đang mở, hoặc đã xong / unfinished ones, or finished ones."""
    wanted = Wanted(
        states=OPEN if open else DONE,
        feeds=[feed] if feed else None,
        account=_account(who) if mine else None,
        overdue=overdue,
    )
    with state.pool.connection() as connection:
        showing = Showing.on(connection, feeds.catalogue, who, feeds.clock())
        found = shown.listed(connection, showing, wanted, before=before, most=MOST)
        counts = shown.counts(connection, showing, wanted)
    return AlertPage(items=found, counts=counts, next=found[-1].id if len(found) == MOST else None)


def _account(who: Reader) -> str:
    return who.who.name.partition(":")[2]


@router.get(
    "/alerts/{number}", summary="Một cảnh báo / one alert", responses=problems(401, 403, 404, 503)
)
def get_alert(number: Number, who: ReaderOf, state: StateOf, feeds: FeedsOf) -> AlertDetail:
    """Các bước, nhật ký, những gì ở gần / checklist, history, what is near."""
    with state.pool.connection() as connection:
        return _detail(connection, number, who, feeds)


def _detail(connection: Any, number: int, who: Reader, feeds: FeedsOf) -> AlertDetail:  # noqa: ANN401
    showing = Showing.on(connection, feeds.catalogue, who, feeds.clock())
    found = shown.full(connection, showing, number)
    near = correlate.near_alert(connection, number)
    return AlertDetail(alert=found, near=[_neighbour(one) for one in near if _for(who, one)])


def _for(who: Reader, one: Neighbour) -> bool:
    if one.kind == "vessel":
        return TWIN in who.who.scopes and not who.who.roles.isdisjoint(SEES_VESSELS)
    if one.kind == "event":
        return EVENTS_READ in who.who.scopes or ALERTS in who.who.scopes
    return True


def _neighbour(one: Neighbour) -> NeighbourOut:
    body = asdict(one)
    del body["policy"]
    return NeighbourOut(**body)


@router.post(
    "/alerts/{number}/steps",
    summary="Xử lý / act on an alert",
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def act(
    number: Number, body: Act, who: Who, reader: ReaderOf, state: StateOf, feeds: FeedsOf
) -> AlertDetail:
    """Nhận, chuyển, tích bước, ghi chú, đóng / acknowledge, hand over, tick, note, close.

    Raises:
        BadFilter: A step is ticked without its number.
    """
    who.must(ALERTS)
    said = tasks.Act(_account(reader), body.version, feeds.clock(), body.note)
    with state.pool.connection() as connection:
        # Also that they may see it at all.
        _detail(connection, number, reader, feeds)
        _do(connection, number, body, said)
        return _detail(connection, number, reader, feeds)


def _do(connection: Any, number: int, body: Act, said: tasks.Act) -> None:  # noqa: ANN401
    match body.action:
        case "acknowledge":
            tasks.acknowledge(connection, number, said)
        case "hand_over":
            tasks.hand_over(connection, number, said, Owner("other", body.to))
        case "tick":
            if body.step is None:
                raise BadFilter("say which `step` is done")
            tasks.tick(connection, number, said, body.step, done=body.done)
        case "note":
            tasks.add_note(connection, number, said)
        case "close":
            tasks.close(connection, number, said, right=body.right)
        case "false_alarm":
            tasks.false_alarm(connection, number, said)
        case "reopen":
            tasks.reopen(connection, number, said)


@router.get(
    "/near",
    summary="Ở gần, cùng lúc / near in place and time",
    responses=problems(401, 403, 422, 503),
)
def list_near(
    who: ReaderOf,
    state: StateOf,
    feeds: FeedsOf,
    lon: Annotated[float, Query(ge=-180, le=180)],
    lat: Annotated[float, Query(ge=-90, le=90)],
    radius_m: Annotated[float, Query(gt=0, le=correlate.WIDEST_M)] = correlate.USUAL_RADIUS_M,
    at: datetime | None = None,
) -> list[NeighbourOut]:
    """Sự kiện, cảnh báo, camera, trạm quanh một điểm / around a point.

    Raises:
        BadFilter: The time has no zone.
    """
    who.who.must(ALERTS, EVENTS_READ)
    when = at or feeds.clock()
    if when.tzinfo is None:
        raise BadFilter("`at` needs a zone, as 2026-11-24T10:00:00+07:00")
    with state.pool.connection() as connection:
        found = correlate.near(connection, lon, lat, radius_m, when, correlate.USUAL_WINDOW)
    return [_neighbour(one) for one in found if _for(who, one)]
