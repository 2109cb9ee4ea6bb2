"""Things against their models: what is not modelled is forbidden, what is required stays."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ioc_models.wot import Catalogue, ModelNotFound, NotJudgedAlone, json_schema

MODELS = Catalogue()
CAMERA = MODELS.url("things/camera-1.0.0")
HEALTH = MODELS.model(CAMERA).features["health"]
FPS = ("features", "health", "properties", "fps")
TYPE = ": {type=string found, number expected}"
UNKNOWN = ": {additionalProperties=not in the model}"
REQUIRED = ": {required=missing}"


def put(thing: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    changed = deepcopy(thing)
    place = changed
    for part in path[:-1]:
        place = place.setdefault(part, {})
    place[path[-1]] = value
    return changed


def without(thing: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    changed = deepcopy(thing)
    place = changed
    for part in path[:-1]:
        place = place[part]
    place.pop(path[-1], None)
    return changed


@pytest.mark.parametrize(
    ("path", "value", "faults"),
    [
        (FPS, "fast", {"/features/health/properties/fps": [TYPE]}),
        (FPS, -1, {"/features/health/properties/fps": [": {minimum=-1 is below 0}"]}),
        (("attributes", "colour"), "red", {"/attributes/colour": [UNKNOWN]}),
        (("features", "wings"), {}, {"/features/wings": [UNKNOWN]}),
        (
            ("features", "health", "properties", "mood"),
            "good",
            {"/features/health/properties/mood": [UNKNOWN]},
        ),
        (("attributes", "geo", "lat"), "north", {"/attributes/geo/lat": [TYPE]}),
        (
            ("features", "events", "properties", "counts", "a/b"),
            "many",
            {
                "/features/events/properties/counts/a~1b": [
                    ": {type=string found, integer expected}"
                ]
            },
        ),
        (
            ("features", "health", "definition"),
            ["https://other.example/x"],
            {
                "/features/health/definition": [
                    f": {{definition=the first must be {HEALTH.definition[0]}}}"
                ]
            },
        ),
        (
            ("features", "health", "desiredProperties"),
            {"fps": "fast"},
            {"/features/health/desiredProperties/fps": [TYPE]},
        ),
        (("attributes",), [], {"/attributes": [": {type=array found, object expected}"]}),
        (("features",), 1, {"/features": [": {type=integer found, object expected}"]}),
    ],
)
def test_what_the_model_does_not_allow_is_said_where_it_stands(
    camera: dict[str, Any], path: tuple[str, ...], value: Any, faults: dict[str, list[str]]
) -> None:
    assert MODELS.validate(put(camera, path, value)) == faults
    assert MODELS.validate_path(CAMERA, path, value) == faults


@pytest.mark.parametrize(
    "path",
    [
        ("attributes", "titleVi"),
        ("attributes", "location"),
        ("attributes", "geo", "lat"),
        ("features", "health"),
        ("features", "health", "properties", "state"),
    ],
)
def test_what_is_required_may_not_go(camera: dict[str, Any], path: tuple[str, ...]) -> None:
    faults = {"/" + "/".join(path): [REQUIRED]}
    assert MODELS.validate(without(camera, path)) == faults
    assert MODELS.validate_removal(CAMERA, path) == faults


@pytest.mark.parametrize(
    "path",
    [
        ("attributes", "titleEn"),
        ("attributes", "commune"),
        FPS,
        ("features", "health", "desiredProperties"),
        ("features", "health", "definition"),
        ("features", "events", "properties", "counts", "plate"),
        ("policyId",),
    ],
)
def test_what_is_optional_may_go(camera: dict[str, Any], path: tuple[str, ...]) -> None:
    assert MODELS.validate(without(camera, path)) == {}
    assert MODELS.validate_removal(CAMERA, path) == {}


def test_a_definition_may_not_go_nor_all_properties_nor_all_features() -> None:
    assert MODELS.validate_removal(CAMERA, ("definition",)) == {"/definition": [REQUIRED]}
    assert MODELS.validate_removal(CAMERA, ("features", "health", "properties")) == {
        "/features/health/properties/state": [REQUIRED]
    }
    assert set(MODELS.validate_removal(CAMERA, ("features",))) == {
        "/features/events",
        "/features/health",
    }


def test_what_is_wanted_need_not_be_whole(camera: dict[str, Any]) -> None:
    assert MODELS.validate(put(camera, ("features", "health", "desiredProperties"), {})) == {}


def test_a_thing_without_a_model_may_hold_anything() -> None:
    for definition in (None, "org.example:lamp:1.0.0"):
        thing: dict[str, Any] = {
            "definition": definition,
            "attributes": {"x": 1},
            "features": {"y": {}},
        }
        assert MODELS.validate(thing) == {}


def test_a_features_own_model_judges_it_where_the_thing_has_none() -> None:
    feature = {"definition": list(HEALTH.definition), "properties": {"state": "fine"}}
    faults = MODELS.validate({"features": {"any": feature}})
    assert list(faults) == ["/features/any/properties/state"]


def test_a_model_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(ModelNotFound):
        MODELS.validate({"definition": "https://nowhere.example/x-1.0.0.tm.jsonld"})


def test_a_part_of_a_choice_is_not_judged_alone() -> None:
    choice = {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}
    model = {"@type": "tm:ThingModel", "properties": {"either": choice}}
    models = Catalogue(elsewhere=lambda _url: model)
    assert models.validate_path("http://x", ("attributes", "either"), {"a": 1}) == {}
    with pytest.raises(NotJudgedAlone):
        models.validate_path("http://x", ("attributes", "either", "a"), 1)
    with pytest.raises(NotJudgedAlone):
        models.validate_removal("http://x", ("attributes", "either", "a"))


def test_a_category_is_a_level_of_its_own() -> None:
    marked = {"type": "integer", "ditto:category": "configuration"}
    model = {"@type": "tm:ThingModel", "properties": {"port": marked}}
    models = Catalogue(elsewhere=lambda _url: model)
    made = models.skeleton("http://x")
    assert made["attributes"] == {"configuration": {"port": 0}}
    assert models.validate(made) == {}
    assert models.validate({"definition": "http://x", "attributes": {"port": 0}}) == {
        "/attributes/port": [UNKNOWN],
        "/attributes/configuration": [REQUIRED],
    }


KEYS = st.sampled_from([*HEALTH.document["properties"], "mood"])
VALUES = st.one_of(
    st.booleans(),
    st.integers(-3, 2000),
    st.floats(-300, 2000),
    st.sampled_from(["ok", "x", "unknown", ""]),
    st.none(),
)


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_a_feature_is_judged_as_its_json_schema_judges_it(properties: dict[str, Any]) -> None:
    judge = Draft202012Validator(json_schema(HEALTH.document))
    faults = {error.json_path for error in judge.iter_errors(properties)}
    # Formats are notes to the jsonschema package; ours are enforced.
    moments = {key for key in ("stateAt", "lastSeenAt") if isinstance(properties.get(key), str)}
    assert bool(HEALTH.properties.judge(properties)) is bool(faults or moments)


@given(st.dictionaries(KEYS, VALUES, max_size=4), KEYS, VALUES)
def test_judging_a_part_is_judging_the_whole_at_that_part(
    properties: dict[str, Any], key: str, value: Any
) -> None:
    before = {"state": "ok"} | properties
    whole = HEALTH.properties.judge(before | {key: value}) or []
    path = ("features", "health", "properties", key)
    alone = MODELS.validate_path(CAMERA, path, value)
    expected = [text for at, text in whole if at[0] == key]
    assert [text for texts in alone.values() for text in texts] == expected
