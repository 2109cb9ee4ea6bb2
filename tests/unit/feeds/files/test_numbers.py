"""Numbers and dates as officers type them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_cloud.feeds.files import numbers


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1234.56", "1234.56"),
        ("1234,56", "1234.56"),
        ("1.234.567", "1234567"),
        ("1,234,567.8", "1234567.8"),
        ("1 234 567", "1234567"),
        ("1\u00a0234,5", "1234.5"),
        ("1\u202f234", "1234"),
        ("1'234", "1234"),
        ("0,123", "0.123"),
        ("0.123", "0.123"),
        ("1.2345", "1.2345"),
        ("\uff11\uff12", "12"),
        ("\u22125", "-5"),
        ("(1.234,5)", "-1234.5"),
        ("+7", "7"),
        (".5", "0.5"),
        ("1,5E+3", "1500"),
        ("1234.567", "1234.567"),
    ],
)
def test_text_that_can_only_be_one_number_is_read_and_noted(raw: str, value: str) -> None:
    found = numbers.number(raw)

    assert found.value == Decimal(value)
    assert [one.rule for one in found.findings] == ["number-as-text"]


@pytest.mark.parametrize(
    ("raw", "integer", "decimal_comma", "value"),
    [
        ("1.234", False, True, "1234"),
        ("1,234", False, True, "1.234"),
        ("1.234", False, False, "1.234"),
        ("1,234", False, False, "1234"),
        ("1.234", True, True, "1234"),
        ("1,234", True, True, "1234"),
        ("1,234", True, False, "1234"),
    ],
)
def test_three_digits_after_one_mark_are_read_by_the_rule(
    raw: str, *, integer: bool, decimal_comma: bool, value: str
) -> None:
    found = numbers.number(raw, integer=integer, decimal_comma=decimal_comma)

    assert found.value == Decimal(value)
    assert ("ambiguous-number" in [one.rule for one in found.findings]) is not integer


@pytest.mark.parametrize(
    "raw",
    [
        "abc",
        "12.34.567",
        "12.345,678.9",
        "1..2",
        "$5",
        "(5",
        "(-5)",
        "1,2,3",
        "--5",
        "1" * 60,
        "1/2",
    ],
)
def test_what_is_no_number_is_an_error_and_no_value(raw: str) -> None:
    found = numbers.number(raw)

    assert found.value is None
    assert [(one.rule, one.severity) for one in found.findings] == [("type", "error")]


@pytest.mark.parametrize(
    "raw", [True, float("nan"), float("inf"), Decimal("NaN"), date(2026, 1, 1)]
)
def test_cells_that_hold_no_number_are_errors(raw: object) -> None:
    assert numbers.number(raw).findings[0].severity == "error"


@pytest.mark.parametrize(("raw", "value"), [(5, "5"), (0.1, "0.1"), (Decimal("1.10"), "1.10")])
def test_typed_numbers_need_no_remark(raw: object, value: str) -> None:
    assert numbers.number(raw) == numbers.Parsed(Decimal(value))


@pytest.mark.parametrize("raw", [None, "", "  ", "\u00a0"])
def test_an_empty_cell_is_no_figure_and_no_fault(raw: object) -> None:
    assert numbers.number(raw) == numbers.Parsed(None)


@pytest.mark.parametrize("raw", ["-", "...", "…", "N/A"])
def test_signs_for_no_figure_are_never_zero(raw: str) -> None:
    found = numbers.number(raw)

    assert found.value is None
    assert [(one.rule, one.severity) for one in found.findings] == [("no-figure", "warning")]


@pytest.mark.parametrize(
    ("raw", "value", "unit"),
    [
        ("12 ha", "12", "ha"),
        ("12,5%", "12.5", "%"),
        ("3 m3", "3", "m3"),
        ("1.500.000 đồng", "1500000", "đồng"),
    ],
)
def test_a_unit_after_the_number_is_taken_off_and_noted(raw: str, value: str, unit: str) -> None:
    found = numbers.number(raw)

    assert (found.value, found.unit) == (Decimal(value), unit)
    assert "unit-in-cell" in [one.rule for one in found.findings]


def test_another_unit_than_the_columns_is_an_error() -> None:
    assert numbers.number("12 HA", unit="ha").value == 12
    assert numbers.number("3 m³", unit="m3").value == 3
    found = numbers.number("12 km2", unit="ha")

    assert found.value is None
    assert found.findings[-1].rule == "wrong-unit"


@pytest.mark.parametrize("raw", ["1O5", "l2", "12O"])
def test_letters_in_place_of_digits_are_never_guessed(raw: str) -> None:
    found = numbers.number(raw)

    assert found.value is None
    assert found.findings[0].severity == "error"


figures = st.decimals(min_value=-(10**12), max_value=10**12, places=4)


@given(value=figures, vietnamese=st.booleans())
def test_a_number_written_the_vietnamese_or_english_way_is_read_back(
    value: Decimal, *, vietnamese: bool
) -> None:
    english = f"{value:,.4f}"
    shown = english.translate(str.maketrans(",.", ".,")) if vietnamese else english

    assert numbers.number(shown, decimal_comma=vietnamese).value == value


@given(
    st.integers(min_value=-(10**15), max_value=10**15), st.sampled_from([".", ",", " ", "'", ""])
)
def test_a_whole_number_grouped_in_any_way_is_read_back(value: int, mark: str) -> None:
    assert numbers.number(f"{value:,}".replace(",", mark), integer=True).value == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_cell_keeps_the_digits_that_its_sheet_shows(value: float) -> None:
    found = numbers.number(value).value

    assert found is not None
    assert float(found) == value


@given(st.text(max_size=50))
def test_any_text_is_a_number_or_has_its_reason(raw: str) -> None:
    found = numbers.number(raw)

    assert found.value is not None or found.findings or not raw.strip()


# -- days ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "value", "rules"),
    [
        ("21/8/2026", date(2026, 8, 21), ["date-as-text"]),
        ("02/01/2026", date(2026, 1, 2), ["date-as-text"]),
        ("21-08-2026", date(2026, 8, 21), ["date-as-text"]),
        ("21.08.2026", date(2026, 8, 21), ["date-as-text"]),
        ("2026-08-21", date(2026, 8, 21), []),
        (date(2026, 8, 21), date(2026, 8, 21), []),
        (datetime(2026, 8, 21), date(2026, 8, 21), []),  # noqa: DTZ001 a sheet's own
        (datetime(2026, 8, 21, 7), date(2026, 8, 21), ["time-dropped"]),  # noqa: DTZ001 a sheet's own
        (datetime(2026, 8, 21, 20, tzinfo=UTC), date(2026, 8, 22), ["time-dropped"]),
        ("2026-08-21T20:00:00Z", date(2026, 8, 22), ["time-dropped"]),
        ("21/08/2026 00:00", date(2026, 8, 21), ["date-as-text"]),
        ("21/08/2026 16:30", date(2026, 8, 21), ["date-as-text", "time-dropped"]),
        (46255, date(2026, 8, 21), ["date-as-number"]),
        (46255.5, date(2026, 8, 21), ["date-as-number", "time-dropped"]),
        (None, None, []),
        ("  ", None, []),
        ("21/08/26", None, ["two-digit-year"]),
        ("31/02/2026", None, ["type"]),
        ("08/21/2026", None, ["type"]),
        ("hôm qua", None, ["type"]),
        (True, None, ["type"]),
        (5, None, ["date-range"]),
        (9e99, None, ["date-range"]),
        ("01/01/1066", None, ["date-as-text", "date-range"]),
        (date(2999, 1, 1), None, ["date-range"]),
    ],
)
def test_days_are_read_day_first_and_in_four_digit_years(
    raw: object, value: date | None, rules: list[str]
) -> None:
    found = numbers.date(raw)

    assert found.value == value
    assert [one.rule for one in found.findings] == rules


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("21/08/2026 16:30", datetime(2026, 8, 21, 9, 30, tzinfo=UTC)),
        ("21/8/2026 7:05:09", datetime(2026, 8, 21, 0, 5, 9, tzinfo=UTC)),
        ("2026-08-21T16:30:00+07:00", datetime(2026, 8, 21, 9, 30, tzinfo=UTC)),
        ("2026-08-21T09:30:00Z", datetime(2026, 8, 21, 9, 30, tzinfo=UTC)),
        (datetime(2026, 8, 21, 16, 30), datetime(2026, 8, 21, 9, 30, tzinfo=UTC)),  # noqa: DTZ001 a sheet's own
        (46255.6875, datetime(2026, 8, 21, 9, 30, tzinfo=UTC)),
        (date(2026, 8, 21), datetime(2026, 8, 20, 17, tzinfo=UTC)),
        ("21/08/2026", datetime(2026, 8, 20, 17, tzinfo=UTC)),
        ("21/08/26 10:00", None),
        ("21/08/2026 25:00", None),
        (date(1066, 1, 1), None),
        (-1, None),
        ("", None),
    ],
)
def test_moments_without_a_zone_are_the_provinces(raw: object, value: datetime | None) -> None:
    assert numbers.moment(raw).value == value


@given(st.dates(min_value=date(1900, 3, 1), max_value=date(2100, 12, 31)))
def test_a_day_written_in_any_accepted_way_is_read_back(day: date) -> None:
    serial = (day - date(1899, 12, 30)) // timedelta(days=1)
    for raw in (
        day,
        f"{day:%d/%m/}{day.year}",
        f"{day.day}/{day.month}/{day.year}",
        day.isoformat(),
        serial,
    ):
        assert numbers.date(raw).value == day


@given(st.text(max_size=30))
def test_any_text_is_a_day_or_has_its_reason(raw: str) -> None:
    for found in (numbers.date(raw), numbers.moment(raw)):
        assert found.value is not None or found.findings or not raw.strip()
