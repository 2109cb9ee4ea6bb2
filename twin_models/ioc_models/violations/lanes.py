"""How far and how long a vehicle drove inside a lane."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ioc_models.scene import Lane, Scene
from ioc_models.violations.contract import Path, Pose
from ioc_models.violations.motion import Spot, area_of, pieces, spots, velocity, way


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of poses in one lane.

    Attributes:
        velocity: Metres per second on the ground.
        margin_m: How far inside the lane's edges the middle one of the poses lay.
    """

    lane: Lane
    spots: tuple[Spot, ...]
    velocity: tuple[float, float]
    margin_m: float

    @property
    def way_m(self) -> float:
        """Metres from its first to its last pose."""
        return way(self.spots)

    @property
    def seconds(self) -> float:
        """From its first to its last pose."""
        return self.spots[-1].at - self.spots[0].at


def stretches(
    path: Path,
    scene: Scene,
    margin_m: float,
    least: tuple[int, float],
    wanted: Callable[[Lane], bool] = lambda _lane: True,
) -> list[Stretch]:
    """The longest run in each lane, whose poses all lie `margin_m` inside its edges.

    Args:
        path: The vehicle.
        scene: Its camera's road.
        margin_m: Metres.
        least: Poses and metres that a run must have.
        wanted: Which lanes are asked about.
    """
    found = []
    for piece in pieces(path):
        for lane in scene.lanes:
            if not wanted(lane):
                continue
            best = _longest(piece, scene, lane, margin_m)
            long = len(best) >= least[0] and way(best) >= least[1]
            moving = velocity(best) if long else None
            if moving is not None:
                margins = sorted(area_of(scene, lane).depth(spot) for spot in best)
                found.append(Stretch(lane, tuple(best), moving[0], margins[len(margins) // 2]))
    return found


def _longest(piece: Sequence[Pose], scene: Scene, lane: Lane, margin_m: float) -> list[Spot]:
    best: list[Spot] = []
    run: list[Spot] = []
    slips = 0
    area = area_of(scene, lane)
    for spot in spots(piece):
        if area.holds(spot) and area.depth(spot) >= margin_m:
            run.append(spot)
            slips = 0
        else:
            # One box in a row may be torn; two are a change of lane.
            slips += 1
            if slips > 1:
                run = []
        if len(run) > len(best):
            best = list(run)
    return best
