"""Workbooks and CSV as honest people send them."""

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook
from tests.unit.feeds.files import parts

from ioc_cloud.feeds.files import archive
from ioc_cloud.feeds.files.cells import address, column_number, position
from ioc_cloud.feeds.files.errors import WrongEncoding
from ioc_cloud.feeds.files.limits import DEFAULT
from ioc_cloud.feeds.files.read import Book, read
from ioc_cloud.feeds.files.safely import read_safely

TABLE = 'Mã xã,Tên xã,Diện tích\n32001,Đầm Dơi,"1.234,5"\n32002,"Năm\nCăn",7\n'
ROWS = [
    ("Mã xã", "Tên xã", "Diện tích"),
    ("32001", "Đầm Dơi", "1.234,5"),
    ("32002", "Năm\nCăn", "7"),
]


def _csv(path: Path, content: bytes, name: str = "x.csv") -> Book:
    path.write_bytes(content)
    return read(path, name)


def test_cells_are_called_as_in_a_sheet() -> None:
    assert address(7, 2) == "B7"
    assert address(1, 16_384) == "XFD1"
    assert position("AB12") == (12, 28)
    with pytest.raises(ValueError, match="no column"):
        column_number("7")


def test_every_kind_of_cell_comes_back_as_it_is(tmp_path: Path) -> None:
    row = [
        "chữ",
        5,
        5.5,
        True,
        datetime(2026, 8, 21, 16, 30),  # noqa: DTZ001 sheets know no zones
        date(2026, 8, 21),
        time(7, 5),
        None,
        "x",
    ]
    path = parts.excel(tmp_path / "x.xlsx", [row])

    for book in (read(path, "x.xlsx"), read_safely(path, "x.xlsx")):
        assert book.kind == "xlsx"
        assert book.sheets[0].rows == [tuple(row)]
        assert [type(one) for one in book.sheets[0].rows[0]] == [type(one) for one in row]
        assert book.findings == []


def test_hours_beyond_a_day_come_as_days(tmp_path: Path) -> None:
    path = parts.excel(tmp_path / "x.xlsx", [[timedelta(hours=36)]])

    assert read(path, "x.xlsx").sheets[0].rows == [(1.5,)]


