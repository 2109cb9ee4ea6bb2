"""Marks that cannot carry a road are refused with their reason; good ones become a scene."""

import random
from typing import Any

import pytest
from tests.unit.models.test_homography import camera

from ioc_models import plane
from ioc_models.calibration import Draft, Mark, Outcome, calibrate, east_north
from ioc_models.geo import Point
from ioc_models.plane import XY

SEEN_FROM = camera(8.0, 0.3, 0.05, 1.2)
MARKS: list[XY] = [(-5, 12), (5, 12), (-6, 34), (6, 32), (0, 22), (3, 28)]
LANE: list[XY] = [(-3.5, 11), (0, 11), (0, 33), (-3.5, 33)]


def px(at: XY) -> XY:
    return plane.mapped(SEEN_FROM, at)


def draft(marks: list[Any] | None = None, **changes: Any) -> Draft:
    body: dict[str, Any] = {
        "camera": "cam-1",
        "image": {"width": 1920, "height": 1080},
        "points": [{"px": px(at), "m": at} for at in MARKS] if marks is None else marks,
        "lanes": [
            {
                "id": "in",
                "polygon_px": [px(at) for at in LANE],
                "arrow_px": [px((-2, 13)), px((-2, 30))],
            }
        ],
        "stop_lines": [{"id": "stop", "ends_px": [px((-3.6, 14)), px((0.1, 14))], "lanes": ["in"]}],
        "lights": [{"id": "light", "box_px": [900, 60, 920, 110], "lanes": ["in"]}],
        "zones": [
            {
                "id": "kerb",
                "polygon_px": [px(at) for at in [(1, 15), (3, 15), (3, 25), (1, 25)]],
                "max_seconds": 60,
            }
        ],
    }
    return Draft.model_validate(body | changes)


def codes(outcome: Outcome) -> list[str]:
    return [fault.code for fault in outcome.faults]


def marked(*places: tuple[XY, XY]) -> list[dict[str, Any]]:
    return [{"px": at, "m": m} for at, m in places]


def test_good_marks_give_a_scene_that_lies_on_the_road() -> None:
    outcome = calibrate(draft())
    assert outcome.faults == ()
    assert outcome.scene is not None
    assert outcome.residual_m == pytest.approx(0, abs=1e-6)
    assert outcome.scene.on_ground(px((2.0, 20.0))) == pytest.approx((2.0, 20.0), abs=1e-6)
    assert outcome.scene.lanes[0].direction_m == pytest.approx((0.0, 1.0), abs=1e-3)


def test_what_was_marked_wrongly_is_left_out_and_named() -> None:
    marks = [{"px": px(at), "m": at} for at in MARKS]
    marks[2]["m"] = (-6, 37)
    outcome = calibrate(draft(marks))
    assert outcome.scene is not None
    assert [mark.used for mark in outcome.marks] == [True, True, False, True, True, True]
    assert outcome.notes[0].code == "unused"
    assert "3" in outcome.notes[0].vi


def test_an_error_is_told_for_each_mark_that_is_left_out() -> None:
    outcome = calibrate(draft())
    assert all(mark.left_out_m is not None and mark.left_out_m < 1e-5 for mark in outcome.marks)
    assert outcome.left_out_m is not None


def test_marks_that_do_not_hold_each_other_up_are_said_to_be_weak() -> None:
    near: list[XY] = [(-5, 12), (5, 12), (-4, 13.5), (4, 13.4), (0, 34)]
    marks = [{"px": (px(at)[0] + 15, px(at)[1]), "m": at} for at in near[:1]]
    marks += [{"px": px(at), "m": at} for at in near[1:]]
    outcome = calibrate(draft(marks))
    assert "weak" in [note.code for note in outcome.notes]


def test_four_marks_are_said_to_be_unchecked() -> None:
    outcome = calibrate(draft([{"px": px(at), "m": at} for at in MARKS[:4]]))
    assert outcome.scene is not None
    assert outcome.left_out_m is None
    assert "unchecked" in [note.code for note in outcome.notes]


