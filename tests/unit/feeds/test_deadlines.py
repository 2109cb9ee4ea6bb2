from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.deadlines import (
    Span,
    age,
    changed_of,
    due,
    due_of,
    expected,
    fresh_share,
    liveness,
    merged,
    overlap,
    reached,
    stages,
)
from ioc_models.feeds import LOCAL, Cadence
from ioc_models.feeds.contract import Schedule, Sla
from ioc_models.feeds.periods import containing, parse

CALENDAR = Calendar.load()
HOUR = timedelta(hours=1)
FRIDAY = datetime(2026, 8, 21, 16, 30, tzinfo=LOCAL)
YEAR = timedelta(days=365)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 8, day, hour, minute, tzinfo=LOCAL)


@pytest.mark.parametrize(
    ("changed", "hours", "why"),
    [
        (FRIDAY, 12, "a working Friday, due on Saturday at half past four"),
        (at(22, 9), 12, "a Saturday that is worked"),
        (at(23, 9), 24, "a Sunday"),
        (at(31, 9), 24, "a Monday off"),
        (at(22, 0), 12, "midnight ends the Friday"),
        (at(24, 0), 24, "midnight ends the Sunday"),
    ],
)
def test_the_day_of_the_change_decides(changed: datetime, hours: int, why: str) -> None:
    assert due(changed, Sla(), CALENDAR) == changed + hours * HOUR, why


def test_by_the_other_reading_the_day_of_the_deadline_decides() -> None:
    sla = Sla(basis="due_day")
    assert due(at(28, 16), sla, CALENDAR) == at(28, 16) + 24 * HOUR, "due on a free Saturday"
    assert due(at(23, 20), sla, CALENDAR) == at(23, 20) + 12 * HOUR, "due on a Monday"


def test_a_feed_by_the_hour_is_due_on_the_day_after() -> None:
    period = parse("2026-08-21", Cadence.DAY)
    assert due_of(period, Schedule(by=time(8)), Sla(), CALENDAR) == at(22, 8)
    month = parse("2026-07", Cadence.MONTH)
    by_the_fifth = Schedule(by=time(17), days_after=5)
    assert due_of(month, by_the_fifth, Sla(), CALENDAR) == at(5, 17)


def test_what_is_due_before_its_day_is_over_changes_in_the_morning() -> None:
    period = parse("2026-08-21", Cadence.DAY)
    due_at = due_of(period, Schedule(by=time(10), days_after=0), Sla(), CALENDAR)
    assert changed_of(period, due_at) == period.start
    late = liveness(at(21, 20), period.start, due_at, now=at(22, 0))
    assert late == pytest.approx(0.5), "ten hours late of twenty"


def test_a_feed_that_rests_is_not_expected_on_days_off() -> None:
    rests = Schedule(days="working")
    assert expected(parse("2026-08-22", Cadence.DAY), rests, CALENDAR), "worked"
    assert not expected(parse("2026-08-23", Cadence.DAY), rests, CALENDAR)
    assert expected(parse("2026-08-23", Cadence.DAY), Schedule(), CALENDAR)


def test_six_hours_late_of_twelve_is_three_quarters_alive() -> None:
    # Changed Friday 16:30, due Saturday 04:30, here at 10:30: 100 (1 - (18-12)/(36-12)) = 75.
    due_at = due(FRIDAY, Sla(), CALENDAR)
    assert liveness(at(22, 10, 30), FRIDAY, due_at, now=at(30, 0)) == pytest.approx(0.75)
    assert liveness(FRIDAY + 36 * HOUR, FRIDAY, due_at, now=at(30, 0)) == 0
    assert liveness(due_at, FRIDAY, due_at, now=at(30, 0)) == 1


def test_what_is_not_due_yet_has_no_score() -> None:
    due_at = FRIDAY + 12 * HOUR
    assert liveness(None, FRIDAY, due_at, now=due_at) is None
    assert liveness(None, FRIDAY, due_at, now=due_at + 12 * HOUR) == pytest.approx(0.5)


def test_maintenance_is_no_lateness_but_age_all_the_same() -> None:
    due_at = FRIDAY + 12 * HOUR
    window = (due_at, due_at + 6 * HOUR)
    here = due_at + 6 * HOUR
    assert liveness(here, FRIDAY, due_at, now=here, suspended=[window]) == 1
    assert age(here, FRIDAY) == 18 * HOUR


@given(
    st.timedeltas(timedelta(0), YEAR),
    st.timedeltas(timedelta(0), YEAR),
    st.timedeltas(HOUR, timedelta(days=3)),
)
def test_later_is_never_more_alive(one: timedelta, more: timedelta, allowed: timedelta) -> None:
    due_at = FRIDAY + allowed
    far = FRIDAY + 3 * YEAR
    early = liveness(FRIDAY + one, FRIDAY, due_at, now=far)
    late = liveness(FRIDAY + one + more, FRIDAY, due_at, now=far)
    assert early is not None
    assert late is not None
    assert 0 <= late <= early <= 1


