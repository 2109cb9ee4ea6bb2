"""Communes across boundaries: what was counted on the old ones, shown on today's, and back.

Since 2025-07-01 Cà Mau has 64 communes where there were many more (Resolution
1655/NQ-UBTVQH15). A commune that was divided takes part in several of today's by weights;
whatever weights have touched is marked approximate, with what they were measured by.
"""

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import orjson

from ioc_cloud.db import twin_series_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import CloudError

Boundaries = Literal["today", "old"]
REFORM: Final = date(2025, 7, 1)
PROVINCE: Final = "96"
WHOLE: Final = "whole"
# Of a commune of today nobody knows which share lies in each of the old ones: they are
# taken to be alike.
ALIKE: Final = "equal"
_COLUMNS: Final = frozenset({"old_name", "old_district", "old_province", "new_code"})
_KINDS: Final = {"phuong": "phuong", "xa": "xa", "thi-tran": "thi_tran"}
_CODE: Final = re.compile(r"(?:^|[^0-9])(\d{5})$")


class CrosswalkUnreadable(CloudError):
    """A crosswalk file that cannot be used, and why."""


class Share(NamedTuple):
    """A part of one commune that lies in another."""

    code: str
    weight: float
    source: str


class Area(NamedTuple):
    """A commune, of today or of before."""

    code: str
    name_vi: str
    kind: str
    district_vi: str | None
    province_vi: str | None
    valid_to: date | None


# --- loading --------------------------------------------------------------------------


def load(connection: Connection, communes: Path, crosswalk: Path) -> tuple[int, int]:
    """Replace both tables by those of two files.

    Args:
        connection: The owner's.
        communes: `code,name_vi,name_en,kind,...` of today's communes.
        crosswalk: `old_name,old_district,old_province,new_code,relation,weight,weight_source`;
            weights of one old commune are made to add up to 1, equal where there are none.

    Returns:
        How many areas and how many lines there are now.

    Raises:
        CrosswalkUnreadable: A file that is not there or lacks a column, or names a
            commune of today that does not exist.
    """
    today = {row["code"]: row for row in _rows(communes, {"code", "name_vi", "kind"})}
    lines = _rows(crosswalk, _COLUMNS)
    if strange := sorted({row["new_code"] for row in lines} - today.keys()):
        raise CrosswalkUnreadable(f"{crosswalk}: no such commune: {', '.join(strange[:5])}")
    shares = _shares(lines)
    areas = [_today(row) for row in today.values()] + _old(lines)
    with connection.transaction():
        connection.execute(sql.CLEAR_AREAS)
        connection.execute(sql.ADD_AREAS, (orjson.dumps(areas).decode(),))
        connection.execute(sql.ADD_CROSSWALK, (orjson.dumps(shares).decode(),))
    return len(areas), len(shares)


