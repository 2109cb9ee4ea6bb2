"""The four scores over HTTP, down to the cells behind them; maintenance and reminders."""

from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from ioc_cloud import audit
from ioc_cloud.access import StateOf, Who, problems
from ioc_cloud.auth.scopes import FEEDS_STEWARD
from ioc_cloud.db import feeds_read_sql as sql
from ioc_cloud.errors import BadFilter, NotAllowed, NotFound
from ioc_cloud.events.shown import Instant, Shown
from ioc_cloud.feeds import scores
from ioc_cloud.feeds.api.part import FeedId, FeedsOf, ReaderOf, owned, seen
from ioc_cloud.feeds.reminders import nudge as remind_owner
from ioc_cloud.feeds.running import running
from ioc_cloud.feeds.shown import SourceOut, source
from ioc_models.feeds import periods

router = APIRouter(prefix="/api", tags=["Chất lượng dữ liệu / Data quality"])

Dimension = Literal["correct", "complete", "clean", "live"]
Said = Annotated[str, StringConstraints(min_length=3, max_length=2000, strip_whitespace=True)]
MOST_CELLS: Final = 2_000
MOST_DAYS: Final = 400


class ScoreOut(Shown):
    """One feed's four scores of one day, 0 to 100; null is "not measured", never 100."""

    feed: str
    day: date
    version: int
    correct: float | None
    complete: float | None
    clean: float | None
    live: float | None
    grade: float | None
    rows: int
    expected: int | None
    owner: str
    rules_sha256: str
    cause: str
    computed_at: Instant
    detail: dict[str, Any]
    source: SourceOut


class ScoreList(BaseModel):
    """Scores by feed and day."""

    items: list[ScoreOut]


class CellOut(Shown):
    """What lowered a score."""

    dimension: Dimension
    table: str
    area: str | None
    area_name: str | None
    period: str | None
    key: str | None
    field: str | None
    rule: str
    value: str | None
    batch: int | None
    place: str
    vi: str
    en: str


class ExplanationOut(Shown):
    """What the owner says of a score; it stands beside it and changes nothing."""

    said_by: str
    said_at: Instant
    text: str


class ScoreDay(BaseModel):
    """One day of a feed: every version of its scores, the cells, what was said of it."""

    versions: list[ScoreOut]
    cells: list[CellOut]
    more_cells: bool
    explanations: list[ExplanationOut]


class Explanation(BaseModel):
    """What the owner says."""

    model_config = ConfigDict(extra="forbid")

    text: Said


class Window(BaseModel):
    """A time in which nobody is blamed for late data; its age is shown all the same."""

    model_config = ConfigDict(extra="forbid")

    feed: str | None = Field(default=None, description="Bỏ trống là mọi nguồn / none: every feed")
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    reason: Said


class WindowOut(Shown):
    """A maintenance window."""

    id: int
    feed: str | None
    starts_at: Instant
    ends_at: Instant
    reason: str
    entered_by: str
    entered_at: Instant
    cancelled_at: Instant | None


class WindowList(BaseModel):
    """Maintenance windows, the latest first."""

    items: list[WindowOut]


class DeadlineOut(Shown):
    """A period of a table on its way to its deadline, or past it."""

    feed: str
    table: str
    period: str
    due_at: Instant
    received: int
    expected: int | None
    received_at: Instant | None
    stage: Literal["early", "half", "most", "due", "overdue", "done"]
    suspended: bool


class DeadlineList(BaseModel):
    """Deadlines, the earliest first."""

    items: list[DeadlineOut]


class NoticeOut(Shown):
    """A reminder or an escalation."""

    id: int
    feed: str
    table: str
    period: str
    stage: str
    addressee: str
    account: str
    name: str
    due_at: Instant
    at: Instant
    vi: str
    en: str
    sent_at: Instant | None
    read_at: Instant | None


class NoticeList(BaseModel):
    """Notices, the newest first."""

    items: list[NoticeOut]


