"""Frames from a file or an RTSP camera, newest first, through every failure."""

import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import av
import structlog

from ioc_edge.backends import Image
from ioc_edge.clips import ClipRing
from ioc_edge.errors import SourceFailed
from ioc_edge.settings import CameraConfig
from ioc_models.events import CameraState

if TYPE_CHECKING:
    from concurrent.futures import Future

log = structlog.get_logger(__name__)

OPEN_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 10.0
FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 30.0
# A file that fell this far behind is taken up from where it is, not chased.
REANCHOR_AFTER_S: Final = 2.0
LATE_S: Final = 0.1
# A stream may lose packets; one that gives nothing else is broken.
BAD_PACKETS_IN_A_ROW: Final = 50
FPS_WINDOW_S: Final = 2.0
STEADY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture, (h, w, 3) uint8 BGR, and when the camera saw it, UTC."""

    image: Image
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class StateChange:
    """A camera went from one state to another."""

    camera: str
    before: CameraState
    state: CameraState
    detail: str
    at: datetime


class Camera:
    """Decodes in a thread of its own and keeps the newest frame alone.

    A source that ends, breaks or goes silent is opened again, each time later, with
    jitter; nothing that a source does ends the thread.
    """

    def __init__(
        self,
        config: CameraConfig,
        *,
        on_change: Callable[[StateChange], None],
        on_frame: Callable[[], None] = lambda: None,
        first_retry_s: float = FIRST_RETRY_S,
    ) -> None:
        self.config = config
        self.state = CameraState.STARTING
        self.frames = 0
        self.skipped = 0
        self._on_change = on_change
        self._on_frame = on_frame
        self._first_retry_s = self._retry_s = first_retry_s
        self._ok_since = 0.0
        self._slot: Frame | None = None
        self._slot_lock = threading.Lock()
        self._arrivals: list[float] = []
        self._ring = ClipRing()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=config.id, daemon=True)

    def start(self) -> None:
        """Begin to decode."""
        self._thread.start()

    def stop(self, wait_s: float = OPEN_TIMEOUT_S) -> None:
        """End the thread; waits at most `wait_s` for a read that is blocked."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    def newest(self) -> Frame | None:
        """The newest frame, once; None until there is another."""
        with self._slot_lock:
            frame, self._slot = self._slot, None
        return frame

    def clip(self, from_at: datetime, to_at: datetime) -> "Future[bytes | None]":
        """The camera's own video between two moments, as `ClipRing.wish` has it."""
        return self._ring.wish(from_at.timestamp(), to_at.timestamp())

    @property
    def fps(self) -> float:
        """Frames per second that arrived lately."""
        since = time.monotonic() - FPS_WINDOW_S
        return sum(at > since for at in tuple(self._arrivals)) / FPS_WINDOW_S

    def _run(self) -> None:
        while not self._stopping.is_set():
            before = self.frames
            try:
                self._play()
                again = self._ended(delivered=self.frames > before)
            except SourceFailed as error:
                state = CameraState.BROKEN if error.reachable else CameraState.NO_SIGNAL
                self._become(state, str(error))
                again = False
            except Exception as error:
                log.exception("capture_failed", camera=self.config.id)
                self._become(CameraState.BROKEN, f"{type(error).__name__}: {error}")
                again = False
            if not again:
                self._rest()

    def _ended(self, *, delivered: bool) -> bool:
        """What the end of the source means; True to open it again at once."""
        if not delivered and not self._stopping.is_set():
            self._become(CameraState.BROKEN, "the source has no picture")
        elif self.config.is_network:
            self._become(CameraState.NO_SIGNAL, "the stream ended")
        elif self.config.loop:
            return True
        elif not self._stopping.is_set():
            self._become(CameraState.ENDED, "the file ended")
        return False

    def _rest(self) -> None:
        pause = random.SystemRandom().uniform(self._retry_s / 2, self._retry_s)
        self._retry_s = min(self._retry_s * 2, LONGEST_RETRY_S)
        self._stopping.wait(pause)

    def _play(self) -> None:
        """Deliver until the source ends."""
        next_due = -math.inf
        gap = 1.0 / self.config.max_fps
        for decoded, due in self._paced():
            if self._stopping.is_set():
                return
            if due < next_due:
                continue
            # Half a gap of tolerance, or 12.5 fps thinned to 10 would become 6.25.
            next_due = max(next_due + gap, due + gap / 2)
            if time.monotonic() - due > LATE_S:
                self.skipped += 1
                continue
            self._deliver(decoded, due)

    def _deliver(self, decoded: Any, due: float) -> None:  # noqa: ANN401 av has no types
        seen_at = datetime.now(timezone.utc) - timedelta(seconds=time.monotonic() - due)
        frame = Frame(decoded.to_ndarray(format="bgr24"), seen_at)
        with self._slot_lock:
            self.skipped += self._slot is not None
            self._slot = frame
        self.frames += 1
        now = time.monotonic()
        self._arrivals = [at for at in self._arrivals if at > now - FPS_WINDOW_S] + [now]
        self._become(CameraState.OK, "")
        # A stream must hold before retries are quick again, or one that flaps would
        # flood the cloud with its states; a file that ended stays a file that ends.
        if self.config.is_network and now - self._ok_since > STEADY_S:
            self._retry_s = self._first_retry_s
        self._on_frame()

    def _paced(self) -> Iterator[tuple[Any, float]]:
        """Decoded frames with the moment, on the monotonic clock, that each belongs to."""
        network = self.config.is_network
        start: float | None = None
        for decoded in decode(self.config.source, network=network, ring=self._ring):
            now = time.monotonic()
            if network or decoded.time is None:
                yield decoded, now
                continue
            if start is None or now - (start + decoded.time) > REANCHOR_AFTER_S:
                start = now - decoded.time
            due = start + decoded.time
            if due > now and self._stopping.wait(due - now):
                return
            yield decoded, due

    def _become(self, state: CameraState, detail: str) -> None:
        """Tell of a change of state, once each way."""
        before = self.state
        if state is before:
            return
        self.state = state
        self._ok_since = time.monotonic()
        tell = log.info if state is CameraState.OK else log.warning
        tell("camera_state", camera=self.config.id, state=state.value, detail=detail)
        at = datetime.now(timezone.utc)
        self._on_change(StateChange(self.config.id, before, state, detail[:2000], at))


