"""Two readers that disagree in their mistakes: the second is asked where the first is unsure.

Neither's word is taken for the other's: every text that either proposes is weighed by
what both networks believe of it, letter by letter, and by the grammar.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ioc_edge.backends import Floats, Image, Reading
from ioc_edge.backends.decoders.letters import Belief
from ioc_edge.backends.network import NetworkReader
from ioc_edge.backends.ppocr import PpOcrReader
from ioc_edge.beliefs import held_back
from ioc_models import plates

if TYPE_CHECKING:
    from ioc_models.events import ModelRef

# The second costs 20 to 30 ms a plate, the first 1 to 2.
SURE: Final = 0.97
# What the second's belief counts beside the first's.
WEIGHT: Final = 0.5
# No network is as sure as it says: each letter keeps this share for all others, or one
# that has never met a letter could veto it.
DOUBT: Final = 0.01


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one reader makes of a plate and why: slots, or one CTC belief for each row."""

    reading: Reading | None
    beliefs: Sequence[Belief]
    slots: bool

    def says(self, text: str) -> float:
        """Log probability of a text, before the grammar."""
        letters = [belief.letters for belief in self.beliefs]
        return slots_say(letters[0], text) if self.slots else rows_say(letters, text)


class WithSecondOpinion:
    """The first reader reads; where it is not sure, both together decide."""

    def __init__(self, first: NetworkReader, second: PpOcrReader) -> None:
        self.model: ModelRef | None = first.model
        self.asked = 0
        self._first = first
        self._second = second

    def read(self, crops: Sequence[Image]) -> list[Reading | None]:
        """A reading for each crop; None where neither sees a letter."""
        beliefs = self._first.beliefs(crops)
        return [self._one(crop, own) for crop, own in zip(crops, beliefs, strict=True)]

    def _one(self, crop: Image, beliefs: Sequence[Belief]) -> Reading | None:
        reading = self._first.reading(crop, beliefs)
        if reading is not None and reading.confidence >= SURE:
            return reading
        self.asked += 1
        own = Opinion(reading, beliefs, self._first.slots)
        theirs = self._second.beliefs(crop, reading.lines if reading else None)
        return weighed(own, Opinion(self._second.reading(theirs), theirs, slots=False))


def weighed(first: Opinion, second: Opinion) -> Reading | None:
    """The text that both readers together believe most, with its share of that belief."""
    known = [opinion.reading for opinion in (first, second) if opinion.reading is not None]
    if len(known) < 2:  # noqa: PLR2004 one of two saw nothing
        return known[0] if known else None
    own = known[0]
    texts = {text for one in known for text in (one.text, one.runner_up) if text}
    scores = {
        text: first.says(text) + WEIGHT * second.says(text) - held_back(text, own.lines, own.ground)
        for text in texts
    }
    ranked = sorted(texts, key=lambda text: -scores[text])
    shares = np.exp([scores[text] - scores[ranked[0]] for text in ranked])
    shares /= shares.sum()
    same = [one for one in known if one.text == ranked[0]]
    # A runner-up of both has no confidence for each of its letters.
    characters = same[0].characters if same else (float(shares[0]),) * len(ranked[0])
    return replace(
        own,
        text=ranked[0],
        characters=characters,
        confidence=float(shares[0]),
        runner_up=ranked[1] if len(ranked) > 1 else "",
        margin=float(shares[0] - shares[1]) if len(ranked) > 1 else float(shares[0]),
    )


def slots_say(slots: Floats, text: str) -> float:
    """Log probability that the slots that are not empty spell this text."""
    doubtful = _doubted(slots)
    letters = [1 + plates.ALPHABET.index(letter) for letter in text]
    # ways[k]: all ways in which the slots so far spell the first k letters.
    ways = np.zeros(len(text) + 1)
    ways[0] = 1.0
    for slot in doubtful:
        grown = ways * slot[0]
        grown[1:] += ways[:-1] * slot[letters]
        ways = grown
    return float(np.log(max(ways[-1], 1e-300)))


def rows_say(rows: Sequence[Floats], text: str) -> float:
    """Log probability that the rows, one after the other, spell this text.

    Where the second row begins is not known: all places count.
    """
    upper = prefixes(rows[0], text)
    if len(rows) == 1:
        return float(np.log(max(upper[-1], 1e-300)))
    # A row read backwards spells the text backwards.
    lower = prefixes(rows[1][::-1], text[::-1])[::-1]
    return float(np.log(max(float((upper * lower).sum()), 1e-300)))


def prefixes(row: Floats, text: str) -> NDArray[np.float64]:
    """For each k, the probability that CTC steps spell the first k letters (Graves 2006)."""
    letters = np.array([1 + plates.ALPHABET.index(letter) for letter in text], np.intp)
    repeats = np.append(False, letters[1:] == letters[:-1])
    blank = np.zeros(len(text) + 1)
    ends = np.zeros(len(text))
    blank[0] = 1.0
    for step in _doubted(row):
        fresh = blank[:-1] + np.where(repeats, 0.0, np.append(0.0, ends[:-1]))
        grown = (ends + fresh) * step[letters]
        blank = (blank + np.append(0.0, ends)) * step[0]
        ends = grown
    spelt: NDArray[np.float64] = blank + np.append(0.0, ends)
    return spelt


def _doubted(belief: Floats) -> NDArray[np.float64]:
    """Belief that sums to one and leaves something for every letter."""
    total = np.maximum(belief.sum(axis=1, keepdims=True), 1.0)
    shares: NDArray[np.float64] = belief / total * (1.0 - DOUBT) + DOUBT / belief.shape[1]
    return shares
