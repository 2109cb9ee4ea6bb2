"""Fixtures of the edge's unit tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.edge.parts import ANY_QUOTA, BOX

from ioc_edge.spool import Origin, Spool


@pytest.fixture
def new_spool(tmp_path: Path) -> Iterator[Callable[..., Spool]]:
    opened: list[Spool] = []

    def new(path: Path | None = None, **options: Any) -> Spool:
        options.setdefault("quota", ANY_QUOTA)
        opened.append(Spool(path or tmp_path / "spool.sqlite3", Origin(BOX), **options))
        return opened[-1]

    yield new
    for one in opened:
        one.close()
