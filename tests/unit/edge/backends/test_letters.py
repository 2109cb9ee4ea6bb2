"""Belief over letters out of small graphs of each form of reader."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.edge.backends.graphs import constant_graph, written

from ioc_edge.backends import Image, open_reader
from ioc_edge.backends.decoders.letters import Belief
from ioc_edge.backends.network import NetworkReader
from ioc_models import plates

OURS = "".join(plates.ALPHABET)
# TAO's own list has 35: no letter O.
LPRNET = "0123456789ABCDEFGHIJKLMNPQRSTUVWXYZ"
WIDE: Image = np.full((30, 120, 3), 200, np.uint8)
SQUARE: Image = np.full((90, 120, 3), 200, np.uint8)


def reader(folder: Path, outputs: dict[str, NDArray[Any]], **keys: Any) -> NetworkReader:
    asked = {"task": "reader", "decoder": "slots", "alphabet": OURS} | keys
    opened = open_reader(written(folder, constant_graph(outputs), **asked), 1)
    assert isinstance(opened, NetworkReader)
    return opened


def belief(folder: Path, outputs: dict[str, NDArray[Any]], **keys: Any) -> Belief:
    return reader(folder, outputs, **keys).beliefs([WIDE])[0][0]


def columns(text: str, alphabet: str = OURS, *, blank: int = 0) -> list[int]:
    """Of a text in which `_` is empty."""
    shift = 1 if blank == 0 else 0
    return [blank if letter == "_" else alphabet.index(letter) + shift for letter in text]


def logits(text: str, width: int = 33, *, alphabet: str = OURS, blank: int = 0) -> np.ndarray:
    """(1, n, width): 5 for the letter that is meant, 0 for the others."""
    given = np.zeros((1, len(text), width), np.float32)
    given[0, np.arange(len(text)), columns(text, alphabet, blank=blank)] = 5
    return given


def text_of(letters: NDArray[Any]) -> str:
    return "".join("_" if not column else OURS[column - 1] for column in letters.argmax(axis=1))


def test_slots_become_probabilities_on_our_alphabet(tmp_path: Path) -> None:
    found = belief(tmp_path, {"slots": logits("69MĐ12345_")})
    assert text_of(found.letters) == "69MĐ12345_"
    assert found.letters.sum(axis=1) == pytest.approx(np.ones(10))
    assert found.letters.max() == pytest.approx(np.exp(5) / (np.exp(5) + 32))
    assert (found.raw, found.lines, found.ground) == ("69MĐ12345", None, None)


def test_rows_and_ground_come_along_where_the_network_says_them(tmp_path: Path) -> None:
    outputs = {
        "slots": logits("69A12345__"),
        "rows": np.array([[-1, 2]], np.float32),
        "ground": np.array([[0, 3, 1]], np.float32),
    }
    found = belief(tmp_path, outputs, grounds=["white", "yellow", "blue"])
    assert (found.lines, found.ground) == (2, "yellow")


def test_temperature_humbles_every_letter_alike(tmp_path: Path) -> None:
    given = {"slots": logits("69A12345__")}
    found = belief(tmp_path, given, calibration={"temperature": 2.5})
    assert found.letters.max() == pytest.approx(np.exp(2) / (np.exp(2) + 32))


def test_slots_of_another_shape_alphabet_and_order_are_read(tmp_path: Path) -> None:
    # As fast-plate-ocr exports: flat, softmaxed, the pad last, letters we do not have.
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    share = np.exp(logits("69A1234O__", 37, alphabet=alphabet, blank=36))
    share /= share.sum(axis=-1, keepdims=True)
    found = belief(
        tmp_path,
        {"plate": share.reshape(1, 370)},
        alphabet=alphabet,
        blank="last",
        scores="probabilities",
    )
    assert text_of(found.letters) == "69A12340__"
    assert found.raw == "69A1234O"


def test_a_letter_that_no_plate_has_takes_its_share_away(tmp_path: Path) -> None:
    given = {"steps": logits("6W9", 36, alphabet=LPRNET)}
    found = belief(tmp_path, given, decoder="ctc", alphabet=LPRNET)
    assert found.letters[1].sum() < 0.3
    assert found.letters[[0, 2]].max(axis=1) == pytest.approx([0.81, 0.81], abs=0.01)


@pytest.mark.parametrize("turned", [False, True])
def test_ctc_steps_are_read_whichever_way_they_lie(tmp_path: Path, *, turned: bool) -> None:
    steps = logits("66_69AA_1")
    found = belief(
        tmp_path, {"steps": steps.transpose(0, 2, 1) if turned else steps}, decoder="ctc"
    )
    assert text_of(found.letters) == "66_69AA_1"
    assert found.raw == "669A1"


def lprnet(text: str, sure: float = 0.9) -> dict[str, np.ndarray]:
    indices = np.array([columns(text, LPRNET, blank=35)], np.int64)
    return {
        "tf_op_layer_ArgMax": indices,
        "tf_op_layer_Max": np.full(indices.shape, sure, np.float32),
    }


def test_tao_lprnet_gives_indices_with_the_blank_last(tmp_path: Path) -> None:
    keys = {"decoder": "ctc", "alphabet": LPRNET, "blank": "last"}
    found = belief(tmp_path, lprnet("66_9A__1_12_3455"), **keys)
    assert found.raw == "69A112345"
    assert found.letters.max(axis=1) == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(("crop", "rows"), [(WIDE, 1), (SQUARE, 2)])
def test_ctc_reads_a_square_plate_row_by_row(crop: Image, rows: int, tmp_path: Path) -> None:
    keys = {"decoder": "ctc", "alphabet": LPRNET, "blank": "last"}
    reading = reader(tmp_path, lprnet("6_9_A_1_"), **keys).read([crop])[0]
    assert reading is not None
    assert (reading.raw, reading.lines) == ("69A1" * rows, rows)


def test_ctc_may_take_a_square_plate_whole(tmp_path: Path) -> None:
    keys = {"decoder": "ctc", "alphabet": LPRNET, "blank": "last", "rows": "whole"}
    reading = reader(tmp_path, lprnet("6_9_B_1_2_3_4_5_6"), **keys).read([SQUARE])[0]
    assert reading is not None
    assert (reading.text, reading.lines) == ("69B123456", 2)


def test_a_plate_is_read_from_its_slots_with_lines_and_ground(tmp_path: Path) -> None:
    outputs = {
        "slots": logits("69B123456_"),
        "rows": np.array([[-1, 2]], np.float32),
        "ground": np.array([[0, 3]], np.float32),
    }
    opened = reader(tmp_path, outputs, grounds=["white", "yellow"])
    first, second = opened.read([WIDE, SQUARE])
    assert first == second
    assert first is not None
    assert (first.text, first.lines, first.ground) == ("69B123456", 2, "yellow")


def test_without_a_word_about_rows_the_crops_shape_decides(tmp_path: Path) -> None:
    opened = reader(tmp_path, {"slots": logits("69B123456_")})
    assert [one.lines for one in opened.read([WIDE, SQUARE]) if one is not None] == [1, 2]


def test_empty_slots_are_no_reading(tmp_path: Path) -> None:
    assert reader(tmp_path, {"slots": logits("__________")}).read([WIDE]) == [None]
