"""The election of a plate's text from many looks."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_edge.backends import Reading
from ioc_edge.overlay import beside
from ioc_edge.plates import Ballot
from ioc_models import plates
from ioc_models.events import PlateReading

TEXTS = st.text(alphabet=plates.ALPHABET, max_size=9, min_size=1)


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


def test_looks_of_different_lengths_are_laid_over_one_another() -> None:
    # One lost its first letter, one its last, one took a bolt for a 1.
    looks = (look("9A12345"), look("69A1234"), look("69A123145"), look("69A12345"))
    assert elected(*looks) == "69A12345"


@pytest.mark.parametrize(
    ("one", "other", "pairs"),
    [
        ("69A12345", "69A12845", [(i, i) for i in range(8)]),
        ("69A12345", "69A1245", [*((i, i) for i in range(5)), (5, None), (6, 5), (7, 6)]),
        ("69A12345", "9A12345", [(0, None), *((i + 1, i) for i in range(7))]),
        ("69D1", "690M1", [(0, 0), (1, 1), (2, 2), (None, 3), (3, 4)]),
        ("", "6", [(None, 0)]),
    ],
)
def test_places_of_two_texts_are_paired(
    one: str, other: str, pairs: list[tuple[int | None, int | None]]
) -> None:
    assert beside(one, other) == pairs


@given(TEXTS, TEXTS)
def test_every_place_of_either_text_is_paired_once_and_in_order(one: str, other: str) -> None:
    pairs = beside(one, other)
    assert [i for i, _ in pairs if i is not None] == list(range(len(one)))
    assert [j for _, j in pairs if j is not None] == list(range(len(other)))


@given(st.lists(TEXTS, min_size=1, max_size=5), st.floats(0.5, 0.99))
def test_no_letter_is_elected_that_no_look_saw_in_a_text_of_that_length(
    texts: list[str], sure: float
) -> None:
    ballot = Ballot()
    for text in texts:
        ballot.add(look(text, sure))
    result = ballot.result()
    if result is not None:
        assert set(result.text) <= set("".join(texts))
        assert min(map(len, texts)) <= len(result.text) <= max(map(len, texts)) + 2
        assert len(result.characters) == len(result.text)


@given(st.integers(1, 10))
def test_looks_that_agree_are_never_outvoted_by_the_law(count: int) -> None:
    ballot = Ballot()
    for _ in range(count):
        ballot.add(look("AB123CD", 0.99))
    result = ballot.result()
    assert (result is not None) == (count >= 3)
    assert result is None or (result.text, result.legal) == ("AB123CD", False)


def test_more_looks_make_surer_but_ten_are_not_ten_witnesses() -> None:
    confidences = []
    for count in (2, 4, 8):
        ballot = Ballot()
        for _ in range(count):
            ballot.add(look("69A12345", 0.55))
        result = ballot.result()
        assert result is not None
        confidences.append(result.confidence)
    assert confidences == sorted(confidences)
    assert confidences[0] < 0.9


def test_a_runner_up_in_each_look_is_heard() -> None:
    """Three looks torn between 5 and 6, the last of them the other way."""
    torn = Reading(
        "69A12346", "69A12346", 0.5, (*(0.99,) * 7, 0.5), 1, runner_up="69A12345", margin=0.05
    )
    clear = look("69A12345", 0.9)
    assert elected(torn, torn, clear) == "69A12345"


@pytest.mark.parametrize(
    ("one", "found", "box", "reason"),
    [
        # open-nvr, issue 386: the rings of an Audi.
        (look("C00D", 0.99), 0.376, (0, 0, 60, 20), "faint"),
        (look("C00D", 0.99), 0.9, (0, 0, 60, 20), "format"),
        (look("AUDKA", 0.99), 0.9, (0, 0, 60, 20), "format"),
        (look("69A12345", 0.99), 0.2, (0, 0, 60, 50), "faint"),
        (look("69A12345", 0.99), 0.9, (0, 0, 60, 200), "shape"),
        (look("69A12345", 0.99), 0.9, (0, 0, 300, 50), "shape"),
        (look("69A12345", 0.99), 0.9, (0, 0, 12, 9), "small"),
        (look("69A12345", 0.99), 0.9, (10, 10, 10, 10), "small"),
    ],
)
def test_a_look_that_shows_no_plate_is_refused_and_counted(
    one: Reading, found: float, box: tuple[float, float, float, float], reason: str
) -> None:
    ballot = Ballot()
    for _ in range(4):
        assert not ballot.add(one, found=found, box=box)
    assert ballot.refused == {reason: 4}
    assert ballot.result() is None


def test_a_faint_detection_of_a_legal_plate_counts_but_less() -> None:
    ballot = Ballot()
    ballot.add(look("69A12345", 0.98), found=0.3)
    ballot.add(look("69A12845", 0.98), found=0.9)
    result = ballot.result()
    assert result is not None
    assert result.text == "69A12845"


def test_ground_and_rows_are_elected_too() -> None:
    ballot = Ballot()
    for ground, lines in (("yellow", 1), ("white", 2), ("yellow", 1)):
        ballot.add(replace(look("69A12345"), ground=ground, lines=lines))  # type: ignore[arg-type]
    result = ballot.result()
    assert result is not None
    assert (result.ground, result.lines, result.layouts) == ("yellow", 1, ("car",))


def test_the_layouts_stay_open_until_something_seen_narrows_them() -> None:
    ballot = Ballot()
    ballot.add(look("69A12345"))
    both, motorbike, none = (ballot.result(), ballot.result("motorbike"), ballot.result("boat"))
    assert both is not None
    assert motorbike is not None
    assert none is not None
    assert both.layouts == none.layouts == ("car", "motorbike")
    assert motorbike.layouts == ("motorbike",)


def test_a_mixture_that_nobody_read_and_no_law_knows_is_not_told() -> None:
    assert elected(look("AB123CD"), look("AB128CE"), look("EB123CE")) is None


def test_an_event_with_ground_and_layouts_crosses_the_wire() -> None:
    ballot = Ballot()
    ballot.add(replace(look("69A12345"), ground="blue"))
    result = ballot.result()
    assert result is not None
    assert PlateReading.model_validate_json(result.model_dump_json()) == result
