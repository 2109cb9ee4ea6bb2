"""Puts a camera's pipeline together: the box's agent and a film from the disk use the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ioc_edge import scene_file
from ioc_edge.backends import Detector, Reader, open_detectors, open_reader
from ioc_edge.errors import ConfigInvalid
from ioc_edge.lights import LightReader
from ioc_edge.pipeline import Pipeline
from ioc_edge.riders import HelmetReader
from ioc_edge.settings import MODELS, CameraConfig
from ioc_edge.watch import ClipWish, Keeper, Watch
from ioc_models.events import Clock
from ioc_models.scene import Scene


@dataclass(frozen=True, slots=True)
class Choice:
    """Which models to open; `models` is the folder of those that need no naming."""

    detector: Literal["motion"] | Path
    reader: Literal["ppocr"] | Path
    second_opinion: bool
    threads: int
    plate_detector: Path | None = None
    models: Path = MODELS


@dataclass(frozen=True, slots=True)
class Models:
    """Everything that sees, opened once for all cameras of a box.

    Attributes:
        detectors: One for each camera, weights shared.
        lights: None where no camera watches a signal; `helmets` where none watches riders.
    """

    detectors: list[Detector]
    reader: Reader
    lights: LightReader | None
    helmets: HelmetReader | None


def load_scenes(cameras: Sequence[CameraConfig]) -> dict[str, Scene]:
    """The scene of each camera that has one, by the camera's id.

    Raises:
        ConfigInvalid: A file that cannot be used, or is another camera's.
    """
    scenes = {
        camera.id: scene_file.load(camera.scene) for camera in cameras if camera.scene is not None
    }
    for camera in cameras:
        scene = scenes.get(camera.id)
        if scene is not None and camera.scene is not None and scene.camera != camera.id:
            raise ConfigInvalid(
                camera.scene, f"tệp cảnh của / the scene of {scene.camera}, not of {camera.id}"
            )
    return scenes


def open_models(choice: Choice, cameras: int, scenes: Sequence[Scene]) -> Models:
    """The models that these cameras need.

    Raises:
        ModelInvalid: A manifest or its weights cannot be used.
        BackendUnavailable: A manifest asks for an accelerator that is not here.
    """
    signals = any(scene.lights for scene in scenes)
    riders = any(scene.rules.helmet.enabled or scene.rules.passengers.enabled for scene in scenes)
    return Models(
        open_detectors(choice.detector, cameras, choice.threads, choice.plate_detector),
        open_reader(choice.reader, choice.threads, second_opinion=choice.second_opinion),
        LightReader.open(choice.models / "lights" / "model.yaml", choice.threads)
        if signals
        else None,
        HelmetReader.open(choice.models / "helmets", choice.threads) if riders else None,
    )


@dataclass(frozen=True, slots=True)
class Assembler:
    """Builds pipelines over one set of models and one store."""

    models: Models
    keeper: Keeper
    count_every_s: float = 60.0
    clock: Callable[[], Clock] = lambda: Clock(synced=False)

    def pipeline(
        self, camera: CameraConfig, detector: Detector, scene: Scene | None, clip: ClipWish
    ) -> Pipeline:
        """One camera's."""
        watch = None
        if scene is not None:
            watch = Watch(
                scene,
                self.keeper,
                lights=self.models.lights,
                helmets=self.models.helmets,
                clip=clip,
            )
        return Pipeline(
            camera,
            detector,
            self.models.reader,
            self.keeper,
            watch=watch,
            count_every_s=self.count_every_s,
            clock=self.clock,
        )
