"""What a network is fed: proportions, colours, arithmetic; and points on their way back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.edge.backends.graphs import mirror_graph, written

from ioc_edge.backends import Image
from ioc_edge.backends.manifest import Input, Manifest
from ioc_edge.backends.network import Network
from ioc_edge.backends.picture import Feeder, place, split_rows
from ioc_edge.backends.runner import OrtRunner

BLUE_LEFT: Image = np.zeros((96, 192, 3), np.uint8)
BLUE_LEFT[:, :96] = (200, 100, 50)
BLUE_LEFT[:, 96:] = (50, 100, 200)


def fed(
    folder: Path, shape: tuple[int | str, ...], kind: str = "float32", **keys: Any
) -> np.ndarray:
    """What reaches a real graph of that input."""
    path = written(folder, mirror_graph(shape=shape, kind=kind), labels=["car"], input=keys)
    manifest = Manifest.load(path)
    network = Network(manifest, OrtRunner(manifest.weights))
    ((answer, index, _),) = network.answers([BLUE_LEFT])
    return np.asarray(answer["seen"][index])


LETTERBOX = {"width": 96, "height": 64, "letterbox": 114}


def test_a_letterboxed_picture_lies_in_the_middle_on_grey(tmp_path: Path) -> None:
    seen = fed(tmp_path, ("batch", 3, 64, 96), **LETTERBOX)
    assert seen[:, 4, 10] == pytest.approx([114 / 255] * 3)
    assert seen[:, 60, 10] == pytest.approx([114 / 255] * 3)
    assert seen[:, 30, 10] == pytest.approx(np.array([50, 100, 200]) / 255)
    assert seen[:, 30, 80] == pytest.approx(np.array([200, 100, 50]) / 255)


def test_a_picture_may_lie_in_the_corner_with_its_colours_as_they_are(tmp_path: Path) -> None:
    keys = LETTERBOX | {"anchor": "corner", "color": "BGR", "scale": 1}
    seen = fed(tmp_path, (1, 3, 64, 96), **keys)
    assert seen[:, 0, 0] == pytest.approx([200, 100, 50])
    assert seen[:, 63, 0] == pytest.approx([114] * 3)


def test_channels_may_come_last_and_be_normalised_each_its_own_way(tmp_path: Path) -> None:
    keys = {"width": 96, "height": 64, "stretch": True, "layout": "NHWC"}
    keys |= {"mean": [0.5, 0.4, 0.3], "std": [0.1, 0.2, 0.3]}
    seen = fed(tmp_path, (1, 64, 96, 3), **keys)
    wanted = (np.array([50, 100, 200]) / 255 - [0.5, 0.4, 0.3]) / [0.1, 0.2, 0.3]
    assert seen[63, 0] == pytest.approx(wanted, abs=1e-5)


def test_a_grey_network_sees_brightness(tmp_path: Path) -> None:
    keys = {"width": 96, "height": 64, "stretch": True, "color": "GREY"}
    seen = fed(tmp_path, ("batch", 1, 64, 96), **keys)
    assert seen[0, 0, 0] * 255 == pytest.approx(0.114 * 200 + 0.587 * 100 + 0.299 * 50, abs=1)


def test_a_network_that_takes_bytes_gets_bytes(tmp_path: Path) -> None:
    keys = {"width": 96, "height": 64, "stretch": True, "layout": "NHWC", "scale": 1}
    seen = fed(tmp_path, (1, 64, 96, 3), "uint8", **keys)
    assert seen.dtype == np.uint8
    assert seen[0, 0].tolist() == [50, 100, 200]


def test_a_network_of_half_precision_gets_it(tmp_path: Path) -> None:
    seen = fed(tmp_path, (1, 3, 64, 96), "float16", **LETTERBOX)
    assert seen.dtype == np.float16
    assert seen[2, 30, 10] == pytest.approx(200 / 255, abs=1e-3)


@pytest.mark.parametrize("batch", ["batch", 1, 3])
def test_pictures_keep_their_order_whatever_the_batch(batch: int | str, tmp_path: Path) -> None:
    path = written(tmp_path, mirror_graph(shape=(batch, 3, 64, 96)), labels=["car"])
    manifest = Manifest.load(path)
    network = Network(manifest, OrtRunner(manifest.weights))
    pictures: list[Image] = [np.full((64, 96, 3), shade, np.uint8) for shade in range(0, 220, 11)]
    shades = [
        answer["seen"][index, 0, 5, 5] * 255 for answer, index, _ in network.answers(pictures)
    ]
    assert shades == pytest.approx(list(range(0, 220, 11)), abs=1e-3)


def test_a_picture_of_another_shape_leaves_nothing_of_the_last_one_behind() -> None:
    feeder = Feeder(Input.model_validate(LETTERBOX), np.dtype(np.float32))
    feeder.feed([np.full((64, 96, 3), 255, np.uint8)], 1)
    tensor, _ = feeder.feed([np.full((64, 10, 3), 255, np.uint8)], 1)
    assert tensor[0, :, 30, 2] == pytest.approx([114 / 255] * 3)


SIZES = st.integers(1, 5000)


@given(width=SIZES, height=SIZES, keys=st.sampled_from(
    [{"letterbox": 0}, {"letterbox": 114, "anchor": "corner"}, {"stretch": True}]
))  # fmt: skip
def test_a_box_laid_into_the_tensor_comes_back_where_it_was(
    width: int, height: int, keys: dict[str, Any]
) -> None:
    lies = place(Input.model_validate({"width": 640, "height": 384} | keys), width, height)
    boxes = np.array([[0, 0, width, height], [width / 4, height / 3, width / 2, height / 2]])
    scale = np.array([lies.scale_x, lies.scale_y] * 2)
    laid = boxes * scale + np.array([lies.left, lies.top] * 2)
    assert laid[0, 2] <= 640.5
    assert laid[0, 3] <= 384.5
    assert lies.back(laid) == pytest.approx(boxes, abs=1e-6 * max(width, height))


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (1, 1)])
def test_a_sliver_of_a_picture_is_fed_too(size: tuple[int, int]) -> None:
    feeder = Feeder(Input.model_validate(LETTERBOX), np.dtype(np.float32))
    tensor, _ = feeder.feed([np.full((*size, 3), 7, np.uint8)], 1)
    assert np.isfinite(tensor).all()


def test_wide_plates_have_one_row_and_square_ones_two() -> None:
    assert len(split_rows(np.zeros((110, 520, 3), np.uint8))) == 1
    assert len(split_rows(np.zeros((140, 190, 3), np.uint8))) == 2
