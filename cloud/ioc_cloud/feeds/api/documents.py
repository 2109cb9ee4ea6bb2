"""What is derived from contracts, over HTTP: pages, annexes, schemas, layers, open data."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from ioc_cloud.access import StateOf, problems
from ioc_cloud.feeds import dcat, documents, layer, vocabulary
from ioc_cloud.feeds.api.part import FeedId, Feeds, FeedsOf, ReaderOf, seen
from ioc_cloud.feeds.shown import Figures
from ioc_models.feeds import Contract, Period, periods

router = APIRouter(prefix="/api", tags=["Hợp đồng dữ liệu / Contracts"])

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
LD_JSON = "application/ld+json"


class Markdown(PlainTextResponse):
    """Text under its own media type (RFC 7763)."""

    media_type = "text/markdown"


def _last_periods(feeds: Feeds, feed: Contract) -> dict[str, Period]:
    now = feeds.clock()
    return {
        table.id: periods.containing(now, table.grid.period).previous() for table in feed.tables
    }


@router.get(
    "/feeds/{feed_id}/docs",
    summary="Trang mô tả / a feed's page",
    response_class=HTMLResponse,
    responses=problems(401, 403, 404, 422, 503),
)
def get_page(feed_id: FeedId, who: ReaderOf, feeds: FeedsOf) -> HTMLResponse:
    """Từ hợp đồng, kèm ví dụ / made from the contract, with an example."""
    feed = seen(feeds, who, feed_id)
    return HTMLResponse(documents.html(feed, feeds.catalogue, _last_periods(feeds, feed)))


@router.get(
    "/feeds/{feed_id}/docs.md",
    summary="Trang mô tả, Markdown / a feed's page as Markdown",
    response_class=Markdown,
    responses=problems(401, 403, 404, 422, 503),
)
def get_markdown(feed_id: FeedId, who: ReaderOf, feeds: FeedsOf) -> Markdown:
    """Cùng nội dung / the same."""
    feed = seen(feeds, who, feed_id)
    text = documents.markdown(feed, feeds.catalogue, _last_periods(feeds, feed))
    return Markdown(text)


@router.get(
    "/feeds/{feed_id}/annex.docx",
    summary="Phụ lục quy chế chia sẻ dữ liệu / annex of the data-sharing regulation",
    response_class=Response,
    responses={
        200: {"content": {DOCX: {}}, "description": "Tệp Word / a document"},
        **problems(401, 403, 404, 422, 503),
    },
)
def get_annex(
    feed_id: FeedId,
    who: ReaderOf,
    feeds: FeedsOf,
    number: Annotated[
        str, Query(pattern=r"^[0-9A-Za-zÀ-ỹ ./_-]{0,50}$", description="Số phụ lục / its number")
    ] = "",
) -> Response:
    """Theo thể thức văn bản hành chính / laid out as administrative documents are."""
    feed = seen(feeds, who, feed_id)
    return Response(
        documents.annex_word(feed, feeds.catalogue, number),
        media_type=DOCX,
        headers={"Content-Disposition": f'attachment; filename="phu-luc-{feed.id}.docx"'},
    )


@router.get(
    "/feeds/{feed_id}/annex.md",
    summary="Phụ lục, Markdown / the annex as Markdown",
    response_class=Markdown,
    responses=problems(401, 403, 404, 422, 503),
)
def get_annex_markdown(feed_id: FeedId, who: ReaderOf, feeds: FeedsOf) -> Markdown:
    """Cùng nội dung / the same."""
    feed = seen(feeds, who, feed_id)
    return Markdown(documents.annex_markdown(feed, feeds.catalogue))


@router.get(
    "/feeds/{feed_id}/schema",
    summary="JSON Schema của một lô / of a batch",
    responses=problems(401, 403, 404, 422, 503),
)
def get_schema(feed_id: FeedId, who: ReaderOf, feeds: FeedsOf) -> dict[str, Any]:
    """Thân của `POST /api/feeds/{id}/batches` / the body of a delivery."""
    return documents.json_schema(seen(feeds, who, feed_id), feeds.catalogue)


@router.get("/layers", summary="Các lớp bản đồ / map layers", responses=problems(401, 403, 503))
def list_layers(who: ReaderOf, feeds: FeedsOf) -> dict[str, Any]:
    """Chỉ tiêu có thể lên màn hình / indicators that a wall may show."""
    shows = {
        code for code, (feed, one) in feeds.catalogue.indicators.items() if who.shows(feed, one)
    }
    return {"items": [one for one in layer.layers(feeds.catalogue) if one["indicator"] in shows]}


@router.get(
    "/layers/{indicator}",
    summary="Một lớp bản đồ / one layer",
    responses=problems(401, 403, 404, 422, 503),
)
def get_layer(
    indicator: Annotated[
        str, Path(pattern=r"^[A-Z]{2,6}\.[A-Z0-9_]{2,24}$", examples=["YT.GIUONG"])
    ],
    who: ReaderOf,
    state: StateOf,
    feeds: FeedsOf,
) -> dict[str, Any]:
    """Màu, chú giải, số liệu từng xã, phường / classes, legend, every commune's figure."""
    with state.pool.connection() as connection:
        asked = Figures(connection, feeds.catalogue, who)
        codes = asked.codes([indicator])
        figures = asked.latest(codes, feeds.catalogue.communes)
    return layer.layer(feeds.catalogue, indicator, figures)


@router.get(
    "/vocabulary",
    summary="Từ vựng của chỉ tiêu / words for indicators and areas",
    responses=problems(401, 403, 503),
)
def get_vocabulary(who: ReaderOf, feeds: FeedsOf) -> dict[str, Any]:
    """Cho trợ lý và ô tìm kiếm / for the assistant and for search boxes."""
    return vocabulary.vocabulary(feeds.catalogue, who.shows).plain()


@router.get(
    "/open-data",
    summary="Danh mục dữ liệu mở, DCAT-AP / open data catalogue",
    response_class=Response,
    responses={
        200: {"content": {LD_JSON: {}}, "description": "DCAT-AP 3, JSON-LD"},
        **problems(503),
    },
)
def get_catalogue(request: Request, state: StateOf, feeds: FeedsOf) -> Response:
    """Không cần đăng nhập / needs no sign-in."""
    with state.pool.connection() as connection:
        covered, box = dcat.coverage(connection), dcat.extent(connection)
    base = str(request.base_url).rstrip("/")
    body = dcat.described(feeds.catalogue, base, covered, box=box)
    return JSONResponse(body, media_type=LD_JSON)
