"""Tracks on rendered streets: the shipped detector and tracker, beside simpler and better-fed ones.

A vehicle counts while enough of it is in view (shown for two shares) and it is 16 px or more
across; what is told of others counts for nothing. A path's gaps of up to a second are closed on a
straight line, as those who read paths (counts, violations) do.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from tests.bench.table import show
from tests.bench.vision.rendered import FPS, VEHICLES, Clip, clip, specs
from tests.support.mot import Accumulator, Rect, Scores, distances, read_mot15, scored, together

from ioc_edge import settings
from ioc_edge.backends import VEHICLES as FOLLOWED
from ioc_edge.backends import Detection, area, common_area, open_detectors
from ioc_edge.scene import FrameTruth
from ioc_edge.tracking import Limits, Tracker, iou

# Shares of a vehicle in view from which it counts: half hidden, and whole.
IN_VIEW = (0.5, 0.9)
LEAST_SIDE = 16.0
CLOSED = round(FPS)
# A guess on a vehicle that does not count is no false alarm.
ON_IT = 0.4
WITHIN = 0.7
# py-motmetrics 1.4.0 on the same file.
TUD_CAMPUS = 0.5576592082616179

Boxes = list[Detection]


class PlainTracker:
    """The baseline: each box goes to the track it overlaps most, for a second at most."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[Rect, float]] = {}
        self._frames: Counter[int] = Counter()
        self._next = 0

    def step(self, found: Sequence[Detection], at: float) -> dict[int, Rect]:
        """Boxes by track of this frame."""
        self._last = {i: one for i, one in self._last.items() if at - one[1] <= 1}
        now: dict[int, Rect] = {}
        for one in sorted((d for d in found if d.confidence >= 0.4), key=lambda d: -d.confidence):
            open_ = [i for i in self._last if i not in now]
            shares = [float(iou([self._last[i][0]], [one.box])[0, 0]) for i in open_]
            best = int(np.argmax(shares)) if shares else -1
            if best < 0 or shares[best] < 0.3:
                self._next += 1
                now[self._next] = one.box
            else:
                now[open_[best]] = one.box
        self._last |= {i: (box, at) for i, box in now.items()}
        self._frames.update(list(now))
        return now

    def told(self) -> set[int]:
        """Tracks that were seen twice."""
        return {track for track, frames in self._frames.items() if frames > 1}


class OurTracker:
    """The product's."""

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._told: set[int] = set()

    def step(self, found: Sequence[Detection], at: float) -> dict[int, Rect]:
        """Boxes by track of this frame."""
        self._tracker.step(found, at)
        tracks = self._tracker.tracks
        self._told |= {track.id for track in tracks if self._tracker.confirmed(track)}
        return {track.id: track.box for track in tracks if track.seen}

    def told(self) -> set[int]:
        """Tracks that were confirmed."""
        return self._told


def main() -> None:
    for dusk_rain in (False, True):
        clips = [clip(one) for view in ("junction", "plates")
                 for one in specs(view, dusk_rain=dusk_rain)[:2]]  # fmt: skip
        seen = [look(one) for one in clips]
        when = "at dusk in rain" if dusk_rain else "by day"
        for share in IN_VIEW:
            rows = [
                row
                for one, found in zip(clips, seen, strict=True)
                for row in compared(one, found, share)
            ]
            names = list(dict.fromkeys(name for name, _ in rows))
            every = {name: together(s for n, s in rows if n == name) for name in names}
            show(
                f"tracking {when}, {len(clips)} rendered clips, vehicles {share:.0%} in view (goal "
                "by day: IDF1 >= 0.95; ByteTrack on MOT17: 0.773)",
                ("", "IDF1", "IDP", "IDR", "MOTA", "switches", "vehicle boxes"),
                [line(name, scores) for name, scores in every.items()],
            )
    real()


def look(one: Clip) -> list[Boxes]:
    """What the shipped detector finds in each frame."""
    (detector,) = open_detectors(settings.BUILT_IN_DETECTOR, 1, 1)
    seen = (detector.detect([frame.image])[0] for frame, _ in one.frames())
    return [[found for found in boxes if found.label in FOLLOWED] for boxes in seen]


def line(name: str, scores: Scores) -> list[object]:
    """For the table."""
    shares = (scores.idf1, scores.idp, scores.idr, scores.mota)
    return [name, *(f"{share:.3f}" for share in shares), scores.switches, scores.objects]


def compared(one: Clip, found: Sequence[Boxes], share: float) -> Iterator[tuple[str, Scores]]:
    """Every way of following the same clip."""
    at = [truth.t_s for truth in one.truth]
    true = [
        [Detection(box, "car", 0.9) for box in counted(truth, share).values()]
        for truth in one.truth
    ]

    def score(guessed: Sequence[Mapping[int, Rect]]) -> Scores:
        return scores_of(one, guessed, share)

    yield "shipped detector, plain overlap", score(paths(found, at, PlainTracker()))
    yield "shipped detector, our tracker", score(paths(found, at, OurTracker()))
    yield "the same, gaps left open", score(paths(found, at, OurTracker(), closed=0))
    yield "the same boxes, joined by the truth", score(joined(one, found, share))
    yield "true boxes, plain overlap", score(paths(true, at, PlainTracker()))
    yield "true boxes, our tracker", score(paths(true, at, OurTracker()))


