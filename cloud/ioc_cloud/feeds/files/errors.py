"""Why a file is refused, each with what to do about it in Vietnamese and English."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from ioc_cloud.errors import CloudError

Value = str | int


class FileRefused(CloudError):
    """A file that is not read; nothing of it is kept but the original.

    Attributes:
        vi: The reason and the way out, in Vietnamese.
        en: The same in English.
        values: What the reason names: sheets, limits, addresses.
    """

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "file-refused"
    title = "Tệp bị từ chối / File refused"
    words_vi: ClassVar[str] = "Tệp không được nhận."
    words_en: ClassVar[str] = "The file is not accepted."

    def __init__(self, **values: Value) -> None:
        """Fill the reason in; numbers are grouped as each language groups them."""
        self.values: Mapping[str, Value] = values
        self.vi = self.words_vi.format(**{key: _vi(value) for key, value in values.items()})
        self.en = self.words_en.format(**{key: _en(value) for key, value in values.items()})
        super().__init__(f"{self.vi} / {self.en}")


def _en(value: Value) -> str:
    return f"{value:,}" if isinstance(value, int) else value


def _vi(value: Value) -> str:
    return _en(value).replace(",", ".") if isinstance(value, int) else value


class EmptyFile(FileRefused):
    """No byte, or no cell with a value."""

    slug = "file-empty"
    title = "Tệp rỗng / Empty file"
    words_vi = "Tệp không có dữ liệu nào. Hãy mở lại tệp, kiểm tra rồi lưu và gửi lại."
    words_en = "The file holds nothing. Open it, check it, save it and send it again."


class FileTooLarge(FileRefused):
    """More bytes than are read."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "file-too-large"
    title = "Tệp quá lớn / File too large"
    words_vi = "Tệp có {bytes} byte, nhiều nhất là {limit}. Hãy chia thành nhiều tệp."
    words_en = "The file has {bytes} bytes, the most is {limit}. Split it into several files."


class ZipBomb(FileRefused):
    """Unpacks to far more than it weighs."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "file-zip-bomb"
    title = "Tệp nén bất thường / File unpacks to too much"
    words_vi = (
        "Tệp bung ra quá lớn (phần {part}; giới hạn {limit}). Hãy chép riêng bảng số liệu "
        "sang tệp mẫu trống rồi gửi lại."
    )
    words_en = (
        "The file unpacks to too much (part {part}; limit {limit}). Copy the table alone into "
        "an empty template and send that."
    )


class TooManyParts(FileRefused):
    """More entries in the archive than a workbook has."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "file-too-many-parts"
    title = "Tệp có quá nhiều phần / Too many parts in the file"
    words_vi = (
        "Tệp chứa {parts} phần, nhiều nhất là {limit}. Hãy chép bảng sang tệp mẫu trống, "
        "không kèm hình, rồi gửi lại."
    )
    words_en = (
        "The file has {parts} parts, the most is {limit}. Copy the table into an empty "
        "template, without pictures, and send that."
    )


class TooManyRows(FileRefused):
    """A sheet with more rows than a batch may have."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "file-too-many-rows"
    title = "Quá nhiều dòng / Too many rows"
    words_vi = (
        "Trang “{sheet}” có hơn {limit} dòng. Hãy xóa các dòng trống ở cuối trang, hoặc chia "
        "số liệu thành nhiều tệp."
    )
    words_en = (
        "Sheet “{sheet}” has more than {limit} rows. Delete the empty rows at its end, or "
        "split the figures into several files."
    )


class TooManyColumns(FileRefused):
    """A sheet with more columns than any contract has."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "file-too-many-columns"
    title = "Quá nhiều cột / Too many columns"
    words_vi = (
        "Trang “{sheet}” có giá trị ở ô {address}, ngoài {limit} cột được đọc. Hãy xóa các "
        "cột thừa bên phải."
    )
    words_en = (
        "Sheet “{sheet}” has a value in {address}, beyond the {limit} columns that are read. "
        "Delete the columns to the right."
    )


