"""Golden boxes out of small graphs of each form of detector."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.edge.backends.graphs import constant_graph, written

from ioc_edge.backends import Detection, Image, open_detector
from ioc_edge.backends.decoders.boxes import unrepeated

# Twice the tensor's width; 8 grey rows above and below it there.
PICTURE: Image = np.full((96, 192, 3), 90, np.uint8)
LABELS = ["car", "plate"]
# In tensor pixels: centre x, centre y, width, height; score of car, of plate.
ANCHORS = [
    (30, 32, 20, 16, 0.9, 0.0),
    (31, 32, 20, 16, 0.8, 0.0),
    (30, 33, 20, 16, 0.0, 0.7),
    (70, 32, 20, 16, 0.2, 0.1),
    (90, 50, 40, 40, 0.5, 0.0),
]
CAR, PLATE, EDGE = (40, 32, 80, 64), (40, 34, 80, 66), (140, 44, 192, 96)


def detections(folder: Path, outputs: dict[str, NDArray[Any]], **keys: Any) -> list[Detection]:
    keys = {"labels": LABELS} | keys
    detector = open_detector(written(folder, constant_graph(outputs), **keys))
    first, second = detector.detect([PICTURE, PICTURE])
    assert first == second
    return sorted(first, key=lambda one: -one.confidence)


def assert_golden(found: list[Detection]) -> None:
    assert [one.label for one in found] == ["car", "plate", "car"]
    assert [one.confidence for one in found] == pytest.approx([0.9, 0.7, 0.5], abs=1e-3)
    for one, box in zip(found, (CAR, PLATE, EDGE), strict=True):
        assert one.box == pytest.approx(box, abs=0.05)


def yolov8() -> NDArray[np.float32]:
    return np.array(ANCHORS, np.float32).T[None]


def test_yolov8_boxes_come_back_in_the_pictures_pixels_without_repeats(tmp_path: Path) -> None:
    assert_golden(detections(tmp_path, {"output0": yolov8()}))


def test_yolov8_is_read_with_its_rows_last_too(tmp_path: Path) -> None:
    assert_golden(detections(tmp_path, {"output0": yolov8().transpose(0, 2, 1)}))


def test_yolov8_in_half_precision_is_read_too(tmp_path: Path) -> None:
    assert_golden(detections(tmp_path, {"output0": yolov8().astype(np.float16)}))


def test_a_graph_that_suppresses_repeats_itself_is_taken_at_its_word(tmp_path: Path) -> None:
    rows = [(20, 24, 40, 40, 0.9, 0), (20, 25, 40, 41, 0.7, 1), (70, 30, 110, 70, 0.5, 0)]
    rows += [(0, 0, 0, 0, 0, 0)]
    output = np.array([rows], np.float32)
    assert_golden(detections(tmp_path, {"output0": output}, end_to_end=True))


def test_yolox_counts_from_its_cells_and_multiplies_by_objectness(tmp_path: Path) -> None:
    # 96 x 64 with strides 16 and 32: 6 x 4 cells, then 3 x 2.
    output = np.zeros((1, 30, 7), np.float32)

    def put(cell: int, at: tuple[int, int], stride: int, box: tuple[float, ...]) -> None:
        x, y, w, h, car, plate = box
        output[0, cell] = (
            *(x / stride - at[0], y / stride - at[1], np.log(w / stride), np.log(h / stride)),
            *(0.9, car / 0.9, plate / 0.9),
        )

    # The picture lies in the corner: its 8 grey rows are all below.
    put(7, (1, 1), 16, (30, 24, 20, 16, 0.9, 0.0))
    put(8, (2, 1), 16, (31, 24, 20, 16, 0.8, 0.0))
    put(13, (1, 2), 16, (30, 25, 20, 16, 0.0, 0.7))
    put(29, (2, 1), 32, (90, 42, 40, 40, 0.5, 0.0))
    given = {"width": 96, "height": 64, "letterbox": 114, "anchor": "corner", "color": "BGR"}
    found = detections(
        tmp_path,
        {"output": output},
        decoder="yolox",
        strides=[16, 32],
        input=given | {"scale": 1},
    )
    assert_golden(found)


def test_yolox_that_was_exported_with_its_decoding_is_read_as_it_is(tmp_path: Path) -> None:
    rows = [(*row[:4], 1.0, *row[4:]) for row in ANCHORS]
    output = np.array([rows], np.float32)
    assert_golden(detections(tmp_path, {"output": output}, decoder="yolox", decoded=True))


def test_rtdetr_boxes_are_shares_of_a_stretched_picture(tmp_path: Path) -> None:
    boxes = [(60, 48, 40, 32), (60, 50, 40, 32), (20, 20, 10, 10), (180, 70, 80, 52)]
    scores = [(0.9, 0.01), (0.01, 0.7), (0.2, 0.1), (0.5, 0.01)]
    shares = np.array([boxes], np.float32) / np.array([192, 96, 192, 96], np.float32)
    logits = np.log(np.array([scores]) / (1 - np.array([scores]))).astype(np.float32)
    found = detections(
        tmp_path,
        {"logits": logits, "pred_boxes": shares},
        decoder="rtdetr",
        input={"width": 96, "height": 64, "stretch": True},
    )
    assert_golden(found)


def test_detectnet_boxes_are_distances_from_the_cells_centre(tmp_path: Path) -> None:
    # Cells of 16 pixels: 4 rows, 6 columns; a map for each label.
    coverage = np.zeros((1, 2, 4, 6), np.float32)
    edges = np.zeros((1, 8, 4, 6), np.float32)

    def put(label: int, cell: tuple[int, int], box: tuple[float, ...], score: float) -> None:
        row, column = cell
        across, down = column * 16 + 0.5, row * 16 + 0.5
        left, top, right, bottom = box
        coverage[0, label, row, column] = score
        edges[0, label * 4 : label * 4 + 4, row, column] = (
            np.array([across - left, down - top, right - across, bottom - down]) / 35
        )

    put(0, (2, 2), (20, 24, 40, 40), 0.9)
    put(0, (2, 1), (21, 24, 41, 40), 0.8)
    put(1, (2, 2), (20, 25, 40, 41), 0.7)
    put(0, (3, 5), (70, 30, 110, 70), 0.5)
    outputs = {"output_cov/Sigmoid": coverage, "output_bbox/BiasAdd": edges}
    assert_golden(detections(tmp_path, outputs, decoder="detectnet"))


def test_labels_go_by_our_words_and_what_is_left_out_is_never_seen(tmp_path: Path) -> None:
    output = np.array([[*row[:4], 0, *row[4:], 0] for row in ANCHORS], np.float32).T[None]
    output[0, 4, 0] = output[0, 7, 1] = 0.99
    found = detections(
        tmp_path,
        {"output0": output},
        labels=["dog", "automobile", "Plate", "cat"],
        label_map={"dog": None, "automobile": "car", "Plate": "plate", "cat": None},
    )
    assert [one.label for one in found] == ["plate", "car"]


def test_each_label_may_have_a_threshold_of_its_own(tmp_path: Path) -> None:
    found = detections(
        tmp_path,
        {"output0": yolov8()},
        thresholds={"confidence": 0.6, "by_label": {"plate": 0.75}},
    )
    assert [one.label for one in found] == ["car"]


def test_temperature_makes_a_sure_network_humbler_and_keeps_its_order(tmp_path: Path) -> None:
    found = detections(tmp_path, {"output0": yolov8()}, calibration={"temperature": 2.0})
    # The square root of the odds: 9 to 1 becomes 3 to 1.
    assert [one.confidence for one in found][:1] == pytest.approx([0.75], abs=1e-4)
    assert found[-1].confidence == pytest.approx(0.3333, abs=1e-3)


def test_nothing_in_the_picture_is_no_detection(tmp_path: Path) -> None:
    assert detections(tmp_path, {"output0": np.zeros((1, 6, 40), np.float32)}) == []


def test_boxes_of_different_labels_never_suppress_each_other() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [1, 0, 11, 10]], np.float64)
    kept = unrepeated(boxes, np.array([0.9, 0.8, 0.7]), np.array([0, 1, 0]), 0.5)
    assert sorted(kept.tolist()) == [0, 1]
