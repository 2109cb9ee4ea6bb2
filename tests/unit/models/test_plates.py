"""Plates: what the law allows, as people write it, and what the public may see."""

import unicodedata
from datetime import date
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_models import plates
from ioc_models.plates import law

PROVINCE = st.sampled_from(sorted(plates.PROVINCES)).map(str)
NUMBER = st.from_regex(r"[0-9]{4,5}", fullmatch=True).filter(lambda number: number.strip("0"))
KINDS = st.sampled_from(
    [
        kind
        for kind in law.SERIES
        if kind.layout in {"car", "electric", "special", "motorbike", "temporary"}
    ]
)
LEGAL = st.builds(
    lambda province, series, number: province + series + number,
    PROVINCE,
    KINDS.flatmap(lambda kind: st.sampled_from(sorted(kind.allowed))),
    NUMBER,
)
ANY = st.text(alphabet=plates.ALPHABET + "OIQJW", max_size=11)
TYPED = st.text(alphabet=plates.ALPHABET + "đdðoq-. \u0336", max_size=14)


@pytest.mark.parametrize(
    ("text", "layout", "province", "written"),
    [
        ("69A12345", "car", 69, "69A-123.45"),
        ("94C1234", "car", 94, "94C-1234"),
        ("69B112345", "motorbike", 69, "69-B1 123.45"),
        ("69AA12345", "motorbike", 69, "69-AA 123.45"),
        ("29AR12345", "motorbike", 29, "29-AR 123.45"),
        ("69MĐ112345", "electric", 69, "69-MĐ1 123.45"),
        ("69MĐ12345", "electric", 69, "69-MĐ 123.45"),
        ("69LD12345", "special", 69, "69-LD 123.45"),
        ("69TĐ12345", "special", 69, "69-TĐ 123.45"),
        ("69R12345", "special", 69, "69R-123.45"),
        ("69RM12345", "special", 69, "69-RM 123.45"),
        ("74LB12345", "zone", 74, "74-LB 123.45"),
        ("T6912345", "temporary", 69, "T69-123.45"),
        ("80B12345", "car", 80, "80B-123.45"),
        ("80441NG02", "diplomatic", 80, "80-441-NG-02"),
        ("80NG16806", "diplomatic", 80, "80-NG-168-06"),
        ("TM1234", "military", None, "TM-1234"),
        ("QH1234", "military", None, "QH-1234"),
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
    "text",
    [
        *("", "13A12345", "69I12345", "69A123", "69A1234567", "A1234567", "99Z"),
        # What another library lets through: no such province, no such letters.
        *("00A12345", "00A-123.45", "69I-123.45", "69O-123.45", "69J-123.45", "69W-123.45"),
        *("46A12345", "10A12345", "42B12345", "87A12345", "96A12345"),
        # G never stands second, a series has no 0, nothing is registered as 000.00.
        *("29AG12345", "69A012345", "69A00000", "69RA12345", "69Đ12345", "69AĐ12345"),
        *("AUDI", "C00D", "HOTEL2026", "TM12345", "T13A1234", "80441NG2", "69LB12345x"),
    ],
)
def test_a_plate_that_cannot_exist_is_not_made_legal(text: str) -> None:
    assert plates.parse(text) is None
    assert plates.fits(text) == ()
    assert plates.for_people(text) == text


def test_a_trailer_is_never_a_car() -> None:
    assert [plate.layout for plate in plates.fits("69R-123.45")] == ["special"]


def test_eight_characters_can_be_a_car_or_an_old_motorbike() -> None:
    both = plates.fits("69A12345")
    assert [(p.layout, p.series, p.number) for p in both] == [
        ("car", "A", "12345"),
        ("motorbike", "A1", "2345"),
    ]
    assert plates.for_people("69A12345", layout="motorbike") == "69-A1 2345"
    assert plates.for_people("69A12345", vehicle="motorbike") == "69-A1 2345"


def test_a_foreigners_plate_can_be_a_motorbikes_too() -> None:
    both = plates.fits("80NN16806")
    assert [plate.layout for plate in both] == ["motorbike", "diplomatic"]
    assert plates.for_people("80NN16806", layout="diplomatic") == "80-NN-168-06"


@pytest.mark.parametrize(
    ("text", "seen", "layouts"),
    [
        ("69A12345", {"lines": 1}, ["car"]),
        ("69A12345", {"lines": 2}, ["car", "motorbike"]),
        ("69A12345", {"vehicle": "car"}, ["car"]),
        ("69A12345", {"vehicle": "motorbike"}, ["motorbike"]),
        ("69A12345", {"vehicle": "vehicle"}, ["car", "motorbike"]),
        ("69A12345", {"ground": "yellow"}, ["car"]),
        ("69A12345", {"ground": "red"}, []),
        ("69P12345", {"ground": "blue"}, []),
        ("69M12345", {"ground": "blue", "lines": 1}, ["car"]),
        ("69AA12345", {"ground": "blue"}, []),
        ("69CD12345", {"ground": "blue"}, ["special"]),
        ("TM1234", {"ground": "white"}, []),
        ("TM1234", {"ground": "red"}, ["military"]),
        ("69R12345", {"vehicle": "motorbike"}, []),
        ("69MĐ112345", {"lines": 1}, []),
    ],
)
def test_what_else_is_seen_narrows_the_layouts(
    text: str, seen: dict[str, Any], layouts: list[str]
) -> None:
    assert [plate.layout for plate in plates.fits(text, **seen)] == layouts


def test_old_codes_of_both_halves_are_todays_ca_mau() -> None:
    assert frozenset({69, 94}) == plates.CA_MAU
    plate = plates.parse("94C12345")
    assert plate is not None
    assert plate.province_today == "Cà Mau"
    assert law.PROVINCE_OF[94].on(date(2025, 6, 30)) == "Bạc Liêu"
    assert law.PROVINCE_OF[94].on(date(2025, 7, 1)) == "Cà Mau"


def test_every_code_from_11_to_99_is_issued_or_known_not_to_be() -> None:
    assert frozenset(range(11, 100)) == plates.PROVINCES | law.NEVER_ISSUED
    assert not plates.PROVINCES & law.NEVER_ISSUED
    today = {p.today for p in law.PROVINCE_OF.values() if p.code != law.POLICE_DEPARTMENT}
    assert len(today) == 34
    assert len({p.until_merger for p in law.PROVINCE_OF.values()}) == 64


def test_every_fact_names_a_source_that_is_listed() -> None:
    named = {kind.source for kind in law.SERIES} | {g.source for g in law.GROUNDS.values()}
    named |= {province.source for province in law.PROVINCE_OF.values()}
    assert named <= set(law.SOURCES)


@pytest.mark.parametrize(
    "typed",
    ["69-MĐ1 123.45", "69md\u03361 12345", "69-mđ1-123.45", "69MÐ112345", "69mɖ1_12345"],
)
def test_every_spelling_of_the_letter_is_one(typed: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert plates.normalise(unicodedata.normalize(form, typed)) == "69MĐ112345"


def test_a_plate_is_found_without_its_mark() -> None:
    assert plates.search_key("69-MĐ1 123.45") == plates.search_key("69md112345")


@given(st.one_of(st.text(max_size=30), TYPED))
def test_a_normal_form_is_its_own_normal_form(text: str) -> None:
    once = plates.normalise(text)
    assert plates.normalise(once) == once
    assert set(once) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZĐ")


@given(st.one_of(LEGAL, ANY))
def test_what_is_written_for_people_is_the_same_plate(text: str) -> None:
    for plate in plates.fits(text):
        written = plates.for_people(text, layout=plate.layout)
        assert plates.normalise(written) == plates.normalise(text)
        assert plate in plates.fits(written)


@given(LEGAL)
def test_a_legal_plate_parses_whole_and_each_of_its_letters_may_follow(text: str) -> None:
    for plate in plates.fits(text):
        parts = str(plate.province or "") + plate.series + plate.number
        assert sorted(parts) == sorted(text)
    assert plates.fits(text)
    state = ""
    for letter in text:
        state = plates.STEPS[state][letter]


@pytest.mark.parametrize("text", ["13", "00", "69AAA", "691234", "6A"])
def test_what_begins_no_plate_has_no_way_on(text: str) -> None:
    state: str | None = ""
    for letter in text:
        state = plates.STEPS[state].get(letter) if state is not None else None
    assert state is None


@given(ANY)
def test_narrowing_never_adds_a_layout(text: str) -> None:
    every = plates.fits(text)
    seen: tuple[dict[str, Any], ...] = (
        {"lines": 1},
        {"ground": "blue"},
        {"vehicle": "motorbike"},
    )
    for one in seen:
        assert set(plates.fits(text, **one)) <= set(every)


@given(st.from_regex(r"[1-9][0-9][ABCDE][0-9]{5}", fullmatch=True))
def test_a_masked_plate_shows_the_province_at_most(text: str) -> None:
    shown = plates.masked(text)
    assert len(shown) == len(text)
    assert set(shown[2:]) == {"•"}
    assert shown[:2] in {text[:2], "••"}


@given(ANY, ANY, ANY)
def test_the_distance_is_a_metric(a: str, b: str, c: str) -> None:
    ab = plates.distance(a, b)
    assert (ab == 0) == (a == b)
    assert ab == pytest.approx(plates.distance(b, a))
    assert plates.distance(a, c) <= ab + plates.distance(b, c) + 1e-9


@given(ANY, ANY, st.floats(0, 12))
def test_a_limit_never_changes_a_distance_within_it(a: str, b: str, limit: float) -> None:
    free = plates.distance(a, b)
    assert plates.distance(a, b, at_most=limit) == (free if free <= limit else float("inf"))


@pytest.mark.parametrize(
    ("near", "far"),
    [
        (("69MĐ112345", "69MD112345"), ("69MĐ112345", "69MK112345")),
        (("69B12345", "69812345"), ("69B12345", "69C12345")),
        (("69A12345", "69A1Z345"), ("69A12345", "69A1K345")),
        (("69A12345", "69A123450"), ("69A12345", "94C54321")),
    ],
)
def test_look_alikes_are_nearer_than_other_letters(
    near: tuple[str, str], far: tuple[str, str]
) -> None:
    assert plates.distance(*near) < plates.distance(*far)


def test_a_watch_list_answers_with_the_nearest_first() -> None:
    listed = ["69A12346", "69A12845", "69A12345", "94C00001"]
    found = plates.nearest("69A1234S", listed)
    assert [plate for plate, _ in found] == ["69A12345", "69A12346"]
    assert all(a[1] <= b[1] for a, b in pairwise(found))
