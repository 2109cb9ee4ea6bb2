"""A file on its way from an officer's desk into the database, and back again marked."""

import hashlib
import io
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.packaging.custom import StringProperty
from tests.support.feed_parts import AREAS, FEED, NOW, catalogue_with, of_day, row

from ioc_cloud.db.pool import Connection
from ioc_cloud.events.evidence import Folder
from ioc_cloud.feeds import template, upload
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import undo
from ioc_cloud.feeds.errors import OldTemplate, OtherFeedsTemplate, WrongHeader
from ioc_cloud.feeds.files.errors import FileRefused
from ioc_models.feeds import Contract

LATER = NOW + timedelta(hours=1)
Fill = Callable[..., Path]
TABLES = ("feed_batch", "feed_row", "feed_parked_row", "feed_problem", "feed_contract", "figure")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return catalogue_with(tmp_path_factory.mktemp("contracts"))


@pytest.fixture(scope="module")
def feed(catalogue: Catalogue) -> Contract:
    return catalogue.feed(FEED)


@pytest.fixture(scope="module")
def empty(catalogue: Catalogue, feed: Contract) -> bytes:
    return template.workbook(feed, catalogue, of_day(feed))


@pytest.fixture
def store(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "originals")


@pytest.fixture
def fill(empty: bytes, feed: Contract, tmp_path: Path) -> Fill:
    """Fills the template's first lines in and says where it lies."""

    def filled(*lines: dict[str, Any], name: str = "a.xlsx", **properties: str) -> Path:
        book = load_workbook(io.BytesIO(empty))
        sheet = book.worksheets[1]
        codes = template.columns(feed.tables[0])
        for number, line in enumerate(lines, 3):
            for code, value in line.items():
                if code not in {"area", "period"}:
                    sheet.cell(number, codes.index(code) + 1, value)
        for key, said in properties.items():
            own: Any = book.custom_doc_props  # type: ignore[attr-defined]
            own.append(StringProperty(name=key.replace("_", "-"), value=said))
        path = tmp_path / name
        book.save(path)
        return path

    return filled


def counts(owner: Connection) -> dict[str, int]:
    return {
        table: owner.execute(f"select count(*) from {table}").fetchall()[0][0]  # noqa: S608
        for table in TABLES
    }


def tried(owner: Connection, catalogue: Catalogue, path: Path, feed_id: str = FEED) -> upload.Trial:
    feed = catalogue.feed(feed_id)
    return upload.trial(owner, catalogue, feed, path, path.name, now=NOW, by="an")


def test_a_trial_stores_nothing(owner: Connection, catalogue: Catalogue, fill: Fill) -> None:
    trial = tried(owner, catalogue, fill(row(), row(visits="x")))
    assert (trial.receipt.status, trial.receipt.batch) == ("partial", None)
    assert set(counts(owner).values()) == {0}


def test_a_fault_is_named_by_its_cell_in_both_languages(
    owner: Connection, catalogue: Catalogue, fill: Fill
) -> None:
    trial = tried(owner, catalogue, fill(row(), row(visits="không rõ")))
    (problem,) = trial.receipt.problems
    assert problem.place == "Số liệu ngày xã phường!D4"
    assert problem.vi == "không phải số: 'không rõ'"
    assert problem.en == "is no number: 'không rõ'"


def test_the_same_workbook_comes_back_with_the_cell_marked(
    owner: Connection, catalogue: Catalogue, fill: Fill
) -> None:
    trial = tried(owner, catalogue, fill(row(amount=60_000), row(visits="không rõ")))
    book = load_workbook(io.BytesIO(trial.marked()))
    sheet = book["Số liệu ngày xã phường"]
    assert sheet["D4"].value == "không rõ"
    assert sheet["D4"].fill.start_color.rgb == "FFFFC7CE"
    assert sheet["F3"].fill.start_color.rgb == "FFFFEB9C"
    assert sheet["D3"].fill.start_color.rgb not in {"FFFFC7CE", "FFFFEB9C"}
    assert sheet["D4"].comment is not None
    assert "không phải số" in sheet["D4"].comment.text
    listed = [cell for line in book.worksheets[0].iter_rows(values_only=True) for cell in line]
    assert "Chuyển đổi số / Digital transformation" in listed
    assert "Nhận một phần / Partly accepted" in listed


