"""What else is near in place and time: around an alert, or around any point."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from ioc_cloud.db import feeds_alert_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.alerts.book import alert as alert_of
from ioc_cloud.feeds.alerts.errors import NoSuchAlert, NowhereNear
from ioc_models.things.ids import STATIONS, VESSELS

WIDEST_M: Final = 50_000.0
LONGEST: Final = timedelta(days=7)
USUAL_RADIUS_M: Final = 2_000.0
USUAL_WINDOW: Final = timedelta(hours=6)
MOST_OF_A_KIND: Final = 100


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One thing that is near.

    Attributes:
        kind: `task`: an unfinished alert that somebody has taken, or a data task.
        id: An event's, an alert's number, `box.camera`, or a thing's id.
        at: When it happened, was opened, was last heard or changed.
        policy: Of a thing: who may see it; whoever shows it asks that policy first.
    """

    kind: Literal["event", "alert", "task", "camera", "station", "vessel"]
    id: str
    title: str | None
    state: str | None
    lon: float
    lat: float
    distance_m: float
    at: datetime | None
    simulated: bool
    policy: str | None = None


def near(  # noqa: PLR0913 a place, a time and their extents
    connection: Connection,
    lon: float,
    lat: float,
    radius_m: float,
    at: datetime,
    window: timedelta,
    *,
    besides: int | None = None,
    most: int = MOST_OF_A_KIND,
) -> list[Neighbour]:
    """What lies within a radius and happened within a window around a time, nearest first.

    Events and alerts are of the window (unfinished alerts of any age before it); cameras,
    stations and vessels are where they are now.

    `besides` is an alert that is left out, where the question is about it; `most` holds of each
    kind.

    Raises:
        NowhereNear: The point is none, or radius or window are beyond what is answered.
    """
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):  # noqa: PLR2004 degrees
        raise NowhereNear(f"({lon}, {lat}) is no longitude and latitude")
    if not 0 < radius_m <= WIDEST_M:
        raise NowhereNear(f"a radius is above 0 and at most {WIDEST_M:.0f} m, not {radius_m}")
    if not timedelta() <= window <= LONGEST:
        raise NowhereNear(f"a window is at most {LONGEST.days} days, not {window}")
    asked = {
        "lon": lon,
        "lat": lat,
        "radius_m": radius_m,
        "at": at,
        "window": window,
        "besides": besides,
        "most": min(most, MOST_OF_A_KIND),
        "stations": STATIONS,
        "vessels": VESSELS,
    }
    return [Neighbour(*row) for row in connection.execute(sql.NEAR, asked)]


def near_alert(
    connection: Connection,
    number: int,
    *,
    radius_m: float = USUAL_RADIUS_M,
    window: timedelta = USUAL_WINDOW,
) -> list[Neighbour]:
    """What is near an alert, around the time when it was opened; empty where it has no place.

    Raises:
        NoSuchAlert: There is none.
        NowhereNear: As `near`.
    """
    row = connection.execute(sql.ONE, (number,)).fetchone()
    if row is None:
        raise NoSuchAlert(number)
    one = alert_of(row)
    if one.at is None:
        return []
    return near(connection, one.at[0], one.at[1], radius_m, one.opened_at, window, besides=number)
