"""Figures and contracts over HTTP."""

from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from ioc_cloud.access import StateOf, problems
from ioc_cloud.db import feeds_read_sql as sql
from ioc_cloud.errors import BadFilter
from ioc_cloud.events.shown import Instant, Shown
from ioc_cloud.feeds.api.part import FeedId, FeedsOf, ReaderOf, seen
from ioc_cloud.feeds.shown import FigureOut, Figures, QualityOut, WordsOut, qualities
from ioc_models.feeds import Contract, NotAPeriod, TableSpec, periods
from ioc_models.feeds.contract import Person
from ioc_models.things.ids import PROVINCE_CODE

router = APIRouter(prefix="/api", tags=["Số liệu / Figures"])

Codes = Annotated[
    list[Annotated[str, Field(pattern=r"^[A-Z]{2,6}\.[A-Z0-9_]{2,24}$")]] | None,
    Query(max_length=200, description="Mã chỉ tiêu; bỏ trống là tất cả / codes; none asks for all"),
]
Areas = Annotated[
    list[Annotated[str, Field(pattern=r"^[0-9]{2,5}$")]] | None,
    Query(max_length=100, description="Mã xã, phường hoặc tỉnh / areas; none: the province"),
]
Code = Annotated[
    str, Path(pattern=r"^[A-Z]{2,6}\.[A-Z0-9_]{2,24}$", max_length=40, examples=["YT.KHAM"])
]
Area = Annotated[str, Path(pattern=r"^[0-9]{2,5}$", examples=[PROVINCE_CODE])]
LONGEST: Final = timedelta(days=3700)


class FigureList(BaseModel):
    """Figures, each with all that it must carry."""

    items: list[FigureOut]


class PersonOut(Shown):
    """Who answers for a feed; a name that is not known yet is empty."""

    post: WordsOut
    name: str
    phone: str
    email: str
    account: str


class TableOut(Shown):
    """A table of a feed, in short."""

    id: str
    title: WordsOut
    period: str
    areas: int
    fields: int
    rules: int


class IndicatorOut(Shown):
    """An indicator, in short."""

    code: str
    title: WordsOut
    unit: str
    table: str
    direction: str
    decimals: int
    warn: dict[str, float | None] | None
    danger: dict[str, float | None] | None
    target: float | None


class SourceState(Shown):
    """How a source that we ask stands."""

    tried_at: Instant | None
    answered_at: Instant | None
    failures: int
    failure: str | None
    next_at: Instant | None


class FeedOut(Shown):
    """A feed: whose it is, what is in it, how it stands."""

    id: str
    domain: str
    order: int
    title: WordsOut
    about: WordsOut
    unit: WordsOut
    mode: Literal["api", "file", "mqtt"]
    classification: str
    version: int
    confirmed: bool
    likely_source: str
    icon: str
    owner: PersonOut
    deputy: PersonOut
    head: PersonOut
    tables: list[TableOut]
    indicators: list[IndicatorOut]
    quality: QualityOut
    received_at: Instant | None
    provenance: str | None = Field(description="Của lần nộp mới nhất / of the newest delivery")
    rows_today: int
    parked_today: int
    source: SourceState | None
    mine: bool


class FeedList(BaseModel):
    """Feeds in the order of screens."""

    items: list[FeedOut]


@router.get("/feeds", summary="Các nguồn dữ liệu / feeds", responses=problems(401, 403, 422, 503))
def list_feeds(who: ReaderOf, state: StateOf, feeds: FeedsOf) -> FeedList:
    """Hợp đồng, đầu mối, điểm mới nhất / contracts, owners, newest scores."""
    now = feeds.clock()
    midnight = periods.containing(now, periods.Cadence.DAY).start
    with state.pool.connection() as connection:
        scores = qualities(connection)
        last = {row[0]: row for row in connection.execute(sql.LAST_DELIVERY)}
        today = {row[0]: row for row in connection.execute(sql.TODAY, (midnight,))}
        sources = {row[0]: row for row in connection.execute(sql.SOURCES)}
    return FeedList(
        items=[
            _feed(
                feed,
                who,
                feeds,
                quality=scores.get(feed.id, QualityOut()),
                last=last.get(feed.id),
                today=today.get(feed.id, (feed.id, 0, 0, 0)),
                source=sources.get(feed.id),
            )
            for feed in feeds.catalogue.feeds.values()
            if who.sees(feed)
        ]
    )


def _feed(
    feed: Contract,
    who: ReaderOf,
    feeds: FeedsOf,
    *,
    quality: QualityOut,
    last: tuple[Any, ...] | None,
    today: tuple[Any, ...],
    source: tuple[Any, ...] | None,
) -> FeedOut:
    return FeedOut(
        id=feed.id,
        domain=feed.domain,
        order=feed.order,
        title=words(feed.title),
        about=words(feed.about),
        unit=words(feed.unit),
        mode=feed.mode,
        classification=feed.classification.value,
        version=feed.version,
        confirmed=feed.confirmed,
        likely_source=feed.likely_source,
        icon=feed.icon,
        owner=_person(feed.owner, who, feed),
        deputy=_person(feed.deputy, who, feed),
        head=_person(feed.head, who, feed),
        tables=[_table(table, feeds) for table in feed.tables],
        indicators=[
            IndicatorOut(
                code=one.code,
                title=words(one.title),
                unit=one.unit,
                table=one.table,
                direction=one.direction,
                decimals=one.decimals,
                warn=one.warn.model_dump() if one.warn else None,
                danger=one.danger.model_dump() if one.danger else None,
                target=one.target,
            )
            for one in feed.indicators
            if who.shows(feed, one)
        ],
        quality=quality,
        received_at=last[2] if last else None,
        provenance=last[5] if last else None,
        rows_today=int(today[2]),
        parked_today=int(today[3]),
        source=SourceState(
            tried_at=source[1],
            answered_at=source[2],
            failures=source[3],
            failure=source[4],
            next_at=source[5],
        )
        if source
        else None,
        mine=who.who.answers_for(feed.id),
    )


