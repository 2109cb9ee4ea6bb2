"""A contract in words: what a field holds, what a rule asks, when a table is due.

Workbooks, documents and the regulation's annex say the same because they say it from here.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from ioc_cloud.feeds.catalogue import Catalogue
from ioc_models.feeds import Cadence, Contract, FieldSpec, TableSpec, Words
from ioc_models.feeds.contract import Classification, Dimension, FieldType, Person, Severity

CADENCE: Final[Mapping[Cadence, Words]] = {
    Cadence.QUARTER_HOUR: Words(vi="15 phút", en="15 minutes"),
    Cadence.HOUR: Words(vi="giờ", en="hour"),
    Cadence.DAY: Words(vi="ngày", en="day"),
    Cadence.WEEK: Words(vi="tuần", en="week"),
    Cadence.MONTH: Words(vi="tháng", en="month"),
    Cadence.QUARTER: Words(vi="quý", en="quarter"),
    Cadence.YEAR: Words(vi="năm", en="year"),
}
# How a period is written, by its length.
WRITTEN: Final[Mapping[Cadence, str]] = {
    Cadence.QUARTER_HOUR: "2026-11-24T14:15",
    Cadence.HOUR: "2026-11-24T14",
    Cadence.DAY: "2026-11-24",
    Cadence.WEEK: "2026-W48",
    Cadence.MONTH: "2026-11",
    Cadence.QUARTER: "2026-Q4",
    Cadence.YEAR: "2026",
}
KIND: Final[Mapping[FieldType, Words]] = {
    FieldType.INTEGER: Words(vi="số nguyên", en="whole number"),
    FieldType.NUMBER: Words(vi="số", en="number"),
    FieldType.TEXT: Words(vi="chữ", en="text"),
    FieldType.CODE: Words(vi="mã trong danh mục", en="code of a list"),
    FieldType.DATE: Words(vi="ngày dd/mm/yyyy", en="date dd/mm/yyyy"),
    FieldType.MOMENT: Words(vi="thời điểm dd/mm/yyyy hh:mm", en="moment dd/mm/yyyy hh:mm"),
    FieldType.FLAG: Words(vi="1 là có, 0 là không", en="1 is yes, 0 is no"),
}
CLASS: Final[Mapping[Classification, Words]] = {
    Classification.OPEN: Words(vi="mở", en="open"),
    Classification.INTERNAL: Words(vi="nội bộ", en="internal"),
    Classification.RESTRICTED: Words(vi="hạn chế", en="restricted"),
}
MODE: Final[Mapping[str, Words]] = {
    "api": Words(vi="kết nối hệ thống (API)", en="system to system (API)"),
    "file": Words(vi="tệp Excel hoặc CSV", en="Excel or CSV file"),
    "mqtt": Words(vi="thiết bị gửi qua MQTT", en="devices over MQTT"),
}
SEVERITY: Final[Mapping[Severity, Words]] = {
    Severity.ERROR: Words(vi="không nhận dòng", en="row is kept out"),
    Severity.WARNING: Words(vi="nhận, trừ điểm", en="taken, score lowered"),
}
DIMENSION: Final[Mapping[Dimension, Words]] = {
    Dimension.CORRECT: Words(vi="đúng", en="correct"),
    Dimension.CLEAN: Words(vi="sạch", en="clean"),
}
LONGEST_LIST: Final = 12


def number(value: float, *, vi: bool = True) -> str:
    """A number as Vietnamese people write it: `1.234,5`; or as English ones do."""
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return text.translate(str.maketrans(",.", ".,")) if vi else text


def header(spec: FieldSpec) -> str:
    """A column's heading in both languages, with its unit."""
    unit = f" ({spec.unit})" if spec.unit else ""
    return f"{spec.title.vi}{unit}\n{spec.title.en}"


def kind(spec: FieldSpec) -> Words:
    """What a cell holds."""
    words = KIND[spec.type]
    if spec.type is FieldType.NUMBER:
        return Words(
            vi=f"{words.vi}, {spec.decimals} chữ số thập phân",
            en=f"{words.en}, {spec.decimals} decimals",
        )
    if spec.type is FieldType.TEXT:
        return Words(
            vi=f"{words.vi}, nhiều nhất {spec.longest} ký tự",
            en=f"{words.en}, at most {spec.longest} characters",
        )
    return words


