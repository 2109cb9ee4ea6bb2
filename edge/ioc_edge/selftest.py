"""`ioc-edge selftest`: the box's own models on pictures whose content is known, and on its GPU.

The pictures are rendered here, from fixed seeds, so that none has to be shipped. With
`--trt` every model also runs through TensorRT on the very same inputs, and what differs by
more than arithmetic is an error.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Final

import yaml
from rich.console import Console
from rich.table import Table

from ioc_edge import settings
from ioc_edge.agreement import DRIFT, Trial, agreeing, drift, tried
from ioc_edge.backends import Image, Reading, area, common_area
from ioc_edge.backends.manifest import DECODERS, Manifest
from ioc_edge.backends.runner import OrtRunner, Runner, open_runner
from ioc_edge.errors import BackendUnavailable, ConfigInvalid, EdgeError, ModelInvalid
from ioc_edge.scene.render import Scene
from ioc_edge.scene.spec import Box, Rect, SceneSpec

# Seeds that no model of ours was trained on.
SCENES: Final = (
    SceneSpec(seed=8101, seconds=5, fps=2, tapered=False),
    SceneSpec(seed=8102, seconds=5, fps=2, tapered=False, time_of_day="dusk", rain=True),
    SceneSpec(seed=8103, seconds=5, fps=2, tapered=False, view="plates"),
)
MOST_CROPS: Final = 40
# What is looked for on a rider, not in a street.
HEADS: Final = frozenset({"helmet", "no_helmet"})
# A thing that is smaller or more hidden than this may be missed.
CLEAR: Final = 0.8
LEAST_SIDE: Final = 24.0
FOUND: Final = 0.5
# One box in a hundred may fall to the other side of a rounding.
LEAST_AGREEMENT: Final = 0.99
WIDTH: Final = 140
# Folders of the built-in models that a box's configuration chooses itself.
CHOSEN: Final = frozenset({"detector", "reader"})
EXIT_WRONG: Final = 1
EXIT_UNUSABLE: Final = 2
EXIT_NO_GPU: Final = 3


@dataclass(frozen=True, slots=True)
class Golden:
    """A picture and what it shows: things to be found, or the text of a plate."""

    picture: Image
    things: tuple[Box, ...] = ()
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One model's trial; `ours` is TensorRT's, when it was asked for.

    `fault` says why TensorRT's answers cannot even be read.
    """

    manifest: Manifest
    right: int
    known: int
    pictures: int
    reference: Trial
    ours: Trial | None = None
    fault: str = ""

    @property
    def away(self) -> float:
        """How far TensorRT's outputs are from onnxruntime's."""
        return 0.0 if self.ours is None else drift(self.ours.given, self.reference.given)

    @property
    def same(self) -> tuple[int, int]:
        """How many things either is sure of that both say, and of how many."""
        if self.ours is None:
            return 0, 0
        return agreeing(self.manifest, self.ours.said, self.reference.said)

    @property
    def agrees(self) -> bool:
        """Whether TensorRT can be trusted with this model."""
        same, things = self.same
        near = self.away <= DRIFT[self.manifest.precision]
        return not self.fault and near and same >= LEAST_AGREEMENT * things


def goldens(manifest: Manifest, scenes: tuple[SceneSpec, ...] = SCENES) -> list[Golden]:
    """The pictures for this model: whole frames, plates, vehicles or signal heads."""
    shots = _shots(scenes)
    if manifest.task == "detector" and not HEADS & set(manifest.ours):
        return [Golden(shot.picture, shot.boxes) for shot in shots]
    if manifest.task == "lights":
        return [Golden(_cut(shot.picture, shot.light)) for shot in shots if shot.light is not None]
    found = _plates(shots) if manifest.task == "reader" else _vehicles(shots)
    return list(islice(found, MOST_CROPS))


@dataclass(frozen=True, slots=True)
class Shot:
    """A rendered picture, what it shows and where its signal head is."""

    picture: Image
    boxes: tuple[Box, ...]
    light: Rect | None


@cache
def _shots(scenes: tuple[SceneSpec, ...]) -> tuple[Shot, ...]:
    """Rendered once for all models: it takes longer than most of them."""
    made = [Scene(spec) for spec in scenes]
    return tuple(
        Shot(picture, truth.boxes, scene.header().light_xyxy)
        for scene in made
        for picture, truth in scene.frames()
    )


def _plates(shots: Sequence[Shot]) -> Iterator[Golden]:
    """Every plate that a person could read, once in each picture."""
    for shot in shots:
        for box in shot.boxes:
            if box.plate_legible and box.plate_xyxy is not None and box.label != "plate":
                yield Golden(_cut(shot.picture, box.plate_xyxy), text=box.plate)


def _vehicles(shots: Sequence[Shot]) -> Iterator[Golden]:
    for shot in shots:
        for box in shot.boxes:
            if box.label not in {"plate", "person"} and is_clear(box):
                yield Golden(_cut(shot.picture, box.xyxy))


def is_clear(box: Box) -> bool:
    """Whether a detector has no excuse to miss it."""
    left, top, right, bottom = box.xyxy
    seen = box.plate_legible or box.label != "plate"
    return box.visible >= CLEAR and seen and min(right - left, bottom - top) >= LEAST_SIDE


