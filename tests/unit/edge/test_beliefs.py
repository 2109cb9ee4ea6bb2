"""From belief to text: the search, and a grammar that evidence can outvote."""

from math import exp
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ioc_edge.beliefs import (
    MOST,
    beam_search,
    held_back,
    letter_column,
    read_rows,
    read_slots,
)
from ioc_models import plates

COLUMNS = 1 + len(plates.ALPHABET)
TEXTS = st.text(alphabet=plates.ALPHABET, min_size=1, max_size=10)
Belief = NDArray[np.float64]


def steps(*letters: str, sure: float = 0.9) -> Belief:
    belief = np.full((len(letters), COLUMNS), 1e-4)
    for step, letter in zip(belief, letters, strict=True):
        step[letter_column(letter) if letter else 0] = sure
    return belief


def slots(*places: dict[str, float] | str, count: int = 10) -> Belief:
    """Belief where each place is a letter, "" for empty, or shares of several."""
    belief = np.full((count, COLUMNS), 1e-6)
    for place, row in zip((*places, *[""] * (count - len(places))), belief, strict=True):
        shares = {place: 1.0} if isinstance(place, str) else place
        for letter, share in shares.items():
            row[letter_column(letter) if letter else 0] = share
    whole: Belief = belief / belief.sum(axis=1, keepdims=True)
    return whole


def text_of(belief: Belief, lines: Literal[1, 2] | None = None) -> str | None:
    reading = read_slots(belief, lines)
    return None if reading is None else reading.text


def test_a_letter_held_over_steps_is_one_and_with_a_gap_two() -> None:
    assert beam_search(steps("6", "6", "", "9"))[0].text == "69"
    assert beam_search(steps("6", "", "6", "9"))[0].text == "669"
    assert beam_search(steps("", "", "6", "", "", "6", ""))[0].text == "66"


def test_each_letter_keeps_its_own_confidence() -> None:
    belief = steps("6", "", "9")
    belief[2, letter_column("9")] = 0.5
    assert beam_search(belief)[0].characters == pytest.approx((0.9, 0.5))


def test_rows_are_joined_from_the_top() -> None:
    reading = read_rows([steps(*"69B1"), steps(*"23456")], "69-B1 234.56", 2)
    assert reading is not None
    assert (reading.text, reading.raw, reading.lines) == ("69B123456", "69-B1 234.56", 2)
    assert reading.characters == pytest.approx((0.9,) * 9)


def test_slots_are_read_in_order_whichever_is_empty() -> None:
    assert text_of(slots(*"69A12345")) == "69A12345"
    assert text_of(slots("6", "9", "", "A", *"12345")) == "69A12345"
    assert text_of(slots("", *"69MĐ1", *"2345")) == "69MĐ12345"


def test_nothing_written_is_no_reading() -> None:
    assert text_of(slots()) is None
    assert text_of(slots({"": 0.9, "7": 0.1})) is None


def test_a_doubtful_letter_is_settled_by_the_law() -> None:
    assert text_of(slots("6", "9", {"0": 0.55, "D": 0.45}, *"12345")) == "69D12345"
    assert text_of(slots({"0": 0.6, "6": 0.4}, *"9A12345")) == "69A12345"
    assert text_of(slots(*"69M", {"D": 0.7, "Đ": 0.3}, *"112345")) == "69MĐ112345"


@pytest.mark.parametrize(("share", "text"), [(0.9, "69D12345"), (0.998, "69012345")])
def test_a_clear_letter_outvotes_the_law_and_a_doubtful_one_does_not(
    share: float, text: str
) -> None:
    assert text_of(slots("6", "9", {"0": share, "D": 1 - share}, *"12345")) == text


@pytest.mark.parametrize(
    "seen", ["00A12345", "13A12345", "69012345", "AB123CD", "69R12345", "123456"]
)
def test_a_clear_text_is_told_as_it_is(seen: str) -> None:
    reading = read_slots(slots(*seen))
    assert reading is not None
    assert (reading.text, reading.raw) == (seen, seen)
    assert reading.confidence > 0.9


