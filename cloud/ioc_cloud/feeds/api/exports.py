"""Tables and figures to take away, as CSV, XLSX, GeoJSON or Parquet."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Security
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials

from ioc_cloud import audit
from ioc_cloud.access import BEARER, COOKIE, State, StateOf, problems, signed_in
from ioc_cloud.auth.principal import Principal
from ioc_cloud.auth.scopes import FEEDS_READ
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import NotSignedIn
from ioc_cloud.feeds import export
from ioc_cloud.feeds.api.part import FeedId, FeedsOf, ReaderOf
from ioc_cloud.feeds.export import Export, How, Wanted
from ioc_cloud.feeds.export_forms import MEDIA, Form
from ioc_cloud.feeds.shown import Figures, Reader
from ioc_models.feeds import periods
from ioc_models.feeds.contract import Classification

router = APIRouter(prefix="/api", tags=["Tải về và dữ liệu mở / Export and open data"])

NOBODY = Principal("anonymous", frozenset())
_FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {media: {} for media in MEDIA.values()}, "description": "Tệp / a file"}
}
Areas = Annotated[
    list[Annotated[str, Query(pattern=r"^[0-9]{2,5}$")]] | None, Query(max_length=100)
]


def whoever(
    state: StateOf,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
    cookie: Annotated[str | None, Security(COOKIE)],
) -> Reader:
    """Who asks; open data asks nobody who they are."""
    if bearer is None and cookie is None:
        return Reader(NOBODY)
    return Reader(signed_in(state, bearer, cookie))


def _wanted(since: date | None, until: date | None, areas: list[str] | None) -> Wanted:
    def midnight(day: date | None) -> periods.Period | None:
        return periods.containing(day, periods.Cadence.DAY) if day else None

    first, last = midnight(since), midnight(until)
    return Wanted(
        since=first.start if first else None, until=last.end if last else None, areas=areas
    )


def _sent(
    state: State, who: Reader, what: str, make: Callable[[Connection], Export]
) -> StreamingResponse:
    """The file while it is read; whoever took it away is written down first."""
    stack = ExitStack()
    try:
        connection = stack.enter_context(state.pool.connection())
        audit.write(connection, who.who.name, "feed.export", what)
        connection.commit()
        found = make(connection)
    except BaseException:
        stack.close()
        raise

    def chunks() -> Iterator[bytes]:
        with stack:
            yield from found.chunks

    return StreamingResponse(
        chunks(),
        media_type=found.media_type,
        headers={"Content-Disposition": f'attachment; filename="{found.name}"'},
    )


@router.get(
    "/feeds/{feed_id}/tables/{table_id}/export",
    summary="Tải một bảng / a table to take away",
    response_class=StreamingResponse,
    responses={**_FILES, **problems(401, 403, 404, 422, 503)},
)
def export_table(
    feed_id: FeedId,
    table_id: Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]*$", max_length=40, examples=["ngay"])],
    who: Annotated[Reader, Depends(whoever)],
    state: StateOf,
    feeds: FeedsOf,
    form: Form = "csv",
    since: date | None = None,
    until: date | None = None,
    area: Areas = None,
    *,
    bom: bool = False,
    geometry: bool = False,
) -> StreamingResponse:
    """Nguồn mở không cần đăng nhập; không có trường về cá nhân / open feeds need no sign-in.

    Raises:
        NotSignedIn: The feed is not open, and nobody says who they are.
    """
    feed, spec = feeds.catalogue.feed(feed_id), feeds.catalogue.table(feed_id, table_id)
    if feed.classification is not Classification.OPEN:
        if who.who is NOBODY:
            raise NotSignedIn("this feed is not open: needs an API key or a session")
        who.who.must(FEEDS_READ)
    wanted = _wanted(since, until, area)
    how = How(form=form, full=who.full, bom=bom, geometry=geometry)
    return _sent(
        state,
        who,
        f"{feed.id}/{spec.id}",
        lambda connection: export.table(connection, feeds.catalogue, feed, spec, wanted, how),
    )


@router.get(
    "/figures/{indicator}/export",
    summary="Tải một chỉ tiêu / an indicator to take away",
    response_class=StreamingResponse,
    responses={**_FILES, **problems(401, 403, 404, 422, 503)},
)
def export_figures(
    indicator: Annotated[str, Path(pattern=r"^[A-Z]{2,6}\.[A-Z0-9_]{2,24}$", examples=["YT.KHAM"])],
    who: ReaderOf,
    state: StateOf,
    feeds: FeedsOf,
    form: Form = "csv",
    since: date | None = None,
    until: date | None = None,
    area: Areas = None,
    *,
    bom: bool = False,
    geometry: bool = False,
) -> StreamingResponse:
    """Mỗi dòng có thời điểm, nguồn, phiên bản, chất lượng / every row with its origin."""
    who.who.must(FEEDS_READ)
    wanted = _wanted(since, until, area)
    how = How(form=form, full=who.full, bom=bom, geometry=geometry)

    def make(connection: Connection) -> Export:
        codes = Figures(connection, feeds.catalogue, who).codes([indicator])
        return export.figures(connection, feeds.catalogue, codes, wanted, how)

    return _sent(state, who, indicator, make)
