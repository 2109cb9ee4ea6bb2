from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from ioc_edge.backends import Box, Detection, Image
from ioc_edge.riders import Head, HelmetReader, head_square, rides
from ioc_edge.scene import SceneSpec, Script, render
from ioc_models.events import ModelRef

MODELS = Path(__file__).parents[3] / "edge" / "models" / "helmets"
BIKE: Box = (200.0, 200.0, 260.0, 320.0)
SIZE = (640, 480)
SIZE_RENDERED = (1280, 720)


class Finder:
    """A detector that finds what it is told, in the coordinates of each crop."""

    model: ModelRef | None = None

    def __init__(self, *answers: list[Detection]) -> None:
        self.answers = list(answers)
        self.shown: list[Image] = []

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        self.shown = list(frames)
        return self.answers[: len(frames)]


class Judge:
    """A classifier that always answers the same."""

    model: ModelRef | None = None

    def __init__(self, helmet: float, bare: float) -> None:
        self.answer = {"helmet": helmet, "no_helmet": bare, "unknown": 1 - helmet - bare}
        self.shown: list[Image] = []

    def classify(self, pictures: Sequence[Image]) -> list[dict[str, float]]:
        self.shown = list(pictures)
        return [self.answer for _ in pictures]


def street() -> Image:
    return np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)


def motorbike(box: Box = BIKE) -> Detection:
    return Detection(box, "motorbike", 0.9)


def test_without_a_person_heads_are_looked_for_above_the_motorbike() -> None:
    (ride,) = rides([motorbike()], SIZE)
    assert ride.view[1] < BIKE[1] - 0.4 * (BIKE[3] - BIKE[1])
    assert ride.view[3] == BIKE[3]


def test_a_person_on_the_motorbike_says_how_high_to_look() -> None:
    person = Detection((205.0, 150.0, 255.0, 290.0), "person", 0.8)
    (ride,) = rides([motorbike(), person], SIZE)
    assert 130 < ride.view[1] < 150


def test_a_person_beside_the_motorbike_does_not_ride_it() -> None:
    walker = Detection((275.0, 100.0, 315.0, 320.0), "person", 0.8)
    assert rides([motorbike(), walker], SIZE) == rides([motorbike()], SIZE)


def test_a_view_stays_inside_the_frame() -> None:
    (ride,) = rides([motorbike((0.0, 10.0, 60.0, 130.0))], SIZE)
    assert ride.view[:2] == (0.0, 0.0)


def test_only_motorbikes_are_ridden() -> None:
    assert rides([Detection(BIKE, "car", 0.9), Detection(BIKE, "bicycle", 0.9)], SIZE) == []


def test_a_found_head_comes_back_in_the_frames_pixels() -> None:
    (ride,) = rides([motorbike()], SIZE)
    left, top = (int(side) for side in ride.view[:2])
    found = Detection((220.0 - left, 170.0 - top, 240.0 - left, 194.0 - top), "no_helmet", 0.7)
    reader = HelmetReader(Finder([found]), Judge(0.1, 0.85))
    ((one,),) = reader.heads(street(), [ride])
    assert one.box == pytest.approx((220, 170, 240, 194))
    assert one.bare == pytest.approx(0.85)
    assert one.found == pytest.approx(0.7)
    assert one.answer(0.6) == "no_helmet"


def test_a_head_in_two_views_belongs_to_the_motorbike_below_it() -> None:
    other = (250.0, 205.0, 310.0, 325.0)
    riding = rides([motorbike(), motorbike(other)], SIZE)
    answers = []
    for ride in riding:
        left, top = (int(side) for side in ride.view[:2])
        answers.append(
            [Detection((218.0 - left, 170.0 - top, 242.0 - left, 194.0 - top), "helmet", 0.7)]
        )
    first, second = HelmetReader(Finder(*answers), Judge(0.9, 0.05)).heads(street(), riding)
    assert len(first) == 1
    assert second == []


