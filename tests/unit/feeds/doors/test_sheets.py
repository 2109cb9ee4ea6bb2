"""Workbooks of people who know better: other headings, other orders, one column more."""

from datetime import date
from typing import Any

import pytest

from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.errors import WrongHeader
from ioc_cloud.feeds.files.cells import Book, Cell, Sheet
from ioc_cloud.feeds.files.findings import Finding
from ioc_cloud.feeds.sheets import rows_of

HEALTH = Catalogue.of_province().feed("y-te")
CODES: tuple[Cell, ...] = (
    "area", "area_name", "period", "visits", "inpatients", "beds", "dengue", "hfmd",
)  # fmt: skip
TITLES: tuple[Cell, ...] = (
    "Mã xã, phường", "Xã, phường", "Ngày", "Lượt khám bệnh (lượt)", "BỆNH NHÂN NỘI TRÚ",
    "Giường bệnh\nBeds", "Ca sốt xuất huyết", "Ca tay chân miệng",
)  # fmt: skip
VALUES: tuple[Cell, ...] = (31825, "Phường Bạc Liêu", date(2026, 11, 23), 10, 2, 40, 1, 0)


def book(*rows: tuple[Cell, ...], name: str = "ngay", **said: Any) -> Book:
    return Book("xlsx", [Sheet(name, said.pop("hidden", False), list(rows))], **said)


def test_the_templates_code_row_tells_the_columns() -> None:
    rows = rows_of(HEALTH, book(TITLES, CODES, VALUES, name="Số liệu ngày"))["ngay"]

    known = dict(zip(CODES, VALUES, strict=True))
    del known["area_name"]
    assert rows.cells == [known]
    assert (rows.numbers, rows.letters["visits"]) == ([3], "D")
    assert rows.problems == ()


def test_titles_do_where_there_are_no_codes() -> None:
    rows = rows_of(HEALTH, book(TITLES, VALUES))["ngay"]

    assert (rows.cells[0]["area"], rows.cells[0]["beds"]) == (31825, 40)
    assert rows.problems == ()


def test_columns_may_stand_in_any_order_below_a_headline() -> None:
    headline: tuple[Cell, ...] = ("BÁO CÁO NGÀY CỦA SỞ Y TẾ",)
    rows = rows_of(HEALTH, book(headline, (), CODES[::-1], VALUES[::-1]))["ngay"]

    assert (rows.cells[0]["visits"], rows.letters["visits"], rows.numbers) == (10, "E", [4])


def test_a_name_of_the_area_does_where_there_is_no_code() -> None:
    rows = rows_of(HEALTH, book(TITLES[1:], VALUES[1:]))["ngay"]

    assert rows.cells[0]["area"] == "Phường Bạc Liêu"


def test_what_lacks_and_what_is_too_much_is_told() -> None:
    rows = rows_of(HEALTH, book((*CODES[:-1], "Người lập"), (*VALUES[:-1], "Lan")))["ngay"]

    assert [(one.rule, one.field, one.value) for one in rows.problems] == [
        ("missing_column", "hfmd", None),
        ("unknown_column", None, "Người lập"),
    ]
    assert "cột H" in rows.problems[1].vi


def test_a_wrong_header_is_refused_with_what_was_expected() -> None:
    with pytest.raises(WrongHeader) as refused:
        rows_of(HEALTH, book(("Họ tên", "Lương"), ("Lan", 5)))

    assert "visits" in refused.value.vi
    assert "Họ tên, Lương" in refused.value.en


def test_a_sheet_called_after_a_table_must_have_its_columns() -> None:
    with pytest.raises(WrongHeader):
        rows_of(HEALTH, book(("Họ tên", "Lương"), ("Lan", 5), name="Số liệu ngày"))


def test_covers_notes_and_lists_are_passed_over() -> None:
    sheets = [
        Sheet("Hướng dẫn", hidden=False, rows=[("Cách điền", "xem bên dưới")]),
        Sheet("Trang tính 2", hidden=False, rows=[CODES, VALUES]),
        Sheet("_danh_muc", hidden=True, rows=[("31825", "x")]),
        Sheet("trống", hidden=False, rows=[(None, None)]),
    ]

    assert set(rows_of(HEALTH, Book("xlsx", sheets))) == {"ngay"}


def test_blank_lines_keep_the_others_numbers() -> None:
    rows = rows_of(HEALTH, book(CODES, VALUES, (None,) * 8, VALUES))["ngay"]

    assert rows.numbers == [2, 4]


def test_what_the_reader_of_the_file_saw_stands_at_its_cell() -> None:
    seen = Finding("formula", "warning", "công thức", "a formula", "ngay", "D2")

    (problem,) = rows_of(HEALTH, book(CODES, VALUES, findings=[seen]))["ngay"].problems

    assert (problem.rule, problem.row, problem.field) == ("formula", 0, "visits")


def test_a_table_of_the_province_needs_no_area() -> None:
    economy = Catalogue.of_province().feed("kinh-te-xa-hoi")
    table = economy.table("quy")
    codes = ("period", *(spec.code for spec in table.fields))

    rows = rows_of(economy, book(codes, ("2026-Q3", *[1.0] * len(table.fields)), name="quy"))

    assert rows["quy"].cells[0]["area"] == "96"
