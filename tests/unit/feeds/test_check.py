"""What becomes of rows: taken, parked, or remarked upon."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.feed_parts import AREAS, FEED, NOW, catalogue_with, row

from ioc_cloud.feeds.batch import Rows
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.check import Checked, check, correctness, nothing_before
from ioc_cloud.feeds.deliver import places
from ioc_models.feeds import TableSpec


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return catalogue_with(tmp_path_factory.mktemp("contracts"))


@pytest.fixture(scope="module")
def daily(catalogue: Catalogue) -> TableSpec:
    return catalogue.table(FEED, "ngay")


@pytest.fixture(scope="module")
def yearly(catalogue: Catalogue) -> TableSpec:
    return catalogue.table(FEED, "nam")


def judged(
    catalogue: Catalogue, table: TableSpec, *rows: dict[str, Any], before: Any = nothing_before
) -> Checked:
    oldest = NOW - timedelta(days=1830)
    where = places(catalogue, table)
    return check(table, Rows(rows), where, now=NOW, before=before, oldest=oldest)


def rules(checked: Checked) -> list[tuple[str, str | None, str]]:
    return [(one.rule, one.field, one.severity) for one in checked.problems]


def test_a_good_row_is_taken_without_a_word(catalogue: Catalogue, daily: TableSpec) -> None:
    checked = judged(catalogue, daily, row())
    assert checked.problems == []
    assert [one.area for one in checked.taken] == ["31825"]
    assert correctness(daily, checked) == (5 + 2 + 1, 5 + 2 + 1)


@pytest.mark.parametrize(
    ("cells", "rule", "field"),
    [
        ({"visits": -1}, "min", "visits"),
        ({"visits": 2001, "paid": 1}, "max", "visits"),
        ({"visits": "bốn mươi"}, "type", "visits"),
        ({"visits": 40.5}, "type", "visits"),
        ({"visits": True}, "type", "visits"),
        ({"visits": float("inf")}, "type", "visits"),
        ({"visits": float("nan")}, "type", "visits"),
        ({"amount": "1e999"}, "type", "amount"),
        ({"level": "trung-binh"}, "choice", "level"),
        ({"since": "32/01/2026"}, "type", "since"),
        ({"seen_at": "chiều qua"}, "type", "seen_at"),
        ({"open_day": "có lẽ"}, "type", "open_day"),
        ({"note": "x" * 201}, "length", "note"),
        ({"area": "00001"}, "area", "area"),
        ({"area": None}, "area", "area"),
        ({"area": float("inf")}, "area", "area"),
        ({"period": "tuần trước"}, "period", "period"),
        ({"period": None}, "period", "period"),
        ({"period": "0001-01-01"}, "period", "period"),
        ({"period": "9999-12-31"}, "period", "period"),
        ({"period": "2026-11-25"}, "period", "period"),
        ({"period": "2019-01-01"}, "period", "period"),
        ({"paid": 41}, "paid_within_visits", "paid"),
    ],
)
def test_a_bad_cell_keeps_its_row_out(
    catalogue: Catalogue, daily: TableSpec, cells: dict[str, Any], rule: str, field: str
) -> None:
    checked = judged(catalogue, daily, row(**cells), row(AREAS[1]))
    assert (rule, field, "error") in rules(checked)
    assert list(checked.parked) == [0]
    assert [one.area for one in checked.taken] == [AREAS[1]]


def test_five_hundred_rows_with_one_bad_are_499(catalogue: Catalogue, daily: TableSpec) -> None:
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 11) for day in range(1, 11)]
    rows = [row(area, day) for area in catalogue.communes[:5] for day in days]
    rows[250] = {**rows[250], "visits": "không rõ"}
    checked = judged(catalogue, daily, *rows)
    assert len(checked.taken) == 499
    assert list(checked.parked) == [250]


def test_a_missing_required_cell_is_incomplete_and_no_error(
    catalogue: Catalogue, daily: TableSpec
) -> None:
    checked = judged(catalogue, daily, row(amount=None))
    (problem,) = checked.problems
    assert (problem.rule, problem.dimension, problem.severity) == (
        "required", "complete", "warning",
    )  # fmt: skip
    assert len(checked.taken) == 1


def test_a_missing_cell_that_is_not_required_is_nothing(
    catalogue: Catalogue, daily: TableSpec
) -> None:
    assert judged(catalogue, daily, row(patients=None)).problems == []


def test_a_rule_about_what_is_missing_is_not_asked(catalogue: Catalogue, daily: TableSpec) -> None:
    checked = judged(catalogue, daily, row(paid=None))
    assert checked.asked["paid_within_visits"] == 0
    assert len(checked.taken) == 1


def test_an_unusual_value_is_a_warning_that_lowers_correctness(
    catalogue: Catalogue, daily: TableSpec
) -> None:
    checked = judged(catalogue, daily, row(amount=60_000))
    assert rules(checked) == [("usual", "amount", "warning")]
    passed, asked = correctness(daily, checked)
    assert (asked - passed) == 1


def test_a_broken_rule_counts_with_its_weight(catalogue: Catalogue, daily: TableSpec) -> None:
    checked = judged(catalogue, daily, row(paid=41))
    passed, asked = correctness(daily, checked)
    assert asked - passed == 2


def test_a_warning_of_the_contract_keeps_no_row_out(catalogue: Catalogue, daily: TableSpec) -> None:
    checked = judged(catalogue, daily, row(visits=5, paid=2, level="cao"))
    assert rules(checked) == [("level_matches", "level", "warning")]
    assert len(checked.taken) == 1


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ("Phường Bạc Liêu", "spelling"),
        ("phường bạc liêu", "spelling"),
        ("Phuong Bac Lieu", "spelling"),
        ("Phường  Ba\u0323c Lie\u0302u", "spelling"),
        (31825, None),
        (31825.0, None),
        (" 31825 ", "spelling"),
    ],
)
def test_a_commune_is_known_by_code_or_name_however_it_is_spelt(
    catalogue: Catalogue, daily: TableSpec, said: Any, rule: str | None
) -> None:
    checked = judged(catalogue, daily, {**row(), "area": said})
    assert [one.area for one in checked.taken] == ["31825"]
    assert [one[0] for one in rules(checked)] == ([rule] if rule else [])


def test_tone_marks_may_stand_on_either_vowel(catalogue: Catalogue, daily: TableSpec) -> None:
    for said in ("Xã Hoà Bình", "Xã Hòa Bình"):
        checked = judged(catalogue, daily, {**row(), "area": said})
        assert [one.area for one in checked.taken] == ["31891"]


@pytest.mark.parametrize(
    ("said", "value", "rule"),
    [
        ("1.234", 1234, True),
        ("1 234", 1234, True),
        (1234.0, 1234, False),
        ("1234", 1234, True),
    ],
)
def test_numbers_written_as_text_are_read_and_remarked_upon(
    catalogue: Catalogue, daily: TableSpec, said: Any, value: int, *, rule: bool
) -> None:
    checked = judged(catalogue, daily, row(visits=said))
    assert [one.cells["visits"] for one in checked.taken] == [value]
    assert bool(checked.problems) is rule
    assert all(one.dimension == "clean" for one in checked.problems)


def test_vietnamese_decimals_are_decimals(catalogue: Catalogue, daily: TableSpec) -> None:
    checked = judged(catalogue, daily, row(amount="1.234,56"))
    assert [one.cells["amount"] for one in checked.taken] == [1234.56]


def test_a_code_is_known_by_its_title(catalogue: Catalogue, daily: TableSpec) -> None:
    checked = judged(catalogue, daily, row(level="Thấp"))
    assert [one.cells["level"] for one in checked.taken] == ["thap"]
    assert rules(checked) == [("spelling", "level", "warning")]


@pytest.mark.parametrize("said", ["23/11/2026", "2026-11-23"])
def test_a_day_may_be_written_the_vietnamese_way(
    catalogue: Catalogue, daily: TableSpec, said: str
) -> None:
    checked = judged(catalogue, daily, row(period=said))
    assert [str(one.period) for one in checked.taken] == ["2026-11-23"]


def test_a_line_that_nobody_filled_in_is_no_row(catalogue: Catalogue, daily: TableSpec) -> None:
    empty = {"area": AREAS[0], "period": "2026-11-23", "visits": None, "paid": "", "amount": "-"}
    checked = judged(catalogue, daily, empty)
    assert (checked.blank, checked.taken, checked.problems) == (1, [], [])


def test_a_row_said_twice_counts_once_and_is_unclean(
    catalogue: Catalogue, daily: TableSpec
) -> None:
    checked = judged(catalogue, daily, row(), row(AREAS[1]), row())
    assert [one.index for one in checked.taken] == [0, 1]
    assert rules(checked) == [("duplicate", None, "warning")]
    assert "dòng thứ 1" in checked.problems[0].vi


def test_rows_that_contradict_each_other_are_all_kept_out(
    catalogue: Catalogue, daily: TableSpec
) -> None:
    checked = judged(catalogue, daily, row(), row(visits=41), row(AREAS[1]))
    assert sorted(checked.parked) == [0, 1]
    assert [one.index for one in checked.taken] == [2]


def test_a_further_key_tells_rows_of_an_area_apart(catalogue: Catalogue, yearly: TableSpec) -> None:
    rows = [{"area": "96", "period": "2025", "goal": n, "plan": 50, "done": 40} for n in (1, 2)]
    checked = judged(catalogue, yearly, *rows)
    assert [one.key for one in checked.taken] == ["1", "2"]


def test_a_row_without_its_key_is_kept_out(catalogue: Catalogue, yearly: TableSpec) -> None:
    bad = {"area": "96", "period": "2025", "goal": None, "plan": 50, "done": 40}
    checked = judged(catalogue, yearly, bad)
    assert ("required", "goal", "error") in rules(checked)


def test_a_rule_may_look_at_the_period_before(catalogue: Catalogue, daily: TableSpec) -> None:
    def before(keys: Any) -> Any:
        return {key: {"visits": 10} for key in keys}

    checked = judged(catalogue, daily, row(visits=500), before=before)
    assert ("visits_steady", "visits", "error") in rules(checked)


def test_the_period_before_may_stand_in_the_same_delivery(
    catalogue: Catalogue, daily: TableSpec
) -> None:
    asked: list[Any] = []

    def before(keys: Any) -> Any:
        asked.extend(keys)
        return {}

    rows = (row(period="2026-11-22", visits=40), row(visits=500))
    checked = judged(catalogue, daily, *rows, before=before)
    assert list(checked.parked) == [1]
    assert [str(key[0]) for key in asked] == ["2026-11-21"]


def test_without_a_period_before_such_a_rule_is_not_asked(
    catalogue: Catalogue, daily: TableSpec
) -> None:
    checked = judged(catalogue, daily, row(visits=500))
    assert checked.problems == []
    assert checked.asked["visits_steady"] == 0


CELL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.dates(),
    st.datetimes(),
    st.sampled_from(["31825", "2026-11-23", "1e400", "=1+1", "\0", "9999-12-31", "0001-01-01"]),
)


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(
        st.dictionaries(
            st.sampled_from(
                ["area", "period", "visits", "paid", "amount", "level", "since", "seen_at",
                 "open_day", "note"]
            ),
            CELL,
        ),
        max_size=4,
    )
)  # fmt: skip
def test_whatever_comes_every_row_is_taken_parked_or_blank(
    catalogue: Catalogue, daily: TableSpec, rows: list[dict[str, Any]]
) -> None:
    checked = judged(catalogue, daily, *rows)
    repeated = sum(
        one.rule == "duplicate" and one.severity == "warning" for one in checked.problems
    )
    assert len(checked.taken) + len(checked.parked) + checked.blank + repeated == len(rows)
    errors = {one.row for one in checked.problems if one.severity == "error"}
    assert errors == set(checked.parked)
