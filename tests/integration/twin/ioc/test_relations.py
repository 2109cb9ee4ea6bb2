"""Relations and features: found over what may be read, and bounded."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Ask = Callable[..., httpx.Client]
Make = Callable[..., None]
READ = {"/": {"grant": ["READ"]}}


def names(**attributes: Any) -> dict[str, Any]:
    return {"attributes": attributes}


@pytest.fixture
def province(make: Make, policy: Callable[..., str]) -> None:
    policy("org.r:p", an=READ)
    make("org.r:province", names(titleVi="Cà Mau"), "org.r:p")
    make("org.r:commune", names(partOf="org.r:province"), "org.r:p")
    make("org.r:box", names(containedInPlace="org.r:commune"), "org.r:p")
    make("org.r:cam1", names(isHostedBy="org.r:box", observes=["org.r:road", "org.r:x"]), "org.r:p")
    make("org.r:cam2", names(isHostedBy="org.r:box"), "org.r:p")
    make("org.r:road", names(), "org.r:p")


def relations(client: httpx.Client, thing_id: str, **asked: Any) -> dict[str, Any]:
    answer = client.get(f"/api/ioc/things/{thing_id}/relations", params=asked)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def depths(found: dict[str, Any]) -> dict[str, int]:
    return {one["thingId"].removeprefix("org.r:"): one["depth"] for one in found["nodes"]}


@pytest.mark.usefixtures("province")
def test_outward_goes_up_to_the_province(ask: Ask) -> None:
    found = relations(ask("an"), "org.r:cam1", direction="out", depth=5)
    assert depths(found) == {"cam1": 0, "box": 1, "road": 1, "commune": 2, "province": 3}
    edges = {(one["from"], one["relation"], one["to"]) for one in found["edges"]}
    assert ("org.r:cam1", "observes", "org.r:road") in edges
    assert ("org.r:commune", "partOf", "org.r:province") in edges
    assert not found["truncated"]


@pytest.mark.usefixtures("province")
def test_inward_goes_down_to_the_cameras_as_far_as_asked(ask: Ask) -> None:
    found = relations(ask("an"), "org.r:province", direction="in", depth=2)
    assert depths(found) == {"province": 0, "commune": 1, "box": 2}
    whole = relations(ask("an"), "org.r:province", direction="in", depth=10)
    assert depths(whole) == {"province": 0, "commune": 1, "box": 2, "cam1": 3, "cam2": 3}
    road = relations(ask("an"), "org.r:road", direction="in")
    assert depths(road) == {"road": 0, "cam1": 1}


@pytest.mark.usefixtures("province")
def test_a_circle_ends(ask: Ask, make: Make) -> None:
    make("org.r:province", names(partOf="org.r:cam1"), "org.r:p")
    found = relations(ask("an"), "org.r:cam1", direction="both", depth=10)
    assert depths(found)["province"] == 1
    assert len(found["nodes"]) == len({one["thingId"] for one in found["nodes"]}) == 6


@pytest.mark.usefixtures("province")
def test_a_hidden_thing_ends_the_way_and_a_hidden_attribute_too(
    ask: Ask, make: Make, policy: Callable[..., str]
) -> None:
    policy("org.r:secret")
    make("org.r:box", names(containedInPlace="org.r:commune"), "org.r:secret")
    assert depths(relations(ask("an"), "org.r:cam2", direction="out", depth=9)) == {"cam2": 0}
    assert depths(relations(ask("an"), "org.r:province", direction="in", depth=9)) \
        == {"province": 0, "commune": 1}  # fmt: skip
    policy("org.r:cut", an={**READ, "/attributes/containedInPlace": {"revoke": ["READ"]}})
    make("org.r:box", names(containedInPlace="org.r:commune"), "org.r:cut")
    assert depths(relations(ask("an"), "org.r:cam2", direction="out", depth=9)) \
        == {"cam2": 0, "box": 1}  # fmt: skip
    assert "box" not in depths(relations(ask("an"), "org.r:commune", direction="in", depth=9))


@pytest.mark.usefixtures("province")
def test_what_cannot_be_asked_is_refused(ask: Ask) -> None:
    client = ask("an")
    for asked in ({"depth": 11}, {"depth": 0}, {"depth": "x"}, {"direction": "up"}):
        answer = client.get("/api/ioc/things/org.r:box/relations", params=asked)
        assert answer.status_code == 400
    assert client.get("/api/ioc/things/org.r:none/relations").status_code == 404
    assert ask("binh").get("/api/ioc/things/org.r:box/relations").status_code == 404


# --- features -------------------------------------------------------------------------


@pytest.fixture
def sensors(make: Make, policy: Callable[..., str]) -> None:
    policy("org.f:p", an=READ)
    policy("org.f:cut", an={**READ, "/features/inner": {"revoke": ["READ"]}})
    for name, under in (("a", "org.f:p"), ("b", "org.f:cut")):
        warm = {"definition": ["org:air:1.0.0"], "properties": {"temperature": 31}}
        make(
            f"org.f:{name}",
            {"features": {"outer": warm, "inner": {"properties": {"temperature": 40, "on": True}}}},
            under,
        )


def features(client: httpx.Client, **asked: Any) -> list[tuple[str, str]]:
    answer = client.get("/api/ioc/features", params=asked)
    assert answer.status_code == 200, answer.text
    return [(one["thingId"], one["featureId"]) for one in answer.json()["items"]]


@pytest.mark.usefixtures("sensors")
def test_features_are_found_by_their_own_properties(ask: Ask) -> None:
    found = features(ask("owner"), filter="gt(properties/temperature,35)")
    assert found == [("org.f:a", "inner"), ("org.f:b", "inner")]
    both = "and(gt(properties/temperature,30),not(exists(properties/on)))"
    assert features(ask("owner"), filter=both) == [("org.f:a", "outer"), ("org.f:b", "outer")]
    assert features(ask("owner"), featureId="outer", filter='eq(thingId,"org.f:b")') \
        == [("org.f:b", "outer")]  # fmt: skip
    assert features(ask("owner"), definition="org:air:1.0.0") \
        == [("org.f:a", "outer"), ("org.f:b", "outer")]  # fmt: skip
    assert features(ask("owner"), filter='eq(definition,"org:air:1.0.0")', namespaces="org.g") == []


@pytest.mark.usefixtures("sensors")
def test_a_hidden_feature_is_neither_shown_nor_found_by_what_it_holds(ask: Ask) -> None:
    assert features(ask("an"), filter="gt(properties/temperature,35)") == [("org.f:a", "inner")]
    assert ("org.f:b", "inner") not in features(ask("an"))
    assert features(ask("an"), filter="not(gt(properties/temperature,100))", featureId="inner") \
        == [("org.f:a", "inner")]  # fmt: skip
    assert features(ask("binh")) == []


@pytest.mark.usefixtures("sensors")
def test_pages_of_features_are_the_whole(ask: Ask) -> None:
    client, pages, cursor = ask("an"), [], ""
    while True:
        answer = client.get("/api/ioc/features", params={"size": 1, "cursor": cursor}).json()
        pages += [(one["thingId"], one["featureId"]) for one in answer["items"]]
        cursor = answer.get("cursor", "")
        if not cursor:
            break
    assert pages == features(client)
    assert len(pages) == 3


def test_a_page_of_features_ends_at_nothing_hidden(
    ask: Ask, make: Make, policy: Callable[..., str]
) -> None:
    policy("org.f:cut", an={**READ, "/features/inner": {"revoke": ["READ"]}})
    for n in range(3):
        make(f"org.f:{n}", {"features": {"inner": {}, "outer": {}}}, "org.f:cut")
    make("org.f:9", {"features": {"inner": {}}}, "org.f:cut")
    answer = ask("an").get("/api/ioc/features", params={"size": 3}).json()
    assert [one["featureId"] for one in answer["items"]] == ["outer"] * 3
    assert "cursor" not in answer


@pytest.mark.parametrize(
    "asked",
    [{"featureId": "a\0"}, {"definition": "https://x/\0"}, {"size": "9" * 5000}, {"cursor": "e30"}],
)
def test_strange_characters_and_numbers_are_refused(ask: Ask, asked: dict[str, str]) -> None:
    assert ask("an").get("/api/ioc/features", params=asked).status_code == 400


def test_a_filter_over_the_thing_is_refused_with_what_may_be_asked(ask: Ask) -> None:
    answer = ask("an").get("/api/ioc/features", params={"filter": "eq(attributes/x,1)"})
    assert answer.status_code == 400
    assert "properties/" in answer.json()["message"]
