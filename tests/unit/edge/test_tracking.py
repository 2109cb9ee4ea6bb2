"""The tracker keeps one id for one thing, whatever the frame rate does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc_edge.backends import Detection
from ioc_edge.tracking import Tracker, iou


def car(x: float, confidence: float = 0.9, label: str = "car", y: float = 100) -> Detection:
    return Detection((x, y, x + 80, y + 60), label, confidence)


def test_a_moving_thing_keeps_its_id() -> None:
    tracker = Tracker()
    for step in range(20):
        tracker.step([car(10 + 15 * step)], step * 0.1)
    assert [track.id for track in tracker.tracks] == [1]
    assert tracker.tracks[0].frames == 20


def test_skipped_frames_do_not_split_a_track() -> None:
    tracker = Tracker()
    for at in (0.0, 0.1, 0.2, 0.3, 0.4, 0.9, 1.0, 1.1):
        tracker.step([car(10 + 150 * at)], at)
    assert [track.id for track in tracker.tracks] == [1]


def test_a_faint_box_keeps_a_track_alive_and_begins_none() -> None:
    tracker = Tracker()
    for step in range(3):
        tracker.step([car(10), car(300, 0.3)], step * 0.1)
    for step in range(3, 30):
        tracker.step([car(10, 0.3)], step * 0.1)
    assert [track.id for track in tracker.tracks] == [1]


def test_two_things_that_pass_each_other_keep_their_ids() -> None:
    tracker = Tracker()
    for step in range(21):
        tracker.step([car(20 * step), car(400 - 20 * step, y=140)], step * 0.1)
    by_id = {track.id: track.box[0] for track in tracker.tracks}
    assert by_id == {1: 400.0, 2: 0.0}


def test_a_box_half_hidden_for_a_while_is_still_where_it_goes() -> None:
    tracker = Tracker()
    for step in range(10):
        tracker.step([car(10 + 20 * step)], step * 0.1)
    for step in range(10, 14):
        left, top, right, bottom = car(10 + 20 * step).box
        tracker.step([Detection((left, top, right - 40, bottom), "car", 0.9)], step * 0.1)
    tracker.step([], 1.5)
    tracker.step([car(330)], 1.6)
    assert [track.id for track in tracker.tracks] == [1]
    assert tracker.tracks[0].box == car(330).box


def test_a_part_of_a_thing_is_no_second_thing() -> None:
    tracker = Tracker()
    for step in range(6):
        left, top, _, bottom = car(10 + 10 * step).box
        half = Detection((left, top, left + 35, bottom), "car", 0.8)
        tracker.step([car(10 + 10 * step), half], step * 0.1)
    assert len(tracker.tracks) == 1


def test_a_motorbike_before_a_car_is_a_thing_of_its_own() -> None:
    tracker = Tracker()
    for step in range(6):
        before = Detection((30, 110, 60, 150), "motorbike", 0.8)
        tracker.step([car(10), before], step * 0.1)
    assert sorted(track.label for track in tracker.tracks) == ["car", "motorbike"]


def test_a_motorbike_that_passes_before_a_car_does_not_take_its_id() -> None:
    tracker = Tracker()
    for step in range(12):
        bike = Detection((20 * step, 100, 20 * step + 80, 160), "motorbike", 0.9)
        tracker.step([bike, car(120)] if step not in {5, 6} else [bike], step * 0.1)
    by_label = {track.label: track for track in tracker.tracks}
    assert {label: track.id for label, track in by_label.items()} == {"motorbike": 1, "car": 2}
    assert set(by_label["car"].labels) == {"car"}


def test_what_motion_found_may_turn_out_to_be_anything() -> None:
    tracker = Tracker()
    for step in range(6):
        tracker.step([car(10, 0.45, "vehicle" if step < 3 else "bus")], step * 0.1)
    assert [track.id for track in tracker.tracks] == [1]


@pytest.mark.parametrize(("frames", "told"), [(8, 0), (14, 1)])
def test_what_motion_alone_sees_must_last_to_be_a_vehicle(frames: int, told: int) -> None:
    tracker = Tracker()
    for step in range(frames):
        tracker.step([car(10 + 10 * step, 0.45, "vehicle")], step * 0.1)
    assert len(tracker.finish()) == told


def test_a_flicker_is_no_track() -> None:
    tracker = Tracker()
    tracker.step([car(10)], 0.0)
    assert tracker.step([], 0.1) == []
    assert tracker.finish() == []


def test_a_thing_that_leaves_ends_once_after_the_wait() -> None:
    tracker = Tracker()
    for step in range(5):
        tracker.step([car(10)], step * 0.1)
    ended = [track.id for step in range(5, 40) for track in tracker.step([], step * 0.1)]
    assert ended == [1]


def test_the_label_is_what_was_most_believed() -> None:
    tracker = Tracker()
    for step, label in enumerate(["truck", "car", "car"]):
        tracker.step([car(10, label=label)], step * 0.1)
    assert tracker.tracks[0].label == "car"


coordinate = st.floats(0, 1000)
boxes = st.tuples(coordinate, coordinate, st.floats(1, 300), st.floats(1, 300)).map(
    lambda found: (found[0], found[1], found[0] + found[2], found[1] + found[3])
)


@settings(max_examples=50, deadline=None)
@given(st.lists(boxes, min_size=1, max_size=5), st.lists(boxes, min_size=1, max_size=5))
def test_overlap_is_a_symmetric_share(
    ours: list[tuple[float, float, float, float]], theirs: list[tuple[float, float, float, float]]
) -> None:
    overlap = iou(ours, theirs)
    assert ((overlap >= 0) & (overlap <= 1 + 1e-9)).all()
    assert np.allclose(overlap, iou(theirs, ours).T)
    assert np.allclose(np.diag(iou(ours, ours)), 1)
