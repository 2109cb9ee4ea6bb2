"""The caption burned into every frame: that it is simulated, which camera, what time."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from ioc_edge.scene.glyphs import GLYPHS, draw_text, text_width
from ioc_edge.scene.spec import SceneSpec

Image = NDArray[np.uint8]
TITLE = "MÔ PHỎNG / SIMULATED"
_PAPER, _INK, _MARK = (24, 22, 20), (240, 240, 240), (60, 210, 255)


class Caption:
    """A strip along the top; drawn once a second, copied in between."""

    def __init__(self, spec: SceneSpec) -> None:
        self._spec = spec
        self.height = max(8, round(spec.height * 0.042))
        self._second = -1
        self._strip = np.zeros((self.height, spec.width, 3), dtype=np.uint8)

    def stamp(self, frame: Image, t_s: float) -> None:
        """Write the strip into a frame, in place."""
        if int(t_s) != self._second:
            self._second = int(t_s)
            self._strip = self._drawn()
        frame[: self.height] = self._strip

    def _drawn(self) -> Image:
        strip = np.empty_like(self._strip)
        strip[:] = _PAPER
        clock = (self._spec.clock + timedelta(seconds=self._second)).strftime("%d-%m-%Y %H:%M:%S")
        name = "".join(c for c in (self._spec.camera_id or "").upper() if c in GLYPHS)
        self._write(strip, TITLE, 0.0, _MARK)
        self._write(strip, name, 0.5, _INK)
        self._write(strip, clock, 1.0, _INK)
        return strip

    def _write(self, strip: Image, text: str, where: float, ink: tuple[int, int, int]) -> None:
        if not text:
            return
        tall = self.height * 0.5
        letter, gap = tall * 0.56, tall * 0.18
        room = strip.shape[1] - text_width(text, letter, gap) - 2 * tall
        draw_text(
            strip, text, left=tall + room * where, top=self.height * 0.33, letter_px=letter,
            height_px=tall, stroke_px=max(1.0, tall * 0.15), gap_px=gap, colour=ink,
        )  # fmt: skip
