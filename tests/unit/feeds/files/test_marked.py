"""The workbook handed back with its faults."""

import io
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.datavalidation import DataValidation
from tests.unit.feeds.files import parts

from ioc_cloud.feeds.files import marked as marked_module
from ioc_cloud.feeds.files.errors import HasMacros
from ioc_cloud.feeds.files.marked import ERRORS_SHEET, Mark, marked
from ioc_cloud.feeds.files.read import read
from ioc_cloud.feeds.files.safe_cell import is_formula_like, safe
from ioc_cloud.feeds.files.safely import marked_safely

RED, YELLOW = "FFFFC7CE", "FFFFEB9C"
FAULTS = [
    Mark("Số liệu", "B2", "không phải số", "is no number"),
    Mark("Số liệu", "C3", "đơn vị trong ô", "unit in the cell", "warning"),
    Mark("Số liệu", "A9", "thiếu xã", "commune missing"),
    Mark("Số liệu", "", "thiếu 3 dòng", "3 rows missing"),
]
ROWS = [["mã", "số", "ha"], ["32001", "abc", 5], ["=1+1", 7, "12 ha"]]


def _opened(made: bytes) -> Workbook:
    return load_workbook(io.BytesIO(made))


def _original(path: Path) -> Path:
    book = Workbook()
    sheet: Any = book.active
    sheet.title = "Số liệu"
    for row in ROWS:
        sheet.append(row)
    sheet["A3"].data_type = "s"
    sheet.column_dimensions["A"].width = 33
    sheet.add_data_validation(DataValidation(type="whole", sqref="B2:B9"))
    book.save(path)
    return path


def _check(made: bytes) -> None:
    book = _opened(made)
    assert book.sheetnames[0] == ERRORS_SHEET
    sheet = book["Số liệu"]
    assert sheet["B2"].value == "abc"
    assert sheet["B2"].fill.start_color.rgb == RED
    assert sheet["B2"].comment.text == "không phải số\nis no number"
    assert sheet["C3"].fill.start_color.rgb == YELLOW
    assert sheet["A9"].fill.start_color.rgb == RED
    assert sheet["C2"].comment is None
    assert (sheet["A3"].value, sheet["A3"].data_type) == ("=1+1", "s")
    assert sheet["A3"].quotePrefix
    listed = [[cell.value for cell in row] for row in book[ERRORS_SHEET].iter_rows()]
    assert listed[0][:2] == ["Nguồn / Feed", "y-te"]
    assert listed[3] == ["Số liệu", "B2", "abc", "Lỗi / Error", "không phải số", "is no number"]
    assert listed[4][:4] == ["Số liệu", "C3", "12 ha", "Cảnh báo / Warning"]
    assert listed[6][:2] == ["Số liệu", None]
    assert book[ERRORS_SHEET]["B4"].hyperlink.location == "'Số liệu'!B2"


SUMMARY = [["Nguồn / Feed", "y-te"]]


def test_the_same_workbook_comes_back_with_its_faults_marked(tmp_path: Path) -> None:
    made = marked(_original(tmp_path / "x.xlsx"), "x.xlsx", FAULTS, SUMMARY)

    _check(made)
    sheet = _opened(made)["Số liệu"]
    assert sheet.column_dimensions["A"].width == 33
    assert len(sheet.data_validations.dataValidation) == 1


def test_a_workbook_too_large_for_formats_comes_back_with_its_values_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marked_module, "WITH_FORMATS", 2)

    _check(marked(_original(tmp_path / "x.xlsx"), "x.xlsx", FAULTS, SUMMARY))


def test_the_child_marks_as_this_process_does(tmp_path: Path) -> None:
    _check(marked_safely(_original(tmp_path / "x.xlsx"), "x.xlsx", FAULTS, SUMMARY))


