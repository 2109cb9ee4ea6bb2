"""Extending, referring and filling in."""

from collections.abc import Mapping
from typing import Any

import pytest

from ioc_models.wot import Catalogue, ModelInvalid, ModelNotFound

HEAD = {"@context": ["https://www.w3.org/2022/wot/td/v1.1"], "@type": "tm:ThingModel"}
TEXT = {"type": "string"}


def catalogue(**documents: dict[str, Any]) -> Catalogue:
    """Models of a made-up place, each at `http://there/<name>`."""

    def resolver(url: str) -> Mapping[str, Any]:
        name = url.removeprefix("http://there/")
        if name not in documents:
            raise ModelNotFound(url)
        return HEAD | documents[name]

    return Catalogue(elsewhere=resolver)


def extends(name: str) -> list[dict[str, str]]:
    return [{"rel": "tm:extends", "href": f"http://there/{name}"}]


def resolved(models: Catalogue, name: str, **values: Any) -> Any:
    return models.model(f"http://there/{name}", values).document


def test_what_is_extended_is_there_and_ones_own_word_wins() -> None:
    models = catalogue(
        base={"title": "Base", "properties": {"a": TEXT | {"maxLength": 5}, "b": TEXT}},
        own={"links": extends("base"), "title": "Own", "properties": {"a": {"maxLength": 9}}},
    )
    document = resolved(models, "own")
    assert document["title"] == "Own"
    assert document["properties"] == {"a": {"type": "string", "maxLength": 9}, "b": TEXT}


def test_null_takes_away_what_was_inherited() -> None:
    models = catalogue(
        base={"properties": {"a": TEXT, "b": TEXT | {"maxLength": 5}}},
        own={"links": extends("base"), "properties": {"a": None, "b": {"maxLength": None}}},
    )
    assert resolved(models, "own")["properties"] == {"b": TEXT}


def test_optional_names_and_submodels_add_up() -> None:
    models = catalogue(
        part={"properties": {}},
        base={
            "links": [{"rel": "tm:submodel", "href": "part", "instanceName": "one"}],
            "properties": {"a": TEXT},
            "tm:optional": ["/properties/a"],
        },
        own={"links": extends("base"), "properties": {"b": TEXT}, "tm:optional": ["/properties/b"]},
    )
    assert models.validate({"definition": "http://there/own", "features": {"one": {}}}) == {}
    assert models.validate({"definition": "http://there/own"}) == {
        "/features/one": [": {required=missing}"]
    }


def test_references_are_followed_inside_and_outside_and_may_be_changed() -> None:
    models = catalogue(
        other={
            "properties": {"speed": {"tm:ref": "#/properties/base"}, "base": {"type": "number"}}
        },
        own={
            "properties": {
                "a": {"tm:ref": "http://there/other#/properties/speed", "minimum": 0},
                "b": {"tm:ref": "#/properties/a", "maximum": 9},
            }
        },
    )
    assert resolved(models, "own")["properties"] == {
        "a": {"type": "number", "minimum": 0},
        "b": {"type": "number", "minimum": 0, "maximum": 9},
    }


def test_a_reference_to_something_inherited_is_followed() -> None:
    models = catalogue(
        base={"properties": {"a": TEXT}},
        own={"links": extends("base"), "properties": {"b": {"tm:ref": "#/properties/a"}}},
    )
    assert resolved(models, "own")["properties"]["b"] == TEXT


@pytest.mark.parametrize(
    "documents",
    [
        {"own": {"links": extends("own")}},
        {"own": {"links": extends("b")}, "b": {"links": extends("own")}},
        {"own": {"properties": {"a": {"tm:ref": "#/properties/a"}}}},
        {
            "own": {"properties": {"a": {"tm:ref": "http://there/b#/properties/a"}}},
            "b": {"properties": {"a": {"tm:ref": "http://there/own#/properties/a"}}},
        },
    ],
    ids=["itself", "one another", "reference to itself", "references to one another"],
)
def test_circles_are_refused(documents: dict[str, Any]) -> None:
    with pytest.raises(ModelInvalid):
        resolved(catalogue(**documents), "own")


@pytest.mark.parametrize(
    "document",
    [
        {"@type": "Thing"},
        {"properties": {"a": {"tm:ref": "#/properties/nowhere"}}},
        {"properties": {"a": {"tm:ref": "http://there/own"}}},
        {"properties": {"a": {"type": "string", "patternProperties": {"x": {}}}}},
        {"properties": {"a": {"type": "text"}}},
        {"properties": {"a": {"type": "string", "pattern": "("}}},
    ],
    ids=["no model", "dangling", "no fragment", "unsupported keyword", "bad type", "bad pattern"],
)
def test_a_model_that_cannot_be_used_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ModelInvalid):
        resolved(catalogue(own=document), "own")


def test_a_model_that_is_nowhere_is_said_to_be_nowhere() -> None:
    with pytest.raises(ModelNotFound, match="http://there/own"):
        resolved(catalogue(), "own")
    with pytest.raises(ModelNotFound, match="http://there/base"):
        resolved(catalogue(own={"links": extends("base")}), "own")


def test_placeholders_take_values_and_their_types() -> None:
    models = catalogue(
        own={
            "title": "Lamp {{ NR }}",
            "properties": {"a": {"type": "integer", "maximum": "{{MAX}}"}},
        }
    )
    document = resolved(models, "own", NR=3, MAX=7)
    assert document["title"] == "Lamp 3"
    assert document["properties"]["a"]["maximum"] == 7
    with pytest.raises(ModelInvalid, match="MAX"):
        resolved(models, "own", NR=3)


def test_a_thing_brings_the_values_of_its_models_placeholders() -> None:
    models = catalogue(own={"properties": {"a": {"type": "integer", "maximum": "{{MAX}}"}}})
    thing = {"definition": "http://there/own", "attributes": {"a": 8}}
    for limit, faults in ((7, {"/attributes/a": [": {maximum=8 is above 7}"]}), (9, {})):
        thing["attributes"] = {"a": 8, "model-placeholders": {"MAX": limit}}
        assert models.validate(thing) == faults


def test_models_made_under_a_former_base_are_still_known() -> None:
    models = Catalogue("https://now.example", former=["https://before.example"])
    assert models.url("things/wall-1.0.0").startswith("https://now.example/wot/")
    assert models.model("https://before.example/wot/things/wall-1.0.0.tm.jsonld").features
