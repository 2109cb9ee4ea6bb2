"""What can go wrong with forecasts, in words for people."""

from http import HTTPStatus
from typing import Final

from ioc_cloud.errors import CloudError

# Eight weeks: each weekday seen eight times.
ENOUGH_DAYS: Final = 56


class TooShort(CloudError):
    """A history too short to forecast from."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "too-short"
    title = "Chưa đủ dữ liệu / Not enough data"

    def __init__(
        self, n: int, needed: int = ENOUGH_DAYS, unit: tuple[str, str] = ("ngày", "days")
    ) -> None:
        """Say how much there is and how much it takes."""
        self.vi = f"chưa đủ dữ liệu: có {n} {unit[0]}, cần {needed}"
        self.en = f"not enough data: {n} {unit[1]}, {needed} are needed"
        super().__init__(f"{self.vi} / {self.en}")
        self.n = n
        self.needed = needed
