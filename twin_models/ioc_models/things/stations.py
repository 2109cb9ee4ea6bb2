"""Stations for the demonstration: real places, invented readings, and marked as such."""

from dataclasses import dataclass
from typing import Final, Literal

from ioc_models.geo import Point


@dataclass(frozen=True, slots=True)
class Station:
    """What is known of a station before it has measured.

    Attributes:
        observes: Names of its quantities, as in `features/measurements`.
        commune: Code of the commune it stands in.
        box: The name under which it publishes on MQTT, where it does.
        datum: What a water level counts from.
    """

    id: str
    title_vi: str
    title_en: str
    kind: Literal["water", "air", "weather", "sluice", "other"]
    at: Point
    observes: tuple[str, ...] = ()
    commune: str | None = None
    operator: str | None = None
    box: str | None = None
    datum: str | None = None
    simulated: bool = False


_TIDE: Final = ("water_level_m", "salinity_g_l", "water_temperature_c")
_NO_DATUM: Final = "mô phỏng, không theo mốc nào / simulated, no datum"

DEMO_STATIONS: Final = (
    Station(
        id="demo-song-doc",
        title_vi="Trạm mực nước cửa Sông Đốc (mô phỏng)",
        title_en="Sông Đốc river mouth water station (simulated)",
        kind="water",
        at=Point(lon=104.8345, lat=9.0405),
        observes=_TIDE,
        commune="32098",
        datum=_NO_DATUM,
        simulated=True,
    ),
    Station(
        id="demo-nam-can",
        title_vi="Trạm mực nước Năm Căn, sông Cửa Lớn (mô phỏng)",
        title_en="Năm Căn water station, Cửa Lớn river (simulated)",
        kind="water",
        at=Point(lon=104.993, lat=8.758),
        observes=_TIDE,
        commune="32191",
        datum=_NO_DATUM,
        simulated=True,
    ),
    Station(
        id="demo-ganh-hao",
        title_vi="Trạm mực nước cửa Gành Hào (mô phỏng)",
        title_en="Gành Hào river mouth water station (simulated)",
        kind="water",
        at=Point(lon=105.418, lat=9.031),
        observes=_TIDE,
        commune="31972",
        datum=_NO_DATUM,
        simulated=True,
    ),
    Station(
        id="demo-nha-mat",
        title_vi="Cống Nhà Mát (mô phỏng)",
        title_en="Nhà Mát sluice (simulated)",
        kind="sluice",
        at=Point(lon=105.733, lat=9.205),
        observes=("water_level_m", "salinity_g_l"),
        commune="31840",
        datum=_NO_DATUM,
        simulated=True,
    ),
    Station(
        id="demo-dat-mui",
        title_vi="Trạm khí tượng Đất Mũi (mô phỏng)",
        title_en="Đất Mũi weather station (simulated)",
        kind="weather",
        at=Point(lon=104.735, lat=8.605),
        observes=("rain_mm", "wind_speed_m_s", "wind_direction_deg", "temperature_c"),
        commune="32248",
        simulated=True,
    ),
)
