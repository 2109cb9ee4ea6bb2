"""A grammar matches what its model accepts, and refuses to be made where it cannot know."""

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from ioc_cloud.events.grammar import NotInGrammar, pattern
from ioc_models.events import canonical_json


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Reading(Closed):
    n: Annotated[int, Field(ge=0, le=4096)]
    share: Annotated[float, Field(ge=0, le=1)] = 0.0
    turn: Annotated[float, Field(ge=-180, le=180)] | None = None
    tags: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[a-z]{1,3}$")], ...], Field(max_length=3)
    ] = ()


READING = {exact: pattern(Reading, {("n",): "n"}, exact=exact) for exact in (True, False)}


@given(
    st.integers(-5, 5000),
    st.sampled_from([0.0, 1.0, 0.25, 1.25, -0.5, 1 / 3]),
    st.none() | st.sampled_from([-180.0, 180.0, 179.99, 180.5, -0.0, 7, 99.125]),
    st.lists(st.sampled_from(["a", "abc", "abcd", "A"]), max_size=4),
)
def test_what_matches_is_what_the_model_accepts(
    n: int, share: float, turn: float | None, tags: list[str]
) -> None:
    body = {"n": n, "share": share, "turn": turn, "tags": tags}
    text = canonical_json(body).decode()
    try:
        Reading.model_validate(body)
        sound = True
    except ValueError:
        sound = False
    assert bool(READING[False].fullmatch(text)) == sound
    if found := READING[True].fullmatch(text):
        assert sound
        assert found["n"] == str(n)


@pytest.mark.parametrize(
    "text",
    [
        '{"n":1,"n":1}', '{"n":01}', '{"n":1.0}', '{"n":-1}', '{"n":true}', '{"n":1,"x":1}', "{}",
        '{"n":1,}', ' {"n":1}', '{"n":1}\n', '{"share":0.5,"n":1}', '{"n":1,"share":.5}',
        '{"n":1,"share":1e-1}', '{"n":1,"share":0.00001}', '{"n":1,"turn":-0}',
        '{"n":1,"tags":[,]}',
    ],
)  # fmt: skip
def test_other_spellings_do_not_match(text: str) -> None:
    assert not any(each.fullmatch(text) for each in READING.values())


@pytest.mark.parametrize("text", ['{"n":1,"share":0.50}', '{"n":1,"share":0.1234567890123456789}'])
def test_a_number_that_may_not_be_canonical_is_not_matched_exactly(text: str) -> None:
    assert READING[True].fullmatch(text) is None
    assert READING[False].fullmatch(text)


def test_what_is_not_told_is_none() -> None:
    found = pattern(Reading, {("n",): "n", ("z", "y"): "y"}).fullmatch('{"n":7}')
    assert found is not None
    assert found.groupdict() == {"n": "7", "y": None}


def even(number: int) -> int:
    if number % 2:
        raise ValueError("odd")
    return number


@pytest.mark.parametrize(
    "unknown",
    [
        Annotated[int, Field(ge=0), AfterValidator(even)],
        Annotated[int, Field(ge=0, multiple_of=2)],
        Annotated[int, Field(ge=7)],
        Annotated[float, Field(ge=2, le=3)],
        Annotated[str, StringConstraints(pattern=r"^\d$")],
        Annotated[str, StringConstraints(pattern=r"^.$")],
        Annotated[str, StringConstraints(pattern=r"^[^a]$")],
        str,
        dict[str, int],
        Any,
    ],
    ids=[
        "own-validator",
        "multiple",
        "least-7",
        "range-of-float",
        "one-figure",
        "any-letter",
        "not-a",
        "free-text",
        "any-keys",
        "anything",
    ],
)
def test_a_rule_without_a_pattern_is_refused_at_once(unknown: Any) -> None:
    class Strange(Closed):
        value: unknown

    with pytest.raises(NotInGrammar):
        pattern(Strange, {})


def test_a_model_that_takes_unknown_keys_is_refused() -> None:
    class Open(BaseModel):
        n: Annotated[int, Field(ge=0)]

    with pytest.raises(NotInGrammar):
        pattern(Open, {})
