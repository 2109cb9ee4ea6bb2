"""From frames to events: detect, follow, read the plate, keep the proof, count."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Final, Protocol

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
from ioc_edge.settings import CameraConfig
from ioc_edge.spool import Draft
from ioc_edge.tracking import Limits, Track, Tracker
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
# Small boxes move by more than their own size between two frames.
PLATE_LIMITS: Final = Limits(
    sure=0.4, born=LEAST_PLATE_CONFIDENCE, match_iou=0.05, rescue_iou=0.2, confirm_hits=1
)


class Keeper(Protocol):
    """Where proof goes; `EvidenceStore` is one."""

    def keep(self, role: str, image: Image) -> EvidenceRef | None:
        """Store a picture durably; None when there is no room."""
        ...


@dataclass(slots=True)
class Case:
    """What is known of one track's plate."""

    ballot: Ballot = field(default_factory=Ballot)
    opened_at: float = 0.0
    looks: int = 0
    best_score: float = 0.0
    best_box: Box = (0.0, 0.0, 0.0, 0.0)
    best_frame: Frame | None = None
    told: bool = False


class Pipeline:
    """One camera's frames in, drafts of events out. Called from one thread."""

    def __init__(
        self,
        camera: CameraConfig,
        detector: Detector,
        reader: Reader,
        keeper: Keeper,
        *,
        count_every_s: float = 60.0,
        clock: Callable[[], Clock] = lambda: Clock(synced=False),
    ) -> None:
        self.repeats = 0
        self._camera = camera
        self._detector = detector
        self._reader = reader
        self._keeper = keeper
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
        orphans = self._look_at_owned(frame, [d for d in detections if _is_plate(d)])
        self._orphans.step(orphans, at)
        for track in self._orphans.tracks:
            if track.seen:
                self._look(("plate", track.id), track, track.box, track.confidence, frame)
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
        if self._newest is not None:
            drafts += self._counted(self._newest)
        return drafts

    def _look_at_owned(self, frame: Frame, plates: Sequence[Detection]) -> list[Detection]:
        """Look at plates that a followed vehicle carries; returns those nobody carries."""
        orphans = []
        for plate in plates:
            owner = owner_of(plate.box, [track for track in self._vehicles.tracks if track.seen])
            if owner is None:
                orphans.append(plate)
            else:
                self._look(("vehicle", owner.id), owner, plate.box, plate.confidence, frame)
        return orphans

    def _look(
        self, key: tuple[str, int], track: Track, box: Box, confidence: float, frame: Frame
    ) -> None:
        """Read a plate if this look can add to what is known."""
        at = frame.seen_at.timestamp()
        case, _ = self._cases.setdefault(key, (Case(opened_at=at), track))
        if case.told or case.looks >= MOST_LOOKS:
            return
        crop = cut(frame.image, box, READ_MARGIN)
        score = shot_score(crop, confidence)
        better = score > case.best_score * BETTER_BY
        if case.looks >= FIRST_LOOKS and not better:
            return
        case.looks += 1
        if score > case.best_score:
            case.best_score, case.best_box, case.best_frame = score, box, frame
        reading = self._reader.read([crop])[0]
        if reading is not None:
            case.ballot.add(reading)

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
        plate = case.ballot.result()
        if plate is None or case.best_frame is None:
            return []
        case.told = True
        at = case.best_frame.seen_at.timestamp()
        if at - self._told.get(plate.text, -1e12) < SAME_SIGHTING_S:
            self.repeats += 1
            return []
        self._told = {text: t for text, t in self._told.items() if at - t < SAME_SIGHTING_S}
        self._told[plate.text] = at
        draft = self._plate_event(case, track, plate, case.best_frame)
        case.best_frame = None
        return [draft]

    def _plate_event(self, case: Case, track: Track, plate: PlateReading, frame: Frame) -> Draft:
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
            self._keeper.keep("plate", cut(frame.image, case.best_box, PROOF_MARGIN)),
            self._keeper.keep("scene", frame.image),
        )
        return self._draft(
            "plate",
            frame.seen_at,
            seen.model_dump(mode="json", exclude_none=True),
            evidence=tuple(ref for ref in proof if ref is not None),
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
    ) -> Draft:
        models: list[ModelRef | None] = [self._detector.model]
        if kind == "plate":
            models.append(self._reader.model)
        return Draft(
            kind=kind,
            seen_at=seen_at,
            data=data,
            camera=self._camera.id,
            clock=self._clock(),
            simulated=self._camera.simulated,
            location=self._camera.location,
            evidence=evidence,
            models=tuple(model for model in models if model is not None),
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
            self.beat_at = time.monotonic()
            for camera, pipeline in self._lines:
                frame = camera.newest()
                if frame is not None:
                    self._one(pipeline, frame)

    def _one(self, pipeline: Pipeline, frame: Frame) -> None:
        started = time.monotonic()
        self._hand_over(lambda: pipeline.step(frame))
        self.frames += 1
        self.beat_at = time.monotonic()
        self.busy_s += self.beat_at - started

    def _hand_over(self, work: Callable[[], Iterable[Draft]]) -> None:
        """One bad frame must not darken the other cameras."""
        try:
            for draft in work():
                self._sink(draft)
        except Exception:
            log.exception("frame_failed")


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
