"""A fourteenth feed, and how tests deliver rows of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.batch import Batch, Receipt, Rows
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import deliver
from ioc_models.feeds import Contract, Period, periods

# Tuesday 24 November 2026, 10:00 in the province.
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=timezone.utc)
AREAS = ("31825", "31834", "31840")

FOURTEENTH = """
id: chuyen-doi-so
domain: chuyen-doi-so
version: 3
order: 14
title: {vi: Chuyển đổi số, en: Digital transformation}
about: {vi: Tổ công nghệ số cộng đồng và thanh toán không tiền mặt., en: Digital teams and payments.}
unit: {vi: Sở Khoa học và Công nghệ, en: Department of Science and Technology}
owner: {post: {vi: Trưởng phòng Chuyển đổi số, en: Head of Digital Transformation}, phone: "0290 3 800 000"}
deputy: {post: {vi: Phó phòng, en: Deputy head}}
head: {post: {vi: Giám đốc Sở, en: Director}}
classification: open
mode: file
likely_source: Báo cáo của xã, phường
k_min: 5
tables:
  - id: ngay
    title: {vi: "Số liệu ngày: xã/phường", en: Daily figures}
    grid: {areas: communes, period: day}
    schedule: {by: "08:00"}
    controls: [visits]
    fields:
      - {code: visits, title: {vi: Lượt hỗ trợ, en: Visits}, type: integer, unit: lượt, min: 0, max: 2000}
      - {code: paid, title: {vi: Thanh toán số, en: Paid online}, type: integer, unit: lượt, min: 0, max: 2000}
      - {code: amount, title: {vi: Số tiền, en: Amount}, type: number, unit: triệu đồng, min: 0, max: 100000, decimals: 2, usual: [0, 50000]}
      - {code: patients, title: {vi: Người được hỗ trợ, en: People helped}, type: integer, unit: người, min: 0, max: 2000, required: false}
      - {code: level, title: {vi: Mức, en: Level}, type: code, choices: [{code: thap, title: {vi: Thấp, en: Low}}, {code: cao, title: {vi: Cao, en: High}}]}
      - {code: since, title: {vi: Từ ngày, en: Since}, type: date, required: false}
      - {code: seen_at, title: {vi: Ghi lúc, en: Seen at}, type: moment, required: false}
      - {code: open_day, title: {vi: Có trực, en: Open}, type: flag, required: false}
      - {code: note, title: {vi: Ghi chú, en: Note}, type: text, required: false, longest: 200}
      - {code: contact, title: {vi: Người liên hệ, en: Contact}, type: text, required: false, pii: true}
    rules:
      - {id: paid_within_visits, expr: paid <= visits, weight: 2, fields: [paid], message: {vi: Thanh toán nhiều hơn lượt, en: More paid than visits}}
      - {id: level_matches, expr: "level == 'thap' or visits >= 10", severity: warning, fields: [level], message: {vi: Mức cao mà ít lượt, en: High with few visits}}
      - {id: visits_steady, expr: "abs(visits - prev.visits) <= max(100, prev.visits * 0.5)", fields: [visits], message: {vi: Lượt đổi quá nửa, en: Visits changed by more than half}}
  - id: nam
    title: {vi: Số liệu năm, en: Yearly figures}
    grid: {areas: province, period: year, keys: [{field: goal, expected: ["1", "2", "3"]}]}
    schedule: {by: "17:00", days_after: 20}
    fields:
      - {code: goal, title: {vi: Mục tiêu, en: Goal}, type: integer, unit: số, min: 1, max: 3}
      - {code: plan, title: {vi: Kế hoạch, en: Plan}, type: number, unit: "%", min: 1, max: 100}
      - {code: done, title: {vi: Thực hiện, en: Done}, type: number, unit: "%", min: 0, max: 100}
indicators:
  - {code: CDS.LUOT, title: {vi: Số lượt hỗ trợ, en: Visits}, unit: lượt, table: ngay, value: visits, space: sum, time: sum, direction: up, said: [lượt hỗ trợ số]}
  - {code: CDS.THANH_TOAN, title: {vi: Tỷ lệ thanh toán số, en: Paid online}, unit: "%", table: ngay, numerator: paid, denominator: visits, scale: 100, space: ratio, time: ratio, direction: up, decimals: 1, warn: {below: 50}, danger: {below: 20}}
  - {code: CDS.NGUOI, title: {vi: Số người được hỗ trợ, en: People helped}, unit: người, table: ngay, value: patients, space: sum, time: sum, direction: up, persons: true}
  - {code: CDS.KIN, title: {vi: Chỉ tiêu hạn chế, en: Restricted}, unit: lượt, table: ngay, value: visits, where: "level == 'cao'", space: sum, time: sum, direction: neutral, restricted: true}
  - {code: CDS.MUC_TIEU, title: {vi: Mục tiêu đạt, en: Goals met}, unit: "%", table: nam, numerator: done, denominator: plan, scale: 100, space: none, time: last, direction: up}
"""
FEED = "chuyen-doi-so"


def catalogue_with(folder: Path, text: str = FOURTEENTH, name: str = FEED) -> Catalogue:
    """The product's catalogue with one more file."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return Catalogue.of_province(folder)


def row(area: str = AREAS[0], period: str = "2026-11-23", **cells: Any) -> dict[str, Any]:
    """A good row of the fourteenth feed's daily table, but for what is said."""
    whole = {"visits": 40, "paid": 20, "amount": 12.5, "patients": 9, "level": "cao"}
    return {"area": area, "period": period, **whole, **cells}


def batch(
    rows: Sequence[Mapping[str, Any]], table: str = "ngay", feed: str = FEED, **said: Any
) -> Batch:
    """A delivery of one table."""
    known = {"door": "rest", "provenance": "api", "sent_by": "test"}
    return Batch(feed, {table: Rows(list(rows))}, **{**known, **said})


def delivered(
    connection: Connection,
    catalogue: Catalogue,
    rows: Sequence[Mapping[str, Any]],
    now: datetime = NOW,
    **said: Any,
) -> Receipt:
    """What became of some rows of the fourteenth feed."""
    return deliver(connection, catalogue, batch(rows, **said), now=now)


def of_day(feed: Contract, day: datetime = NOW) -> dict[str, Period]:
    """The last period of each table that ended before a day."""
    return {
        table.id: periods.containing(day, table.grid.period).previous() for table in feed.tables
    }
