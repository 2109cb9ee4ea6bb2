"""What a signal shows, look by look and since when: a reader sees, a timeline remembers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast

import numpy as np

from ioc_edge.backends import Box, Classifier, Image, open_classifier

LightState: TypeAlias = Literal["red", "amber", "green", "dark", "unknown"]
# A timeline also knows a light that blinks amber: nobody has to stop at it.
SpanState: TypeAlias = Literal["red", "amber", "green", "dark", "unknown", "blinking"]

# The word of the models' manifests for "no lamp is lit" and ours.
_OFF: Final = "off"
# A head this much wider than high lies on its side.
_LYING: Final = 1.3
# Three lamps need a few pixels each; below this nothing is to be seen.
LEAST_TALL_PX: Final = 8
LEAST_WIDE_PX: Final = 3


@dataclass(frozen=True, slots=True)
class LightLook:
    """What one region of one frame shows; `confidence` is the share of belief, 0 to 1."""

    state: LightState
    confidence: float


class LightReader:
    """Says of each configured region which lamp is lit. One thread at a time."""

    def __init__(self, classifier: Classifier) -> None:
        self.model = classifier.model
        self._classifier = classifier

    @classmethod
    def open(cls, manifest: Path, threads: int = 1) -> "LightReader":
        """The reader of a model.yaml.

        Raises:
            ModelInvalid: The manifest or the weights cannot be used.
        """
        return cls(open_classifier(manifest, threads))

    def states(self, frame: Image, regions: Sequence[Box]) -> list[LightLook]:
        """A look at each region, left, top, right, bottom in pixels of a BGR frame.

        A region outside the frame or too small to hold lamps is `unknown`.
        """
        looks = [LightLook("unknown", 0.0)] * len(regions)
        crops = [head_crop(frame, region) for region in regions]
        seen = [index for index, crop in enumerate(crops) if crop is not None]
        shares = self._classifier.classify([crop for crop in crops if crop is not None])
        for index, share in zip(seen, shares, strict=True):
            word = max(share, key=lambda name: share[name])
            state = "dark" if word == _OFF else word
            looks[index] = LightLook(cast("LightState", state), min(1.0, share[word]))
        return looks


def head_crop(frame: Image, region: Box) -> Image | None:
    """A signal head cut out and stood up, red on top; None where there is too little of it.

    A lying head has its red lamp on the left where traffic keeps to the right.
    """
    left, top = max(0, round(region[0])), max(0, round(region[1]))
    crop = frame[top : max(top, round(region[3])), left : max(left, round(region[2]))]
    height, width = crop.shape[:2]
    if width > _LYING * height:
        crop = np.ascontiguousarray(np.rot90(crop, -1))
        height, width = width, height
    return None if height < LEAST_TALL_PX or width < LEAST_WIDE_PX else crop


@dataclass(frozen=True, slots=True)
class LightSpan:
    """A light was in a state from an instant on, until the next span begins.

    `confidence` is the mean of the looks that saw it so.
    """

    since: datetime
    state: SpanState
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a light must look different before it is.

    Attributes:
        sure: A look below this confidence saw nothing.
        repeat: Two looks at a new colour at least this far apart make it true: one frame
            of a bus's brake lamp does not.
        dark: LED lamps and a camera's shutter beat against each other, and some greens
            blink at their end; a shorter darkness is none.
        unclear: Nothing seen for this long, a lorry in front, makes the state unknown.
        gap: A camera that sent nothing for this long saw nothing.
        blink: A blinking lamp comes on again within this time.
        keep: Spans that ended longer ago are forgotten.
    """

    sure: float = 0.6
    repeat: timedelta = timedelta(milliseconds=60)
    dark: timedelta = timedelta(milliseconds=700)
    unclear: timedelta = timedelta(milliseconds=500)
    gap: timedelta = timedelta(seconds=1)
    blink: timedelta = timedelta(seconds=2)
    keep: timedelta = timedelta(minutes=10)


# Amber coming on this often, with no other lamp between, is blinking.
_BLINKS: Final = 3
# Between two flashes a lamp was seen dark for this long at least.
_LEAST_DARK: Final = timedelta(milliseconds=150)


@dataclass(slots=True)
class _Sight:
    """Looks of one kind in a row: when the first and the last was, and how sure."""

    state: LightState
    first: datetime
    last: datetime
    total: float
    count: int = 1

    def again(self, at: datetime, confidence: float) -> None:
        self.last = at
        self.total += confidence
        self.count += 1

    @property
    def confidence(self) -> float:
        return self.total / self.count


