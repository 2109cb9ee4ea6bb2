"""Communes and what they were made of: rows of the tables in `maps/boundaries/`."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ioc_models.geo import Point


@dataclass(frozen=True, slots=True)
class Succession:
    """An old commune, or a part of one, and the new commune that it is in.

    Attributes:
        weight: Share of the old one's figures that goes to the new one, 0 to 1.
        weight_source: `whole`, or `equal` where shares are not known and were split evenly:
            what is carried over by it is an estimate.
    """

    old_name: str
    old_district: str
    old_province: str
    new_code: str
    relation: Literal["merged", "divided", "renamed", "unchanged"]
    weight: float
    weight_source: Literal["whole", "equal"]

    def of_new(self) -> dict[str, str | float]:
        """As the new commune's twin lists it under `supersedes`."""
        return {
            "name": self.old_name,
            "district": self.old_district,
            "province": self.old_province,
            "relation": self.relation,
            "weight": self.weight,
            "weightSource": self.weight_source,
        }


def successions(lines: Iterable[str]) -> dict[str, list[Succession]]:
    """The file's rows by the new commune's code.

    Args:
        lines: The CSV with its header, as an open file gives it.
    """
    found: dict[str, list[Succession]] = {}
    for row in csv.DictReader(lines):
        one = Succession(**{**row, "weight": float(row["weight"])})  # type: ignore[arg-type]
        found.setdefault(one.new_code, []).append(one)
    return found


@dataclass(frozen=True, slots=True)
class Commune:
    """A commune or ward since 2025-07-01.

    Attributes:
        code: Five digits, of the National Statistics Office.
        area_km2: Of the outline.
        at: A point inside.
        supersedes: What it was made of.
    """

    code: str
    name_vi: str
    name_en: str
    kind: Literal["xa", "phuong"]
    area_km2: float
    at: Point
    supersedes: tuple[Succession, ...] = ()


def communes(lines: Iterable[str], crosswalk: Iterable[str] = ()) -> list[Commune]:
    """The communes of `communes.csv`, each with its rows of `old_to_new_communes.csv`.

    Args:
        lines: The table with its header, as an open file gives it.
        crosswalk: The other table; without it nothing is said of what was before.
    """
    before = successions(crosswalk)
    return [
        Commune(
            code=row["code"],
            name_vi=row["name_vi"],
            name_en=row["name_en"],
            kind="phuong" if row["kind"] == "phuong" else "xa",
            area_km2=float(row["area_km2"]),
            at=Point(lon=float(row["lon"]), lat=float(row["lat"])),
            supersedes=tuple(before.get(row["code"], ())),
        )
        for row in csv.DictReader(lines)
    ]
