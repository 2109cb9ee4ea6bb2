"""How much of a file is read at all."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one file.

    Attributes:
        unpacked_bytes: All parts of a workbook together.
        ratio: Unpacked over packed, for parts above 1 MiB; deflate itself ends at 1032.
        cells: Rows times columns of a sheet's used area, and cells of all sheets together.
        text_chars: Characters of all cells together: shared strings repeat for free in a file.
        field_chars: One cell of a CSV; Excel ends at 32,767.
        merged: `report` turns merged cells from a refusal into findings.
    """

    file_bytes: int = 50_000_000
    unpacked_bytes: int = 50_000_000
    ratio: int = 200
    parts: int = 500
    rows: int = 100_000
    columns: int = 200
    cells: int = 1_500_000
    text_chars: int = 60_000_000
    field_chars: int = 32_767
    merged: Literal["refuse", "report"] = "refuse"


DEFAULT = Limits()
