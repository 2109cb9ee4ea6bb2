"""Clips by stream copy: the camera's own packets, never encoded again.

A box has no encoder to spare (an Orin Nano has none at all), and a picture that was
encoded twice invites the question what was changed.
"""

import io
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

import av
import structlog

log = structlog.get_logger(__name__)

# A clip can begin this long before it is wished for; packets are small, pictures are not.
KEEP_S: Final = 20.0
MOST_BYTES: Final = 24 * 1024 * 1024
# What a browser and a court's player open in MP4.
CODECS: Final = frozenset({"h264", "hevc"})


@dataclass(frozen=True, slots=True)
class _Wish:
    from_at: float
    to_at: float
    clip: "Future[bytes | None]"


class ClipRing:
    """The last seconds of one source's packets.

    `wish` may be called from any thread; all else belongs to the thread that reads the
    source, for a packet is of use only while its source is open.
    """

    def __init__(self) -> None:
        self._packets: deque[tuple[float, Any]] = deque()
        self._bytes = 0
        self._stream: Any = None
        self._wishes: list[_Wish] = []
        self._lock = threading.Lock()

    def wish(self, from_at: float, to_at: float) -> "Future[bytes | None]":
        """An MP4 that spans both moments, seconds since 1970, once the later one has come.

        It begins at the keyframe before `from_at`. The result is None when the source ended
        or broke before `from_at`, or its codec cannot be copied into an MP4.
        """
        wish = _Wish(from_at, to_at, Future())
        with self._lock:
            self._wishes.append(wish)
        return wish.clip

    def opened(self, stream: Any) -> None:  # noqa: ANN401 av has no types
        """A source begins; what is left of the one before cannot be joined to it."""
        self._forget()
        self._stream = stream if stream.codec_context.name in CODECS else None

    def add(self, packet: Any, at: float) -> None:  # noqa: ANN401 av has no types
        """Take a packet that came from the source at that moment."""
        if self._stream is not None and packet.size and packet.dts is not None:
            self._packets.append((at, packet))
            self._bytes += packet.size
            self._thin(at)
        self._grant(at)

    def ended(self) -> None:
        """The source ends: what is wished for is cut short."""
        self._grant(float("inf"))
        self._forget()

    def _forget(self) -> None:
        self._packets.clear()
        self._bytes, self._stream = 0, None

    def _thin(self, now: float) -> None:
        """Drop whole groups of pictures from the front: a clip begins at a keyframe."""
        while len(self._packets) > 1:
            following = next(
                (i for i, (_, p) in enumerate(self._packets) if i and p.is_keyframe), None
            )
            full = self._bytes > MOST_BYTES
            if following is None or not (full or self._packets[following][0] < now - KEEP_S):
                return
            for _ in range(following):
                self._bytes -= self._packets.popleft()[1].size

    def _grant(self, now: float) -> None:
        if not self._wishes:
            return
        with self._lock:
            due = [wish for wish in self._wishes if wish.to_at <= now]
            self._wishes = [wish for wish in self._wishes if wish.to_at > now]
        for wish in due:
            wish.clip.set_result(self._cut_or_none(wish))

    def _cut_or_none(self, wish: _Wish) -> bytes | None:
        """A clip that cannot be written must not blind the camera."""
        try:
            return self._cut(wish)
        except Exception:
            log.exception("clip_failed")
            return None

    def _cut(self, wish: _Wish) -> bytes | None:
        inside = [(at, packet) for at, packet in self._packets if at <= wish.to_at]
        starts = [i for i, (at, p) in enumerate(inside) if p.is_keyframe and at <= wish.from_at]
        if not starts:
            starts = [i for i, (_, p) in enumerate(inside) if p.is_keyframe][:1]
        if not starts or inside[-1][0] < wish.from_at:
            return None
        return _muxed(self._stream, [packet for _, packet in inside[starts[-1] :]])


def _muxed(stream: Any, packets: list[Any]) -> bytes:  # noqa: ANN401 av has no types
    """Packets of one stream as an MP4 file whose time begins at 0."""
    target = io.BytesIO()
    first = min(packet.dts for packet in packets)
    with av.open(target, "w", format="mp4") as container:
        copy = container.add_stream_from_template(stream)
        for packet in packets:
            # A copy: the decoder may still hold the packet, and times must not change for it.
            other = av.Packet(bytes(packet))
            other.dts = packet.dts - first
            other.pts = (packet.pts if packet.pts is not None else packet.dts) - first
            other.duration = packet.duration
            other.time_base = stream.time_base
            other.is_keyframe = packet.is_keyframe
            other.stream = copy
            container.mux(other)
    return target.getvalue()
