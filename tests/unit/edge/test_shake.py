"""A camera that was knocked knows it; a lorry that passes is no knock."""

import cv2
import numpy as np
import pytest

from ioc_edge.backends import Image
from ioc_edge.shake import Steadiness


@pytest.fixture
def street() -> Image:
    rng = np.random.default_rng(5)
    small = rng.integers(0, 255, (45, 80, 3), np.uint8)
    return np.asarray(cv2.resize(small, (1280, 720), interpolation=cv2.INTER_CUBIC), np.uint8)


def moved(image: Image, right: float, down: float) -> Image:
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float32)
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REFLECT), np.uint8)


@pytest.mark.parametrize(("right", "down"), [(8.0, 0.0), (-12.0, 6.0), (3.0, -20.0)])
def test_a_knock_is_measured(street: Image, right: float, down: float) -> None:
    steadiness = Steadiness()
    assert steadiness.shift(street) == (0.0, 0.0)
    found = steadiness.shift(moved(street, right, down))
    assert found == pytest.approx((right, down), abs=1.0)


def test_a_picture_that_stands_has_no_shift(street: Image) -> None:
    steadiness = Steadiness()
    steadiness.shift(street)
    noise = np.random.default_rng(6).normal(0, 6, street.shape)
    assert steadiness.shift(np.clip(street + noise, 0, 255).astype(np.uint8)) == (0.0, 0.0)


def test_a_lorry_that_fills_a_third_is_no_shift(street: Image) -> None:
    steadiness = Steadiness()
    steadiness.shift(street)
    passing = street.copy()
    passing[:, 100:500] = moved(street, 25, 0)[:, 500:900]
    assert steadiness.shift(passing) == (0.0, 0.0)


def test_fog_tells_nothing() -> None:
    fog = np.full((720, 1280, 3), 128, np.uint8)
    steadiness = Steadiness()
    steadiness.shift(fog)
    assert steadiness.shift(fog) == (0.0, 0.0)
