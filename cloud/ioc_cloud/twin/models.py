"""What Thing Models say of things."""

from typing import Any

from ioc_cloud.twin.pointer import Path
from ioc_cloud.twin.series import NO_SERIES


class WotModels:
    """Thing Models as the twin asks them."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def skeleton(self, doc: dict[str, Any]) -> dict[str, Any]:
        """A new thing filled up from its model."""
        return doc

    def check(self, before: dict[str, Any] | None, after: dict[str, Any], path: Path) -> None:
        """See that a thing fits its model."""

    def describe(self, doc: dict[str, Any], path: Path) -> dict[str, Any]:
        """A Thing Description."""
        return doc

    def series_of(self, definition: str) -> frozenset[Path]:
        """Paths that are kept as series."""
        return NO_SERIES
