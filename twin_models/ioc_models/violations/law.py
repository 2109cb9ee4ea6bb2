"""Which provision a violation breaks, as dated data.

Source: Decree 168/2024/NĐ-CP of 26 December 2024, in force from 1 January 2025, Articles 6
(cars and the like) and 7 (motorbikes and the like), points by 6.16 and 7.13. Decree
238/2026/NĐ-CP amends it from 15 August 2026; its figures for these provisions are not at
hand, so amounts and points from that day on are unknown here, not carried over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from ioc_models.scene import VIETNAM
from ioc_models.violations.contract import Clause

VehicleClass = Literal["car", "motorbike"]
_CARS: Final = frozenset({"car", "bus", "truck", "van", "ambulance", "fire_engine", "police"})


@dataclass(frozen=True, slots=True)
class Version:
    """One text of the decree; `until` is the first day it no longer holds."""

    name: str
    since: date
    until: date | None
    amounts: bool
    note: str = ""


VERSIONS: Final = (
    Version("168/2024/NĐ-CP", date(2025, 1, 1), date(2026, 8, 15), amounts=True),
    Version(
        "168/2024/NĐ-CP, sửa đổi bởi 238/2026/NĐ-CP",
        date(2026, 8, 15),
        None,
        amounts=False,
        note="Decree 238/2026 may have changed place, amount and points: look them up.",
    ),
)


@dataclass(frozen=True, slots=True)
class Provision:
    """One point of the decree of 2024; fines in thousands of đồng."""

    reference: str
    least: int
    most: int
    points: int = 0


_TITLES: Final[Mapping[str, str]] = {
    "red_light": "Không chấp hành hiệu lệnh của đèn tín hiệu giao thông",
    "stop_line": "Dừng xe quá vạch dừng: không chấp hành vạch kẻ đường",
    "wrong_way": "Đi ngược chiều của đường một chiều",
    "wrong_side": "Không đi bên phải theo chiều đi của mình",
    "wrong_lane": "Đi không đúng phần đường hoặc làn đường quy định",
    "forbidden": "Đi vào đường cấm đối với loại phương tiện đang điều khiển",
    "stopping": "Dừng xe nơi có biển “Cấm dừng xe và đỗ xe”",
    "parking": "Đỗ xe nơi có biển “Cấm đỗ xe”",
    "standing_junction": "Dừng xe, đỗ xe nơi đường bộ giao nhau",
    "standing_crossing": "Dừng xe, đỗ xe trên phần đường dành cho người đi bộ qua đường",
    "standing_pavement": "Đỗ, để xe ở vỉa hè trái quy định",
    "standing_bus_stop": "Dừng xe, đỗ xe tại điểm đón, trả khách",
    "standing_carriageway": "Dừng xe, đỗ xe trên phần đường xe chạy",
    "helmet_driver": "Không đội mũ bảo hiểm khi điều khiển xe",
    "helmet_passenger": "Chở người ngồi trên xe không đội mũ bảo hiểm",
    "passengers_two": "Chở theo 02 người trên xe",
    "passengers_three": "Chở theo từ 03 người trở lên trên xe",
    "speed_5": "Chạy quá tốc độ quy định từ 05 km/h đến dưới 10 km/h",
    "speed_10": "Chạy quá tốc độ quy định từ 10 km/h đến 20 km/h",
    "speed_20": "Chạy quá tốc độ quy định trên 20 km/h",
    "speed_35": "Chạy quá tốc độ quy định trên 35 km/h",
}

_CAR: Final[Mapping[str, Provision]] = {
    "red_light": Provision("6.9.b", 18_000, 20_000, 4),
    "stop_line": Provision("6.1.a", 400, 600),
    "wrong_way": Provision("6.9.d", 18_000, 20_000, 4),
    "wrong_side": Provision("6.5.b", 4_000, 6_000, 2),
    "wrong_lane": Provision("6.5.b", 4_000, 6_000, 2),
    "forbidden": Provision("6.5.i", 4_000, 6_000, 2),
    "stopping": Provision("6.2.đ", 600, 800),
    "parking": Provision("6.3.e", 800, 1_000),
    "standing_junction": Provision("6.3.đ", 800, 1_000),
    "standing_crossing": Provision("6.2.đ", 600, 800),
    "standing_pavement": Provision("6.3.e", 800, 1_000),
    "standing_bus_stop": Provision("6.3.đ", 800, 1_000),
    "standing_carriageway": Provision("6.2.d", 600, 800),
    "speed_5": Provision("6.3.a", 800, 1_000),
    "speed_10": Provision("6.5.đ", 4_000, 6_000, 2),
    "speed_20": Provision("6.6.a", 6_000, 8_000, 4),
    "speed_35": Provision("6.7.a", 12_000, 14_000, 6),
}

_MOTORBIKE: Final[Mapping[str, Provision]] = {
    "red_light": Provision("7.7.c", 4_000, 6_000, 4),
    "stop_line": Provision("7.1.a", 200, 400),
    "wrong_way": Provision("7.7.a", 4_000, 6_000, 2),
    "wrong_side": Provision("7.3.d", 600, 800),
    "wrong_lane": Provision("7.3.d", 600, 800),
    "forbidden": Provision("7.6.b", 2_000, 3_000, 2),
    "stopping": Provision("7.2.e", 400, 600),
    "parking": Provision("7.2.e", 400, 600),
    "standing_junction": Provision("7.2.e", 400, 600),
    "standing_crossing": Provision("7.2.e", 400, 600),
    "standing_pavement": Provision("7.2.d", 400, 600),
    "standing_bus_stop": Provision("7.2.e", 400, 600),
    "standing_carriageway": Provision("7.2.d", 400, 600),
    "helmet_driver": Provision("7.2.h", 400, 600),
    "helmet_passenger": Provision("7.2.i", 400, 600),
    "passengers_two": Provision("7.2.g", 400, 600),
    "passengers_three": Provision("7.3.b", 600, 800, 2),
    "speed_5": Provision("7.2.b", 400, 600),
    "speed_10": Provision("7.4.a", 800, 1_000),
    "speed_20": Provision("7.8.a", 6_000, 8_000, 4),
}
_BY_CLASS: Final[Mapping[VehicleClass, Mapping[str, Provision]]] = {
    "car": _CAR,
    "motorbike": _MOTORBIKE,
}


def vehicle_class(label: str) -> VehicleClass | None:
    """Which article judges a vehicle; None for bicycles and what nobody could name."""
    if label == "motorbike":
        return "motorbike"
    return "car" if label in _CARS else None


def version_at(at: datetime) -> Version | None:
    """The text in force at an instant, by the day in Việt Nam; None before 2025."""
    day = at.astimezone(VIETNAM).date()
    for version in VERSIONS:
        if version.since <= day and (version.until is None or day < version.until):
            return version
    return None


def clause(act: str, label: str, at: datetime) -> Clause | None:
    """The provision that an act of a vehicle breaks at a time; None when there is none."""
    version, who = version_at(at), vehicle_class(label)
    if version is None or who is None or act not in _BY_CLASS[who]:
        return None
    provision = _BY_CLASS[who][act]
    return Clause(
        reference=provision.reference,
        version=version.name,
        title_vi=_TITLES[act],
        fine_vnd=(provision.least * 1000, provision.most * 1000) if version.amounts else None,
        points=provision.points if version.amounts else None,
        note=version.note,
    )


def speed_act(excess_kmh: float, label: str) -> str | None:
    """The class of a speed above the limit, errors already subtracted; None below 5 km/h.

    The decree's edges: from 5 to under 10, from 10 to 20, over 20 to 35, over 35; a motorbike
    has one class over 20.
    """
    if excess_kmh < 5:  # noqa: PLR2004 the decree's own edges
        return None
    if excess_kmh < 10:  # noqa: PLR2004
        return "speed_5"
    if excess_kmh <= 20:  # noqa: PLR2004
        return "speed_10"
    if excess_kmh <= 35 or vehicle_class(label) == "motorbike":  # noqa: PLR2004
        return "speed_20"
    return "speed_35"
