"""Series through the client; unreleased in Ditto, so a real one may not have them yet."""

from datetime import timedelta

import pytest
from tests.contract.ditto.conftest import Place

import ioc_ditto as ditto
from ioc_cloud.settings import Settings
from ioc_ditto import DittoClient, Span
from ioc_models import things
from ioc_models.events import CameraCard
from ioc_models.geo import Point
from ioc_models.wot import Catalogue

FPS = "features/health/properties/fps"


def test_a_series_that_is_not_there_is_not_found(client: DittoClient, place: Place) -> None:
    with pytest.raises(ditto.NotFound):
        client.timeseries.of_property(place.id("absent"), "health", "fps", Span("now-1h"))


@pytest.fixture
def camera(client: DittoClient, place: Place, request: pytest.FixtureRequest) -> str:
    """A thing whose model asks for series, and the right to read them."""
    if "ditto" in request.node.callspec.params.values():
        pytest.skip("Eclipse Ditto has no time series: they are our extension")
    card = CameraCard(id="cam", title_vi="Cầu Mới", location=Point(lon=105.15, lat=9.18))
    made = things.camera(Catalogue(Settings().twin_models_url), "box-01", card)
    parts = {key: made[key] for key in ("definition", "attributes", "features")}
    thing_id = place.thing("cam", **parts)
    everything = {"grant": ["READ", "WRITE", "READ_TS"], "revoke": []}
    client.policies.put_resource(thing_id, "DEFAULT", "thing:/", everything)
    for fps in (10, 20, 30):
        client.things.put(thing_id, fps, FPS)
    return thing_id


def test_what_a_property_was_is_a_series(client: DittoClient, camera: str) -> None:
    [series] = client.timeseries.of_property(camera, "health", "fps", Span("now-1h"))

    assert [point["v"] for point in series["data"]] == [10, 20, 30]
    assert (series["thingId"], series["path"].removeprefix("/")) == (camera, FPS)


def test_series_are_put_into_buckets(client: DittoClient, camera: str) -> None:
    span = Span("now-1h", step=timedelta(hours=1), agg="max")

    [series] = client.timeseries.of_thing(camera, [FPS], span)

    assert max(point["v"] for point in series["data"] if point["v"] is not None) == 30


def test_series_of_many_things_come_in_groups(
    client: DittoClient, camera: str, place: Place
) -> None:
    span = Span("now-1h", step=timedelta(hours=1), agg="max")

    found = client.timeseries.across([FPS], span, namespaces=place.namespace, group_by="thingId")

    assert [one["group"] for one in found["results"]] == [{"thingId": camera}]
