"""Thing Descriptions: every form leads to a path of the twin API."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from ioc_models.wot import Catalogue

API = "https://ioc.example/api/2"
# Paths of Ditto's HTTP API below a thing; see its OpenAPI.
KNOWN = re.compile(
    r"/api/2/things/[^/]+:[^/]+"
    r"(/attributes(/.+)?"
    r"|/features/[^/]+(/properties(/.+)?|/(in|out)box/messages/[^/]+)?"
    r"|/(in|out)box/messages/[^/]+)?"
)
OPS = {
    *("readproperty", "writeproperty", "observeproperty", "unobserveproperty", "invokeaction"),
    *("subscribeevent", "unsubscribeevent", "readallproperties", "readmultipleproperties"),
    *("writeallproperties", "writemultipleproperties"),
}


def forms(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield from value.get("forms", ())
        for key, part in value.items():
            if key != "forms":
                yield from forms(part)


def check(td: dict[str, Any]) -> None:
    """What TD 1.1 requires of every description."""
    assert "https://www.w3.org/2022/wot/td/v1.1" in td["@context"]
    assert td["title"]
    assert td["security"] in td["securityDefinitions"]
    assert td["securityDefinitions"][td["security"]]["oneOf"] == ["basic_sc", "bearer_sc"]
    assert td["version"]["instance"]
    assert td["base"].endswith("/")
    assert not [key for key in td if key.startswith("tm:")]
    assert "tm:ThingModel" not in td.get("@type", [])
    for form in forms(td):
        ops = form["op"] if isinstance(form["op"], list) else [form["op"]]
        assert set(ops) <= OPS
        address = urljoin(td["base"], form["href"])
        assert address.startswith("https://ioc.example/")
        assert KNOWN.fullmatch(address.removeprefix("https://ioc.example")), address


def test_every_thing_and_every_feature_describes_itself(
    models: Catalogue, everything: list[Any]
) -> None:
    for thing in everything:
        td = models.thing_description(thing, API)
        check(td)
        assert td["id"] == f"urn:{thing['thingId']}"
        for feature in thing.get("features", {}):
            check(models.feature_description(thing, feature, API))


def test_properties_lead_to_attributes_and_to_features(
    models: Catalogue, camera: dict[str, Any]
) -> None:
    td = models.thing_description(camera, API)
    assert urljoin(td["base"], td["properties"]["geo"]["forms"][0]["href"]) == (
        f"{API}/things/vn.camau.camera:hop-1.nga-tu/attributes/geo"
    )
    health = models.feature_description(camera, "health", API)
    assert urljoin(health["base"], health["properties"]["fps"]["forms"][0]["href"]) == (
        f"{API}/things/vn.camau.camera:hop-1.nga-tu/features/health/properties/fps"
    )
    assert health["properties"]["fps"]["unit"] == "Hz"


def test_a_thing_links_its_features_and_its_model(
    models: Catalogue, camera: dict[str, Any]
) -> None:
    td = models.thing_description(camera, API)
    links = {(link["rel"], urljoin(td["base"], link["href"])) for link in td["links"]}
    here = f"{API}/things/vn.camau.camera:hop-1.nga-tu"
    assert links == {
        ("type", camera["definition"]),
        ("item", f"{here}/features/events"),
        ("item", f"{here}/features/health"),
    }
    back = models.feature_description(camera, "health", API)["links"]
    assert {"rel": "collection", "href": here, "type": "application/td+json"} in back


def test_what_a_caller_may_not_read_is_not_linked(
    models: Catalogue, camera: dict[str, Any]
) -> None:
    del camera["features"]["health"]
    links = models.thing_description(camera, API)["links"]
    assert [link["href"] for link in links if link["rel"] == "item"] == ["features/events"]


def test_a_description_has_the_things_own_name(models: Catalogue, camera: dict[str, Any]) -> None:
    camera["attributes"]["titleEn"] = "Phan Ngọc Hiển junction"
    td = models.thing_description(camera, API)
    assert td["title"] == "Ngã tư Phan Ngọc Hiển"
    assert td["titles"]["en"] == "Phan Ngọc Hiển junction"


def test_contexts_of_a_description_are_absolute(models: Catalogue, camera: dict[str, Any]) -> None:
    contexts = models.thing_description(camera, API)["@context"]
    assert models.url("x").replace("x.tm.jsonld", "context/ioc-context-1.jsonld") in contexts
