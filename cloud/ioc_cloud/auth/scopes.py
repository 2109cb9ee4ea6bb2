"""What a key or a user may be allowed."""

import re
from collections.abc import Iterable
from typing import Final

from ioc_cloud.errors import UnknownScope

EVENTS_READ: Final = "events:read"
EVIDENCE_READ: Final = "evidence:read"
EVIDENCE_WRITE: Final = "evidence:write"
WALL_READ: Final = "wall:read"
STATUS_READ: Final = "status:read"
TWIN: Final = "twin"
FEEDS_READ: Final = "feeds:read"
FEEDS_WRITE: Final = "feeds:write"
FEEDS_STEWARD: Final = "feeds:steward"
ALERTS: Final = "alerts"

ALL_FEEDS: Final = "*"

SCOPES: Final[dict[str, str]] = {
    EVENTS_READ: "Đọc sự kiện đầy đủ, có biển số; mỗi lần đọc đều ghi nhật ký / "
    "events in full, plates included; every read is audited",
    EVIDENCE_READ: "Xem ảnh chứng cứ; mỗi lần xem đều ghi nhật ký / evidence pictures, audited",
    EVIDENCE_WRITE: "Thiết bị gửi ảnh chứng cứ / a box sends its evidence",
    WALL_READ: "Màn hình: biển số được che / the wall: plates masked",
    STATUS_READ: "Trạng thái hệ thống / state of the system",
    TWIN: "Bản sao số: đọc và ghi theo chính sách của từng đối tượng / "
    "the twin: what its policies allow",
    FEEDS_READ: "Số liệu các lĩnh vực / figures of the domains",
    FEEDS_WRITE: "Nộp số liệu cho nguồn được giao / deliver to the feeds that one is given",
    FEEDS_STEWARD: "Điều phối dữ liệu: mọi nguồn, bảo trì, nhắc / data steward: every feed, "
    "maintenance windows, reminders",
    ALERTS: "Xử lý cảnh báo và việc / handle alerts and tasks",
}
ROLES: Final[dict[str, str]] = {
    "leader": "Lãnh đạo / leader",
    "operator": "Trực ban / operator",
    "steward": "Quản trị dữ liệu / data steward",
    "focal": "Đầu mối / focal officer",
    "police": "Cảnh sát giao thông / traffic police",
    "technician": "Kỹ thuật / technician",
    "auditor": "Kiểm tra / auditor",
    "dpo": "Bảo vệ dữ liệu cá nhân / data protection officer",
    "developer": "Nhà phát triển / developer",
    "system": "Quản trị hệ thống: ghi mọi đối tượng / administrator: writes everything",
}


def checked(scopes: Iterable[str], *, box: str | None) -> list[str]:
    """The scopes, sorted, once each.

    Raises:
        UnknownScope: One that does not exist, or `evidence:write` without its box.
    """
    wanted = sorted(set(scopes))
    for scope in wanted:
        if scope not in SCOPES:
            raise UnknownScope(scope, f"one of {', '.join(SCOPES)}")
    if EVIDENCE_WRITE in wanted and box is None:
        raise UnknownScope(EVIDENCE_WRITE, "belongs to a box; give its name")
    return wanted


def checked_feeds(feeds: Iterable[str]) -> list[str]:
    """Ids of feeds, sorted, once each; `*` is every feed.

    Raises:
        UnknownScope: A text that is no id.
    """
    wanted = sorted(set(feeds))
    for feed in wanted:
        if feed != ALL_FEEDS and not _FEED.fullmatch(feed):
            raise UnknownScope(feed, "is no id of a feed, as y-te")
    return wanted


_FEED: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def checked_roles(roles: Iterable[str]) -> list[str]:
    """The roles, sorted, once each.

    Raises:
        UnknownScope: One that does not exist.
    """
    wanted = sorted(set(roles))
    for role in wanted:
        if role not in ROLES:
            raise UnknownScope(role, f"one of {', '.join(ROLES)}")
    return wanted
