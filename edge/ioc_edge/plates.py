"""One plate from many looks: belief is added up place by place, then read as one plate.

Looks are laid over one another, their log belief is added, and the sum is read by the
same search as a single look is, so that the grammar counts once, not once a look.
"""

import re
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Final, Literal, cast

import numpy as np

from ioc_edge.backends import Box, Reading
from ioc_edge.beliefs import read_slots
from ioc_edge.overlay import Group, laid_over
from ioc_models import plates
from ioc_models.events import PlateReading

# Looks that must agree before an event leaves while the vehicle is still in view.
AGREEING_LOOKS: Final = 3
SURE: Final = 0.85
# Below this a legal text is noise that happens to fit; a single look that no other
# confirms must be surer.
LEAST_LEGAL: Final = 0.5
LEAST_LEGAL_ALONE: Final = 0.75
# Letters by which a text may differ from what was read before any rule about plates.
# More is the rules speaking, not the picture: a camera's burnt-in clock, say.
MOST_MENDED: Final = 2
# What fits no known layout must be nearly certain to be worth a line on a screen.
LEAST_UNKNOWN: Final = 0.9
SHORTEST_UNKNOWN: Final = 5
LEAST_DIGITS: Final = 2
# A date or a time of day: what cameras burn into their pictures, never on a plate.
BURNT_IN: Final = re.compile(r"\d:\d|\d\d[-/.]\d\d[-/.]\d")
# Detections fainter than the first are no plates; below the second only a legal text is
# believed. A maker's badge, detected at 0.376, was once told as C00D (open-nvr, issue 386).
LEAST_FOUND: Final = 0.25
FOUND_FOR_UNKNOWN: Final = 0.6
# A plate is 1.36 (motorbike) to 4.73 (long) times as wide as high; the upright box of a
# tilted one is rounder, that of a two-row plate seen from the side narrower. By rows.
NARROWEST: Final = {1: 1.3, 2: 0.7}
WIDEST: Final = {1: 8.0, 2: 4.0}
LEAST_ROW_PX: Final = 7.0
# Looks of one vehicle share their faults (dirt, angle): n count as n to the power of 0.7.
SHARED: Final = 0.3


