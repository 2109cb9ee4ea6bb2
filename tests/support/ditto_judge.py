"""Ditto's own JSON Schemas and OpenAPI as judges of our answers, where they are at hand.

They are the Eclipse Ditto project's (EPL-2.0) and not part of this repository:
`IOC_DITTO_REFERENCE` names a folder with `jsonschema/` and `ditto-api-2.yml`.
"""

import json
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft7Validator

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "ditto"


def reference() -> Path | None:
    """The folder, if there is one."""
    named = os.environ.get("IOC_DITTO_REFERENCE")
    folder = Path(named) if named else BESIDE
    return folder if (folder / "ditto-api-2.yml").is_file() else None


@dataclass
class Judge:
    """Validates answers and counts what it has seen."""

    counts: Counter[str] = field(default_factory=Counter)
    _validators: dict[str, Draft7Validator] = field(default_factory=dict)

    def answer(self, response: httpx.Response) -> None:
        """Look at one answer of `/api/2`; raises where a schema says no."""
        response.read()
        if reference() is None or not response.content:
            return
        media_type = response.headers.get("content-type", "")
        if "json" not in media_type or "td+json" in media_type:
            return
        name = schema_of(response)
        if name is not None:
            self.validate(name, response.json())

    def validate(self, name: str, body: Any) -> None:
        """Hold a body against a schema of the reference."""
        folder = reference()
        if folder is None:
            return
        if name not in self._validators:
            text = (folder / "jsonschema" / f"{name}.json").read_text(encoding="utf-8")
            # Java names its groups in another way.
            text = re.sub(r"\(\?<(?![=!])", "(?P<", text)
            self._validators[name] = Draft7Validator(json.loads(text))
        self._validators[name].validate(_without_models(body))
        self.counts[name] += 1


def _without_models(body: Any) -> Any:
    """The body without definitions: the schemas know `ns:name:version` alone, no URLs.

    Ditto itself takes URLs of Thing Models since 2.4; its schemas were left behind.
    """
    if not isinstance(body, dict):
        return body
    return {
        key: _without_models(part)
        for key, part in body.items()
        if not (key == "definition" and "http" in str(part))
    }


def schema_of(response: httpx.Response) -> str | None:
    """Which schema an answer is to fit; None for parts that have none of their own."""
    url, status = response.request.url, response.status_code
    parts = url.path.strip("/").split("/")
    if parts[:2] != ["api", "2"] or status == 424 or "fields" in url.params:
        return None
    if status >= 400:
        return "error"
    match parts[2:]:
        case ["policies", _]:
            return "policy"
        case ["things", _]:
            return "thing_v2"
        case ["things", _, "features", _]:
            return "feature_v2"
    return None


JUDGE = Judge()


def report() -> list[str]:
    """What was judged, for the end of a test run."""
    if reference() is None:
        return ["Ditto's schemas: not at hand (IOC_DITTO_REFERENCE), nothing was judged"]
    total = sum(JUDGE.counts.values())
    shares = ", ".join(f"{name} {n}" for name, n in sorted(JUDGE.counts.items()))
    return [f"Ditto's schemas: {total} bodies valid ({shares})"]