def _rows(path: Path, needed: Iterable[str]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = sorted(set(needed) - set(reader.fieldnames or ()))
            if missing:
                raise CrosswalkUnreadable(f"{path}: no column {', '.join(missing)}")
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CrosswalkUnreadable(f"{path}: {error}") from error


def _today(row: Mapping[str, str]) -> dict[str, Any]:
    return {
        "code": row["code"], "name_vi": row["name_vi"], "kind": row["kind"], "level": "commune",
        "district_vi": None, "province_vi": "Cà Mau", "valid_from": REFORM.isoformat(),
        "valid_to": None,
    }  # fmt: skip


def _old(lines: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    found = {}
    for row in lines:
        found[old_code(row)] = {
            "code": old_code(row),
            "name_vi": row["old_name"].strip(),
            "kind": next((kind for word, kind in _KINDS.items()
                          if slug(row["old_name"]).startswith(word)), "xa"),
            "level": "commune",
            "district_vi": row["old_district"].strip(),
            "province_vi": row["old_province"].strip(),
            "valid_from": None,
            "valid_to": REFORM.isoformat(),
        }  # fmt: skip
    return list(found.values())


def _shares(lines: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    by_old: dict[str, dict[str, Mapping[str, str]]] = defaultdict(dict)
    for row in lines:
        by_old[old_code(row)][row["new_code"]] = row
    return [
        {"old_code": old, **one} for old, parts in by_old.items() for one in _parts_of(old, parts)
    ]


def _parts_of(old: str, parts: Mapping[str, Mapping[str, str]]) -> Iterable[dict[str, Any]]:
    weights = {code: _weight(row) for code, row in parts.items()}
    known = [weight for weight in weights.values() if weight is not None]
    equal = len(known) < len(parts)
    total = len(parts) if equal else sum(known)
    if total <= 0:
        raise CrosswalkUnreadable(f"the weights of {old} add up to nothing")
    for code, row in parts.items():
        weight = weights[code]
        share = 1 / len(parts) if equal or weight is None else weight / total
        if share <= 0:
            continue
        named = row.get("weight_source") or ALIKE
        yield {
            "new_code": code,
            "relation": row.get("relation") or ("divided" if len(parts) > 1 else "merged"),
            "weight": share,
            "weight_source": WHOLE if len(parts) == 1 else (ALIKE if equal else named),
        }


def _weight(row: Mapping[str, str]) -> float | None:
    text = row.get("weight") or ""
    try:
        weight = float(text) if text.strip() else None
    except ValueError as error:
        raise CrosswalkUnreadable(f"'{text}' is no weight") from error
    if weight is not None and not 0 <= weight <= 1:
        raise CrosswalkUnreadable(f"a weight lies between 0 and 1: {text}")
    return weight


def old_code(row: Mapping[str, str]) -> str:
    """A code for a commune of before, which has none of today's."""
    parts = (row["old_province"], row["old_district"], row["old_name"])
    return "old:" + ".".join(slug(part) for part in parts)


def slug(text: str) -> str:
    """Lower-case ASCII of a Vietnamese name."""
    plain = unicodedata.normalize("NFD", text.strip().lower().replace("đ", "d"))
    bare = "".join(char for char in plain if not unicodedata.combining(char))
    return re.sub(r"[^a-z0-9]+", "-", bare).strip("-")


# --- showing --------------------------------------------------------------------------


class Counted(NamedTuple):
    """One number of one commune; `code` is None where nobody knows which it was."""

    at: Any
    code: str | None
    value: float


@dataclass
class Moved:
    """One number after it was moved to other boundaries."""

    value: float = 0.0
    approximate: bool = False
    sources: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Crosswalk:
    """Both ways over the reform."""

    areas: Mapping[str, Area]
    forward: Mapping[str, Sequence[Share]]
    backward: Mapping[str, Sequence[Share]]

    def parts(self, code: str, boundaries: Boundaries) -> Sequence[Share]:
        """Where a commune lies on the wanted boundaries; itself where it is one of them."""
        way = self.forward if boundaries == "today" else self.backward
        return way.get(code) or (Share(code, 1.0, WHOLE),)

    def moved(
        self, counted: Iterable[Counted], boundaries: Boundaries
    ) -> dict[tuple[Any, str | None], Moved]:
        """Every number on the wanted boundaries; what they add up to stays the same."""
        found: dict[tuple[Any, str | None], Moved] = defaultdict(Moved)
        for one in counted:
            if one.code is None:
                found[one.at, None].value += one.value
                continue
            for share in self.parts(one.code, boundaries):
                moved = found[one.at, share.code]
                moved.value += one.value * share.weight
                if share.weight < 1:
                    moved.approximate = True
                    moved.sources.add(share.source)
        return dict(found)


def crosswalk(connection: Connection) -> Crosswalk:
    """The crosswalk of this installation."""
    areas = {row[0]: Area(*row) for row in connection.execute(sql.AREAS).fetchall()}
    forward: dict[str, list[Share]] = defaultdict(list)
    into: dict[str, list[Share]] = defaultdict(list)
    for old, new, _, weight, source in connection.execute(sql.CROSSWALK).fetchall():
        forward[old].append(Share(new, weight, source))
        into[new].append(Share(old, weight, source))
    return Crosswalk(areas, forward, {new: _backward(parts) for new, parts in into.items()})


def _backward(parts: Sequence[Share]) -> list[Share]:
    total = sum(part.weight for part in parts)
    source = WHOLE if len(parts) == 1 else ALIKE
    return [Share(part.code, part.weight / total, source) for part in parts]


def code_of(text: str) -> str | None:
    """The commune that an attribute names: a code, `c32001`, or the id of an area."""
    if text.startswith("old:"):
        return text
    found = _CODE.search(text)
    return found[1] if found else None
