from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from ioc_edge.backends import Image
from ioc_edge.lights import LightReader, head_crop
from ioc_models.events import ModelRef

MODEL = Path(__file__).parents[3] / "edge" / "models" / "lights" / "model.yaml"
NOON = datetime(2026, 3, 1, 5, tzinfo=timezone.utc)
FRAME_S = 0.08
GLASS = {"red": (50, 40, 235), "amber": (30, 180, 250), "green": (150, 230, 60)}


def signal(lit: str | None, *, lying: bool = False) -> Image:
    """A drawn signal head, 40 x 104, on grey; amber is in the middle."""
    picture = np.full((104, 40, 3), 96, np.uint8)
    cv2.rectangle(picture, (3, 3), (36, 100), (26, 26, 28), -1)
    for place, name in enumerate(("red", "amber", "green")):
        colour = GLASS[name] if name == lit else (48, 48, 50)
        cv2.circle(picture, (20, 20 + 32 * place), 12, colour, -1, cv2.LINE_AA)
    return np.ascontiguousarray(np.rot90(picture)) if lying else picture


def street(head: Image, left: int, top: int) -> tuple[Image, tuple[float, float, float, float]]:
    frame = np.full((360, 640, 3), (120, 124, 118), np.uint8)
    height, width = head.shape[:2]
    frame[top : top + height, left : left + width] = head
    return frame, (left, top, left + width, top + height)


class Parrot:
    """A classifier that says what it is told and keeps what it was shown."""

    model: ModelRef | None = None

    def __init__(self, *answers: dict[str, float]) -> None:
        self.answers = list(answers)
        self.shown: list[Image] = []

    def classify(self, pictures: Sequence[Image]) -> list[dict[str, float]]:
        self.shown = list(pictures)
        return self.answers[: len(pictures)]


@pytest.fixture(scope="module")
def reader() -> LightReader:
    return LightReader.open(MODEL)


@pytest.mark.parametrize("lit", ["red", "amber", "green"])
@pytest.mark.parametrize("lying", [False, True])
def test_a_lit_lamp_is_named_standing_or_lying(
    reader: LightReader, lit: str, *, lying: bool
) -> None:
    frame, region = street(signal(lit, lying=lying), 300, 120)
    (look,) = reader.states(frame, [region])
    assert look.state == lit
    assert look.confidence > 0.6


def test_a_head_without_a_lit_lamp_is_dark(reader: LightReader) -> None:
    frame, region = street(signal(None), 300, 120)
    (look,) = reader.states(frame, [region])
    assert look.state == "dark"


def test_a_lorrys_side_is_no_light(reader: LightReader) -> None:
    frame, region = street(signal("red"), 300, 120)
    cv2.rectangle(frame, (200, 60), (480, 300), (168, 120, 60), -1)
    (look,) = reader.states(frame, [region])
    assert look.state == "unknown" or look.confidence < 0.6


def test_two_regions_of_a_frame_are_answered_in_their_order(reader: LightReader) -> None:
    frame, first = street(signal("green"), 100, 50)
    other, second = street(signal("red"), 400, 200)
    frame[:, 320:] = other[:, 320:]
    assert [look.state for look in reader.states(frame, [first, second])] == ["green", "red"]


def test_a_region_outside_the_frame_is_unknown_and_is_not_shown_to_the_network() -> None:
    parrot = Parrot({"red": 0.9, "off": 0.1})
    frame = np.zeros((100, 100, 3), np.uint8)
    looks = LightReader(parrot).states(frame, [(500, 500, 540, 600), (10, 10, 40, 90)])
    assert [(look.state, look.confidence) for look in looks] == [("unknown", 0.0), ("red", 0.9)]
    assert len(parrot.shown) == 1


def test_the_models_off_is_our_dark() -> None:
    frame, region = street(signal(None), 10, 10)
    (look,) = LightReader(Parrot({"red": 0.1, "off": 0.8, "unknown": 0.1})).states(frame, [region])
    assert look.state == "dark"


def test_a_head_of_a_few_pixels_shows_nothing() -> None:
    assert head_crop(np.zeros((100, 100, 3), np.uint8), (10, 10, 12, 15)) is None
