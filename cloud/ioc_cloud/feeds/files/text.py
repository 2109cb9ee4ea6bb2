"""Vietnamese text as it arrives: stray marks, spaces and letters, mended and counted."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ioc_cloud.feeds.files.legacy import (
    Legacy,
    converted,
    detect,
    detect_one,
    vietnamese_share,
)
from ioc_cloud.feeds.files.syllables import is_syllable, tone_placed

__all__ = [
    "Change",
    "Cleaned",
    "Legacy",
    "cleaned",
    "comparable",
    "converted",
    "detect",
    "folded",
    "vietnamese_share",
]

# Each mending may lay bare the next; real text settles in two rounds.
ROUNDS: Final = 8


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that had to be mended, for the score of cleanliness and for the sender.

    Attributes:
        rule: `mojibake`, `tcvn3`, `vni`, `eth`, `look-alike`, `full-width`, `invisible`,
            `composed`, `spaces`.
    """

    rule: str
    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A text as it should stand, and what that took."""

    value: str
    changes: tuple[Change, ...] = ()


_WORDS: Final = {
    "mojibake": ("UTF-8 bị đọc nhầm bảng mã", "UTF-8 read in the wrong encoding"),
    "tcvn3": ("chữ theo bảng mã TCVN3 (ABC)", "letters in TCVN3 (ABC) encoding"),
    "vni": ("chữ theo bảng mã VNI", "letters in VNI encoding"),
    "eth": ("chữ Ð (Eth) thay cho Đ", "letter Eth in place of Đ"),
    "look-alike": ("chữ Kirin hoặc Hy Lạp giống chữ Latinh", "Cyrillic or Greek look-alikes"),
    "full-width": ("ký tự toàn độ rộng", "full-width characters"),
    "invisible": ("ký tự vô hình", "invisible characters"),
    "composed": ("dấu tách rời (chưa chuẩn NFC)", "marks apart from letters (not NFC)"),
    "spaces": ("khoảng trắng thừa hoặc lạ", "surplus or unusual spaces"),
}
_CHANGES: Final = {rule: Change(rule, vi, en) for rule, (vi, en) in _WORDS.items()}

_LOOK_ALIKES: Final = str.maketrans(
    "АВЕКМНОРСТУХІЈЅаеорсухіјѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",  # noqa: RUF001 look-alikes are the point
    "ABEKMHOPCTYXIJSaeopcyxijsABEZHIKMNOPTYXo",
)
_FOREIGN: Final = re.compile(r"[\u0370-\u03ff\u0400-\u04ff]")
_LATIN: Final = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufe00-\ufe0f\ufeff\x00-\x08\x0e-\x1f\x7f\x80-\x84\x86-\x9f]"
)
_SPACES: Final = re.compile(r"[^\S\n]+")
_AROUND_LINES: Final = re.compile(r" ?\n ?")
_LINE_ENDS: Final = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_WORD: Final = re.compile(r"[^\W\d_]+")
# What UTF-8 letters look like where they were read as Windows-1252.
_MOJIBAKE: Final = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0178\u02c6\u02dc\u2013-\u2122]"
)
_PLAIN: Final = re.compile(r"[!-~]+(?: [!-~]+)*")


def cleaned(raw: str, *, legacy: Legacy | None = None) -> Cleaned:
    """Mend a text; a second time changes nothing more.

    Args:
        raw: As it came.
        legacy: The encoding that `detect` found for its column; without it only texts whose
            every word gives the encoding away are converted.
    """
    if not raw or _PLAIN.fullmatch(raw):
        return Cleaned(raw)
    text, rules = raw, dict[str, None]()
    if legacy is not None and (read := converted(text, legacy)) != text:
        text = read
        rules[legacy] = None
    for _ in range(ROUNDS):
        before = text
        for rule, mend in _STEPS:
            mended = mend(text)
            if mended != text:
                rules[rule or detect_one(text) or "tcvn3"] = None
                text = mended
        if text == before:
            break
    return Cleaned(text, tuple(_CHANGES[rule] for rule in rules))


@lru_cache(maxsize=65_536)
def folded(text: str) -> str:
    """For matching: without marks, đ as d, lower case, single spaces."""
    for _ in range(ROUNDS):
        before = text
        text = _fold(text)
        if text == before:
            break
    return text


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", cleaned(text).value.replace("đ", "d").replace("Đ", "D"))
    bare = "".join(one for one in plain if not unicodedata.combining(one))
    return " ".join(bare.casefold().split())


def comparable(text: str) -> str:
    """For comparing with marks: lower case, single spaces, tones where newer spelling puts them.

    `Hoà Bình` and `Hòa Bình` are the same; `Hóa` is not.
    """
    lower = unicodedata.normalize("NFC", cleaned(text).value.lower())
    return " ".join(_WORD.sub(lambda found: tone_placed(found[0]), lower).split())


def _unmojibake(text: str) -> str:
    if not _MOJIBAKE.search(text):
        return text
    try:
        return b"".join(map(_byte, text)).decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text


def _byte(letter: str) -> bytes:
    # Windows-1252 leaves five bytes open; programs pass those through.
    return letter.encode("latin-1") if letter <= "\xa0" else letter.encode("cp1252")


def _from_legacy(text: str) -> str:
    legacy = detect_one(text)
    return text if legacy is None else converted(text, legacy)


def _without_eth(text: str) -> str:
    if "Ð" not in text and "ð" not in text:
        return text

    def word(found: re.Match[str]) -> str:
        read = found[0].replace("Ð", "Đ").replace("ð", "đ")
        capitals = read.isupper() and len(read) <= 6  # noqa: PLR2004 HĐND, ĐBSCL
        return read if is_syllable(read) or capitals else found[0]

    return _WORD.sub(word, text)


def _without_look_alikes(text: str) -> str:
    if not (_FOREIGN.search(text) and _LATIN.search(text)):
        return text
    read = text.translate(_LOOK_ALIKES)
    return text if _FOREIGN.search(read) else read


def _spaced(text: str) -> str:
    return _AROUND_LINES.sub("\n", _SPACES.sub(" ", _LINE_ENDS.sub("\n", text))).strip()


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


# In this order: what an encoding explains must be read before its bytes are taken for oddities.
_STEPS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("mojibake", _unmojibake),
    ("", _from_legacy),
    ("invisible", lambda text: _INVISIBLE.sub("", text)),
    ("composed", _nfc),
    ("full-width", lambda text: text.translate(_FULL_WIDTH)),
    ("eth", _without_eth),
    ("look-alike", _without_look_alikes),
    ("spaces", _spaced),
)
