"""How far two plates are apart, where letters that cameras and people mix up are near.

A weighted edit distance: each letter put in, left out or replaced costs 1, a look-alike
less. Costs are closed under detours (D to 0 to O is never cheaper than D to O), so the
distance is a metric: zero for equal texts alone, the same both ways, and never longer
than a way round. Meant for watch lists and for the police's search, where the answer is
a list for a person to look at, never a corrected plate.
"""

from collections.abc import Iterable
from functools import cache
from typing import Final

from ioc_models.plates.letters import normalise

_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZĐ"
# Cost of a letter put in, left out or replaced by one that it does not look like.
WHOLE: Final = 1.0
# Nearly the same drawing: what a person types for the other, or blur makes of it.
TWIN: Final = 0.2
# Taken for each other by readers on real crops.
ALIKE: Final = 0.4
CONFUSED: Final[tuple[tuple[str, str, float], ...]] = (
    *(("D", "Đ", TWIN), ("0", "O", TWIN), ("0", "Q", TWIN), ("0", "D", TWIN), ("1", "I", TWIN)),
    *(("2", "Z", TWIN), ("5", "S", TWIN), ("8", "B", TWIN), ("6", "G", TWIN)),
    *(("1", "T", ALIKE), ("7", "T", ALIKE), ("1", "L", ALIKE), ("0", "U", ALIKE)),
    *(("7", "M", ALIKE), ("1", "A", ALIKE), ("9", "B", ALIKE), ("H", "Đ", ALIKE)),
)


def distance(one: str, other: str, *, at_most: float = float("inf")) -> float:
    """The least cost of turning one plate into the other, in letters.

    Args:
        one: A plate in any spelling.
        other: Another.
        at_most: Beyond this the way is not followed; the answer is then infinity.
    """
    left, right = normalise(one), normalise(other)
    if abs(len(left) - len(right)) * WHOLE > at_most:
        return float("inf")
    costs = _costs()
    row = [j * WHOLE for j in range(len(right) + 1)]
    for i, a in enumerate(left, start=1):
        # `last` is the cell up and to the left of the one being filled.
        last, row[0] = row[0], i * WHOLE
        for j, b in enumerate(right, start=1):
            replaced = last if a == b else last + costs[a, b]
            last = row[j]
            row[j] = min(replaced, last + WHOLE, row[j - 1] + WHOLE)
        if min(row) > at_most:
            return float("inf")
    return row[-1] if row[-1] <= at_most else float("inf")


def unlikeness(one: str, other: str) -> float:
    """Cost of one upper-case letter or digit taken for another: 0 for itself, at most 1."""
    return 0.0 if one == other else _costs()[one, other]


def nearest(plate: str, among: Iterable[str], *, at_most: float = WHOLE) -> list[tuple[str, float]]:
    """Plates of a list that the seen one may be, the nearest first, with their distance."""
    found = [(other, distance(plate, other, at_most=at_most)) for other in among]
    return sorted((pair for pair in found if pair[1] <= at_most), key=lambda pair: pair[1])


@cache
def _costs() -> dict[tuple[str, str], float]:
    """Cost of each replacement, no longer than any detour (Floyd and Warshall)."""
    cost = {(a, b): 0.0 if a == b else WHOLE for a in _LETTERS for b in _LETTERS}
    for a, b, price in CONFUSED:
        cost[a, b] = cost[b, a] = price
    # Only confused letters make a shorter way through them.
    for via in sorted({letter for pair in CONFUSED for letter in pair[:2]}):
        for a in _LETTERS:
            for b in _LETTERS:
                cost[a, b] = min(cost[a, b], cost[a, via] + cost[via, b])
    return cost