@given(TEXTS, st.data())
def test_what_is_clear_in_every_place_is_never_bent(seen: str, data: st.DataObject) -> None:
    places = []
    for letter in seen:
        other = data.draw(st.sampled_from(["", *plates.ALPHABET]).filter(lambda s: s != letter))  # noqa: B023
        doubt = data.draw(st.floats(0, exp(-MOST - 0.1)))
        places.append({letter: 1.0, other: doubt})
    reading = read_slots(slots(*places), data.draw(st.sampled_from([None, 1, 2])))
    assert reading is not None
    assert reading.text == reading.raw == seen


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 2.0))
def test_no_letter_is_read_that_no_place_believes_in(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    belief = rng.dirichlet([spread / COLUMNS] * COLUMNS, 10)
    reading = read_slots(belief)
    if reading is None:
        return
    place = 0
    for letter in reading.text:
        column = letter_column(letter)
        while belief[place, column] <= 1e-3:
            place += 1
            assert place < len(belief)
        place += 1
    assert len(reading.characters) == len(reading.text)
    assert 0 <= reading.margin <= reading.confidence <= 1
    assert all(0 <= share <= 1 for share in reading.characters)
    assert reading.text != reading.runner_up


@given(st.one_of(TEXTS, st.text(alphabet="0169AĐT", max_size=9)))
def test_no_rule_costs_more_than_the_whole_prior(text: str) -> None:
    for lines in (None, 1, 2):
        for ground in (None, "white", "yellow", "blue", "red", "other"):
            assert 0 <= held_back(text, lines, ground) <= MOST


def test_each_broken_rule_has_its_price() -> None:
    prices = [
        held_back("69A12345", 1),
        held_back("69AA12345", 2),
        held_back("13A12345", 1),
        held_back("AB123CD", 1),
    ]
    assert prices == sorted(prices)
    assert held_back("69AA12345", 1) > held_back("69AA12345", 2)
    assert held_back("69A12345", 1, "red") > held_back("69A12345", 1, "white")
    assert held_back("TM1234", 1, "white") > held_back("TM1234", 1, "red")
    assert held_back("EY1234") > held_back("TM1234")


def test_the_runner_up_and_its_distance_are_told() -> None:
    reading = read_slots(slots(*"69A1234", {"5": 0.6, "6": 0.3, "8": 0.1}))
    assert reading is not None
    assert (reading.text, reading.runner_up) == ("69A12345", "69A12346")
    assert reading.confidence == pytest.approx(0.6, abs=0.01)
    assert reading.margin == pytest.approx(0.3, abs=0.01)
    assert reading.characters[-1] == pytest.approx(0.6, abs=0.01)


def test_a_clear_plate_has_a_runner_up_too() -> None:
    reading = read_slots(slots(*"69A1234", {"5": 1.0, "6": 1e-4}))
    assert reading is not None
    assert reading.runner_up == "69A12346"
    assert reading.margin > 0.99


def test_confidence_is_how_often_the_text_is_right() -> None:
    """Belief drawn so that its odds are true: a shift of one variance over noise."""
    rng = np.random.default_rng(4)
    sigma = 3.7
    right, told = [], []
    for number in range(10_000, 10_400):
        seen = f"69A{number}"
        logits = rng.normal(0, sigma, (10, COLUMNS))
        for place in range(10):
            column = letter_column(seen[place]) if place < len(seen) else 0
            logits[place, column] += sigma**2
        belief: Any = np.exp(logits - logits.max(axis=1, keepdims=True))
        reading = read_slots(belief / belief.sum(axis=1, keepdims=True))
        right.append(reading is not None and reading.text == seen)
        told.append(0.0 if reading is None else reading.confidence)
    assert np.mean(right) == pytest.approx(np.mean(told), abs=0.06)
    assert np.mean(right) > 0.6


def test_rows_are_told_from_the_layout_when_they_are_not_known() -> None:
    one, two = read_slots(slots(*"69A12345")), read_slots(slots(*"69AB12345"))
    assert one is not None
    assert two is not None
    assert (one.lines, two.lines) == (1, 2)
