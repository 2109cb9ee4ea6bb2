"""Ditto's own example models load, make things and describe them.

They are the Eclipse Ditto project's (EPL-2.0) and not part of this repository; see
`tests/support/ditto_judge.py`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.ditto_judge import reference

from ioc_models.wot import Catalogue, ModelNotFound

BASE = "https://eclipse.dev/ditto/wot/example-models/"
FOLDER = (reference() or Path("/nowhere")) / "wot-examples"
EXAMPLES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.jsonld"))
LAMP = f"{BASE}floor-lamp-1.0.0.tm.jsonld"

pytestmark = pytest.mark.skipif(
    not EXAMPLES, reason="Ditto's example models are not at hand (IOC_DITTO_REFERENCE)"
)


def from_folder(url: str) -> Mapping[str, Any]:
    path = FOLDER / url.removeprefix(BASE)
    if not url.startswith(BASE) or not path.is_file():
        raise ModelNotFound(url)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def theirs() -> Catalogue:
    return Catalogue(elsewhere=from_folder)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_loads_and_its_skeleton_is_valid(theirs: Catalogue, name: str) -> None:
    made = theirs.skeleton(BASE + name)
    # The connection's moments have no neutral value; Ditto leaves formats unchecked.
    faults = theirs.validate(made)
    assert all("{format=" in text for texts in faults.values() for text in texts)


def test_the_floor_lamp_has_seven_features_of_five_models(theirs: Catalogue) -> None:
    features = theirs.skeleton(LAMP)["features"]
    assert set(features) == {
        *("Spot1", "Spot2", "Spot3", "Status-LED"),
        *("ConnectionStatus", "PowerConsumptionAwareness", "SmokeDetection"),
    }
    assert features["Spot1"] == {
        "definition": [
            f"{BASE}dimmable-colored-lamp-1.0.0.tm.jsonld",
            f"{BASE}colored-lamp-1.0.0.tm.jsonld",
            f"{BASE}switchable-1.0.0.tm.jsonld",
        ],
        "properties": {"on": False, "color": {"r": 0, "g": 0, "b": 0}, "dimmer-level": 0.0},
    }


def test_the_floor_lamp_refuses_what_ditto_refuses(theirs: Catalogue) -> None:
    def faults(*path: str, value: Any) -> list[str]:
        return [
            text for texts in theirs.validate_path(LAMP, path, value).values() for text in texts
        ]

    level = ("features", "Spot1", "properties", "dimmer-level")
    assert faults(*level, value=0.001) == []
    assert faults(*level, value=1.5) == [": {maximum=1.5 is above 1.0}"]
    assert faults(*level, value=0.0005) == [": {multipleOf=0.0005 is no multiple of 0.001}"]
    assert faults("features", "Spot1", "properties", "color", "r", value=256)
    assert faults("attributes", "serialNo", value=True) == [
        ": {type=boolean found, string expected}"
    ]
    assert faults("features", "Spot4", value={})


def test_actions_and_events_lead_to_messages(theirs: Catalogue) -> None:
    thing = {"thingId": "org.example:lamp", **theirs.skeleton(LAMP)}
    td = theirs.thing_description(thing, "https://ioc.example/api/2")
    switch = td["actions"]["switch-all-spots-on-for-duration"]
    assert switch["title"] == "Switch all spots on for duration"
    assert switch["input"]["type"] == "integer"
    assert switch["forms"][0]["href"] == "inbox/messages/switch-all-spots-on-for-duration"
    smoke = theirs.feature_description(thing, "SmokeDetection", "https://ioc.example/api/2")
    form = smoke["events"]["smoke-detected"]["forms"][0]
    assert form["href"] == "outbox/messages/smoke-detected"
    assert form["subprotocol"] == "sse"
    serial = td["properties"]["serialNo"]
    assert {form["op"] for form in serial["forms"] if isinstance(form["op"], str)} == {
        "readproperty"
    }
