"""Checklists by kind of alert: Markdown files that people who answer for them can edit.

A file is front matter (YAML between two lines of `---`), words of introduction, and steps:
`- [ ] ` with the Vietnamese line, the English one indented below it. An alert keeps the
wording that it was opened with, by its hash.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from psycopg.types.json import Jsonb
from pydantic import Field, ValidationError

from ioc_cloud.db import feeds_alert_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.alerts.errors import SopBroken
from ioc_models.feeds.contract import Part, Slug, Words

PRODUCT: Final = Path(__file__).resolve().parents[4] / "twin_models" / "sop"
AlertKind = Literal[
    "threshold", "anomaly", "data_task", "provider_down", "vessel_silent", "camera_offline"
]
AlertSeverity = Literal["warn", "danger"]
_STEP: Final = "- [ ] "
_FILE: Final = re.compile(r"---\n(?P<head>.*?)\n---\n(?P<body>.*)", re.DOTALL)


class Sop(Part):
    """What to do about one kind of alert.

    Attributes:
        kind: The file's name.
        alerts: The alerts that it is for.
        indicators: Codes, or beginnings of codes that end in a dot; empty for any.
        owner: Who acts first: a person of the feed's contract.
        due: Time until it must be finished, by severity; where it says nothing the feed's
            agreed hours count.
        intro: What to know before the first step; may be empty.
    """

    kind: Slug
    alerts: AlertKind
    indicators: tuple[str, ...] = ()
    title: Words
    owner: Literal["owner", "deputy", "head"] = "owner"
    due: Mapping[AlertSeverity, timedelta] = Field(default_factory=dict)
    intro: tuple[str, ...] = ()
    steps: tuple[Words, ...] = Field(min_length=1, max_length=50)

    @property
    def sha256(self) -> str:
        """Of all that it says."""
        text = json.dumps(
            self.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def fits(self, alerts: AlertKind, indicator: str | None) -> int | None:
        """How closely it fits an alert, greater is closer; None where it does not."""
        if alerts != self.alerts:
            return None
        if not self.indicators:
            return 0
        code = indicator or ""
        lengths = [
            len(one)
            for one in self.indicators
            if code == one or (one.endswith(".") and code.startswith(one))
        ]
        return max(lengths, default=None)


@dataclass(frozen=True)
class Sops:
    """Every checklist, by its kind."""

    by_kind: Mapping[str, Sop]

    @classmethod
    def load(cls, *folders: Path) -> "Sops":
        """The product's checklists, each further folder's laid over them by file name.

        Raises:
            SopBroken: A file is no checklist, or a kind of alert has none.
        """
        found: dict[str, Sop] = {}
        for folder in (PRODUCT, *folders):
            for path in sorted(folder.glob("*.md")):
                found[path.stem] = read(path)
        sops = cls(found)
        for alerts in _KINDS:
            if not any(one.fits(alerts, None) == 0 for one in found.values()):
                raise SopBroken(PRODUCT, f"no checklist for any alert of the kind {alerts}")
        return sops

    def of(self, alerts: AlertKind, indicator: str | None = None) -> Sop:
        """The checklist that fits an alert most closely."""
        fitting = [
            (closeness, one.kind)
            for one in self.by_kind.values()
            if (closeness := one.fits(alerts, indicator)) is not None
        ]
        return self.by_kind[max(fitting)[1]]


_KINDS: Final[tuple[AlertKind, ...]] = (
    "threshold", "anomaly", "data_task", "provider_down", "vessel_silent", "camera_offline",
)  # fmt: skip


def read(path: Path) -> Sop:
    """One checklist.

    Raises:
        SopBroken: It is none; the message says where.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SopBroken(path, str(error)) from error
    parts = _FILE.fullmatch(text)
    if parts is None:
        raise SopBroken(path, "begins with front matter between two lines of ---")
    try:
        head = yaml.safe_load(parts["head"])
    except yaml.YAMLError as error:
        raise SopBroken(path, f"front matter: {error}") from error
    if not isinstance(head, dict):
        raise SopBroken(path, "front matter is no mapping of names to values")
    intro, steps = _checklist(path, parts["body"].splitlines())
    try:
        sop = Sop.model_validate({**head, "intro": intro, "steps": steps})
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, one['loc'])) or 'checklist'}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)
        )
        raise SopBroken(path, "; ".join(faults)) from error
    if sop.kind != path.stem:
        raise SopBroken(path, f"is of the kind {sop.kind!r}; name the file after it")
    return sop


def _checklist(path: Path, lines: Sequence[str]) -> tuple[list[str], list[dict[str, str]]]:
    intro: list[str] = []
    steps: list[dict[str, str]] = []
    for number, line in _spoken(lines):
        if line.startswith(_STEP):
            steps.append({"vi": line.removeprefix(_STEP).strip()})
        elif not steps:
            intro.append(line.strip())
        elif line[0].isspace() and "en" not in steps[-1]:
            steps[-1]["en"] = line.strip()
        else:
            raise SopBroken(path, f"body line {number}: neither a step nor its English: {line!r}")
    for step in steps:
        if "en" not in step:
            raise SopBroken(path, f"step without its English line: {step['vi']!r}")
    return intro, steps


def _spoken(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, line


def keep(connection: Connection, sop: Sop, now: datetime) -> str:
    """Store a wording where it is not yet; says its hash."""
    digest = sop.sha256
    connection.execute(sql.KEEP_SOP, (digest, sop.kind, Jsonb(sop.model_dump(mode="json")), now))
    return digest


def kept(connection: Connection, digest: str) -> Sop:
    """The wording of a hash.

    Raises:
        LookupError: None was stored.
    """
    row: tuple[Any, ...] | None = connection.execute(sql.KEPT_SOP, (digest,)).fetchone()
    if row is None:
        raise LookupError(f"no checklist {digest}")
    return Sop.model_validate(row[0])