def test_what_lies_at_the_wheels_is_no_riders_head() -> None:
    (ride,) = rides([motorbike()], SIZE)
    left, top = (int(side) for side in ride.view[:2])
    low = Detection((220.0 - left, 290.0 - top, 240.0 - left, 310.0 - top), "helmet", 0.9)
    assert HelmetReader(Finder([low]), Judge(0.9, 0.1)).heads(street(), [ride]) == [[]]


def found_as(judge: Judge, side: float = 24) -> list[Head]:
    """One head over the motorbike, judged so."""
    (ride,) = rides([motorbike()], SIZE)
    left, top = 220.0 - int(ride.view[0]), 170.0 - int(ride.view[1])
    finder = Finder([Detection((left, top, left + side, top + side), "no_helmet", 0.7)])
    (heads,) = HelmetReader(finder, judge).heads(street(), [ride])
    return heads


def test_what_the_judge_takes_for_no_head_is_not_counted() -> None:
    assert found_as(Judge(0.1, 0.3)) == []


def test_a_head_too_small_to_judge_is_there_and_nothing_is_believed_of_it() -> None:
    (one,) = found_as(Judge(0.05, 0.9), side=10)
    assert (one.helmet, one.bare, one.answer(0.6)) == (0.0, 0.0, "unknown")


def test_a_motorbike_of_a_few_pixels_is_not_looked_at() -> None:
    (ride,) = rides([motorbike((10.0, 30.0, 16.0, 38.0))], SIZE)
    finder = Finder()
    assert HelmetReader(finder, Judge(0.9, 0.1)).heads(street(), [ride]) == [[]]
    assert finder.shown == []


def test_no_motorbike_costs_nothing_and_finds_nothing() -> None:
    assert HelmetReader(Finder(), Judge(0.5, 0.5)).heads(street(), []) == []


@pytest.mark.parametrize("box", [(300, 200, 324, 224), (-10, -10, 14, 14), (630, 470, 660, 500)])
def test_a_heads_square_is_square_at_the_frames_edge_too(box: Box) -> None:
    crop = head_square(street(), box)
    assert crop.shape[0] == crop.shape[1] > 24


def test_a_heads_square_has_the_head_in_its_middle() -> None:
    frame = street()
    cv2.rectangle(frame, (300, 200), (323, 223), (0, 0, 255), -1)
    crop = head_square(frame, (300, 200, 324, 224))
    red = np.argwhere(crop[..., 2] == 255)
    assert red.mean(0) == pytest.approx(np.array(crop.shape[:2]) / 2, abs=1.5)


@pytest.fixture(scope="module")
def seen() -> dict[bool, list[Head]]:
    """Heads found on rendered motorbikes, by whether everybody there wears a helmet."""
    spec = SceneSpec(
        seed=11, fps=0.5, seconds=14, view="plates", density=2, tapered=False,
        script=Script(red_light=0, wrong_way=0, no_helmet=16, speeding=0),
    )  # fmt: skip
    reader = HelmetReader.open(MODELS)
    heads: dict[bool, list[Head]] = {True: [], False: []}
    for frame, truth in render(spec):
        ridden = [box for box in truth.boxes if box.label in {"motorbike", "person"}]
        bikes = [box for box in ridden if box.label == "motorbike"]
        riding = rides([Detection(box.xyxy, box.label, 1.0) for box in ridden], SIZE_RENDERED)
        for bike, found in zip(bikes, reader.heads(frame, riding), strict=True):
            people = [box for box in ridden if box.track == bike.track and box.label == "person"]
            near = bike.visible > 0.9 and bike.xyxy[3] - bike.xyxy[1] > 90
            # Which of two heads is the bare one is not told.
            if near and (bike.helmet or len(people) == 1):
                heads[bool(bike.helmet)] += found
    return heads


@pytest.mark.slow
def test_rendered_riders_with_helmets_are_not_accused(seen: dict[bool, list[Head]]) -> None:
    answers = [one.answer(0.6) for one in seen[True]]
    assert "helmet" in answers
    assert "no_helmet" not in answers


@pytest.mark.slow
def test_rendered_riders_without_helmets_are_seen_to_wear_none(
    seen: dict[bool, list[Head]],
) -> None:
    answers = [one.answer(0.6) for one in seen[False]]
    assert "no_helmet" in answers
    assert "helmet" not in answers
