"""What seeing costs on one core: a plate, a frame, a decoded picture, a camera's memory.

Times are CPU seconds of one thread, so that a busy machine shows little in them; each ratio
is taken within one run.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import av
import cv2
import onnxruntime
from tests.bench.table import show
from tests.bench.vision.rendered import ROOT, Clip, clip, specs

from ioc_edge import settings
from ioc_edge.backends import Image, Reader, open_detectors, open_reader
from ioc_edge.film import open_film
from ioc_edge.pipeline import Pipeline
from ioc_edge.privacy import Sight
from ioc_edge.settings import CameraConfig
from ioc_models.events import EvidenceRef, MediaType

PLATES = 200
FRAMES = 150
ROUNDS = 3
CAMERAS = 4
KIB = 1024


@dataclass
class Spent:
    """CPU seconds inside onnxruntime, as measured around its own call."""

    calls: int = 0
    seconds: float = 0.0


class Nowhere:
    """Keeps no proof: disks are another benchmark's."""

    def keep(self, role: str, image: Image, sight: Sight | None = None) -> EvidenceRef | None:
        """Nothing is kept."""
        del role, image, sight
        return None

    def keep_uncovered(self, role: str, image: Image) -> EvidenceRef | None:
        """Nothing is kept."""
        del role, image
        return None

    def keep_restricted(
        self, role: str, content: bytes, media_type: MediaType
    ) -> EvidenceRef | None:
        """Nothing is kept."""
        del role, content, media_type
        return None


@contextmanager
def inside_onnxruntime() -> Iterator[Spent]:
    """Measures every session's own run, whoever calls it."""
    spent, plain = Spent(), onnxruntime.InferenceSession.run

    def run(session: Any, *args: Any, **kwargs: Any) -> Any:
        before = time.thread_time()
        try:
            return plain(session, *args, **kwargs)
        finally:
            spent.calls += 1
            spent.seconds += time.thread_time() - before

    onnxruntime.InferenceSession.run = run
    try:
        yield spent
    finally:
        onnxruntime.InferenceSession.run = plain


def main() -> None:
    cv2.setNumThreads(1)
    one = clip(specs("plates", dusk_rain=False)[0])
    recogniser(one)
    pipeline(one)
    decoding(one.path)
    memory(one.path)


def recogniser(one: Clip) -> None:
    """Milliseconds a plate, of the shipped reader, of it with its second opinion, of PP-OCR."""
    crops = list(islice(plates(one), PLATES))
    chosen = settings.built_in_reader()
    readers = {} if chosen == "ppocr" else {
        "shipped reader": open_reader(chosen, 1),
        "with PP-OCR where it is unsure": open_reader(chosen, 1, second_opinion=True),
    }  # fmt: skip
    readers["PP-OCR and the grammar"] = open_reader("ppocr", 1)
    rows = [
        [name, *(f"{ms:.2f}" for ms in read_ms(reader, crops))] for name, reader in readers.items()
    ]
    heads = ("", "median ms", "mean ms", "of it network")
    show(f"recogniser: {len(crops)} plates, one at a time (goal: <= 2 ms)", heads, rows)


def read_ms(reader: Reader, crops: Sequence[Image]) -> tuple[float, float, float]:
    """Median and mean milliseconds a plate, and the mean inside onnxruntime."""
    reader.read(crops[:5])
    times = []
    with inside_onnxruntime() as spent:
        for crop in crops:
            before = time.thread_time()
            reader.read([crop])
            times.append((time.thread_time() - before) * 1e3)
    return median(times), sum(times) / len(times), spent.seconds * 1e3 / len(times)


def plates(one: Clip) -> Iterator[Image]:
    """Crops of plates that a person could read."""
    for frame, truth in one.frames():
        for box in truth.boxes:
            if box.plate_legible and box.plate_xyxy is not None and box.label != "plate":
                left, top, right, bottom = (round(side) for side in box.plate_xyxy)
                yield frame.image[top : bottom + 1, left : right + 1].copy()


