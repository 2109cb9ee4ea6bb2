"""Marks on the road give back the camera that saw them."""

from math import cos, sin, tan

import cv2
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from ioc_models import homography, plane
from ioc_models.homography import NoHomography, Pair
from ioc_models.plane import XY, Matrix3

MARKS: list[XY] = [(-5, 12), (5, 12), (-6, 40), (6, 38), (0, 22), (3, 28), (-4, 18), (5.5, 30)]


def camera(height: float, tilt: float, turn: float, view: float) -> Matrix3:
    """Ground (x right, y ahead, metres) to a picture of 1920x1080 seen from a pole."""
    focal = 960 / tan(view / 2)
    # Axes of the camera in the world: right, down, ahead.
    right = (cos(turn), sin(turn), 0.0)
    ahead = (-sin(turn) * cos(tilt), cos(turn) * cos(tilt), -sin(tilt))
    down = (-sin(turn) * -sin(tilt) * -1, cos(turn) * -sin(tilt), -cos(tilt))
    r, d, a = [(axis[0], axis[1], -axis[2] * height) for axis in (right, down, ahead)]
    first = tuple(focal * r[k] + 960 * a[k] for k in range(3))
    second = tuple(focal * d[k] + 540 * a[k] for k in range(3))
    return (first, second, a)  # type: ignore[return-value]


cameras = st.builds(
    camera, st.floats(4, 15), st.floats(0.2, 1.2), st.floats(-0.6, 0.6), st.floats(0.5, 1.6)
)


def pairs(ground_to_image: Matrix3, marks: list[XY]) -> list[Pair]:
    if not all(plane.depth(ground_to_image, at) > 1.0 for at in marks):
        reject()
    return [(plane.mapped(ground_to_image, at), at) for at in marks]


@given(seen_from=cameras, count=st.integers(4, len(MARKS)))
def test_any_camera_is_recovered(seen_from: Matrix3, count: int) -> None:
    found = homography.fit(pairs(seen_from, MARKS[:count]))
    for px, at in pairs(seen_from, [(-4.0, 14.0), (4.0, 35.0), (0.0, 20.0)]):
        assert plane.distance(plane.mapped(found, px), at) < 1e-6


@settings(max_examples=30)
@given(seen_from=cameras, seed=st.integers(0, 1000))
def test_it_agrees_with_opencv_on_noisy_marks(seen_from: Matrix3, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.05, (len(MARKS), 2))
    given_pairs: list[Pair] = [
        (px, (at[0] + float(dx), at[1] + float(dy)))
        for (px, at), (dx, dy) in zip(pairs(seen_from, MARKS), noise, strict=True)
    ]
    ours = homography.fit(given_pairs)
    theirs, _ = cv2.findHomography(
        np.array([px for px, _ in given_pairs]), np.array([m for _, m in given_pairs])
    )
    matrix: Matrix3 = tuple(tuple(float(x) for x in row) for row in theirs)  # type: ignore[assignment]
    cost = [
        homography.root_mean_square(homography.distances(one, given_pairs))
        for one in (ours, matrix)
    ]
    assert cost[0] <= cost[1] * (1 + 1e-6)
    for px, _ in given_pairs:
        assert plane.distance(plane.mapped(ours, px), plane.mapped(matrix, px)) < 0.01


@given(seen_from=cameras, wrong=st.integers(0, len(MARKS) - 1))
@settings(max_examples=15, deadline=None)
def test_a_mark_that_was_measured_wrongly_is_found_out(seen_from: Matrix3, wrong: int) -> None:
    marks = pairs(seen_from, MARKS)
    px, at = marks[wrong]
    marks[wrong] = (px, (at[0] + 3.0, at[1] - 2.0))
    found, agree = homography.fit_most(marks, 0.3)
    assert agree == [place != wrong for place in range(len(marks))]
    assert plane.distance(plane.mapped(found, px), at) < 1e-6


def test_many_marks_are_fitted_from_drawn_fours() -> None:
    seen_from = camera(8, 0.5, 0.1, 1.0)
    marks: list[XY] = [(x * 2.0, 12.0 + y * 4) for x in range(-3, 4) for y in range(6)]
    found, agree = homography.fit_most(pairs(seen_from, marks), 0.3)
    assert all(agree)
    assert max(homography.distances(found, pairs(seen_from, marks))) < 1e-6


@pytest.mark.parametrize(
    "px",
    [
        [(0, 0), (1, 0), (0, 1)],
        [(0, 0), (1, 1), (2, 2), (3, 3)],
        [(5, 5)] * 4,
        [(0, 0), (0, 0), (1, 0), (0, 1)],
        [(0, 0), (1, 0), (2, 0), (0, 1)],
    ],
)
def test_points_that_determine_nothing_are_refused(px: list[XY]) -> None:
    ground: list[XY] = [(0, 0), (10, 0), (10, 10), (0, 10)]
    with pytest.raises(NoHomography):
        homography.fit(list(zip(px, ground, strict=False)))
