"""The rendered junction as a camera's scene file: what calibration without error finds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ioc_edge.scene.camera import Camera, as_rows
from ioc_edge.scene.caption import Caption
from ioc_edge.scene.junction import CROSS_Y, HALF_ROAD, STOP_BACK, STOP_Y
from ioc_edge.scene.pole import pole
from ioc_edge.scene.spec import SPEED_LIMIT_KMH, Point, SceneSpec
from ioc_edge.scene.weather import light_of
from ioc_models.scene import (
    Ground,
    GroundPoint,
    Label,
    Lane,
    Light,
    PictureSize,
    Scene,
    StopLine,
    Zone,
)

FloatArray = NDArray[np.float64]

MIDDLE, DIVIDER, KERB = 0.12, 3.47, HALF_ROAD
NEAR_Y, FAR_Y = 2.5, 48.0
EXIT_Y = CROSS_Y + STOP_BACK
# Kerbs of who drives away from the camera, before and beyond the junction.
NO_STOPPING = {
    "approach-kerb": (5.0, 4.0, KERB, STOP_Y - 1.5),
    "exit-kerb": (4.2, EXIT_Y + 1.0, KERB, EXIT_Y + 9.0),
}
NO_STOPPING_S = 20.0
_FOUR_WHEELS: tuple[Label, ...] = (
    "car", "bus", "truck", "van", "ambulance", "fire_engine", "police",
)  # fmt: skip
Classes = tuple[Label, ...] | None
_TWO_WHEELS: tuple[Label, ...] = ("motorbike", "bicycle")
_MARKS: tuple[Point, ...] = (
    (0.15, STOP_Y), (6.35, STOP_Y), (3.47, 6.3), (0.0, 7.0), (5.0, 8.0), (3.47, STOP_Y),
    (-6.35, EXIT_Y), (-0.25, EXIT_Y), (6.5, 36.0), (-6.5, 40.0), (0.0, 46.0),
)  # fmt: skip


def scene_file(spec: SceneSpec, camera: Camera) -> Scene:
    """The scene of a rendered camera, lanes cut to what it sees below the caption."""
    view = _View(spec, camera)
    rng = np.random.default_rng(spec.seed)
    head = pole(camera, light_of(spec, rng)).head
    lanes = [
        lane
        for name, x0, x1, y0, y1, way, classes in _strips()
        if (lane := _lane(view, name, (x0, y0, x1, y1), way, classes)) is not None
    ]
    here = tuple(lane.id for lane in lanes if lane.id.startswith("away-"))
    zones = [
        Zone(id=name, polygon_px=outline, max_seconds=NO_STOPPING_S)
        for name, strip in NO_STOPPING.items()
        if (outline := view.outline(strip)) is not None
    ]
    return Scene(
        schema=1,
        camera=spec.camera_id or f"scene-{spec.seed}",
        simulated=True,
        image=PictureSize(width=spec.width, height=spec.height),
        ground=view.ground(),
        lanes=tuple(lanes),
        stop_lines=(StopLine(id="stop", ends_px=view.stop_line(), lanes=here),),
        lights=(
            ()
            if head is None
            else (
                Light(
                    id="signal",
                    box_px=view.box(head),
                    lanes=here,
                    movements=("straight", "left", "u_turn"),
                ),
            )
        ),
        zones=tuple(zones),
    )


def _strips() -> tuple[tuple[str, float, float, float, float, float, Classes], ...]:
    """Lanes on the ground: id, left, right, near, far, direction, who may use it.

    Beyond the junction the lanes are for everybody: who wants to the kerb must cross one.
    """
    four, two = _FOUR_WHEELS, _TWO_WHEELS
    return (
        ("away-inner", MIDDLE, DIVIDER, NEAR_Y, STOP_Y + 0.3, 1.0, four),
        ("away-kerb", DIVIDER, KERB, NEAR_Y, STOP_Y + 0.3, 1.0, two),
        ("exit-inner", MIDDLE, DIVIDER, EXIT_Y, FAR_Y, 1.0, None),
        ("exit-kerb", DIVIDER, KERB, EXIT_Y, FAR_Y, 1.0, None),
        ("toward-inner", -DIVIDER, -MIDDLE, EXIT_Y, FAR_Y, -1.0, None),
        ("toward-kerb", -KERB, -DIVIDER, EXIT_Y, FAR_Y, -1.0, None),
        ("leaving-inner", -DIVIDER, -MIDDLE, NEAR_Y, STOP_Y, -1.0, None),
        ("leaving-kerb", -KERB, -DIVIDER, NEAR_Y, STOP_Y, -1.0, None),
    )


def _lane(
    view: "_View",
    name: str,
    strip: tuple[float, float, float, float],
    way: float,
    classes: Classes,
) -> Lane | None:
    outline = view.outline(strip)
    if outline is None:
        return None
    return Lane(
        id=name, polygon_px=outline, direction_m=(0.0, way), classes=classes,
        speed_limit_kmh=SPEED_LIMIT_KMH,
    )  # fmt: skip


class _View:
    """From the renderer's ground to the picture, cut to its edges."""

    def __init__(self, spec: SceneSpec, camera: Camera) -> None:
        self._camera = camera
        self._top = float(Caption(spec).height)
        self._width, self._height = float(spec.width), float(spec.height)

    def project(self, points: Sequence[Point]) -> list[Point]:
        """Ground points in the picture, pixels."""
        flat = np.array([(x, y, 0.0) for x, y in points])
        return [(float(x), float(y)) for x, y in self._camera.project(flat)]

    def outline(self, strip: tuple[float, float, float, float]) -> tuple[Point, ...] | None:
        """A ground rectangle (left, near, right, far) in the picture; None when hardly there."""
        x0, y0, x1, y1 = strip
        corners = self.project([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
        for axis, edge, keep in (
            (0, 0.0, 1.0), (0, self._width, -1.0), (1, self._top, 1.0), (1, self._height, -1.0),
        ):  # fmt: skip
            corners = _cut(corners, axis, edge, keep)
        rounded = list(dict.fromkeys((round(x, 2), round(y, 2)) for x, y in corners))
        return tuple(rounded) if len(rounded) > 2 else None  # noqa: PLR2004

    def stop_line(self) -> tuple[Point, Point]:
        """The near edge of the stop line, shortened to what the picture shows."""
        steps = np.arange(0.15, 6.351, 0.05)
        seen = [at for at in self.project([(float(x), STOP_Y) for x in steps]) if self._shows(at)]
        (a, b), (c, d) = seen[0], seen[-1]
        return (round(a, 2), round(b, 2)), (round(c, 2), round(d, 2))

    def box(self, rect: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """A rectangle cut to the picture."""
        left, top, right, bottom = rect
        return (
            round(max(0.0, left), 2), round(max(0.0, top), 2),
            round(min(self._width, right), 2), round(min(self._height, bottom), 2),
        )  # fmt: skip

    def ground(self) -> Ground:
        """The renderer's homography, with marks that a surveyor could have measured."""
        pairs = [
            GroundPoint(px=(round(px[0], 2), round(px[1], 2)), m=mark)
            for mark, px in zip(_MARKS, self.project(_MARKS), strict=True)
            if self._shows(px)
        ]
        matrix = np.linalg.inv(self._camera.homography)
        return Ground(
            image_to_ground=as_rows(np.asarray(matrix / matrix[2, 2])),
            points=tuple(pairs),
            residual_m=0.01,
        )

    def _shows(self, at: Point) -> bool:
        return 0 <= at[0] <= self._width and 0 <= at[1] <= self._height


def _cut(polygon: list[Point], axis: int, edge: float, keep: float) -> list[Point]:
    """What of a polygon lies on one side of an axis-parallel line (Sutherland-Hodgman)."""
    result: list[Point] = []
    for index, at in enumerate(polygon):
        before = polygon[index - 1]
        here, there = (at[axis] - edge) * keep, (before[axis] - edge) * keep
        if (here >= 0) != (there >= 0):
            share = there / (there - here)
            result.append(
                (before[0] + share * (at[0] - before[0]), before[1] + share * (at[1] - before[1]))
            )
        if here >= 0:
            result.append(at)
    return result
