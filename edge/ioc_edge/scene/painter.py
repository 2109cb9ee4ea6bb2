"""Draws one body into a small picture of its own, lit, sorted back to front and smeared by motion."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ioc_edge.scene.camera import NEAR_M, Camera
from ioc_edge.scene.solids import Body, Paint, Piece
from ioc_edge.scene.weather import Light

FloatArray = NDArray[np.float64]
Image = NDArray[np.uint8]
_SUB = 4
_FAR_PX = 20_000.0
_BRAKE = (60, 56, 250, 255)


@dataclass(frozen=True)
class Pose:
    """Where a body stands: ground position, unit heading, ground velocity in m/s."""

    position: tuple[float, float]
    heading: tuple[float, float]
    speed: float = 0.0
    braking: bool = False


@dataclass
class Sprite:
    """A drawn body.

    Attributes:
        left: Column of the sprite's first pixel; `top` is its row.
        image: (h, w, 4) uint8 BGRA, colours multiplied by alpha.
        bounds: Outline in pixels before clipping to the picture: left, top, right, bottom.
        riders: The same for each rider, by seat.
        plate: (4, 2) corners of the plate that faces the lens, from top left clockwise.
        smear_px: Length of the motion blur.
    """

    left: int
    top: int
    image: Image
    bounds: tuple[float, float, float, float]
    riders: dict[int, tuple[float, float, float, float]]
    plate: FloatArray | None
    smear_px: float


class _Outline:
    """Grows with every polygon drawn."""

    def __init__(self) -> None:
        self.low = np.array([np.inf, np.inf])
        self.high = np.array([-np.inf, -np.inf])

    def add(self, pixels: FloatArray, margin: float = 0.0) -> None:
        self.low = np.minimum(self.low, pixels.min(axis=0) - margin)
        self.high = np.maximum(self.high, pixels.max(axis=0) + margin)

    @property
    def rect(self) -> tuple[float, float, float, float]:
        x0, y0, x1, y1 = (float(v) for v in (*self.low, *self.high))
        return x0, y0, x1, y1


@dataclass(frozen=True)
class _Seen:
    """A body's points as the lens has them, and which way it is turned."""

    points: FloatArray
    pixels: FloatArray
    safe: bool
    turn: FloatArray
    origin: FloatArray


