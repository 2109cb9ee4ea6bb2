"""Anybody's film from the disk: frames as fast as they are taken, with the film's own time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from ioc_edge.capture import Frame, decode
from ioc_edge.clips import ClipRing
from ioc_edge.errors import SourceFailed

if TYPE_CHECKING:
    from concurrent.futures import Future


@dataclass(frozen=True, slots=True)
class Film:
    """A file with video; `began_at` is when its first frame was taken, as far as known."""

    path: Path
    began_at: datetime
    seconds: float | None
    ring: ClipRing = field(default_factory=ClipRing)

    def clip(self, from_at: datetime, to_at: datetime) -> "Future[bytes | None]":
        """The film's own packets between two of its moments, as `ClipRing.wish` has it."""
        return self.ring.wish(from_at.timestamp(), to_at.timestamp())

    def frames(self, most_fps: float) -> Iterator[Frame]:
        """At most that many frames a second, upright.

        Raises:
            SourceFailed: The film cannot be decoded, or not to its end.
        """
        gap, next_due, first, last = 1.0 / most_fps, 0.0, None, -1.0
        for number, picture in enumerate(self._decoded()):
            at = picture.time if picture.time is not None else number * gap
            first = at if first is None else first
            at -= first
            # Time that stands still or runs back comes from broken files.
            if at <= last or at < next_due:
                continue
            # Half a gap of tolerance, or 12.5 fps thinned to 10 would become 6.25.
            next_due, last = max(next_due + gap, at + gap / 2), at
            yield Frame(upright(picture), self.began_at + timedelta(seconds=at))

    def _decoded(self) -> Iterator[Any]:
        first: float | None = None

        def clock(packet: Any) -> float:  # noqa: ANN401 av has no types
            nonlocal first
            own = float((packet.dts or 0) * packet.time_base) if packet.time_base else 0.0
            first = own if first is None else first
            return self.began_at.timestamp() + own - first

        return decode(str(self.path), network=False, ring=self.ring, clock=clock)


def open_film(path: Path, began_at: datetime | None = None) -> Film:
    """A film and when it began: as told, as it says itself, or as the file is old.

    Raises:
        SourceFailed: No such file, no film, or no picture in it.
    """
    if not path.is_file():
        raise SourceFailed(f"no such file: {path}", reachable=True)
    try:
        with av.open(str(path)) as opened:
            if not opened.streams.video:
                raise SourceFailed(f"{path} has no video", reachable=True)
            seconds = opened.duration / av.time_base if opened.duration else None
            written = opened.metadata.get("creation_time", "")
    except (av.error.FFmpegError, OSError) as error:
        raise SourceFailed(f"{path} is no film: {error.strerror}", reachable=True) from error
    began = began_at or _said(written) or _aged(path, seconds)
    return Film(path, began.astimezone(timezone.utc), seconds)


def upright(picture: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:  # noqa: ANN401 av has no types
    """A frame as (h, w, 3) uint8 BGR, turned as the phone that took it says."""
    image = np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)
    turns = round(getattr(picture, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _said(written: str) -> datetime | None:
    """The container's own time; the zero of 1904 and 1970 is a clock that was never set."""
    try:
        at = datetime.fromisoformat(written.replace("Z", "+00:00"))
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return at if at.year > 1980 else None  # noqa: PLR2004 before digital video


def _aged(path: Path, seconds: float | None) -> datetime:
    """A file is written when its film ends."""
    ended = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
    return ended - timedelta(seconds=seconds or 0.0)
