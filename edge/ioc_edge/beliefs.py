"""From a network's belief to a plate's text: a beam search with the grammar as a prior.

The prior is small and the picture outvotes it. A text that breaks a rule is held back by
that rule's price in nats, never by more than `MOST` in all: where each letter is more
than e^5 (150) times as likely as any other in its place, the text stays as it was seen,
legal or not. So a foreign plate is told as it is, and only a doubtful letter is settled
by the law.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, inf, log
from typing import Final, Literal, cast

import numpy as np

from ioc_edge.backends import Floats, Reading
from ioc_models import plates

Lines = Literal[1, 2]

# Prices in nats. Of a hundred plates on the road one perhaps fits no rule (foreign, home
# made, half hidden), log odds of 4.6, and there are somewhat more texts to choose from
# outside the law than inside. A code that was never issued has all else in order.
MOST: Final = 5.0
NO_LAYOUT: Final = 5.0
NEVER_ISSUED: Final = 4.0
# One row read where the law asks for two, or a ground that the layout never has: both
# are seen by a network that can be wrong itself.
WRONG_ROWS: Final = 2.0
WRONG_GROUND: Final = 1.0
# About one plate in ten for each: two letters since 2023, four figures from before the
# five, and the few of embassies, trailers, trade zones, the army.
TWO_LETTERS: Final = 1.5
FOUR_FIGURES: Final = 1.5
RARE: Final = 1.5
UNLISTED_UNIT: Final = 1.5
_RARE_LAYOUTS: Final = frozenset({"special", "zone", "temporary", "diplomatic", "military"})

BEAM: Final = 16
# Letters of one place that are followed, and the belief below which one is not.
BRANCHES: Final = 5
WORTH_A_BRANCH: Final = 1e-3
# A beam this much less likely than the best is dropped: the prior could not save it.
HOPELESS: Final = 1e-5
# Beyond this many nats behind the best a text changes the shares by less than a percent.
OUT_OF_THE_RACE: Final = 5.0
ROW_CANDIDATES: Final = 12
# The wire takes no longer text.
LONGEST: Final = 12


@dataclass(frozen=True, slots=True)
class Guess:
    """A text with its log probability and the confidence of each character."""

    text: str
    score: float
    characters: tuple[float, ...]


def letter_column(letter: str) -> int:
    """Column of a letter in belief; the blank or empty slot has column 0."""
    return 1 + plates.ALPHABET.index(letter)


def read_slots(
    belief: Floats,
    lines: Lines | None = None,
    *,
    ground: str | None = None,
    against_rest: float = MOST,
) -> Reading | None:
    """The plate behind fixed slots, or None where nothing is written.

    Args:
        belief: (slots, 1 + alphabet) probabilities in reading order, "empty" first; any
            slot may be empty.
        lines: Rows of the plate; told from the text's layout when not known.
        ground: Its colour, when known.
        against_rest: Nats against all texts that the search does not follow: most of
            them are illegal. Zero where a slot may leave out likely letters.
    """
    best = belief.argmax(axis=1).tolist()
    raw = "".join(_SYMBOLS[column] for column in best)
    if not raw:
        return None
    found, kept = _slot_beam(belief)
    if len(found) == 1:
        found += _next_to(belief, best)
    guesses = [Guess(text, score, ()) for text, score in found]
    missed = max(0.0, 1.0 - kept) * exp(-against_rest)
    reading = _ranked(guesses, raw, lines, ground, missed=missed)
    if reading is None:
        return None
    straight = reading.text == raw and all(best[: len(raw)])
    sure = belief.max(axis=1).tolist()[: len(raw)] if straight else _spread(reading.text, belief)
    return replace(reading, characters=tuple(sure))


def read_rows(
    beliefs: Sequence[Floats], raw: str, lines: Lines, *, ground: str | None = None
) -> Reading | None:
    """The plate behind CTC belief, one array a row, from the top; None where there is none.

    Args:
        beliefs: each (T, 1 + alphabet), blank first; steps need not sum to one.
        raw: What was read before any rule about plates.
        lines: Rows of the plate.
        ground: Its colour, when known.
    """
    joined = [Guess("", 0.0, ())]
    for belief in beliefs:
        joined = [
            Guess(a.text + b.text, a.score + b.score, a.characters + b.characters)
            for a in joined
            for b in beam_search(belief)[:ROW_CANDIDATES]
        ]
    return _ranked(joined, raw, lines, ground)


def beam_search(belief: Floats) -> list[Guess]:
    """The likeliest texts of a row, by CTC prefix beam search (Hannun 2017).

    Args:
        belief: (T, 1 + alphabet), blank first; rows need not sum to one.
    """
    # text -> [ends in blank, ends in its last letter, confidence of each letter]
    beams: dict[str, tuple[float, float, tuple[float, ...]]] = {"": (1.0, 0.0, ())}
    quiet = False
    for blank_share, letters in zip(belief[:, 0].tolist(), _branches(belief[:, 1:]), strict=True):
        if not letters:
            # Blank after blank changes nothing but the scale.
            if not quiet:
                beams = {text: (b + n, 0.0, peaks) for text, (b, n, peaks) in beams.items()}
            quiet = True
            continue
        quiet = False
        beams = _step(beams, blank_share, letters)
    return [
        Guess(text, log(max(b + n, 1e-30)), peaks)
        for text, (b, n, peaks) in sorted(beams.items(), key=lambda item: -sum(item[1][:2]))
    ]


def held_back(text: str, lines: Lines | None = None, ground: str | None = None) -> float:
    """Nats against a text before the picture speaks; from 0 to `MOST`."""
    found = plates.fits(text)
    if not found:
        elsewhere = plates.fits(_SOME_PROVINCE + text[2:]) if text[:2].isdigit() else ()
        return NEVER_ISSUED if elsewhere else NO_LAYOUT
    against = 0.0
    if lines == 1:
        fitting = plates.narrowed(found, lines=lines)
        against, found = (0.0, fitting) if fitting else (WRONG_ROWS, found)
    if ground in plates.law.GROUNDS:
        fitting = plates.narrowed(found, ground=cast("plates.GroundColour", ground))
        against, found = (against, fitting) if fitting else (against + WRONG_GROUND, found)
    return min(MOST, against + min(_rarity(plate) for plate in found))


def _rarity(plate: plates.Plate) -> float:
    against = RARE if plate.layout in _RARE_LAYOUTS else 0.0
    if plate.layout == "military":
        return against + (0.0 if plate.series in plates.law.MILITARY_UNITS else UNLISTED_UNIT)
    if plate.layout == "motorbike" and plate.series.isalpha():
        against += TWO_LETTERS
    if len(plate.number) == 4:  # noqa: PLR2004 figures
        against += FOUR_FIGURES
    return against


def _ranked(
    guesses: Iterable[Guess],
    raw: str,
    lines: Lines | None,
    ground: str | None,
    *,
    missed: float = 0.0,
) -> Reading | None:
    """The best guess after the prior, with its share of all that was believed.

    Args:
        guesses: Texts with their log probability; no text twice.
        raw: What was read before any rule about plates.
        lines: Rows of the plate, when known.
        ground: Its colour, when known.
        missed: Probability of the texts that the search left out, less what is against
            them.
    """
    falling = sorted(
        (guess for guess in guesses if len(guess.text) <= LONGEST), key=lambda g: -g.score
    )
    scored: list[tuple[float, Guess]] = []
    best = -inf
    for guess in falling:
        # An empty plate is no plate: nothing is held against it. Nor is it worth asking
        # the law about a text that is out of the race by now.
        worth = guess.text and guess.score > best - OUT_OF_THE_RACE
        score = guess.score - (held_back(guess.text, lines, ground) if worth else 0.0)
        scored.append((score, guess))
        best = max(best, score)
    if not scored:
        return None
    scored.sort(key=lambda pair: -pair[0])
    shares = [exp(score - best) for score, _ in scored]
    total = sum(shares) + missed * exp(-best)
    first = scored[0][1]
    if not first.text:
        return None
    second, runner_up = (shares[1], scored[1][1].text) if len(scored) > 1 else (0.0, "")
    return Reading(
        text=first.text,
        raw=raw,
        confidence=shares[0] / total,
        characters=tuple(min(1.0, share) for share in first.characters),
        lines=lines or _rows_of(first.text),
        runner_up=runner_up,
        margin=(shares[0] - second) / total,
        ground=ground,
    )


def _slot_beam(belief: Floats) -> tuple[list[tuple[str, float]], float]:
    """Texts with the log probability of all ways to spread them, and what they sum to."""
    # Weight in the race, probability, text, state in the grammar (None: never legal).
    beams: list[tuple[float, float, str, str | None]] = [(1.0, 1.0, "", "")]
    for empty, letters in zip(belief[:, 0].tolist(), _branches(belief[:, 1:]), strict=True):
        grown: list[tuple[float, float, str, str | None]] = []
        for _, p, text, state in beams:
            ways = plates.STEPS[state] if state is not None else _NO_WAY
            for letter, share in letters:
                after = ways.get(letter)
                q = p * share
                grown.append((q if after is not None else q * _ILLEGAL, q, text + letter, after))
        if empty > WORTH_A_BRANCH:
            beams = [(weight * empty, p * empty, text, state) for weight, p, text, state in beams]
            grown = _merged(beams, grown) if grown else beams
        if len(grown) > 1:
            grown.sort(reverse=True)
            least = grown[0][0] * HOPELESS
            grown = [beam for beam in grown[:BEAM] if beam[0] >= least]
        beams = grown or beams
    return [(text, log(max(p, 1e-30))) for _, p, text, _ in beams], sum(b[1] for b in beams)


def _next_to(belief: Floats, best: Sequence[int]) -> list[tuple[str, float]]:
    """The likeliest text but one where each slot is clear: its least clear slot differs."""
    rest = belief.copy()
    places = np.arange(len(best))
    rest[places, best] = 0.0
    doubt = rest.max(axis=1) / belief[places, best]
    place = int(doubt.argmax())
    if not rest[place].any():
        return []
    columns = [*best[:place], int(rest[place].argmax()), *best[place + 1 :]]
    score = float(np.log(belief[places, columns] + 1e-30).sum())
    return [("".join(_SYMBOLS[column] for column in columns), score)]


def _merged(
    *parts: Sequence[tuple[float, float, str, str | None]],
) -> list[tuple[float, float, str, str | None]]:
    """Beams where each text stands once, with all its probability."""
    found: dict[str, tuple[float, float, str, str | None]] = {}
    for part in parts:
        for weight, p, text, state in part:
            old = found.get(text)
            found[text] = (
                (weight, p, text, state)
                if old is None
                else (weight + old[0], p + old[1], text, state)
            )
    return list(found.values())


def _spread(text: str, belief: Floats) -> tuple[float, ...]:
    """Confidence of each letter where the text lies likeliest over the slots."""
    empty = belief[:, 0].tolist()
    columns = [letter_column(letter) for letter in text]
    shares = belief[:, columns].tolist()
    # best[k]: probability of k letters in the slots so far, and their confidences.
    best: list[tuple[float, tuple[float, ...]]] = [(1.0, ())]
    for nothing, row in zip(empty, shares, strict=True):
        after = [(p * nothing, sure) for p, sure in best]
        for k, (p, sure) in enumerate(best[: len(columns)]):
            way = (p * row[k], (*sure, row[k]))
            if k + 1 == len(after):
                after.append(way)
            elif way[0] > after[k + 1][0]:
                after[k + 1] = way
        best = after
    return best[len(columns)][1]


def _step(
    beams: dict[str, tuple[float, float, tuple[float, ...]]],
    blank_share: float,
    letters: Sequence[tuple[str, float]],
) -> dict[str, tuple[float, float, tuple[float, ...]]]:
    """One step of the CTC beam; rescaled, for ratios are all that counts."""
    grown: dict[str, tuple[float, float, tuple[float, ...]]] = {}
    for text, (blank, letter, peaks) in beams.items():
        _grow(grown, text, (blank + letter) * blank_share, 0.0, peaks)
        for symbol, share in letters:
            if text.endswith(symbol):
                peak = (*peaks[:-1], max(peaks[-1], share))
                _grow(grown, text, 0.0, letter * share, peak)
                _grow(grown, text + symbol, 0.0, blank * share, (*peaks, share))
            else:
                _grow(grown, text + symbol, 0.0, (blank + letter) * share, (*peaks, share))
    best = sorted(grown.items(), key=lambda item: -(item[1][0] + item[1][1]))[:BEAM]
    top = max(best[0][1][0] + best[0][1][1], 1e-30)
    return {
        text: (b / top, n / top, peaks) for text, (b, n, peaks) in best if b + n >= top * HOPELESS
    }


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


def _branches(letters: Floats) -> list[list[tuple[str, float]]]:
    """Of each place, the few letters worth following, likeliest first."""
    places: list[list[tuple[str, float]]] = [[] for _ in range(len(letters))]
    rows, columns = np.nonzero(letters > WORTH_A_BRANCH)
    shares = letters[rows, columns].tolist()
    for row, column, share in zip(rows.tolist(), columns.tolist(), shares, strict=True):
        places[row].append((plates.ALPHABET[column], share))
    for place in places:
        if len(place) > BRANCHES:
            place.sort(key=lambda branch: -branch[1])
            del place[BRANCHES:]
    return places


def _rows_of(text: str) -> Lines:
    plate = plates.parse(text)
    return 2 if plate is not None and plate.layout in plates.law.TWO_ROWS_ALWAYS else 1


_SYMBOLS: Final = ("", *plates.ALPHABET)
_SOME_PROVINCE: Final = "69"
_ILLEGAL: Final = exp(-MOST)
_NO_WAY: Final[Mapping[str, str]] = {}
