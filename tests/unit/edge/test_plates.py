"""The election of a plate's text from many looks."""

import pytest

from ioc_edge.backends import Reading
from ioc_edge.plates import Ballot


def look(text: str, confidence: float = 0.95, **other: float) -> Reading:
    characters = tuple(other.get(letter, confidence) for letter in text)
    return Reading(text, text, sum(characters) / len(characters), characters, 2, margin=0.9)


def elected(*looks: Reading) -> str | None:
    ballot = Ballot()
    for one in looks:
        ballot.add(one)
    result = ballot.result()
    return None if result is None else result.text


def test_each_character_is_elected_on_its_own() -> None:
    assert elected(look("69A12345"), look("69A12845"), look("69A72345")) == "69A12345"


def test_one_sure_look_outweighs_two_doubtful_ones() -> None:
    doubtful = look("69A12845", 0.99, **{"8": 0.3})
    assert elected(look("69A12345", 0.99), doubtful, doubtful) == "69A12345"


def test_a_look_that_lost_a_character_does_not_shift_the_rest() -> None:
    assert elected(look("69A12345"), look("69A1234", 0.9), look("69A12345")) == "69A12345"


def test_a_plate_settles_only_after_three_agreeing_looks() -> None:
    ballot = Ballot()
    states = []
    for _ in range(3):
        ballot.add(look("69A12345"))
        states.append(ballot.settled())
    assert states == [False, False, True]


def test_disagreement_does_not_settle() -> None:
    ballot = Ballot()
    for text in ("69A12345", "69A12845", "69A12045"):
        ballot.add(look(text, 0.6))
    assert not ballot.settled()


def test_an_unknown_format_is_told_as_not_legal_when_nearly_certain_and_never_corrected() -> None:
    ballot = Ballot()
    for _ in range(3):
        ballot.add(look("AB123CD", 0.97))
    result = ballot.result()
    assert result is not None
    assert (result.text, result.legal) == ("AB123CD", False)


@pytest.mark.parametrize("one", [look("AB123CD", 0.8), look("AUDI", 0.99), look("69A12345", 0.3)])
def test_what_is_not_worth_a_line_on_a_screen_is_not_told(one: Reading) -> None:
    assert elected(one) is None


def test_a_text_made_by_the_rules_rather_than_the_picture_is_not_told() -> None:
    sign = Reading("15D12026", "HOTEL 2026", 0.95, (0.95,) * 8, 1)
    assert elected(sign, sign, sign) is None


@pytest.mark.parametrize("raw", ["15-01-202", "-2026 09:27", "09:27:00", "15/01/2026"])
def test_the_clock_that_a_camera_burns_in_is_no_plate(raw: str) -> None:
    burnt_in = Reading("20Z60927", raw, 0.95, (0.95,) * 8, 1)
    assert elected(burnt_in, burnt_in, burnt_in) is None


def test_a_single_doubtful_look_needs_another() -> None:
    assert elected(look("69A12345", 0.65)) is None
    assert elected(look("69A12345", 0.65), look("69A12345", 0.65)) == "69A12345"


def test_nothing_read_is_nothing_told() -> None:
    assert elected() is None


def test_the_runner_up_is_named() -> None:
    ballot = Ballot()
    for text in ("69A12345", "69A12345", "69A12845"):
        ballot.add(look(text))
    result = ballot.result()
    assert result is not None
    assert result.runner_up == "69A12845"
    assert result.votes == 2
    assert 0 < result.margin < 1
