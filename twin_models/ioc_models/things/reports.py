"""Merge patches for what reports in: they move a twin, and make nothing that is not there."""

from collections.abc import Mapping
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, Final

from ioc_models.geo import Point
from ioc_models.things.generated import Measurements

# What stations in the field call things, by what the model calls them.
ALIASES: Final[Mapping[str, str]] = {
    "level_m": "water_level_m",
    "salinity_gl": "salinity_g_l",
    "rain": "rain_mm",
}


def instant(at: datetime) -> str:
    """A moment as twins write it: UTC, milliseconds, Z."""
    utc = at.astimezone(timezone.utc)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def measured(
    values: Mapping[str, float | bool | str], *, measured_at: datetime, received_at: datetime
) -> dict[str, Any]:
    """The patch of a station's twin for one observation.

    Names that the model has get their place, other numbers stand under `other`. Texts and
    flags stay in the event alone.
    """
    properties: dict[str, Any] = {
        "measuredAt": instant(measured_at),
        "receivedAt": instant(received_at),
    }
    other: dict[str, float] = {}
    for key, value in values.items():
        if isinstance(value, (bool, str)):
            continue
        name = ALIASES.get(key, key)
        (properties if name in _quantities() else other)[name] = value
    if other:
        properties["other"] = other
    return {"features": {"measurements": {"properties": properties}}}


def fixed(
    at: Point,
    *,
    fix_at: datetime,
    received_at: datetime,
    speed_kn: float | None = None,
    course_deg: float | None = None,
) -> dict[str, Any]:
    """The patch of a vessel's twin for one position; `location` moves along, so maps find it."""
    properties = {
        "state": "reporting",
        "fixAt": instant(fix_at),
        "receivedAt": instant(received_at),
        "lat": at.lat,
        "long": at.lon,
        # null takes away what the fix before said: an old speed is no speed.
        "speedKn": speed_kn,
        "courseDeg": course_deg,
    }
    return {
        "attributes": {
            "location": {"type": "Point", "coordinates": [at.lon, at.lat]},
            "geo": {"lat": at.lat, "long": at.lon},
        },
        "features": {"position": {"properties": properties}},
    }


@lru_cache(maxsize=1)
def _quantities() -> frozenset[str]:
    times = {"measured_at", "received_at", "other"}
    return frozenset(Measurements.model_fields) - times
