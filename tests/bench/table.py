"""A small table on a terminal."""

from collections.abc import Sequence


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """First column left, the others right."""
    lines = [[str(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(heads))]
    print(f"\n{title}")
    for line in lines:
        first, *others = (
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  " + "  ".join([first, *others]))


def whole(number: float) -> str:
    """Thousands marked, no decimals."""
    return f"{number:,.0f}"