def words(of: Any) -> WordsOut:  # noqa: ANN401 a contract's words
    """Words of a contract as the API shows them."""
    return WordsOut(vi=of.vi, en=of.en)


def _person(person: Person, who: ReaderOf, feed: Contract) -> PersonOut:
    """Names and telephone numbers are for those who work with the feed, not for a wall."""
    full = who.full(feed)
    return PersonOut(
        post=words(person.post),
        name=person.name if full else "",
        phone=person.phone if full else "",
        email=person.email if full else "",
        account=person.account if full else "",
    )


def _table(table: TableSpec, feeds: FeedsOf) -> TableOut:
    return TableOut(
        id=table.id,
        title=words(table.title),
        period=table.grid.period.value,
        areas=len(feeds.catalogue.areas_of(table)),
        fields=len(table.fields),
        rules=len(table.rules),
    )


@router.get(
    "/feeds/{feed_id}/contract",
    summary="Hợp đồng dữ liệu / a feed's contract",
    responses=problems(401, 403, 404, 422, 503),
)
def get_contract(feed_id: FeedId, who: ReaderOf, feeds: FeedsOf) -> dict[str, Any]:
    """Toàn bộ hợp đồng, không có người và mật khẩu / the contract without persons and secrets."""
    feed = seen(feeds, who, feed_id)
    left_out = {"owner", "deputy", "head", "pull"}
    body = feed.model_dump(mode="json", exclude=None if who.full(feed) else left_out)
    return {**body, "sha256": feed.sha256}


@router.get(
    "/figures",
    summary="Số liệu mới nhất / newest figures",
    responses=problems(401, 403, 404, 422, 503),
)
def list_figures(
    who: ReaderOf,
    state: StateOf,
    feeds: FeedsOf,
    indicator: Codes = None,
    area: Areas = None,
) -> FigureList:
    """Kèm thời điểm, nguồn, cách có và chất lượng / with time, source, provenance, quality."""
    with state.pool.connection() as connection:
        asked = Figures(connection, feeds.catalogue, who)
        return FigureList(items=asked.latest(asked.codes(indicator), asked.areas(area)))


@router.get(
    "/figures/{indicator}/areas",
    summary="Theo xã, phường / newest figure of every commune",
    responses=problems(401, 403, 404, 422, 503),
)
def list_areas(indicator: Code, who: ReaderOf, state: StateOf, feeds: FeedsOf) -> FigureList:
    """Một lớp bản đồ / what a map is coloured by."""
    with state.pool.connection() as connection:
        asked = Figures(connection, feeds.catalogue, who)
        return FigureList(items=asked.latest(asked.codes([indicator]), feeds.catalogue.communes))


@router.get(
    "/figures/{indicator}/series",
    summary="Chuỗi thời gian / series",
    responses=problems(401, 403, 404, 422, 503),
)
def get_series(
    indicator: Code,
    who: ReaderOf,
    state: StateOf,
    feeds: FeedsOf,
    area: Areas = None,
    since: date | None = None,
    until: date | None = None,
) -> FigureList:
    """Từ ngày đến hết ngày, giờ Việt Nam; mặc định 90 ngày / local days, 90 by default.

    Raises:
        BadFilter: The days are in no order, or too far apart.
    """
    last = until or periods.containing(feeds.clock(), periods.Cadence.DAY).first_day
    first = since or last - timedelta(days=90)
    if first > last or last - first > LONGEST:
        raise BadFilter(f"since {first} until {last}: in order, at most {LONGEST.days} days")
    with state.pool.connection() as connection:
        asked = Figures(connection, feeds.catalogue, who)
        return FigureList(
            items=asked.series(
                asked.codes([indicator]),
                asked.areas(area),
                periods.containing(first, periods.Cadence.DAY).start,
                periods.containing(last, periods.Cadence.DAY).end,
            )
        )


@router.get(
    "/figures/{indicator}/{area}/{period}/versions",
    summary="Các phiên bản / every version of a figure",
    responses=problems(401, 403, 404, 422, 503),
)
def get_versions(
    indicator: Code,
    area: Area,
    period: Annotated[str, Path(max_length=20, examples=["2026-11-24"])],
    who: ReaderOf,
    state: StateOf,
    feeds: FeedsOf,
) -> FigureList:
    """Số đã sửa và số trước khi sửa / what it was and what it became.

    Raises:
        BadFilter: The period is none of the indicator's.
    """
    with state.pool.connection() as connection:
        asked = Figures(connection, feeds.catalogue, who)
        code, place = asked.codes([indicator])[0], asked.areas([area])[0]
        feed, one = feeds.catalogue.indicator(code)
        try:
            start = periods.parse(period, feed.table(one.table).grid.period).start
        except NotAPeriod as error:
            raise BadFilter(str(error)) from error
        return FigureList(items=asked.versions(code, place, start))
