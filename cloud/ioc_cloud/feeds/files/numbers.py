"""Numbers as people write them in Vietnam, read by stated rules and never guessed.

Each remark is a finding: a warning where the value could be read without doubt, an error where it
could not and `value` is `None`. Days and moments, read likewise, are in `dates`.
"""

import math
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ioc_cloud.feeds.files.dates import ParsedDate, ParsedMoment, date, moment
from ioc_cloud.feeds.files.findings import Finding

__all__ = ["Parsed", "ParsedDate", "ParsedMoment", "date", "moment", "number"]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A number that was read.

    Attributes:
        value: `None` for an empty cell and where a finding is an error.
        unit: What stood after the number: `%`, `ha`; the value is not converted.
    """

    value: Decimal | None
    findings: tuple[Finding, ...] = ()
    unit: str = ""


LONGEST: Final = 40
_SPACES: Final = re.compile(r"\s+")
_MINUS: Final = str.maketrans("\u2212\u2013\u2012\u2010\u2011\uff0d", "------")
_SHAPE: Final = re.compile(
    r"(?P<open>\()?\s*(?P<sign>[+-])?\s*(?P<digits>\d[\d.,' \u2019]*|[.,]\d+)"
    r"(?:[eE](?P<power>[+-]?\d{1,3})(?![A-Za-z]))?\s*(?P<unit>(?:[^\W\d_]|[%‰°₫])[^()]*)?\s*"
    r"(?P<close>\))?\s*(?P<after>(?:[^\W\d_]|[%‰°₫])[^()]*)?"
)
_LETTERS_FOR_DIGITS: Final = re.compile(r"[\d.,OoIl|]*\d[\d.,OoIl|]*")
_GROUPED: Final = {
    mark: re.compile(rf"[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+") for mark in ".,' "
}
# How Vietnamese statistics write "does not occur" and "not known" (General Statistics Office,
# notes at the head of every yearbook): neither is zero.
NO_FIGURE: Final = frozenset({"-", "--", "...", "..", "…", "x", "*", "n/a", "#n/a", "na", "null"})


def number(  # noqa: PLR0911 one way out for each kind of cell
    raw: object, *, unit: str | None = None, integer: bool = False, decimal_comma: bool = True
) -> Parsed:
    """Read a number.

    A single mark with exactly three digits after it is ambiguous (`1.234`). The rule: in an
    integer field it groups thousands; elsewhere `.` groups and `,` parts decimals, the Vietnamese
    way, unless `decimal_comma` is off, which turns that round. A leading zero (`0.123`) never
    groups. Outside integer fields such a reading is noted.

    Args:
        raw: A cell's value: text, number or nothing.
        unit: What the field is counted in; another unit after the number is an error.
        integer: Whether the field holds whole numbers.
        decimal_comma: Whether a lone comma parts decimals.
    """
    if raw is None:
        return Parsed(None)
    if isinstance(raw, bool) or not isinstance(raw, (int, float, Decimal, str)):
        return _no_number(raw)
    if isinstance(raw, (int, Decimal)):
        value = Decimal(raw)
        return Parsed(value) if value.is_finite() else _no_number(raw)
    if isinstance(raw, float):
        return Parsed(Decimal(repr(raw))) if math.isfinite(raw) else _no_number(raw)
    text = _SPACES.sub(" ", unicodedata.normalize("NFKC", raw)).translate(_MINUS).strip()
    if not text:
        return Parsed(None)
    if text.casefold() in NO_FIGURE:
        return Parsed(None, (_no_figure(text),))
    return _from_text(raw, text, unit, _Reading(integer, decimal_comma))


@dataclass(frozen=True, slots=True)
class _Reading:
    integer: bool
    decimal_comma: bool


def _from_text(raw: str, text: str, unit: str | None, reading: _Reading) -> Parsed:
    shape = _SHAPE.fullmatch(text) if len(text) <= LONGEST else None
    if shape is None or not _brackets_match(shape):
        return _no_number(raw)
    if shape["unit"] and _LETTERS_FOR_DIGITS.fullmatch(text):
        return Parsed(None, (_look_alike(raw),))
    found = _digits(shape["digits"].strip(), reading)
    if found is None:
        return _no_number(raw)
    plain, doubt = found
    negative = shape["sign"] == "-" or bool(shape["open"])
    value = Decimal(f"{'-' if negative else ''}{plain}E{shape['power'] or 0}")
    findings = [_as_text(raw)]
    if doubt:
        findings.append(_ambiguous(raw, value))
    said = (shape["unit"] or shape["after"] or "").strip()
    if not said:
        return Parsed(value, tuple(findings))
    if unit is not None and not _same_unit(said, unit):
        return Parsed(None, (*findings, _wrong_unit(said, unit)), said)
    return Parsed(value, (*findings, _unit(said)), said)


def _brackets_match(shape: re.Match[str]) -> bool:
    return bool(shape["open"]) == bool(shape["close"]) and not (shape["open"] and shape["sign"])


def _digits(text: str, reading: _Reading) -> tuple[str, bool] | None:
    """Digits as Python reads them and whether they could be read otherwise."""
    text = text.replace("\u2019", "'")
    whole, part, doubt = text, "", False
    marks = [one for one in text if not one.isdigit()]
    last = marks[-1] if marks else ""
    if last in {".", ","} and last:
        once = marks.count(last) == 1
        head, _, tail = text.rpartition(last)
        either = once and len(marks) == 1 and bool(_GROUPED[last].fullmatch(text))
        groups = either and (reading.integer or (last == ".") == reading.decimal_comma)
        # A whole number has no decimals to be mistaken for.
        doubt = either and not reading.integer
        if once and not groups:
            whole, part = head, tail
    if not _is_whole(whole) or (part and not part.isdigit()):
        return None
    plain = "".join(one for one in whole if one.isdigit())
    return f"{plain or '0'}.{part}" if part else plain, doubt


def _is_whole(text: str) -> bool:
    if not text or text.isdigit():
        return True
    return any(shape.fullmatch(text) for shape in _GROUPED.values())


def _same_unit(said: str, unit: str) -> bool:
    return _bare_unit(said) == _bare_unit(unit)


def _bare_unit(unit: str) -> str:
    return unicodedata.normalize("NFKC", unit).casefold().replace(" ", "").rstrip(".")


def _no_number(raw: object) -> Parsed:
    said = repr(raw)[:60]
    return Parsed(
        None, (Finding("type", "error", f"không phải số: {said}", f"is no number: {said}"),)
    )


def _no_figure(text: str) -> Finding:
    return Finding(
        "no-figure",
        "warning",
        f"“{text}” được hiểu là không có số liệu; hãy để trống ô",
        f"“{text}” is read as no figure; leave the cell empty",
    )


def _as_text(raw: str) -> Finding:
    return Finding(
        "number-as-text",
        "warning",
        f"số được ghi dạng chữ: {raw[:40]!r}",
        f"a number written as text: {raw[:40]!r}",
    )


def _ambiguous(raw: str, value: Decimal) -> Finding:
    return Finding(
        "ambiguous-number",
        "warning",
        f"{raw[:40]!r} có thể hiểu hai cách, được đọc là {value}",
        f"{raw[:40]!r} can be read in two ways, it was read as {value}",
    )


def _look_alike(raw: str) -> Finding:
    return Finding(
        "letter-for-digit",
        "error",
        f"có chữ cái thay cho chữ số (O, l, I): {raw[:40]!r}",
        f"letters in place of digits (O, l, I): {raw[:40]!r}",
    )


def _unit(said: str) -> Finding:
    return Finding(
        "unit-in-cell",
        "warning",
        f"đơn vị “{said}” nằm trong ô; chỉ ghi số",
        f"the unit “{said}” is in the cell; write the number alone",
    )


def _wrong_unit(said: str, unit: str) -> Finding:
    return Finding(
        "wrong-unit",
        "error",
        f"đơn vị “{said}” khác với đơn vị của cột: “{unit}”",
        f"the unit “{said}” is not the column's: “{unit}”",
    )
