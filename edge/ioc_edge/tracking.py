"""Follows boxes from frame to frame: ByteTrack's two stages over a Kalman filter in seconds.

After Zhang et al. 2022 (ByteTrack). Motion is in seconds, not frames, because a busy box
skips frames; ADR 0003 has the comparison with supervision and norfair. A box moves but
keeps its size: one half hidden for a few frames looks like one that shrinks, and a size
with a speed of its own was then a line one pixel wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ioc_edge.backends import Detection, area, common_area

Matrix = NDArray[np.float64]
# All that motion alone can say; it may turn out to be anything.
UNNAMED: Final = "vehicle"
# Standard deviations as shares of the box's height, after SORT and ByteTrack, with
# the velocity's per second.
POSITION_NOISE: Final = 0.1
VELOCITY_NOISE: Final = 0.5
MEASURED_NOISE: Final = 0.1
NOISE: Final = np.repeat([POSITION_NOISE, VELOCITY_NOISE], [4, 2])


@dataclass(frozen=True, slots=True)
class Limits:
    """When boxes belong together, and how long a lost one is waited for."""

    sure: float = 0.5
    born: float = 0.5
    # Motion's confidence is no network's: it knows no kinds that it could be unsure of.
    born_unnamed: float = 0.4
    least: float = 0.1
    match_iou: float = 0.2
    rescue_iou: float = 0.2
    # Share of a new box inside a larger one of its kind from which it is a part of it.
    part: float = 0.7
    # What an overlap is worth where the name differs: a motorbike passes before a car.
    other_kind: float = 0.5
    # And where the track was seen once: it may be the ghost of an older one's box.
    young: float = 0.8
    lost_s: float = 1.0
    confirm_hits: int = 2
    # Glare on a wet road moves for less than a second; a vehicle that no model knows, longer.
    confirm_unnamed_s: float = 1.0


@dataclass(slots=True)
class Track:
    """One thing, followed. Times are seconds on the caller's clock."""

    id: int
    box: tuple[float, float, float, float]
    first_at: float
    last_at: float
    frames: int = 1
    confidence: float = 0.0
    seen: bool = True
    labels: dict[str, float] = field(default_factory=dict)
    first_box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    # Centre, size, and the centre's pixels a second.
    mean: Matrix = field(default_factory=lambda: np.zeros(6))
    spread: Matrix = field(default_factory=lambda: np.eye(6))

    @property
    def label(self) -> str:
        """What the detector most believed it to be, over all frames."""
        return max(self.labels, key=lambda name: self.labels[name])

    @property
    def moved(self) -> float:
        """Way from where it was first seen, in its own sizes."""
        now, then = _centred(self.box), _centred(self.first_box)
        size = max(float(np.hypot(*now[2:])), 1.0)
        return float(np.hypot(*(now - then)[:2])) / size


