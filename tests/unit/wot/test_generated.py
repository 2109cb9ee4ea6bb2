"""The checked-in classes are what the Thing Models say."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ioc_models.things import generated
from ioc_models.things.part import Part
from ioc_models.wot import Catalogue

GENERATE = Path(__file__).resolve().parents[3] / "twin_models" / "generate.py"


def test_the_classes_are_what_the_models_say() -> None:
    done = subprocess.run(
        [sys.executable, str(GENERATE), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_classes_take_every_attribute_and_feature_of_ours(everything: list[Any]) -> None:
    for thing in everything:
        kind = thing["definition"].rpartition("/")[2].removesuffix("-1.0.0.tm.jsonld")
        whose = _class(f"{kind}-attributes")
        dumped = whose.model_validate(thing["attributes"]).model_dump(
            mode="json", exclude_none=True
        )
        assert dumped == thing["attributes"]
        for feature in thing.get("features", {}).values():
            name = feature["definition"][0].rpartition("/")[2].removesuffix("-1.0.0.tm.jsonld")
            _class(name).model_validate(feature.get("properties", {}))


def test_a_class_refuses_what_its_model_refuses(models: Catalogue) -> None:
    health = models.feature(models.url("features/health-1.0.0"))
    for properties in (
        {"state": "fine"},
        {"state": "ok", "fps": -1},
        {"state": "ok", "mood": 1},
        {},
    ):
        assert health.properties.judge(properties)
        with pytest.raises(ValidationError):
            generated.Health.model_validate(properties)


def test_python_names_and_wire_names_both_work() -> None:
    by_name = generated.Health(state="ok", skipped_frames=3)
    assert by_name == generated.Health.model_validate({"state": "ok", "skippedFrames": 3})
    assert by_name.model_dump(exclude_none=True) == {"state": "ok", "skippedFrames": 3}


def _class(name: str) -> type[Part]:
    found: type[Part] = getattr(generated, "".join(word.capitalize() for word in name.split("-")))
    return found
