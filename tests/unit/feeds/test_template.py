"""The workbook that officers fill in."""

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from tests.support.feed_parts import FEED, NOW, catalogue_with, of_day

from ioc_cloud.feeds import template
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.check import check
from ioc_cloud.feeds.deliver import places
from ioc_cloud.feeds.files.read import read
from ioc_cloud.feeds.guide import GUIDE
from ioc_cloud.feeds.sheets import rows_of
from ioc_cloud.feeds.upload import told_by
from ioc_models.feeds import Contract


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return catalogue_with(tmp_path_factory.mktemp("contracts"))


@pytest.fixture(scope="module")
def feed(catalogue: Catalogue) -> Contract:
    return catalogue.feed(FEED)


@pytest.fixture(scope="module")
def made(catalogue: Catalogue, feed: Contract) -> bytes:
    return template.workbook(feed, catalogue, of_day(feed))


@pytest.fixture
def daily(made: bytes) -> Worksheet:
    sheet = load_workbook(io.BytesIO(made)).worksheets[1]
    assert isinstance(sheet, Worksheet)
    return sheet


def test_there_is_a_guide_a_sheet_a_table_and_nothing_else_to_see(made: bytes) -> None:
    book = load_workbook(io.BytesIO(made))
    seen = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
    assert seen == [GUIDE, "Số liệu ngày xã phường", "Số liệu năm"]


def test_row_1_speaks_two_languages_and_row_2_has_the_codes(daily: Worksheet) -> None:
    titles = [cell.value for cell in daily[1]]
    codes = [cell.value for cell in daily[2]]
    assert titles[3] == "Lượt hỗ trợ (lượt)\nVisits"
    assert codes[:6] == ["area", "area_name", "period", "visits", "paid", "amount"]


def test_every_commune_and_the_period_stand_there_already(
    daily: Worksheet, catalogue: Catalogue
) -> None:
    rows = list(daily.iter_rows(min_row=3, max_col=3, values_only=True))
    assert [row[0] for row in rows] == list(catalogue.communes)
    assert {row[2] for row in rows} == {"2026-11-23"}
    assert rows[0][1] == "Phường Bạc Liêu"


def test_expected_keys_are_filled_in(made: bytes) -> None:
    sheet = load_workbook(io.BytesIO(made))["Số liệu năm"]
    rows = list(sheet.iter_rows(min_row=3, max_col=4, values_only=True))
    assert rows == [("96", "Tỉnh Cà Mau", "2025", goal) for goal in (1, 2, 3)]


def test_what_is_given_is_locked_without_a_password_and_the_rest_is_open(daily: Worksheet) -> None:
    assert daily.protection.sheet
    assert daily.protection.password is None
    assert daily["A3"].protection.locked
    assert daily["D1"].protection.locked
    assert daily["D2"].protection.locked
    assert not daily["D3"].protection.locked
    assert not daily.column_dimensions["D"].protection.locked


def test_headings_stay_in_sight(daily: Worksheet) -> None:
    assert daily.freeze_panes == "D3"
    assert daily.print_title_rows == "$1:$2"


def rules(sheet: Worksheet) -> dict[str, Any]:
    return {
        str(rule.sqref).split(":", maxsplit=1)[0]: rule
        for rule in sheet.data_validations.dataValidation
    }


def test_numbers_have_bounds_and_a_message_in_vietnamese(daily: Worksheet) -> None:
    rule = rules(daily)["D3"]
    assert (rule.type, rule.formula1, rule.formula2) == ("whole", "0", "2000")
    assert rule.showErrorMessage
    assert rule.error.startswith("Lượt hỗ trợ: số nguyên, từ 0 đến 2.000.")


def test_short_lists_drop_down_in_place_and_long_ones_from_a_hidden_sheet(
    made: bytes, daily: Worksheet
) -> None:
    assert rules(daily)["H3"].formula1 == '"thap,cao"'
    assert rules(daily)["A3"].formula1 == "'_danh_muc'!$A$1:$A$64"
    hidden = load_workbook(io.BytesIO(made))["_danh_muc"]
    assert hidden.sheet_state == "hidden"
    assert hidden["A1"].value == "31825"


def test_the_rules_of_a_column_stand_in_its_comment(daily: Worksheet) -> None:
    comment = daily["E2"].comment
    assert comment is not None
    assert "Thanh toán nhiều hơn lượt" in comment.text
    assert "bắt buộc: có" in comment.text


