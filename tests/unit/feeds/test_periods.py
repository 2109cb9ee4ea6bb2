"""Periods: written as ISO 8601 writes them, counted in the province's days."""

from datetime import date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_models.feeds import LOCAL, Cadence, NotAPeriod, Period
from ioc_models.feeds.periods import between, containing, parse

MOMENTS = st.datetimes(
    min_value=datetime(1990, 1, 2),  # noqa: DTZ001 the strategy adds the zone
    max_value=datetime(2090, 12, 30),  # noqa: DTZ001
    timezones=st.sampled_from([timezone.utc, LOCAL, timezone(timedelta(hours=-11))]),
)
CADENCES = st.sampled_from(Cadence)


@given(MOMENTS, CADENCES)
def test_a_period_reads_as_it_is_written(moment: datetime, cadence: Cadence) -> None:
    period = containing(moment, cadence)
    assert parse(str(period), cadence) == period


@given(MOMENTS, CADENCES)
def test_next_and_previous_undo_each_other(moment: datetime, cadence: Cadence) -> None:
    period = containing(moment, cadence)
    assert period.next().previous() == period == period.previous().next()


@given(MOMENTS, CADENCES)
def test_periods_touch_and_do_not_overlap(moment: datetime, cadence: Cadence) -> None:
    period = containing(moment, cadence)
    assert period.start <= moment < period.end
    assert period.end == period.next().start
    assert period.start.utcoffset() == timedelta(0)
    last = period.end - timedelta(microseconds=1)
    assert containing(period.start, cadence) == containing(last, cadence) == period


@given(MOMENTS, CADENCES)
def test_a_text_of_one_length_names_no_period_of_another(
    moment: datetime, cadence: Cadence
) -> None:
    text = str(containing(moment, cadence))
    for other in Cadence:
        if other is not cadence:
            with pytest.raises(NotAPeriod):
                parse(text, other)


@given(MOMENTS, CADENCES)
def test_a_period_before_stands_before_it(moment: datetime, cadence: Cadence) -> None:
    period = containing(moment, cadence)
    assert period.previous() < period < period.next()


@given(MOMENTS, CADENCES)
def test_a_year_numbers_its_periods_from_one_without_a_gap(
    moment: datetime, cadence: Cadence
) -> None:
    period = containing(moment, cadence)
    after = period.next()
    assert after.number in {1, period.number + 1}
    assert period.number >= 1


@given(st.dates(min_value=date(1990, 1, 2), max_value=date(2090, 12, 30)))
def test_a_day_is_the_provinces_day(day: date) -> None:
    period = containing(day, Cadence.DAY)
    assert str(period) == day.isoformat()
    assert period.first_day == period.last_day == day
    assert period.start.astimezone(LOCAL).hour == 0


@given(MOMENTS, CADENCES, st.integers(0, 30))
def test_what_lies_between_is_every_period_once(
    moment: datetime, cadence: Cadence, steps: int
) -> None:
    last = first = containing(moment, cadence)
    for _ in range(steps):
        last = last.next()
    found = between(first.start, last.start, cadence)
    assert len(found) == steps + 1
    assert (found[0], found[-1]) == (first, last)
    assert all(one.next() == other for one, other in pairwise(found))


@pytest.mark.parametrize(
    ("text", "cadence", "start"),
    [
        # Vietnam is seven hours ahead: its midnight is 17:00 of the day before.
        ("2026-11-24", Cadence.DAY, "2026-11-23T17:00:00+00:00"),
        ("2026-11-24T00", Cadence.HOUR, "2026-11-23T17:00:00+00:00"),
        ("2026-11-24T06:45", Cadence.QUARTER_HOUR, "2026-11-23T23:45:00+00:00"),
        ("2026-11", Cadence.MONTH, "2026-10-31T17:00:00+00:00"),
        ("2026-Q4", Cadence.QUARTER, "2026-09-30T17:00:00+00:00"),
        ("2026", Cadence.YEAR, "2025-12-31T17:00:00+00:00"),
        ("2026-W01", Cadence.WEEK, "2025-12-28T17:00:00+00:00"),
        ("2026-W53", Cadence.WEEK, "2026-12-27T17:00:00+00:00"),
    ],
)
def test_a_period_starts_at_local_midnight(text: str, cadence: Cadence, start: str) -> None:
    assert parse(text, cadence).start.isoformat() == start