@router.get(
    "/quality",
    summary="Bốn điểm theo ngày / the four scores by day",
    responses=problems(401, 403, 404, 422, 503),
)
def list_scores(
    who: ReaderOf,
    state: StateOf,
    feeds: FeedsOf,
    feed: Annotated[str | None, Query(max_length=40)] = None,
    since: date | None = None,
    until: date | None = None,
) -> ScoreList:
    """Đúng, đủ, sạch, sống; mặc định 30 ngày / 30 days by default.

    Raises:
        BadFilter: The days are in no order, or too many.
    """
    last = until or periods.containing(feeds.clock(), periods.Cadence.DAY).first_day
    first = since or last - timedelta(days=30)
    if first > last or (last - first).days > MOST_DAYS:
        raise BadFilter(f"since {first} until {last}: in order, at most {MOST_DAYS} days")
    if feed is not None:
        seen(feeds, who, feed)
    asked = {"feed": feed, "since": first, "until": last}
    with state.pool.connection() as connection:
        rows = connection.execute(sql.QUALITY_DAYS, asked).fetchall()
    return ScoreList(items=[_score(row, feeds) for row in rows if _known(row[0], feeds, who)])


def _known(feed_id: str, feeds: FeedsOf, who: ReaderOf) -> bool:
    """A feed whose contract was taken away keeps its scores, which no screen shows."""
    return feed_id in feeds.catalogue.feeds and who.sees(feeds.catalogue.feeds[feed_id])


def _score(row: tuple[Any, ...], feeds: FeedsOf) -> ScoreOut:
    (
        feed, day, version, correct, complete, clean, live, grade, n_rows, n_expected, owner,
        rules, cause, computed_at, detail,
    ) = row  # fmt: skip
    return ScoreOut(
        feed=feed,
        day=day,
        version=version,
        correct=correct,
        complete=complete,
        clean=clean,
        live=live,
        grade=grade,
        rows=n_rows,
        expected=n_expected,
        owner=owner,
        rules_sha256=rules,
        cause=cause,
        computed_at=computed_at,
        detail=detail,
        source=source(feeds.catalogue.feed(feed)),
    )


