"""Heads beyond riders/helmets: marked by eye on streets of Nepal, and rendered ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from heads import Floats, Street, data_root

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKS = Path(__file__).with_name("nepal_heads.jsonl")


def _rows(rows: list[list[float]], width: int) -> Floats:
    return np.array(rows, np.float32).reshape(-1, width)


def read_marked() -> Iterator[Street]:
    """Street pictures of Nepal with the heads and the mistakes that were looked at one by one.

    Other heads may stand anywhere, so the whole picture is vague.
    """
    for line in MARKS.read_text().splitlines():
        note = json.loads(line)
        picture = cv2.imread(str(data_root() / "vehicles" / note["file"]))
        height, width = picture.shape[:2]
        yield Street(
            name=note["file"],
            group=f"nepal/{Path(note['file']).name[:16]}",
            picture=picture,
            heads=_rows(note["heads"], 5),
            riders=_rows([], 4),
            vague=_rows([[0, 0, width, height]], 4),
            nothing=_rows(note["nothing"], 4),
        )


def read_rendered(folder: Path | None) -> Iterator[Street]:
    """Riders that `scene_heads.py` rendered."""
    for file in sorted(folder.glob("*.npz")) if folder else ():
        with np.load(file) as shot:
            yield Street(
                name=file.stem,
                group=f"rendered/{file.stem.split('-')[0]}",
                picture=shot["picture"],
                heads=shot["heads"].astype(np.float32),
                riders=_rows([shot["rider"].tolist()], 4),
                vague=_rows([], 4),
            )
