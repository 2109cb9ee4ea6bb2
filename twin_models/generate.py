"""Write pydantic models of features and attributes from the Thing Models.

Needs datamodel-code-generator and ruff, which the development pins bring:
`python twin_models/generate.py` rewrites `ioc_models/things/generated.py`; a test fails
when that file is not what the models say.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from ioc_models.wot import Catalogue, json_schema
from ioc_models.wot.schema import DIALECT

HERE: Final = Path(__file__).resolve().parent
TARGET: Final = HERE / "ioc_models" / "things" / "generated.py"
HEADER: Final = (
    '"""What parts of things hold; written by `twin_models/generate.py`, not by hand."""\n'
    "# ruff: noqa: D101 texts stand in the Thing Models"
)
_SUFFIX: Final = "-1.0.0.tm.jsonld"
# Texts for people stay in the Thing Models; here they would name classes.
_DROPPED: Final = frozenset({"title", "description", "$schema"})
_SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})
# Classes of what an open object or an array holds.
_NAMES: Final = {"values": "IndicatorValue", "supersedes": "Superseded"}
_OPTIONS: Final = (
    *("--input-file-type", "jsonschema", "--output-model-type", "pydantic_v2.BaseModel"),
    *("--target-python-version", "3.10", "--base-class", "ioc_models.things.part.Part"),
    *("--use-annotated", "--field-constraints", "--use-union-operator"),
    *("--use-standard-collections", "--snake-case-field", "--use-title-as-name"),
    *("--reuse-model", "--collapse-root-models", "--skip-root-model"),
    *("--enum-field-as-literal", "all", "--output-datetime-class", "AwareDatetime"),
    *("--disable-timestamp", "--disable-future-imports", "--custom-file-header", HEADER),
    *("--formatters", "builtin"),
)


def schemas() -> dict[str, Any]:
    """Every feature and every thing's attributes, as definitions of one schema."""
    catalogue = Catalogue()
    found: dict[str, Any] = {}
    for path in catalogue.paths():
        folder, _, name = path.removesuffix(_SUFFIX).partition("/")
        if folder in {"features", "things"}:
            document = catalogue.model(catalogue.url(f"{folder}/{name}-1.0.0")).document
            found[_class_name(folder, name)] = _bare(json_schema(document))
    return {"$schema": DIALECT, "$defs": found}


def generated(folder: Path) -> str:
    """The module's text.

    Args:
        folder: Where the generator may leave its files.
    """
    source, target = folder / "things.schema.json", folder / "generated.py"
    source.write_text(json.dumps(schemas(), ensure_ascii=False), encoding="utf-8")
    _run("datamodel_code_generator", *_OPTIONS, "--input", str(source), "--output", str(target))
    config = ("--config", str(HERE.parent / "pyproject.toml"))
    _run("ruff", "check", "--silent", "--fix", "--exit-zero", *config, str(target))
    _run("ruff", "format", "--silent", *config, str(target))
    return target.read_text(encoding="utf-8")


def _run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], check=True)  # noqa: S603 our tools


def _class_name(folder: str, name: str) -> str:
    word = "".join(part.capitalize() for part in name.split("-"))
    return f"{word}Attributes" if folder == "things" else word


def _bare(schema: Any, key: str = "") -> Any:  # noqa: ANN401 JSON
    """A schema without texts, and without limits that would need a class of their own."""
    if isinstance(schema, list):
        return [_bare(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if key in {"items", "additionalProperties"} and schema.get("type") in _SCALARS:
        return {"type": schema["type"]}
    bare = {name: _bare(value, name) for name, value in schema.items() if name not in _DROPPED}
    if "properties" in schema:
        bare["properties"] = {
            name: _named(_bare(one), name) for name, one in schema["properties"].items()
        }
        # The base class forbids other members already.
        bare.pop("additionalProperties", None)
    return bare


def _named(schema: dict[str, Any], name: str) -> dict[str, Any]:
    for inside in ("items", "additionalProperties"):
        if name in _NAMES and isinstance(schema.get(inside), dict):
            schema[inside]["title"] = _NAMES[name]
    return schema


def main() -> None:
    """Rewrite the module, or say with `--check` whether it is what the models say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        text = generated(Path(folder))
    if not arguments.check:
        TARGET.write_text(text, encoding="utf-8")
    elif TARGET.read_text(encoding="utf-8") != text:
        sys.exit(f"{TARGET} is not what the Thing Models say: run {Path(__file__).name}")


if __name__ == "__main__":
    main()