def test_a_marked_workbook_that_is_mended_is_taken(
    owner: Connection, catalogue: Catalogue, fill: Fill, store: Folder, tmp_path: Path
) -> None:
    trial = tried(owner, catalogue, fill(row(), row(visits="không rõ")))
    book = load_workbook(io.BytesIO(trial.marked()))
    book["Số liệu ngày xã phường"]["D4"] = 41
    path = tmp_path / "mended.xlsx"
    book.save(path)
    receipt = sent(owner, catalogue, store, path)
    assert (receipt.status, receipt.rows_new, receipt.errors) == ("accepted", 2, 0)


def sent(
    owner: Connection, catalogue: Catalogue, store: Folder, path: Path, **said: Any
) -> upload.Receipt:
    known = {"now": NOW, "by": "an", "signed_by": "Nguyễn Văn An"}
    feed = catalogue.feed(FEED)
    return upload.commit(owner, catalogue, store, feed, path, path.name, **{**known, **said})


def test_what_a_trial_says_is_what_a_commit_does(
    owner: Connection, catalogue: Catalogue, fill: Fill, store: Folder
) -> None:
    path = fill(row(), row(visits="x"))
    trial = tried(owner, catalogue, path)
    receipt = sent(owner, catalogue, store, path)
    for name in ("status", "rows_in", "rows_new", "rows_parked", "counts", "problems", "missing"):
        assert getattr(receipt, name) == getattr(trial.receipt, name)


def test_a_commit_keeps_who_signed_and_the_original_by_its_hash(
    owner: Connection, catalogue: Catalogue, fill: Fill, store: Folder
) -> None:
    path = fill(row())
    receipt = sent(owner, catalogue, store, path, note="lần đầu")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert store.path(sha256).read_bytes() == path.read_bytes()
    kept = owner.execute(
        "select door, provenance, sent_by, signed_by, note, original_name,"
        " encode(original_sha256, 'hex'), original_bytes from feed_batch where id = %s",
        (receipt.batch,),
    ).fetchone()
    assert kept == (
        "upload", "file", "an", "Nguyễn Văn An", "lần đầu", "a.xlsx", sha256, path.stat().st_size,
    )  # fmt: skip


def test_lines_that_nobody_filled_in_did_not_come(
    owner: Connection, catalogue: Catalogue, fill: Fill, store: Folder
) -> None:
    receipt = sent(owner, catalogue, store, fill(row(), row()))
    assert (receipt.rows_in, receipt.rows_new, receipt.missing) == (2, 2, 62)


def test_the_same_file_again_is_a_no_op(
    owner: Connection, catalogue: Catalogue, fill: Fill, store: Folder
) -> None:
    path = fill(row())
    first = sent(owner, catalogue, store, path)
    before = counts(owner)
    again = sent(owner, catalogue, store, path, now=LATER)
    assert (again.status, again.batch) == ("repeated", first.batch)
    assert tried(owner, catalogue, path).receipt.status == "repeated"
    assert counts(owner) == before


def test_other_figures_are_version_two_and_undoing_brings_the_first_back(
    owner: Connection, catalogue: Catalogue, fill: Fill, store: Folder
) -> None:
    sent(owner, catalogue, store, fill(row()))
    second = sent(owner, catalogue, store, fill(row(visits=55), name="b.xlsx"), now=LATER)
    assert (second.rows_changed, second.version) == (1, 2)
    assert [(change.before, change.after) for change in second.changes] == [(40, 55)]
    undo(owner, catalogue, second.batch or 0, by="an", reason="nhầm", now=LATER)
    now = owner.execute("select cells -> 'visits' from feed_row_now").fetchall()
    assert now == [(40,)]


def test_a_workbook_that_says_so_is_simulated(
    owner: Connection, catalogue: Catalogue, fill: Fill, store: Folder
) -> None:
    sent(owner, catalogue, store, fill(row(), ioc_provenance="simulated"))
    assert owner.execute("select provenance from feed_row").fetchall() == [("simulated",)]


def test_another_feeds_template_is_refused_with_both_names(
    owner: Connection, catalogue: Catalogue, fill: Fill
) -> None:
    with pytest.raises(OtherFeedsTemplate, match="chuyen-doi-so"):
        tried(owner, catalogue, fill(row()), "y-te")