def bounds(spec: FieldSpec) -> Words | None:
    """Which values can be; None where any can."""
    vi, en = [], []
    if spec.min is not None or spec.max is not None:
        vi.append(_between(spec.min, spec.max, vi=True))
        en.append(_between(spec.min, spec.max, vi=False))
    if spec.usual is not None:
        vi.append(f"thường {_between(*spec.usual, vi=True)}")
        en.append(f"usually {_between(*spec.usual, vi=False)}")
    if spec.choices:
        codes = [choice.code for choice in spec.choices]
        more = len(codes) - LONGEST_LIST
        listed = ", ".join(codes[:LONGEST_LIST])
        vi.append(f"một trong: {listed}" + (f" và {more} mã nữa" if more > 0 else ""))
        en.append(f"one of: {listed}" + (f" and {more} more" if more > 0 else ""))
    if spec.pattern:
        vi.append(f"theo mẫu {spec.pattern}")
        en.append(f"matches {spec.pattern}")
    return Words(vi="; ".join(vi)[:300], en="; ".join(en)[:300]) if vi else None


def _between(low: float | None, high: float | None, *, vi: bool) -> str:
    least, most = ("từ", "đến") if vi else ("from", "to")
    parts = []
    if low is not None:
        parts.append(f"{least} {number(low, vi=vi)}")
    if high is not None:
        parts.append(f"{most} {number(high, vi=vi)}")
    return " ".join(parts)


def due(feed: Contract, table: TableSpec) -> Words:
    """When a period of a table is due."""
    schedule = table.schedule
    if schedule.window is not None:
        vi, en = _length(schedule.window)
        return Words(vi=f"liên tục, mới trong vòng {vi}", en=f"continuously, fresh within {en}")
    if schedule.by is not None:
        by, after = f"{schedule.by:%H:%M}", schedule.days_after
        day_vi = {0: "ngay trong ngày cuối kỳ", 1: "ngày hôm sau kỳ"}.get(
            after, f"ngày thứ {after} sau kỳ"
        )
        day_en = {0: "on the period's last day", 1: "on the day after the period"}.get(
            after, f"on day {after} after the period"
        )
        return Words(vi=f"trước {by} {day_vi}", en=f"by {by} {day_en}")
    working, off = _length(feed.sla.working), _length(feed.sla.off)
    return Words(
        vi=f"trong {working[0]} sau khi có thay đổi (ngày làm việc), {off[0]} (ngày nghỉ)",
        en=f"within {working[1]} of the change (working days), {off[1]} (days off)",
    )


def _length(of: timedelta) -> tuple[str, str]:
    minutes = round(of.total_seconds() / 60)
    if minutes % 60:
        return f"{minutes} phút", f"{minutes} min"
    return f"{minutes // 60} giờ", f"{minutes // 60} h"


def cadence(table: TableSpec) -> Words:
    """How often a table comes."""
    words = CADENCE[table.grid.period]
    if table.schedule.days == "working":
        return Words(vi="mỗi ngày làm việc", en="every working day")
    return Words(vi=f"mỗi {words.vi}", en=f"every {words.en}")


def grid(catalogue: Catalogue, table: TableSpec) -> Words:
    """Which rows a period should have."""
    match table.grid.areas:
        case "province":
            vi, en = ["toàn tỉnh"], ["the province"]
        case "communes":
            n = len(catalogue.communes)
            vi, en = [f"{n} xã, phường"], [f"{n} communes"]
        case codes:
            vi, en = [f"{len(codes)} địa bàn"], [f"{len(codes)} areas"]
    for key in table.grid.keys:
        title = table.field(key.field).title
        many = f"{len(key.expected)} " if key.expected is not None else ""
        vi.append(f"{many}{title.vi.lower()}")
        en.append(f"{many}{title.en.lower()}")
    if not table.grid.expected:
        return Words(
            vi=f"{' x '.join(vi)}; số dòng không biết trước",
            en=f"{' x '.join(en)}; how many rows nobody can know",
        )
    return Words(vi=" x ".join(vi), en=" x ".join(en))


def person(one: Person) -> str:
    """A post with who holds it and how to reach them, as far as that is known."""
    named = f"{one.post.vi}: {one.name}" if one.name else one.post.vi
    return " · ".join(part for part in (named, one.phone, one.email) if part)


def required(spec: FieldSpec) -> Words:
    """Whether a cell must be filled in."""
    return Words(vi="có", en="yes") if spec.required else Words(vi="không", en="no")
