"""Buckets, gaps, derivatives: laws and the cases that the contract names."""

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.ioc import series_math
from ioc_cloud.twin.ioc import timeseries as ts
from ioc_cloud.twin.ioc.series_math import Value

UTC = ZoneInfo("UTC")
NOON = datetime(2026, 3, 29, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
MOMENTS = st.integers(978_307_200, 2_208_988_800).map(
    lambda seconds: datetime.fromtimestamp(seconds, timezone.utc)
)
STEPS = st.sampled_from([1, 7, 30, 60, 300, 3600, 7200, 21600, 86400, 172800, 604800]).map(
    lambda seconds: timedelta(seconds=seconds)
)
ZONES = st.sampled_from(
    ["UTC", "Asia/Ho_Chi_Minh", "Europe/Berlin", "Asia/Kolkata", "America/New_York"]
).map(ZoneInfo)


@given(MOMENTS, STEPS, ZONES)
def test_a_bucket_holds_its_moment_and_ends_where_the_next_begins(
    at: datetime, step: timedelta, zone: ZoneInfo
) -> None:
    start = series_math.bucket_start(at, step, zone)
    after = series_math.next_bucket(start, step, zone)
    assert start <= at < after
    assert series_math.bucket_start(after, step, zone) == after
    assert series_math.bucket_start(start, step, zone) == start


@given(MOMENTS, STEPS, ZONES, st.integers(0, 200))
def test_buckets_are_whole_hours_only_where_all_of_them_are(
    at: datetime, step: timedelta, zone: ZoneInfo, many: int
) -> None:
    until = at + step * many
    whole = series_math.on_whole_hours(at, until, step, zone)
    start = series_math.bucket_start(at, step, zone)
    found = True
    while start < until:
        found = found and start.minute == start.second == 0
        start = series_math.next_bucket(start, step, zone)
    if whole:
        assert found
    elif not step % HOUR and many:
        assert not found


def test_a_day_of_a_change_of_clocks_has_23_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = series_math.bucket_start(NOON, timedelta(days=1), berlin)
    assert start == datetime(2026, 3, 28, 23, tzinfo=timezone.utc)
    assert series_math.next_bucket(start, timedelta(days=1), berlin) - start == timedelta(hours=23)


def test_gaps_are_filled_between_values_and_nowhere_else() -> None:
    values = [Value(NOON, 1.0), Value(NOON + 4 * HOUR, 5.0)]

    def fills(how: series_math.Fill | None) -> list[object]:
        return [one.value for one in series_math.filled(values, HOUR, how, UTC)]

    assert fills(None) == [1, 5]
    assert fills("null") == [1, None, None, None, 5]
    assert fills("zero") == [1, 0, 0, 0, 5]
    assert fills("previous") == [1, 1, 1, 1, 5]
    assert fills("linear") == [1, 2, 3, 4, 5]
    marked = series_math.filled(values, HOUR, "zero", UTC)
    assert [one.gap for one in marked] == [False, True, True, True, False]
    assert series_math.filled([], HOUR, "zero", UTC) == []


def test_a_gap_between_words_has_nothing_to_interpolate() -> None:
    values = [Value(NOON, "on"), Value(NOON + 2 * HOUR, value=True)]
    full = series_math.filled(values, HOUR, "linear", UTC)
    assert [one.value for one in full] == ["on", None, True]


def test_a_rate_survives_a_counter_that_began_anew() -> None:
    points = [(NOON + n * HOUR, value) for n, value in enumerate([0.0, 3600.0, 1800.0])]
    assert [one.value for one in series_math.derivative(points, rate=False)] == [1, -0.5]
    assert [one.value for one in series_math.derivative(points, rate=True)] == [1, 0.5]
    twice = [points[0], points[0], points[1]]
    assert [one.value for one in series_math.derivative(twice, rate=True)] == [1]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_the_integral_of_the_derivative_is_the_whole_change(values: list[float]) -> None:
    points = [(NOON + n * HOUR, value) for n, value in enumerate(values)]
    slopes = series_math.derivative(points, rate=False)
    steps = zip(slopes, pairwise(points), strict=True)
    change = sum(
        one.value * (now - before).total_seconds() for one, ((before, _), (now, _)) in steps
    )
    assert change == pytest.approx(values[-1] - values[0], abs=1e-3)


def test_an_integral_is_trapezoids_in_value_seconds() -> None:
    assert series_math.integral([]) == []
    assert series_math.integral([(NOON, 5.0)]) == [Value(NOON, 0)]
    found = series_math.integral([(NOON, 0.0), (NOON + HOUR, 2.0)])
    assert found == [Value(NOON + HOUR, 3600.0)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1h", 3600), ("1d", 86400), ("1w", 604800), ("PT1H", 3600),
     ("P1D", 86400), ("PT1H30M", 5400), ("P1DT1S", 86401)],
)  # fmt: skip
def test_durations_are_read_as_both_notations_write_them(text: str, seconds: int) -> None:
    assert ts.duration("step", text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1", "h", "-1h", "1.5h", "1y", "PT0.5S", "999999999w"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(DittoError) as found:
        ts.duration("step", text)
    assert found.value.http == 400


def test_from_and_to_share_one_now() -> None:
    asked = ts.question({"from": "now-1h", "to": "now"}, ["/attributes/a"], NOON)
    assert (asked.since, asked.until) == (NOON - HOUR, NOON)


@pytest.mark.parametrize(
    ("asked", "paths"),
    [
        ({"agg": "avg"}, 1), ({"agg": "median", "step": "1h"}, 1), ({"agg": "percentile"}, 1),
        ({"agg": "percentile", "percentile": "101"}, 1), ({"step": "0s"}, 1), ({}, 0), ({}, 101),
        ({"cursor": "x"}, 1), ({"order": "desc", "step": "1h", "agg": "avg"}, 1),
        ({"order": "up"}, 1), ({"limit": "0"}, 1), ({"limit": "x"}, 1), ({"fill": "spline"}, 1),
        ({"tz": "Mars/Base"}, 1), ({"tz": "../etc"}, 1), ({"step": "1s", "agg": "avg"}, 1),
        ({"from": "now", "to": "now-1h"}, 1), ({"from": "soon"}, 1), ({"from": ""}, 1),
        ({"from": "now-999999999w"}, 1),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(asked: dict[str, str], paths: int) -> None:
    whole = {"from": "now-1d", "to": "now"} | asked
    with pytest.raises(DittoError) as found:
        ts.question(whole, [f"/attributes/a{n}" for n in range(paths)], NOON)
    assert found.value.http == 400
