"""What became of a file, as a text beside it: Vietnamese first, English below."""

from datetime import datetime
from typing import Final

from ioc_cloud.feeds.batch import Placed, Receipt
from ioc_models.feeds.periods import LOCAL

MOST_SHOWN: Final = 200
_STATUS: Final = {
    "accepted": ("ĐÃ NHẬN", "ACCEPTED"),
    "partial": ("NHẬN MỘT PHẦN", "ACCEPTED IN PART"),
    "refused": ("TỪ CHỐI", "REFUSED"),
    "repeated": ("ĐÃ NHẬN TRƯỚC ĐÓ", "CAME BEFORE"),
}


def of_receipt(name: str, receipt: Receipt, now: datetime) -> str:
    """Of a delivery with problems."""
    vi, en = _STATUS[receipt.status]
    taken = receipt.rows_new + receipt.rows_changed + receipt.rows_same
    parked, errors, warnings = receipt.rows_parked, receipt.errors, receipt.warnings
    shown = receipt.problems[:MOST_SHOWN]
    said_vi = f"nhận {taken} dòng, giữ lại {parked} dòng, {errors} lỗi, {warnings} cảnh báo"
    said_en = f"{taken} rows taken, {parked} kept out, {errors} errors, {warnings} warnings"
    return "\n".join(
        [
            f"{name} · {_at(now)}",
            "",
            f"{vi}: {said_vi}. Mã lô: {receipt.batch}",
            *(_line(one, one.vi) for one in shown),
            "",
            f"{en}: {said_en}. Batch: {receipt.batch}",
            *(_line(one, one.en) for one in shown),
            "",
        ]
    )


def of_refusal(name: str, vi: str, en: str, now: datetime, sha256: str = "") -> str:
    """Of a file that could not be read."""
    kept = [f"SHA-256: {sha256}"] if sha256 else []
    lines = [f"{name} · {_at(now)}", *kept, "", f"TỪ CHỐI: {vi}", "", f"REFUSED: {en}", ""]
    return "\n".join(lines)


def _line(one: Placed, words: str) -> str:
    where = ":".join(part for part in (one.table, one.place, one.field or "") if part)
    value = f" [{one.value}]" if one.value else ""
    return f"- {where}: {words}{value}"


def _at(now: datetime) -> str:
    return f"{now.astimezone(LOCAL):%d/%m/%Y %H:%M:%S} (UTC+7)"