class Tracker:
    """Follows the boxes of one camera; classes compete for the label, not for the track."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.tracks: list[Track] = []
        self._next_id = 1
        self._at: float | None = None

    def step(self, detections: Sequence[Detection], at: float) -> list[Track]:
        """Take one frame's detections; returns the tracks that ended with it.

        Args:
            detections: Of one frame, any order.
            at: Seconds, not earlier than the frame before.
        """
        self._predict(at)
        sure = [d for d in detections if d.confidence >= self.limits.sure]
        faint = [d for d in detections if self.limits.least <= d.confidence < self.limits.sure]
        free, spare = self._match(self.tracks, sure, self.limits.match_iou, at)
        # A faint box can keep a track alive, never begin one: that is ByteTrack's gift.
        free, faint = self._match(
            [track for track in free if at - track.last_at < self.limits.lost_s],
            faint,
            self.limits.rescue_iou,
            at,
        )
        for track in self.tracks:
            track.seen = track.last_at == at
        # The largest first, or a half could come before its whole.
        for found in sorted([*spare, *faint], key=lambda one: -area(one.box)):
            if self._can_be_born(found) and not self._is_part(found):
                self.tracks.append(self._born(found, at))
        return self._bury(at)

    def finish(self) -> list[Track]:
        """End every track, as at the end of a file; returns the confirmed ones."""
        ended, self.tracks = self.tracks, []
        return [track for track in ended if self.confirmed(track)]

    def confirmed(self, track: Track) -> bool:
        """Whether it was seen often enough, and for long enough, to be more than a flicker."""
        lasted = track.last_at - track.first_at
        known = track.label != UNNAMED or lasted >= self.limits.confirm_unnamed_s
        return self._steady(track) and known

    def _steady(self, track: Track) -> bool:
        return track.frames >= self.limits.confirm_hits

    def _predict(self, at: float) -> None:
        gap = 0.0 if self._at is None else max(0.0, at - self._at)
        self._at = at
        move = np.eye(6)
        move[:2, 4:] = np.eye(2) * gap
        for track in self.tracks:
            drift = NOISE * max(track.mean[3], 1.0)
            track.mean = move @ track.mean
            track.mean[2:4] = np.maximum(track.mean[2:4], 1.0)
            track.spread = move @ track.spread @ move.T + np.diag(drift**2) * max(gap, 1e-3)
            track.box = _corners(track.mean)

    def _match(
        self, tracks: list[Track], detections: list[Detection], least: float, at: float
    ) -> tuple[list[Track], list[Detection]]:
        """Pair by overlap, update the pairs; returns what stayed alone on both sides."""
        if not tracks or not detections:
            return tracks, detections
        overlap = iou([track.box for track in tracks], [found.box for found in detections])
        overlap *= [[self._worth(track, found) for found in detections] for track in tracks]
        rows, columns = linear_sum_assignment(-overlap)
        pairs = [
            (row, column)
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
            if overlap[row, column] >= least
        ]
        for row, column in pairs:
            _update(tracks[row], detections[column], at)
        taken_tracks = {row for row, _ in pairs}
        taken = {column for _, column in pairs}
        return (
            [track for index, track in enumerate(tracks) if index not in taken_tracks],
            [found for index, found in enumerate(detections) if index not in taken],
        )

    def _worth(self, track: Track, found: Detection) -> float:
        """What an overlap of the two counts for, 0 to 1."""
        named = track.label == found.label or UNNAMED in {track.label, found.label}
        return (1.0 if named else self.limits.other_kind) * (
            1.0 if self._steady(track) else self.limits.young
        )

    def _can_be_born(self, found: Detection) -> bool:
        """Whether it is sure enough to begin a track."""
        unnamed = found.label == UNNAMED
        return found.confidence >= (self.limits.born_unnamed if unnamed else self.limits.born)

    def _is_part(self, found: Detection) -> bool:
        """Whether it lies within a larger one of its kind that was just seen: a half, no second."""
        size = area(found.box)
        return any(
            track.seen
            and track.label == found.label
            and size < area(track.box)
            and common_area(found.box, track.box) >= self.limits.part * size
            for track in self.tracks
        )

    def _born(self, detection: Detection, at: float) -> Track:
        mean = np.concatenate([_centred(detection.box), np.zeros(2)])
        noise = 2 * NOISE * max(mean[3], 1.0)
        track = Track(
            id=self._next_id,
            box=detection.box,
            first_at=at,
            last_at=at,
            confidence=detection.confidence,
            labels={detection.label: detection.confidence},
            first_box=detection.box,
            mean=mean,
            spread=np.diag(noise**2),
        )
        self._next_id += 1
        return track

    def _bury(self, at: float) -> list[Track]:
        """Give up on what was lost too long; a flicker dies at its first miss."""
        alive = []
        ended = []
        for track in self.tracks:
            lost_s = at - track.last_at
            if lost_s == 0 or (self._steady(track) and lost_s <= self.limits.lost_s):
                alive.append(track)
            elif self.confirmed(track):
                ended.append(track)
        self.tracks = alive
        return ended


def iou(
    ours: Sequence[tuple[float, float, float, float]],
    theirs: Sequence[tuple[float, float, float, float]],
) -> Matrix:
    """Overlap of every pair, (len(ours), len(theirs)), 0 to 1."""
    a, b = np.array(ours, np.float64)[:, None], np.array(theirs, np.float64)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    common = np.clip(sides, 0, None).prod(axis=2)
    whole = (a[..., 2:] - a[..., :2]).prod(axis=2) + (b[..., 2:] - b[..., :2]).prod(axis=2)
    overlap: Matrix = common / np.maximum(whole - common, 1e-9)
    return overlap


def _update(track: Track, detection: Detection, at: float) -> None:
    """Kalman's correction with the box that was seen."""
    noise = np.diag(np.full(4, (MEASURED_NOISE * max(track.mean[3], 1.0)) ** 2))
    gain = np.linalg.solve(track.spread[:4, :4] + noise, track.spread[:4]).T
    track.mean = track.mean + gain @ (_centred(detection.box) - track.mean[:4])
    track.spread = track.spread - gain @ track.spread[:4]
    track.box = detection.box
    track.last_at = at
    track.frames += 1
    track.confidence = max(track.confidence, detection.confidence)
    weight = track.labels.get(detection.label, 0.0)
    track.labels[detection.label] = weight + detection.confidence


def _centred(box: tuple[float, float, float, float]) -> Matrix:
    left, top, right, bottom = box
    return np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])


def _corners(mean: Matrix) -> tuple[float, float, float, float]:
    x, y, width, height = mean[:4].tolist()
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2
