"""Two readers together: what each network believes, letter by letter, and no veto."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ioc_edge.backends import Reading
from ioc_edge.backends.decoders.letters import Belief
from ioc_edge.backends.second import Opinion, prefixes, rows_say, slots_say, weighed
from ioc_edge.beliefs import read_rows, read_slots
from ioc_models import plates

WIDTH = 1 + len(plates.ALPHABET)


def belief(*steps: str | dict[str, float]) -> NDArray[Any]:
    """(n, 1 + alphabet): `_` is empty or blank, a letter alone is nearly certain."""
    rows = np.full((len(steps), WIDTH), 1e-4)
    for row, step in zip(rows, steps, strict=True):
        shares = step if isinstance(step, dict) else {step: 0.95}
        for letter, share in shares.items():
            row[0 if letter == "_" else 1 + plates.ALPHABET.index(letter)] = share
    return rows / rows.sum(axis=1, keepdims=True)


def by_slots(*steps: str | dict[str, float]) -> Opinion:
    letters = belief(*steps)
    return Opinion(read_slots(letters, 1), [Belief(letters, "raw")], slots=True)


def by_rows(*rows: list[str | dict[str, float]]) -> Opinion:
    letters = [belief(*row) for row in rows]
    reading = read_rows(letters, "raw", 2 if len(rows) == 2 else 1)
    return Opinion(reading, [Belief(one, "raw") for one in letters], slots=False)


def chosen(first: Opinion, second: Opinion) -> Reading:
    reading = weighed(first, second)
    assert reading is not None
    return reading


def spaced(text: str) -> list[str | dict[str, float]]:
    return [step for letter in text for step in (letter, "_")]


def test_where_the_first_wavers_the_second_decides() -> None:
    first = by_slots(*"69A1234", {"5": 0.48, "6": 0.5})
    assert first.reading is not None
    assert first.reading.text == "69A12346"
    together = chosen(first, by_rows(spaced("69A12345")))
    assert together.text == "69A12345"
    assert together.runner_up == "69A12346"
    assert together.confidence > 0.8


def test_where_the_first_is_sure_a_wavering_second_changes_nothing() -> None:
    second = by_rows([*spaced("69A1234"), {"5": 0.4, "6": 0.5}])
    assert chosen(by_slots(*"69A12345"), second).text == "69A12345"


def test_a_letter_that_the_second_has_hardly_met_is_not_vetoed() -> None:
    first = by_slots(*"69M", {"Đ": 0.9, "D": 0.09}, *"12345")
    # As PP-OCR lends a share of every D.
    second = by_rows([*spaced("69M"), {"D": 0.75, "Đ": 0.22}, *spaced("12345")])
    assert chosen(first, second).text == "69MĐ12345"


def test_two_sure_readers_that_disagree_leave_a_small_margin() -> None:
    together = chosen(by_slots(*"69A12345"), by_rows(spaced("69A12346")))
    assert together.confidence < 0.99
    agreeing = chosen(by_slots(*"69A12345"), by_rows(spaced("69A12345")))
    assert agreeing.confidence > together.confidence


def test_rows_and_ground_stay_the_first_readers() -> None:
    first = by_slots(*"69B123456")
    rows = by_rows(spaced("69B1"), spaced("23456"))
    assert chosen(first, rows).lines == 1


def test_one_reader_alone_is_taken_at_its_word() -> None:
    nothing = Opinion(None, [], slots=True)
    second = by_rows(spaced("69A12345"))
    assert weighed(nothing, second) is second.reading
    assert weighed(nothing, nothing) is None


def spelt(path: tuple[int, ...], *, ctc: bool) -> str:
    kept = [c for i, c in enumerate(path) if c and not (ctc and i and path[i - 1] == c)]
    return "".join(plates.ALPHABET[column - 1] for column in kept)


@pytest.mark.parametrize("ctc", [False, True])
@pytest.mark.parametrize("text", ["", "0", "01", "00", "010"])
def test_a_texts_probability_is_the_sum_of_all_ways_to_spell_it(text: str, *, ctc: bool) -> None:
    shares = np.zeros((4, WIDTH))
    shares[:, :3] = np.random.default_rng(7).dirichlet([1, 1, 1], 4)
    doubted = shares * 0.99 + 0.01 / WIDTH
    total = sum(
        np.prod([doubted[i, column] for i, column in enumerate(path)])
        for path in product(range(3), repeat=4)
        if spelt(path, ctc=ctc) == text
    )
    texts = [text, "0101"]
    said = (rows_say([shares], texts) if ctc else slots_say(shares, texts))[0]
    # Only three letters are walked through here; the rest cannot spell it.
    assert np.exp(said) == pytest.approx(total, rel=1e-9)


def test_two_rows_may_part_anywhere() -> None:
    whole, short, long = rows_say([belief(*"69"), belief(*"A1")], ["69A1", "69A", "69A12"])
    assert whole > max(short, long) + 3


def test_prefixes_of_a_row_are_all_its_beginnings() -> None:
    found = prefixes(belief("6", "_"), ["69"])[0]
    assert found[1] > 0.8
    assert found[[0, 2]].max() < 0.1
