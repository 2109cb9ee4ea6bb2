"""Looks at one plate laid over one another: log belief added up, place by place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ioc_edge.backends import Reading
from ioc_edge.beliefs import letter_column
from ioc_models import plates

# No look is surer of a letter than this, or it could not be outvoted; none is less sure
# than one guess in all letters.
SUREST: Final = 0.995
LEAST_SURE: Final = 0.03
# Belief of a look that a place which others have and it has not is no place: letters are
# lost at a plate's rim more often than they are made up.
MISSING: Final = 0.6
# A runner-up's letter counts as seen from this belief on.
WORTH_A_VOTE: Final = 0.02
# Cost of a place that one text has and the other has not, where another letter costs 1.
GAP: Final = 0.7
# Texts of one length that differ in so few places are not shifted against each other.
FEW: Final = 2
_COLUMNS: Final = 1 + len(plates.ALPHABET)

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]
# Which place of either text stands beside which of the other; None beside a gap.
Pair = tuple[int | None, int | None]


@dataclass(slots=True)
class Group:
    """Looks that read the same text.

    `log_belief` is (places, 1 + alphabet), each look's log belief times its weight,
    added up; `seen` tells which letters any look held possible.
    """

    best: Reading
    log_belief: Matrix
    seen: Mask
    weight: float = 0.0
    looks: int = 0

    @classmethod
    def of(cls, reading: Reading) -> "Group":
        """An empty group for the text of a reading."""
        shape = (len(reading.text), _COLUMNS)
        return cls(reading, np.zeros(shape), np.zeros(shape, bool))

    @property
    def text(self) -> str:
        """What these looks read."""
        return self.best.text

    def add(self, reading: Reading, weight: float) -> None:
        """Count one more look."""
        belief, seen = belief_of(reading)
        self.log_belief += weight * np.log(belief)
        self.seen |= seen
        self.weight += weight
        self.looks += 1
        if reading.confidence > self.best.confidence:
            self.best = reading


def belief_of(reading: Reading) -> tuple[Matrix, Mask]:
    """What one look believes of each place, and the letters that it held possible."""
    columns = [letter_column(letter) for letter in reading.text]
    places = np.arange(len(columns))
    sure = np.clip(np.array(reading.characters), LEAST_SURE, SUREST)
    other = np.zeros(len(columns))
    seen = np.zeros((len(columns), _COLUMNS), bool)
    seen[places, columns] = True
    where = _only_difference(reading.text, reading.runner_up)
    if where is not None:
        share = min(max(0.0, reading.confidence - reading.margin), 1.0 - float(sure[where]))
        other[where] = share if share >= WORTH_A_VOTE else 0.0
    belief = np.repeat(((1.0 - sure - other) / (_COLUMNS - 1))[:, None], _COLUMNS, axis=1)
    belief[places, columns] = sure
    if where is not None and other[where]:
        belief[where, letter_column(reading.runner_up[where])] = other[where]
        seen[where, letter_column(reading.runner_up[where])] = True
    return np.maximum(belief, 1e-4), seen


def laid_over(groups: Sequence[Group]) -> tuple[Matrix, Mask]:
    """All groups' log belief added up and the letters seen, in places that fit all texts.

    Args:
        groups: The one to go by first.
    """
    total, seen = groups[0].log_belief.copy(), groups[0].seen.copy()
    weight = groups[0].weight
    for group in groups[1:]:
        reached = "".join(plates.ALPHABET[i] for i in total[:, 1:].argmax(axis=1))
        pairs = beside(reached, group.text)
        rows = [
            (weight * _NO_PLACE if i is None else total[i])
            + (group.weight * _NO_PLACE if j is None else group.log_belief[j])
            for i, j in pairs
        ]
        masks = [
            (_EMPTY if i is None else seen[i]) | (_EMPTY if j is None else group.seen[j])
            for i, j in pairs
        ]
        total, seen = np.stack(rows), np.stack(masks)
        weight += group.weight
    return total, seen


def beside(one: str, other: str) -> list[Pair]:
    """Which places of two texts belong together (Needleman and Wunsch)."""
    if len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) <= FEW:
        return [(i, i) for i in range(len(one))]
    cost = [[j * GAP for j in range(len(other) + 1)]]
    for i, a in enumerate(one, start=1):
        row = [i * GAP]
        for j, b in enumerate(other, start=1):
            swap = cost[i - 1][j - 1] + plates.unlikeness(a, b)
            row.append(min(swap, cost[i - 1][j] + GAP, row[j - 1] + GAP))
        cost.append(row)
    return _way_back(one, other, cost)


def _way_back(one: str, other: str, cost: list[list[float]]) -> list[Pair]:
    pairs: list[Pair] = []
    i, j = len(one), len(other)
    while i and j:
        swap = cost[i - 1][j - 1] + plates.unlikeness(one[i - 1], other[j - 1])
        least = min(swap, cost[i - 1][j] + GAP, cost[i][j - 1] + GAP)
        if least == swap:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif least == cost[i - 1][j] + GAP:
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            pairs.append((None, j))
    pairs += [(k, None) for k in reversed(range(i))]
    pairs += [(None, k) for k in reversed(range(j))]
    return pairs[::-1]


def _only_difference(text: str, other: str) -> int | None:
    """The one place where two texts of a length differ; None when there is not one."""
    if len(text) != len(other):
        return None
    places = [place for place, (a, b) in enumerate(zip(text, other, strict=True)) if a != b]
    return places[0] if len(places) == 1 else None


_NO_PLACE: Final = np.log(np.array([MISSING, *[(1.0 - MISSING) / (_COLUMNS - 1)] * (_COLUMNS - 1)]))
_EMPTY: Final = np.arange(_COLUMNS) == 0
