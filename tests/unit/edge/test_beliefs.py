"""From belief to text: the search, and a grammar that evidence can outvote."""

import numpy as np
import pytest

from ioc_edge.beliefs import beam_search, letter_column
from ioc_models import plates


def steps(*letters: str, sure: float = 0.9) -> np.ndarray:
    belief = np.full((len(letters), 1 + len(plates.ALPHABET)), 1e-4)
    for step, letter in zip(belief, letters, strict=True):
        step[letter_column(letter) if letter else 0] = sure
    return belief


def test_a_letter_held_over_steps_is_one_and_with_a_gap_two() -> None:
    assert beam_search(steps("6", "6", "", "9"))[0].text == "69"
    assert beam_search(steps("6", "", "6", "9"))[0].text == "669"


def test_each_letter_keeps_its_own_confidence() -> None:
    belief = steps("6", "", "9")
    belief[2, letter_column("9")] = 0.5
    assert beam_search(belief)[0].characters == pytest.approx((0.9, 0.5))