def decode(
    source: str,
    *,
    network: bool,
    ring: ClipRing,
    clock: Callable[[Any], float] = lambda _packet: time.time(),
) -> Iterator[Any]:
    """Every frame of a source; its packets go to the ring with the time that `clock` gives.

    Raises:
        SourceFailed: `reachable` tells a source that answers nonsense from silence.
    """
    if not network and not Path(source).is_file():
        raise SourceFailed(f"no such file: {Path(source).name}", reachable=True)
    options = {"rtsp_transport": "tcp"} if source.startswith("rtsp") else {}
    try:
        with av.open(source, options=options, timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S)) as opened:
            if not opened.streams.video:
                raise SourceFailed("the source has no video", reachable=True)
            stream = opened.streams.video[0]
            stream.codec_context.thread_count = 1
            ring.opened(stream)
            try:
                yield from _demux(opened, stream, ring, clock)
            finally:
                ring.ended()
    except av.error.InvalidDataError as error:
        raise SourceFailed(f"cannot be decoded: {error.strerror}", reachable=True) from error
    except (av.error.FFmpegError, OSError) as error:
        reason = f"{type(error).__name__}: {error.strerror}"
        raise SourceFailed(reason, reachable=not network) from error


def _demux(
    opened: Any,  # noqa: ANN401 av has no types
    stream: Any,  # noqa: ANN401
    ring: ClipRing,
    clock: Callable[[Any], float],
) -> Iterator[Any]:
    bad = 0
    for packet in opened.demux(stream):
        ring.add(packet, clock(packet))
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            bad += 1
            if bad >= BAD_PACKETS_IN_A_ROW:
                raise
            continue
        bad = 0 if frames else bad
        yield from frames
