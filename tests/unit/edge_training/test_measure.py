"""The metric on cases small enough to work out by hand."""

import math

import numpy as np
import pytest
from edge.training.measure import Boxes, Tally, hits, ious, no_boxes, within


def _boxes(*rows: tuple[float, float, float, float]) -> Boxes:
    return np.array(rows, np.float32).reshape(-1, 4)


UNIT = (0.0, 0.0, 10.0, 10.0)
FAR = (100.0, 100.0, 110.0, 110.0)


def test_half_a_box_beside_another_has_an_iou_of_a_third() -> None:
    (share,) = ious(_boxes((5, 0, 15, 10)), _boxes(UNIT)[0])
    assert share == pytest.approx(1 / 3)


def test_boxes_that_only_touch_have_nothing_in_common() -> None:
    assert ious(_boxes((10, 0, 20, 10)), _boxes(UNIT)[0]).tolist() == [0]


def test_a_box_without_area_overlaps_nothing() -> None:
    assert ious(_boxes((5, 5, 5, 5)), _boxes((5, 5, 5, 5))[0]).tolist() == [0]


def test_a_small_box_lies_wholly_within_a_large_one_whatever_their_iou() -> None:
    assert within(_boxes((0, 0, 100, 100)), _boxes(UNIT)[0]).tolist() == [1]


def test_the_surer_of_two_finds_takes_the_truth_and_the_other_is_wrong() -> None:
    judged = hits(_boxes((0, 0, 10, 9), UNIT), [0.4, 0.9], _boxes(UNIT), no_boxes())
    assert judged == [(0.9, True), (0.4, False)]


def test_an_overlap_just_under_a_half_is_a_miss() -> None:
    assert hits(_boxes((0, 0, 10, 4.9)), [0.9], _boxes(UNIT), no_boxes()) == [(0.9, False)]
    assert hits(_boxes((0, 0, 10, 5.0)), [0.9], _boxes(UNIT), no_boxes()) == [(0.9, True)]


def test_a_find_on_a_vague_thing_counts_neither_way() -> None:
    assert hits(_boxes(UNIT, FAR), [0.9, 0.8], no_boxes(), _boxes(UNIT)) == [(0.8, False)]


def test_a_find_on_a_truth_is_right_even_where_something_vague_lies_too() -> None:
    assert hits(_boxes(UNIT), [0.9], _boxes(UNIT), _boxes(UNIT)) == [(0.9, True)]


def test_finding_everything_first_has_an_average_precision_of_one() -> None:
    tally = Tally()
    tally.add(_boxes(UNIT, FAR), [0.9, 0.1], _boxes(UNIT))
    assert tally.average_precision() == 1


def test_average_precision_is_the_area_under_the_highest_precision_still_to_come() -> None:
    # right, wrong, right of three truths: precision 1, 1/2, 2/3; recall 1/3, 1/3, 2/3.
    tally = Tally()
    truth = _boxes(UNIT, FAR, (200, 0, 210, 10))
    tally.add(_boxes(UNIT, (50, 50, 60, 60), FAR), [0.9, 0.8, 0.7], truth)
    assert tally.average_precision() == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3)


def test_the_curve_runs_over_pictures_by_score_and_not_by_order() -> None:
    tally = Tally()
    tally.add(_boxes(FAR), [0.2], _boxes(UNIT))
    tally.add(_boxes(UNIT), [0.9], _boxes(UNIT))
    assert tally.average_precision() == pytest.approx(0.5)
    assert tally.at(0.5) == (1.0, 0.5)
    assert tally.at(0.1) == (0.5, 0.5)


def test_with_nothing_to_find_there_is_no_average_precision() -> None:
    assert math.isnan(Tally().average_precision())


def test_finding_nothing_has_an_average_precision_of_zero_and_no_precision() -> None:
    tally = Tally()
    tally.add(no_boxes(), [], _boxes(UNIT))
    assert tally.average_precision() == 0
    precision, recall = tally.at(0.0)
    assert math.isnan(precision)
    assert recall == 0


def test_the_best_threshold_keeps_what_is_right_and_leaves_what_is_wrong() -> None:
    tally = Tally()
    tally.add(_boxes(UNIT, FAR, (50, 50, 60, 60)), [0.9, 0.6, 0.3], _boxes(UNIT, FAR))
    assert tally.best() == (0.6, 1.0)
