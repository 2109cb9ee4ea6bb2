"""The models under test, and things made with them."""

from pathlib import Path
from typing import Any

import pytest

from ioc_cloud.feeds.catalogue import Catalogue as Feeds
from ioc_models import things
from ioc_models.events import CameraCard
from ioc_models.geo import Point
from ioc_models.things.generated import Registration
from ioc_models.wot import Catalogue

BOUNDARIES = Path(__file__).resolve().parents[3] / "maps" / "boundaries"


@pytest.fixture(scope="session")
def models() -> Catalogue:
    return Catalogue()


@pytest.fixture(scope="session")
def feeds() -> Feeds:
    return Feeds.of_province()


@pytest.fixture(scope="session")
def communes() -> list[things.Commune]:
    with (
        (BOUNDARIES / "communes.csv").open(encoding="utf-8") as table,
        (BOUNDARIES / "old_to_new_communes.csv").open(encoding="utf-8") as crosswalk,
    ):
        return things.communes(table, crosswalk)


@pytest.fixture
def camera(models: Catalogue) -> dict[str, Any]:
    card = CameraCard(
        id="nga-tu", title_vi="Ngã tư Phan Ngọc Hiển", location=Point(lon=105.15, lat=9.18)
    )
    return things.camera(models, "hop-1", card, commune="32025")


@pytest.fixture
def everything(
    models: Catalogue, feeds: Feeds, communes: list[things.Commune], camera: dict[str, Any]
) -> list[Any]:
    """One of each kind of thing, and all that are fixed in number."""
    papers = Registration(owner_name="Nguyễn Văn A", length_m=17.5, length_class="15-24")
    return [
        things.province(models),
        *(things.commune(models, one) for one in communes),
        camera,
        things.edge_box(models, "hop-1", at=Point(lon=105.15, lat=9.18)),
        *(things.domain(models, *one) for one in feeds.domains.values()),
        *(things.station(models, one) for one in things.DEMO_STATIONS),
        things.vessel(models, "t0001", title_vi="Tàu 1", registration=papers, simulated=True),
        things.wall(models, things.Wall(id="sanh", title_vi="Sảnh chính", public=True)),
    ]
