"""Years of figures as arrays: one row an area, one column a period.

Figures leave the database as arrays in its binary form, which numpy reads whole, instead of rows
that Python takes apart one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ioc_cloud.db import feeds_alert_sql, feeds_forecast_sql
from ioc_cloud.db.pool import Connection

FloatArray = NDArray[np.float64]
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
# An array in PostgreSQL's binary form: its head, then a length before each element.
_HEAD: Final = 20
_WHOLE: Final = np.dtype([("bytes", ">i4"), ("it", ">i4")])
_FLOAT: Final = np.dtype([("bytes", ">i4"), ("it", ">f8")])


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest figure of an area."""

    start: datetime
    value: float
    version: int
    as_of: datetime
    received_at: datetime
    provenance: str
    whole: bool
    numerator: float | None
    period: str


@dataclass(frozen=True, slots=True)
class History:
    """Figures of one indicator.

    Attributes:
        areas: One a row.
        first: Where the first column begins.
        step: How long a column is.
        values: (areas, periods) float64; NaN where there is none.
        simulated: (areas,) bool: whether any of an area's figures is simulated.
        newest: By area, where there is one.
    """

    indicator: str
    areas: tuple[str, ...]
    first: datetime
    step: timedelta
    values: FloatArray
    simulated: NDArray[np.bool_]
    newest: dict[str, Newest]


def read(
    connection: Connection,
    indicator: str,
    areas: Sequence[str],
    first: datetime,
    periods: int,
    step: timedelta = DAY,
) -> History:
    """The figures of `periods` steps from `first` on; of several in a step the last one's."""
    asked = {
        "indicator": indicator,
        "areas": list(areas),
        "first": first,
        "end": first + periods * step,
        "step_s": step.total_seconds(),
    }
    row = connection.execute(feeds_forecast_sql.HISTORY, asked, binary=True).fetchone()
    values = np.full((len(areas), periods), np.nan)
    simulated = np.zeros(len(areas), dtype=np.bool_)
    if row is not None and row[0] is not None:
        place = _elements(row[0], _WHOLE) - 1
        # Versions come in order, and of equal places the last one written stays.
        values[place, _elements(row[1], _WHOLE)] = _elements(row[2], _FLOAT)
        simulated[place[_elements(row[3], _WHOLE) != 0]] = True
    newest = _newest(connection, indicator, areas)
    return History(indicator, tuple(areas), first, step, values, simulated, newest)


def _elements(sent: bytes, kind: np.dtype[np.void]) -> NDArray[Any]:
    """The elements of an array without nulls."""
    found: NDArray[Any] = np.frombuffer(sent, kind, offset=_HEAD)["it"].astype(kind["it"].str[1:])
    return found


def _newest(connection: Connection, indicator: str, areas: Sequence[str]) -> dict[str, Newest]:
    asked: dict[str, Any] = {"indicators": [indicator], "areas": list(areas)}
    found = {}
    for row in connection.execute(feeds_alert_sql.NEWEST, asked):
        _, area, period, start, _, version, value, numerator, covered, expected, *rest = row
        as_of, received_at, provenance = rest
        found[area] = Newest(
            start=start,
            value=value,
            version=version,
            as_of=as_of,
            received_at=received_at,
            provenance=provenance,
            whole=expected is None or covered >= expected,
            numerator=numerator,
            period=period,
        )
    return found