def examined(
    manifest: Manifest, shown: Sequence[Golden], *, threads: int = 1, gpu: Runner | None = None
) -> Result:
    """Run one model over pictures, on the CPU and, when given, on the GPU's runner."""
    pictures = [one.picture for one in shown]
    reference = tried(manifest, OrtRunner(manifest.weights, threads=threads), pictures)
    ours, fault = None, ""
    try:
        ours = None if gpu is None else tried(manifest, gpu, pictures)
    except ModelInvalid as error:
        # The same manifest read the CPU's answer a moment ago.
        fault = str(error)
    judged = [
        _right(manifest, one, trial) for one, trial in zip(shown, reference.said, strict=True)
    ]
    return Result(
        manifest,
        sum(right for right, _ in judged),
        sum(known for _, known in judged),
        len(pictures),
        reference,
        ours,
        fault,
    )


def _right(manifest: Manifest, golden: Golden, said: object) -> tuple[int, int]:
    """How many of the things that a picture shows were said, and how many there are."""
    if golden.text is not None:
        return int(isinstance(said, Reading) and said.text == golden.text), 1
    words = set(manifest.ours)
    things = [box for box in golden.things if is_clear(box) and box.label in words]
    found = said if isinstance(said, list) else []
    seen = sum(
        any(one.label == box.label and _overlap(one.box, box.xyxy) >= FOUND for one in found)
        for box in things
    )
    return seen, len(things)


def _overlap(one: tuple[float, float, float, float], other: tuple[float, ...]) -> float:
    left, top, right, bottom = other
    common = common_area(one, (left, top, right, bottom))
    return common / max(area(one) + area((left, top, right, bottom)) - common, 1e-9)


def _cut(image: Image, rect: tuple[float, float, float, float]) -> Image:
    left, top, right, bottom = (round(side) for side in rect)
    return image[max(0, top) : max(bottom, top + 1), max(0, left) : max(right, left + 1)].copy()


def manifests(paths: Sequence[Path]) -> list[Path]:
    """Every model that the paths name and that the decoders here read.

    Args:
        paths: Each a model's YAML, a folder with some below it, or a box's configuration,
            which means its own models and the built-in ones of other tasks.

    Raises:
        ConfigInvalid: A path names no model.
    """
    found = [one for path in paths for one in _manifests(path)]
    return list(dict.fromkeys(found))


def _manifests(path: Path) -> list[Path]:
    if path.is_dir():
        found = [one for one in sorted(path.rglob("*.yaml")) if _decoder(one) in DECODERS]
        if not found:
            raise ConfigInvalid(path, "no model's YAML below this folder")
        return found
    if _decoder(path) is not None:
        return [path]
    try:
        config, _ = settings.parse(path.read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(path, str(error)) from error
    own = [value for _, value in config if isinstance(value, Path) and _decoder(value)]
    others = [one for one in _manifests(settings.MODELS) if one.parent.name not in CHOSEN]
    return own + others


def _decoder(path: Path) -> str | None:
    """What a file says it is decoded by; None where it is no model's YAML."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return str(raw["decoder"]) if isinstance(raw, dict) and "decoder" in raw else None


def main(arguments: Sequence[str]) -> int:
    """Command line.

    Returns 0 when all is well, 1 when TensorRT and onnxruntime disagree, 2 when a model or
    the configuration cannot be used, 3 when TensorRT was asked for and is not here.
    """
    parser = argparse.ArgumentParser(prog="ioc-edge selftest", description=__doc__)
    parser.add_argument(
        "paths", nargs="+", type=Path, help="the box's YAML, a model's YAML, or a folder of models"
    )
    parser.add_argument("--trt", action="store_true", help="also through TensorRT, and compare")
    parser.add_argument("--threads", type=int, default=1, help="of onnxruntime")
    chosen = parser.parse_args(arguments)
    try:
        return _report(manifests(chosen.paths), threads=chosen.threads, trt=chosen.trt)
    except BackendUnavailable as error:
        sys.stderr.write(f"Không có TensorRT / no TensorRT here: {error}\n")
        return EXIT_NO_GPU
    except EdgeError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_UNUSABLE


def _report(paths: Sequence[Path], *, threads: int, trt: bool) -> int:
    results = []
    for path in paths:
        manifest = Manifest.load(path)
        gpu = None
        if trt:
            gpu = open_runner(manifest.weights, sha256=manifest.sha256, backend="tensorrt")
        results.append(examined(manifest, goldens(manifest), threads=threads, gpu=gpu))
    # Cut in half, a figure tells nothing: a narrow terminal may wrap the lines instead.
    Console(width=WIDTH).print(_table(results))
    return 0 if all(result.agrees for result in results) else EXIT_WRONG


def _table(results: Sequence[Result]) -> Table:
    table = Table(title="Tự kiểm tra / Self-test")
    for head in ("model", "pictures", "right", "CPU ms", "CPU fps", "TensorRT ms", "fps"):
        table.add_column(head, justify="left" if head == "model" else "right")
    table.add_column("drift (most)", justify="right")
    table.add_column("same answer", justify="right")
    for one in results:
        table.add_row(*_row(one))
    return table


def _row(one: Result) -> tuple[str, ...]:
    cpu = one.reference
    right = f"{one.right}/{one.known}" if one.known else "-"
    row = (one.manifest.name, str(one.pictures), right, f"{cpu.whole_ms:.1f}", _fps(cpu))
    if one.fault:
        return (*row, "-", "-", "-", f"SAI / WRONG: {one.fault}")
    if one.ours is None:
        return (*row, "-", "-", "-", "-")
    most = DRIFT[one.manifest.precision]
    same = "{}/{}".format(*one.same) + ("" if one.agrees else " SAI / WRONG")
    away = f"{one.away:.4f} ({most})"
    return (*row, f"{one.ours.whole_ms:.1f}", _fps(one.ours), away, same)


def _fps(trial: Trial) -> str:
    return f"{1e3 / trial.whole_ms:.1f}"
