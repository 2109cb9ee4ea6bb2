"""New things: defaults and neutral values, and nothing that nobody said."""

from typing import Any

import pytest

from ioc_models.things import generated
from ioc_models.wot import Catalogue
from ioc_models.wot.files import packaged
from ioc_models.wot.skeleton import neutral

FEATURES = sorted(path for path in packaged() if path.startswith("features/"))


@pytest.mark.parametrize("path", FEATURES)
def test_a_feature_as_made_is_what_its_model_allows(models: Catalogue, path: str) -> None:
    url = models.url(path.removesuffix(".tm.jsonld"))
    feature = models.feature_skeleton(url)
    assert models.feature(url).faults(feature) is None
    assert feature["definition"][0] == url


@pytest.mark.parametrize("path", FEATURES)
def test_the_generated_class_takes_a_feature_as_made(models: Catalogue, path: str) -> None:
    name = path.removeprefix("features/").removesuffix("-1.0.0.tm.jsonld")
    part = getattr(generated, "".join(word.capitalize() for word in name.split("-")))
    properties = models.feature_skeleton(models.url(f"features/{name}-1.0.0")).get("properties", {})
    assert part.model_validate(properties).model_dump(mode="json", exclude_none=True) == properties


def test_what_is_optional_is_not_made_up(models: Catalogue) -> None:
    properties = models.feature_skeleton(models.url("features/health-1.0.0"))["properties"]
    assert properties == {"state": "unknown"}
    assert "properties" not in models.feature_skeleton(models.url("features/measurements-1.0.0"))


def test_a_feature_lists_what_its_model_extends(models: Catalogue) -> None:
    assert models.feature_skeleton(models.url("features/status-1.0.0"))["definition"] == [
        models.url("features/status-1.0.0"),
        models.url("base/connectivity-1.0.0"),
    ]


def test_what_is_known_wins_over_defaults(models: Catalogue) -> None:
    made = models.skeleton(
        models.url("things/wall-1.0.0"),
        attributes={"wallId": "w", "titleVi": "W", "columns": 6},
        features={"scene": {"properties": {"rev": 4}}},
    )
    assert made["attributes"]["columns"] == 6
    assert made["attributes"]["rows"] == 1
    assert made["features"]["scene"]["properties"] == {"rev": 4}
    assert models.validate(made) == {}


def test_what_only_the_caller_knows_is_found_missing(models: Catalogue) -> None:
    made = models.skeleton(models.url("things/station-1.0.0"))
    assert set(models.validate(made)) >= {"/attributes/stationId", "/attributes/titleVi"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "boolean"}, False),
        ({"type": "integer"}, 0),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "number", "maximum": -2.5}, -2.5),
        ({"type": "string"}, ""),
        ({"type": "array"}, []),
        ({"type": "null"}, None),
        ({"type": "string", "enum": ["b", "a"]}, "b"),
        ({"type": "string", "const": "c", "default": "d"}, "c"),
        ({"type": "string", "enum": ["b", "a"], "default": "a"}, "a"),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "required": ["a"],
            },
            {"a": ""},
        ),
    ],
)
def test_the_neutral_value_is_the_emptiest_that_is_allowed(schema: Any, value: Any) -> None:
    assert neutral(schema) == value
