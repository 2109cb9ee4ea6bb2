import pytest

from ioc_cloud.feeds.doors.stillness import Look, Stillness, counts


def names(looks: list[Look]) -> list[str]:
    return [look.name for look in looks]


def test_a_file_is_whole_at_the_second_look_at_the_same_bytes() -> None:
    still = Stillness()
    assert still.whole([Look("a", 5, 1.0)]) == []
    assert names(still.whole([Look("a", 5, 1.0)])) == ["a"]


@pytest.mark.parametrize("then", [Look("a", 6, 1.0), Look("a", 5, 2.0)])
def test_a_file_that_grew_or_was_touched_waits_again(then: Look) -> None:
    still = Stillness()
    still.whole([Look("a", 5, 1.0)])
    assert still.whole([then]) == []
    assert names(still.whole([then])) == ["a"]


def test_an_empty_file_is_not_whole_yet() -> None:
    still = Stillness()
    for _ in range(3):
        assert still.whole([Look("a", 0, 1.0)]) == []


def test_a_file_that_went_and_came_is_looked_at_twice_again() -> None:
    still = Stillness()
    still.whole([Look("a", 5, 1.0)])
    still.whole([])
    assert still.whole([Look("a", 5, 1.0)]) == []


def test_the_oldest_comes_first() -> None:
    looks = [Look("a", 1, 3.0), Look("b", 1, 1.0), Look("c", 1, 2.0)]
    still = Stillness()
    still.whole(looks)
    assert names(still.whole(looks)) == ["b", "c", "a"]


@pytest.mark.parametrize(
    "name", ["a.PART", ".hidden", "~$a.xlsx", "a.xlsx~", "a.ok", "a.xlsx.reason.txt"]
)
def test_names_that_are_nobodys_figures(name: str) -> None:
    assert not counts(name)
