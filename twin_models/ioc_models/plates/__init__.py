"""Vietnamese plates: what is legal, how it is written, what the public may see.

`law` holds the facts with their dates and sources, `fits` tells every layout that a text
can be, `distance` how easily one plate is taken for another.
"""

from typing import Final

from ioc_models.plates import law
from ioc_models.plates.distance import distance, nearest, unlikeness
from ioc_models.plates.grammar import PROVINCES, STEPS, Plate, fits, narrowed, parse
from ioc_models.plates.law import FIRST, SECOND, GroundColour, Layout
from ioc_models.plates.letters import ALPHABET, normalise, search_key
from ioc_models.plates.writing import for_people, masked

__all__ = [
    "ALPHABET",
    "CA_MAU",
    "MOTORBIKE_SECOND",
    "PROVINCES",
    "SERIES",
    "STEPS",
    "GroundColour",
    "Layout",
    "Plate",
    "distance",
    "fits",
    "for_people",
    "law",
    "masked",
    "narrowed",
    "nearest",
    "normalise",
    "parse",
    "search_key",
    "unlikeness",
]

SERIES: Final = FIRST
MOTORBIKE_SECOND: Final = SECOND
# 69 (Cà Mau) and 94 (Bạc Liêu): both today's Cà Mau.
CA_MAU: Final = frozenset(
    code for code, province in law.PROVINCE_OF.items() if province.today == "Cà Mau"
)