def test_the_file_says_which_contract_it_was_made_from(made: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(made)
    told = told_by(path)
    assert (told.feed, told.version, told.provenance) == (FEED, 3, None)
    assert load_workbook(path).properties.identifier == FEED


def test_the_guide_says_who_what_when_and_how(made: bytes) -> None:
    sheet = load_workbook(io.BytesIO(made))[GUIDE]
    said = "\n".join(str(cell) for row in sheet.iter_rows(values_only=True) for cell in row)
    for words in (
        "Trưởng phòng Chuyển đổi số", "trước 08:00 ngày hôm sau kỳ", "64 xã, phường",
        "Ký xác nhận", "Lượt hỗ trợ (lượt): số nguyên, từ 0 đến 2.000",
    ):  # fmt: skip
        assert words in said


def test_without_a_period_its_cells_are_open(catalogue: Catalogue, feed: Contract) -> None:
    sheet = load_workbook(io.BytesIO(template.workbook(feed, catalogue))).worksheets[1]
    assert sheet["C3"].value is None
    assert not sheet["C3"].protection.locked
    assert sheet["A3"].value == "31825"


def test_an_empty_template_has_no_rows(catalogue: Catalogue, feed: Contract) -> None:
    made = template.workbook(feed, catalogue, of_day(feed), prefill=False)
    assert load_workbook(io.BytesIO(made)).worksheets[1].max_row == 2


def test_a_table_by_the_hour_has_all_hours_of_its_day(catalogue: Catalogue) -> None:
    feed = catalogue.feed("moi-truong")
    made = template.workbook(feed, catalogue, of_day(feed))
    names = dict(zip([table.id for table in feed.tables], template.sheet_names(feed), strict=True))
    hourly = next(table.id for table in feed.tables if table.grid.period.value == "hour")
    sheet = load_workbook(io.BytesIO(made))[names[hourly]]
    found = {row[0] for row in sheet.iter_rows(min_row=3, min_col=3, max_col=3, values_only=True)}
    assert found == {f"2026-11-24T{hour:02}" for hour in range(24)}


def test_sheets_of_like_titles_get_names_of_their_own(feed: Contract) -> None:
    tables = [
        {**table.model_dump(), "title": {"vi": "Số liệu [rất] dài " * 4, "en": "Long"}}
        for table in feed.tables
    ]
    like = Contract.model_validate({**feed.model_dump(), "tables": tables})
    names = template.sheet_names(like)
    assert len(set(names)) == 2
    assert all(len(name) <= 31 and "[" not in name for name in names)


def test_every_feed_of_the_product_has_a_template(catalogue: Catalogue) -> None:
    for feed in catalogue.feeds.values():
        book = load_workbook(io.BytesIO(template.workbook(feed, catalogue, of_day(feed))))
        visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        assert len(visible) == 1 + len(feed.tables)


def test_a_template_is_a_file_that_the_guard_lets_in(made: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(made)
    assert [one for one in read(path, "a.xlsx").findings if one.severity == "error"] == []
    with zipfile.ZipFile(path) as archive:
        assert not any("external" in name.lower() for name in archive.namelist())


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


WORDS = ("Đất", "Mũi", "xã", "PHƯỜNG", "hòa", "tôm-lúa", "ở", "ưu", "“3”", "50 %", "A&B", "<b>")

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "visits": st.integers(0, 2000),
    "paid": st.integers(0, 2000),
    "amount": st.integers(0, 10_000_000).map(lambda n: n / 100),
    "patients": st.integers(0, 2000),
    "level": st.sampled_from(["thap", "cao"]),
    "since": st.dates(date(2000, 1, 1), date(2026, 11, 23)),
    "seen_at": st.datetimes(datetime(2000, 1, 1), datetime(2026, 11, 23)).map(  # noqa: DTZ001 sheets know no zones
        lambda at: at.replace(microsecond=0)
    ),
    "open_day": st.booleans(),
    "note": st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join),
}


@settings(max_examples=25, deadline=None)
@given(
    filled=st.lists(st.fixed_dictionaries({}, optional=VALUES).filter(bool), min_size=1, max_size=8)
)
def test_what_is_filled_into_a_template_is_read_back(
    catalogue: Catalogue,
    feed: Contract,
    made: bytes,
    folder: Path,
    filled: list[dict[str, Any]],
) -> None:
    book = load_workbook(io.BytesIO(made))
    sheet = book.worksheets[1]
    codes = template.columns(feed.tables[0])
    for number, values in enumerate(filled, 3):
        for code, value in values.items():
            sheet.cell(number, codes.index(code) + 1, value)
    path = folder / "filled.xlsx"
    book.save(path)
    rows = rows_of(feed, read(path, "filled.xlsx"))["ngay"]
    checked = check(feed.tables[0], rows, places(catalogue, feed.tables[0]), now=NOW)
    found = {row.area: dict(row.cells) for row in checked.taken}
    for area, values in zip(catalogue.communes, filled, strict=False):
        if area not in found:
            assert values.get("paid", 0) > values.get("visits", 2000)
            continue
        for code, value in values.items():
            assert same(code, found[area][code], value)
    assert checked.blank == 64 - len(filled)


def same(code: str, read_back: Any, written: Any) -> bool:
    if code == "seen_at":
        local = read_back.astimezone(timezone.utc).replace(tzinfo=None)
        return abs((local - written).total_seconds() + 7 * 3600) <= 1
    if code == "note":
        return str(read_back) == str(written)
    return bool(read_back == written)