class LightTimeline:
    """The states of one light with their beginnings, from looks in the order of time.

    A change is dated back to the first look that saw it, so a red light is never older here
    than what the camera saw. What is not seen is `unknown`: nobody is accused behind a lorry.
    """

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._spans: list[LightSpan] = []
        self._looks = 0
        self._total = 0.0
        # A colour seen that is not yet believed; darkness seen; the last look that saw anything.
        self._rival: _Sight | None = None
        self._dark: _Sight | None = None
        self._blind_since: datetime | None = None
        self._last_at: datetime | None = None
        self._flashes: list[datetime] = []

    @property
    def spans(self) -> tuple[LightSpan, ...]:
        """Oldest first; the last one goes on."""
        return tuple(self._spans)

    def at(self, when: datetime) -> LightSpan:
        """The span that holds an instant; unknown before the first look."""
        for span in reversed(self._spans):
            if span.since <= when:
                return span
        return LightSpan(when, "unknown")

    def see(self, when: datetime, state: LightState, confidence: float = 1.0) -> None:
        """Take one look; looks that come late or twice are left out."""
        if self._last_at is not None and when <= self._last_at:
            return
        if confidence < self._patience.sure:
            state = "unknown"
        if not self._spans:
            self._spans.append(LightSpan(when, "unknown"))
        self._mind_the_gap(when)
        self._last_at = when
        if state == "unknown":
            self._saw_nothing(when)
        else:
            self._blind_since = None
            if state == "dark":
                self._saw_dark(when, confidence)
            else:
                self._saw_lamp(when, state, confidence)
        self._forget(when)

    @property
    def _state(self) -> SpanState:
        return self._spans[-1].state

    def _mind_the_gap(self, when: datetime) -> None:
        """A camera that sent nothing saw nothing."""
        if self._last_at is not None and when - self._last_at > self._patience.gap:
            self._begin("unknown", self._last_at, 0.0)
            self._rival = self._dark = None
            self._flashes.clear()

    def _saw_nothing(self, when: datetime) -> None:
        self._blind_since = self._blind_since or when
        if when - self._blind_since >= self._patience.unclear and self._state != "unknown":
            self._begin("unknown", self._blind_since, 0.0)
            self._rival = self._dark = None
            self._flashes.clear()

    def _saw_dark(self, when: datetime, confidence: float) -> None:
        if self._dark is None:
            self._dark = _Sight("dark", when, when, confidence)
        else:
            self._dark.again(when, confidence)
        lasted = when - self._dark.first
        needed = self._patience.blink if self._state == "blinking" else self._patience.dark
        if self._state == "dark":
            self._agree(confidence)
        elif lasted >= needed:
            self._begin("dark", self._dark.first, self._dark.confidence)
            self._rival = None

    def _saw_lamp(self, when: datetime, state: LightState, confidence: float) -> None:
        self._note_flash(when, state)
        self._dark = None
        if state == self._state or (self._state == "blinking" and state == "amber"):
            self._rival = None
            self._agree(confidence)
            self._check_steady(when)
            return
        rival = self._rival
        expired = rival is not None and when - rival.last > self._patience.blink
        if rival is None or rival.state != state or expired:
            self._rival = _Sight(state, when, when, confidence)
            return
        rival.again(when, confidence)
        if when - rival.first >= self._patience.repeat:
            self._begin(state, rival.first, rival.confidence)
            self._rival = None

    def _note_flash(self, when: datetime, state: LightState) -> None:
        """Remember when amber came on out of the dark."""
        if state != "amber":
            self._flashes.clear()
            return
        came_on = self._dark is not None and when - self._dark.first >= _LEAST_DARK
        if not came_on:
            return
        if self._flashes and when - self._flashes[-1] > self._patience.blink:
            self._flashes.clear()
        self._flashes.append(when)
        if len(self._flashes) >= _BLINKS and self._state != "blinking":
            self._begin("blinking", self._flashes[0], self._spans[-1].confidence)

    def _check_steady(self, when: datetime) -> None:
        """Amber that no longer goes out has stopped to blink."""
        if self._state != "blinking":
            return
        if not self._flashes:  # another colour came between and was not believed
            self._flashes.append(when)
        elif when - self._flashes[-1] > self._patience.blink:
            self._begin("amber", self._flashes[-1], self._spans[-1].confidence)
            self._flashes.clear()

    def _agree(self, confidence: float) -> None:
        self._looks += 1
        self._total += confidence
        self._spans[-1] = replace(self._spans[-1], confidence=self._total / self._looks)

    def _begin(self, state: SpanState, since: datetime, confidence: float) -> None:
        """A new span, over whatever was believed from its beginning on."""
        while self._spans and self._spans[-1].since >= since:
            self._spans.pop()
        self._looks, self._total = 1, confidence
        if self._spans and self._spans[-1].state == state:
            return
        self._spans.append(LightSpan(since, state, confidence))

    def _forget(self, when: datetime) -> None:
        oldest = when - self._patience.keep
        while len(self._spans) > 1 and self._spans[1].since < oldest:
            del self._spans[0]
