"""What a key or a user may be allowed."""

from collections.abc import Iterable
from typing import Final

from ioc_cloud.errors import UnknownScope

EVENTS_READ: Final = "events:read"
EVIDENCE_READ: Final = "evidence:read"
EVIDENCE_WRITE: Final = "evidence:write"
WALL_READ: Final = "wall:read"
STATUS_READ: Final = "status:read"
TWIN: Final = "twin"

SCOPES: Final[dict[str, str]] = {
    EVENTS_READ: "Đọc sự kiện đầy đủ, có biển số; mỗi lần đọc đều ghi nhật ký / "
    "events in full, plates included; every read is audited",
    EVIDENCE_READ: "Xem ảnh chứng cứ; mỗi lần xem đều ghi nhật ký / evidence pictures, audited",
    EVIDENCE_WRITE: "Thiết bị gửi ảnh chứng cứ / a box sends its evidence",
    WALL_READ: "Màn hình: biển số được che / the wall: plates masked",
    STATUS_READ: "Trạng thái hệ thống / state of the system",
    TWIN: "Bản sao số: đọc và ghi theo chính sách của từng đối tượng / "
    "the twin: what its policies allow",
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
