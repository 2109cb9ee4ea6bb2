"""What our capture adds to decoding: bare PyAV beside the product's camera on the same video."""

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import av
from tests.bench.table import show

from ioc_cloud.ops import demo
from ioc_cloud.ops.home import Home
from ioc_edge import capture
from ioc_edge.settings import CameraConfig

SECONDS = 8
FASTEST = 60.0
ROUNDS = 3


class Cost(NamedTuple):
    frames: int
    cpu_ms: float


def main() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        video = render(Path(folder))
        found: dict[str, list[Cost]] = {}
        for _ in range(ROUNDS):
            found.setdefault("bare PyAV, every frame to BGR", []).append(bare(video))
            found.setdefault("capture, unpaced", []).append(unpaced(video))
            found.setdefault("camera in real time, every frame", []).append(live(video, FASTEST))
            found.setdefault("camera in real time, at most 5/s", []).append(live(video, 5))
    base = median(each.cpu_ms for each in next(iter(found.values())))
    rows = [
        (name, costs[0].frames, f"{cpu:.2f}", f"{cpu / base:.2f}")
        for name, costs in found.items()
        for cpu in [median(each.cpu_ms for each in costs)]
    ]
    heads = ("", "frames out", "CPU ms/frame of video", "x bare")
    show(f"decode: {SECONDS} s of 1280x720 H.264, one thread", heads, rows)


def render(folder: Path) -> Path:
    """A few seconds of the first demo camera."""
    camera = demo.definitions()[0].cameras[0]
    scene = camera.scene.model_copy(update={"seconds": SECONDS})
    home = Home(folder)
    home.boxes.mkdir()
    short = camera.model_copy(update={"scene": scene})
    demo.Rendering(home, short).follow()
    return demo.video_path(home, short)


def bare(video: Path) -> Cost:
    cpu, frames = time.process_time(), 0
    with av.open(str(video)) as opened:
        stream = opened.streams.video[0]
        stream.codec_context.thread_count = 1
        for frame in opened.decode(stream):
            frame.to_ndarray(format="bgr24")
            frames += 1
    return cost(frames, frames, cpu)


def unpaced(video: Path) -> Cost:
    cpu, frames = time.process_time(), 0
    for frame in capture._decode(str(video), network=False):
        frame.to_ndarray(format="bgr24")
        frames += 1
    return cost(frames, frames, cpu)


def live(video: Path, max_fps: float) -> Cost:
    """The product's camera with its pacing, its thread and its newest-frame slot."""
    config = CameraConfig.model_validate(
        {
            "id": "bench", "title_vi": "Đo", "source": str(video), "max_fps": max_fps,
            "location": {"lon": 105.15, "lat": 9.18},
        }
    )  # fmt: skip
    camera = capture.Camera(config, on_change=lambda _change: None)
    with av.open(str(video)) as opened:
        total = opened.streams.video[0].frames
    cpu = time.process_time()
    camera.start()
    until = time.monotonic() + 3 * SECONDS
    while camera.state.value != "ended" and time.monotonic() < until:
        time.sleep(0.05)
    spent = cost(camera.frames, total, cpu)
    camera.stop()
    return spent


def cost(out: int, decoded: int, cpu_before: float) -> Cost:
    return Cost(out, (time.process_time() - cpu_before) / max(1, decoded) * 1e3)
