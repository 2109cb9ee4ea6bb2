"""Paths on the rendered junction, drawn by hand for a rule to judge."""

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np

from ioc_edge.rules import pose_of
from ioc_edge.scene.camera import mounted
from ioc_edge.scene.layout import scene_file
from ioc_edge.scene.spec import SceneSpec
from ioc_models import plane
from ioc_models.scene import VIETNAM, Scene
from ioc_models.violations.contract import (
    KnownPlate,
    LightLook,
    LightState,
    LightTimeline,
    Path,
    Pose,
)

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=VIETNAM).timestamp()
PLATE = KnownPlate("69A12345", 0.98)
FPS = 10
Place = tuple[float, float]


def junction() -> Scene:
    """The demo junction from the pole that stands further back."""
    spec = SceneSpec(seed=1, view="approach")
    return scene_file(spec, mounted(spec, np.random.default_rng(1)))


def drive(  # noqa: PLR0913 each names one fact of the drive
    scene: Scene,
    where: Callable[[float], Place],
    seconds: float,
    *,
    label: str = "car",
    start: float = 0.0,
    plate: KnownPlate | None = PLATE,
    track: int = 1,
) -> Path:
    """A vehicle whose contact point is at `where(t)` metres, t from `start`, noon plus t."""
    poses = [
        pose
        for step in range(round(seconds * FPS) + 1)
        for t in (start + step / FPS,)
        if (pose := seen(scene, where(t), t)) is not None
    ]
    return Path(track, tuple(poses), {label: 10.0}, plate=plate)


def seen(scene: Scene, place: Place, t: float) -> Pose | None:
    """The box of something two metres tall with its lower edge at a place."""
    x, y = plane.mapped(scene.ground_to_image, place)
    (xu, xv), _ = plane.slope(scene.ground.image_to_ground, (x, y))
    across = 1 / max(1e-6, (xu * xu + xv * xv) ** 0.5)
    if not (0 < x < scene.image.width and 0 < y < scene.image.height - 4):
        return None
    box = (x - across * 0.8, y - across * 2.0, x + across * 0.8, y)
    return pose_of(scene, box, NOON + t)


def signal(
    *changes: tuple[float, LightState], until: float, delay: float = 0.0
) -> tuple[LightTimeline, ...]:
    """What the head shows from each time on, ten looks a second."""
    looks = []
    for step in range(round((until - changes[0][0]) * 10) + 1):
        t = changes[0][0] + step / 10
        state = [name for since, name in changes if since <= t + 1e-9][-1]
        looks.append(LightLook(NOON + t + delay, state, 0.95))
    return (LightTimeline("signal", tuple(looks)),)


def straight(speed: float, line_at: float, x: float = 1.8) -> Callable[[float], Place]:
    """Away from the camera along `x`, the contact point over the stop line at `line_at`."""
    return lambda t: (x, 11.8 + speed * (t - line_at))


def names(found: Sequence[object]) -> list[str]:
    """Rules of findings."""
    return [each.rule for each in found]  # type: ignore[attr-defined]
