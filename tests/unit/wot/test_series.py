"""Which properties are charted."""

from ioc_models.wot import Catalogue, Series


def paths(models: Catalogue, name: str) -> dict[str, Series]:
    found = models.timeseries_paths(models.url(f"things/{name}-1.0.0"))
    return {"/".join(path): series for path, series in found.items()}


def test_a_camera_keeps_its_frame_rate_its_state_and_its_counts(models: Catalogue) -> None:
    series = paths(models, "camera")
    fps = series["features/health/properties/fps"]
    assert (fps.unit, fps.data_type, fps.title_en) == ("Hz", "number", "Frames a second")
    assert series["features/health/properties/state"].data_type == "string"
    assert series["features/events/properties/counts/*"].data_type == "integer"
    assert "features/health/properties/lastSeenAt" not in series


def test_a_domain_keeps_scores_and_every_indicators_value(models: Catalogue) -> None:
    series = paths(models, "domain")
    for score in ("correct", "complete", "clean", "live"):
        assert series[f"features/dataQuality/properties/{score}"].unit == "1"
    assert "features/indicators/properties/values/*/value" in series
    assert not [path for path in series if path.endswith("/asOf")]


def test_a_station_keeps_what_it_measures(models: Catalogue) -> None:
    series = paths(models, "station")
    assert series["features/measurements/properties/salinity_g_l"].unit == "g/L"
    assert series["features/measurements/properties/other/*"].unit is None


def test_a_commune_keeps_its_indicators_values_and_the_province_nothing(
    models: Catalogue,
) -> None:
    assert list(paths(models, "commune")) == ["features/indicators/properties/values/*/value"]
    assert paths(models, "province") == {}


def test_a_marked_object_marks_what_is_in_it_unless_told_otherwise() -> None:
    place = {"type": "object", "ditto:timeseries": {"ingest": "ALL", "tags": {"kind": "gps"}}}
    place["properties"] = {
        "x": {"type": "number", "unit": "m"},
        "y": {"type": "number", "ditto:timeseries": {"ingest": "NONE"}},
    }
    model = {"@type": "tm:ThingModel", "properties": {"place": place}}
    found = Catalogue(elsewhere=lambda _url: model).timeseries_paths("http://x")
    assert found == {
        ("attributes", "place", "x"): Series(unit="m", data_type="number", tags={"kind": "gps"})
    }


def test_what_has_no_known_model_has_no_series(models: Catalogue) -> None:
    assert models.series_of("org.example:lamp:1.0.0") == frozenset()
    assert models.series_of("https://nowhere.example/x") == frozenset()
    camera = models.series_of(models.url("things/camera-1.0.0"))
    assert ("features", "health", "properties", "fps") in camera
