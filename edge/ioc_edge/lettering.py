"""Vietnamese text on pictures, in the font that OpenCV carries."""

from typing import Final

import cv2

from ioc_edge.backends import Image

Colour = tuple[int, int, int]
WEIGHT: Final = 500


def write(image: Image, text: str, at: tuple[int, int], *, size: int, ink: Colour) -> None:
    """Draw a line of text into a picture, (h, w, 3) uint8 BGR.

    Args:
        image: Changed in place; text beyond its edge is cut off.
        text: One line, any Vietnamese letter.
        at: Left end of the base line, pixels.
        size: Height of a line, pixels.
        ink: BGR.
    """
    cv2.putText(image, text, at, ink, cv2.FontFace("sans"), size, WEIGHT)


def width(text: str, size: int) -> int:
    """How wide a line of text will be, pixels."""
    _, _, wide, _ = cv2.getTextSize(
        (4096, size * 2), text, (0, 0), cv2.FontFace("sans"), size, WEIGHT
    )
    return int(wide)
