"""What can go wrong with feeds, in words for people."""

from http import HTTPStatus
from pathlib import Path

from ioc_cloud.errors import CloudError


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
