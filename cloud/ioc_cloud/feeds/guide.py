"""The first sheet of a workbook: what it is for, whose it is, when it is due, how to fill it in."""

from collections.abc import Iterator, Sequence
from typing import Final

from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet

from ioc_cloud.feeds import wording
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_models.feeds import Contract

GUIDE: Final = "Hướng dẫn - Guide"


def write(sheet: Worksheet, feed: Contract, catalogue: Catalogue, names: Sequence[str]) -> None:
    """Fill the first sheet in; `names` are those of the tables' sheets."""
    sheet.title = GUIDE
    sheet.column_dimensions["A"].width = 30
    sheet.column_dimensions["B"].width = 70
    sheet.column_dimensions["C"].width = 60
    for number, line in enumerate(_lines(feed, catalogue, names), 1):
        for column, text in enumerate(line, 1):
            cell = sheet.cell(number, column, text)
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if column == 1 or number == 1:
                cell.font = Font(bold=True, size=14 if number == 1 else 11)
    sheet.protection.sheet = True
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9


def _lines(
    feed: Contract, catalogue: Catalogue, names: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    yield feed.title.vi, feed.title.en, ""
    yield "Nội dung / About", feed.about.vi, feed.about.en
    yield "Đơn vị / Unit", feed.unit.vi, feed.unit.en
    yield "Người phụ trách / Owner", wording.person(feed.owner), feed.owner.post.en
    yield "Người thay / Deputy", wording.person(feed.deputy), feed.deputy.post.en
    yield "Nguồn, bản / Feed, version", feed.id, str(feed.version)
    yield "", "", ""
    for table, name in zip(feed.tables, names, strict=True):
        due, grid = wording.due(feed, table), wording.grid(catalogue, table)
        yield f"Trang / Sheet “{name}”", f"{grid.vi}. Hạn: {due.vi}.", f"{grid.en}. Due: {due.en}."
    yield "", "", ""
    yield from _STEPS
    yield "", "", ""
    for table, name in zip(feed.tables, names, strict=True):
        for spec in table.fields:
            kind, bounds = wording.kind(spec), wording.bounds(spec)
            star = " *" if spec.required else ""
            unit = f" ({spec.unit})" if spec.unit else ""
            yield (
                f"{name}: {spec.code}{star}",
                f"{spec.title.vi}{unit}: {kind.vi}" + (f", {bounds.vi}" if bounds else ""),
                f"{spec.title.en}: {kind.en}" + (f", {bounds.en}" if bounds else ""),
            )


_STEPS: Final = (
    (
        "Cách điền / How to",
        (
            "1. Chỉ điền các ô trắng; ô xám đã có sẵn, đừng sửa. Có thể dán cả khối số liệu "
            "(dán giá trị)."
        ),
        (
            "1. Fill in the white cells alone; the grey ones are given. Whole blocks may be pasted "
            "(paste values)."
        ),
    ),
    (
        "",
        "2. Ô chưa có số liệu: để trống. Không có phát sinh: điền 0.",
        "2. No figure yet: leave the cell empty. Nothing happened: enter 0.",
    ),
    (
        "",
        (
            "3. Không đổi dòng 2 (mã cột), không gộp ô, không chèn hình, không dùng công thức lấy "
            "từ tệp khác."
        ),
        "3. Keep row 2 (codes); no merged cells, no pictures, no formulas into other files.",
    ),
    (
        "",
        (
            "4. Tải tệp lên và bấm “Kiểm tra”: chưa có gì được lưu. Lỗi được chỉ đúng từng ô, tệp "
            "trả về có đánh dấu."
        ),
        (
            "4. Upload and press “Check”: nothing is stored yet. Faults are shown cell by cell, "
            "the file comes back marked."
        ),
    ),
    (
        "",
        (
            "5. Bấm “Ký xác nhận và gửi”. Gửi lại cùng tệp không làm gì; gửi số liệu khác là đính "
            "chính, bản trước vẫn được giữ."
        ),
        (
            "5. Press “Sign off and send”. The same file again does nothing; other figures are a "
            "correction, the version before is kept."
        ),
    ),
    (
        "",
        "Dấu * là ô bắt buộc. Số viết 1.234,56; ngày viết dd/mm/yyyy.",
        "* marks required cells. Numbers like 1.234,56; dates dd/mm/yyyy.",
    ),
)