def pipeline(one: Clip) -> None:
    """A whole pipeline's time beside the onnxruntime calls in it, and frames a second."""
    step = new_pipeline(one.path).step
    frames = [frame for frame, _ in islice(one.frames(), FRAMES)]
    step(frames[0])
    with inside_onnxruntime() as spent:
        before = time.thread_time()
        for frame in frames[1:]:
            step(frame)
        whole = time.thread_time() - before
    count = len(frames) - 1
    beyond = (whole - spent.seconds) / spent.seconds
    rows = [
        [
            f"{whole / count * 1e3:.1f}", f"{spent.seconds / count * 1e3:.1f}",
            f"{beyond:.1%}", f"{count / whole:.1f}",
        ]
    ]  # fmt: skip
    heads = ("ms/frame", "in onnxruntime", "beyond it", "frames/s of one core")
    show(f"pipeline: {count} frames of 1280x720 (goal: beyond <= 25 %)", heads, rows)


def new_pipeline(source: Path) -> Pipeline:
    """A camera's pipeline with the shipped models."""
    (detector,) = open_detectors(settings.BUILT_IN_DETECTOR, 1, 1)
    reader = open_reader(settings.built_in_reader(), 1, second_opinion=True)
    return Pipeline(new_camera(source), detector, reader, Nowhere())


def new_camera(source: Path) -> CameraConfig:
    """As a box's configuration has it."""
    return CameraConfig.model_validate(
        {
            "id": "bench", "title_vi": "Đo", "source": str(source), "simulated": True,
            "location": {"lon": 105.15, "lat": 9.18},
        }
    )  # fmt: skip


def decoding(video: Path) -> None:
    """Our frames beside bare PyAV's, every frame to BGR."""
    found: dict[str, list[float]] = {"bare PyAV": [], "our frames": []}
    for _ in range(ROUNDS):
        found["bare PyAV"].append(per_frame(bare(video)))
        found["our frames"].append(per_frame(open_film(video).frames(60.0)))
    base = median(found["bare PyAV"])
    rows = [[n, f"{median(ms):.2f}", f"{median(ms) / base:.2f}"] for n, ms in found.items()]
    show("decode: 1280x720 H.264, one thread (goal: <= 1.1x)", ("", "ms/frame", "x bare"), rows)


def bare(video: Path) -> Iterator[Any]:
    """The least that gives BGR pictures."""
    with av.open(str(video)) as opened:
        stream = opened.streams.video[0]
        stream.codec_context.thread_count = 1
        for frame in opened.decode(stream):
            yield frame.to_ndarray(format="bgr24")


def per_frame(frames: Iterator[Any]) -> float:
    """CPU milliseconds a frame."""
    before, count = time.process_time(), sum(1 for _ in frames)
    return (time.process_time() - before) / count * 1e3


def memory(video: Path) -> None:
    """What a box takes with one camera and with more, each count in a process of its own."""
    peaks = [peak_mib(video, cameras) for cameras in (1, CAMERAS)]
    each = (peaks[1] - peaks[0]) / (CAMERAS - 1)
    rows = [[f"{peaks[0]:.0f}", f"{peaks[1]:.0f}", f"{each:.0f}"]]
    heads = ("1 camera MiB", f"{CAMERAS} cameras MiB", "MiB a further camera")
    show("memory: decoder, pipeline and shared models, 50 frames each", heads, rows)


def peak_mib(video: Path, cameras: int) -> float:
    command = [sys.executable, "-m", "tests.bench.vision.cost", str(video), str(cameras)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def take(video: Path, cameras: int) -> None:
    """In the process of its own: run the cameras' pipelines side by side, print the peak."""
    cv2.setNumThreads(1)
    detectors = open_detectors(settings.BUILT_IN_DETECTOR, cameras, 1)
    reader = open_reader(settings.built_in_reader(), 1, second_opinion=True)
    camera = new_camera(video)
    lines = [Pipeline(camera, detector, reader, Nowhere()) for detector in detectors]
    films = [open_film(video).frames(10.0) for _ in lines]
    for _ in range(50):
        for line, film in zip(lines, films, strict=True):
            line.step(next(film))
    print(own_peak_mib())


def own_peak_mib() -> float:
    """Since this program began; what `getrusage` tells goes back to the parent's own size."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return float(peak) / KIB


def started(arguments: Sequence[str]) -> None:
    if arguments:
        take(Path(arguments[0]), int(arguments[1]))
    else:
        main()


if __name__ == "__main__":
    started(sys.argv[1:])
