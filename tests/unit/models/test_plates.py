"""Plates: what the law allows, as people write it, and what the public may see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_models import plates


@pytest.mark.parametrize(
    ("text", "layout", "province", "written"),
    [
        ("69A12345", "car", 69, "69A-123.45"),
        ("94C1234", "car", 94, "94C-1234"),
        ("69B112345", "motorbike", 69, "69-B1 123.45"),
        ("69AA12345", "motorbike", 69, "69-AA 123.45"),
        ("69MĐ112345", "electric", 69, "69-MĐ1 123.45"),
        ("69LD12345", "special", 69, "69-LD 123.45"),
        ("80441NG02", "diplomatic", 80, "80-441-NG-02"),
        ("TM1234", "military", None, "TM-1234"),
    ],
)
def test_a_legal_plate_is_read_and_written(
    text: str, layout: str, province: int | None, written: str
) -> None:
    plate = plates.parse(text)
    assert plate is not None
    assert (plate.layout, plate.province) == (layout, province)
    assert plates.for_people(text) == written
    assert plates.normalise(written) == text


@pytest.mark.parametrize(
    "text", ["", "13A12345", "69I12345", "69A123", "69A1234567", "A1234567", "99Z"]
)
def test_a_plate_that_cannot_exist_is_not_made_legal(text: str) -> None:
    assert plates.parse(text) is None
    assert plates.for_people(text) == text


def test_old_codes_of_both_halves_stay_legal() -> None:
    assert plates.CA_MAU <= plates.PROVINCES


def test_a_plate_is_found_without_its_mark() -> None:
    assert plates.search_key("69-MĐ1 123.45") == plates.search_key("69md112345")


@given(st.text(max_size=30))
def test_a_normal_form_is_its_own_normal_form(text: str) -> None:
    once = plates.normalise(text)
    assert plates.normalise(once) == once


@given(st.from_regex(r"[1-9][0-9][ABCDE][0-9]{5}", fullmatch=True))
def test_a_masked_plate_shows_the_province_at_most(text: str) -> None:
    shown = plates.masked(text)
    assert len(shown) == len(text)
    assert set(shown[2:]) == {"•"}
    assert shown[:2] in {text[:2], "••"}
