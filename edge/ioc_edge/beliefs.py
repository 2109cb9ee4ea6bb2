"""From a network's belief to a plate's text, by beam search with the grammar as a prior."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from ioc_edge.backends import Floats, Reading
from ioc_models import plates

BEAM: Final = 16
WORTH_A_BRANCH: Final = 2e-3
# Nats by which a text is held back before the picture speaks: the grammar is a prior,
# and never turns a clear picture into another text. Two-letter series exist since
# 2023 alone, four-figure numbers are from before 2010.
ILLEGAL: Final = 8.0
TWO_LETTERS: Final = 2.2
FOUR_FIGURES: Final = 1.5
ROW_CANDIDATES: Final = 12


@dataclass(frozen=True, slots=True)
class Guess:
    """A row's text with its log probability and the confidence of each character."""

    text: str
    score: float
    characters: tuple[float, ...]


def letter_column(letter: str) -> int:
    """Column of a letter in folded belief; the blank has column 0."""
    return 1 + plates.ALPHABET.index(letter)


def read_rows(beliefs: Sequence[Floats], raw: str, lines: Literal[1, 2]) -> Reading | None:
    """The plate behind CTC belief, one array a row, from the top.

    Args:
        beliefs: each (T, 1 + alphabet), blank first; steps need not sum to one.
        raw: What was read before any rule about plates.
        lines: Rows of the plate.
    """
    return choose([beam_search(belief) for belief in beliefs], raw, lines)


def beam_search(belief: Floats) -> list[Guess]:
    """The likeliest texts of a row, by CTC prefix beam search (Hannun 2017).

    Args:
        belief: (T, 1 + alphabet), blank first; rows need not sum to one.
    """
    # text -> [ends in blank, ends in its last letter, confidence of each letter]
    beams: dict[str, tuple[float, float, tuple[float, ...]]] = {"": (1.0, 0.0, ())}
    for step in belief:
        grown: dict[str, tuple[float, float, tuple[float, ...]]] = {}
        letters = [
            (plates.ALPHABET[i], float(step[i + 1]))
            for i in np.flatnonzero(step[1:] > WORTH_A_BRANCH)
        ]
        for text, (blank, letter, peaks) in beams.items():
            _grow(grown, text, (blank + letter) * float(step[0]), 0.0, peaks)
            for symbol, share in letters:
                if text.endswith(symbol):
                    peak = (*peaks[:-1], max(peaks[-1], share))
                    _grow(grown, text, 0.0, letter * share, peak)
                    _grow(grown, text + symbol, 0.0, blank * share, (*peaks, share))
                else:
                    _grow(grown, text + symbol, 0.0, (blank + letter) * share, (*peaks, share))
        best = sorted(grown.items(), key=lambda item: -(item[1][0] + item[1][1]))[:BEAM]
        total = max(sum(entry[0] + entry[1] for _, entry in best), 1e-30)
        # Rescaled at each step, or a long row underflows; ratios are all that counts.
        beams = {text: (b / total, n / total, peaks) for text, (b, n, peaks) in best}
    return [
        Guess(text, float(np.log(max(b + n, 1e-30))), peaks)
        for text, (b, n, peaks) in beams.items()
    ]


def choose(rows: Sequence[Sequence[Guess]], raw: str, lines: Literal[1, 2]) -> Reading | None:
    """Join the rows' guesses and take the best after the grammar's prior."""
    joined = [Guess("", 0.0, ())]
    for guesses in rows:
        joined = [
            Guess(a.text + b.text, a.score + b.score, a.characters + b.characters)
            for a in joined
            for b in guesses[:ROW_CANDIDATES]
        ]
    fitting = [guess for guess in joined if 1 <= len(guess.text) <= 12]  # noqa: PLR2004 the wire
    if not fitting:
        return None
    scores = {guess.text: guess.score - held_back(guess.text, lines) for guess in fitting}
    ranked = sorted(fitting, key=lambda guess: -scores[guess.text])
    belief = np.exp(np.array([scores[guess.text] for guess in ranked]))
    shares = belief / belief.sum()
    best = ranked[0]
    return Reading(
        text=best.text,
        raw=raw,
        confidence=float(np.exp(np.mean(np.log(np.clip(best.characters, 1e-6, 1.0))))),
        characters=tuple(min(1.0, share) for share in best.characters),
        lines=lines,
        runner_up=ranked[1].text if len(ranked) > 1 else "",
        margin=float(shares[0] - shares[1]) if len(ranked) > 1 else 1.0,
    )


def held_back(text: str, lines: Literal[1, 2]) -> float:
    """Nats against a text before the picture speaks."""
    plate = plates.parse(text)
    if plate is None:
        return ILLEGAL
    against = 0.0
    if lines == 2 and len(plate.series) == 2 and plate.series.isalpha():  # noqa: PLR2004 rows
        against += 0.0 if "Đ" in plate.series else TWO_LETTERS
    if len(plate.number) == 4:  # noqa: PLR2004 figures
        against += FOUR_FIGURES
    return against


def _grow(
    beams: dict[str, tuple[float, float, tuple[float, ...]]],
    text: str,
    blank: float,
    letter: float,
    peaks: tuple[float, ...],
) -> None:
    old = beams.get(text)
    if old is None:
        beams[text] = (blank, letter, peaks)
    else:
        kept = peaks if sum(peaks) > sum(old[2]) else old[2]
        beams[text] = (old[0] + blank, old[1] + letter, kept)