class TooManyCells(FileRefused):
    """Few rows and columns too many each, too many together."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "file-too-many-cells"
    title = "Quá nhiều ô / Too many cells"
    words_vi = (
        "Trang “{sheet}” trải trên {rows} dòng và {columns} cột, nhiều nhất là {limit} ô. Hãy "
        "xóa các ô lạc ngoài bảng, hoặc chia số liệu thành nhiều tệp."
    )
    words_en = (
        "Sheet “{sheet}” spans {rows} rows and {columns} columns, the most is {limit} cells. "
        "Delete stray cells outside the table, or split the figures into several files."
    )


class TooCostly(FileRefused):
    """Reading it took more time or memory than a file may take."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "file-too-costly"
    title = "Tệp đọc quá tốn / File too costly to read"
    words_vi = (
        "Đọc tệp vượt quá mức cho phép ({bound}). Hãy chép riêng bảng số liệu sang tệp mẫu "
        "trống, hoặc chia thành nhiều tệp."
    )
    words_en = (
        "Reading the file takes more than is allowed ({bound}). Copy the table alone into an "
        "empty template, or split it into several files."
    )


class NotAWorkbook(FileRefused):
    """Another kind of file under a workbook's name."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    slug = "file-not-a-workbook"
    title = "Không phải bảng tính / Not a workbook"
    words_vi = (
        "Nội dung tệp là {found}, không phải bảng tính. Đổi tên tệp không đổi được nội dung: "
        "hãy mở bằng Excel hoặc LibreOffice và lưu thành .xlsx hay CSV UTF-8."
    )
    words_en = (
        "The file's content is {found}, not a workbook. Renaming a file does not change it: "
        "open it in Excel or LibreOffice and save as .xlsx or CSV UTF-8."
    )


class OldFormat(FileRefused):
    """A workbook in a format whose dangers cannot be seen before reading it."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    slug = "file-old-format"
    title = "Định dạng bảng tính không được nhận / Workbook format not accepted"
    words_vi = (
        "Tệp ở định dạng {found}. Hãy chọn Lưu thành (Save As) loại “Excel Workbook (.xlsx)”."
    )
    words_en = "The file is in {found} format. Choose Save As, type “Excel Workbook (.xlsx)”."