class Ballot:
    """Collects the readings of one track.

    `refused` counts, by reason, the looks that showed no plate.
    """

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self._groups: dict[str, Group] = {}
        self._lines: defaultdict[Literal[1, 2], float] = defaultdict(float)
        self._grounds: defaultdict[str, float] = defaultdict(float)
        self._elected: Reading | None = None

    def __len__(self) -> int:
        return sum(group.looks for group in self._groups.values())

    def add(self, reading: Reading, *, found: float = 1.0, box: Box | None = None) -> bool:
        """Count one look; False where it shows no plate.

        Args:
            reading: What was read.
            found: The detector's confidence that this is a plate, 0 to 1.
            box: Where, in pixels.
        """
        reason = refusal(reading, found, box)
        if reason is not None:
            self.refused[reason] += 1
            return False
        weight = min(1.0, found / FOUND_FOR_UNKNOWN)
        if reading.text not in self._groups:
            self._groups[reading.text] = Group.of(reading)
        self._groups[reading.text].add(reading, weight)
        self._lines[reading.lines] += weight * reading.confidence
        if reading.ground is not None:
            self._grounds[reading.ground] += weight * reading.confidence
        self._elected = None
        return True

    def settled(self) -> bool:
        """Whether more looks would hardly change the result."""
        result = self.result()
        if result is None or not result.legal or result.votes < AGREEING_LOOKS:
            return False
        return result.confidence >= SURE or result.margin >= SURE

    def result(self, vehicle: str | None = None) -> PlateReading | None:
        """The elected text, or None when nothing worth telling was read.

        A text outside every known layout is told with `legal` false and only when it
        is nearly certain; it is never bent into a legal one.

        Args:
            vehicle: The label of what carries the plate, to narrow its layouts.
        """
        elected = self._elect()
        if elected is None:
            return None
        group = self._groups.get(elected.text)
        votes = group.looks if group else 0
        legal = bool(plates.fits(elected.text))
        raw = group.best.raw if group else elected.raw
        if not _worth_telling(elected, votes, legal=legal):
            return None
        if changes(plates.normalise(raw), elected.text) > MOST_MENDED:
            return None
        return PlateReading(
            text=elected.text,
            raw=raw,
            confidence=min(1.0, elected.confidence),
            characters=elected.characters,
            legal=legal,
            lines=elected.lines,
            runner_up=elected.runner_up or None,
            margin=min(1.0, max(0.0, elected.margin)),
            votes=max(1, votes),
            ground=elected.ground,
            layouts=_layouts(elected, vehicle),
        )

    def _elect(self) -> Reading | None:
        """What all looks say together; kept until the next look."""
        if self._elected is None and self._groups:
            groups = sorted(self._groups.values(), key=lambda group: -_standing(group))
            self._elected = groups[0].best if len(self) == 1 else self._read(groups)
        return self._elected

    def _read(self, groups: list[Group]) -> Reading:
        leader = groups[0].best
        lines = max(self._lines, key=lambda rows: self._lines[rows])
        ground = max(self._grounds, key=lambda name: self._grounds[name], default=None)
        log_belief, seen = laid_over(groups)
        log_belief *= len(self) ** -SHARED
        belief = np.exp(log_belief - log_belief.max(axis=1, keepdims=True))
        belief /= belief.sum(axis=1, keepdims=True)
        # A letter that nobody saw is never elected; its belief stays with the doubt.
        elected = read_slots(np.where(seen, belief, 0.0), lines, ground=ground, against_rest=0.0)
        if elected is None:
            return replace(leader, confidence=0.0, margin=0.0)
        if elected.text not in self._groups and not plates.fits(elected.text):
            # A text that nobody read and no law knows is a mixture, not a plate.
            share = min(leader.confidence, 1.0 - elected.confidence)
            return replace(leader, confidence=share, margin=0.0, runner_up=elected.text)
        if not elected.runner_up and elected.text in self._groups:
            return replace(elected, runner_up=self._groups[elected.text].best.runner_up)
        return replace(elected, raw=leader.raw)


def refusal(reading: Reading, found: float, box: Box | None) -> str | None:
    """Why a look shows no plate: by detector, format and geometry; None where it may."""
    if BURNT_IN.search(reading.raw):
        return "clock"
    if found < LEAST_FOUND:
        return "faint"
    if not plates.fits(reading.text):
        if found < FOUND_FOR_UNKNOWN:
            return "faint"
        if (
            len(reading.text) < SHORTEST_UNKNOWN
            or sum(letter.isdigit() for letter in reading.text) < LEAST_DIGITS
        ):
            return "format"
    return None if box is None else _misshapen(reading.lines, box)


def changes(before: str, after: str) -> int:
    """How many letters were put in, left out or replaced (Levenshtein)."""
    row = list(range(len(after) + 1))
    for i, left in enumerate(before, start=1):
        last, row[0] = row[0], i
        for j, right in enumerate(after, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (left != right))
    return row[-1]


def _misshapen(lines: Literal[1, 2], box: Box) -> str | None:
    width, height = box[2] - box[0], box[3] - box[1]
    if height < lines * LEAST_ROW_PX:
        return "small"
    return None if NARROWEST[lines] <= width / height <= WIDEST[lines] else "shape"


def _standing(group: Group) -> float:
    return group.weight * group.best.confidence


def _layouts(elected: Reading, vehicle: str | None) -> tuple[plates.Layout, ...]:
    """What the text can be, by all that was seen; by the text alone where that rules out all."""
    every = plates.fits(elected.text)
    ground = elected.ground if elected.ground in plates.law.GROUNDS else None
    left = plates.narrowed(
        every,
        lines=elected.lines,
        ground=cast("plates.GroundColour | None", ground),
        vehicle=vehicle,
    )
    return tuple(dict.fromkeys(plate.layout for plate in left or every))


def _worth_telling(elected: Reading, votes: int, *, legal: bool) -> bool:
    if legal:
        return elected.confidence >= (LEAST_LEGAL if votes > 1 else LEAST_LEGAL_ALONE)
    return elected.confidence >= LEAST_UNKNOWN and votes >= AGREEING_LOOKS
