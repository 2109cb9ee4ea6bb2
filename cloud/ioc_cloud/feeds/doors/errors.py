"""What can go wrong between a source and us; each says why in Vietnamese and English."""

from datetime import timedelta
from typing import ClassVar

from ioc_cloud.errors import CloudError


class SourceTrouble(CloudError):
    """A source that gave nothing usable; what it holds is asked for again later.

    Attributes:
        vi: The reason for people, in Vietnamese.
        en: The same in English.
        passes: Whether trying again at once may help.
        retry_after: How long the source wants to be left alone.
    """

    slug = "source-trouble"
    title = "Nguồn dữ liệu gặp sự cố / Source in trouble"
    passes: ClassVar[bool] = False
    retry_after: timedelta | None = None

    def __init__(self, vi: str, en: str) -> None:
        """Both reasons; neither holds a secret."""
        super().__init__(f"{vi} / {en}")
        self.vi = vi
        self.en = en


class SourceUnreachable(SourceTrouble):
    """No whole answer: no connection, too slow, cut off, or the source says to wait."""

    slug = "source-unreachable"
    passes = True

    def __init__(self, why: str, retry_after: timedelta | None = None) -> None:
        """Say what happened on the line."""
        super().__init__(f"nguồn không trả lời trọn vẹn: {why}", f"no whole answer: {why}")
        self.retry_after = retry_after


class SourceRefused(SourceTrouble):
    """The source will not have this question."""

    slug = "source-refused"

    def __init__(self, status: int, url: str) -> None:
        """Keep the status."""
        super().__init__(f"nguồn từ chối (HTTP {status}): {url}", f"HTTP {status} from {url}")
        self.answered = status


class NotLetIn(SourceTrouble):
    """The source does not take our key."""

    slug = "source-not-let-in"

    def __init__(self, why: str) -> None:
        """Never with the key."""
        super().__init__(
            f"nguồn không nhận khóa của hệ thống: {why}", f"our key is not taken: {why}"
        )


class AnswerUnreadable(SourceTrouble):
    """An answer that is not in the form that the contract says; its bytes are kept."""

    slug = "answer-unreadable"

    def __init__(self, why: str, sha256: str = "") -> None:
        """Say where its bytes lie."""
        kept = f" ({sha256[:16]})" if sha256 else ""
        super().__init__(
            f"không đọc được dữ liệu nguồn trả về: {why}{kept}",
            f"the answer cannot be read: {why}{kept}",
        )


class AnswerTooLarge(SourceTrouble):
    """More bytes than one delivery may have."""

    slug = "answer-too-large"

    def __init__(self, limit: int) -> None:
        """Say what would pass."""
        super().__init__(
            f"nguồn trả về quá {limit} byte", f"the source sends more than {limit} bytes"
        )


class PagesRepeat(SourceTrouble):
    """The source hands out a page again where another was due: rows are missing somewhere."""

    slug = "pages-repeat"

    def __init__(self, page: int) -> None:
        """Count pages from 1."""
        super().__init__(
            f"trang {page} lặp lại trang trước đó", f"page {page} repeats an earlier one"
        )


class PagesMoved(SourceTrouble):
    """Rows came or went while pages were read, each time we tried."""

    slug = "pages-moved"

    def __init__(self, tries: int) -> None:
        """Say how often we tried."""
        super().__init__(
            f"số liệu nguồn thay đổi trong lúc đọc, đã thử {tries} lần",
            f"the source changed while it was read, {tries} times",
        )


class DoorMisconfigured(SourceTrouble):
    """A secret, an address or a file of the installation that is not there."""

    slug = "door-misconfigured"
