"""How thresholds follow what people said."""

from hypothesis import given
from hypothesis import strategies as st

from ioc_cloud.feeds.alerts.tuning import USUAL_Z, WIDEST_Z, threshold


def test_each_false_alarm_widens_by_half_and_each_right_one_takes_it_back() -> None:
    assert threshold([]) == 4.0
    assert threshold([False]) == 4.5
    assert threshold([False, False, True]) == 4.5
    assert threshold([True, True, False]) == 4.5


@given(st.lists(st.booleans(), max_size=100))
def test_a_threshold_stays_within_its_bounds_whatever_is_said(said: list[bool]) -> None:
    assert USUAL_Z <= threshold(said) <= WIDEST_Z
