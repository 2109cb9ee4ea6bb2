"""A clip on disk: H.264 in MP4, and its truth as JSON lines."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av

from ioc_edge import scene_file
from ioc_edge.scene.layout import scene_file as layout
from ioc_edge.scene.render import Scene
from ioc_edge.scene.spec import SceneSpec

Progress = Callable[[int, int], None]


def write_video(
    spec: SceneSpec, path: Path, truth_path: Path, progress: Progress | None = None
) -> None:
    """Render a clip.

    All files appear whole or not at all: they are written beside their place and renamed, the
    video last, so that a video that exists has its truth and its scene file, `PATH.scene.yaml`.

    Args:
        spec: What to show.
        path: The MP4 to write: H.264, yuv420p, a keyframe every second, playable while loading.
        truth_path: The JSON lines to write: a `Header`, then one `FrameTruth` per frame.
        progress: Called after each frame with frames done and frames in all.
    """
    scene = Scene(spec)
    video, truth = _beside(path), _beside(truth_path)
    try:
        _encode(scene, video, truth, progress)
        scene_file.save(layout(spec, scene.camera), path.with_suffix(".scene.yaml"))
        truth.replace(truth_path)
        video.replace(path)
    finally:
        video.unlink(missing_ok=True)
        truth.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.part")


def _encode(scene: Scene, video: Path, truth: Path, progress: Progress | None) -> None:
    spec = scene.spec
    rate = Fraction(spec.fps).limit_denominator(1001)
    with (
        av.open(str(video), "w", format="mp4", options={"movflags": "+faststart"}) as container,
        truth.open("w", encoding="utf-8") as lines,
    ):
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, "yuv420p"
        stream.codec_context.gop_size = max(1, round(spec.fps))
        stream.options = {"preset": "superfast", "crf": "22", "sc_threshold": "0"}
        lines.write(scene.header().model_dump_json() + "\n")
        for image, frame_truth in scene.frames():
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")):
                container.mux(packet)
            lines.write(frame_truth.model_dump_json(exclude_defaults=True) + "\n")
            if progress is not None:
                progress(frame_truth.index + 1, spec.frames)
        for packet in stream.encode():
            container.mux(packet)
