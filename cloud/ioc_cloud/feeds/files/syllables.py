"""What a Vietnamese syllable can be, so that letters in a wrong encoding betray themselves.

Onsets, rimes and the rule that a syllable closed by c, ch, p or t carries only sắc or nặng: any
grammar of Vietnamese (e.g. Thompson, A Vietnamese Reference Grammar, 1987, chapter 1).
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

TONES: Final = {
    "\u0300": "huyền",
    "\u0301": "sắc",
    "\u0309": "hỏi",
    "\u0303": "ngã",
    "\u0323": "nặng",
}
STOP_TONES: Final = frozenset({"\u0301", "\u0323"})

_ONSETS: Final = " b c ch d đ g gh gi h k kh l m n ng ngh nh p ph qu r s t th tr v x"
ONSETS: Final = frozenset(re.split(" ", _ONSETS))

# Each nucleus with what may close it; a point is a syllable that stays open.
_ENDINGS: Final = {
    "a": ". c ch i m n ng nh o p t u y",
    "ă": "c k m n ng p t",
    "â": "c m n ng p t u y",
    "e": ". c m n ng o p t",
    "ê": ". ch m n ng nh p t u",
    "i": ". ch m n nh p t u a",
    "iê": "c m n ng p t u",
    "o": ". c i m n ng p t ong oc",
    "oa": ". c ch i m n ng nh o p t y",
    "oă": "c m n ng t",
    "oe": ". n o t",
    "ô": ". c i m n ng p t",
    "ơ": ". i m n p t",
    "u": ". a c i m n ng p t",
    "uô": "c i m n ng t",
    "uâ": "n ng t y",
    "uê": ". ch n nh",
    "uơ": ".",
    "uy": ". a ch nh p t u",
    "uyê": "n t",
    "ư": ". a c i m n ng t u",
    "ươ": "c i m n ng p t u",
    "y": ". ch nh t",
    "yê": "m n ng t u",
}
RIMES: Final = frozenset(
    nucleus + ending.strip(".")
    for nucleus, endings in _ENDINGS.items()
    for ending in endings.split()
)

LONGEST: Final = 7  # nghiêng


def split_tone(word: str) -> tuple[str, str]:
    """A lower-case word without its tone marks, and those marks in order."""
    marks = ""
    kept = []
    for one in unicodedata.normalize("NFD", word):
        if one in TONES:
            marks += one
        else:
            kept.append(one)
    return unicodedata.normalize("NFC", "".join(kept)), marks


def parts(base: str) -> tuple[str, str] | None:
    """Onset and rime of a toneless lower-case syllable; `None` when it is none.

    The longest onset wins, so that `gi` and `qu` keep their vowel letter: `già`, `quý`.
    """
    for size in (3, 2, 1, 0):
        onset, rime = base[:size], base[size:]
        if onset in ONSETS and rime in RIMES:
            return onset, rime
    return None


@lru_cache(maxsize=65_536)
def is_syllable(word: str) -> bool:
    """Whether a word of any case can be one Vietnamese syllable."""
    lower = word.lower()
    base, marks = split_tone(lower)
    if len(base) > LONGEST or len(marks) > 1:
        return False
    found = parts(base)
    if found is None:
        return False
    closed = found[1].endswith(("c", "p", "t", "ch", "k"))
    return not closed or not marks or marks in STOP_TONES


def tone_placed(word: str) -> str:
    """A lower-case syllable with its tone where the newer spelling puts it: `hòa`, `thúy`.

    Words that are no syllable come back as they are.
    """
    base, marks = split_tone(word)
    found = parts(base)
    if found is None or len(marks) != 1:
        return word
    onset, rime = found
    at = len(onset) + _toned_letter(rime)
    return unicodedata.normalize("NFC", base[: at + 1] + marks + base[at + 1 :])


def _toned_letter(rime: str) -> int:
    for letter in "êơâăôư":
        if letter in rime and not (letter == "ư" and "ươ" in rime):
            return rime.index(letter)
    vowels = next((at for at, one in enumerate(rime) if one not in "aeiouy"), len(rime))
    open_rime = vowels == len(rime)
    if vowels == 1:
        return 0
    if open_rime:
        return 1 if vowels > 2 else 0  # noqa: PLR2004 oai, uya: the middle one
    return vowels - 1
