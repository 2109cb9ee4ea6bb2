"""The JSON Schema of a box's configuration says what the agent says."""

import json
import subprocess
import sys
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from ioc_edge import settings

CONFIGS = Path(__file__).resolve().parents[2] / "firmware_configs"


def test_the_committed_schema_is_the_agents() -> None:
    generator = CONFIGS / "schema" / "generate.py"
    done = subprocess.run([sys.executable, str(generator), "--check"], check=False)
    assert done.returncode == 0, f"run {generator}"


def test_the_example_box_is_one_that_the_agent_takes() -> None:
    path = CONFIGS / "boxes" / "example.yaml"
    schema = json.loads((CONFIGS / "schema" / "box.schema.json").read_text())
    Draft202012Validator(schema).validate(yaml.safe_load(path.read_text()))
    config, _ = settings.parse(path.read_text(), path)
    assert set(settings.BoxConfig.model_fields) == config.model_fields_set