def paths(
    found: Sequence[Boxes],
    at: Sequence[float],
    tracker: PlainTracker | OurTracker,
    closed: int = CLOSED,
) -> list[dict[int, Rect]]:
    """Boxes by track for each frame, of the tracks that were told."""
    by_track: dict[int, dict[int, Rect]] = defaultdict(dict)
    for number, (boxes, moment) in enumerate(zip(found, at, strict=True)):
        for track, box in tracker.step(boxes, moment).items():
            by_track[track][number] = box
    frames: list[dict[int, Rect]] = [{} for _ in found]
    for track in tracker.told():
        for number, box in whole(by_track[track], closed).items():
            frames[number][track] = box
    return frames


def whole(path: Mapping[int, Rect], closed: int) -> dict[int, Rect]:
    """A path with its gaps of up to `closed` frames closed on a straight line."""
    full = dict(path)
    for before, after in pairwise(sorted(path)):
        if after - before <= closed:
            start, end = np.array(path[before]), np.array(path[after])
            for number in range(before + 1, after):
                between = start + (end - start) * (number - before) / (after - before)
                full[number] = tuple(between.tolist())
    return full


def counted(truth: FrameTruth, share: float) -> dict[int, Rect]:
    """The vehicles that count, by track."""
    return {
        box.track: box.xyxy
        for box in truth.boxes
        if box.label in VEHICLES and box.visible >= share and least_side(box.xyxy) >= LEAST_SIDE
    }


def least_side(box: Rect) -> float:
    return min(box[2] - box[0], box[3] - box[1])


def scores_of(one: Clip, guessed: Sequence[Mapping[int, Rect]], share: float) -> Scores:
    """Of a clip, guesses on what does not count left out."""
    accumulator = Accumulator()
    for truth, guesses in zip(one.truth, guessed, strict=True):
        objects = counted(truth, share)
        others = [
            box.xyxy for box in truth.boxes if box.label in VEHICLES and box.track not in objects
        ]
        kept = {
            track: box
            for track, box in guesses.items()
            if not excused(box, list(objects.values()), others)
        }
        accumulator.add(objects, kept)
    return accumulator.scores


def excused(box: Rect, objects: Sequence[Rect], others: Sequence[Rect]) -> bool:
    """Whether a guess lies on a vehicle that does not count, and on none that does."""
    if any(iou([box], [thing])[0, 0] >= 0.5 for thing in objects):
        return False
    return any(
        iou([box], [thing])[0, 0] >= ON_IT or common_area(box, thing) >= WITHIN * area(box)
        for thing in others
    )


def joined(one: Clip, found: Sequence[Boxes], share: float) -> list[dict[int, Rect]]:
    """What a tracker could do at best with these boxes: each under its vehicle's own id."""
    by_track: dict[int, dict[int, Rect]] = defaultdict(dict)
    ghosts = 1_000_000
    for number, (truth, boxes) in enumerate(zip(one.truth, found, strict=True)):
        sure = [box for box in boxes if box.confidence >= Limits().born]
        objects = counted(truth, share)
        far = distances(list(objects.values()), [box.box for box in sure], 0.5)
        rows, columns = linear_sum_assignment(np.where(np.isfinite(far), far, 9.0))
        taken = {int(j): i for i, j in zip(rows, columns, strict=True) if np.isfinite(far[i, j])}
        names = list(objects)
        for j, box in enumerate(sure):
            ghosts += 1
            by_track[names[taken[j]] if j in taken else ghosts][number] = box.box
    frames: list[dict[int, Rect]] = [{} for _ in found]
    for track, path in by_track.items():
        for number, box in whole(path, CLOSED).items():
            frames[number][track] = box
    return frames


def real() -> None:
    """The metric code against py-motmetrics on the pedestrians of TUD-Campus."""
    folder = Path(os.environ.get("IOC_REAL_DATA", ".")) / "mot" / "TUD-Campus"
    if not folder.is_dir():
        print("  TUD-Campus: IOC_REAL_DATA names no folder with mot/TUD-Campus")
        return
    found = scored(read_mot15(folder / "gt.txt", least=1), read_mot15(folder / "test.txt"))
    print(
        f"  TUD-Campus, IDF1 by our code {found.idf1:.12f}, by motmetrics {TUD_CAMPUS:.12f}, "
        f"difference {abs(found.idf1 - TUD_CAMPUS):.1e}"
    )


if __name__ == "__main__":
    main()
