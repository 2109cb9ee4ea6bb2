"""Frames to events, with a detector and a reader that say what the test tells them."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
from tests.unit.edge.parts import NOON

from ioc_edge.backends import Detection, Image, Reading
from ioc_edge.capture import Frame
from ioc_edge.pipeline import MOST_FAILED, Inference, Pipeline, cut, read_frames
from ioc_edge.privacy import Sight
from ioc_edge.settings import CameraConfig
from ioc_edge.spool import Draft
from ioc_models.events import EvidenceRef, MediaType, ModelRef, PlateSeen, TrafficCount

CAMERA = CameraConfig.model_validate(
    {
        "id": "cam-1",
        "title_vi": "Ngã tư",
        "source": "x.mp4",
        "location": {"lon": 105.15, "lat": 9.18},
        "simulated": True,
    }
)
CAR = Detection((100, 100, 400, 300), "car", 0.9)
PLATE = Detection((200, 240, 300, 270), "plate", 0.8)


@dataclass
class Script:
    """A detector and reader: what each frame shows, what each look reads."""

    frames: list[list[Detection]]
    text: str = "69A12345"
    confidence: float = 0.95
    looks: int = 0
    model: ModelRef | None = None

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        return [self.frames.pop(0) for _ in frames]

    def read(self, crops: Sequence[Image]) -> list[Reading | None]:
        self.looks += len(crops)
        characters = tuple(self.confidence for _ in self.text)
        margin = 0.9 if self.confidence > 0.8 else 0.2
        return [
            Reading(self.text, self.text, self.confidence, characters, 1, "69A12845", margin)
            for _ in crops
        ]


@dataclass
class Shelf:
    kept: list[tuple[str, Image]] = field(default_factory=list)
    clips: list[tuple[str, bytes]] = field(default_factory=list)

    def keep(self, role: str, image: Image, sight: Sight | None = None) -> EvidenceRef:  # noqa: ARG002 a protocol
        self.kept.append((role, image))
        return EvidenceRef(
            role=role, sha256=f"{len(self.kept):064x}", bytes=1, media_type="image/jpeg"
        )

    def keep_uncovered(self, role: str, image: Image) -> EvidenceRef | None:  # noqa: ARG002 a protocol
        return None

    def keep_restricted(
        self, role: str, content: bytes, media_type: MediaType
    ) -> EvidenceRef | None:
        self.clips.append((role, content))
        return EvidenceRef(
            role=role, sha256=f"{len(content):064x}", bytes=len(content), media_type=media_type
        )


def pictures(count: int, gap_s: float = 0.1) -> list[Frame]:
    image = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    return [Frame(image, NOON + timedelta(seconds=gap_s * index)) for index in range(count)]


def play(script: Script, count: int, shelf: Shelf | None = None, gap_s: float = 0.1) -> list[Draft]:
    pipeline = Pipeline(CAMERA, script, script, shelf or Shelf(), count_every_s=60)
    return read_frames(pictures(count, gap_s), pipeline)


def plates_of(drafts: list[Draft]) -> list[PlateSeen]:
    return [PlateSeen.model_validate(draft.data) for draft in drafts if draft.kind == "plate"]


def counts_of(drafts: list[Draft]) -> list[dict[str, int]]:
    return [TrafficCount.model_validate(d.data).counts for d in drafts if d.kind == "traffic"]


def test_one_vehicle_is_one_plate_event_with_proof() -> None:
    shelf = Shelf()
    drafts = play(Script([[CAR, PLATE]] * 20), 20, shelf)
    (seen,) = plates_of(drafts)
    assert seen.plate.text == "69A12345"
    assert seen.vehicle is not None
    assert seen.vehicle.label == "car"
    draft = next(draft for draft in drafts if draft.kind == "plate")
    assert [ref.role for ref in draft.evidence] == ["plate", "scene"]
    assert draft.simulated
    assert draft.location == CAMERA.location
    assert shelf.kept[1][1].shape == (480, 640, 3)


def test_a_sure_reading_is_told_while_the_vehicle_is_in_view() -> None:
    script = Script([[CAR, PLATE]] * 10)
    pipeline = Pipeline(CAMERA, script, script, Shelf())
    told = [len(plates_of(pipeline.step(frame))) for frame in pictures(10)]
    assert told == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]


def test_a_told_plate_costs_no_further_looks() -> None:
    script = Script([[CAR, PLATE]] * 30)
    play(script, 30)
    assert script.looks == 3


def test_a_plate_that_no_vehicle_carries_is_followed_by_itself() -> None:
    (seen,) = plates_of(play(Script([[PLATE]] * 5), 5))
    assert seen.vehicle is None
    assert seen.track is not None


def test_a_text_that_hangs_in_the_picture_is_no_plate() -> None:
    script = Script([[PLATE]] * 60)
    assert plates_of(play(script, 60)) == []


def test_a_parked_vehicle_found_again_is_not_traffic() -> None:
    assert counts_of(play(Script([[CAR]] * 20), 20)) == [{}]


def test_the_smallest_vehicle_around_a_plate_is_its_owner() -> None:
    bus = Detection((0, 0, 640, 480), "bus", 0.9)
    (seen,) = plates_of(play(Script([[bus, CAR, PLATE]] * 5), 5))
    assert seen.vehicle is not None
    assert seen.vehicle.label == "car"


def test_a_single_still_picture_gives_its_plates() -> None:
    assert len(plates_of(play(Script([[CAR, PLATE]]), 1))) == 1


def test_the_same_plate_lost_and_found_is_one_sighting() -> None:
    script = Script([[PLATE]] * 4 + [[]] * 20 + [[PLATE]] * 4)
    assert len(plates_of(play(script, 28))) == 1


def test_the_same_plate_after_a_minute_is_another_sighting() -> None:
    script = Script([[PLATE]] * 2 + [[]] * 60 + [[PLATE]] * 2)
    assert len(plates_of(play(script, 64, gap_s=0.9))) == 2


def test_badges_and_specks_are_not_read() -> None:
    shapes = [
        Detection((200, 240, 215, 247), "plate", 0.9),
        Detection((200, 100, 230, 250), "plate", 0.9),
        Detection((200, 240, 300, 270), "plate", 0.1),
    ]
    script = Script([shapes] * 5)
    assert plates_of(play(script, 5)) == []
    assert script.looks == 0


def test_a_doubtful_plate_is_told_once_its_vehicle_is_gone() -> None:
    script = Script([[CAR, PLATE]] * 5 + [[]] * 15, confidence=0.6)
    pipeline = Pipeline(CAMERA, script, script, Shelf())
    at = [i for i, frame in enumerate(pictures(20)) if plates_of(pipeline.step(frame))]
    assert len(at) == 1
    assert at[0] > 5


def test_a_doubtful_plate_of_a_parked_vehicle_is_told_without_an_end() -> None:
    script = Script([[CAR, PLATE]] * 60, confidence=0.6)
    pipeline = Pipeline(CAMERA, script, script, Shelf())
    told = sum(len(plates_of(pipeline.step(frame))) for frame in pictures(60))
    assert told == 1


def test_vehicles_are_counted_when_their_tracks_end_and_at_the_stop() -> None:
    ride = [Detection((x, 300, x + 70, 400), "motorbike", 0.8) for x in range(100, 500)]
    drive = [Detection((x, 100, x + 200, 250), "car", 0.9) for x in range(100, 400, 10)]
    script = Script([[d] for d in drive] + [[]] * 550 + [[one] for one in ride[:125]])
    drafts = play(script, 705)
    assert counts_of(drafts) == [{"car": 1}, {"motorbike": 1}]


def test_no_frames_no_events() -> None:
    assert play(Script([]), 0) == []


def test_a_cut_beyond_the_edge_stays_inside_the_picture() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    assert cut(image, (90, 90, 130, 130), 0.5).shape == (30, 30, 3)
    assert cut(image, (200, 200, 210, 210), 0).size > 0


class Blind:
    """A camera that always has a frame."""

    def newest(self) -> Frame:
        return pictures(1)[0]


class Broken:
    """A pipeline whose GPU is gone."""

    failing = True

    def step(self, _frame: Frame) -> list[Draft]:
        if self.failing:
            raise RuntimeError("CUDA error 700")
        return []


def test_the_heartbeat_stops_when_every_frame_fails_and_comes_back_with_one_that_does_not() -> None:
    camera: Any = Blind()
    broken: Any = Broken()
    inference = Inference([(camera, broken)], lambda _: None, threading.Event())
    for _ in range(MOST_FAILED - 1):
        inference._one(broken, pictures(1)[0])
    alive = inference.beat_at
    assert alive > 0
    inference._one(broken, pictures(1)[0])
    silent = inference.beat_at
    inference._beat()
    assert inference.beat_at == silent
    broken.failing = False
    inference._one(broken, pictures(1)[0])
    assert inference.beat_at > silent
