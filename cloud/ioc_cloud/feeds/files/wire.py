"""How a child tells its parent what it read: JSON lines, for a pickle could carry programs."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Any, Final

import orjson

from ioc_cloud.feeds.files.cells import Cell, Row
from ioc_cloud.feeds.files.errors import BY_SLUG, Damaged, FileRefused
from ioc_cloud.feeds.files.findings import Finding
from ioc_cloud.feeds.files.read import Head, Piece, SheetHead

# JSON has no dates; those cells are named apart, so that all others travel plain.
_MADE: Final = {"M": datetime.fromisoformat, "D": date.fromisoformat, "T": time.fromisoformat}


def packed(piece: Piece) -> bytes:
    """One piece as one line."""
    if isinstance(piece, list):
        return orjson.dumps(_packed_rows(piece)) + b"\n"
    key = {Head: "head", SheetHead: "sheet", Finding: "finding"}[type(piece)]
    return orjson.dumps({key: piece}) + b"\n"


def packed_refusal(error: FileRefused) -> bytes:
    """The last line of a file that was refused."""
    return orjson.dumps({"refused": error.slug, "values": dict(error.values)}) + b"\n"


def unpacked(lines: Iterable[bytes]) -> Iterator[Piece]:
    """The pieces of a child's lines.

    Raises:
        FileRefused: What the child says it refused.
        Damaged: The lines are none of ours.
    """
    for line in lines:
        said = orjson.loads(line)
        if "rows" in said:
            yield _unpacked_rows(said)
        elif "finding" in said:
            yield Finding(**said["finding"])
        elif "sheet" in said:
            yield SheetHead(**said["sheet"])
        elif "head" in said:
            yield Head(**said["head"])
        else:
            raise BY_SLUG.get(said.get("refused", ""), Damaged)(**said["values"])


def _packed_rows(rows: list[Row]) -> dict[str, Any]:
    moments: list[tuple[int, int, str, str]] = []
    plain: list[Row | list[Cell]] = []
    for at, row in enumerate(rows):
        odd = [(column, cell) for column, cell in enumerate(row) if isinstance(cell, (date, time))]
        if not odd:
            plain.append(row)
            continue
        kept: list[Cell] = list(row)
        for column, cell in odd:
            kind = "M" if isinstance(cell, datetime) else "D" if isinstance(cell, date) else "T"
            moments.append((at, column, kind, cell.isoformat()))
            kept[column] = None
        plain.append(kept)
    return {"rows": plain, "moments": moments}


def _unpacked_rows(said: dict[str, Any]) -> list[Row]:
    rows: list[list[Cell]] = said["rows"]
    for at, column, kind, iso in said["moments"]:
        rows[at][column] = _MADE[kind](iso)
    return [tuple(row) for row in rows]
