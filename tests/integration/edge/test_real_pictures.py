"""Real Vietnamese plates and real traffic through the whole pipeline.

The pictures may not be shipped: IOC_REAL_DATA names the folder that holds them.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from tests.support.real import needed
from tests.unit.edge.parts import NOON

from ioc_edge.backends import Detection, Detector, Image, Reader, open_detectors, open_reader
from ioc_edge.capture import Frame
from ioc_edge.pipeline import READ_MARGIN, Pipeline, cut, read_frames
from ioc_edge.plates import Ballot
from ioc_edge.privacy import Sight
from ioc_edge.settings import BUILT_IN_DETECTOR, CameraConfig, built_in_reader
from ioc_models import plates
from ioc_models.events import EvidenceRef, MediaType, ModelRef

CAMERA = CameraConfig.model_validate(
    {"id": "cam-1", "title_vi": "x", "source": "x", "location": {"lon": 105.15, "lat": 9.18}}
)
# A still picture is shown as a short burst, as a camera would.
BURST = 3
MUST_READ = 0.70
VEHICLES_IN_SCENES = 5
# Half of the clip's 12.5 frames a second: what a busy box would take.
EVERY = 2
# Counted by eye: white, teal, red, white.
CARS_PAST = 4


@dataclass
class TrueBoxes:
    """Says what people marked; measures reading alone."""

    now: list[Detection] = field(default_factory=list)
    model: ModelRef | None = None

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        return [self.now for _ in frames]


class Nowhere:
    def keep(self, role: str, image: Image, sight: Sight | None = None) -> EvidenceRef | None:  # noqa: ARG002 a protocol
        return None

    def keep_uncovered(self, role: str, image: Image) -> EvidenceRef | None:  # noqa: ARG002 a protocol
        return None

    def keep_restricted(
        self,
        role: str,  # noqa: ARG002 a protocol
        content: bytes,  # noqa: ARG002
        media_type: MediaType,  # noqa: ARG002
    ) -> EvidenceRef | None:
        return None


@pytest.fixture(scope="module")
def real() -> Path:
    return needed()


@pytest.fixture(scope="module")
def reader() -> Reader:
    return open_reader(built_in_reader(), 1, second_opinion=True)


def marked(picture: dict[str, Any]) -> list[Detection]:
    boxes = [plate["bbox_xywh"] for plate in picture["plates"]]
    return [Detection((x, y, x + w, y + h), "plate", 0.9) for x, y, w, h in boxes]


def scenes(real: Path) -> Iterator[tuple[Image, dict[str, Any]]]:
    for labels in sorted((real / "vn_scenes").glob("*.json")):
        image = cv2.imread(str(labels.with_suffix(".jpg")))
        assert image is not None
        yield np.asarray(image, np.uint8), json.loads(labels.read_text())


def share_read(real: Path, detector: Detector, reader: Reader) -> float:
    right = readable = 0
    for image, picture in scenes(real):
        if isinstance(detector, TrueBoxes):
            detector.now = marked(picture)
        burst = [Frame(image, NOON + timedelta(seconds=0.1 * i)) for i in range(BURST)]
        drafts = read_frames(burst, Pipeline(CAMERA, detector, reader, Nowhere()))
        told = Counter(d.data["plate"]["text"] for d in drafts if d.kind == "plate")
        want = Counter(plates.normalise(p["text"]) for p in picture["plates"] if p["text"])
        right += (told & want).total()
        readable += want.total()
    return right / readable


def test_marked_plates_of_real_scenes_are_read(real: Path, reader: Reader) -> None:
    assert share_read(real, TrueBoxes(), reader) >= MUST_READ


def test_every_vehicle_of_the_real_scenes_is_read_right_after_voting(
    real: Path, reader: Reader
) -> None:
    votes: defaultdict[str, Ballot] = defaultdict(Ballot)
    for image, picture in scenes(real):
        for plate, box in zip(picture["plates"], marked(picture), strict=True):
            reading = reader.read([cut(image, box.box, READ_MARGIN)])[0]
            if plate["text"] and reading is not None:
                votes[plates.normalise(plate["text"])].add(reading, found=0.9, box=box.box)
    told = {true: ballot.result("motorbike") for true, ballot in votes.items()}
    assert {true: found and found.text for true, found in told.items()} == {t: t for t in told}
    assert len(told) == VEHICLES_IN_SCENES


def test_plates_of_real_scenes_are_found_and_read(real: Path, reader: Reader) -> None:
    (detector,) = open_detectors(BUILT_IN_DETECTOR, 1, 1)
    assert share_read(real, detector, reader) >= MUST_READ


@pytest.mark.parametrize("choice", ["motion", "trained"])
def test_real_traffic_is_followed_and_counted(choice: str, real: Path, reader: Reader) -> None:
    (detector,) = open_detectors("motion" if choice == "motion" else BUILT_IN_DETECTOR, 1, 1)
    pipeline = Pipeline(CAMERA, detector, reader, Nowhere())
    with av.open(str(real / "clips" / "car-detection.mp4")) as clip:
        frames = (
            Frame(
                np.asarray(picture.to_ndarray(format="bgr24"), np.uint8),
                NOON + timedelta(seconds=picture.time or 0.0),
            )
            for picture in islice(clip.decode(video=0), 0, None, EVERY)
        )
        drafts = read_frames(frames, pipeline)
    counted = sum(
        (Counter(d.data["counts"]) for d in drafts if d.kind == "traffic"), start=Counter()
    )
    assert CARS_PAST - 1 <= counted.total() <= 2 * CARS_PAST
