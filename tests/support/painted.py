"""A plate drawn in OpenCV's own letters."""

import cv2
import numpy as np

from ioc_edge.backends import Image


def painted(*rows: str) -> Image:
    """A plate of light ground with dark letters, drawn in OpenCV's own."""
    image = np.full((70 * len(rows), 300, 3), 235, np.uint8)
    for number, row in enumerate(rows):
        size = cv2.getTextSize(row, cv2.FONT_HERSHEY_SIMPLEX, 1.7, 4)[0]
        at = ((300 - size[0]) // 2, 54 + 70 * number)
        cv2.putText(image, row, at, cv2.FONT_HERSHEY_SIMPLEX, 1.7, (20, 20, 20), 4, cv2.LINE_AA)
    return image