def test_an_old_template_is_refused_with_both_versions(
    owner: Connection, catalogue: Catalogue, feed: Contract, fill: Fill, store: Folder
) -> None:
    newer = Contract.model_validate({**feed.model_dump(), "version": 4})
    changed = Catalogue({**catalogue.feeds, FEED: newer}, catalogue.areas)
    with pytest.raises(OldTemplate) as refused:
        sent(owner, changed, store, fill(row()))
    assert (refused.value.found, refused.value.now) == (3, 4)
    assert "tải biểu mẫu mới" in refused.value.vi
    assert set(counts(owner).values()) == {0}


def plain(tmp_path: Path, *lines: list[Any], name: str = "own.xlsx") -> Path:
    """A workbook of somebody's own."""
    book = Workbook()
    for line in lines:
        assert book.active is not None
        book.active.append(line)
    path = tmp_path / name
    book.save(path)
    return path


def test_somebodys_own_workbook_is_understood_by_its_headings(
    owner: Connection, catalogue: Catalogue, store: Folder, tmp_path: Path
) -> None:
    path = plain(
        tmp_path,
        ["BÁO CÁO CHUYỂN ĐỔI SỐ"],
        ["STT", "Xã, phường", "Ngày", "Thanh toán số", "Lượt hỗ trợ", "Số tiền", "Mức"],
        [1, "Phường Bạc Liêu", "23/11/2026", "20", "40", "12,5", "Cao"],
    )
    receipt = sent(owner, catalogue, store, path)
    assert (receipt.rows_new, receipt.errors) == (1, 0)
    assert receipt.warnings > 0
    cells = owner.execute("select area, cells -> 'amount' from feed_row").fetchone()
    assert cells == (AREAS[0], 12.5)


def test_a_csv_with_a_mark_of_byte_order_is_taken_and_comes_back_as_a_workbook(
    owner: Connection, catalogue: Catalogue, store: Folder, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    text = "area;period;visits;paid;amount;level\n31825;2026-11-23;40;x;12,5;cao\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    trial = tried(owner, catalogue, path)
    book = load_workbook(io.BytesIO(trial.marked()))
    assert len(book.worksheets) == 2
    receipt = sent(owner, catalogue, store, path)
    assert (receipt.status, receipt.rows_parked) == ("partial", 1)
    assert owner.execute("select media_type from feed_batch").fetchone() == ("text/csv",)


def test_a_workbook_of_something_else_is_refused_with_what_is_wanted(
    owner: Connection, catalogue: Catalogue, tmp_path: Path
) -> None:
    path = plain(tmp_path, ["Tên", "Điểm"], ["An", 9])
    with pytest.raises(WrongHeader, match="visits"):
        tried(owner, catalogue, path)


def test_a_hostile_file_is_refused_and_leaves_nothing(
    owner: Connection, catalogue: Catalogue, store: Folder, tmp_path: Path
) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"%PDF-1.7 not a workbook")
    with pytest.raises(FileRefused):
        sent(owner, catalogue, store, path)
    assert set(counts(owner).values()) == {0}


def test_properties_that_are_no_xml_or_too_many_tell_nothing(tmp_path: Path) -> None:
    for bad in (
        b"<x",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<a>" + b" " * 200_000 + b"</a>",
    ):
        path = tmp_path / "bad.xlsx"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(upload.PROPERTIES, bad)
        assert upload.told_by(path) == upload.Told()


def test_a_commit_in_a_strict_feed_is_all_or_nothing(
    owner: Connection, catalogue: Catalogue, feed: Contract, fill: Fill, store: Folder
) -> None:
    strict = Contract.model_validate({**feed.model_dump(), "partial": False})
    changed = Catalogue({**catalogue.feeds, FEED: strict}, catalogue.areas)
    receipt = sent(owner, changed, store, fill(row(), row(visits="x")))
    assert receipt.status == "refused"
    assert counts(owner)["feed_row"] == 0


def test_numbers_of_a_csv_are_not_untidy_for_being_text(owner: Connection, tmp_path: Path) -> None:
    catalogue = Catalogue.of_province()
    path = tmp_path / "y-te.csv"
    lines = [f"{area};2026-11-24;120;5;20;0;0" for area in catalogue.communes]
    head = "area;period;visits;inpatients;beds;dengue;hfmd"
    path.write_text("\ufeff" + "\n".join([head, *lines]), encoding="utf-8")
    now = datetime(2026, 11, 25, 1, 0, tzinfo=timezone.utc)
    feed = catalogue.feed("y-te")
    tried = upload.trial(owner, catalogue, feed, path, path.name, now=now, by="test")
    assert (tried.receipt.status, tried.receipt.rows_new) == ("accepted", 64)
    assert tried.receipt.counts == {}