class Painter:
    """Paints bodies for one camera in one light."""

    def __init__(self, camera: Camera, light: Light) -> None:
        self._camera, self._light = camera, light

    def draw(self, body: Body, pose: Pose, texture: list[Image] | None = None) -> Sprite | None:
        """Paint a body; None when nothing of it is inside the picture.

        Args:
            body: What to paint.
            pose: Where it is.
            texture: Its plate at falling sizes, (h, w, 3) uint8 BGR each.
        """
        seen = self._see(body, pose)
        if seen is None:
            return None
        smear = self._smear(body, pose)
        frame = self._frame_of(seen, body, float(np.hypot(*smear)))
        if frame is None:
            return None
        left, top, width, height = frame
        image = np.zeros((height, width, 4), dtype=np.uint8)
        canvas = _Canvas(image, left, top, self._camera, self._light, pose, texture)
        for piece in self._sorted(body, seen):
            canvas.paint(piece, seen)
        if canvas.all.low[0] == np.inf:
            return None
        image = _smeared(image, smear)
        riders = {seat: canvas.riders[seat].rect for seat in sorted(canvas.riders)}
        length = float(np.hypot(*smear))
        return Sprite(left, top, image, canvas.all.rect, riders, canvas.plate, length)

    def _see(self, body: Body, pose: Pose) -> _Seen | None:
        hx, hy = pose.heading
        turn = np.array([[hx, -hy, 0.0], [hy, hx, 0.0], [0.0, 0.0, 1.0]])
        origin = np.array([*pose.position, 0.0])
        points = self._camera.seen_from(body.points @ turn.T + origin)
        depth = points[:, 2]
        if depth.max() < NEAR_M:
            return None
        safe = bool(depth.min() >= NEAR_M)
        clipped = points.copy()
        clipped[:, 2] = np.maximum(depth, NEAR_M)
        return _Seen(points, self._camera.pixels(clipped), safe, turn, origin)

    def _frame_of(
        self, seen: _Seen, body: Body, smear_px: float
    ) -> tuple[int, int, int, int] | None:
        """Part of the picture that the body may touch."""
        focal = float(self._camera.matrix[0, 0])
        ball = max((p.radius for p in body.pieces), default=0.0)
        pad = 3 + smear_px + focal * ball / float(max(NEAR_M, seen.points[:, 2].min()))
        low, high = seen.pixels.min(axis=0) - pad, seen.pixels.max(axis=0) + pad
        if not seen.safe:
            # Behind the lens the projection says nothing: allow the whole width and below.
            low[0], high = 0.0, np.array([self._camera.width, self._camera.height], dtype=np.float64)
            low[1] = min(low[1], self._camera.height)
        x0, y0 = max(0, int(low[0])), max(0, int(low[1]))
        x1 = min(self._camera.width, int(np.ceil(min(high[0], 1e6))))
        y1 = min(self._camera.height, int(np.ceil(min(high[1], 1e6))))
        return (x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None

    def _sorted(self, body: Body, seen: _Seen) -> list[Piece]:
        """Pieces that face the lens, farthest first."""
        centres = np.array([p.centre for p in body.pieces]) @ seen.turn.T + seen.origin
        normals = np.array([p.normal for p in body.pieces]) @ seen.turn.T
        towards = self._camera.centre - centres
        away = np.linalg.norm(towards, axis=1) + np.array([p.bias_m for p in body.pieces])
        facing = np.einsum("ij,ij->i", normals, towards) > 0
        order = np.argsort(-away, kind="stable")
        return [
            body.pieces[i] for i in order if facing[i] or body.pieces[i].kind in {"hull", "ball"}
        ]

    def _smear(self, body: Body, pose: Pose) -> FloatArray:
        """Movement of the body's middle during the exposure, pixels."""
        x, y = pose.position
        way = pose.speed * self._light.exposure_s
        middle = np.array([x, y, body.height / 2])
        after = middle + np.array([pose.heading[0] * way, pose.heading[1] * way, 0.0])
        seen = self._camera.seen_from(np.stack((middle, after)))
        if seen[:, 2].min() < NEAR_M:
            return np.zeros(2)
        start, end = self._camera.pixels(seen)
        return np.asarray(np.clip(end - start, -25, 25))


class _Canvas:
    """One sprite in the making."""

    def __init__(  # noqa: PLR0913, PLR0917
        self,
        image: Image,
        left: int,
        top: int,
        camera: Camera,
        light: Light,
        pose: Pose,
        texture: list[Image] | None,
    ) -> None:
        self._image, self._offset = image, np.array([left, top], dtype=np.float64)
        self._camera, self._light, self._pose = camera, light, pose
        self._texture = texture
        self.all = _Outline()
        self.riders: dict[int, _Outline] = {}
        self.plate: FloatArray | None = None

    def paint(self, piece: Piece, seen: _Seen) -> None:
        """Draw a piece and what is painted on it."""
        pixels = self._pixels(piece, seen)
        if pixels is not None:
            self._note(piece, pixels, seen)
            {
                "face": self._face, "hull": self._hull, "ball": self._ball, "plate": self._plate,
            }[piece.kind](piece, pixels, seen)  # fmt: skip
        for decal in piece.decals:
            self.paint(decal, seen)

    def _pixels(self, piece: Piece, seen: _Seen) -> FloatArray | None:
        if seen.safe:
            return seen.pixels[piece.rows]
        points = seen.points[piece.rows]
        if piece.kind == "face":
            points = _clipped(points)
        elif points[:, 2].min() < NEAR_M:
            return None
        if len(points) == 0:
            return None
        return np.clip(self._camera.pixels(points), -_FAR_PX, _FAR_PX)

    def _note(self, piece: Piece, pixels: FloatArray, seen: _Seen) -> None:
        margin = self._radius(piece, seen) if piece.kind == "ball" else 0.0
        self.all.add(pixels, margin)
        if piece.rider >= 0:
            self.riders.setdefault(piece.rider, _Outline()).add(pixels, margin)

    def _radius(self, piece: Piece, seen: _Seen) -> float:
        return piece.radius * float(self._camera.matrix[0, 0] / seen.points[piece.rows][0, 2])

    def _fill(self, pixels: FloatArray, colour: tuple[int, ...]) -> None:
        whole = np.round((pixels - self._offset) * (1 << _SUB)).astype(np.int32)
        cv2.fillConvexPoly(self._image, whole, colour, cv2.LINE_AA, _SUB)

    def _face(self, piece: Piece, pixels: FloatArray, seen: _Seen) -> None:
        self._fill(pixels, self._colour(piece, seen))

    def _hull(self, piece: Piece, pixels: FloatArray, seen: _Seen) -> None:
        outline = cv2.convexHull(pixels.astype(np.float32))[:, 0].astype(np.float64)
        colour = self._colour(piece, seen)
        self._fill(outline, _dimmed(colour, 0.82))
        size = outline.max(axis=0) - outline.min(axis=0)
        if size.min() > 5:  # noqa: PLR2004
            middle = outline.mean(axis=0) - size * (0.03, 0.06)
            self._fill(middle + (outline - middle) * 0.74, colour)

    def _ball(self, piece: Piece, pixels: FloatArray, seen: _Seen) -> None:
        radius = self._radius(piece, seen)
        colour = self._colour(piece, seen)
        centre = pixels[0] - self._offset
        for shift, share, gain in ((0.0, 1.0, 0.78), (0.16, 0.76, 1.0), (0.34, 0.36, 1.18)):
            x, y = (centre - radius * shift) * 16
            size = max(1, int(radius * share * 16))
            cv2.circle(self._image, (int(x), int(y)), size, _dimmed(colour, gain), -1, cv2.LINE_AA, 4)

    def _plate(self, piece: Piece, pixels: FloatArray, seen: _Seen) -> None:
        self.plate = pixels
        if self._texture is None:
            self._fill(pixels, self._colour(piece, seen))
            return
        wide = float(np.linalg.norm(pixels[1] - pixels[0]))
        level = next(
            (t for t in reversed(self._texture) if t.shape[1] >= wide * 1.1), self._texture[0]
        )
        _hang(self._image, level, pixels - self._offset, self._plate_gain(piece, seen))

    def _plate_gain(self, piece: Piece, seen: _Seen) -> float:
        """Plates are retro-reflective and have a lamp of their own, so they never go black."""
        gain = float(np.mean(self._lit(piece, seen)))
        return float(np.clip(max(gain * 1.05, 0.42 + 0.2 * self._light.lamps), 0, 1.15))

    def _lit(self, piece: Piece, seen: _Seen) -> FloatArray:
        normal = seen.turn @ np.array(piece.normal)
        light = self._light
        if not normal.any():
            return np.asarray(light.ambient * 0.95 + light.direct * 0.55)
        sky = 0.72 + 0.38 * normal[2]
        return np.asarray(light.ambient * sky + light.direct * max(0.0, float(normal @ light.sun)))

    def _colour(self, piece: Piece, seen: _Seen) -> tuple[int, ...]:
        paint, lit = piece.paint, self._lit(piece, seen)
        if paint.glow:
            shining = self._lamp(paint)
            if shining is not None:
                return shining
        base = np.array(paint.colour, dtype=np.float64) * lit
        if paint.gloss:
            base += paint.gloss * self._mirror(piece, seen)
        b, g, r = (int(min(255.0, v)) for v in base)
        return b, g, r, 255

    def _mirror(self, piece: Piece, seen: _Seen) -> FloatArray:
        """What a glossy face reflects: bright sky at a flat angle, street otherwise."""
        normal = seen.turn @ np.array(piece.normal)
        centre = seen.turn @ np.array(piece.centre) + seen.origin
        view = centre - self._camera.centre
        view /= np.linalg.norm(view)
        bounce = view - 2 * float(view @ normal) * normal
        sky = max(0.0, float(bounce[2])) ** 0.7
        flare = max(0.0, float(bounce @ self._light.sun)) ** 24
        return np.asarray(
            sky * 62 * self._light.ambient * 2 + flare * 170 * self._light.direct
        )

    def _lamp(self, paint: Paint) -> tuple[int, ...] | None:
        if paint.glow == "tail":
            if self._pose.braking:
                return _BRAKE
            return (30, 24, 190, 255) if self._light.lamps > 0.3 else None  # noqa: PLR2004
        return (250, 252, 252, 255) if self._light.lamps > 0.3 else None  # noqa: PLR2004


def _dimmed(colour: tuple[int, ...], gain: float) -> tuple[int, ...]:
    b, g, r, a = colour
    return min(255, int(b * gain)), min(255, int(g * gain)), min(255, int(r * gain)), a


def _clipped(points: FloatArray) -> FloatArray:
    """Sutherland and Hodgman against the near plane."""
    out: list[FloatArray] = []
    for here, after in zip(points, np.roll(points, -1, axis=0), strict=True):
        if here[2] >= NEAR_M:
            out.append(here)
        if (here[2] >= NEAR_M) != (after[2] >= NEAR_M):
            out.append(here + (after - here) * (NEAR_M - here[2]) / (after[2] - here[2]))
    return np.array(out).reshape(-1, 3)


def _hang(image: Image, texture: Image, quad: FloatArray, gain: float) -> None:
    """Warp a plate onto its quad inside a sprite."""
    low, high = np.floor(quad.min(axis=0)).astype(int), np.ceil(quad.max(axis=0)).astype(int)
    x0, y0 = max(0, int(low[0])), max(0, int(low[1]))
    x1, y1 = min(image.shape[1], int(high[0]) + 1), min(image.shape[0], int(high[1]) + 1)
    if x1 <= x0 or y1 <= y0:
        return
    height, width = texture.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32) - 0.5
    target = (quad - (x0, y0) - 0.5).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    size = (x1 - x0, y1 - y0)
    lit = cv2.convertScaleAbs(texture, alpha=gain)
    warped = cv2.warpPerspective(lit, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
    edge = np.round((target + 0.0) * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, edge, 255, cv2.LINE_AA, 4)
    part = image[y0:y1, x0:x1]
    share = mask[..., None].astype(np.uint16)
    part[..., :3] = ((warped * share + part[..., :3] * (255 - share)) // 255).astype(np.uint8)
    part[..., 3] = np.maximum(part[..., 3], mask)


def _smeared(image: Image, smear: FloatArray) -> Image:
    """Blur along the movement; alpha is blurred with the colours, so edges stay right."""
    length = float(np.hypot(*smear))
    if length < 1.2:  # noqa: PLR2004
        return image
    size = int(np.ceil(length)) // 2 * 2 + 3
    kernel = np.zeros((size, size), dtype=np.float32)
    middle = size // 2
    start = [int((middle - d / 2) * 16) for d in smear]
    end = [int((middle + d / 2) * 16) for d in smear]
    cv2.line(kernel, (start[0], start[1]), (end[0], end[1]), 1.0, 1, cv2.LINE_8, 4)
    kernel /= kernel.sum()
    return np.asarray(cv2.filter2D(image, -1, kernel), dtype=np.uint8)


def mip(image: Image) -> list[Image]:
    """An image and its halves, down to about 20 px wide."""
    levels = [image]
    while levels[-1].shape[1] > 24:  # noqa: PLR2004
        half = cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, dtype=np.uint8))
    return levels
