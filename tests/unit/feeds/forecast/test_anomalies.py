"""Days that stray, found and false, as the reference measured them: eight in each of 20 series."""

from datetime import date

import numpy as np
from tests.support.series import days_until, effects, office

from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.forecast.profile import fit_many

CALENDAR = Calendar.load()
DAYS = days_until(date(2026, 11, 23), 760)
INJECTED = 8
LIMIT = 4.0


def injected(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Halve or raise by a half eight ordinary days of each series, the first eight weeks left."""
    random = np.random.default_rng(11)
    ordinary = np.flatnonzero(effects(DAYS, CALENDAR) > 0.3)
    ordinary = ordinary[ordinary > 56]
    spoilt, where = values.copy(), np.zeros(values.shape, bool)
    for row in range(len(values)):
        at = random.choice(ordinary, INJECTED, replace=False)
        where[row, at] = True
        spoilt[row, at] *= random.choice([0.5, 1.5], INJECTED)
    return spoilt, where


def test_of_160_injected_days_over_145_are_found_and_at_most_three_others() -> None:
    spoilt, where = injected(office(DAYS, CALENDAR, 20))
    z = fit_many(DAYS, spoilt, CALENDAR).residual_z(DAYS, spoilt)
    beyond = np.abs(z) > LIMIT
    assert np.count_nonzero(beyond & where) >= 145
    # Of 15,040 clean days; normal noise alone would give one.
    assert np.count_nonzero(beyond & ~where) <= 3


def test_tet_and_a_worked_saturday_are_no_anomalies_and_work_on_a_holiday_is() -> None:
    # Learnt up to the end of January 2026 from one Tết; judged over the next.
    past = days_until(date(2026, 1, 31), 500)
    ahead = days_until(date(2026, 3, 9), 37)
    values = office([*past, *ahead], CALENDAR, 20)
    profiles = fit_many(past, values[:, : len(past)], CALENDAR)
    came = values[:, len(past) :]
    z = profiles.residual_z(ahead, came)
    assert np.mean(np.abs(z) > LIMIT) < 0.02
    at = ahead.index(date(2026, 2, 18))
    came[:, at] *= 10
    assert np.all(profiles.residual_z(ahead, came)[:, at] > LIMIT)


def test_an_outage_on_a_day_of_work_strays_below() -> None:
    values = office(DAYS, CALENDAR, 20)
    profiles = fit_many(DAYS[:-1], values[:, :-1], CALENDAR)
    assert DAYS[-1].weekday() == 0
    assert np.all(profiles.residual_z(DAYS[-1:], values[:, -1:] * 0.4)[:, 0] < -LIMIT)
