"""From frames to events: detect, follow, read the plate, keep the proof, count."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Final

import cv2
import numpy as np
import structlog

from ioc_edge.backends import (
    PLATE,
    VEHICLES,
    Box,
    Detection,
    Detector,
    Image,
    Reader,
    area,
    common_area,
)
from ioc_edge.capture import Camera, Frame
from ioc_edge.plates import Ballot
from ioc_edge.privacy import Sight
from ioc_edge.settings import CameraConfig
from ioc_edge.spool import Draft
from ioc_edge.tracking import Limits, Track, Tracker
from ioc_edge.watch import Keeper, KnownOf, Violation, Watch
from ioc_models.events import (
    Clock,
    EvidenceRef,
    ModelRef,
    PlateReading,
    PlateSeen,
    TrackSpan,
    TrafficCount,
    Vehicle,
)

log = structlog.get_logger(__name__)

# Plates smaller than this cannot be read; wider or taller shapes are badges and grilles.
LEAST_PLATE_WIDTH: Final = 24
LEAST_PLATE_HEIGHT: Final = 12
PLATE_ASPECT: Final = (0.8, 7.0)
LEAST_PLATE_CONFIDENCE: Final = 0.25
# Share of a plate's area that must lie in a vehicle's box to be its plate.
INSIDE: Final = 0.8
READ_MARGIN: Final = 0.03
PROOF_MARGIN: Final = 0.2
FIRST_LOOKS: Final = 3
MOST_LOOKS: Final = 10
# A further look is worth its 30 ms only when the shot is clearly better.
BETTER_BY: Final = 1.15
# A parked vehicle's track never ends; its plate is told after this long.
TELL_AFTER_S: Final = 4.0
# The same plate at the same camera within this time is one sighting.
SAME_SIGHTING_S: Final = 30.0
# A parked vehicle that the detector loses and finds is not traffic.
LEAST_COUNTED_FRAMES: Final = 4
LEAST_COUNTED_WAY: Final = 0.5
# A plate without a vehicle that stays where it is, is a sign or the clock that the
# camera burns into its picture. It has this long to move, in its own sizes.
STILL_S: Final = 2.0
LEAST_PLATE_WAY: Final = 0.1
# A bad frame is logged; so many in a row are a lost GPU or a broken model.
MOST_FAILED: Final = 100
# Small boxes move by more than their own size between two frames.
PLATE_LIMITS: Final = Limits(
    sure=0.4, born=LEAST_PLATE_CONFIDENCE, match_iou=0.05, rescue_iou=0.2, confirm_hits=1
)


@dataclass(frozen=True, slots=True)
class Shot:
    """The frame in which a plate was caught best, and what else was in it."""

    frame: Frame
    plate: Box
    vehicle: Box | None
    seen: tuple[Detection, ...]


@dataclass(slots=True)
class Case:
    """What is known of one track's plate."""

    ballot: Ballot = field(default_factory=Ballot)
    opened_at: float = 0.0
    looks: int = 0
    best_score: float = 0.0
    best: Shot | None = None
    crop: Image | None = None
    reading: PlateReading | None = None
    told: bool = False


