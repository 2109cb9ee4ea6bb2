from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from ioc_edge.backends import Image
from ioc_edge.lights import LightReader, LightState, LightTimeline, head_crop
from ioc_models.events import ModelRef

MODEL = Path(__file__).parents[3] / "edge" / "models" / "lights" / "model.yaml"
NOON = datetime(2026, 3, 1, 5, tzinfo=timezone.utc)
FRAME_S = 0.08
GLASS = {"red": (50, 40, 235), "amber": (30, 180, 250), "green": (150, 230, 60)}


def on_and_off(state: LightState, half_s: float, times: int) -> list[tuple[float, LightState]]:
    return [(half_s, state), (half_s, "dark")] * times


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def shown(states: Iterable[tuple[float, LightState]], timeline: LightTimeline) -> float:
    """Feed each state for its seconds, a look every 80 ms; the time after the last look."""
    now = 0.0
    for seconds, state in states:
        for _ in range(round(seconds / FRAME_S)):
            timeline.see(at(now), state, 0.95)
            now += FRAME_S
    return now


def told(timeline: LightTimeline) -> list[tuple[float, str]]:
    return [(round((span.since - NOON).total_seconds(), 2), span.state) for span in timeline.spans]


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


def test_red_begins_at_the_first_look_that_saw_it() -> None:
    timeline = LightTimeline()
    shown([(2.0, "green"), (3.2, "amber"), (4.0, "red")], timeline)
    assert told(timeline) == [(0.0, "green"), (2.0, "amber"), (5.2, "red")]
    assert timeline.at(at(6)).state == "red"
    assert timeline.at(at(6)).since == at(5.2)
    assert timeline.at(at(5.1)).state == "amber"


def test_a_single_red_look_is_a_brake_lamp() -> None:
    timeline = LightTimeline()
    shown([(2.0, "green"), (FRAME_S, "red"), (2.0, "green")], timeline)
    assert told(timeline) == [(0.0, "green")]


def test_a_lamp_that_beats_with_the_shutter_stays_lit() -> None:
    timeline = LightTimeline()
    shown([(0.16, "red"), (0.16, "dark")] * 20, timeline)
    assert told(timeline) == [(0.0, "red")]


def test_a_light_that_goes_out_is_dark_from_when_it_went_out() -> None:
    timeline = LightTimeline()
    shown([(2.0, "green"), (2.0, "dark")], timeline)
    assert told(timeline) == [(0.0, "green"), (2.0, "dark")]


def test_a_green_that_flashes_at_its_end_is_green() -> None:
    timeline = LightTimeline()
    shown([(2.56, "green"), *on_and_off("green", 0.48, 3), (3.04, "amber")], timeline)
    assert [state for _, state in told(timeline)] == ["green", "amber"]


@pytest.mark.parametrize("half_s", [0.48, 0.96])
def test_amber_on_and_off_is_blinking_until_another_lamp_comes(half_s: float) -> None:
    timeline = LightTimeline()
    shown([*on_and_off("amber", half_s, 8), (2.0, "red")], timeline)
    states = [state for _, state in told(timeline)]
    assert states[-2:] == ["blinking", "red"]
    assert "dark" not in states[-2:]


def test_amber_that_stops_blinking_is_amber() -> None:
    timeline = LightTimeline()
    shown([*on_and_off("amber", 0.48, 5), (4.0, "amber")], timeline)
    assert timeline.spans[-1].state == "amber"


def test_behind_a_lorry_the_light_is_unknown() -> None:
    timeline = LightTimeline()
    shown([(2.0, "green"), (3.04, "unknown"), (2.0, "red")], timeline)
    assert told(timeline) == [(0.0, "green"), (2.0, "unknown"), (5.04, "red")]


def test_a_wiper_of_a_moment_changes_nothing() -> None:
    timeline = LightTimeline()
    shown([(2.0, "red"), (0.32, "unknown"), (2.0, "red")], timeline)
    assert told(timeline) == [(0.0, "red")]


def test_an_unsure_look_saw_nothing() -> None:
    timeline = LightTimeline()
    for step in range(20):
        timeline.see(at(step * FRAME_S), "red", 0.4)
    assert told(timeline) == [(0.0, "unknown")]


def test_a_camera_that_was_silent_saw_nothing() -> None:
    timeline = LightTimeline()
    end = shown([(2.0, "green")], timeline)
    for step in range(5):
        timeline.see(at(end + 20 + step * FRAME_S), "green")
    assert [state for _, state in told(timeline)] == ["green", "unknown", "green"]


def test_a_look_out_of_order_is_left_out() -> None:
    timeline = LightTimeline()
    end = shown([(2.0, "green")], timeline)
    timeline.see(at(1.0), "red")
    timeline.see(at(end - FRAME_S), "red")
    assert told(timeline) == [(0.0, "green")]


def test_before_the_first_look_nothing_is_known() -> None:
    assert LightTimeline().at(NOON).state == "unknown"


def test_old_spans_are_forgotten() -> None:
    timeline = LightTimeline()
    shown([(4.0, "green"), (4.0, "red")] * 100, timeline)
    kept = timeline.spans
    assert kept[1].since >= kept[-1].since - timedelta(minutes=10, seconds=10)
    assert len(kept) < 200


def test_a_spans_confidence_is_the_mean_of_its_looks() -> None:
    timeline = LightTimeline()
    for step, confidence in enumerate((0.7, 0.9, 0.8)):
        timeline.see(at(step * FRAME_S), "red", confidence)
    assert timeline.spans[-1].confidence == pytest.approx(0.8)