@pytest.mark.parametrize(
    ("marks", "code"),
    [
        ([], "few_marks"),
        ([{"px": px(at), "m": at} for at in MARKS[:3]], "few_marks"),
        ([{"px": px(at), "m": at} for at in (*MARKS[:3], MARKS[0])], "repeated"),
        (marked(*((px(at), at) for at in MARKS[:3]), ((2000, 500), (6, 32))), "outside"),
        (marked(*((px((0, y)), (0.0, y)) for y in (12, 18, 24, 30))), "collinear"),
        (marked(*((px(at), at) for at in [(-4, 12), (0, 12), (4, 12), (0, 30)])), "collinear"),
        (marked(*((px(at), (-at[0], at[1])) for at in MARKS)), "mirrored"),
        (
            marked((px(MARKS[0]), MARKS[1]), (px(MARKS[1]), MARKS[0]),
                   (px(MARKS[2]), MARKS[2]), (px(MARKS[3]), MARKS[3])),
            "crossed",
        ),
        (marked(*((px((x, y)), (x, y)) for x, y in [(0, 30), (1, 30), (0, 31), (1, 31)])), "small"),
        (
            [{"px": px(MARKS[0]), "at": {"lon": 105.1, "lat": 9.1}},
             *({"px": px(at), "m": at} for at in MARKS[1:])],
            "mixed",
        ),
    ],
)  # fmt: skip
def test_marks_that_cannot_carry_a_road_are_refused(marks: list[Any], code: str) -> None:
    outcome = calibrate(draft(marks))
    assert code in codes(outcome)
    assert outcome.scene is None


def test_a_residual_that_is_too_large_is_refused_and_its_mark_named() -> None:
    noise = random.Random(4)
    marks = [
        {"px": px(at), "m": (at[0] + noise.uniform(-0.9, 0.9), at[1] + noise.uniform(-0.9, 0.9))}
        for at in [*MARKS, (-2, 16), (4, 20), (-4, 26), (1, 31)]
    ]
    outcome = calibrate(draft(marks))
    assert outcome.scene is None or not all(mark.used for mark in outcome.marks)


def test_a_lane_above_the_horizon_is_refused() -> None:
    lane = {"id": "in", "polygon_px": [(800, 900), (1000, 900), (960, 2)], "direction_m": (0, 1)}
    outcome = calibrate(draft(lanes=[lane], stop_lines=[], lights=[], zones=[]))
    assert codes(outcome) == ["horizon"]
    assert outcome.grid


def test_a_lane_far_beyond_the_marks_is_said_to_be_extrapolated() -> None:
    far = [px(at) for at in [(-3.5, 11), (0, 11), (0, 70), (-3.5, 70)]]
    lane = {"id": "in", "polygon_px": far, "direction_m": (0, 1)}
    outcome = calibrate(draft(lanes=[lane], stop_lines=[], lights=[], zones=[]))
    assert "extrapolated" in [note.code for note in outcome.notes]


def test_without_a_lane_the_fit_is_shown_and_no_scene_is_made() -> None:
    outcome = calibrate(draft(lanes=[], stop_lines=[], lights=[], zones=[]))
    assert codes(outcome) == ["no_lanes"]
    assert outcome.grid
    assert outcome.residual_m is not None


def test_a_stop_line_along_its_lane_is_refused_in_words() -> None:
    line = {"id": "stop", "ends_px": [px((-2, 13)), px((-2, 20))], "lanes": ["in"]}
    outcome = calibrate(draft(stop_lines=[line]))
    assert codes(outcome) == ["scene"]
    assert outcome.faults[0].vi.startswith("Cảnh chưa hợp lệ")


def test_marks_may_be_given_by_their_coordinates() -> None:
    origin = Point(lon=105.15, lat=9.18)
    per_lon, per_lat = east_north(origin, Point(lon=106.15, lat=10.18))
    marks = [
        {"px": px(at), "at": {"lon": 105.15 + at[0] / per_lon, "lat": 9.18 + at[1] / per_lat}}
        for at in MARKS
    ]
    outcome = calibrate(draft(marks))
    assert outcome.scene is not None
    assert outcome.scene.ground.axes == "east_north"
    assert outcome.residual_m == pytest.approx(0, abs=1e-3)


def test_a_degree_near_ca_mau_has_the_length_of_the_ellipsoid() -> None:
    # Vincenty on WGS84 from (105.15, 9.18): 0.01 degrees east 1099.05 m, north 1105.97 m.
    east, north = east_north(Point(lon=105.15, lat=9.18), Point(lon=105.16, lat=9.19))
    assert (east, north) == (pytest.approx(1099.0, abs=1.0), pytest.approx(1106.0, abs=1.0))


def test_lines_of_the_grid_lie_on_whole_metres() -> None:
    outcome = calibrate(draft())
    assert outcome.scene is not None
    assert outcome.grid_step_m in {1.0, 2.0, 5.0}
    for line in outcome.grid:
        for at in line.px:
            place = outcome.scene.on_ground(at)
            assert place is not None
            assert place[0 if line.axis == "x" else 1] == pytest.approx(line.at_m, abs=0.3)


def test_a_mark_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="either"):
        Mark.model_validate({"px": (1, 1)})
