"""What can go wrong on a box, named for what happened."""

from pathlib import Path

from pydantic import ValidationError


class EdgeError(Exception):
    """Base of every error that this package raises."""


class ConfigInvalid(EdgeError):
    """The box's configuration cannot be used; nothing was started."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class SpoolFull(EdgeError):
    """The spool refuses an event before the disk is full."""

    def __init__(self, kind: str, used: int, allowed: int) -> None:
        super().__init__(f"spool refuses {kind!r}: {used} of {allowed} bytes used")
        self.kind = kind
        self.used = used
        self.allowed = allowed


class SpoolBusy(EdgeError):
    """Another process holds this spool; two writers would mint the same seq twice."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"spool {path} is held by another process")
        self.path = path


class SpoolClosed(EdgeError):
    """The spool was closed, or its disk failed, before this reached it."""


class EventTooLarge(EdgeError):
    """An event is over the wire's limit; pictures belong in evidence."""

    def __init__(self, kind: str, size: int, limit: int) -> None:
        super().__init__(f"event of kind {kind!r} has {size} bytes, the wire takes {limit}")
        self.kind = kind
        self.size = size
        self.limit = limit


class EventInvalid(EdgeError):
    """An event does not fit its kind's model; it would be parked by the cloud."""


class BrokerUnreachable(EdgeError):
    """The broker did not take the connection."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"broker {host}:{port}: {reason}")
        self.reason = reason


class SourceFailed(EdgeError):
    """A camera's source cannot be opened or went silent."""

    def __init__(self, reason: str, *, reachable: bool) -> None:
        super().__init__(reason)
        self.reachable = reachable


class PictureUnreadable(EdgeError):
    """A file holds no picture that can be decoded."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class ModelInvalid(EdgeError):
    """A model or its manifest cannot be used."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"model {path}: {reason}")
        self.path = path


class BackendUnavailable(EdgeError):
    """The accelerator that was asked for is not on this machine."""


def in_words(error: ValidationError, whole: str = "file") -> str:
    """Every fault with its place, in a line; `whole` names what has none of its own."""
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc']) or whole}: "
        + fault["msg"].removeprefix("Value error, ")
        for fault in error.errors()
    )
