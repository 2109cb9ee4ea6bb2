"""A contract that contradicts itself is refused, with the place and the reason."""

from copy import deepcopy
from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from ioc_models.feeds import Contract
from ioc_models.feeds.contract import Band, Person, Words

WHOLE: dict[str, Any] = {
    "id": "thu-nghiem",
    "domain": "thu-nghiem",
    "version": 1,
    "title": {"vi": "Thử nghiệm", "en": "Trial"},
    "about": {"vi": "Để thử.", "en": "For trial."},
    "unit": {"vi": "Sở A", "en": "Department A"},
    "owner": {"post": {"vi": "Trưởng phòng", "en": "Head of section"}},
    "deputy": {"post": {"vi": "Phó phòng", "en": "Deputy head"}},
    "head": {"post": {"vi": "Giám đốc", "en": "Director"}},
    "mode": "api",
    "likely_source": "Nguồn thử",
    "k_min": 5,
    "tables": [
        {
            "id": "ngay",
            "title": {"vi": "Ngày", "en": "Day"},
            "grid": {
                "areas": "communes",
                "period": "day",
                "keys": [{"field": "kind", "expected": ["a"]}],
            },
            "controls": ["count"],
            "fields": [
                {
                    "code": "kind",
                    "title": {"vi": "Loại", "en": "Kind"},
                    "type": "code",
                    "choices": [
                        {"code": "a", "title": {"vi": "A", "en": "A"}},
                        {"code": "b", "title": {"vi": "B", "en": "B"}},
                    ],
                },
                {
                    "code": "count",
                    "title": {"vi": "Số", "en": "Count"},
                    "type": "integer",
                    "unit": "ca",
                    "min": 0,
                    "max": 10,
                },
                {"code": "note", "title": {"vi": "Ghi chú", "en": "Note"}, "type": "text"},
            ],
            "rules": [
                {
                    "id": "few",
                    "expr": "count <= 5",
                    "fields": ["count"],
                    "message": {"vi": "Quá nhiều", "en": "Too many"},
                }
            ],
        }
    ],
    "indicators": [
        {
            "code": "TN.SO",
            "title": {"vi": "Số", "en": "Count"},
            "unit": "ca",
            "table": "ngay",
            "value": "count",
            "space": "sum",
            "time": "sum",
            "direction": "down",
            "persons": True,
        }
    ],
    "pull": {
        "url": "thu",
        "tables": [
            {
                "table": "ngay",
                "controls": {"count": "total"},
                "columns": {
                    "area": {"path": "xa"},
                    "period": {"path": "ngay"},
                    "kind": {"path": "loai", "codes": {"1": "a"}},
                    "count": {"path": "so", "scale": 1000},
                    "note": {"path": "ghi_chu"},
                },
            }
        ],
    },
}


def with_change(place: str, value: Any) -> dict[str, Any]:
    """The whole contract with one thing put, or with None taken away, at a path of names."""
    body = deepcopy(WHOLE)
    *way, last = place.split("/")
    here: Any = body
    for step in way:
        here = here[int(step) if step.isdigit() else step]
    if value is None:
        del here[int(last) if last.isdigit() else last]
    elif last == "+":
        here.append(value)
    else:
        here[int(last) if last.isdigit() else last] = value
    return body


def contract(place: str = "version", value: Any = 1) -> Contract:
    return Contract.model_validate(with_change(place, value))


COUNT = "tables/0/fields/1"
INDICATOR = "indicators/0"
COLUMNS = "pull/tables/0/columns"
RATIO = {"value": None, "numerator": "count", "space": "ratio"}


