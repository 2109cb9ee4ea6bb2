"""The files of `wot/` are Thing Models as W3C and Ditto want them, as far as can be checked."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ioc_models.events import CameraState
from ioc_models.things.generated import Measurements
from ioc_models.wot import Catalogue, json_schema
from ioc_models.wot.files import packaged

MODELS = sorted(path for path in packaged() if path.endswith(".tm.jsonld"))
NAME = re.compile(r"(base|features|things)/[a-z-]+-(\d+\.\d+\.\d+)\.tm\.jsonld")
TYPES = {"boolean", "integer", "number", "string", "object", "array", "null"}
# Prefixes that every WoT reader knows.
BUILT_IN = {"tm", "http", "https"}


def schemas(value: Any) -> Iterator[dict[str, Any]]:
    """Every data schema below `value`, which is one."""
    yield value
    below = [*value.get("properties", {}).values()]
    below += [value[key] for key in ("items", "additionalProperties") if key in value]
    for one in below:
        if isinstance(one, dict):
            yield from schemas(one)


@pytest.mark.parametrize("path", MODELS)
def test_a_model_has_what_the_standard_requires(path: str) -> None:
    model = packaged()[path]
    assert model["@context"][0] == "https://www.w3.org/2022/wot/td/v1.1"
    assert "tm:ThingModel" in model["@type"]
    assert set(model["titles"]) == set(model["descriptions"]) == {"vi", "en"}
    assert model["title"] == model["titles"]["vi"]
    for link in model.get("links", ()):
        assert link["rel"] in {"tm:extends", "tm:submodel"}
        assert link["type"] == "application/tm+json"


@pytest.mark.parametrize("path", MODELS)
def test_the_version_in_the_name_is_the_version_inside(path: str) -> None:
    named = NAME.fullmatch(path)
    assert named is not None
    assert packaged()[path]["version"] == {"model": named[2]}


@pytest.mark.parametrize("path", MODELS)
def test_every_property_says_its_type_and_its_name_in_two_languages(path: str) -> None:
    for name, schema in packaged()[path].get("properties", {}).items():
        assert schema["type"] in TYPES, name
        assert set(schema["titles"]) == {"vi", "en"}, name


@pytest.mark.parametrize("path", MODELS)
def test_numbers_that_are_charted_have_a_unit(path: str) -> None:
    for prop in packaged()[path].get("properties", {}).values():
        for schema in schemas(prop):
            charted = "ditto:timeseries" in schema and schema["type"] in {"number", "integer"}
            open_ended = path.startswith("features/indicators") or prop["title"] == "Đại lượng khác"
            assert not charted or "unit" in schema or open_ended


@pytest.mark.parametrize("path", MODELS)
def test_every_prefix_is_in_the_context(path: str) -> None:
    context = packaged()["context/ioc-context-1.jsonld"]["@context"]
    words = {key for key, _ in _pairs(packaged()[path])} | {
        word
        for key, value in _pairs(packaged()[path])
        if key == "@type"
        for word in (value if isinstance(value, list) else [value])
    }
    prefixes = {word.partition(":")[0] for word in words if ":" in word} - BUILT_IN
    assert prefixes <= set(context)


@pytest.mark.parametrize("path", MODELS)
def test_what_may_be_left_out_exists(models: Catalogue, path: str) -> None:
    whole = models.model(models.url(path.removesuffix(".tm.jsonld"))).document
    for pointer in whole["tm:optional"]:
        assert pointer.removeprefix("/properties/") in whole["properties"]


@pytest.mark.parametrize("path", MODELS)
def test_optional_lists_stand_whole_in_each_file(models: Catalogue, path: str) -> None:
    # Ours add up along tm:extends; by merge patch, as Ditto does it, the last one wins.
    whole = models.model(models.url(path.removesuffix(".tm.jsonld"))).document
    assert set(whole["tm:optional"]) == set(packaged()[path]["tm:optional"])


@pytest.mark.parametrize("path", MODELS)
def test_a_model_becomes_a_json_schema(models: Catalogue, path: str) -> None:
    whole = models.model(models.url(path.removesuffix(".tm.jsonld"))).document
    Draft202012Validator.check_schema(json_schema(whole))


@pytest.mark.parametrize("path", sorted(packaged()))
def test_what_is_served_refers_to_nothing_relative(models: Catalogue, path: str) -> None:
    served = models.document(path)
    addresses = [value for key, value in _pairs(served) if key == "href"]
    addresses += [one for one in served["@context"] if isinstance(one, str)]
    for address in addresses if path.endswith(".tm.jsonld") else ():
        assert address.startswith("https://"), address


def test_a_camera_can_be_in_every_state_that_boxes_report(models: Catalogue) -> None:
    health = models.feature(models.url("features/health-1.0.0")).document
    assert set(health["properties"]["state"]["enum"]) == {one.value for one in CameraState} | {
        "unknown"
    }


def test_every_station_quantity_names_its_unit() -> None:
    endings = (
        *("_m", "_g_l", "_c", "_mg_l", "_ntu", "_mm", "_m3_s", "_m_s", "_deg", "_percent"),
        *("_hpa", "_ug_m3", "_v", "ph"),
    )
    names = set(Measurements.model_fields) - {"other", "measured_at", "received_at"}
    assert all(name.endswith(endings) for name in names)


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield key, part
            yield from _pairs(part)
    elif isinstance(value, list):
        for part in value:
            yield from _pairs(part)