@pytest.mark.parametrize(
    ("day", "week"),
    [
        (date(2026, 1, 1), "2026-W01"),
        (date(2025, 12, 29), "2026-W01"),
        (date(2026, 12, 31), "2026-W53"),
        (date(2027, 1, 3), "2026-W53"),
        (date(2027, 1, 4), "2027-W01"),
        (date(2024, 12, 30), "2025-W01"),
        (date(2021, 1, 3), "2020-W53"),
    ],
)
def test_a_week_belongs_to_the_year_of_its_thursday(day: date, week: str) -> None:
    assert str(containing(day, Cadence.WEEK)) == week


def test_a_moment_just_before_local_midnight_is_of_the_day_before() -> None:
    midnight = datetime(2026, 11, 23, 17, tzinfo=timezone.utc)
    assert str(containing(midnight, Cadence.DAY)) == "2026-11-24"
    before = midnight - timedelta(microseconds=1)
    assert str(containing(before, Cadence.DAY)) == "2026-11-23"


@pytest.mark.parametrize(
    ("text", "cadence"),
    [
        ("2026-02-29", Cadence.DAY),
        ("2026-13", Cadence.MONTH),
        ("2026-00", Cadence.MONTH),
        ("2025-W53", Cadence.WEEK),
        ("2026-W54", Cadence.WEEK),
        ("2026-W00", Cadence.WEEK),
        ("2026-Q5", Cadence.QUARTER),
        ("2026-11-24T24", Cadence.HOUR),
        ("2026-11-24T10:20", Cadence.QUARTER_HOUR),
        ("24/11/2026", Cadence.DAY),
        ("2026-11-24 ", Cadence.DAY),
        ("2026-11-24\n", Cadence.DAY),
        ("0000", Cadence.YEAR),
        ("", Cadence.DAY),
    ],
)
def test_what_the_calendar_has_not_is_no_period(text: str, cadence: Cadence) -> None:
    with pytest.raises(NotAPeriod, match=f"is no {cadence.value}"):
        parse(text, cadence)


def test_the_number_of_a_period_is_its_place_in_its_year() -> None:
    texts = {
        Cadence.QUARTER_HOUR: ("2026-01-02T00:15", 98),
        Cadence.HOUR: ("2026-01-02T00", 25),
        Cadence.DAY: ("2028-12-31", 366),
        Cadence.WEEK: ("2026-W53", 53),
        Cadence.MONTH: ("2026-11", 11),
        Cadence.QUARTER: ("2026-Q4", 4),
        Cadence.YEAR: ("2026", 1),
    }
    assert {one: parse(text, one).number for one, (text, _) in texts.items()} == {
        one: number for one, (_, number) in texts.items()
    }


def test_the_same_time_a_year_before_the_29th_of_february_is_the_28th() -> None:
    assert str(parse("2028-02-29", Cadence.DAY).same_last_year()) == "2027-02-28"
    assert str(parse("2026-Q4", Cadence.QUARTER).same_last_year()) == "2025-Q4"
    assert str(parse("2026", Cadence.YEAR).same_last_year()) == "2025"


def test_quarters_cover_their_three_months() -> None:
    quarter = parse("2026-Q1", Cadence.QUARTER)
    assert (quarter.first_day, quarter.last_day) == (date(2026, 1, 1), date(2026, 3, 31))


def test_quarters_of_an_hour_and_hours_are_shorter_than_a_day() -> None:
    assert [one for one in Cadence if one.is_short] == [Cadence.QUARTER_HOUR, Cadence.HOUR]


def test_periods_are_equal_by_what_they_are() -> None:
    start = datetime(2025, 12, 31, 17, tzinfo=timezone.utc)
    assert Period(start, Cadence.YEAR) == parse("2026", Cadence.YEAR)
    assert Period(start, Cadence.YEAR) != Period(start, Cadence.DAY)


FIRST = datetime(1, 1, 1, 0, 30, tzinfo=LOCAL)
LAST = datetime.max.replace(tzinfo=timezone.utc)


@pytest.mark.parametrize("cadence", [Cadence.DAY, Cadence.MONTH, Cadence.QUARTER, Cadence.YEAR])
def test_a_moment_at_the_edge_of_time_is_no_period_and_no_crash(cadence: Cadence) -> None:
    for moment in (FIRST, LAST):
        with pytest.raises(NotAPeriod):
            containing(moment, cadence)
    with pytest.raises(NotAPeriod):
        containing(date(9999, 12, 31), cadence).next()
