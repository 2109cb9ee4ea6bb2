"""Writes the mapping script into connection-mqtt.json, the one file that a Ditto is given."""
# ruff: noqa: INP001 a script beside its output

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE / "connection-mqtt.json"


def connection() -> str:
    """The connection with the script as it stands."""
    made = json.loads(TARGET.read_text(encoding="utf-8"))
    script = (HERE / "incoming-script.js").read_text(encoding="utf-8")
    made["mappingDefinitions"]["ioc"]["options"]["incomingScript"] = script
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    text = connection()
    if sys.argv[1:] == ["--check"]:
        sys.exit(text != TARGET.read_text(encoding="utf-8"))
    TARGET.write_text(text, encoding="utf-8")
