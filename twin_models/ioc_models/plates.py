"""Vietnamese plates: what is legal, how it is written, what the public may see.

Sources: Circular 79/2024/TT-BCA (in force 2025-01-01) as amended by 13/2025 and
51/2025/TT-BCA (province codes, 2025-07-01); letters as collected in a thesis with
citations, not checked against the statute's text.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

# 11 to 99 but for eight that were never given out; 80 is the Traffic Police
# Department. Old codes stay on the road for ever: 69 (Cà Mau) and 94 (Bạc Liêu)
# are both today's Cà Mau.
PROVINCES: Final = frozenset(range(11, 100)) - {13, 42, 44, 45, 46, 87, 91, 96}
CA_MAU: Final = frozenset({69, 94})
SERIES: Final = "ABCDEFGHKLMNPSTUVXYZ"
# Second letter of a motorbike's series since 2023-08-15: R yes, G no.
MOTORBIKE_SECOND: Final = "ABCDEFHKLMNPRSTUVXYZ"
ALPHABET: Final = "0123456789ABCDEFGHKLMNPRSTUVXYZĐ"

Layout = Literal["car", "motorbike", "electric", "special", "diplomatic", "military"]

_FORMS: Final[tuple[tuple[Layout, re.Pattern[str]], ...]] = (
    ("car", re.compile(rf"(?P<province>\d\d)(?P<series>[{SERIES}])(?P<number>\d{{4,5}})")),
    ("electric", re.compile(r"(?P<province>\d\d)(?P<series>MĐ[1-9]?)(?P<number>\d{4,5})")),
    # Before the motorbikes: LD, KT and the like are series of their own.
    (
        "special",
        re.compile(r"(?P<province>\d\d)(?P<series>LD|DA|KT|HC|CD|MK|TĐ|RM|R|T)(?P<number>\d{4,5})"),
    ),
    (
        "motorbike",
        re.compile(
            rf"(?P<province>\d\d)(?P<series>[{SERIES}](?:[1-9]|[{MOTORBIKE_SECOND}]))(?P<number>\d{{4,5}})"
        ),
    ),
    (
        "diplomatic",
        re.compile(r"(?P<province>\d\d)(?P<country>\d{3})(?P<series>NN|NG|QT|CV)(?P<number>\d\d)"),
    ),
    ("military", re.compile(r"(?P<series>[A-Z]{2})(?P<number>\d{4})")),
)


@dataclass(frozen=True, slots=True)
class Plate:
    """A plate that can legally exist, in the layout that the text fits first.

    Eight characters can be a car (NNL + 5 digits) or an old motorbike (NNLd + 4
    digits): the text alone cannot say, so line count and vehicle stay with the reading.
    """

    layout: Layout
    province: int | None
    series: str
    number: str
    country: str = ""


def normalise(text: str) -> str:
    """Upper-case letters and digits alone, `Đ` kept, other marks folded."""
    kept = unicodedata.normalize("NFC", text).upper().replace("\u00d0", "Đ")
    folded = "".join(
        letter if letter == "Đ" else unicodedata.normalize("NFD", letter)[0] for letter in kept
    )
    return "".join(
        letter for letter in folded if letter == "Đ" or (letter.isascii() and letter.isalnum())
    )


def parse(text: str) -> Plate | None:
    """The legal plate behind a text, or None; never a corrected one."""
    plain = normalise(text)
    for layout, form in _FORMS:
        found = form.fullmatch(plain)
        if found is None:
            continue
        part = found.groupdict()
        province = int(part["province"]) if part.get("province") else None
        if province is None or province in PROVINCES:
            return Plate(
                layout, province, part["series"], part["number"], part.get("country") or ""
            )
    return None


def for_people(text: str) -> str:
    """As painted on the metal: 69A12345 -> 69A-123.45; unknown layouts stay as they are."""
    plate = parse(text)
    if plate is None:
        return text
    number = plate.number
    if len(number) == 5:  # noqa: PLR2004 five-figure numbers carry a dot after the third
        number = f"{number[:3]}.{number[3:]}"
    if plate.layout == "diplomatic":
        return f"{plate.province}-{plate.country}-{plate.series}-{number}"
    if plate.layout == "military":
        return f"{plate.series}-{number}"
    if plate.layout == "car":
        return f"{plate.province}{plate.series}-{number}"
    return f"{plate.province}-{plate.series} {number}"


def search_key(text: str) -> str:
    """Key under which a plate is found by hands that type no `Đ`."""
    return normalise(text).replace("Đ", "D")


def masked(text: str) -> str:
    """What a public lobby may see: the province code, when there is one, and dots."""
    plate = parse(text)
    if plate is None or plate.province is None:
        return "•" * max(len(text), 1)
    return f"{plate.province:02d}" + "•" * (len(normalise(text)) - 2)
