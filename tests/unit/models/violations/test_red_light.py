"""A red light is run by who passes the line on red and goes on; by nobody else."""

from math import cos, pi, sin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.drive import NOON, Place, drive, junction, names, signal, straight

from ioc_models.violations import judge
from ioc_models.violations.contract import LightState, Path

SCENE = junction()
RED_AT_FIVE = signal((-20, "green"), (2, "yellow"), (5, "red"), until=30)


def test_over_the_line_on_red_and_on_is_told_with_its_clause() -> None:
    (found,) = judge(drive(SCENE, straight(9, 8.0), 9, start=5), SCENE, RED_AT_FIVE)

    assert found.rule == "red_light"
    assert found.clause.reference == "6.9.b"
    assert found.clause.fine_vnd == (18_000_000, 20_000_000)
    assert found.before_at < found.at < found.after_at
    # The front is a car's length before the rear that the camera sees.
    assert 7.3 < found.at - NOON < 7.6
    assert {wanted.role for wanted in found.evidence} == {
        "before", "event", "after", "overview", "plate", "clip",
    }  # fmt: skip


def test_a_motorbike_is_judged_by_article_seven() -> None:
    path = drive(SCENE, straight(8, 8.0, x=4.8), 9, start=5, label="motorbike")

    (found,) = judge(path, SCENE, RED_AT_FIVE)

    assert found.clause.reference == "7.7.c"


@settings(deadline=None, max_examples=40)
@given(speed=st.floats(3, 16), line_at=st.floats(-4, 4.9))
def test_a_rear_that_follows_its_front_over_the_line_is_no_crossing(
    speed: float, line_at: float
) -> None:
    """The front of a car is at least 3.4 m ahead: on yellow or green it passed."""
    late = line_at + 3.4 / speed
    path = drive(SCENE, straight(speed, late), 12, start=late - 5)

    assert "red_light" not in names(judge(path, SCENE, RED_AT_FIVE))


@settings(deadline=None, max_examples=40)
@given(speed=st.floats(4, 14), front_at=st.floats(5.8, 12))
def test_every_speed_over_the_line_on_red_is_told(speed: float, front_at: float) -> None:
    """Of the longest car, 5.4 m, 0.8 s after red: the grace and the fit's error are over."""
    line_at = front_at + 5.4 / speed
    path = drive(SCENE, straight(speed, line_at), 9, start=line_at - 4)

    assert "red_light" in names(judge(path, SCENE, RED_AT_FIVE))


def test_who_waits_for_green_is_left_alone() -> None:
    def where(t: float) -> Place:
        return 1.8, min(6.8, 8 * (t - 5)) if t < 20 else 6.8 + 4 * (t - 20)

    lights = signal((-20, "green"), (2, "yellow"), (5, "red"), (19, "green"), until=40)

    assert judge(drive(SCENE, where, 22, start=5), SCENE, lights) == []


def test_a_right_turn_that_the_light_leaves_free_is_not_told() -> None:
    def where(t: float) -> Place:
        gone = 5 * (t - 8)
        if gone < 0:
            return 5.0, 12.5 + gone
        angle = min(gone / 5, pi / 2)
        beyond = max(0.0, gone - 5 * pi / 2)
        return 5.0 + 5 * (1 - cos(angle)) + beyond, 12.5 + 5 * sin(angle)

    path = drive(SCENE, where, 9, start=5.5, label="motorbike")

    assert judge(path, SCENE, RED_AT_FIVE) == []


def test_a_straight_course_lost_where_it_could_still_turn_right_is_not_told() -> None:
    path = drive(SCENE, straight(6, 8.0, x=5.0), 3.4, start=5.5, label="motorbike")

    assert path.poses[-1].contact_m is not None
    assert 16 < path.poses[-1].contact_m[1] < 18
    assert judge(path, SCENE, RED_AT_FIVE) == []


def test_who_crossed_on_green_and_was_held_up_goes_on_unpunished() -> None:
    def where(t: float) -> Place:
        return 4.8, 13.5 if 1.5 < t < 12 else 13.5 + 6 * (t - 1.5) if t <= 1.5 else 13.5 + 5 * (
            t - 12
        )

    path = drive(SCENE, where, 18, label="motorbike")

    assert judge(path, SCENE, RED_AT_FIVE) == []


@pytest.mark.parametrize("label", ["ambulance", "fire_engine", "police"])
def test_a_vehicle_on_duty_is_not_accused(label: str) -> None:
    assert judge(drive(SCENE, straight(9, 8.0), 9, start=5, label=label), SCENE, RED_AT_FIVE) == []


def test_beacons_in_a_few_looks_are_the_reviewers_doubt() -> None:
    path = drive(SCENE, straight(9, 8.0), 9, start=5)
    flashing = Path(1, path.poses, path.labels, plate=path.plate, priority=0.2)

    (found,) = judge(flashing, SCENE, RED_AT_FIVE)

    assert found.doubts == ("priority_vehicle",)


def test_where_nobody_looked_for_beacons_the_reviewer_must() -> None:
    path = drive(SCENE, straight(9, 8.0), 9, start=5)
    looked = Path(1, path.poses, path.labels, plate=path.plate, priority=0.0)
    unseen = Path(1, path.poses, path.labels, plate=path.plate)

    assert judge(looked, SCENE, RED_AT_FIVE)[0].doubts == ()
    assert judge(unseen, SCENE, RED_AT_FIVE)[0].doubts == ("priority_vehicle",)


def test_yellow_taken_for_red_accuses_nobody() -> None:
    lights = signal((-20, "green"), (2, "red"), until=30)

    assert judge(drive(SCENE, straight(9, 5.3), 9, start=2), SCENE, lights) == []


@pytest.mark.parametrize("state", ["off", "unknown", "yellow", "green"])
def test_no_light_but_red_is_run(state: LightState) -> None:
    lights = signal((-20, "green"), (2, state), until=30)

    assert judge(drive(SCENE, straight(9, 8.0), 9, start=5), SCENE, lights) == []


def test_a_track_that_jumps_over_the_line_saw_no_crossing() -> None:
    """The tracker went from one who waits to one who crossed on green."""

    def where(t: float) -> Place:
        return (1.8, 5.5) if t < 9 else (1.8, 14.0 + 7 * (t - 9))

    assert judge(drive(SCENE, where, 8, start=6), SCENE, RED_AT_FIVE) == []


def test_an_unread_plate_is_said() -> None:
    (found,) = judge(drive(SCENE, straight(9, 8.0), 9, start=5, plate=None), SCENE, RED_AT_FIVE)

    assert found.plate is None
    assert "plate_unread" in found.doubts