class Pipeline:
    """One camera's frames in, drafts of events out. Called from one thread."""

    def __init__(  # noqa: PLR0913 the parts of one camera
        self,
        camera: CameraConfig,
        detector: Detector,
        reader: Reader,
        keeper: Keeper,
        *,
        watch: Watch | None = None,
        count_every_s: float = 60.0,
        clock: Callable[[], Clock] = lambda: Clock(synced=False),
    ) -> None:
        self.repeats = 0
        self._camera = camera
        self._detector = detector
        self._reader = reader
        self._keeper = keeper
        self._watch = watch
        self._count_every_s = count_every_s
        self._clock = clock
        self._vehicles = Tracker()
        self._orphans = Tracker(PLATE_LIMITS)
        self._cases: dict[tuple[str, int], tuple[Case, Track]] = {}
        self._told: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._counted_frames = 0
        self._counting_since: datetime | None = None
        self._newest: datetime | None = None

    def step(self, frame: Frame) -> list[Draft]:
        """Take one frame; returns the events that it completes."""
        at = frame.seen_at.timestamp()
        drafts = self._count_if_due(frame.seen_at)
        detections = self._detector.detect([frame.image])[0]
        ended = self._vehicles.step([d for d in detections if d.label in VEHICLES], at)
        self._count(ended)
        owned, orphans = self._owners([d for d in detections if _is_plate(d)])
        self._orphans.step(orphans, at)
        for owner, plate in owned:
            shot = Shot(frame, plate.box, owner.box, tuple(detections))
            self._look(("vehicle", owner.id), owner, plate.confidence, shot)
        for track in self._orphans.tracks:
            if track.seen:
                shot = Shot(frame, track.box, None, tuple(detections))
                self._look(("plate", track.id), track, track.confidence, shot)
        if self._watch is not None:
            known = self._known({owner.id: plate.box for owner, plate in owned})
            violations = self._watch.step(frame, self._vehicles.tracks, detections, known)
            drafts += [self._violation_event(one) for one in violations]
        drafts += self._tell_settled(at)
        drafts += self._close_ended()
        self._counted_frames += 1
        self._newest = frame.seen_at
        return drafts

    def finish(self) -> list[Draft]:
        """End every track, as when the agent stops; returns what is still to be told."""
        self._count(self._vehicles.finish())
        self._orphans.finish()
        drafts = self._close_ended()
        if self._watch is not None:
            drafts += [self._violation_event(one) for one in self._watch.finish()]
        if self._newest is not None:
            drafts += self._counted(self._newest)
        return drafts

    def _owners(
        self, plates: Sequence[Detection]
    ) -> tuple[list[tuple[Track, Detection]], list[Detection]]:
        """Plates with the followed vehicle that carries each, and those nobody carries."""
        seen = [track for track in self._vehicles.tracks if track.seen]
        owned, orphans = [], []
        for plate in plates:
            owner = owner_of(plate.box, seen)
            if owner is None:
                orphans.append(plate)
            else:
                owned.append((owner, plate))
        return owned, orphans

    def _known(self, plates: Mapping[int, Box]) -> dict[int, KnownOf]:
        """What is known of each followed vehicle's plate, by track."""
        return {
            track: KnownOf(case.reading, plates.get(track), case.crop)
            for (kind, track), (case, _) in self._cases.items()
            if kind == "vehicle"
        }

    def _look(self, key: tuple[str, int], track: Track, confidence: float, shot: Shot) -> None:
        """Read a plate if this look can add to what is known."""
        at = shot.frame.seen_at.timestamp()
        case, _ = self._cases.setdefault(key, (Case(opened_at=at), track))
        if case.told or case.looks >= MOST_LOOKS:
            return
        crop = cut(shot.frame.image, shot.plate, READ_MARGIN)
        score = shot_score(crop, confidence)
        better = score > case.best_score * BETTER_BY
        if case.looks >= FIRST_LOOKS and not better:
            return
        case.looks += 1
        if score > case.best_score:
            case.best_score, case.best = score, shot
            case.crop = cut(shot.frame.image, shot.plate, PROOF_MARGIN)
        reading = self._reader.read([crop])[0]
        if reading is not None:
            case.ballot.add(reading, found=confidence, box=shot.plate)
            case.reading = case.ballot.result(track.label if track.label in VEHICLES else None)

    def _tell_settled(self, at: float) -> list[Draft]:
        """Events that need not wait for their track to end."""
        drafts = []
        for case, track in self._cases.values():
            waited = at - case.opened_at > TELL_AFTER_S and case.looks >= FIRST_LOOKS
            if case.told or (track.label == PLATE and track.moved < LEAST_PLATE_WAY):
                continue
            if waited or case.ballot.settled():
                drafts += self._tell(case, track)
        return drafts

    def _close_ended(self) -> list[Draft]:
        """Tell what is known of plates whose track is gone."""
        live = {("vehicle", track.id) for track in self._vehicles.tracks}
        live |= {("plate", track.id) for track in self._orphans.tracks}
        drafts = []
        for key in [key for key in self._cases if key not in live]:
            case, track = self._cases.pop(key)
            if not case.told and not is_fixture(track):
                drafts += self._tell(case, track)
        return drafts

    def _tell(self, case: Case, track: Track) -> list[Draft]:
        """The plate event of a track, unless nothing was read or it is a repeat."""
        plate = case.reading
        if plate is None or case.best is None:
            return []
        case.told = True
        at = case.best.frame.seen_at.timestamp()
        if at - self._told.get(plate.text, -1e12) < SAME_SIGHTING_S:
            self.repeats += 1
            return []
        self._told = {text: t for text, t in self._told.items() if at - t < SAME_SIGHTING_S}
        self._told[plate.text] = at
        draft = self._plate_event(case, track, plate, case.best)
        case.best = None
        return [draft]

    def _plate_event(self, case: Case, track: Track, plate: PlateReading, shot: Shot) -> Draft:
        vehicle = None
        if track.label in VEHICLES:
            vehicle = Vehicle(label=track.label, confidence=min(1.0, track.confidence))
        seen = PlateSeen(
            plate=plate,
            vehicle=vehicle,
            track=TrackSpan(
                id=track.id,
                first_seen_at=_utc(track.first_at),
                last_seen_at=_utc(track.last_at),
                frames=track.frames,
            ),
        )
        proof = (
            None if case.crop is None else self._keeper.keep("plate", case.crop),
            self._keeper.keep(
                "scene",
                shot.frame.image,
                Sight(vehicle=shot.vehicle, plates=(shot.plate,), seen=shot.seen),
            ),
        )
        return self._draft(
            "plate",
            shot.frame.seen_at,
            seen.model_dump(mode="json", exclude_none=True),
            evidence=tuple(ref for ref in proof if ref is not None),
            models=(self._reader.model,),
        )

    def _violation_event(self, violation: Violation) -> Draft:
        return self._draft(
            "violation",
            violation.seen.at,
            # Nulls too: a fine that is not known must be said to be so.
            violation.seen.model_dump(mode="json"),
            evidence=violation.evidence,
            models=(self._reader.model, *violation.models),
        )

    def _count(self, ended: Sequence[Track]) -> None:
        for track in ended:
            if track.frames >= LEAST_COUNTED_FRAMES and track.moved >= LEAST_COUNTED_WAY:
                self._counts[track.label] = self._counts.get(track.label, 0) + 1

    def _count_if_due(self, now: datetime) -> list[Draft]:
        if self._counting_since is None:
            self._counting_since = now
        if (now - self._counting_since).total_seconds() < self._count_every_s:
            return []
        return self._counted(now)

    def _counted(self, until: datetime) -> list[Draft]:
        """The traffic event of the window that ends now, which begins the next one."""
        since, self._counting_since = self._counting_since, until
        counts, self._counts = self._counts, {}
        frames, self._counted_frames = self._counted_frames, 0
        if since is None or not frames:
            return []
        traffic = TrafficCount(from_at=since, to_at=until, counts=counts, frames=frames)
        return [self._draft("traffic", until, traffic.model_dump(mode="json"))]

    def _draft(
        self,
        kind: str,
        seen_at: datetime,
        data: dict[str, object],
        evidence: tuple[EvidenceRef, ...] = (),
        models: tuple[ModelRef | None, ...] = (),
    ) -> Draft:
        return Draft(
            kind=kind,
            seen_at=seen_at,
            data=data,
            camera=self._camera.id,
            clock=self._clock(),
            simulated=self._camera.simulated,
            location=self._camera.location,
            evidence=evidence,
            models=tuple(model for model in (self._detector.model, *models) if model is not None),
        )


