"""Secrets of the installation: one file each in its folder, read when they are needed."""

from pathlib import Path
from typing import Protocol

from ioc_cloud.feeds.doors.errors import DoorMisconfigured


class Secrets(Protocol):
    """Where secrets come from."""

    def __call__(self, name: str) -> str:
        """A secret by its name.

        Raises:
            DoorMisconfigured: There is none.
        """


class SecretFiles:
    """`IOC_HOME/secrets/<name>`; a changed file counts at the next question."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str) -> str:
        """The file's text without the line end."""
        if not name or Path(name).name != name:
            raise DoorMisconfigured(
                f"tên khóa bí mật không hợp lệ: {name!r}", f"no name of a secret: {name!r}"
            )
        try:
            return (self._folder / name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise DoorMisconfigured(
                f"thiếu khóa bí mật {name!r}", f"the secret {name!r} is not there"
            ) from error
