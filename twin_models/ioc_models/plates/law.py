"""What the law says of Vietnamese plates, as dated data with its source.

`None` for a date means that it is not known here, never "always". No statute was read
in its own text: the official PDFs are scans. Every fact is from a second source that
quotes the clause, which `Source.read_in` names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final, Literal

GroundColour = Literal["white", "yellow", "blue", "red"]
Layout = Literal[
    "car",
    "electric",
    "special",
    "zone",
    "motorbike",
    "temporary",
    "diplomatic",
    "military",
]


@dataclass(frozen=True, slots=True)
class Source:
    """A legal text, since when it binds, until when, and where its content was read."""

    title: str
    since: date | None
    until: date | None = None
    read_in: str = ""


_THESIS: Final = "a student's thesis that cites the clauses (2026)"
_CODE: Final = "public program code that quotes the clause"
SOURCES: Final[Mapping[str, Source]] = MappingProxyType(
    {
        "79/2024": Source("Thông tư 79/2024/TT-BCA", date(2025, 1, 1), read_in=_THESIS),
        "13/2025": Source("Thông tư 13/2025/TT-BCA", None, read_in=_THESIS),
        "51/2025": Source("Thông tư 51/2025/TT-BCA", date(2025, 7, 1), read_in=_THESIS),
        "24/2023": Source(
            "Thông tư 24/2023/TT-BCA", date(2023, 8, 15), date(2025, 1, 1), read_in=_THESIS
        ),
        "58/2020": Source(
            "Thông tư 58/2020/TT-BCA", date(2020, 8, 1), date(2023, 8, 15), read_in=_CODE
        ),
        "169/2021": Source("Thông tư 169/2021/TT-BQP", None, read_in=_THESIS),
        "QCVN 08": Source("QCVN 08:2024/BCA", date(2025, 1, 1), read_in=_THESIS),
        "202/2025": Source(
            "Nghị quyết 202/2025/QH15", date(2025, 6, 12), read_in="public lists of the mergers"
        ),
    }
)

# 34 provinces instead of 63: old plates stay valid, a merged province has all codes of
# its parts (51/2025).
MERGED_ON: Final = date(2025, 7, 1)
POLICE_DEPARTMENT: Final = 80
NEVER_ISSUED: Final = frozenset({13, 42, 44, 45, 46, 87, 91, 96})


@dataclass(frozen=True, slots=True)
class Province:
    """A plate's code: whose it was until the mergers, and whose it is since.

    When each code was first given out is not known here, but for none of them.
    """

    code: int
    until_merger: str
    today: str
    source: str = "51/2025"

    def on(self, day: date) -> str:
        """The name that the code stood for on that day."""
        return self.today if day >= MERGED_ON else self.until_merger


# Names as in the annexes. Huế was called Thừa Thiên Huế until 2025-01-01.
_CODES: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {
        "Cao Bằng": (11,),
        "Lạng Sơn": (12,),
        "Quảng Ninh": (14,),
        "Hải Phòng": (15, 16),
        "Thái Bình": (17,),
        "Nam Định": (18,),
        "Phú Thọ": (19,),
        "Thái Nguyên": (20,),
        "Yên Bái": (21,),
        "Tuyên Quang": (22,),
        "Hà Giang": (23,),
        "Lào Cai": (24,),
        "Lai Châu": (25,),
        "Sơn La": (26,),
        "Điện Biên": (27,),
        "Hòa Bình": (28,),
        "Hà Nội": (29, 30, 31, 32, 33, 40),
        "Hải Dương": (34,),
        "Ninh Bình": (35,),
        "Thanh Hóa": (36,),
        "Nghệ An": (37,),
        "Hà Tĩnh": (38,),
        "Đồng Nai": (39, 60),
        "Thành phố Hồ Chí Minh": (41, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59),
        "Đà Nẵng": (43,),
        "Đắk Lắk": (47,),
        "Đắk Nông": (48,),
        "Lâm Đồng": (49,),
        "Bình Dương": (61,),
        "Long An": (62,),
        "Tiền Giang": (63,),
        "Vĩnh Long": (64,),
        "Cần Thơ": (65,),
        "Đồng Tháp": (66,),
        "An Giang": (67,),
        "Kiên Giang": (68,),
        "Cà Mau": (69,),
        "Tây Ninh": (70,),
        "Bến Tre": (71,),
        "Bà Rịa - Vũng Tàu": (72,),
        "Quảng Bình": (73,),
        "Quảng Trị": (74,),
        "Huế": (75,),
        "Quảng Ngãi": (76,),
        "Bình Định": (77,),
        "Phú Yên": (78,),
        "Khánh Hòa": (79,),
        "Cục Cảnh sát giao thông": (80,),
        "Gia Lai": (81,),
        "Kon Tum": (82,),
        "Sóc Trăng": (83,),
        "Trà Vinh": (84,),
        "Ninh Thuận": (85,),
        "Bình Thuận": (86,),
        "Vĩnh Phúc": (88,),
        "Hưng Yên": (89,),
        "Hà Nam": (90,),
        "Quảng Nam": (92,),
        "Bình Phước": (93,),
        "Bạc Liêu": (94,),
        "Hậu Giang": (95,),
        "Bắc Kạn": (97,),
        "Bắc Giang": (98,),
        "Bắc Ninh": (99,),
    }
)
# Resolution 202/2025/QH15: the 29 that were merged away, and into which.
_MERGED_INTO: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Thái Bình": "Hưng Yên",
        "Nam Định": "Ninh Bình",
        "Hà Nam": "Ninh Bình",
        "Yên Bái": "Lào Cai",
        "Hà Giang": "Tuyên Quang",
        "Hòa Bình": "Phú Thọ",
        "Vĩnh Phúc": "Phú Thọ",
        "Hải Dương": "Hải Phòng",
        "Bắc Kạn": "Thái Nguyên",
        "Bắc Giang": "Bắc Ninh",
        "Quảng Bình": "Quảng Trị",
        "Quảng Nam": "Đà Nẵng",
        "Kon Tum": "Quảng Ngãi",
        "Bình Định": "Gia Lai",
        "Phú Yên": "Đắk Lắk",
        "Ninh Thuận": "Khánh Hòa",
        "Đắk Nông": "Lâm Đồng",
        "Bình Thuận": "Lâm Đồng",
        "Bình Dương": "Thành phố Hồ Chí Minh",
        "Bà Rịa - Vũng Tàu": "Thành phố Hồ Chí Minh",
        "Bình Phước": "Đồng Nai",
        "Long An": "Tây Ninh",
        "Tiền Giang": "Đồng Tháp",
        "Bến Tre": "Vĩnh Long",
        "Trà Vinh": "Vĩnh Long",
        "Sóc Trăng": "Cần Thơ",
        "Hậu Giang": "Cần Thơ",
        "Kiên Giang": "An Giang",
        "Bạc Liêu": "Cà Mau",
    }
)
PROVINCE_OF: Final[Mapping[int, Province]] = MappingProxyType(
    {
        code: Province(code, name, _MERGED_INTO.get(name, name))
        for name, codes in _CODES.items()
        for code in codes
    }
)


@dataclass(frozen=True, slots=True)
class Series:
    """Letters of one kind of plate, since when they are given out, and the source."""

    layout: Layout
    allowed: frozenset[str]
    since: date | None
    until: date | None
    source: str
    title_vi: str


# First letter of a series, and the second of two: R is in the second list alone, G in
# the first alone. I, J, O and W are never used; Q is in military units and in QT.
FIRST: Final = "ABCDEFGHKLMNPSTUVXYZ"
SECOND: Final = "ABCDEFHKLMNPRSTUVXYZ"
# On blue ground: eleven letters, on motorbikes with a digit from 1 to 9.
ON_BLUE: Final = "ABCDEFGHKLM"
_MILITARY_LETTERS: Final = "ABCDEFGHKLMNPQRSTUVXYZĐ"
# Units as collected from old plates; a pair outside the list is legal but rare.
MILITARY_UNITS: Final = frozenset(
    first + second
    for first, seconds in {
        "A": "ABCDNPTV",
        "B": "BCHKLPSTV",
        "C": "ABCHMPV",
        "D": "B",
        "H": "ABCDEHLNQT",
        "K": "ABCDKNPTV",
        "N": "D",
        "P": "ACKMPQTXY",
        "Q": "ABH",
        "T": "CHKMNT",
        "V": "BKT",
    }.items()
    for second in seconds
)
SPECIAL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CD": "xe máy chuyên dùng",
        "DA": "xe của ban quản lý dự án có vốn đầu tư nước ngoài",
        "HC": "xe hoạt động trong phạm vi hạn chế",
        "KT": "xe của doanh nghiệp quân đội",
        "LD": "xe của doanh nghiệp có vốn đầu tư nước ngoài",
        "MK": "máy kéo",
        "R": "rơ moóc, sơ mi rơ moóc",
        "RM": "rơ moóc, sơ mi rơ moóc",
        "TĐ": "xe sản xuất, lắp ráp trong nước được thí điểm",
    }
)
# Special trade zones, red on yellow: the zone's two letters, its province's code, its name.
ZONES: Final[Mapping[str, tuple[int, str]]] = MappingProxyType(
    {"LB": (74, "Lao Bảo"), "CT": (38, "Cầu Treo")}
)
DIPLOMATIC: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CV": "nhân viên hành chính, kỹ thuật của cơ quan đại diện",
        "NG": "cơ quan đại diện ngoại giao, lãnh sự",
        "NN": "tổ chức, cá nhân nước ngoài",
        "QT": "cơ quan đại diện tổ chức quốc tế",
    }
)
_DIGITS: Final = "123456789"
SERIES: Final[tuple[Series, ...]] = (
    Series("car", frozenset(FIRST), None, None, "79/2024", "ô tô"),
    Series(
        "electric",
        frozenset({"MĐ", *("MĐ" + digit for digit in _DIGITS)}),
        None,
        None,
        "79/2024",
        "xe máy điện",
    ),
    Series("special", frozenset(SPECIAL), None, None, "79/2024", "ký hiệu riêng"),
    Series("zone", frozenset(ZONES), None, None, "58/2020", "khu kinh tế - thương mại đặc biệt"),
    Series(
        "motorbike",
        frozenset(letter + digit for letter in FIRST for digit in _DIGITS),
        None,
        date(2023, 8, 15),
        "24/2023",
        "mô tô, xe máy (một chữ, một số)",
    ),
    # Engines under 50 cc had two letters before that day already.
    Series(
        "motorbike",
        frozenset(first + second for first in FIRST for second in SECOND),
        date(2023, 8, 15),
        None,
        "24/2023",
        "mô tô, xe máy (hai chữ)",
    ),
    Series("temporary", frozenset("T"), None, None, "79/2024", "xe đăng ký tạm thời"),
    Series("diplomatic", frozenset(DIPLOMATIC), None, None, "79/2024", "ngoại giao, nước ngoài"),
    Series(
        "military",
        frozenset(a + b for a in _MILITARY_LETTERS for b in _MILITARY_LETTERS),
        None,
        None,
        "169/2021",
        "quân đội",
    ),
)


@dataclass(frozen=True, slots=True)
class Ground:
    """A ground colour: its ink, who drives behind it, since when, and the layouts on it."""

    colour: GroundColour
    ink: tuple[str, ...]
    title_vi: str
    since: date | None
    source: str
    layouts: frozenset[Layout]


# There is no green plate for electric cars: a green sticker beside a usual plate.
GROUNDS: Final[Mapping[str, Ground]] = MappingProxyType(
    {
        "white": Ground(
            "white",
            ("black", "red"),
            "tổ chức, cá nhân trong nước; chữ đỏ: ngoại giao, tổ chức quốc tế",
            None,
            "79/2024",
            frozenset({"car", "electric", "special", "motorbike", "temporary", "diplomatic"}),
        ),
        "yellow": Ground(
            "yellow",
            ("black", "red"),
            "kinh doanh vận tải; chữ đỏ: khu kinh tế - thương mại đặc biệt",
            date(2020, 8, 1),
            "58/2020",
            frozenset({"car", "special", "zone"}),
        ),
        "blue": Ground(
            "blue",
            ("white",),
            "cơ quan Đảng, Nhà nước, công an",
            None,
            "79/2024",
            frozenset({"car", "motorbike", "special"}),
        ),
        "red": Ground("red", ("white",), "quân đội", None, "169/2021", frozenset({"military"})),
    }
)
# Special series that blue ground carries: the police's own machines.
SPECIAL_ON_BLUE: Final = frozenset({"CD"})
# Plates of motorbikes have two rows always; a car has a short one (two) and a long one.
TWO_ROWS_ALWAYS: Final[frozenset[Layout]] = frozenset({"motorbike", "electric"})
# A trailer, a tractor or a machine is never a motorbike.
NEVER_MOTORBIKE: Final = frozenset({"R", "RM", "MK", "HC", "CD"})
