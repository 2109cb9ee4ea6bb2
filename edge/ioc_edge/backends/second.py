"""Two readers that disagree in their mistakes: the second is asked where the first is unsure.

Neither's word is taken for the other's: every text that either proposes is weighed by
what both networks believe of it, letter by letter, and by the grammar.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ioc_edge.backends import Floats, Image, Reading
from ioc_edge.backends.decoders.letters import Belief
from ioc_edge.backends.network import NetworkReader
from ioc_edge.backends.ppocr import PpOcrReader
from ioc_edge.beliefs import LONGEST, beam_search, held_back
from ioc_models import plates

if TYPE_CHECKING:
    from ioc_models.events import ModelRef

# Where the manifest names no confidence from which a reading stands alone. The second
# reader costs 20 to 30 ms a plate, the first 1 to 2.
SURE: Final = 0.95
# What the second's belief counts beside the first's.
WEIGHT: Final = 0.5
# No network is as sure as it says: each letter keeps this share for all others, or one
# that has never met a letter could veto it.
DOUBT: Final = 0.01
PROPOSALS: Final = 12
ROW_PROPOSALS: Final = 4
BRANCHES: Final = 3
LEAST: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one reader makes of a plate and why: slots, or one CTC belief for each row."""

    reading: Reading | None
    beliefs: Sequence[Belief]
    slots: bool

    def proposes(self) -> set[str]:
        """The likeliest texts, before the grammar."""
        letters = [belief.letters for belief in self.beliefs]
        if self.slots:
            return set(likeliest(letters[0]))
        rows = [[guess.text for guess in beam_search(row)[:ROW_PROPOSALS]] for row in letters]
        return {text for text in map("".join, product(*rows)) if 0 < len(text) <= LONGEST}

    def says(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Log probability of each text, before the grammar."""
        letters = [belief.letters for belief in self.beliefs]
        return slots_say(letters[0], texts) if self.slots else rows_say(letters, texts)


class WithSecondOpinion:
    """The first reader reads; where it is not sure, both together decide."""

    def __init__(self, first: NetworkReader, second: PpOcrReader) -> None:
        self.model: ModelRef | None = first.model
        self.asked = 0
        self._sure = SURE if first.sure is None else first.sure
        self._first = first
        self._second = second

    def read(self, crops: Sequence[Image]) -> list[Reading | None]:
        """A reading for each crop; None where neither sees a letter."""
        beliefs = self._first.beliefs(crops)
        return [self._one(crop, own) for crop, own in zip(crops, beliefs, strict=True)]

    def _one(self, crop: Image, beliefs: Sequence[Belief]) -> Reading | None:
        reading = self._first.reading(crop, beliefs)
        if reading is not None and reading.confidence >= self._sure:
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
    texts = sorted(first.proposes() | second.proposes() | {one.text for one in known})
    # Their mistakes go together: a mean of what both say, not the product.
    said = (first.says(texts) + WEIGHT * second.says(texts)) / (1.0 + WEIGHT)
    said -= [held_back(text, own.lines, own.ground) for text in texts]
    order = np.argsort(-said)
    shares = np.exp(said[order] - said[order[0]])
    shares /= shares.sum()
    ranked = [texts[place] for place in order]
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


def likeliest(slots: Floats) -> list[str]:
    """The likeliest texts of slots of which any may be empty, best first, none empty."""
    beams = {"": 1.0}
    for slot in slots:
        grown: defaultdict[str, float] = defaultdict(float)
        columns = [int(column) for column in np.argsort(-slot)[:BRANCHES] if slot[column] > LEAST]
        for (text, share), column in product(beams.items(), columns):
            grown[text + plates.ALPHABET[column - 1] if column else text] += share * slot[column]
        beams = dict(sorted(grown.items(), key=lambda beam: -beam[1])[:PROPOSALS])
    return [text for text in beams if 0 < len(text) <= LONGEST]


def slots_say(slots: Floats, texts: Sequence[str]) -> NDArray[np.float64]:
    """For each text the log probability that the slots that are not empty spell it."""
    letters, lengths = _columns(texts)
    # ways[:, k]: all ways in which the slots so far spell the first k letters.
    ways = np.zeros((len(texts), letters.shape[1] + 1))
    ways[:, 0] = 1.0
    for slot in _doubted(slots):
        grown = ways * slot[0]
        grown[:, 1:] += ways[:, :-1] * slot[letters]
        ways = grown
    return _log(ways[np.arange(len(texts)), lengths])


def rows_say(rows: Sequence[Floats], texts: Sequence[str]) -> NDArray[np.float64]:
    """For each text the log probability that the rows, one after the other, spell it.

    Where the second row begins is not known: all places count.
    """
    _, lengths = _columns(texts)
    each = np.arange(len(texts))[:, None]
    upper = prefixes(rows[0], texts)
    if len(rows) == 1:
        return _log(upper[each[:, 0], lengths])
    # A row read backwards spells the text backwards; k letters above leave the rest below.
    lower = prefixes(rows[1][::-1], [text[::-1] for text in texts])
    rest = lengths[:, None] - np.arange(upper.shape[1])
    below = np.where(rest >= 0, lower[each, np.maximum(rest, 0)], 0.0)
    return _log((upper * below).sum(axis=1))


def prefixes(row: Floats, texts: Sequence[str]) -> NDArray[np.float64]:
    """For each text and k, the probability that CTC steps spell its first k letters.

    As the forward variables of Graves (2006); what lies beyond a text's end means nothing.
    """
    letters, _ = _columns(texts)
    fresh = np.ones(letters.shape, bool)
    fresh[:, 1:] = letters[:, 1:] != letters[:, :-1]
    blank = np.zeros((len(texts), letters.shape[1] + 1))
    ends = np.zeros_like(blank)
    blank[:, 0] = 1.0
    for step in _doubted(row):
        grown = np.zeros_like(ends)
        grown[:, 1:] = (ends[:, 1:] + blank[:, :-1] + fresh * ends[:, :-1]) * step[letters]
        blank, ends = (blank + ends) * step[0], grown
    spelt: NDArray[np.float64] = blank + ends
    return spelt


def _columns(texts: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Columns of the letters (n, longest), anything past a text's end, and the lengths."""
    lengths = np.array([len(text) for text in texts], np.intp)
    letters = np.zeros((len(texts), max(1, int(lengths.max()))), np.intp)
    for row, text in zip(letters, texts, strict=True):
        row[: len(text)] = [1 + plates.ALPHABET.index(letter) for letter in text]
    return letters, lengths


def _log(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    logs: NDArray[np.float64] = np.log(np.maximum(shares, 1e-300))
    return logs


def _doubted(belief: Floats) -> NDArray[np.float64]:
    """Belief that sums to one and leaves something for every letter."""
    total = np.maximum(belief.sum(axis=1, keepdims=True), 1.0)
    shares: NDArray[np.float64] = belief / total * (1.0 - DOUBT) + DOUBT / belief.shape[1]
    return shares
