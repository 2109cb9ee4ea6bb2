"""Chance that is always the same: a number between 0 and 1 made of words."""

from typing import Final
from zlib import crc32

_ODD: Final = 2_654_435_761
_ALL: Final = 1 << 32


def chance(*words: object) -> float:
    """Evenly from 0 to 1; the same words always give the same number."""
    # A CRC alone is linear: days in a row would give numbers in a row.
    mixed = crc32("|".join(map(str, words)).encode())
    for _ in range(2):
        mixed = ((mixed ^ (mixed >> 15)) * _ODD) % _ALL
    return (mixed ^ (mixed >> 13)) / _ALL


def wobble(*words: object) -> float:
    """From -1 to 1, around 0 most often."""
    return chance("a", *words) + chance("b", *words) - 1
