"""What a source's silence is taken to mean."""

import numpy as np
from edge.training.sources import (
    BICYCLE,
    CAR,
    MOTORBIKE,
    PERSON,
    PLATE,
    Sample,
    Source,
    guessed,
    known_mask,
)

STREET = Source("vehicles", "np_", {0: CAR, 1: MOTORBIKE}, (CAR, MOTORBIKE), 1.0)
PLATES = Source("riders/plates", "ro_", {0: PLATE}, (PLATE,), 1.0)


def _sample(source: Source, *rows: tuple[float, ...]) -> Sample:
    boxes = np.array(rows, np.float32).reshape(-1, 5)
    picture = np.zeros((100, 100, 3), np.uint8)
    return Sample("one", picture, boxes, known_mask(source.absent))


def test_a_sure_guess_of_a_class_nobody_labelled_becomes_a_box() -> None:
    sample = guessed(_sample(STREET), STREET, [[PERSON, 0.8, 1, 2, 3, 4]])
    assert sample.boxes.tolist() == [[PERSON, 1, 2, 3, 4]]
    assert len(sample.vague) == 0


def test_an_unsure_guess_is_left_alone() -> None:
    sample = guessed(_sample(STREET), STREET, [[BICYCLE, 0.2, 1, 2, 3, 4]])
    assert len(sample.boxes) == 0
    assert sample.vague.tolist() == [[BICYCLE, 1, 2, 3, 4]]


def test_a_guess_never_overrules_the_source() -> None:
    sample = guessed(_sample(STREET), STREET, [[CAR, 0.9, 1, 2, 3, 4]])
    assert len(sample.boxes) == 0
    assert len(sample.vague) == 0


def test_a_guess_of_what_is_labelled_already_adds_nothing() -> None:
    labelled = _sample(PLATES, (CAR, 10, 10, 50, 50))
    sample = guessed(labelled, PLATES, [[CAR, 0.9, 11, 10, 50, 50]])
    assert sample.boxes.tolist() == labelled.boxes.tolist()


def test_where_nothing_was_guessed_the_class_is_absent_but_plates_stay_unknown() -> None:
    known = guessed(_sample(STREET), STREET, []).known
    assert known[PLATE] == 0
    assert known.sum() == len(known) - 1


def test_a_source_that_labels_plates_vouches_for_their_absence() -> None:
    assert guessed(_sample(PLATES), PLATES, []).known[PLATE] == 1


def test_riders_cut_from_rider_with_bike_boxes_are_no_boxes_of_people() -> None:
    sample = guessed(_sample(PLATES, (PERSON, 0, 0, 9, 9)), PLATES, [])
    assert len(sample.boxes) == 0
    assert sample.vague.tolist() == [[PERSON, 0, 0, 9, 9]]
