"""One plate from many looks: each character is elected, weighted by how sure each look was."""

import re
from collections import defaultdict
from typing import Final

from ioc_edge.backends import Reading
from ioc_models import plates
from ioc_models.events import PlateReading

# Looks that must agree before an event leaves while the vehicle is still in view.
AGREEING_LOOKS: Final = 3
SURE: Final = 0.85
# Below this mean confidence a legal text is noise that happens to fit; a single look
# that no other confirms must be surer.
LEAST_LEGAL: Final = 0.55
LEAST_LEGAL_ALONE: Final = 0.75
# Letters by which a text may differ from what was read before any rule about plates.
# More is the rules speaking, not the picture: a camera's burnt-in clock, say.
MOST_MENDED: Final = 2
# What fits no known layout must be nearly certain to be worth a line on a screen.
LEAST_UNKNOWN: Final = 0.9
SHORTEST_UNKNOWN: Final = 5
# A date or a time of day: what cameras burn into their pictures, never on a plate.
BURNT_IN: Final = re.compile(r"\d:\d|\d\d[-/.]\d\d[-/.]\d")
# An unknown layout weighs this much beside a legal one when looks disagree.
UNKNOWN_WEIGHT: Final = 0.3


class Ballot:
    """Collects the readings of one track."""

    def __init__(self) -> None:
        self._readings: list[Reading] = []

    def __len__(self) -> int:
        return len(self._readings)

    def add(self, reading: Reading) -> None:
        """Count one look, unless it shows the camera's own clock."""
        if BURNT_IN.search(reading.raw):
            return
        self._readings.append(reading)

    def settled(self) -> bool:
        """Whether more looks would hardly change the result."""
        result = self.result()
        if result is None or not result.legal or result.votes < AGREEING_LOOKS:
            return False
        return result.confidence >= SURE or result.margin >= SURE

    def result(self) -> PlateReading | None:
        """The elected text, or None when nothing worth telling was read.

        A text outside every known layout is told with `legal` false and only when it
        is nearly certain; it is never bent into a legal one.
        """
        if not self._readings:
            return None
        weights = self._weights()
        leader = max(weights, key=lambda text: weights[text])
        text, characters = self._elect(len(leader))
        if text not in weights and plates.parse(text) is None:
            text, characters = leader, self._best(leader).characters
        elected = [reading for reading in self._readings if reading.text == text]
        legal = plates.parse(text) is not None
        confidence = sum(characters) / len(characters)
        if not _worth_telling(text, confidence, len(elected), legal=legal):
            return None
        others = sorted(((w, t) for t, w in weights.items() if t != text), reverse=True)
        total = sum(weights.values())
        best = self._best(text if elected else leader)
        if changes(plates.normalise(best.raw), text) > MOST_MENDED:
            return None
        return PlateReading(
            text=text,
            raw=best.raw,
            confidence=confidence,
            characters=characters,
            legal=legal,
            lines=best.lines,
            runner_up=others[0][1] if others else (best.runner_up or None),
            margin=max(0.0, (weights.get(text, 0.0) - others[0][0]) / total)
            if others
            else best.margin,
            votes=max(1, len(elected)),
        )

    def _weights(self) -> dict[str, float]:
        weights: dict[str, float] = defaultdict(float)
        for reading in self._readings:
            legal = plates.parse(reading.text) is not None
            weights[reading.text] += reading.confidence * (1.0 if legal else UNKNOWN_WEIGHT)
        return weights

    def _elect(self, length: int) -> tuple[str, tuple[float, ...]]:
        """The heaviest letter of each place, among readings of that length."""
        text, shares = "", []
        voters = [reading for reading in self._readings if len(reading.text) == length]
        for place in range(length):
            votes: dict[str, list[float]] = defaultdict(list)
            for voter in voters:
                votes[voter.text[place]].append(voter.characters[place])
            letter = max(votes, key=lambda name: sum(votes[name]))
            given = sum(sum(shares) for shares in votes.values())
            # How sure its voters were, less what the others took away.
            mean = sum(votes[letter]) / len(votes[letter])
            text += letter
            shares.append(min(1.0, mean * sum(votes[letter]) / max(given, 1e-9)))
        return text, tuple(shares)

    def _best(self, text: str) -> Reading:
        same = [reading for reading in self._readings if reading.text == text]
        return max(same or self._readings, key=lambda reading: reading.confidence)


def changes(before: str, after: str) -> int:
    """How many letters were put in, left out or replaced (Levenshtein)."""
    row = list(range(len(after) + 1))
    for i, left in enumerate(before, start=1):
        last, row[0] = row[0], i
        for j, right in enumerate(after, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (left != right))
    return row[-1]


def _worth_telling(text: str, confidence: float, votes: int, *, legal: bool) -> bool:
    if legal:
        return confidence >= (LEAST_LEGAL if votes > 1 else LEAST_LEGAL_ALONE)
    return confidence >= LEAST_UNKNOWN and len(text) >= SHORTEST_UNKNOWN and votes >= AGREEING_LOOKS