def ratio(**changes: Any) -> dict[str, Any]:
    whole = {**WHOLE["indicators"][0], **RATIO, "denominator": "count", **changes}
    return {name: value for name, value in whole.items() if value is not None}


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        ("hours", 3, "hours\n.*Extra inputs"),
        ("id", "Thử", "id\n.*should match pattern"),
        ("version", 0, "version\n.*greater than or equal to 1"),
        ("mode", "fax", "mode\n.*'api', 'file' or 'mqtt'"),
        ("confirmed", True, "give its number"),
        ("tables", [], "tables\n.*at least 1"),
        ("tables/+", WHOLE["tables"][0], "table 'ngay' stands twice"),
        ("indicators/+", WHOLE["indicators"][0], r"indicator 'TN\.SO' stands twice"),
        # fields
        (f"{COUNT}/code", "area", "the name is taken by every table"),
        (f"{COUNT}/code", "period_no", "the name is taken by every table"),
        (f"{COUNT}/code", "prev", "the name is taken by every table"),
        (f"{COUNT}/code", "Số", "should match pattern"),
        (f"{COUNT}/min", 11, "min 11.0 is above max 10.0"),
        (f"{COUNT}/unit", "", "a number has a unit"),
        (f"{COUNT}/unit", None, "a number has a unit"),
        (f"{COUNT}/choices", WHOLE["tables"][0]["fields"][0]["choices"], "a code has choices"),
        ("tables/0/fields/0/choices", [], "a code has choices"),
        ("tables/0/fields/2/usual", [0, 1], "only numbers have bounds"),
        ("tables/0/fields/2/pattern", "(", "its pattern cannot be read"),
        ("tables/0/fields/+", WHOLE["tables"][0]["fields"][1], "field 'count' stands twice"),
        # keys, control totals, schedule
        ("tables/0/grid/keys/0/field", "sort", "has no field 'sort'"),
        ("tables/0/grid/keys/0/expected", ["c"], "'c' is no code of kind"),
        ("tables/0/fields/0/required", False, "key kind must be required"),
        ("tables/0/controls", ["kind"], "the control total kind is no number"),
        ("tables/0/controls", ["sum"], "has no field 'sum'"),
        ("tables/0/grid/areas", "districts", "areas"),
        ("tables/0/grid/period", "fortnight", "period"),
        # rules
        ("tables/0/rules/0/expr", "cuont <= 5", "names 'cuont', which is no field"),
        ("tables/0/rules/0/expr", "prev.cuont <= 5", "names 'cuont', which is no field"),
        ("tables/0/rules/0/expr", "count <=", "cannot be read"),
        ("tables/0/rules/0/expr", "__import__('os')", "is not taken"),
        ("tables/0/rules/0/expr", "kind * 1000000000 == 'a'", "reckons with kind, which is a text"),
        ("tables/0/rules/0/fields", ["cuont"], "has no field 'cuont'"),
        ("tables/0/rules/0/weight", 0, "greater than 0"),
        ("tables/0/rules/0/dimension", "live", "'correct' or 'clean'"),
        ("tables/0/rules/+", WHOLE["tables"][0]["rules"][0], "rule 'few' stands twice"),
        # indicators
        (f"{INDICATOR}/code", "so", "should match pattern"),
        (f"{INDICATOR}/table", "thang", "has no table 'thang'"),
        (f"{INDICATOR}/value", None, "a value, or a numerator with its denominator"),
        (f"{INDICATOR}/numerator", "count", "a value, or a numerator with its denominator"),
        (INDICATOR, ratio(denominator=None), "a value, or a numerator with its denominator"),
        (INDICATOR, ratio(numerator=None), "a value, or a numerator with its denominator"),
        (INDICATOR, ratio(space="sum"), "ratios are not added up"),
        (f"{INDICATOR}/space", "ratio", "a ratio needs a numerator and a denominator"),
        (f"{INDICATOR}/space", "none", "`none` is for tables of the province"),
        (f"{INDICATOR}/value", "cuont", "names 'cuont', which is no field"),
        (f"{INDICATOR}/where", "kind = 'a'", "cannot be read"),
        (f"{INDICATOR}/warn", {}, "a band is above or below something"),
        (f"{COUNT}/pii", True, "count speaks of persons, no figure shows it"),
        ("k_min", 0, "it counts people, so the feed says k_min"),
        # sources
        ("mode", "file", "a feed of files alone asks nobody"),
        ("pull/tables/0/table", "thang", "has no table 'thang'"),
        ("pull/tables/+", WHOLE["pull"]["tables"][0], "pull: table 'ngay' stands twice"),
        (f"{COLUMNS}/cuont", {"path": "x"}, "has no field 'cuont'"),
        (f"{COLUMNS}/count", None, "nothing says where count is found"),
        (f"{COLUMNS}/period", None, "nothing says where period is found"),
        (f"{COLUMNS}/area", None, "nothing says where area is found"),
        (f"{COLUMNS}/kind/codes", {"a": "1"}, "'1' is none of the codes of kind"),
        (f"{COLUMNS}/note/scale", 2, "only numbers are scaled"),
        ("pull/tables/0/controls", {"note": "x"}, "note is no control total"),
        ("pull/sign_in", {"style": "kerberos"}, "style"),
        ("events", {"query": "traffic", "table": "thang"}, "has no table 'thang'"),
        ("events", {"query": "stations", "table": "ngay", "quantities": {"x": "y"}}, "field 'x'"),
        ("events", {"query": "select 1", "table": "ngay"}, "'traffic' or 'stations'"),
    ],
)
def test_a_fault_is_refused_with_its_place_and_reason(place: str, value: Any, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        contract(place, value)


def test_the_contract_of_these_tests_is_whole() -> None:
    assert contract().prefixes == ("TN",)


def test_a_working_day_is_no_length_of_a_month() -> None:
    body = with_change("tables/0/grid/period", "month")
    body["tables"][0]["schedule"] = {"days": "working"}
    with pytest.raises(ValidationError, match="only days are expected of working days alone"):
        Contract.model_validate(body)


def test_a_source_of_the_province_need_not_name_it() -> None:
    body = with_change(f"{COLUMNS}/area", None)
    body["tables"][0]["grid"]["areas"] = "province"
    assert "area" not in Contract.model_validate(body).pull.tables[0].columns  # type: ignore[union-attr]


def test_a_field_that_may_be_empty_need_not_be_found() -> None:
    body = with_change(f"{COLUMNS}/note", None)
    body["tables"][0]["fields"][2]["required"] = False
    assert Contract.model_validate(body).pull is not None


def test_an_example_fits_its_pattern() -> None:
    body = with_change("tables/0/fields/2/pattern", "[a-z]+")
    body["tables"][0]["fields"][2]["example"] = "tram1"
    with pytest.raises(ValidationError, match="its example does not match its pattern"):
        Contract.model_validate(body)


def test_a_contract_is_never_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        contract().version = 2  # type: ignore[misc]


def test_a_row_is_told_apart_by_its_key_and_says_the_rest() -> None:
    table = contract().table("ngay")
    assert table.key_fields == ("kind",)
    assert [field.code for field in table.figures] == ["count", "note"]


def test_a_new_telephone_number_changes_the_contract_and_not_what_scores_are_judged_by() -> None:
    before = contract()
    after = contract("owner/phone", "0290 111 111")
    assert before.sha256 != after.sha256
    assert before.rules_sha256 == after.rules_sha256
    assert contract(f"{COUNT}/max", 11).rules_sha256 != before.rules_sha256


def test_a_contract_survives_json() -> None:
    whole = contract()
    again = Contract.model_validate_json(whole.model_dump_json())
    assert again == whole
    assert again.sha256 == whole.sha256


def test_durations_are_written_as_iso_8601() -> None:
    held = contract("sla", {"working": "PT1H30M", "off": "P1D"})
    assert held.sla.working == timedelta(minutes=90)
    assert held.sla.off == timedelta(hours=24)


@pytest.mark.parametrize(
    ("value", "state"),
    [(-1, "danger"), (0, "warn"), (1, "ok"), (5, "ok"), (6, "warn"), (11, "danger")],
)
def test_a_band_begins_beyond_its_edge(value: float, state: str) -> None:
    body = with_change(f"{INDICATOR}/warn", {"above": 5, "below": 1})
    body["indicators"][0]["danger"] = {"above": 10, "below": 0}
    assert Contract.model_validate(body).indicators[0].state(value) == state


def test_a_band_without_an_edge_on_one_side_holds_nothing_there() -> None:
    assert Band(above=5).holds(5.1)
    assert not Band(above=5).holds(-1e9)


def test_a_duty_lasts_from_its_first_day_through_its_last() -> None:
    first, last = date(2026, 1, 1), date(2026, 6, 30)
    person = Person(post=Words(vi="Trưởng phòng", en="Head"), since=first, until=last)
    days = (date(2025, 12, 31), first, last, date(2026, 7, 1))
    assert [person.on_duty(day) for day in days] == [False, True, True, False]
    assert Person(post=person.post).on_duty(first)
