"""Reading plates painted here."""

import cv2
import numpy as np
import pytest

from ioc_edge.backends import Image
from ioc_edge.backends.ppocr import PpOcrReader


def painted(*rows: str) -> Image:
    image = np.full((70 * len(rows), 300, 3), 235, np.uint8)
    for number, row in enumerate(rows):
        size = cv2.getTextSize(row, cv2.FONT_HERSHEY_SIMPLEX, 1.7, 4)[0]
        at = ((300 - size[0]) // 2, 54 + 70 * number)
        cv2.putText(image, row, at, cv2.FONT_HERSHEY_SIMPLEX, 1.7, (20, 20, 20), 4, cv2.LINE_AA)
    return image


@pytest.fixture(scope="module")
def reader() -> PpOcrReader:
    return PpOcrReader()


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (("69A-123.45",), "69A12345"),
        (("69-B1", "234.56"), "69B123456"),
        (("94-K1", "678.90"), "94K167890"),
    ],
)
def test_a_painted_plate_is_read(reader: PpOcrReader, rows: tuple[str, ...], text: str) -> None:
    reading = reader.read([painted(*rows)])[0]
    assert reading is not None
    assert (reading.text, reading.lines) == (text, len(rows))
    assert len(reading.characters) == len(text)


def test_a_blank_plate_is_no_reading(reader: PpOcrReader) -> None:
    blank = reader.read([np.full((70, 300, 3), 235, np.uint8)])[0]
    assert blank is None or blank.confidence < 0.3


def test_the_reader_names_its_weights(reader: PpOcrReader) -> None:
    assert reader.model is not None
    assert len(reader.model.sha256) == 64
