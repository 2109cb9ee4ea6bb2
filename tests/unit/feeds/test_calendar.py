from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from ioc_cloud.feeds.calendar import Calendar, local_day
from ioc_cloud.feeds.errors import ContractBroken

# Labour Code 2019, article 112, with the yearly announcements on swapped days (2025: 26 April
# worked for 2 May; 2026: 22 August worked for 31 August), Resolution 80-NQ/TW on 24 November.
KNOWN = [
    (date(2025, 1, 28), "holiday", "eve of Tết"),
    (date(2025, 1, 29), "holiday", "Tết"),
    (date(2025, 4, 26), "swapped_working", "a Saturday worked for 2 May"),
    (date(2025, 5, 2), "swapped_off", "off for 26 April"),
    (date(2026, 1, 2), "swapped_off", "off for 10 January: 12729/VPCP-KGVX of 25 December 2025"),
    (date(2026, 1, 10), "swapped_working", "a Saturday worked for 2 January"),
    (date(2026, 2, 13), "working", "the Friday before Tết"),
    (date(2026, 2, 16), "holiday", "eve of Tết"),
    (date(2026, 2, 20), "holiday", "fourth day of Tết"),
    (date(2026, 2, 23), "working", "the Monday after Tết"),
    (date(2026, 4, 26), "holiday", "Hùng kings, on a Sunday"),
    (date(2026, 4, 27), "holiday", "made good on the Monday"),
    (date(2026, 8, 22), "swapped_working", "a Saturday worked for 31 August"),
    (date(2026, 8, 29), "weekend", "an ordinary Saturday"),
    (date(2026, 8, 31), "swapped_off", "off for 22 August"),
    (date(2026, 9, 2), "holiday", "national day"),
    (date(2026, 11, 24), "holiday", "day of Vietnamese culture, since 2026"),
    (date(2026, 11, 25), "working", "an ordinary Wednesday"),
]


@pytest.mark.parametrize(("day", "kind", "_why"), KNOWN, ids=[why for *_, why in KNOWN])
def test_a_known_day_is_what_it_was_announced_as(day: date, kind: str, _why: str) -> None:
    calendar = Calendar.load()
    assert calendar.kind(day) == kind
    assert calendar.is_working(day) == (kind in {"working", "swapped_working"})


def test_tet_of_2030_is_on_the_second_of_february() -> None:
    # A Chinese calendar has the third.
    assert Calendar.load().tet(2030) == date(2030, 2, 2)


def test_days_off_have_names_and_worked_days_have_none() -> None:
    calendar = Calendar.load()
    assert calendar.name_of(date(2026, 2, 17)) == "Tết Nguyên Đán"
    assert calendar.name_of(date(2026, 8, 31)) == "Ngày nghỉ (thay cho ngày 22/08/2026)"
    assert calendar.name_of(date(2026, 1, 2)) == "Nghỉ Tết Dương lịch (làm bù thứ Bảy 10/01/2026)"
    for worked in (date(2026, 8, 22), date(2026, 1, 10), date(2026, 8, 21)):
        assert calendar.name_of(worked) is None
    assert calendar.name_of(date(2026, 8, 29)) is None


def test_days_are_counted_from_the_nearest_tet() -> None:
    features = Calendar.load().holiday_features
    assert [features(date(2026, 2, day)).tet for day in (10, 17, 20)] == [-7, 0, 3]
    assert features(date(2025, 12, 31)).tet == -48


@pytest.mark.parametrize(
    ("day", "eve", "after"),
    [
        (date(2026, 2, 13), True, False),  # Friday; Saturday and Sunday lead into Tết
        (date(2026, 2, 23), False, True),
        (date(2026, 8, 28), True, False),
        (date(2026, 9, 3), False, True),
        (date(2026, 11, 23), True, False),
        (date(2026, 11, 25), False, True),
        (date(2026, 8, 21), False, False),  # the Saturday is worked
        (date(2026, 11, 27), False, False),  # a weekend is no holiday
    ],
)
def test_the_days_around_a_holiday_are_known(day: date, *, eve: bool, after: bool) -> None:
    found = Calendar.load().holiday_features(day)
    assert (found.eve, found.after) == (eve, after)


def test_a_weekend_that_a_decision_gives_back_is_a_weekend(tmp_path: Path) -> None:
    path = tmp_path / "vn.yaml"
    path.write_text(
        "days:\n  - {day: 2026-08-22, working: false, decision: 13/TB, note: {vi: Bỏ, en: Not}}\n",
        encoding="utf-8",
    )
    assert Calendar.load(path).kind(date(2026, 8, 22)) == "weekend"


def test_a_decision_of_the_installation_has_the_last_word(tmp_path: Path) -> None:
    path = tmp_path / "vn.yaml"
    path.write_text(
        "days:\n"
        "  - {day: 2026-12-05, working: true, decision: 12/TB, note: {vi: Làm bù, en: Worked}}\n"
        "  - {day: 2026-12-07, working: false, decision: 12/TB, note: {vi: Nghỉ bù, en: Free}}\n",
        encoding="utf-8",
    )
    calendar = Calendar.load(path)
    assert calendar.kind(date(2026, 12, 5)) == "swapped_working"
    assert calendar.kind(date(2026, 12, 7)) == "swapped_off"
    assert calendar.name_of(date(2026, 12, 7)) == "Nghỉ bù"
    assert calendar.next_working(date(2026, 12, 4)) == date(2026, 12, 5)


def test_a_decision_without_a_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vn.yaml"
    path.write_text("days:\n  - {day: 2026-12-05, working: true}\n", encoding="utf-8")
    with pytest.raises(ContractBroken, match="decision"):
        Calendar.load(path)


def test_a_day_in_the_province_begins_seven_hours_before_greenwich() -> None:
    assert local_day(datetime(2026, 11, 24, 17, 0, tzinfo=timezone.utc)) == date(2026, 11, 25)
    assert local_day(datetime(2026, 11, 24, 16, 59, tzinfo=timezone.utc)) == date(2026, 11, 24)
