"""The letters that a plate is made of, and the one normal form of a text."""

import re
import unicodedata
from typing import Final

# What a reader's network can say; Q stands on a few military and QT plates alone.
ALPHABET: Final = "0123456789ABCDEFGHKLMNPRSTUVXYZĐ"
# Eth and the African D look the same as Đ and are typed for it; so is a D with a
# combining stroke, which no Unicode form composes.
_D_WITH_STROKE: Final = str.maketrans({"\u00d0": "Đ", "\u0189": "Đ"})
_STROKED: Final = re.compile("D[\u0335-\u0338]")
_PLAIN: Final = re.compile("[0-9A-ZĐ]*")


def normalise(text: str) -> str:
    """Upper-case letters and digits alone, `Đ` kept, other marks folded."""
    if _PLAIN.fullmatch(text):
        return text
    # Marks are composed before and after, for upper case can take a letter apart.
    upper = unicodedata.normalize("NFKC", text).upper().translate(_D_WITH_STROKE)
    apart = unicodedata.normalize("NFD", _STROKED.sub("Đ", upper))
    return "".join(
        letter for letter in apart if letter == "Đ" or (letter.isascii() and letter.isalnum())
    )


def search_key(text: str) -> str:
    """Key under which a plate is found by hands that type no `Đ`."""
    return normalise(text).replace("Đ", "D")
