"""Clips of streets that never were, rendered once and kept; no model was trained on these seeds.

They are H.264 like a camera's stream, at the rate at which a box takes frames. Seeds from
9000 up are the benchmark's alone: nothing may be trained or tuned on them.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ioc_edge import scene
from ioc_edge.capture import Frame
from ioc_edge.film import open_film
from ioc_edge.scene import FrameTruth, SceneSpec, write_video

ROOT = Path(__file__).parents[3]
KEPT = ROOT / "var" / "bench" / "scenes"
FPS = 10.0
VEHICLES = frozenset({"car", "motorbike", "bus", "truck", "bicycle"})


@dataclass(frozen=True)
class Clip:
    """A film and what each of its frames shows."""

    spec: SceneSpec
    path: Path
    truth: tuple[FrameTruth, ...]

    def frames(self) -> Iterator[tuple[Frame, FrameTruth]]:
        """Every frame with its truth; asked for at twice the rate, or rounding drops one."""
        yield from zip(open_film(self.path).frames(2 * FPS), self.truth, strict=True)

    @property
    def name(self) -> str:
        """For a table."""
        rain = " in rain" if self.spec.rain else ""
        return f"{self.spec.view} {self.spec.time_of_day}{rain} {self.spec.seed}"


def specs(view: str, *, dusk_rain: bool) -> list[SceneSpec]:
    """The clips of one view by day or at dusk in rain: four of the long lens, two of the whole."""
    long_lens = view == "plates"
    first = 9000 + (0 if long_lens else 200) + (100 if dusk_rain else 0)
    return [
        SceneSpec.model_validate(
            {
                "seed": first + number, "view": view, "fps": FPS, "tapered": False,
                "seconds": 30 if long_lens else 20, "density": 1.5 if long_lens else 1.0,
                "time_of_day": "dusk" if dusk_rain else "day", "rain": dusk_rain,
            }
        )
        for number in range(4 if long_lens else 2)
    ]  # fmt: skip


def clip(spec: SceneSpec) -> Clip:
    """Rendered now, or kept from an earlier run of the same renderer."""
    digest = hashlib.sha256(spec.model_dump_json().encode() + _renderer()).hexdigest()[:16]
    video, truth = KEPT / f"{digest}.mp4", KEPT / f"{digest}.jsonl"
    if not video.is_file():
        write_video(spec, video, truth)
    with truth.open(encoding="utf-8") as lines:
        next(lines)
        return Clip(spec, video, tuple(FrameTruth.model_validate_json(line) for line in lines))


def _renderer() -> bytes:
    """Changes with every source file that a picture depends on."""
    folder = Path(scene.__file__).parent
    sources = (path.read_bytes() for path in sorted(folder.rglob("*.py")))
    return hashlib.sha256(b"".join(sources)).digest()


if __name__ == "__main__":
    for dusk_rain in (False, True):
        for view in ("plates", "junction"):
            for one in specs(view, dusk_rain=dusk_rain):
                print(clip(one).name, flush=True)