def test_rows_and_columns_keep_their_numbers_where_a_sheet_begins_late(tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    book.active["C4"] = "đây"
    book.save(tmp_path / "x.xlsx")

    sheet = read(tmp_path / "x.xlsx", "x.xlsx").sheets[0]

    assert list(sheet.numbered()) == [(4, (None, None, "đây"))]


def test_hidden_sheets_are_told_from_shown_ones(tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    book.active["A1"] = 1
    book.create_sheet("ẩn").sheet_state = "hidden"
    book.create_chartsheet("biểu đồ")
    book.save(tmp_path / "x.xlsx")

    read_book = read(tmp_path / "x.xlsx", "x.xlsx")

    assert [(one.name, one.hidden) for one in read_book.sheets] == [("Sheet", False), ("ẩn", True)]
    assert read_book.sheet("ẩn") is read_book.sheets[1]
    assert read_book.sheet("không có") is None


def test_a_workbook_as_libreoffice_writes_it_is_read(tmp_path: Path) -> None:
    path = parts.package(tmp_path / "x.xlsx", parts.LIBRE_ROWS, **{"xl/sharedStrings.xml": None})

    book = read(path, "x.xlsx")

    sheet = book.sheets[0]
    assert sheet.name == "Số liệu"
    assert list(sheet.numbered()) == [
        (2, (" Xã ", 12.5, True, " Xã x")),
        (3, ("Đầm Dơi", 7, None, None)),
    ]
    assert sheet.formulas == {"D2"}
    assert [(one.rule, one.severity, one.address) for one in book.findings] == [
        ("formula", "warning", "D2")
    ]


def test_a_formula_that_nobody_calculated_is_an_error(tmp_path: Path) -> None:
    path = parts.excel(tmp_path / "x.xlsx", [["tổng", "=1+1"], ["", "=A1"]])

    book = read(path, "x.xlsx")

    assert book.sheets[0].formulas == {"B1", "B2"}
    assert [(one.rule, one.severity, one.address) for one in book.findings] == [
        ("formula-without-value", "error", "B1"),
        ("formula-without-value", "error", "B2"),
    ]


def test_a_text_formula_may_have_given_nothing(tmp_path: Path) -> None:
    rows = "<row r='1'><c r='A1'><v>1</v></c><c r='B1' t='str'><f>\"\"</f><v></v></c></row>"
    book = read(parts.package(tmp_path / "x.xlsx", rows), "x.xlsx")

    assert [one.rule for one in book.findings] == ["formula"]


def test_a_cell_that_shows_an_error_is_named(tmp_path: Path) -> None:
    rows = "<row r='3'><c r='A3'><v>1</v></c><c r='B3' t='e'><v>#REF!</v></c></row>"
    book = read(parts.package(tmp_path / "x.xlsx", rows), "x.xlsx")

    assert [(one.rule, one.address) for one in book.findings] == [("excel-error", "B3")]
    assert "#REF!" in book.findings[0].vi


def test_thousands_of_formulas_are_counted_not_listed(tmp_path: Path) -> None:
    rows = "".join(f"<row r='{n}'><c r='A{n}'><f>1</f><v>1</v></c></row>" for n in range(1, 501))
    book = read(parts.package(tmp_path / "x.xlsx", rows), "x.xlsx")

    assert len(book.sheets[0].formulas) == 500
    assert len(book.findings) == 201
    assert "300" in book.findings[-1].vi


def test_a_prefix_before_every_element_hides_nothing(tmp_path: Path) -> None:
    content = parts.sheet("<row r='1'><c r='A1'><f>1</f></c></row>")
    content = content.replace("xmlns=", "xmlns:x=").replace("</", "</x:")
    for name in ("worksheet", "sheetData", "row", "c ", "f>"):
        content = content.replace(f"<{name}", f"<x:{name}")
    path = parts.package(
        tmp_path / "x.xlsx", **{"xl/worksheets/sheet1.xml": content.replace("<f>", "<x:f>")}
    )
    path2 = parts.package(tmp_path / "y.xlsx", "<row r='1'><c r='A1'><f>1</f><v>1</v></c></row>")

    assert archive.look(path, DEFAULT).sheets["Số liệu"].formulas == ["A1"]
    assert archive.look(path2, DEFAULT).sheets["Số liệu"].formulas == ["A1"]


def test_a_workbook_under_another_name_is_read_and_noted(tmp_path: Path) -> None:
    path = parts.excel(tmp_path / "x", [["a"]])

    assert [one.rule for one in read(path, "x.csv").findings] == ["misnamed"]


@pytest.mark.parametrize(
    ("codec", "said"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16-le"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_in_any_unicode_with_any_delimiter(
    tmp_path: Path, codec: str, said: str, delimiter: str
) -> None:
    text = TABLE.replace('"1.234,5"', "@").replace(",", delimiter).replace("@", '"1.234,5"')

    book = _csv(tmp_path / "x", text.encode(codec))

    assert book.sheets[0].rows == ROWS
    assert (book.kind, book.encoding, book.delimiter) == ("csv", said, delimiter)
    assert book.findings == []


def test_csv_in_windows_1258_is_read_and_noted(tmp_path: Path) -> None:
    # That code page writes most tones apart from their letters, đ and the hats together.
    split = "Tên xa\u0303\nĐâ\u0300m Dơi\nNăm Căn\nTân Lô\u0323c\nKha\u0301nh Bi\u0300nh\n"

    book = _csv(tmp_path / "x", split.encode("cp1258"))

    assert [row[0] for row in book.sheets[0].rows] == [
        "Tên xã",
        "Đầm Dơi",
        "Năm Căn",
        "Tân Lộc",
        "Khánh Bình",
    ]
    assert book.encoding == "windows-1258"
    assert [one.rule for one in book.findings] == ["encoding"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Tªn x·;DiÖn tÝch\n§Çm D¬i;12\nN¨m C¨n;7\n", "tcvn3"),
        ("Teân xaõ;Dieän tích\nÑaàm Dôi;12\nNaêm Caên;7\n", "vni"),
    ],
)
def test_csv_from_before_unicode_is_converted_and_noted(
    tmp_path: Path, content: str, said: str
) -> None:
    book = _csv(tmp_path / "x", content.encode("latin-1"))

    assert book.sheets[0].rows == [("Tên xã", "Diện tích"), ("Đầm Dơi", "12"), ("Năm Căn", "7")]
    assert book.encoding == said
    assert [(one.rule, one.severity) for one in book.findings] == [("encoding", "warning")]


def test_one_column_is_a_table_too(tmp_path: Path) -> None:
    assert _csv(tmp_path / "x", b"ma\n1\n2\n").sheets[0].rows == [("ma",), ("1",), ("2",)]


def test_excels_separator_line_is_no_row(tmp_path: Path) -> None:
    book = _csv(tmp_path / "x", b"sep=;\na;b\n1,5;2\n")

    assert list(book.sheets[0].numbered()) == [(1, ("a", "b")), (2, ("1,5", "2"))]


def test_ragged_lines_are_named_by_address(tmp_path: Path) -> None:
    book = _csv(tmp_path / "x", b"a,b,c\n1,2\n\n1,2,3\n1,2,3,4\n1,2,3,,\n")

    assert [(one.rule, one.address) for one in book.findings] == [
        ("ragged", "C2"),
        ("ragged", "D5"),
    ]
    assert "thiếu" in book.findings[0].vi
    assert "surplus" in book.findings[1].en


def test_the_reason_names_the_line_of_broken_utf_8(tmp_path: Path) -> None:
    content = "xã,phường\n".encode() * 12 + b"1,\xe1\xba\n"

    with pytest.raises(WrongEncoding) as caught:
        _csv(tmp_path / "x", content)

    assert caught.value.values["line"] == 13


def test_line_separators_of_unicode_part_no_rows(tmp_path: Path) -> None:
    book = _csv(tmp_path / "x", "a,b\nx\u2028y,1\x0b\n".encode())

    assert book.sheets[0].rows == [("a", "b"), ("x\u2028y", "1\x0b")]


def test_the_child_reads_what_this_process_reads(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(TABLE.encode("utf-16"))

    assert read_safely(path, "x.csv") == read(path, "x.csv")
