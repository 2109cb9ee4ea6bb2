"""What a tidy detector leaves out, and what it must not."""

from collections.abc import Sequence

import numpy as np

from ioc_edge.backends import Box, Detection, Image
from ioc_edge.backends.tidy import Tidy, tidied

CAR: Box = (100, 100, 300, 200)
INSIDE: Box = (150, 150, 190, 170)


class _Fixed:
    """Finds the same in every frame."""

    model = None

    def __init__(self, found: list[Detection]) -> None:
        self._found = found

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        return [list(self._found) for _ in frames]


def test_a_vehicle_with_two_names_keeps_the_surer_one() -> None:
    truck = Detection((102, 100, 300, 201), "truck", 0.5)
    car = Detection(CAR, "car", 0.6)
    assert tidied([truck, car], 640, 384) == [car]


def test_for_a_curve_a_vehicle_keeps_all_its_names() -> None:
    names = [Detection(CAR, "car", 0.6), Detection(CAR, "truck", 0.5)]
    assert tidied(names, 640, 384, one_name=False) == names


def test_a_motorbike_before_a_bus_stays() -> None:
    bus, bike = Detection(CAR, "bus", 0.9), Detection(INSIDE, "motorbike", 0.4)
    assert tidied([bus, bike], 640, 384) == [bus, bike]


def test_two_cars_beside_each_other_are_two() -> None:
    cars = [Detection(CAR, "car", 0.9), Detection((200, 100, 400, 200), "car", 0.8)]
    assert tidied(cars, 640, 384) == cars


def test_a_rider_is_no_second_name_of_the_motorbike() -> None:
    both = [Detection(CAR, "motorbike", 0.9), Detection(CAR, "person", 0.8)]
    assert tidied(both, 640, 384) == both


def test_a_plate_cut_by_the_edge_is_left_out_and_one_close_to_it_stays() -> None:
    cut = Detection((0.4, 50, 40, 70), "plate", 0.9)
    below = Detection((50, 370, 90, 384), "plate", 0.9)
    whole = Detection((3, 50, 40, 70), "plate", 0.8)
    assert tidied([cut, below, whole], 640, 384) == [whole]


def test_a_vehicle_cut_by_the_edge_stays() -> None:
    car = Detection((0, 50, 40, 70), "car", 0.9)
    assert tidied([car], 640, 384) == [car]


def test_a_character_is_no_plate_of_its_own() -> None:
    plate, letter = Detection(CAR, "plate", 0.9), Detection(INSIDE, "plate", 0.5)
    assert tidied([letter, plate], 640, 384) == [plate]


def test_plates_of_neighbours_that_overlap_a_little_both_stay() -> None:
    plates = [Detection(CAR, "plate", 0.9), Detection((250, 100, 450, 200), "plate", 0.8)]
    assert tidied(plates, 640, 384) == plates


def test_every_frame_is_tidied_by_its_own_size() -> None:
    detector = Tidy(_Fixed([Detection((10, 10, 40, 40), "plate", 0.9)]))
    small, large = np.zeros((40, 40, 3), np.uint8), np.zeros((80, 80, 3), np.uint8)
    assert [len(found) for found in detector.detect([small, large])] == [0, 1]
    assert detector.model is None
