"""What a box says of itself: clock, temperature, cameras, and a sign of life to systemd."""

import ctypes
import socket
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from ioc_edge.capture import Camera, StateChange
from ioc_edge.settings import CameraConfig
from ioc_edge.spool import Draft
from ioc_models.events import CameraHealth, CameraTelemetry, Clock

# struct timex of adjtimex(2), Linux, 64 bit: offset is the second long, status an
# int at byte 40. Times are in microseconds unless STA_NANO is set.
_TIMEX_BYTES: Final = 208
_OFFSET_AT: Final = 8
_STATUS_AT: Final = 40
_STA_UNSYNC: Final = 0x0040
_STA_NANO: Final = 0x2000
_THERMAL: Final = Path("/sys/class/thermal")


def clock() -> Clock:
    """What the kernel says of its own clock."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "adjtimex") or libc.adjtimex(timex) < 0:
        return Clock(synced=False)
    raw = timex.raw
    offset = int.from_bytes(raw[_OFFSET_AT : _OFFSET_AT + 8], "little", signed=True)
    status = int.from_bytes(raw[_STATUS_AT : _STATUS_AT + 4], "little", signed=True)
    per_ms = 1e6 if status & _STA_NANO else 1e3
    return Clock(synced=not status & _STA_UNSYNC, offset_ms=offset / per_ms)


def temperature_c() -> float | None:
    """The hottest sensor of the board; None where there is none."""
    readings = [_read(sensor) for sensor in _THERMAL.glob("thermal_zone*/temp")]
    return max((heat for heat in readings if heat is not None), default=None)


def _read(sensor: Path) -> float | None:
    try:
        return int(sensor.read_text()) / 1000
    except (OSError, ValueError):
        # A sensor that is switched off answers with an error; the others still count.
        return None


def telemetry(
    camera: Camera, *, at: Clock, spool_events: int, evidence_pending: int, heat_c: float | None
) -> CameraTelemetry:
    """A camera's figures of this second."""
    return CameraTelemetry(
        at=datetime.now(timezone.utc),
        state=camera.state,
        fps=min(camera.fps, 1000.0),
        skipped_frames=camera.skipped,
        spool_events=spool_events,
        evidence_pending=evidence_pending,
        clock_offset_ms=at.offset_ms,
        temperature_c=heat_c,
    )


def change_event(change: StateChange, camera: CameraConfig) -> Draft:
    """A camera's change of state, as an event."""
    health = CameraHealth(state=change.state, before=change.before, detail=change.detail)
    return Draft(
        kind="health",
        seen_at=change.at,
        data=health.model_dump(mode="json"),
        camera=camera.id,
        clock=clock(),
        simulated=camera.simulated,
        location=camera.location,
    )


class Watchdog:
    """Talks to systemd's notify socket; without one it is silent.

    Args:
        address: Value of NOTIFY_SOCKET, or None outside systemd.
    """

    def __init__(self, address: str | None) -> None:
        self._address = "\0" + address[1:] if address and address[0] == "@" else address

    def ready(self) -> None:
        """All parts run."""
        self._say(b"READY=1")

    def alive(self) -> None:
        """The inference thread has moved since the last call."""
        self._say(b"WATCHDOG=1")

    def stopping(self) -> None:
        """A clean stop has begun."""
        self._say(b"STOPPING=1")

    def _say(self, word: bytes) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            try:
                link.sendto(word, self._address)
            except OSError:
                # systemd restarts us if it hears nothing; there is no one else to tell.
                return
