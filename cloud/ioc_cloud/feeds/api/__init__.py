"""Feeds over HTTP: figures and contracts, scores, deliveries, alerts, open data."""

from typing import Final

from fastapi import APIRouter

from ioc_cloud.events.evidence import Folder
from ioc_cloud.feeds.api import ahead, alerts, deliveries, documents, exports, figures, quality
from ioc_cloud.feeds.api.part import Feeds
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.settings import Settings

ROUTERS: Final[tuple[APIRouter, ...]] = (
    figures.router,
    ahead.router,
    exports.router,
    quality.router,
    deliveries.router,
    alerts.router,
    documents.router,
)


def build(settings: Settings) -> Feeds:
    """What the routes share.

    Raises:
        ContractBroken: A contract, or the calendar, cannot be read.
    """
    return Feeds(
        catalogue=Catalogue.of_province(settings.contracts_folder),
        calendar=Calendar.load(settings.calendar_file),
        originals=Folder(settings.originals_folder),
    )
