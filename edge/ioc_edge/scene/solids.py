"""The few 3-D primitives that vehicles are made of, and how they become arrays to project.

Body axes: x forward, y left, z up, metres; the origin lies on the ground under the middle.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Vec = tuple[float, float, float]
Colour = tuple[int, int, int]
Glow = Literal["", "tail", "brake", "head"]
Kind = Literal["face", "hull", "ball", "plate", "wire"]


@dataclass(frozen=True)
class Paint:
    """How a surface answers light; colours are BGR, `gloss` 0-1, `glow` names a lamp."""

    colour: Colour
    gloss: float = 0.0
    glow: Glow = ""


GLASS = Paint((52, 44, 38), gloss=0.9)
RUBBER = Paint((30, 30, 32))
CHROME = Paint((150, 150, 152), gloss=0.6)
TAIL = Paint((38, 30, 150), gloss=0.3, glow="tail")
HEAD = Paint((222, 226, 226), gloss=0.5, glow="head")
AMBER = Paint((40, 130, 220), gloss=0.3)


@dataclass
class Piece:
    """One drawable: a flat face, the outline of a point cloud, a ball, a closed wire.

    Attributes:
        rows: Slice of the body's point array.
        decals: Pieces painted on this one, drawn right after it and hidden with it.
        rider: Index of the person this piece belongs to, -1 for the vehicle itself.
        radius: Of a ball or of the wire's rod, metres.
        bias_m: Added to the distance when pieces are sorted; negative draws later.
    """

    kind: Kind
    rows: slice
    paint: Paint
    normal: Vec
    centre: Vec
    index: int = 0
    decals: list["Piece"] = field(default_factory=list)
    rider: int = -1
    radius: float = 0.0
    bias_m: float = 0.0


@dataclass(frozen=True)
class Surfaces:
    """What lighting needs of all pieces, decals included, by `Piece.index`.

    Attributes:
        normals: (n, 3) float64, body axes; zeros for round things.
        centres: (n, 3) float64, body axes, metres.
        colours: (n, 3) float64 BGR.
        gloss: (n,) float64.
        tops: Indices of the pieces that are no decals, in the order of `Body.pieces`.
        bias: (len(tops),) float64 metres.
        round_: (len(tops),) bool, drawn from every side.
    """

    normals: FloatArray
    centres: FloatArray
    colours: FloatArray
    gloss: FloatArray
    tops: NDArray[np.int64]
    bias: FloatArray
    round_: NDArray[np.bool_]


@dataclass(frozen=True)
class Body:
    """A shape ready to project.

    Attributes:
        points: (n, 3) float64, body axes, metres.
        riders: Whether each person on it wears a helmet.
        lamps: Where headlights and tail lights shine from: (glow, position).
    """

    points: FloatArray
    pieces: tuple[Piece, ...]
    surfaces: "Surfaces"
    length: float
    width: float
    height: float
    riders: tuple[bool, ...] = ()
    lamps: tuple[tuple[Glow, Vec], ...] = ()


class Sculptor:
    """Collects pieces; `done` freezes them."""

    def __init__(self) -> None:
        self._points: list[Vec] = []
        self._pieces: list[Piece] = []
        self._everything: list[Piece] = []
        self._lamps: list[tuple[Glow, Vec]] = []
        self.rider = -1

    def face(self, corners: Sequence[Vec], paint: Paint, *, on: Piece | None = None) -> Piece:
        """A flat polygon; corners run anticlockwise seen from outside."""
        return self._add("face", corners, paint, _normal(corners), on)

    def plate(self, corners: Sequence[Vec], *, on: Piece | None = None) -> Piece:
        """Where the registration hangs: top left, top right, bottom right, bottom left."""
        normal = _normal(list(reversed(corners)))
        return self._add("plate", corners, Paint((200, 200, 200)), normal, on)

    def hull(self, cloud: Sequence[Vec], paint: Paint, normal: Vec = (0, 0, 0)) -> Piece:
        """Outline of a cloud of points; shaded as if it faced `normal`, or the lens."""
        return self._add("hull", cloud, paint, normal, None)

    def ball(self, centre: Vec, radius: float, paint: Paint) -> Piece:
        """A sphere."""
        piece = self._add("ball", [centre], paint, (0, 0, 0), None)
        piece.radius = radius
        return piece

    def wire(self, loop: Sequence[Vec], radius: float, paint: Paint) -> Piece:
        """A closed loop of rod, such as a thin tyre."""
        piece = self._add("wire", loop, paint, (0, 0, 0), None)
        piece.radius = radius
        return piece

    def limb(self, start: Vec, end: Vec, radius: float, paint: Paint) -> Piece:
        """A rod between two points."""
        cloud = [*_ring(start, radius), *_ring(end, radius)]
        return self.hull(cloud, paint)

    def lamp(self, glow: Glow, position: Vec) -> None:
        """A point that shines at night."""
        self._lamps.append((glow, position))

    def done(
        self, length: float, width: float, height: float, riders: tuple[bool, ...] = ()
    ) -> Body:
        """The finished body."""
        points = np.array(self._points, dtype=np.float64)
        pieces, lamps = tuple(self._pieces), tuple(self._lamps)
        return Body(points, pieces, self._surfaces(), length, width, height, riders, lamps)

    def _surfaces(self) -> Surfaces:
        everything, tops = self._everything, self._pieces
        return Surfaces(
            normals=np.array([p.normal for p in everything], dtype=np.float64),
            centres=np.array([p.centre for p in everything], dtype=np.float64),
            colours=np.array([p.paint.colour for p in everything], dtype=np.float64),
            gloss=np.array([p.paint.gloss for p in everything], dtype=np.float64),
            tops=np.array([p.index for p in tops]),
            bias=np.array([p.bias_m for p in tops], dtype=np.float64),
            round_=np.array([p.kind not in {"face", "plate"} for p in tops]),
        )

    def _add(
        self, kind: Kind, points: Sequence[Vec], paint: Paint, normal: Vec, on: Piece | None
    ) -> Piece:
        rows = slice(len(self._points), len(self._points) + len(points))
        self._points.extend(points)
        x, y, z = (sum(p[axis] for p in points) / len(points) for axis in range(3))
        piece = Piece(kind, rows, paint, normal, (x, y, z), len(self._everything))
        piece.rider = self.rider
        self._everything.append(piece)
        (self._pieces if on is None else on.decals).append(piece)
        return piece


def _normal(corners: Sequence[Vec]) -> Vec:
    """Newell's normal: three neighbouring corners of a bumper may lie on one line."""
    ring = np.array(corners, dtype=np.float64)
    summed = np.cross(ring, np.roll(ring, -1, axis=0)).sum(axis=0)
    size = float(np.linalg.norm(summed)) or 1.0
    x, y, z = (float(v) / size for v in summed)
    return x, y, z


def _ring(centre: Vec, radius: float) -> list[Vec]:
    """Eight points of a small sphere: enough of an outline for a limb."""
    x, y, z = centre
    half = radius * 0.7
    return [
        (x + radius, y, z),
        (x - radius, y, z),
        (x, y + radius, z),
        (x, y - radius, z),
        (x, y, z + radius),
        (x, y, z - radius),
        (x + half, y + half, z),
        (x - half, y - half, z),
        (x, y - half, z + half),
        (x, y + half, z + half),
    ]


def disc(centre: Vec, radius: float, facing: float, points: int = 14) -> list[Vec]:
    """A circle in the x-z plane whose normal is +y or -y (`facing` 1 or -1)."""
    x, y, z = centre
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False) * -facing
    return [(x + radius * float(np.cos(a)), y, z + radius * float(np.sin(a))) for a in turn]