@router.get(
    "/quality/{feed_id}/{day}",
    summary="Một ngày, đến từng ô / one day, down to the cells",
    responses=problems(401, 403, 404, 422, 503),
)
def get_day(
    feed_id: FeedId,
    day: Annotated[date, Path()],
    who: ReaderOf,
    state: StateOf,
    feeds: FeedsOf,
    dimension: Dimension | None = None,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> ScoreDay:
    """Mọi phiên bản, các ô làm mất điểm, giải trình / versions, failing cells, explanations.

    Raises:
        NotAllowed: Cells are for those who work with the feed.
        NotFound: The day has no score, or not this version.
    """
    feed = seen(feeds, who, feed_id)
    if not who.full(feed):
        raise NotAllowed("the cells of a feed are for its owner and the stewards")
    with state.pool.connection() as connection:
        versions = [
            _score(row, feeds)
            for row in connection.execute(sql.QUALITY_VERSIONS, (feed.id, day)).fetchall()
        ]
        if not versions:
            raise NotFound(f"the feed {feed.id!r} has no score of {day}")
        asked = {
            "feed": feed.id,
            "day": day,
            "version": version or versions[0].version,
            "dimension": dimension,
            "most": MOST_CELLS + 1,
        }
        cells = connection.execute(sql.QUALITY_CELLS, asked).fetchall()
        said = connection.execute(sql.EXPLANATIONS, (feed.id, day)).fetchall()
    return ScoreDay(
        versions=versions,
        cells=[_cell(row, feeds) for row in cells[:MOST_CELLS]],
        more_cells=len(cells) > MOST_CELLS,
        explanations=[ExplanationOut(said_by=by, said_at=at, text=text) for by, at, text in said],
    )


def _cell(row: tuple[Any, ...], feeds: FeedsOf) -> CellOut:
    dimension, table, area, period, key, field, rule, value, batch, place, vi, en = row
    known = feeds.catalogue.areas.get(area) if area else None
    return CellOut(
        dimension=dimension,
        table=table,
        area=area,
        area_name=known.name_vi if known else None,
        period=period,
        key=key,
        field=field,
        rule=rule,
        value=value,
        batch=batch,
        place=place,
        vi=vi,
        en=en,
    )


@router.post(
    "/quality/{feed_id}/{day}/explanations",
    status_code=201,
    summary="Giải trình / explain a score",
    responses=problems(400, 401, 403, 404, 422, 503),
)
def explain(
    feed_id: FeedId,
    day: Annotated[date, Path()],
    body: Explanation,
    who: Who,
    state: StateOf,
    feeds: FeedsOf,
) -> ExplanationOut:
    """Điểm không đổi; lời giải trình đứng bên cạnh / the score stays, the words stand beside it."""
    feed, now = owned(feeds, who, feed_id), feeds.clock()
    with state.pool.connection() as connection:
        scores.explain(connection, feed.id, day, who.name, body.text, now)
        audit.write(connection, who.name, "feed.explain", f"{feed.id}/{day}")
    return ExplanationOut(said_by=who.name, said_at=now, text=body.text)


@router.get(
    "/deadlines",
    summary="Hạn nộp / deadlines",
    responses=problems(401, 403, 503),
)
def list_deadlines(who: ReaderOf, state: StateOf, feeds: FeedsOf) -> DeadlineList:
    """Ba kỳ gần nhất của mỗi bảng / the newest three periods of every table."""
    shown = [feed for feed in feeds.catalogue.feeds.values() if who.sees(feed)]
    with state.pool.connection() as connection:
        found = running(connection, feeds.catalogue, feeds.calendar, shown, feeds.clock())
    return DeadlineList(
        items=[DeadlineOut.model_validate(one, from_attributes=True) for one in found]
    )


@router.get(
    "/maintenance",
    summary="Các đợt bảo trì / maintenance windows",
    responses=problems(401, 403, 503),
)
def list_windows(who: ReaderOf, state: StateOf, feeds: FeedsOf) -> WindowList:
    """Từ 90 ngày trước / since 90 days ago."""
    with state.pool.connection() as connection:
        rows = connection.execute(sql.MAINTENANCE, (feeds.clock() - timedelta(days=90),)).fetchall()
    return WindowList(items=[_window(row) for row in rows if _may_see(row[1], feeds, who)])


def _may_see(feed_id: str | None, feeds: FeedsOf, who: ReaderOf) -> bool:
    return feed_id is None or _known(feed_id, feeds, who)


def _window(row: tuple[Any, ...]) -> WindowOut:
    number, feed, starts, ends, reason, by, at, cancelled = row
    return WindowOut(
        id=number,
        feed=feed,
        starts_at=starts,
        ends_at=ends,
        reason=reason,
        entered_by=by,
        entered_at=at,
        cancelled_at=cancelled,
    )


@router.post(
    "/maintenance",
    status_code=201,
    summary="Khai báo bảo trì / enter a maintenance window",
    responses=problems(400, 401, 403, 404, 422, 503),
)
def add_window(body: Window, who: Who, state: StateOf, feeds: FeedsOf) -> WindowOut:
    """Treo trách nhiệm, không treo tuổi số liệu / suspends blame, never the display of age.

    Raises:
        BadFilter: It ends before it starts.
    """
    who.must(FEEDS_STEWARD)
    if body.feed is not None:
        feeds.catalogue.feed(body.feed)
    if body.ends_at <= body.starts_at:
        raise BadFilter("a window ends after it starts")
    now = feeds.clock()
    with state.pool.connection() as connection:
        row = connection.execute(
            sql.ADD_MAINTENANCE,
            (body.feed, body.starts_at, body.ends_at, body.reason, who.name, now),
        ).fetchone()
        number = int(row[0]) if row else 0
        audit.write(connection, who.name, "feed.maintenance", body.feed or "*", {"id": number})
    return _window(
        (number, body.feed, body.starts_at, body.ends_at, body.reason, who.name, now, None)
    )


@router.delete(
    "/maintenance/{number}",
    status_code=204,
    summary="Huỷ bảo trì / cancel a window",
    response_class=Response,
    responses=problems(401, 403, 404, 422, 503),
)
def cancel_window(
    number: Annotated[int, Path(ge=1, le=2**62)], who: Who, state: StateOf, feeds: FeedsOf
) -> Response:
    """Giữ lại trong lịch sử / it stays in the history.

    Raises:
        NotFound: There is none that still stands.
    """
    who.must(FEEDS_STEWARD)
    with state.pool.connection() as connection:
        row = connection.execute(sql.CANCEL_MAINTENANCE, (feeds.clock(), number)).fetchone()
        if row is None:
            raise NotFound(f"no window {number} that still stands")
        audit.write(connection, who.name, "feed.maintenance.cancel", row[0] or "*", {"id": number})
    return Response(status_code=204)


@router.post(
    "/feeds/{feed_id}/nudges",
    status_code=201,
    summary="Nhắc đầu mối / remind the owner",
    responses=problems(401, 403, 404, 422, 503),
)
def nudge(feed_id: FeedId, who: Who, state: StateOf, feeds: FeedsOf) -> NoticeList:
    """Một lần bấm / one click."""
    who.must(FEEDS_STEWARD)
    feed = feeds.catalogue.feed(feed_id)
    with state.pool.connection() as connection:
        sent = remind_owner(
            connection, feeds.catalogue, feed.id, who.name, feeds.clock(), calendar=feeds.calendar
        )
        audit.write(connection, who.name, "feed.nudge", feed.id)
        numbers = {one.id for one in sent}
        rows = _notices(connection, [feed.id], None)
    return NoticeList(items=[one for one in rows if one.id in numbers])


@router.get(
    "/notices",
    summary="Nhắc việc / reminders and escalations",
    responses=problems(401, 403, 422, 503),
)
def list_notices(
    who: ReaderOf, state: StateOf, feeds: FeedsOf, *, mine: bool = False
) -> NoticeList:
    """Của các nguồn mình phụ trách / of the feeds that one answers for."""
    account = who.who.name.partition(":")[2] if mine else None
    with state.pool.connection() as connection:
        return NoticeList(items=_notices(connection, _own(feeds, who), account))


def _own(feeds: FeedsOf, who: ReaderOf) -> list[str]:
    return [feed.id for feed in feeds.catalogue.feeds.values() if who.full(feed)]


def _notices(connection: Any, feeds: list[str], account: str | None) -> list[NoticeOut]:  # noqa: ANN401
    asked = {"feeds": feeds, "account": account, "most": 500}
    return [
        NoticeOut(
            id=row[0],
            feed=row[1],
            table=row[2],
            period=row[3],
            stage=row[4],
            addressee=row[5],
            account=row[6],
            name=row[7],
            due_at=row[8],
            at=row[9],
            vi=row[10],
            en=row[11],
            sent_at=row[12],
            read_at=row[13],
        )
        for row in connection.execute(sql.NOTICES, asked)
    ]


@router.post(
    "/notices/{number}/read",
    status_code=204,
    summary="Đã đọc / mark as read",
    response_class=Response,
    responses=problems(401, 403, 404, 422, 503),
)
def read_notice(
    number: Annotated[int, Path(ge=1, le=2**62)], who: ReaderOf, state: StateOf, feeds: FeedsOf
) -> Response:
    """Ghi giờ đọc / writes down when.

    Raises:
        NotFound: No unread notice of that number is theirs.
    """
    asked = (feeds.clock(), number, _own(feeds, who))
    with state.pool.connection() as connection:
        if connection.execute(sql.READ_NOTICE, asked).fetchone() is None:
            raise NotFound(f"no unread notice {number}")
    return Response(status_code=204)
