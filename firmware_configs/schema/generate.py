"""Writes box.schema.json from the agent's own settings, for editors and for checks in CI."""
# ruff: noqa: INP001 a script beside its output

import json
import sys
from pathlib import Path
from typing import Any

from ioc_edge.settings import BoxConfig

TARGET = Path(__file__).with_name("box.schema.json")


def schema() -> dict[str, Any]:
    """The JSON Schema of a box's YAML file."""
    generated = BoxConfig.model_json_schema(by_alias=True)
    # The built-in default is a path of whatever machine generates this.
    del generated["properties"]["detector"]["default"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **generated}


if __name__ == "__main__":
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    if sys.argv[1:] == ["--check"]:
        sys.exit(text != TARGET.read_text(encoding="utf-8"))
    TARGET.write_text(text, encoding="utf-8")
