"""Detectors: what they make of a picture, and what they refuse to load."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from ioc_edge.backends import Image, open_detectors, open_reader
from ioc_edge.backends.motion import MotionDetector
from ioc_edge.backends.onnx import Manifest, decode_yolov8, letterbox
from ioc_edge.backends.tensorrt import require_driver
from ioc_edge.errors import BackendUnavailable, ModelInvalid

MANIFEST = Manifest(
    name="test",
    file="model.onnx",
    sha256="0" * 64,
    decoder="yolov8",
    width=320,
    height=192,
    labels=("car", "plate"),
    confidence=0.3,
)


def street(square_at: int | None = None) -> Image:
    picture = np.full((360, 640, 3), 90, np.uint8)
    if square_at is not None:
        picture[150:250, square_at : square_at + 120] = (200, 220, 240)
    return picture


def test_what_moves_is_found_and_what_stands_is_not() -> None:
    detector = MotionDetector()
    for _ in range(30):
        assert detector.detect([street()]) == [[]]
    (found,) = detector.detect([street(200)])[0]
    assert found.label == "vehicle"
    assert np.allclose(found.box, (200, 150, 320, 250), atol=15)


def test_each_camera_learns_its_own_background() -> None:
    first, second = open_detectors("motion", 2, 1)
    assert first is not second


def test_a_picture_in_the_letterbox_keeps_its_proportions() -> None:
    tensor, scale, (left, top) = letterbox(street(), 320, 192)
    assert tensor.shape == (1, 3, 192, 320)
    assert (scale, left, top) == (0.5, 0, 6)
    assert tensor[0, :, 0, 0] == pytest.approx([114 / 255] * 3)
    assert tensor[0, :, 100, 100] == pytest.approx([90 / 255] * 3)


def test_boxes_come_back_in_pixels_of_the_frame_and_repeats_fall_out() -> None:
    # centre x, centre y, width, height, car, plate
    anchors = [
        (100, 106, 60, 40, 0.9, 0.0),
        (102, 106, 60, 40, 0.8, 0.0),
        (100, 116, 20, 10, 0.0, 0.7),
        (200, 106, 60, 40, 0.2, 0.1),
    ]
    output = np.array(anchors, np.float32).T
    found = decode_yolov8(output, MANIFEST, (360, 640), 0.5, (0, 6))
    assert [one.label for one in found] == ["car", "plate"]
    assert found[0].box == pytest.approx((140, 160, 260, 240))
    assert found[1].box == pytest.approx((180, 210, 220, 230))


def test_no_box_is_no_detection() -> None:
    assert decode_yolov8(np.zeros((6, 9), np.float32), MANIFEST, (360, 640), 0.5, (0, 6)) == []


def test_weights_other_than_those_named_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"swapped")
    manifest = MANIFEST.model_dump_json(exclude={"folder"})
    (tmp_path / "model.yaml").write_text(manifest)
    with pytest.raises(ModelInvalid, match=hashlib.sha256(b"swapped").hexdigest()):
        Manifest.load(tmp_path / "model.yaml")


@pytest.mark.parametrize("text", ["", "[", "name: x", "7"])
def test_what_is_no_manifest_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(text)
    with pytest.raises(ModelInvalid):
        open_detectors(tmp_path / "model.yaml", 1, 1)


def test_an_unknown_reader_is_refused() -> None:
    with pytest.raises(ModelInvalid, match="tesseract"):
        open_reader("tesseract", 1)


def test_tensorrt_asks_for_the_driver_before_it_can_crash() -> None:
    if Path("/dev/nvidiactl").exists():
        pytest.skip("this machine has a GPU")
    with pytest.raises(BackendUnavailable, match="CUDA"):
        require_driver()
