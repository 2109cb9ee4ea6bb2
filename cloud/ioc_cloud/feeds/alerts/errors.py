"""What can go wrong with alerts, in words for people."""

from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path

from ioc_cloud.errors import CloudError


class SopBroken(CloudError):
    """A checklist that cannot be read, or that is no checklist."""

    slug = "sop-broken"
    title = "Quy trình xử lý không hợp lệ / Invalid checklist"

    def __init__(self, path: Path, why: str) -> None:
        """Name the file and the fault."""
        super().__init__(f"{path}: {why}")
        self.path = path


class NoSuchAlert(CloudError):
    """No alert of that number."""

    status = HTTPStatus.NOT_FOUND
    slug = "no-such-alert"
    title = "Không có cảnh báo này / No such alert"

    def __init__(self, alert: int) -> None:
        """Name it."""
        super().__init__(f"there is no alert {alert}")
        self.alert = alert


class AlertMoved(CloudError):
    """Somebody else was quicker; look again before you act."""

    status = HTTPStatus.CONFLICT
    slug = "alert-moved"
    title = "Cảnh báo đã có người xử lý / The alert has moved on"

    def __init__(self, alert: int, expected: int, found: int) -> None:
        """Name both versions."""
        super().__init__(f"alert {alert} is at version {found}, not {expected}")
        self.alert = alert
        self.expected = expected
        self.found = found


class NotInThisState(CloudError):
    """A step that does not follow from the alert's state."""

    status = HTTPStatus.CONFLICT
    slug = "alert-not-in-this-state"
    title = "Không thể làm việc này ở trạng thái hiện tại / Not possible in this state"

    def __init__(self, alert: int, action: str, state: str, allowed: Iterable[str]) -> None:
        """Name what is possible."""
        super().__init__(
            f"alert {alert} is {state}; {action} is for {', '.join(sorted(allowed))} ones"
        )
        self.alert = alert
        self.state = state


class SameAlertOpen(CloudError):
    """The same trouble has an alert that is not finished."""

    status = HTTPStatus.CONFLICT
    slug = "same-alert-open"
    title = "Đã có cảnh báo khác cùng việc đang mở / The same alert is open elsewhere"

    def __init__(self, alert: int) -> None:
        """Name the one that was to be opened again."""
        super().__init__(f"alert {alert} has a younger one of the same kind that is not finished")
        self.alert = alert


class StepUnsaid(CloudError):
    """A step without the words that it needs."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "alert-step-unsaid"
    title = "Thiếu nội dung bắt buộc / Something must be said"


class NowhereNear(CloudError):
    """A point, a radius or a window that cannot be answered."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "nowhere-near"
    title = "Bán kính hoặc thời gian không hợp lệ / Invalid radius or window"