def test_a_csv_comes_back_as_a_workbook(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("mã,số\n32001,=cmd|'/c calc'!A1\n", encoding="utf-8-sig")

    made = marked(tmp_path / "x.csv", "x.csv", [Mark("CSV", "B2", "không phải số", "no number")])

    cell = _opened(made)["CSV"]["B2"]
    assert (cell.value, cell.data_type, cell.quotePrefix) == ("=cmd|'/c calc'!A1", "s", True)
    assert cell.fill.start_color.rgb == RED
    assert b"<f>" not in _sheets(made)


def _sheets(made: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        return b"".join(archive.read(one) for one in archive.namelist() if "worksheets/" in one)


def test_formulas_come_back_as_the_values_they_last_gave(tmp_path: Path) -> None:
    rows = "<row r='1'><c r='A1'><f>WEBSERVICE(\"http://x\")</f><v>7</v></c></row>"
    path = parts.package(tmp_path / "x.xlsx", rows)

    made = marked(path, "x.xlsx", [Mark("Số liệu", "A1", "=2+2", "@SUM(1)")])

    assert b"<f>" not in _sheets(made)
    assert _opened(made)["Số liệu"]["A1"].value == 7


def test_marks_of_an_earlier_round_are_taken_off(tmp_path: Path) -> None:
    first = tmp_path / "first.xlsx"
    first.write_bytes(marked(_original(tmp_path / "x.xlsx"), "x.xlsx", FAULTS))

    book = _opened(marked(first, "first.xlsx", [FAULTS[1]]))

    assert book.sheetnames == [ERRORS_SHEET, "Số liệu"]
    assert book["Số liệu"]["B2"].comment is None
    assert book["Số liệu"]["B2"].fill.fill_type is None
    assert book["Số liệu"]["C3"].fill.start_color.rgb == YELLOW


def test_a_mark_on_merged_cells_stands_on_the_first(tmp_path: Path) -> None:
    book = Workbook()
    sheet: Any = book.active
    sheet.append(["a", "b"])
    sheet.merge_cells("A1:B2")
    book.save(tmp_path / "x.xlsx")

    made = marked(tmp_path / "x.xlsx", "x.xlsx", [Mark("Sheet", "B2", "ô gộp", "merged")])

    assert _opened(made)["Sheet"]["A1"].comment.text == "ô gộp\nmerged"


def test_what_was_handed_back_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(
        marked(_original(tmp_path / "y.xlsx"), "y.xlsx", FAULTS, [["ngày", date(2026, 8, 21)]])
    )

    book = read(path, "x.xlsx")

    assert [one.name for one in book.sheets] == [ERRORS_SHEET, "Số liệu"]
    assert book.sheets[1].rows[1] == ("32001", "abc", 5)


def test_many_faults_are_counted_where_they_are_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marked_module, "EXPLAINED", 2)

    book = _opened(marked(_original(tmp_path / "x.xlsx"), "x.xlsx", FAULTS))

    assert [cell.value for cell in list(book[ERRORS_SHEET].rows)[-1]][4:] == [
        "và 2 lỗi nữa",
        "and 2 more",
    ]
    assert book["Số liệu"]["A9"].comment is None
    assert book["Số liệu"]["A9"].fill.start_color.rgb == RED


def test_a_refused_file_is_refused_for_marking_too(tmp_path: Path) -> None:
    path = parts.package(tmp_path / "x", **{"xl/vbaProject.bin": b"x"})

    with pytest.raises(HasMacros):
        marked_safely(path, "x.xlsx", [])


@pytest.mark.parametrize(
    "value",
    [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\uff1d1",
        "-cmd|x",
        "+84 900",
        "\u00a0=1",
    ],
)
def test_text_that_a_program_would_evaluate_is_quoted(value: str) -> None:
    assert safe(value) == f"'{value}"


@pytest.mark.parametrize(
    "value", ["", "Cà Mau", "-5", "+7,5", "-12.5%", "a=1", -5, 1.5, None, True]
)
def test_harmless_values_pass_unchanged(value: object) -> None:
    assert safe(value) == value


@given(st.text(max_size=20))
def test_a_quoted_cell_is_never_evaluated_nor_quoted_twice(value: str) -> None:
    assert not is_formula_like(safe(value))
    assert safe(safe(value)) == safe(value)