class Inference:
    """The one thread that runs the models, for all cameras of the box in turn."""

    def __init__(
        self,
        lines: Sequence[tuple[Camera, Pipeline]],
        sink: Callable[[Draft], object],
        arrived: threading.Event,
    ) -> None:
        self.frames = 0
        self.busy_s = 0.0
        self.beat_at = time.monotonic()
        self._failed_in_a_row = 0
        self._lines = lines
        self._sink = sink
        self._arrived = arrived
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)

    def start(self) -> None:
        """Begin to take frames."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the frame in hand, then tell what every camera still owes."""
        self._stopping.set()
        self._arrived.set()
        if self._thread.is_alive():
            self._thread.join()
        for _, pipeline in self._lines:
            self._hand_over(pipeline.finish)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._arrived.wait(1.0)
            self._arrived.clear()
            self._beat()
            for camera, pipeline in self._lines:
                frame = camera.newest()
                if frame is not None:
                    self._one(pipeline, frame)

    def _one(self, pipeline: Pipeline, frame: Frame) -> None:
        started = time.monotonic()
        self._failed_in_a_row = (
            0 if self._hand_over(lambda: pipeline.step(frame)) else self._failed_in_a_row + 1
        )
        self.frames += 1
        self._beat()
        self.busy_s += time.monotonic() - started

    def _beat(self) -> None:
        """Say that frames are seen; where none has been for long, a new start may help."""
        if self._failed_in_a_row < MOST_FAILED:
            self.beat_at = time.monotonic()

    def _hand_over(self, work: Callable[[], Iterable[Draft]]) -> bool:
        """One bad frame must not darken the other cameras; False when it was one."""
        try:
            for draft in work():
                self._sink(draft)
        except Exception:
            log.exception("frame_failed")
            return False
        return True