spans = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(1, 2_000)).map(
        lambda pair: (
            FRIDAY + pair[0] * timedelta(minutes=1),
            FRIDAY + sum(pair) * timedelta(minutes=1),
        )
    ),
    max_size=6,
)


@given(spans, st.timedeltas(timedelta(0), timedelta(days=7)))
def test_a_window_never_makes_it_worse(windows: list[Span], late: timedelta) -> None:
    due_at = FRIDAY + 12 * HOUR
    arguments: dict[str, Any] = {"now": FRIDAY + YEAR}
    without = liveness(due_at + late, FRIDAY, due_at, **arguments)
    within = liveness(due_at + late, FRIDAY, due_at, suspended=windows, **arguments)
    assert without is not None
    assert within is not None
    assert within >= without


@given(spans, spans)
def test_what_is_covered_twice_counts_once(one: list[Span], other: list[Span]) -> None:
    whole = (FRIDAY, FRIDAY + timedelta(days=9))
    assert overlap(whole, one + one) == overlap(whole, one)
    assert merged(merged(one + other)) == merged(one + other)


def test_a_stream_is_fresh_for_its_window_after_each_value() -> None:
    day = date(2026, 8, 21)
    midnight = containing(day, Cadence.DAY).start
    every_hour = [midnight + n * HOUR for n in range(24)]
    now = midnight + YEAR
    assert fresh_share(every_hour, HOUR, day, now=now) == 1
    assert fresh_share(every_hour, HOUR / 2, day, now=now) == pytest.approx(0.5)
    assert fresh_share([], HOUR, day, now=now) == 0
    rest = [(midnight, midnight + 12 * HOUR)]
    afternoon = [at for at in every_hour if at >= midnight + 12 * HOUR]
    assert fresh_share(afternoon, HOUR, day, now=now, suspended=rest) == 1
    assert fresh_share([], HOUR, day, now=now, suspended=[(midnight, midnight + 24 * HOUR)]) is None


def test_the_value_of_the_evening_before_keeps_the_night_fresh() -> None:
    day = date(2026, 8, 21)
    midnight = containing(day, Cadence.DAY).start
    share = fresh_share([midnight - HOUR], 7 * HOUR, day, now=midnight + YEAR)
    assert share == pytest.approx(6 / 24)


def test_stages_come_at_half_four_fifths_the_deadline_and_twice_the_allowance() -> None:
    found = stages(FRIDAY, FRIDAY + 10 * HOUR)
    assert [(one.name, one.at - FRIDAY) for one in found] == [
        ("half", 5 * HOUR),
        ("most", 8 * HOUR),
        ("due", 10 * HOUR),
        ("overdue", 20 * HOUR),
    ]
    assert found[1].tells == ("owner",)
    assert found[2].tells == ("owner", "deputy")
    assert found[3].tells == ("owner", "deputy", "head")
    assert [one.name for one in reached(FRIDAY, FRIDAY + 10 * HOUR, FRIDAY + 8 * HOUR)] == [
        "half",
        "most",
    ]


def test_the_head_is_not_told_while_the_house_stands_still() -> None:
    due_at = FRIDAY + 10 * HOUR
    # Two hours before the deadline to three after it, and one hour later on.
    rest = [(due_at - 2 * HOUR, due_at + 3 * HOUR), (due_at + 8 * HOUR, due_at + 9 * HOUR)]
    found = {one.name: one.at - FRIDAY for one in stages(FRIDAY, due_at, rest)}
    assert found == {"half": 5 * HOUR, "most": 8 * HOUR, "due": 10 * HOUR, "overdue": 24 * HOUR}
    assert [one.name for one in reached(FRIDAY, due_at, FRIDAY + 23 * HOUR, rest)][-1] == "due"


@given(spans, st.timedeltas(timedelta(minutes=1), timedelta(days=9)))
def test_a_stage_never_comes_sooner_for_a_window(windows: list[Span], allowed: timedelta) -> None:
    due_at = FRIDAY + allowed
    plain, moved = stages(FRIDAY, due_at), stages(FRIDAY, due_at, windows)
    assert all(one.at <= other.at for one, other in zip(plain, moved, strict=True))
    # What a missing delivery still counts for when the head is told: half, window or not.
    left = liveness(None, FRIDAY, due_at, now=moved[-1].at, suspended=windows)
    assert allowed < HOUR or left == pytest.approx(0.5, abs=1e-6)
