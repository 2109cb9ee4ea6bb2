"""Shares of classes out of small graphs."""

from pathlib import Path

import numpy as np
import pytest
from tests.unit.edge.backends.graphs import constant_graph, written

from ioc_edge.backends import Image, open_classifier

PICTURE: Image = np.full((40, 40, 3), 90, np.uint8)


def test_logits_become_shares_under_our_words(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        constant_graph({"output": np.log([[0.6, 0.3, 0.1]]).astype(np.float32)}),
        task="lights",
        decoder="softmax",
        labels=["stop", "go", "yellow"],
        label_map={"stop": "red", "go": "green", "yellow": "amber"},
    )
    found = open_classifier(path).classify([PICTURE, PICTURE])
    assert found[0] == found[1] == pytest.approx({"red": 0.6, "green": 0.3, "amber": 0.1})


def test_probabilities_are_humbled_by_temperature_too(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        constant_graph({"output": np.array([[0.9, 0.1]], np.float32)}),
        task="classifier",
        decoder="softmax",
        labels=["helmet", "no_helmet"],
        scores="probabilities",
        calibration={"temperature": 2.0},
    )
    assert open_classifier(path).classify([PICTURE])[0]["helmet"] == pytest.approx(0.75, abs=1e-4)


def test_words_that_mean_the_same_add_up_and_what_is_left_out_is_gone(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        constant_graph({"output": np.log([[0.5, 0.2, 0.3]]).astype(np.float32)}),
        task="lights",
        decoder="softmax",
        labels=["red", "red_left", "back"],
        label_map={"red_left": "red", "back": None},
    )
    assert open_classifier(path).classify([PICTURE])[0] == pytest.approx({"red": 0.7})
