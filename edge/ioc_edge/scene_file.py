"""A camera's scene file on disk: YAML in, YAML out."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from ioc_edge.errors import ConfigInvalid, in_words
from ioc_models.scene import Scene


def load(path: Path) -> Scene:
    """A checked scene.

    Raises:
        ConfigInvalid: With every fault and where it stands.
    """
    try:
        return Scene.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(path, f"cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigInvalid(path, f"not YAML: {error}") from error
    except ValidationError as error:
        raise ConfigInvalid(path, in_words(error)) from error


def text(scene: Scene) -> str:
    """YAML that `load` reads back to an equal scene; what has its default is left out."""
    body = scene.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    head = "# Written by calibration; check it with the overlay picture after every change.\n"
    return head + yaml.dump(body, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)


def save(scene: Scene, path: Path) -> None:
    """Write it whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text(scene), encoding="utf-8")
    part.replace(path)


class _Dumper(yaml.SafeDumper):
    """Points and boxes on one line, everything else in blocks."""


def _row(dumper: yaml.SafeDumper, row: list[object]) -> yaml.SequenceNode:
    flat = all(isinstance(cell, (int, float, str)) for cell in row)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", row, flow_style=flat)


_Dumper.add_representer(list, _row)
