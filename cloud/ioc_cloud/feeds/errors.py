"""What can go wrong with feeds, in words for people."""

from http import HTTPStatus
from pathlib import Path

from ioc_cloud.errors import CloudError
from ioc_cloud.feeds.files.errors import FileRefused


class ContractBroken(CloudError):
    """A contract that cannot be read, or that contradicts itself or another."""

    slug = "contract-broken"
    title = "Hợp đồng dữ liệu không hợp lệ / Invalid feed contract"

    def __init__(self, path: Path, why: str) -> None:
        """Name the file and every fault in it."""
        super().__init__(f"{path}: {why}")
        self.path = path


class NoSuchFeed(CloudError):
    """No feed, table or indicator under that name."""

    status = HTTPStatus.NOT_FOUND
    slug = "no-such-feed"
    title = "Không có nguồn dữ liệu này / No such feed"

    def __init__(self, name: str, known: list[str]) -> None:
        """Say what there is."""
        super().__init__(f"{name!r} is none of {', '.join(known)}")
        self.name = name


class DeliveryRefused(CloudError):
    """A delivery that cannot be taken as it is; its receipt says why, cell by cell."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "delivery-refused"
    title = "Dữ liệu bị từ chối / Delivery refused"


class KeyReused(CloudError):
    """An idempotency key that came before with other content."""

    status = HTTPStatus.CONFLICT
    slug = "idempotency-key-reused"
    title = "Khóa chống lặp đã dùng cho nội dung khác / Idempotency key reused"

    def __init__(self, key: str) -> None:
        """Name the key."""
        super().__init__(f"the key {key!r} came before with other content")
        self.key = key


class NothingToUndo(CloudError):
    """A batch that is not there, was undone before, or holds nothing."""

    status = HTTPStatus.CONFLICT
    slug = "nothing-to-undo"
    title = "Không có gì để hoàn tác / Nothing to undo"


class NoExample(CloudError):
    """A table whose rules contradict each other: no row can keep them all."""

    slug = "no-example"
    title = "Quy tắc mâu thuẫn nhau / Rules contradict each other"

    def __init__(self, table: str, rule: str) -> None:
        """Name the rule that could not be kept."""
        super().__init__(f"table {table}: no row was found that keeps the rule {rule!r}")
        self.table = table
        self.rule = rule


class OtherFeedsTemplate(CloudError):
    """A workbook that was made for another feed."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "other-feeds-template"
    title = "Biểu mẫu của nguồn khác / Template of another feed"

    def __init__(self, wanted: str, found: str) -> None:
        """Name both feeds."""
        self.vi = (
            f"Đây là biểu mẫu của “{found}”, không phải của “{wanted}”. Hãy chọn đúng nguồn dữ "
            "liệu hoặc tải đúng biểu mẫu."
        )
        self.en = (
            f"This is the template of {found!r}, not of {wanted!r}. Choose the right feed, or "
            "download the right template."
        )
        super().__init__(f"{self.vi} / {self.en}")
        self.wanted = wanted
        self.found = found


class OldTemplate(CloudError):
    """A workbook that was made from an earlier wording of the contract."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "old-template"
    title = "Biểu mẫu đã cũ / Outdated template"

    def __init__(self, feed: str, found: int, now: int) -> None:
        """Name both versions."""
        self.vi = (
            f"Biểu mẫu “{feed}” bản {found} đã cũ, hiện dùng bản {now}. Hãy tải biểu mẫu mới và "
            "chép số liệu sang."
        )
        self.en = (
            f"This template of {feed!r} is version {found}, version {now} is in use. Download "
            "the new one and copy your figures over."
        )
        super().__init__(f"{self.vi} / {self.en}")
        self.found = found
        self.now = now


class WrongHeader(FileRefused):
    """A sheet whose columns are not those of its table."""

    slug = "wrong-header"
    title = "Sai dòng tiêu đề / Wrong header"
    words_vi = (
        "Trang “{sheet}” không có dòng tiêu đề đúng. Cần các cột: {expected}. Đang có: {found}. "
        "Hãy tải biểu mẫu và giữ nguyên hai dòng đầu."
    )
    words_en = (
        "Sheet “{sheet}” has no header of this table. Expected columns: {expected}. Found: "
        "{found}. Download the template and leave its first two rows as they are."
    )


class TooMuchToExport(CloudError):
    """More rows than a file of this kind holds; nothing is cut off quietly."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "too-much-to-export"
    title = "Quá nhiều dòng để xuất / Too many rows to export"

    def __init__(self, most: int) -> None:
        """Say what would pass."""
        super().__init__(f"more than {most} rows: choose fewer periods or areas")
        self.most = most
