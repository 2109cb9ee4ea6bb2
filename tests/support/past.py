"""A past of figures, laid without a delivery for each day."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from ioc_cloud.db.pool import Connection
from ioc_models.feeds import Cadence, Period, periods

WEEK = np.array([1.1, 1.05, 1.0, 1.0, 0.95, 0.5, 0.4])


def usual_days(last: datetime, days: int, level: float = 200.0) -> NDArray[np.float64]:
    """Weekdays with 5 % noise, the same at every call; the last one ends before `last`."""
    noise = np.random.default_rng(3).normal(1.0, 0.05, days)
    first = periods.containing(last, Cadence.DAY).first_day - timedelta(days=days)
    weekdays = (first.weekday() + np.arange(days)) % 7
    return np.round(level * WEEK[weekdays] * noise)


def lay(  # noqa: PLR0913 a figure's columns
    connection: Connection,
    indicator: str,
    area: str,
    last: datetime,
    values: Sequence[float] | NDArray[np.float64],
    *,
    feed: str = "y-te",
    cadence: Cadence = Cadence.DAY,
    provenance: str = "api",
) -> list[Period]:
    """Lay figures of consecutive periods, the last one before that which `last` lies in."""
    period = periods.containing(last, cadence)
    found: list[Period] = []
    for _ in values:
        period = period.previous()
        found.append(period)
    found.reverse()
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "copy figure (indicator, area, period_start, version, feed, period, period_end, value,"
            " covered, expected, as_of, received_at, provenance) from stdin"
        ) as copy,
    ):
        for one, value in zip(found, values, strict=True):
            if not np.isnan(value):
                copy.write_row(
                    (
                        indicator, area, one.start, 1, feed, str(one), one.end, float(value), 1, 1,
                        one.end, one.end + timedelta(hours=1), provenance,
                    )
                )  # fmt: skip
    return found
