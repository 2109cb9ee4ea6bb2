"""Anybody's pictures from the disk: any type, size, depth and way up, under any name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ioc_edge.backends import Image
from ioc_edge.errors import PictureUnreadable

SUFFIXES: Final = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff"),
        *(".gif", ".avif", ".jp2", ".ppm", ".pgm", ".pbm", ".pnm", ".hdr", ".pic", ".ras", ".sr"),
    }
)
# OpenCV refuses colour from a grey TIFF of real numbers, and depth from some others.
WAYS: Final = (cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH, cv2.IMREAD_ANYDEPTH, cv2.IMREAD_COLOR)
# Cameras that give more than 8 bits put them in the lower end of 16.
DEPTHS: Final = (8, 10, 12, 14, 16)


def find(paths: Sequence[Path]) -> list[Path]:
    """Files that are named, and every picture in folders that are, in order of name.

    In a folder what is no picture by its name is passed over: labels lie there too.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = (file for file in sorted(path.rglob("*")) if file.suffix.lower() in SUFFIXES)
        found += [
            file
            for file in inside
            if file.is_file() and not any(part[0] == "." for part in file.relative_to(path).parts)
        ]
    return found


def load(path: Path) -> Image:
    """A picture as (h, w, 3) uint8 BGR, the way up that its EXIF says.

    Raises:
        PictureUnreadable: No such file, or nothing that OpenCV decodes.
    """
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise PictureUnreadable(path, error.strerror or str(error)) from error
    if not content.size:
        raise PictureUnreadable(path, "the file is empty")
    for way in WAYS:
        try:
            decoded = cv2.imdecode(content, way)
        except cv2.error as error:
            raise PictureUnreadable(path, error.err or str(error)) from error
        if decoded is not None:
            return in_bytes(np.asarray(decoded))
    raise PictureUnreadable(path, "no picture, or of a kind that OpenCV does not decode")


def in_bytes(picture: NDArray[np.generic]) -> Image:
    """(h, w) or (h, w, 3) samples of any depth as three colours of 0..255."""
    if picture.ndim == 2:  # noqa: PLR2004 rows and columns
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    if picture.dtype == np.uint8:
        return np.asarray(picture, np.uint8)
    samples = np.nan_to_num(picture.astype(np.float32), posinf=0.0, neginf=0.0)
    top = max(1e-9, float(samples.max()))
    if np.issubdtype(picture.dtype, np.integer):
        bits = next((depth for depth in DEPTHS if top < 2**depth), DEPTHS[-1])
        top = float(2**bits - 1)
    elif top <= 1.0:
        top = 1.0
    scaled: Image = np.clip(samples * (255.0 / top), 0, 255).astype(np.uint8)
    return scaled
