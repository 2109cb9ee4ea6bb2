"""The detector that knows no classes."""

import numpy as np

from ioc_edge.backends import Image, open_detectors
from ioc_edge.backends.motion import MotionDetector


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
