"""A few frames of H.264, made here."""

from pathlib import Path

import av
import numpy as np


def film(path: Path, frames: int, rate: int = 25) -> Path:
    """Grey pictures of 64 x 48 that grow lighter."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            picture = np.full((48, 64, 3), number * 5 % 255, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
    return path
