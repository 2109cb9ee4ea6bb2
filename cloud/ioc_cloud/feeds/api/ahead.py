"""Forecasts over HTTP, with their bands and how wrong they have been."""

from typing import Annotated

from fastapi import APIRouter, Path

from ioc_cloud.access import StateOf, problems
from ioc_cloud.errors import NotFound
from ioc_cloud.feeds import forecasts
from ioc_cloud.feeds.api.part import FeedsOf, ReaderOf
from ioc_cloud.feeds.forecasts import ForecastOut
from ioc_cloud.feeds.shown import Figures

router = APIRouter(prefix="/api", tags=["Dự báo / Forecasts"])


@router.get(
    "/forecasts/{indicator}/{area}",
    summary="Dự báo 14 ngày / the newest forecast",
    responses=problems(401, 403, 404, 422, 503),
)
def get_forecast(
    indicator: Annotated[str, Path(pattern=r"^[A-Z]{2,6}\.[A-Z0-9_]{2,24}$", examples=["YT.KHAM"])],
    area: Annotated[str, Path(pattern=r"^[0-9]{2,5}$", examples=["96"])],
    who: ReaderOf,
    state: StateOf,
    feeds: FeedsOf,
) -> ForecastOut:
    """Kèm dải 95 %, sai số thử lại; chưa đủ dữ liệu thì nói vì sao / with band and backtests.

    Raises:
        NotFound: None has been made yet: they are made at night.
    """
    with state.pool.connection() as connection:
        asked = Figures(connection, feeds.catalogue, who)
        code, place = asked.codes([indicator])[0], asked.areas([area])[0]
        found = forecasts.latest(connection, code, place)
        if found is None:
            raise NotFound(f"no forecast of {code} for {place} yet; they are made at night")
        return forecasts.out(connection, feeds.catalogue, who, found)