class HasMacros(FileRefused):
    """Programs inside."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    slug = "file-has-macros"
    title = "Tệp có macro / File has macros"
    words_vi = "Tệp có chứa chương trình (macro): {part}. Hãy lưu thành .xlsx không macro."
    words_en = "The file contains programs (macros): {part}. Save it as .xlsx without macros."


class Encrypted(FileRefused):
    """Behind a password."""

    slug = "file-encrypted"
    title = "Tệp có mật khẩu / File is encrypted"
    words_vi = (
        "Tệp được đặt mật khẩu nên không đọc được. Hãy gỡ mật khẩu (File, Info, Protect "
        "Workbook) rồi lưu và gửi lại."
    )
    words_en = (
        "The file is behind a password and cannot be read. Take the password off (File, Info, "
        "Protect Workbook), save and send it again."
    )


class DtdInside(FileRefused):
    """A document type in XML: the door to entity attacks, never in a real workbook."""

    slug = "file-xml-dtd"
    title = "XML có khai báo DTD / XML with a DTD"
    words_vi = (
        "Phần {part} có khai báo DTD, điều mà bảng tính thật không có. Hãy chép bảng sang tệp "
        "mẫu trống rồi gửi lại."
    )
    words_en = (
        "Part {part} declares a DTD, which no real workbook does. Copy the table into an empty "
        "template and send that."
    )


class MergedCells(FileRefused):
    """Merged cells: which row a value belongs to can no longer be told."""

    slug = "file-merged-cells"
    title = "Có ô gộp / Merged cells"
    words_vi = (
        "Trang “{sheet}” có ô gộp: {addresses}. Hãy bỏ gộp (Unmerge Cells) và điền giá trị vào "
        "từng ô."
    )
    words_en = "Sheet “{sheet}” has merged cells: {addresses}. Unmerge them and fill each cell in."


class Damaged(FileRefused):
    """Cut off on its way, or broken."""

    slug = "file-damaged"
    title = "Tệp hỏng hoặc tải lên dở dang / File damaged or half uploaded"
    words_vi = (
        "Tệp bị hỏng hoặc chỉ tải lên được một phần ({why}). Hãy mở thử trên máy, lưu lại và "
        "gửi lại."
    )
    words_en = (
        "The file is damaged or came only in part ({why}). Open it on your machine, save it "
        "and send it again."
    )


class ExternalLinks(FileRefused):
    """Figures that live in another file or database."""

    slug = "file-external-links"
    title = "Có liên kết ra ngoài tệp / Links outside the file"
    words_vi = (
        "Tệp lấy số liệu từ nơi khác ({part}). Hãy cắt liên kết (Data, Edit Links, Break Link) "
        "và dán dạng giá trị."
    )
    words_en = (
        "The file takes figures from elsewhere ({part}). Break the links (Data, Edit Links, "
        "Break Link) and paste as values."
    )


class FileInside(FileRefused):
    """Another archive or document embedded."""

    slug = "file-inside-file"
    title = "Có tệp nhúng bên trong / File inside the file"
    words_vi = "Tệp có nhúng tệp khác: {part}. Hãy xóa đối tượng nhúng rồi gửi lại."
    words_en = "Another file is embedded: {part}. Delete the embedded object and send again."


class BadPartName(FileRefused):
    """Entry names that point outside the archive or repeat."""

    slug = "file-bad-part-name"
    title = "Tên phần bên trong không hợp lệ / Invalid part name"
    words_vi = "Bên trong tệp có phần mang tên không hợp lệ: {part}. Hãy lưu lại bằng Excel."
    words_en = "A part inside the file has an invalid name: {part}. Save it again with Excel."


class WrongEncoding(FileRefused):
    """Bytes whose letters cannot be told for certain."""

    slug = "file-wrong-encoding"
    title = "Sai bảng mã chữ / Wrong text encoding"
    words_vi = (
        "Không chắc bảng mã chữ của tệp (dòng {line}: {why}). Hãy lưu lại dạng "
        "“CSV UTF-8 (Comma delimited)”."
    )
    words_en = (
        "The file's text encoding is uncertain (line {line}: {why}). Save it again as "
        "“CSV UTF-8 (Comma delimited)”."
    )


class NulInside(FileRefused):
    """NUL characters in text."""

    slug = "file-nul-inside"
    title = "Có ký tự NUL / NUL characters"
    words_vi = "Dòng {line} có ký tự NUL: đây không phải tệp văn bản CSV. Hãy lưu lại từ Excel."
    words_en = "Line {line} has a NUL character: this is no CSV text. Save it again from Excel."


class BrokenCsv(FileRefused):
    """Quotes that never close, or a cell as long as a book."""

    slug = "file-broken-csv"
    title = "CSV sai cấu trúc / Malformed CSV"
    words_vi = (
        "CSV sai cấu trúc ở dòng {line}: thiếu dấu nháy kép đóng, hoặc một ô dài quá {limit} "
        "ký tự. Hãy lưu lại từ Excel."
    )
    words_en = (
        "The CSV is malformed at line {line}: a closing quote is missing, or a cell is longer "
        "than {limit} characters. Save it again from Excel."
    )


def _all(kind: type[FileRefused]) -> dict[str, type[FileRefused]]:
    found = {kind.slug: kind}
    for one in kind.__subclasses__():
        found |= _all(one)
    return found


BY_SLUG: Mapping[str, type[FileRefused]] = _all(FileRefused)
