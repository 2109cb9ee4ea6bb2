"""The second look: for whom, at what, and back into the frame's pixels."""

from collections.abc import Sequence

import numpy as np
import pytest

from ioc_edge.backends import Box, Detection, Image
from ioc_edge.backends.cascade import BOARD, SecondLook, laid_out, plateless, with_plates

CAR = Detection((100, 100, 300, 200), "car", 0.9)
PLATE_OF_CAR = Detection((190, 180, 210, 186), "plate", 0.8)


class _Sees:
    """Finds a white patch as a plate, but only from a size on, as a network would."""

    model = None

    def __init__(self, vehicles: Sequence[Detection], least_px: int) -> None:
        self.looks: list[tuple[int, ...]] = []
        self._vehicles, self._least = vehicles, least_px

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        self.looks += [frame.shape for frame in frames]
        found = []
        for frame in frames:
            rows, columns = np.nonzero((frame == 255).all(axis=2))
            plates = []
            if len(rows) and columns.max() - columns.min() >= self._least:
                box: Box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                plates = [Detection(box, "plate", 0.7)]
            is_board = frame.shape[:2] == (BOARD[1], BOARD[0])
            found.append([*([] if is_board else self._vehicles), *plates])
        return found


def _street() -> Image:
    frame = np.zeros((720, 1280, 3), np.uint8)
    frame[180:186, 190:210] = 255
    return frame


def test_a_plate_too_small_for_the_first_look_is_found_by_the_second() -> None:
    (found,) = SecondLook(_Sees([CAR], least_px=30)).detect([_street()])
    car, plate = found
    assert car == CAR
    assert plate.box == pytest.approx((190, 180, 210, 186), abs=1)


def test_a_vehicle_with_a_sure_plate_is_not_looked_at_again() -> None:
    detector = _Sees([CAR, PLATE_OF_CAR], least_px=1000)
    assert SecondLook(detector).detect([_street()]) == [[CAR, PLATE_OF_CAR]]
    assert len(detector.looks) == 1


def test_a_frame_without_vehicles_costs_one_look() -> None:
    detector = _Sees([], least_px=1000)
    assert SecondLook(detector).detect([_street(), _street()]) == [[], []]
    assert len(detector.looks) == 2


def test_each_frame_gets_its_own_plates_back() -> None:
    dark = np.zeros((720, 1280, 3), np.uint8)
    first, second = SecondLook(_Sees([CAR], least_px=30)).detect([dark, _street()])
    assert [one.label for one in first] == ["car"]
    assert [one.label for one in second] == ["car", "plate"]


def test_the_largest_four_vehicles_without_a_sure_plate_are_chosen() -> None:
    cars = [Detection((0, 0, 10 * n, 10), "car", 0.5) for n in range(1, 7)]
    chosen = plateless([*cars, Detection((0, 0, 900, 900), "person", 0.9)])
    assert chosen == cars[:1:-1]


def test_a_vehicle_hardly_believed_in_is_not_worth_a_look() -> None:
    assert plateless([Detection(CAR.box, "car", 0.2)]) == []


def test_four_vehicles_share_the_board_without_overlap() -> None:
    frame = np.zeros((720, 1280, 3), np.uint8)
    boxes: list[Box] = [(0, 0, 50, 30), (100, 0, 1280, 700), (0, 100, 20, 720), (5, 5, 6, 6)]
    board, tiles = laid_out(frame, [Detection(box, "car", 0.9) for box in boxes])
    assert board.shape == (BOARD[1], BOARD[0], 3)
    covered = np.zeros(board.shape[:2], np.int32)
    for tile in tiles:
        left, top, right, bottom = (int(side) for side in tile.lies)
        covered[top:bottom, left:right] += 1
    assert covered.max() == 1


def test_a_plate_cut_by_its_tile_does_not_come_back() -> None:
    frame = np.zeros((720, 1280, 3), np.uint8)
    _, (tile,) = laid_out(frame, [CAR])
    left, top, right, bottom = tile.lies
    assert tile.back(Detection((left, top + 50, left + 60, top + 80), "plate", 0.9)) is None
    assert tile.back(Detection((left + 9, top + 9, right - 9, bottom - 9), "plate", 0.9))


def test_of_two_looks_at_one_plate_the_surer_stays() -> None:
    sure = Detection((190, 180, 211, 186), "plate", 0.9)
    assert with_plates([CAR, PLATE_OF_CAR], [sure]) == [CAR, sure]
    assert with_plates([CAR, sure], [PLATE_OF_CAR]) == [CAR, sure]