def read_frames(frames: Iterable[Frame], pipeline: Pipeline) -> list[Draft]:
    """All events of a finite run of frames, tracks ended at the last one."""
    drafts = [draft for frame in frames for draft in pipeline.step(frame)]
    return drafts + pipeline.finish()


def owner_of(plate: Box, vehicles: Sequence[Track]) -> Track | None:
    """The smallest vehicle whose box holds the plate: a bus behind a motorbike holds both."""
    holding = [track for track in vehicles if common_area(plate, track.box) >= INSIDE * area(plate)]
    return min(holding, key=lambda track: area(track.box), default=None)


def is_fixture(track: Track) -> bool:
    """Whether this plate hangs in the picture rather than on a vehicle."""
    lasted = track.last_at - track.first_at
    return track.label == PLATE and lasted > STILL_S and track.moved < LEAST_PLATE_WAY


def cut(image: Image, box: Box, margin: float) -> Image:
    """The box and a margin, as a share of its sides, from a picture; a copy, never empty."""
    height, width = image.shape[:2]
    dx, dy = (box[2] - box[0]) * margin, (box[3] - box[1]) * margin
    left = int(np.clip(round(box[0] - dx), 0, width - 1))
    top = int(np.clip(round(box[1] - dy), 0, height - 1))
    right = int(np.clip(round(box[2] + dx), left + 1, width))
    bottom = int(np.clip(round(box[3] + dy), top + 1, height))
    return image[top:bottom, left:right].copy()


def shot_score(crop: Image, confidence: float) -> float:
    """How well a plate was caught: sharpness x area x the detector's confidence."""
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    sharpness = float(cv2.Laplacian(grey, cv2.CV_64F).var())
    return (sharpness + 1.0) * float(crop.size) * confidence


def _is_plate(detection: Detection) -> bool:
    left, top, right, bottom = detection.box
    width, height = right - left, bottom - top
    return (
        detection.label == PLATE
        and detection.confidence >= LEAST_PLATE_CONFIDENCE
        and width >= LEAST_PLATE_WIDTH
        and height >= LEAST_PLATE_HEIGHT
        and PLATE_ASPECT[0] <= width / height <= PLATE_ASPECT[1]
    )


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
