"""A camera lives through every way in which a source can fail."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import av
import pytest
from tests.integration.edge.film import film
from tests.support.ports import free_port
from tests.support.wire import eventually

from ioc_edge.capture import Camera, StateChange
from ioc_edge.settings import CameraConfig
from ioc_models.events import CameraState

Watched = tuple[Camera, list[CameraState]]
Watch = Callable[..., Watched]


@pytest.fixture
def watch() -> Iterator[Watch]:
    started: list[Camera] = []

    def start(source: str | Path, **options: Any) -> Watched:
        states: list[CameraState] = []

        def note(change: StateChange) -> None:
            states.append(change.state)

        config = CameraConfig.model_validate(
            {
                "id": "cam-1",
                "title_vi": "x",
                "source": str(source),
                "location": {"lon": 105, "lat": 9},
                "max_fps": 25,
                **options,
            }
        )
        camera = Camera(config, on_change=note, first_retry_s=0.1)
        camera.start()
        started.append(camera)
        return camera, states

    yield start
    for camera in started:
        camera.stop()


def test_a_file_plays_in_real_time_and_its_end_is_told(tmp_path: Path, watch: Watch) -> None:
    began = time.monotonic()
    camera, states = watch(film(tmp_path / "a.mp4", 25))
    eventually(lambda: CameraState.ENDED in states)
    assert 0.9 < time.monotonic() - began < 3
    assert states[:2] == [CameraState.OK, CameraState.ENDED]
    assert camera.frames + camera.skipped >= 24


def test_an_ended_file_is_opened_again(tmp_path: Path, watch: Watch) -> None:
    _, states = watch(film(tmp_path / "a.mp4", 5))
    eventually(lambda: states.count(CameraState.OK) >= 2)


def test_a_looped_file_has_no_end(tmp_path: Path, watch: Watch) -> None:
    camera, states = watch(film(tmp_path / "a.mp4", 5), loop=True)
    eventually(lambda: camera.frames > 12)
    assert states == [CameraState.OK]


def test_frames_are_thinned_to_the_rate_asked_for(tmp_path: Path, watch: Watch) -> None:
    camera, states = watch(film(tmp_path / "a.mp4", 50), max_fps=10)
    eventually(lambda: CameraState.ENDED in states)
    assert 15 <= camera.frames <= 23


def test_frames_that_nobody_took_are_counted_as_skipped(tmp_path: Path, watch: Watch) -> None:
    camera, states = watch(film(tmp_path / "a.mp4", 10))
    eventually(lambda: CameraState.ENDED in states)
    assert camera.skipped >= 8
    assert camera.newest() is not None
    assert camera.newest() is None


def test_a_truncated_file_is_broken_and_heals_when_replaced(tmp_path: Path, watch: Watch) -> None:
    whole = film(tmp_path / "a.mp4", 10).read_bytes()
    path = tmp_path / "b.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    _, states = watch(path)
    eventually(lambda: CameraState.BROKEN in states)
    path.write_bytes(whole)
    eventually(lambda: CameraState.OK in states)


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 100])
def test_what_is_no_video_is_broken(content: bytes, tmp_path: Path, watch: Watch) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    _, states = watch(path)
    eventually(lambda: states == [CameraState.BROKEN])


def test_a_missing_file_is_broken(tmp_path: Path, watch: Watch) -> None:
    _, states = watch(tmp_path / "nothing.mp4")
    eventually(lambda: states == [CameraState.BROKEN])


def test_an_unreachable_rtsp_camera_has_no_signal(watch: Watch) -> None:
    camera, states = watch(f"rtsp://127.0.0.1:{free_port()}/1")
    eventually(lambda: states == [CameraState.NO_SIGNAL])
    assert camera.fps == 0


def test_stopping_does_not_wait_for_a_pause_to_end(tmp_path: Path, watch: Watch) -> None:
    camera, states = watch(tmp_path / "nothing.mp4")
    eventually(lambda: states)
    before = time.monotonic()
    camera.stop()
    assert time.monotonic() - before < 1
    assert "cam-1" not in {thread.name for thread in threading.enumerate()}


def test_a_clip_is_the_sources_own_packets(tmp_path: Path, watch: Watch) -> None:
    path = film(tmp_path / "a.mp4", 75)
    camera, _ = watch(path)
    eventually(lambda: camera.frames > 5)
    now = datetime.now(timezone.utc)
    clip = camera.clip(now, now + timedelta(seconds=1)).result(5)
    assert clip is not None
    ours, theirs = packets(io.BytesIO(clip)), packets(path)
    assert len(ours) >= 20
    assert ours == theirs[: len(ours)], "copied, not encoded again, from the keyframe on"


def test_a_clip_is_cut_short_by_the_end_of_its_source(tmp_path: Path, watch: Watch) -> None:
    camera, states = watch(film(tmp_path / "a.mp4", 25))
    eventually(lambda: camera.frames > 5)
    now = datetime.now(timezone.utc)
    clip = camera.clip(now, now + timedelta(seconds=60)).result(5)
    assert clip is not None
    assert len(packets(io.BytesIO(clip))) == 25
    assert CameraState.OK in states


def test_there_is_no_clip_of_what_was_never_seen(tmp_path: Path, watch: Watch) -> None:
    camera, states = watch(film(tmp_path / "a.mp4", 5))
    eventually(lambda: CameraState.ENDED in states)
    now = datetime.now(timezone.utc)
    soon = camera.clip(now + timedelta(hours=1), now + timedelta(hours=2))
    assert soon.result(5) is None


def packets(source: Path | io.BytesIO) -> list[bytes]:
    with av.open(source) as opened:
        return [bytes(packet) for packet in opened.demux(video=0) if packet.size]
