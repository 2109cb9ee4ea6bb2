"""Which periods a day answers for."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.feed_scored import CALENDAR, CONTRACT, FEED, catalogue

from ioc_cloud.feeds.dues import Plan
from ioc_models.feeds import LOCAL, Cadence, Contract, periods

DAYS = st.dates(date(2025, 1, 1), date(2027, 12, 31))


def plan(cadence: str = "day", **schedule: Any) -> Plan:
    """Of one table of the small feed, with another schedule."""
    ngay = CONTRACT["tables"][0]
    table = {
        **ngay,
        "grid": {"areas": "communes", "period": cadence},
        "schedule": schedule,
    }
    feed = Contract.model_validate({**CONTRACT, "tables": [table]})
    return Plan(feed, feed.tables[0], CALENDAR)


PLANS = {
    "by hour": plan(by="08:00"),
    "on its own day": plan(by="15:00", days_after=0),
    "days worked": plan(by="08:00", days="working"),
    "agreed hours": plan(),
    "agreed hours, days worked": plan(days="working"),
    "week": plan("week", by="15:00", days_after=2),
    "month": plan("month", by="17:00", days_after=5),
    "quarter": plan("quarter", by="17:00", days_after=10),
    "year": plan("year", by="17:00", days_after=31),
    "stream": plan("15min", window="PT1H"),
}


def named(found: Plan, day: str) -> list[str]:
    return [str(one.period) for one in found.on(date.fromisoformat(day))]


@pytest.mark.parametrize(
    ("which", "day", "periods_due"),
    [
        ("by hour", "2026-02-17", ["2026-02-16"]),
        ("on its own day", "2026-02-17", ["2026-02-17"]),
        # Nothing falls due over Tết: the last working day's figures keep their state.
        ("days worked", "2026-02-14", ["2026-02-13"]),
        ("days worked", "2026-02-20", ["2026-02-13"]),
        ("days worked", "2026-02-24", ["2026-02-23"]),
        # 24 h for Sunday, 12 h for Monday: both on Tuesday; none on Sunday.
        ("agreed hours", "2026-02-10", ["2026-02-08", "2026-02-09"]),
        ("agreed hours", "2026-02-08", ["2026-02-06"]),
        # Saturday 22 August was worked: due on Sunday at noon.
        ("agreed hours", "2026-08-23", ["2026-08-22"]),
        ("agreed hours", "2026-08-24", ["2026-08-22"]),
        ("week", "2026-02-17", ["2026-W07"]),
        ("week", "2026-02-16", ["2026-W06"]),
        ("month", "2026-02-05", ["2026-01"]),
        ("month", "2026-02-04", ["2025-12"]),
        ("quarter", "2026-01-10", ["2025-Q4"]),
        ("year", "2026-01-30", ["2024"]),
        ("year", "2026-01-31", ["2025"]),
    ],
)
def test_a_day_answers_for_what_falls_due_on_it_or_fell_due_last(
    which: str, day: str, periods_due: list[str]
) -> None:
    assert named(PLANS[which], day) == periods_due


def test_a_streams_day_has_ninety_six_periods_shifted_by_its_window() -> None:
    found = named(PLANS["stream"], "2026-02-10")
    assert len(found) == 96
    assert (found[0], found[-1]) == ("2026-02-09T22:45", "2026-02-10T22:30")


@pytest.mark.parametrize("which", PLANS)
@given(day=DAYS)
def test_no_day_answers_for_nothing_or_for_what_is_due_after_it(which: str, day: date) -> None:
    found = PLANS[which].on(day)
    end = periods.containing(day, Cadence.DAY).end
    assert found
    assert all(one.due_at < end for one in found)
    assert [one.period for one in found] == sorted(one.period for one in found)


@pytest.mark.parametrize("which", PLANS)
@given(day=DAYS)
def test_a_period_is_answered_for_on_every_day_until_the_next_is_due(which: str, day: date) -> None:
    found = PLANS[which]
    period = found.on(day)[-1].period
    first, last = found.until_next(period)
    assert first <= day <= last
    for one in (first, last):
        assert period in [due.period for due in found.on(one)]
    assert period not in [due.period for due in found.on(last + timedelta(days=1))]


@pytest.mark.parametrize("which", PLANS)
@given(day=DAYS, minute=st.integers(0, 24 * 60 - 1))
def test_the_next_deadline_is_the_first_that_lies_ahead(which: str, day: date, minute: int) -> None:
    found = PLANS[which]
    now = datetime(day.year, day.month, day.day, tzinfo=LOCAL) + timedelta(minutes=minute)
    after = found.next_after(now)
    assert after.due_at > now
    (before, *_) = found.before(after)
    assert before.due_at <= now


def test_a_declared_change_counts_inside_its_period_alone() -> None:
    agreed = PLANS["agreed hours"]
    day = periods.parse("2026-08-21", Cadence.DAY)

    def due(declared: datetime) -> str:
        return f"{agreed.due(day, declared).due_at.astimezone(LOCAL):%d %H:%M}"

    assert due(datetime(2026, 8, 21, 16, 30, tzinfo=LOCAL)) == "22 04:30"
    assert due(datetime(2026, 8, 23, 9, tzinfo=LOCAL)) == "22 12:00"
    assert due(datetime(2026, 8, 1, tzinfo=LOCAL)) == "21 12:00"
    # By the hour of a day nothing is declared away.
    by_hour = PLANS["by hour"].due(day, datetime(2026, 8, 21, 23, tzinfo=LOCAL))
    assert f"{by_hour.due_at.astimezone(LOCAL):%d %H:%M}" == "22 08:00"


def test_the_keys_of_a_grid_are_areas_times_lists_or_nobody_knows() -> None:
    feeds = catalogue("su_co")
    feed = feeds.feed(FEED)
    known, unknown = (Plan(feed, table, CALENDAR).keys(feeds) for table in feed.tables)
    assert known == [("31825", ""), ("31834", ""), ("31840", "")]
    assert unknown is None
