"""Writes the JSON Schemas of a box's and a camera's YAML file, for editors and for checks in CI."""
# ruff: noqa: INP001 a script beside its output

import json
import sys
from pathlib import Path
from typing import Any

from ioc_edge.settings import BoxConfig
from ioc_models.scene import Scene

BOX = Path(__file__).with_name("box.schema.json")
SCENE = Path(__file__).with_name("scene.schema.json")
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def box_schema() -> dict[str, Any]:
    """The JSON Schema of a box's YAML file."""
    generated = BoxConfig.model_json_schema(by_alias=True)
    # The built-in default is a path of whatever machine generates this.
    del generated["properties"]["detector"]["default"]
    return {"$schema": DRAFT, **generated}


def scene_schema() -> dict[str, Any]:
    """The JSON Schema of a camera's scene file."""
    return {"$schema": DRAFT, **Scene.model_json_schema(by_alias=True)}


if __name__ == "__main__":
    texts = {
        path: json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for path, schema in ((BOX, box_schema()), (SCENE, scene_schema()))
    }
    if sys.argv[1:] == ["--check"]:
        sys.exit(any(path.read_text(encoding="utf-8") != text for path, text in texts.items()))
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
