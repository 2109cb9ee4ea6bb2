"""Reading plates painted here."""

import numpy as np
import pytest
from tests.support.painted import painted

from ioc_edge.backends.ppocr import PpOcrReader


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
