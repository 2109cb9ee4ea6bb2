"""TCVN3 and VNI: how Vietnamese was written in fonts before Unicode, told and converted."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, Literal

from ioc_cloud.feeds.files.syllables import is_syllable

Legacy = Literal["tcvn3", "vni"]

# TCVN 5712:1993, set VN3: what the ABC fonts (.VnTime) show for bytes 0xA1 to 0xFF; compared with
# libiconv's TCVN5712-1. A point is a byte without a letter there. Capitals with tones are another
# font (.VnTimeH), not other bytes.
_TCVN3_FROM: Final = 0xA1
_TCVN3_LETTERS: Final = (
    "ĂÂÊÔƠƯĐăâêôơưđ......àảãáạ.ằẳẵắ.."
    ".....ặầẩẫấậè.ẻẽéẹềểễếệìỉ...ĩíịò."
    "ỏõóọồổỗốộờởỡớợù.ủũúụừửữứựỳỷỹýỵ."
)
TCVN3: Final[Mapping[str, str]] = {
    chr(_TCVN3_FROM + at): letter for at, letter in enumerate(_TCVN3_LETTERS) if letter != "."
}

# VNI-Windows writes a base letter and, after it, one letter for hat and tone together. The order
# of tones is none, sắc, huyền, hỏi, ngã, nặng; compared with the table of xvnkb (vni.h).
_VNI_TONES: Final = "ùøûõï"
_VNI_HATS: Final = {"â": "âáàåãä", "ê": "êéèúüë"}
_VNI_ALONE: Final = {
    "ô": "ơ",
    "ö": "ư",
    "ñ": "đ",
    "í": "í",
    "ì": "ì",
    "æ": "ỉ",
    "ó": "ĩ",
    "ò": "ị",
    "î": "ỵ",
}
_TONED: Final = {
    "a": "áàảãạ",
    "e": "éèẻẽẹ",
    "o": "óòỏõọ",
    "u": "úùủũụ",
    "y": "ýỳỷỹ",
    "ô": "ớờởỡợ",
    "ö": "ứừửữự",
}
_HATTED: Final = {
    ("a", "â"): "âấầẩẫậ",
    ("e", "â"): "êếềểễệ",
    ("o", "â"): "ôốồổỗộ",
    ("a", "ê"): "ăắằẳẵặ",
}


def _vni() -> dict[str, str]:
    table = dict(_VNI_ALONE)
    for base, letters in _TONED.items():
        table |= {base + tone: letter for tone, letter in zip(_VNI_TONES, letters, strict=False)}
    for (base, hat), letters in _HATTED.items():
        table |= {base + mark: letter for mark, letter in zip(_VNI_HATS[hat], letters, strict=True)}
    upper = {key.upper(): letter.upper() for key, letter in table.items()}
    mixed = {key[0].upper() + key[1:]: letter.upper() for key, letter in table.items()}
    return table | mixed | upper


VNI: Final[Mapping[str, str]] = _vni()
_VNI_RUN: Final = re.compile("|".join(sorted(map(re.escape, VNI), key=len, reverse=True)))
_TCVN3_TABLE: Final = str.maketrans(dict(TCVN3))

# Words of which every letter is the encoding's own; Unicode's are not.
_WRITTEN: Final[Mapping[Legacy, re.Pattern[str]]] = {
    "tcvn3": re.compile(f"(?:[A-Za-z]|[{''.join(TCVN3)}])+"),
    "vni": re.compile(f"(?:{_VNI_RUN.pattern}|[A-Za-z])+"),
}
# Words, whatever stands for letters in a font: only ASCII parts them.
_GAPS: Final = re.compile(r"[\x00-\x40\[-`{-\x7f\xa0]+")
# Micrometres and their like are no `àm`.
_UNITS: Final = frozenset(
    f"\u00b5{one}" for one in ("m", "s", "g", "l", "A", "V", "F", "W", "Sv", "mol")
)
# HĐND, QĐ, TTĐT: in official papers as common as words.
_ABBREVIATION: Final = re.compile(r"[A-ZĐ]{0,4}Đ[A-ZĐ]{0,4}")


def converted(text: str, legacy: Legacy) -> str:
    """The text in Unicode, read as that encoding's fonts show it."""
    if text.isascii():
        return text
    if legacy == "tcvn3":
        return text.translate(_TCVN3_TABLE)
    return _VNI_RUN.sub(lambda found: VNI[found[0]], text)


def detect(texts: Iterable[str]) -> Legacy | None:
    """Which old encoding a whole column or file is in, by its share of words that it explains.

    A single cell may leave room for doubt; its column seldom does.
    """
    counts = _Counts()
    for text in texts:
        counts.add(text)
    return counts.verdict(0.9)


def detect_one(text: str) -> Legacy | None:
    """Which old encoding one text is in; only where it explains every word and Unicode does not."""
    if text.isascii() or not _in_latin_1(text):
        return None
    counts = _Counts()
    counts.add(text)
    return counts.verdict(1.0)


def vietnamese_share(text: str) -> float:
    """The share of words with marks that can be Vietnamese, 0 to 1; 0 where none has marks."""
    words = [word for word in re.findall(r"[^\W\d_]+", text) if not word.isascii()]
    return sum(map(is_syllable, words)) / len(words) if words else 0.0


class _Counts:
    """How many words with marks each reading explains."""

    def __init__(self) -> None:
        self.words = 0
        self.unicode = 0
        self.legacy: dict[Legacy, int] = {"tcvn3": 0, "vni": 0}

    def add(self, text: str) -> None:
        if text.isascii():
            return
        for word in _GAPS.split(text):
            if not word or word.isascii() or not _is_evidence(word):
                continue
            self.words += 1
            self.unicode += is_syllable(word)
            for legacy in self.legacy:
                self.legacy[legacy] += _explains(word, legacy)

    def verdict(self, share: float) -> Legacy | None:
        best = max(self.legacy.values())
        if not self.words or best < share * self.words or best <= self.unicode:
            return None
        winners = [legacy for legacy, count in self.legacy.items() if count == best]
        return winners[0] if len(winners) == 1 else None


def _is_evidence(word: str) -> bool:
    # A lone bullet, quote or copyright sign says nothing about encodings.
    return word not in _UNITS and (len(word) > 1 and any(one.isascii() for one in word))


@lru_cache(maxsize=65_536)
def _explains(word: str, legacy: Legacy) -> bool:
    if not _WRITTEN[legacy].fullmatch(word):
        return False
    read = converted(word, legacy)
    return is_syllable(read) or _ABBREVIATION.fullmatch(read) is not None


def _in_latin_1(text: str) -> bool:
    return all(one <= "\xff" for one in text)
